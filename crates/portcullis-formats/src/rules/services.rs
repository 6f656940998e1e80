//! Ports and protocols.

use portcullis_core::net::{Protocol, RuleServices};

use super::line::Parser;
use crate::diagnostics::{did_you_mean, quoted};

/// What stands behind the `^`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    /// `None` for all protocols.
    protocol: Option<Protocol>,
    /// As written, or nothing.
    text: &'a str,
}

impl Named<'_> {
    /// Its name in files: the user's own word, but numbers and aliases that have a usual name.
    pub(super) fn usual(&self) -> String {
        match self.protocol {
            None => "all".to_owned(),
            Some(protocol) if protocol.has_ports() || protocol.has_types() => protocol.to_string(),
            Some(_) => self.text.to_ascii_lowercase(),
        }
    }
}

/// Reads the protocol. No `^` means TCP.
pub(super) fn protocol<'a>(parser: &mut Parser<'_>, text: Option<&'a str>) -> Option<Named<'a>> {
    let Some(text) = text else { return Some(Named { protocol: Some(Protocol::TCP), text: "" }) };
    if text.eq_ignore_ascii_case("all") || text == "-1" {
        return Some(Named { protocol: None, text });
    }
    if let Some(protocol) = Protocol::parse(text) {
        return Some(Named { protocol: Some(protocol), text });
    }
    const NAMES: [&str; 8] = ["tcp", "udp", "icmp", "icmpv6", "all", "gre", "esp", "sctp"];
    let help = did_you_mean(text, NAMES).unwrap_or_else(|| {
        "a protocol is a name such as tcp, udp or icmp, a number from 0 to 255, or `all`".to_owned()
    });
    let message = if text.is_empty() {
        "a protocol is missing behind the `^`".to_owned()
    } else {
        format!("{} is no protocol", quoted(text))
    };
    parser.error(text, message, Some(help))
}

/// Reads ports and protocol: what rules say of them, and the protocol.
pub(super) fn services<'a>(
    parser: &mut Parser<'_>,
    ports: &str,
    protocol_text: Option<&'a str>,
) -> Option<(Vec<RuleServices>, Named<'a>)> {
    let named = protocol(parser, protocol_text);
    if ports.is_empty() {
        let help = "write a port, a range such as `80-443`, several with commas, or `*` for all".to_owned();
        return parser.error(ports, "no ports are named behind the colon", Some(help));
    }
    let Some(named) = named else {
        // Without a protocol only what no protocol has can be told.
        ports.split(',').for_each(|part| any_range(parser, part.trim()));
        return None;
    };
    let alone = !ports.contains(',');
    let (mut services, mut whole) = (Vec::with_capacity(1), true);
    for part in ports.split(',') {
        match one(parser, part.trim(), &named, alone) {
            Some(read) => services.push(read),
            None => whole = false,
        }
    }
    whole.then_some((services, named))
}

fn one(parser: &mut Parser<'_>, text: &str, named: &Named<'_>, alone: bool) -> Option<RuleServices> {
    if text.is_empty() {
        return parser.error(text, "a port is missing here", Some("take the comma away, or name a port".to_owned()));
    }
    if text == "*" {
        if !alone {
            return parser.error(text, "`*` means all: it stands alone", Some("take the others away".to_owned()));
        }
        return Some(named.protocol.map_or(RuleServices::All, RuleServices::whole));
    }
    match named.protocol {
        None => all_protocols(parser, text),
        Some(protocol) if protocol.has_ports() => {
            if text.contains('/') {
                let message =
                    format!("{} has no types and codes: they belong to icmp and icmpv6", quoted(&named.usual()));
                return parser.error(
                    text,
                    message,
                    Some("a port, a range such as `80-443`, or `*` is expected".to_owned()),
                );
            }
            let (from, to) = range(parser, text)?;
            Some(RuleServices::Ports(protocol, from, to))
        }
        Some(protocol) if protocol.has_types() => icmp(parser, text, protocol),
        Some(_) => {
            let help = format!("write {}", quoted(&format!("*^{}", named.usual())));
            parser.error(text, format!("protocol {} has no ports", quoted(&named.usual())), Some(help))
        }
    }
}

/// Beside `all` only everything can stand. pysec-aws had no `*`.
fn all_protocols(parser: &mut Parser<'_>, text: &str) -> Option<RuleServices> {
    if text.split_once('-').is_some_and(|(from, to)| from.trim() == "0" && to.trim() == "65535") {
        parser.warning(text, "all protocols have no ports: this means `*^all`", "`portcullis rules fmt` rewrites it");
        return Some(RuleServices::All);
    }
    let help = "write `*^all`, or name a protocol that has ports, such as tcp".to_owned();
    parser.error(text, "all protocols together have no ports", Some(help))
}

fn icmp(parser: &mut Parser<'_>, text: &str, protocol: Protocol) -> Option<RuleServices> {
    let value = |part: &str| number(part.trim()).and_then(|value| u8::try_from(value).ok());
    let wrong = |parser: &mut Parser<'_>| {
        let help = "write `8/0` for a type and its code, `8/*` for any code, or `*` for all types".to_owned();
        parser.error(
            text,
            format!("{} is no type and code: two numbers from 0 to 255 are expected", quoted(text)),
            Some(help),
        )
    };
    if let Some((kind, code)) = text.split_once('/') {
        return match (value(kind), code.trim(), value(code)) {
            (Some(kind), "*", _) => Some(RuleServices::Icmp(protocol, Some((kind, None)))),
            (Some(kind), _, Some(code)) => Some(RuleServices::Icmp(protocol, Some((kind, Some(code))))),
            _ => wrong(parser),
        };
    }
    // pysec-aws handed the ends of a range to AWS, which reads type and code; a single number was both.
    let (kind, code) = text.split_once('-').unwrap_or((text, text));
    let (Some(kind), Some(code), true) = (value(kind), value(code), protocol == Protocol::ICMP) else {
        return wrong(parser);
    };
    let message = format!("{} means type {kind}, code {code}: write `{kind}/{code}`", quoted(text));
    parser.warning(text, message, format!("`portcullis rules fmt` rewrites it; `{kind}/*` is any code of the type"));
    Some(RuleServices::Icmp(protocol, Some((kind, Some(code)))))
}

/// A port, or a range of them.
fn range(parser: &mut Parser<'_>, text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let port = |part: &str| number(part.trim()).and_then(|value| u16::try_from(value).ok());
    match (port(from), port(to)) {
        (Some(from), Some(to)) if from <= to => Some((from, to)),
        (Some(from), Some(to)) => {
            let help = format!("write `{to}-{from}`");
            parser.error(text, format!("{} runs backwards", quoted(text)), Some(help))
        }
        (from_port, _) => {
            let part = if from_port.is_none() { from.trim() } else { to.trim() };
            let part = if part.is_empty() { text } else { part };
            let help = "a port is a number from 0 to 65535; a range is written `80-443`, all ports `*`".to_owned();
            parser.error(part, format!("{} is no port", quoted(part)), Some(help))
        }
    }
}

/// What is wrong with a range whatever the protocol is.
fn any_range(parser: &mut Parser<'_>, text: &str) {
    if text != "*" && !text.is_empty() && !text.contains('/') {
        range(parser, text);
    }
}

/// Digits alone: `u32::from_str` takes a leading `+`.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
