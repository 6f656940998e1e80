//! Notices: what people and machines are told, when, and in how many bytes.

mod digest;
mod fit;
mod message;
mod principal;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

pub use self::digest::{Clocks, Turn};
pub use self::fit::{MOST_BYTES, published_bytes};
pub use self::message::{FindingNote, GroupNote, Message};
pub use self::principal::PrincipalNote;
use crate::PortError;

/// How urgent a notice is, the most urgent first. The words are those of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// At once.
    Immediate,
    /// With others of the hour.
    #[serde(rename = "within_1_hour")]
    WithinOneHour,
    /// With others of the day.
    DailyDigest,
    /// With others of the week.
    WeeklyDigest,
    /// With others of the month: for accounts that are only monitored, as the rarer ones.
    MonthlyDigest,
    /// With others of the quarter.
    QuarterlyDigest,
    /// With others of the half year.
    HalfYearlyDigest,
    /// With others of the year.
    YearlyDigest,
}

impl Level {
    /// All, the most urgent first.
    pub const ALL: [Self; 8] = [
        Self::Immediate,
        Self::WithinOneHour,
        Self::DailyDigest,
        Self::WeeklyDigest,
        Self::MonthlyDigest,
        Self::QuarterlyDigest,
        Self::HalfYearlyDigest,
        Self::YearlyDigest,
    ];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::WithinOneHour => "within_1_hour",
            Self::DailyDigest => "daily_digest",
            Self::WeeklyDigest => "weekly_digest",
            Self::MonthlyDigest => "monthly_digest",
            Self::QuarterlyDigest => "quarterly_digest",
            Self::HalfYearlyDigest => "half_yearly_digest",
            Self::YearlyDigest => "yearly_digest",
        }
    }

    /// The level with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }

    /// How long must lie between two notices of this level.
    pub const fn period(self) -> SignedDuration {
        let days = match self {
            Self::Immediate => return SignedDuration::ZERO,
            Self::WithinOneHour => return SignedDuration::from_hours(1),
            Self::DailyDigest => 1,
            Self::WeeklyDigest => 7,
            Self::MonthlyDigest => 30,
            Self::QuarterlyDigest => 91,
            Self::HalfYearlyDigest => 182,
            Self::YearlyDigest => 365,
        };
        SignedDuration::from_hours(24 * days)
    }
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Violations that were found.
    Found,
    /// Violations that have stood for long.
    Escalated,
    /// A plan that waits for somebody to agree.
    Approval,
    /// What was put right, or could not be.
    Remediated,
    /// What came together since the last digest.
    Digest,
    /// All that stands open in an account.
    Report,
    /// What went wrong in the run itself.
    Errors,
}

impl Cause {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Escalated => "escalated",
            Self::Approval => "approval",
            Self::Remediated => "remediated",
            Self::Digest => "digest",
            Self::Report => "report",
            Self::Errors => "errors",
        }
    }
}

/// A notice as it is published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// At most 100 printable ASCII characters.
    pub subject: String,
    /// What people read.
    pub text: String,
    /// What machines read: one JSON object.
    pub json: String,
    /// Attributes for subscriptions to filter by.
    pub attributes: BTreeMap<String, String>,
}

/// Where notices are published.
pub trait Notifier: Send + Sync {
    /// Publishes one.
    ///
    /// # Errors
    /// Where that fails; it is tried again by the next run.
    fn publish(&self, notice: &Notice) -> Result<(), PortError>;
}

/// A moment as people read it: `2026-11-21 13:00 UTC`.
pub(crate) fn moment(at: Timestamp) -> String {
    let text = jiff::fmt::strtime::format("%Y-%m-%d %H:%M UTC", &at.to_zoned(jiff::tz::TimeZone::UTC));
    text.unwrap_or_else(|_| at.to_string())
}

#[cfg(test)]
mod tests;
