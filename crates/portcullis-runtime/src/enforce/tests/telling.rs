//! Who is told, when, and of what.

use super::world::{ACCOUNT, World, at, group, policy};
use crate::enforce::VIOLATION;
use crate::state::KeyValue as _;

const WARN: &str = r#", "enforcement_level": "warn""#;
/// Nothing is told again for having stood long.
const CALM: &str = r#""remediation_settings": {"escalation_after_hours": 8760}"#;

#[test]
fn each_severity_is_told_at_its_level() {
    let world = World::new(policy(CALM, WARN), &[group("sg-1", &[22]), group("sg-2", &[80]), group("sg-3", &[21])]);
    world.run(at(0));
    assert_eq!(
        world.told(),
        [
            "immediate found: Portcullis CRITICAL: NO_SSH on sg-1 in 111122223333 eu-west-1",
            "daily_digest digest: Portcullis daily digest: 1 violation in 1 security group",
            "weekly_digest digest: Portcullis weekly digest: 1 violation in 1 security group",
        ]
    );
}

#[test]
fn a_digest_keeps_what_comes_until_its_period_is_over() {
    let world = World::new(policy(CALM, WARN), &[group("sg-1", &[80])]);
    world.run(at(0));
    world.told();
    world.put(group("sg-2", &[80]));
    assert_eq!(world.run(at(5)).groups[1].findings[0].told, Some(crate::notices::Level::DailyDigest));
    world.put(group("sg-3", &[80]));
    world.run(at(10));
    assert_eq!(world.told(), [""; 0]);
    world.run(at(24));
    let notice = world.mailbox.notices.lock().unwrap()[0].clone();
    assert!(notice.text.contains("sg-2") && notice.text.contains("sg-3") && !notice.text.contains("sg-1"));
    assert_eq!(world.told(), ["daily_digest digest: Portcullis daily digest: 2 violations in 2 security groups"]);
    world.run(at(100));
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn what_was_resolved_while_it_waited_is_not_told() {
    let world = World::new(policy(CALM, WARN), &[group("sg-1", &[80])]);
    world.run(at(0));
    world.told();
    world.put(group("sg-2", &[80]));
    world.run(at(1));
    world.put(group("sg-2", &[]));
    world.run(at(30));
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn a_notice_that_could_not_be_sent_is_sent_by_the_next_run() {
    let world = World::new(policy(CALM, WARN), &[group("sg-1", &[22]), group("sg-2", &[80])]);
    *world.mailbox.fails.lock().unwrap() = true;
    let report = world.run(at(0));
    assert_eq!(report.failures, ["a notice could not be sent: the topic refuses"]);
    *world.mailbox.fails.lock().unwrap() = false;
    world.run(at(1));
    assert_eq!(world.told().len(), 2);
    world.run(at(1));
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn without_a_topic_nothing_counts_as_told() {
    let mut world = World::new(policy(CALM, WARN), &[group("sg-1", &[22])]);
    world.silent = true;
    assert_eq!(world.run(at(0)).groups[0].findings[0].told, None);
    world.silent = false;
    world.run(at(1));
    assert_eq!(world.told().len(), 1);
}

#[test]
fn escalation_tells_at_once_and_takes_out_of_the_digest() {
    let world = World::new(policy("", WARN), &[group("sg-1", &[21])]);
    world.run(at(0));
    world.told();
    world.run(at(71));
    assert_eq!(world.told(), [""; 0]);
    world.run(at(72));
    assert_eq!(
        world.told(),
        ["immediate escalated: Portcullis ESCALATED LOW: NO_FTP on sg-1 in 111122223333 eu-west-1"]
    );
    world.run(at(200));
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn nothing_is_told_at_once_where_that_is_switched_off() {
    let actions = r#""notification_settings": {"send_immediate_alerts": false}"#;
    let account = r#", "enforcement_level": "warn", "notification_settings": {"immediate_alerts": false}"#;
    for (actions, account) in [(actions, WARN), ("", account)] {
        let world = World::new(policy(actions, account), &[group("sg-1", &[22])]);
        world.run(at(0));
        assert_eq!(world.told(), ["within_1_hour digest: Portcullis within 1 hour: 1 violation in 1 security group"]);
    }
}

#[test]
fn an_account_without_notifications_hears_nothing() {
    let account = r#", "enforcement_level": "warn", "actions": {"send_notifications": false}"#;
    let world = World::new(policy("", account), &[group("sg-1", &[22])]);
    world.run(at(0));
    world.run(at(100));
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn monitor_is_reported_as_often_as_it_says() {
    let account = r#", "enforcement_level": "monitor", "monitoring_settings": {"report_frequency": "monthly"}"#;
    let world = World::new(policy("", account), &[group("sg-1", &[22])]);
    world.run(at(0));
    assert_eq!(world.told(), ["monthly_digest digest: Portcullis monthly digest: 1 violation in 1 security group"]);
    let metrics = account.replace("\"monthly\"", "\"monthly\", \"metrics_only\": true");
    let world = World::new(policy("", &metrics), &[group("sg-1", &[22])]);
    world.run(at(0));
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn a_weekly_report_says_what_is_open_and_also_that_nothing_is() {
    let account = r#", "enforcement_level": "warn", "notification_settings": {"weekly_reports": true}"#;
    let world = World::new(policy(CALM, account), &[group("sg-1", &[80])]);
    world.run(at(0));
    assert_eq!(world.told()[1], format!("weekly_digest report: Portcullis report {ACCOUNT}: 1 violation open"));
    world.run(at(100));
    assert_eq!(world.told(), [""; 0]);
    world.put(group("sg-1", &[]));
    world.run(at(200));
    assert_eq!(world.told(), [format!("weekly_digest report: Portcullis report {ACCOUNT}: 0 violations open")]);
}

#[test]
fn a_flood_is_told_in_one_notice() {
    let groups: Vec<_> = (0..21).map(|number| group(&format!("sg-{number}"), &[22])).collect();
    let world = World::new(policy(CALM, WARN), &groups);
    world.run(at(0));
    assert_eq!(world.told(), ["immediate found: Portcullis CRITICAL: 21 violations in 21 security groups"]);
    assert_eq!(world.run(at(0)).summary.notices, 0);
}

#[test]
fn a_notice_names_everything_that_its_reader_needs() {
    let world = World::new(policy("", r#", "enforcement_level": "enforce""#), &[group("sg-1", &[22])]);
    world.run(at(0));
    let notice = world.mailbox.notices.lock().unwrap()[0].clone();
    for part in [
        "Security group sg-1 (name of sg-1), account 111122223333 (shop), Region eu-west-1",
        "CRITICAL NO_SSH: No SSH from anywhere",
        "seen: tcp 22 from 0.0.0.0/0 (sgr-22)",
        "first seen: 2026-11-01 00:00 UTC, 0 minutes ago",
        "will be put right: after 2026-11-02 00:00 UTC, in 24 hours",
        "done: tags were set (3 changes)",
    ] {
        assert!(notice.text.contains(part), "`{part}` is not in\n{}", notice.text);
    }
    let json: serde_json::Value = serde_json::from_str(&notice.json).unwrap();
    assert_eq!(json["schema_version"], "1");
    assert_eq!(json["groups"][0]["findings"][0]["rule_id"], "NO_SSH");
    assert_eq!(json["groups"][0]["vpc_id"], "vpc-1");
    let attributes: Vec<(&str, &str)> =
        notice.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        attributes,
        [
            ("account_id", ACCOUNT),
            ("cause", "found"),
            ("level", "immediate"),
            ("region", "eu-west-1"),
            ("severity", "critical"),
        ]
    );
}

/// Whether a filter pattern of CloudWatch Logs of plain terms matches a line: each term must stand in it, case and all,
/// where it begins and ends with no letter, digit or `_` beside it.
/// Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax".
fn matches(pattern: &str, line: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    pattern.split_whitespace().all(|term| {
        line.match_indices(term).any(|(place, _)| {
            let before = line[..place].chars().next_back();
            let after = line[place + term.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    })
}

#[test]
fn each_violation_is_a_line_that_the_log_filter_finds() {
    let mut odd = group("sg-1", &[22, 80]);
    odd.name = "two\nlines \u{1b}[31m \u{202e}".into();
    let world = World::new(policy("", r#", "enforcement_level": "monitor""#), &[odd, group("sg-2", &[443])]);
    world.run(at(0));
    let World { log, .. } = world;
    let text = String::from_utf8(log.into_inner()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert!(matches("COMPLIANCE_VIOLATION", line));
        assert!(!line.contains(char::is_control) && !line.contains('\u{202e}'));
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(json["event"], VIOLATION);
        assert_eq!((&json["account_id"], &json["group_id"]), (&ACCOUNT.into(), &"sg-1".into()));
        assert_eq!(json["group_name"], "two\nlines \u{1b}[31m \u{202e}");
        assert_eq!(json["action"], "report");
    }
}

#[test]
fn metrics_carry_the_frameworks_names() {
    let world = World::new(policy("", WARN), &[group("sg-1", &[22]), group("sg-2", &[80])]);
    world.run(at(0));
    let metrics = world.sink.0.lock().unwrap().clone();
    let value = |name: &str, dimension: Option<(&str, &str)>| {
        let wanted: Vec<(String, String)> =
            dimension.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        metrics.iter().find(|metric| metric.name == name && metric.dimensions == wanted).map(|metric| metric.value)
    };
    assert_eq!(value("ComplianceViolations", None), Some(2.0));
    assert_eq!(value("ComplianceViolations", Some(("Severity", "critical"))), Some(1.0));
    assert_eq!(value("ComplianceViolations", Some(("Severity", "high"))), Some(0.0));
    assert_eq!(value("ComplianceViolations", Some(("AccountId", ACCOUNT))), Some(2.0));
    assert_eq!(value("CriticalViolationsFound", None), Some(1.0));
    assert_eq!(value("RemediationActions", None), Some(0.0));
    assert_eq!(value("LambdaErrors", None), Some(0.0));
    assert_eq!(value("ScanDuration", None), Some(3.0));
    assert_eq!(value("ComplianceScore", None), Some(70.0));
}

#[test]
fn parts_leave_digests_errors_and_groups_that_are_gone_to_who_puts_them_together() {
    let world = World::new(policy(CALM, WARN), &[group("sg-1", &[80]), group("sg-2", &[80])]);
    let known = || world.state.scan("sights/").unwrap();
    *world.cloud.fails.lock().unwrap() = true;
    let parts = world.run_parts(at(0));
    assert_eq!((parts.len(), known().len()), (2, 2));
    assert!(parts.iter().all(|part| part.failures == ["nothing was changed: the bucket refuses"]), "{parts:?}");
    assert_eq!(world.told(), [""; 0]);
    world.conclude(at(0), &["nothing was changed: the bucket refuses"]);
    let told = world.told();
    assert_eq!(told[0], "daily_digest digest: Portcullis daily digest: 2 violations in 2 security groups");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].starts_with("immediate errors: "), "{told:?}");

    // What one part knows of other groups it leaves alone.
    *world.cloud.fails.lock().unwrap() = false;
    world.remove("sg-2");
    for hours in [24, 48] {
        world.run_parts(at(hours));
        assert_eq!(known().len(), 2);
        let report = world.conclude(at(hours), &[]);
        assert_eq!(report.failures, [""; 0]);
    }
    assert!(known().keys().all(|key| key.ends_with("sg-1")), "{:?}", known());
}
