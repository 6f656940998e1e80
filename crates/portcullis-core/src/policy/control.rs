//! Controls: what must hold, however it came to be asked for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use compact_str::CompactString;

use super::rule::{AllowedRule, Scope, Settings, TrafficRule};
use crate::controls::Hygiene;
use crate::net::Family;

/// How bad a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Untidy.
    Low,
    /// To be planned.
    Medium,
    /// To be closed this week.
    High,
    /// To be closed now.
    Critical,
}

impl Severity {
    /// All, the worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The word: `critical`, `high`, `medium`, `low`, `info`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|severity| severity.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is no severity: critical, high, medium, low or info is expected"))
    }
}

/// An item of a framework that a control serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameworkReference {
    /// The framework's short name and the item's number, such as `CIS 5.0 5.3`.
    pub label: String,
    /// The only family that the item speaks of, if it speaks of one.
    pub families: Vec<Family>,
}

/// Words about a control, for reports and its documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlText {
    /// A headline.
    pub title: String,
    /// What it is.
    pub description: String,
    /// Why it matters.
    pub reason: String,
    /// What to do; empty means that the finding says it from its evidence.
    pub remediation: String,
}

/// What a control judges.
#[derive(Clone, Debug)]
pub enum ControlKind {
    /// Traffic, by the algebra.
    Traffic(TrafficRule),
    /// A habit, by code of its own.
    Hygiene(Hygiene),
}

/// One control, ready to judge.
#[derive(Clone, Debug)]
pub struct Control {
    /// Stable id in kebab-case.
    pub id: CompactString,
    /// The id of the policy's rule as its author wrote it; `None` for controls that ship.
    pub rule_id: Option<CompactString>,
    /// How bad.
    pub severity: Severity,
    /// Words.
    pub text: ControlText,
    /// Framework items that it serves.
    pub frameworks: Vec<FrameworkReference>,
    /// What it judges.
    pub kind: ControlKind,
    /// The groups that it bears on.
    pub scope: Scope,
    /// The measures that it uses.
    pub settings: Arc<Settings>,
    /// Traffic that its file allows; shared by the rules of one file.
    pub allowed: Arc<Vec<AllowedRule>>,
}

impl Control {
    /// What its violation is, in a line for tags and rules: the reason that a policy's author gave, else the headline.
    pub fn violation(&self) -> &str {
        let own = self.rule_id.as_ref().map(|_| self.text.reason.as_str()).filter(|reason| !reason.is_empty());
        own.unwrap_or(&self.text.title)
    }
}
