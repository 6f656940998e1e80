//! The values that keys can have: each valid by construction once it has been read.

mod time;

use std::str::FromStr;

use compact_str::CompactString;
use portcullis_core::model::{Direction, Peer};
use portcullis_core::net::{AnyCidr, ServiceSet};
use portcullis_core::policy::{EnforcementLevel, Severity};
use regex::Regex;
use schemars::{Schema, SchemaGenerator, json_schema};

pub use self::time::{Expiry, Hours, Moment};
use super::node::{Node, Value};
use super::read::{Read, mismatch};
use super::services::{Port, ProtocolName, parse_ports, parse_service};
use crate::diagnostics::{Diagnostic, did_you_mean, quoted};

/// Reads a word of a few.
pub(super) fn word<T: Copy>(node: &Node, what: &str, known: &[(T, &str)], errors: &mut Vec<Diagnostic>) -> Option<T> {
    let words: Vec<&str> = known.iter().map(|(_, word)| *word).collect();
    let (Value::Text(text) | Value::Number(text)) = &node.value else {
        return mismatch(node, &format!("{what} ({})", words.join(", ")), errors);
    };
    let found = known.iter().find(|(_, word)| word == text).map(|(value, _)| *value);
    if found.is_none() {
        let message = format!("{} is no {what}: {} is expected", quoted(text), any_of(&words));
        let error = Diagnostic::error(node.span, message);
        errors.push(match did_you_mean(text, words) {
            Some(help) => error.help(help),
            None => error,
        });
    }
    found
}

/// `a, b or c`.
fn any_of(words: &[&str]) -> String {
    match words {
        [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
        _ => words.concat(),
    }
}

/// Reads a text, or a number written without quotes, through a parser whose error is a whole message.
fn parsed<T, E: ToString>(
    node: &Node,
    expected: &str,
    errors: &mut Vec<Diagnostic>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let (Value::Text(text) | Value::Number(text)) = &node.value else { return mismatch(node, expected, errors) };
    match parse(text) {
        Ok(value) => Some(value),
        Err(error) => {
            errors.push(Diagnostic::error(node.span, error.to_string()));
            None
        }
    }
}

/// As [`parsed`], for texts that no number can be.
fn parsed_text<T, E: ToString>(
    node: &Node,
    expected: &str,
    errors: &mut Vec<Diagnostic>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    match &node.value {
        Value::Text(_) => parsed(node, expected, errors, parse),
        _ => mismatch(node, expected, errors),
    }
}

impl Read for bool {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        match node.value {
            Value::Bool(value) => Some(value),
            _ => mismatch(node, "true or false", errors),
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

impl Read for String {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            _ => mismatch(node, "a text", errors),
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// A text that says something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Words(pub String);

impl Read for Words {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed_text(node, "a text", errors, |text| match text.trim() {
            "" => Err("this text is empty"),
            _ => Ok(Self(text.to_owned())),
        })
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// A name, which may look like a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(pub CompactString);

impl Read for Label {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed(node, "a name", errors, |text| match text.trim() {
            "" => Err("this name is empty"),
            trimmed => Ok(Self(trimmed.into())),
        })
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "minLength": 1 })
    }
}

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whole<const LEAST: u32, const MOST: u32>(pub u32);

impl<const LEAST: u32, const MOST: u32> Read for Whole<LEAST, MOST> {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        let expected = format!("a whole number from {LEAST} to {MOST}");
        let Value::Number(text) = &node.value else { return mismatch(node, &expected, errors) };
        let value = text.parse::<u32>().ok().filter(|value| (LEAST..=MOST).contains(value));
        if value.is_none() {
            errors.push(Diagnostic::error(node.span, format!("{} is not {expected}", quoted(text))));
        }
        value.map(Self)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

/// A count of something.
pub type Count = Whole<0, { u32::MAX }>;
/// A port.
pub type PortNumber = Whole<0, 65535>;

/// Points of a score: a number of at least 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Points(pub f64);

impl Read for Points {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        let Value::Number(text) = &node.value else { return mismatch(node, "a number of points", errors) };
        let points = text.parse::<f64>().ok().filter(|points| points.is_finite() && *points >= 0.0);
        if points.is_none() {
            errors.push(Diagnostic::error(
                node.span,
                format!("{} is no number of points: 0 or more is expected", quoted(text)),
            ));
        }
        points.map(Self)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0 })
    }
}

impl Read for Severity {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        word(node, "severity", &Self::ALL.map(|severity| (severity, severity.as_str())), errors)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL.map(Self::as_str) })
    }
}

impl Read for EnforcementLevel {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        let known = [
            (Self::Enforce, "enforce"),
            (Self::Warn, "warn"),
            (Self::Monitor, "monitor"),
            (Self::Disabled, "disabled"),
        ];
        word(node, "enforcement level", &known, errors)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["enforce", "warn", "monitor", "disabled"] })
    }
}

impl Read for Direction {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        word(node, "direction", &[(Self::Ingress, "inbound"), (Self::Egress, "outbound")], errors)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["inbound", "outbound"] })
    }
}

/// Ports as one key holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(pub Vec<Port>);

impl Read for Ports {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed(node, "a port or a range of ports", errors, parse_ports).map(Self)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": -1, "maximum": 65535 },
            { "type": "string", "examples": ["22", "80-443", "80,443", "3/4", "all"] },
        ] })
    }
}

impl Read for ProtocolName {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed(node, "a protocol", errors, Self::parse)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "integer", "minimum": -1, "maximum": 255 },
            { "type": "string", "examples": ["tcp", "udp", "icmp", "icmpv6", "47", "-1", "all"] },
        ] })
    }
}

/// Services as one text holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services(pub ServiceSet);

