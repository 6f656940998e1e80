//! All policies of a run together, valid and ready to judge.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::Timestamp;

use super::control::{Control, Severity};
use super::rule::Settings;
use crate::net::Family;

/// Which controls an exemption or an override speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExemptedRules {
    /// All.
    All,
    /// These, by rule id or control id.
    Only(BTreeSet<CompactString>),
}

/// What an exemption is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExemptionTarget {
    /// A group by its id.
    Group(CompactString),
    /// An account.
    Account(CompactString),
}

/// A reasoned exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// For what.
    pub target: ExemptionTarget,
    /// From what.
    pub rules: ExemptedRules,
    /// Why. Never empty.
    pub reason: String,
    /// Who agreed.
    pub approved_by: String,
    /// When it ends; `None` is permanent.
    pub expires: Option<Timestamp>,
    /// Where it stands, `file:line`, for messages.
    pub place: String,
}

/// What is done about findings of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnforcementLevel {
    /// Not even read.
    Disabled,
    /// Reported.
    Monitor,
    /// Tagged and noticed.
    Warn,
    /// Remediated.
    Enforce,
}

/// What is known of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its environment, where the policy tells it or its name is one.
    pub environment: Option<String>,
    /// What is done.
    pub level: Option<EnforcementLevel>,
}

/// Points that the score loses for each finding, of 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deductions {
    /// For each critical finding.
    pub critical: f64,
    /// For each high finding.
    pub high: f64,
    /// For each medium finding.
    pub medium: f64,
    /// For each low finding.
    pub low: f64,
}

impl Default for Deductions {
    /// Those that seed policies of the compliance framework ship with.
    fn default() -> Self {
        Self { critical: 25.0, high: 10.0, medium: 5.0, low: 1.0 }
    }
}

impl Deductions {
    /// For one finding.
    pub fn of(&self, severity: Severity) -> f64 {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
            Severity::Info => 0.0,
        }
    }
}

/// An item of a framework.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameworkItem {
    /// Its number in the framework's document.
    pub id: String,
    /// What it asks.
    pub title: String,
    /// The controls that decide it.
    pub controls: BTreeSet<CompactString>,
    /// The only families that it speaks of; empty means all.
    pub families: Vec<Family>,
}

/// A framework whose items a run reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framework {
    /// The name of the pack that holds it.
    pub pack: String,
    /// Its full name.
    pub name: String,
    /// Its short name, the beginning of references.
    pub label: String,
    /// Its version.
    pub version: String,
    /// The document that the items were checked against.
    pub document: String,
    /// Every item that concerns security groups.
    pub items: Vec<FrameworkItem>,
}

/// Everything that a run judges by.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    /// The controls, each id at most once for shipped ones; policy rules in the order of their files.
    pub controls: Vec<Control>,
    /// Frameworks whose packs were asked for.
    pub frameworks: Vec<Framework>,
    /// Exceptions of all files.
    pub exemptions: Vec<Exemption>,
    /// Accounts by id.
    pub accounts: BTreeMap<CompactString, Account>,
    /// The environment of all groups, where the user gave one; it wins over accounts and tags.
    pub environment: Option<String>,
    /// Every environment that the policies speak of, in lower case.
    pub environments: BTreeSet<String>,
    /// The score's deductions.
    pub deductions: Deductions,
    /// The measures for controls that ship, and for plans.
    pub settings: Settings,
    /// The prefix of the tags that the strategy `tag` and remediation write.
    pub tag_prefix: String,
    /// The dummy rule of a lockdown; `{violation_reason}` in its description is filled in.
    pub dummy_rule: DummyRule,
}

/// The rule that explains a lockdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DummyRule {
    /// Whether it is made at all.
    pub enabled: bool,
    /// Its description, with `{violation_reason}` where the reason goes.
    pub description: String,
    /// Protocol and ports.
    pub services: crate::net::RuleServices,
    /// Its sources.
    pub cidrs: Vec<crate::net::AnyCidr>,
}

impl Default for DummyRule {
    fn default() -> Self {
        let localhost = crate::net::Ipv4Cidr::new(0x7f00_0001, 32).map(crate::net::AnyCidr::V4);
        Self {
            enabled: true,
            description: "ALL RULES REMOVED - Security Group failed compliance check. Contact Security Team. \
                          Violation: {violation_reason}"
                .to_owned(),
            services: crate::net::RuleServices::Ports(crate::net::Protocol::TCP, 65535, 65535),
            cidrs: localhost.into_iter().collect(),
        }
    }
}
