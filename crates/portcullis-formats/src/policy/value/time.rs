//! Dates and lengths of time.

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, tz::TimeZone};
use schemars::{Schema, SchemaGenerator, json_schema};

use super::super::node::Node;
use super::super::read::Read;
use super::{parsed, parsed_text};
use crate::diagnostics::{Diagnostic, quoted};

/// A date, or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Timestamp);

impl Moment {
    fn parse(text: &str) -> Result<Self, String> {
        let utc =
            |time: DateTime| TimeZone::UTC.to_ambiguous_zoned(time).compatible().ok().map(|time| time.timestamp());
        let time = || text.parse::<Timestamp>().ok();
        // `DateTime` would drop what follows a time, and `Date` the time itself.
        let local = || if text.contains('T') { text.parse().ok().and_then(utc) } else { None };
        let day = || text.parse::<Date>().ok().and_then(|day| utc(day.to_datetime(jiff::civil::Time::midnight())));
        let moment = if text.len() == 10 { day() } else { time().or_else(local) };
        moment.map(Self).ok_or_else(|| {
            format!("{} is no date: one such as `2026-12-31` or `2026-12-31T00:00:00Z` is expected", quoted(text))
        })
    }
}

impl Read for Moment {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed(node, "a date", errors, Self::parse)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["2026-12-31", "2026-12-31T00:00:00Z"] })
    }
}

/// When an exemption ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expiry {
    /// Never.
    Permanent,
    /// At this moment; a date means its first.
    At(Timestamp),
}

impl Read for Expiry {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed(node, "a date or `permanent`", errors, |text| match text {
            "permanent" => Ok(Self::Permanent),
            _ => {
                Moment::parse(text).map(|moment| Self::At(moment.0)).map_err(|error| format!("{error}, or `permanent`"))
            }
        })
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["permanent", "2026-12-31", "2026-12-31T00:00:00Z"] })
    }
}

/// A length of time in hours, written as `24h` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hours(pub u32);

impl Read for Hours {
    fn read(node: &Node, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        parsed_text(node, "a text such as `24h` or `7d`", errors, |text| {
            let number =
                |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u32>().ok()).flatten();
            let days = |digits| number(digits).and_then(|days| days.checked_mul(24));
            let hours = text.strip_suffix('h').map(number).or_else(|| text.strip_suffix('d').map(days)).flatten();
            hours
                .map(Self)
                .ok_or_else(|| format!("{} is no length of time: one such as `24h` or `7d` is expected", quoted(text)))
        })
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+[hd]$" })
    }
}
