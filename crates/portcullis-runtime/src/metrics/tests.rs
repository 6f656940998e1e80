//! Names, dimensions and calls.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::sync::Mutex;

use super::*;

struct Calls(Mutex<Vec<usize>>);

impl MetricsSink for Calls {
    fn put(&self, namespace: &str, metrics: &[Metric]) -> Result<(), PortError> {
        assert_eq!(namespace, "SecurityGroup/Compliance");
        self.0.lock().unwrap().push(metrics.len());
        Ok(())
    }
}

#[test]
fn a_call_has_at_most_a_thousand_values() {
    let one = real_time(0, 0, 0, SignedDuration::ZERO, Timestamp::UNIX_EPOCH).remove(0);
    let calls = Calls(Mutex::new(Vec::new()));
    publish(&calls, &vec![one; 2_001]).unwrap();
    assert_eq!(*calls.0.lock().unwrap(), [1_000, 1_000, 1]);
}

#[test]
fn the_seeds_figures_are_published_under_its_names() {
    let text = include_bytes!("../../../../examples/seed/security_policies.json");
    let seed = Policy::parse("seed.json", text).unwrap();
    let tally = Tally {
        groups: 7,
        by_severity: BTreeMap::from([(Severity::High, 2)]),
        by_kind: BTreeMap::from([("restricted", 2)]),
        by_account: BTreeMap::from([("111122223333".into(), 2)]),
        accounts: BTreeSet::from(["111122223333".into(), "444455556666".into()]),
        remediations: 1,
        false_positives: 3,
        exemptions: 4,
        errors: 5,
        lost: 20.0,
    };
    let metrics = tally.metrics(&Tracking::new(&[seed]), None, Timestamp::UNIX_EPOCH);
    let line = |metric: &Metric| {
        let dimensions: Vec<String> = metric.dimensions.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        format!("{}{} {} {}", metric.name, dimensions.concat(), metric.value, metric.unit)
    };
    let lines: Vec<String> = metrics.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "ComplianceViolations 2 Count",
            "ComplianceViolations Severity=critical 0 Count",
            "ComplianceViolations Severity=high 2 Count",
            "ComplianceViolations Severity=medium 0 Count",
            "ComplianceViolations Severity=low 0 Count",
            "ComplianceViolations Severity=info 0 Count",
            "ComplianceViolations AccountId=111122223333 2 Count",
            "ComplianceViolations AccountId=444455556666 0 Count",
            "CriticalViolationsFound 0 Count",
            "RemediationActions 1 Count",
            "LambdaErrors 5 Count",
            "ComplianceScore 80 None",
            "total_security_groups_scanned 7 Count",
            "violations_by_severity Severity=critical 0 Count",
            "violations_by_severity Severity=high 2 Count",
            "violations_by_severity Severity=medium 0 Count",
            "violations_by_severity Severity=low 0 Count",
            "violations_by_severity Severity=info 0 Count",
            "violations_by_rule_type RuleType=prohibited 0 Count",
            "violations_by_rule_type RuleType=restricted 2 Count",
            "violations_by_rule_type RuleType=hygiene 0 Count",
            "remediation_actions_taken 1 Count",
            "false_positives 3 Count",
            "exemptions_granted 4 Count",
        ]
    );
}

#[test]
fn what_is_met_as_it_happens_has_its_own_names() {
    let metrics = real_time(1, 2, 3, SignedDuration::from_millis(1_500), Timestamp::UNIX_EPOCH);
    let values: Vec<(&str, f64)> = metrics.iter().map(|metric| (metric.name.as_str(), metric.value)).collect();
    let wanted = [
        ("MassOperationsDetected", 1.0),
        ("CriticalViolationsFound", 3.0),
        ("EmergencyRemediationsPerformed", 2.0),
        ("RealTimeScanDuration", 1.5),
    ];
    assert_eq!(values, wanted);
}
