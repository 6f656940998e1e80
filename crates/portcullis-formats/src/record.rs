//! Rules, changes and groups as plans, backups and journals write them, in the terms of a scan's findings.
//!
//! Each record is made from a core value and gives that value back: what is written and read again is the same value, and
//! what is read and written again are the same bytes, or the text is refused.

mod change;
mod digest;
mod group;
mod rule;
mod services;

pub(crate) use change::{ChangeRecord, changes, decode_changes};
pub(crate) use digest::digest;
pub(crate) use group::{StateRecord, TagRecord, decode_tags, tags};
pub(crate) use rule::RuleRecord;
pub(crate) use services::{ServiceRecord, decode_services, service_records};

use std::str::FromStr;

use portcullis_core::model::Direction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnostics::printable;

/// The version of all these formats.
pub(crate) const SCHEMA_VERSION: &str = "1";

/// Why a record is no value, in words.
pub(crate) type Decoded<T> = Result<T, String>;

/// Which program wrote a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with `name` and `version`")]
pub(crate) struct Tool {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
}

impl Tool {
    pub(crate) fn of_version(version: &str) -> Self {
        Self { name: "portcullis".to_owned(), version: version.to_owned() }
    }
}

/// The version that a document says it has.
#[derive(Deserialize)]
#[serde(expecting = "an object with `schema_version`")]
struct Head {
    schema_version: Option<String>,
}

/// What is wrong with a document before its content is looked at.
pub(crate) enum HeadError {
    Syntax(String),
    Version(String),
}

/// Looks at the version before anything else, since a newer version may hold what this one does not know.
pub(crate) fn check_version(bytes: &[u8]) -> Result<(), HeadError> {
    let head: Head = serde_json::from_slice(bytes).map_err(|error| HeadError::Syntax(shown(&error.to_string())))?;
    match head.schema_version {
        Some(version) if version == SCHEMA_VERSION => Ok(()),
        Some(version) => Err(HeadError::Version(shown(&version))),
        None => Err(HeadError::Syntax("`schema_version` is missing".to_owned())),
    }
}

/// A document without the byte order mark that some editors put before it.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// A text from a file as a message may repeat it: no control characters, no end of the world.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 300;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => printable(text.get(..end).unwrap_or_default()) + "…",
        None => printable(text),
    }
}

pub(crate) fn decode_direction(text: &str) -> Decoded<Direction> {
    let known = Direction::ALL.into_iter().find(|direction| direction.as_str() == text);
    known.ok_or_else(|| format!("`{}` is no direction: `ingress` or `egress` is expected", shown(text)))
}

/// Reads a text as a value that prints itself as that very text.
pub(crate) fn decode_text<T: FromStr + ToString>(text: &str, what: &str) -> Decoded<T> {
    let value = text.parse::<T>().ok().filter(|value| value.to_string() == text);
    value.ok_or_else(|| format!("`{}` is no {what} as this program writes it", shown(text)))
}

#[cfg(test)]
pub(crate) mod testing;
