//! Metrics with the names of the compliance framework's dashboards and alarms.
//!
//! CloudWatch charges for each metric with each combination of its dimensions and sums none of them up itself. So each
//! figure is published without dimensions, for alarms, and beside that by one dimension at a time: never account × Region ×
//! severity.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};
use portcullis_core::finding::{Evaluation, Finding, Status};
use portcullis_core::model::{CoverageStatus, Inventory};
use portcullis_core::policy::{Control, ControlKind, PeerTest, PolicySet, Severity};
use portcullis_formats::policy::Policy;
use portcullis_formats::policy::document::Metric as Tracked;

use crate::PortError;

/// The namespace.
pub const NAMESPACE: &str = "SecurityGroup/Compliance";
/// The most values of one call. Source: Amazon CloudWatch API Reference, `PutMetricData`.
pub const MOST_VALUES: usize = 1_000;

/// Names.
pub mod names {
    /// Failing findings that no broader one implies.
    pub const VIOLATIONS: &str = "ComplianceViolations";
    /// Groups that were put right.
    pub const REMEDIATIONS: &str = "RemediationActions";
    /// What went wrong.
    pub const ERRORS: &str = "LambdaErrors";
    /// How long reading and judging took.
    pub const SCAN_DURATION: &str = "ScanDuration";
    /// Critical violations.
    pub const CRITICAL: &str = "CriticalViolationsFound";
    /// Many changes by one person.
    pub const MASS_OPERATIONS: &str = "MassOperationsDetected";
    /// Groups that were locked down at once.
    pub const EMERGENCIES: &str = "EmergencyRemediationsPerformed";
    /// From the event to the verdict.
    pub const REAL_TIME_DURATION: &str = "RealTimeScanDuration";
    /// Events that were answered later than the policy asks.
    pub const DEADLINES_MISSED: &str = "RealTimeDeadlinesMissed";
    /// The score of 100.
    pub const SCORE: &str = "ComplianceScore";
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// CloudWatch's unit: `Count`, `Seconds`, `Percent`.
    pub unit: &'static str,
    /// Its dimensions.
    pub dimensions: Vec<(String, String)>,
    /// When.
    pub at: Timestamp,
}

/// Where metrics are published.
pub trait MetricsSink: Send + Sync {
    /// Publishes up to [`MOST_VALUES`] values.
    ///
    /// # Errors
    /// Where that fails.
    fn put(&self, namespace: &str, metrics: &[Metric]) -> Result<(), PortError>;
}

/// Publishes metrics in as many calls as are needed.
///
/// # Errors
/// The first failure; what came before it is published.
pub fn publish(sink: &dyn MetricsSink, metrics: &[Metric]) -> Result<(), PortError> {
    metrics.chunks(MOST_VALUES).try_for_each(|chunk| sink.put(NAMESPACE, chunk))
}

/// What a run counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Groups that were judged.
    pub groups: usize,
    /// Violations by severity.
    pub by_severity: BTreeMap<Severity, usize>,
    /// Violations by kind of rule.
    pub by_kind: BTreeMap<&'static str, usize>,
    /// Violations by account.
    pub by_account: BTreeMap<CompactString, usize>,
    /// Groups that were put right.
    pub remediations: usize,
    /// Findings that were reported earlier and are exempt now.
    pub false_positives: usize,
    /// Exemptions that hold.
    pub exemptions: usize,
    /// What went wrong.
    pub errors: usize,
    /// Points that the score loses.
    lost: f64,
    /// Accounts that were judged, so that those without violations are published as 0.
    accounts: BTreeSet<CompactString>,
}

impl Tally {
    /// Adds what came of judging some groups.
    pub fn add(&mut self, inventory: &Inventory, policies: &PolicySet, evaluation: &Evaluation, now: Timestamp) {
        self.groups += evaluation.groups;
        let read = evaluation.coverage.iter().filter(|row| row.status != CoverageStatus::Disabled);
        self.accounts.extend(read.map(|row| row.account_id.clone()));
        let violates = |finding: &&Finding| finding.status == Status::Fail && finding.is_shown();
        for finding in evaluation.findings.iter().filter(violates) {
            let Some(control) = policies.control(finding) else { continue };
            *self.by_severity.entry(control.severity).or_default() += 1;
            *self.by_kind.entry(kind(control)).or_default() += 1;
            self.lost += policies.deductions.of(control.severity);
            if let Some(group) = inventory.groups.get(finding.group) {
                self.accounts.insert(group.key.account_id.clone());
                *self.by_account.entry(group.key.account_id.clone()).or_default() += 1;
            }
        }
        let holds = |expires: Option<Timestamp>| expires.is_none_or(|expires| expires > now);
        self.exemptions = policies.exemptions.iter().filter(|exemption| holds(exemption.expires)).count();
    }