impl Read for Services {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed(node, "a service such as `tcp:139,445`", errors, parse_service).map(Self)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "examples": ["tcp:139,445", "icmp:!3/4", "47", "2-5"] })
    }
}

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block(pub AnyCidr);

impl Read for Block {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed_text(node, "a CIDR block in text", errors, AnyCidr::from_str).map(Self)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["10.0.0.0/8", "2001:db8::/32"] })
    }
}

/// Who a rule speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerName {
    /// Anybody at all: `*`, `any`.
    Any,
    /// More of the internet than its threshold, in either family.
    Internet,
    /// A wide public source.
    Wide,
    /// A block, a prefix list or a group.
    Peer(Peer),
}

impl Read for PeerName {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        let expected = "a text such as `10.0.0.0/8`, `internet`, `pl-…` or `sg-…`";
        parsed_text(node, expected, errors, |text| match text {
            "*" | "any" => Ok(Self::Any),
            "internet" => Ok(Self::Internet),
            "wide" => Ok(Self::Wide),
            _ => peer(text).map(Self::Peer),
        })
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": [
            "0.0.0.0/0", "::/0", "10.0.0.0/8", "internet", "wide", "pl-0123456789abcdef0", "sg-0123456789abcdef0",
            "111122223333/sg-0123456789abcdef0",
        ] })
    }
}

/// Reads a block, a prefix list's id, or a group's id with or without its account.
pub(super) fn peer(text: &str) -> Result<Peer, String> {
    let peer = Peer::from_str(text).map_err(|error| error.to_string())?;
    let is_id = |id: &str| id.len() > 3 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match &peer {
        Peer::PrefixList(id) if !is_id(id) => Err(format!("{} is no prefix list's id", quoted(text))),
        Peer::Group(group) if !is_id(&group.id) => Err(format!("{} is no security group's id", quoted(text))),
        Peer::Group(group) if !group.account.is_empty() => {
            AccountId::parse(&group.account)?;
            Ok(peer)
        }
        _ => Ok(peer),
    }
}

/// An account's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountId(pub CompactString);

impl AccountId {
    /// Reads twelve digits.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let digits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| Self(text.into()))
            .ok_or_else(|| format!("{} is no account id: twelve digits are expected", quoted(text)))
    }
}

impl Read for AccountId {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed(node, "an account id of twelve digits", errors, Self::parse)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "pattern": "^[0-9]{12}$" })
    }
}

/// A pattern for names, which fit it whole.
#[derive(Clone, Debug)]
pub struct Pattern(pub Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Read for Pattern {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed_text(node, "a regular expression in text", errors, |text| {
            // The first is for its error, which speaks of what the author wrote; the line break ends a comment of his.
            Regex::new(text)
                .and_then(|_| Regex::new(&format!(r"\A(?:{text}{})\z", if text.contains("(?x") { "\n" } else { "" })))
                .map_err(|error| {
                    let why = error.to_string();
                    let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    format!("{} is no regular expression: {why}", quoted(text))
                })
        })
        .map(Self)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "regex" })
    }
}

/// The length of a prefix of at most `BITS`, written as `/8` or `8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrefixLength<const BITS: u8>(pub u8);

impl<const BITS: u8> Read for PrefixLength<BITS> {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        let expected = format!("a prefix length in text from `/0` to `/{BITS}`");
        parsed(node, &expected, errors, |text| {
            let digits = text.strip_prefix('/').unwrap_or(text);
            let length = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u8>().ok()).flatten();
            let length = length.filter(|length| *length <= BITS).map(Self);
            length
                .ok_or_else(|| format!("{} is no prefix length: one from `/0` to `/{BITS}` is expected", quoted(text)))
        })
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string", "pattern": "^/?[0-9]{1,3}$" },
            { "type": "integer", "minimum": 0, "maximum": BITS },
        ] })
    }
}

/// The id of a control or of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(pub CompactString);

impl Read for RuleId {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed(node, "a name", errors, |text| {
            let plain =
                text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | ' ' | '/'));
            match text.chars().any(|c| c.is_ascii_alphanumeric()) && plain && text.len() <= 128 && text.trim() == text {
                true => Ok(Self(text.into())),
                false => {
                    Err(format!("{} is no id: at most 128 letters, digits and `-_.:/` are expected", quoted(text)))
                }
            }
        })
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 128 })
    }
}

/// Rules by their ids, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleNames {
    /// `"all"`.
    All,
    /// These.
    Only(Vec<super::read::Spanned<RuleId>>),
}

impl Read for RuleNames {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == "all" || text == "*" => Some(Self::All),
            Value::List(items) if items.iter().any(|item| item.value == Value::Text("all".to_owned())) => {
                Some(Self::All)
            }
            Value::List(items) if items.is_empty() => {
                errors.push(
                    Diagnostic::error(node.span, "this list names no rule").help("name rules, or write `\"all\"`"),
                );
                None
            }
            Value::List(_) => Read::read(node, errors).map(Self::Only),
            _ => mismatch(node, "a list of rule ids or `\"all\"`", errors),
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "const": "all" },
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
        ] })
    }
}

/// Names and values that nothing in the program acts upon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks(pub Vec<(String, String)>);

impl Read for Remarks {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        let Value::Object(entries) = &node.value else { return mismatch(node, "an object", errors) };
        let mut remarks = Vec::new();
        for (key, node) in entries {
            match &node.value {
                Value::Text(text) | Value::Number(text) => remarks.push((key.text.clone(), text.clone())),
                Value::Bool(value) => remarks.push((key.text.clone(), value.to_string())),
                _ => mismatch(node, "a text", errors).unwrap_or_default(),
            }
        }
        Some(Self(remarks))
    }
    fn absent() -> Option<Self> {
        Some(Self::default())
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } })
    }
}
