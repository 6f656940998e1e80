//! Verdicts: one control on one group, with evidence.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use crate::model::{Coverage, Direction};
use crate::net::{Family, Traffic};
use crate::policy::{Control, PolicySet, Severity};
use crate::usage::Weight;

/// What became of a control on a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It does not hold.
    Fail,
    /// It cannot be told.
    Unknown,
    /// It does not hold or cannot be told, and an exemption covers it.
    Exempt,
    /// It holds.
    Pass,
}

impl Status {
    /// All, in the order that reports use.
    pub const ALL: [Self; 4] = [Self::Fail, Self::Unknown, Self::Exempt, Self::Pass];

    /// The word: `fail`, `unknown`, `exempt`, `pass`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Exempt => "exempt",
            Self::Pass => "pass",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Status {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is no status: fail, unknown, exempt or pass is expected"))
    }
}

/// One stretch of traffic that a finding is about, or the rules that a hygiene finding is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// `tcp`, `udp`, `icmp`, a number, a range of numbers, or `-1` for all. Empty where a finding is not about traffic.
    pub protocol: CompactString,
    /// `22`, `80-443`, `all`; for ICMP types and codes.
    pub ports: CompactString,
    /// Who is admitted, as the least list of blocks and names.
    pub peers: Vec<CompactString>,
    /// The rules that admit it: indices into the group's rules, ascending.
    pub rules: Vec<usize>,
    /// How much of the family's public addresses is admitted, 0 to 1; `None` where the internet is not the question.
    pub internet_share: Option<f64>,
}

/// One control on one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Stable on any machine and in any order: made from group, control and evidence alone. 16 hexadecimal digits.
    pub id: CompactString,
    /// Index into [`PolicySet::controls`].
    pub control: usize,
    /// Index into the inventory's groups.
    pub group: usize,
    /// The verdict.
    pub status: Status,
    /// Which way the traffic goes; `None` for most hygiene findings.
    pub direction: Option<Direction>,
    /// The families at fault, IPv4 first; empty where the finding is not about addresses.
    pub families: Vec<Family>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// The traffic that violates, in canonical form; empty for hygiene findings.
    pub traffic: Traffic,
    /// Why, in a sentence.
    pub reason: String,
    /// What to do, in a sentence.
    pub remediation: String,
    /// The id of the broader finding on the same group that holds all this evidence.
    pub implied_by: Option<CompactString>,
    /// Index into [`PolicySet::exemptions`].
    pub exemption: Option<usize>,
    /// What flow logs tell of who used it from the internet; `None` where none were asked, or it is not about traffic.
    pub used: Option<Weight>,
}

impl Finding {
    /// The framework items that it speaks to: those of its control whose families meet its own.
    pub fn frameworks<'a>(&self, control: &'a Control) -> Vec<&'a str> {
        let concerns = |families: &[Family]| {
            families.is_empty()
                || self.families.is_empty()
                || families.iter().any(|family| self.families.contains(family))
        };
        let items = control.frameworks.iter().filter(|reference| concerns(&reference.families));
        items.map(|reference| reference.label.as_str()).collect()
    }

    /// Whether reports that show the broader of two findings show this one.
    pub fn is_shown(&self) -> bool {
        self.implied_by.is_none()
    }
}

/// A control that the inventory does not hold enough for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJudged {
    /// Its id.
    pub control_id: CompactString,
    /// What is missing, and how to get it.
    pub reason: String,
}

/// The status of a framework's item over all groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemStatus {
    /// Index into [`PolicySet::frameworks`].
    pub framework: usize,
    /// Index into its items.
    pub item: usize,
    /// Fail if any group fails, else unknown if any is, else exempt if any is, else pass; `None` if nothing judges it.
    pub status: Option<Status>,
    /// How many groups have that status.
    pub groups: usize,
}

/// Everything that came of judging an inventory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Sorted by severity, then account, Region, group, control.
    pub findings: Vec<Finding>,
    /// How many groups were judged.
    pub groups: usize,
    /// Accounts and Regions, and how far each was read.
    pub coverage: Vec<Coverage>,
    /// Controls that could not be judged at all.
    pub not_judged: Vec<NotJudged>,
    /// Exemptions that have expired but would have matched a finding: indices into [`PolicySet::exemptions`].
    pub expired_exemptions: Vec<usize>,
    /// Exemptions that match nothing.
    pub unused_exemptions: Vec<usize>,
    /// Every item of the frameworks that were asked for.
    pub items: Vec<ItemStatus>,
}

impl Evaluation {
    /// How many findings have this severity and fail.
    pub fn failed(&self, policies: &PolicySet, severity: Severity) -> usize {
        let of = |finding: &&Finding| finding.status == Status::Fail && policies.severity(finding) == severity;
        self.findings.iter().filter(of).count()
    }

    /// How many findings have this status.
    pub fn with_status(&self, status: Status) -> usize {
        self.findings.iter().filter(|finding| finding.status == status).count()
    }

    /// 100 less the deductions for each failing finding that no broader one implies, not below 0, rounded to a whole number.
    pub fn score(&self, policies: &PolicySet) -> u8 {
        let failing = self.findings.iter().filter(|finding| finding.status == Status::Fail && finding.is_shown());
        let lost: f64 = failing.map(|finding| policies.deductions.of(policies.severity(finding))).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100 before")]
        let score = (100.0 - lost).clamp(0.0, 100.0).round() as u8;
        score
    }
}

impl PolicySet {
    /// The control that a finding is about.
    pub fn control(&self, finding: &Finding) -> Option<&Control> {
        self.controls.get(finding.control)
    }

    /// The severity of a finding's control.
    pub fn severity(&self, finding: &Finding) -> Severity {
        self.control(finding).map_or(Severity::Info, |control| control.severity)
    }
}