    /// How many violations there are.
    pub fn violations(&self) -> usize {
        self.by_severity.values().sum()
    }

    /// The values to publish: the framework's own, and those that policies track. `took` is how long reading and judging
    /// took, where the caller measured it.
    pub fn metrics(&self, tracked: &Tracking, took: Option<SignedDuration>, at: Timestamp) -> Vec<Metric> {
        let mut all = Values { at, metrics: Vec::new() };
        all.count(names::VIOLATIONS, self.violations(), None);
        for severity in Severity::ALL {
            let count = self.by_severity.get(&severity).copied().unwrap_or_default();
            all.count(names::VIOLATIONS, count, Some(("Severity", severity.as_str())));
        }
        for account in self.accounts.iter().filter(|account| !account.is_empty()) {
            let count = self.by_account.get(account).copied().unwrap_or_default();
            all.count(names::VIOLATIONS, count, Some(("AccountId", account)));
        }
        all.count(names::CRITICAL, self.by_severity.get(&Severity::Critical).copied().unwrap_or_default(), None);
        all.count(names::REMEDIATIONS, self.remediations, None);
        all.count(names::ERRORS, self.errors, None);
        if let Some(took) = took {
            all.value(names::SCAN_DURATION, took.as_secs_f64(), "Seconds", None);
        }
        all.value(names::SCORE, (100.0 - self.lost).max(0.0).round(), "None", None);
        for figure in &tracked.0 {
            match figure {
                Tracked::TotalGroups => all.count("total_security_groups_scanned", self.groups, None),
                Tracked::BySeverity => {
                    for severity in Severity::ALL {
                        let count = self.by_severity.get(&severity).copied().unwrap_or_default();
                        all.count("violations_by_severity", count, Some(("Severity", severity.as_str())));
                    }
                }
                Tracked::ByRuleType => {
                    for kind in KINDS {
                        let count = self.by_kind.get(kind).copied().unwrap_or_default();
                        all.count("violations_by_rule_type", count, Some(("RuleType", kind)));
                    }
                }
                Tracked::Remediations => all.count("remediation_actions_taken", self.remediations, None),
                Tracked::FalsePositives => all.count("false_positives", self.false_positives, None),
                Tracked::Exemptions => all.count("exemptions_granted", self.exemptions, None),
            }
        }
        all.metrics
    }
}

/// The figures that policies track, each once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tracking(Vec<Tracked>);

impl Tracking {
    /// Those of `metrics_to_track`.
    pub fn new(policies: &[Policy]) -> Self {
        let mut all = Vec::new();
        for figure in policies.iter().flat_map(|policy| &policy.document.reporting.metrics_to_track) {
            if !all.contains(figure) {
                all.push(*figure);
            }
        }
        Self(all)
    }
}

/// The kinds of rules.
const KINDS: [&str; 3] = ["prohibited", "restricted", "hygiene"];

/// What kind of rule a control is.
fn kind(control: &Control) -> &'static str {
    match &control.kind {
        ControlKind::Hygiene(_) => "hygiene",
        ControlKind::Traffic(rule) => {
            let restricts = rule.peers.iter().any(|test| matches!(test, PeerTest::Outside(_)));
            if restricts { "restricted" } else { "prohibited" }
        }
    }
}

struct Values {
    at: Timestamp,
    metrics: Vec<Metric>,
}

impl Values {
    fn value(&mut self, name: &str, value: f64, unit: &'static str, dimension: Option<(&str, &str)>) {
        let dimensions = dimension.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.metrics.push(Metric { name: name.to_owned(), value, unit, dimensions, at: self.at });
    }

    fn count(&mut self, name: &str, count: usize, dimension: Option<(&str, &str)>) {
        #[expect(clippy::cast_precision_loss, reason = "counts of findings are far below 2^53")]
        self.value(name, count as f64, "Count", dimension);
    }
}

/// Values of a run of `apply` or `rollback`: groups that were changed, and those that could not be.
pub fn of_changes(changed: usize, failed: usize, at: Timestamp) -> Vec<Metric> {
    let mut all = Values { at, metrics: Vec::new() };
    all.count(names::REMEDIATIONS, changed, None);
    all.count(names::ERRORS, failed, None);
    all.metrics
}

/// Values of what was met as it happened: the name, the count or the seconds.
pub fn real_time(
    mass_operations: usize,
    emergencies: usize,
    critical: usize,
    took: SignedDuration,
    at: Timestamp,
) -> Vec<Metric> {
    let mut all = Values { at, metrics: Vec::new() };
    all.count(names::MASS_OPERATIONS, mass_operations, None);
    all.count(names::CRITICAL, critical, None);
    all.count(names::EMERGENCIES, emergencies, None);
    all.value(names::REAL_TIME_DURATION, took.as_secs_f64(), "Seconds", None);
    all.metrics
}

#[cfg(test)]
mod tests;
