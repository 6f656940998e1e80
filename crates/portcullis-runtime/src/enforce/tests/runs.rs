//! Runs one after another over the same world.

use portcullis_core::model::CoverageStatus;

use super::world::{World, at, automatic, group, policy, rules};
use crate::enforce::{Action, Deed};

const WARN: &str = r#", "enforcement_level": "warn""#;
const ENFORCE: &str = r#", "enforcement_level": "enforce""#;
const AUTOMATIC: &str = r#""remediation_settings": {"automatic_remediation": true, "require_manual_approval": false}"#;

#[test]
fn monitor_only_reports() {
    let world = World::new(policy(AUTOMATIC, r#", "enforcement_level": "monitor""#), &[group("sg-1", &[22])]);
    for hour in [0, 30, 300] {
        let report = world.run(at(hour));
        assert_eq!(report.groups[0].action(), Action::Report);
        assert_eq!(world.told(), [""; 0]);
        assert!(world.carried().is_empty());
    }
}

#[test]
fn an_account_that_no_policy_names_is_monitored() {
    let mut other = group("sg-1", &[22]);
    other.key.account_id = "999999999999".into();
    let world = World::new(automatic(), &[other]);
    world.run(at(0));
    let report = world.run(at(100));
    assert_eq!(report.groups[0].level, "monitor");
    assert!(world.carried().is_empty());
    assert!(world.told().is_empty());
}

#[test]
fn warn_tags_and_tells_and_never_changes_a_rule() {
    let world = World::new(policy(AUTOMATIC, WARN), &[group("sg-1", &[22])]);
    let report = world.run(at(0));
    assert_eq!(report.groups[0].action(), Action::Warn);
    assert_eq!(world.carried(), [("tag", vec!["sg-1".to_owned()])]);
    let tagged = world.group("sg-1");
    assert_eq!(tagged.tag("COMPLIANCE_STATUS"), Some("NON_COMPLIANT"));
    assert_eq!(tagged.tag("COMPLIANCE_VIOLATION_COUNT"), Some("1"));
    assert_eq!(world.told(), ["immediate found: Portcullis CRITICAL: NO_SSH on sg-1 in 111122223333 eu-west-1"]);
    world.run(at(1000));
    assert_eq!(rules(&world.group("sg-1")), rules(&group("sg-1", &[22])));
}

#[test]
fn a_second_run_right_after_does_nothing_new() {
    for policy in [automatic(), policy(AUTOMATIC, WARN), policy("", ENFORCE)] {
        let world = World::new(policy, &[group("sg-1", &[22]), group("sg-2", &[80]), group("sg-3", &[21])]);
        for hour in [0, 30, 80] {
            world.run(at(hour));
            world.told();
            world.carried();
            let (writes, plans) = (world.writes(), world.shelf.0.lock().unwrap().len());
            let report = world.run(at(hour));
            assert!(report.is_complete(), "{:?}", report.failures);
            assert_eq!(world.told(), [""; 0], "hour {hour}");
            assert_eq!(world.carried(), [], "hour {hour}");
            assert_eq!(world.shelf.0.lock().unwrap().len(), plans);
            // That something went is noted; nothing else is written.
            assert!(world.writes() <= writes || !report.resolved.is_empty(), "hour {hour}");
        }
    }
}

#[test]
fn enforce_waits_for_the_grace_period_and_puts_right() {
    let world = World::new(automatic(), &[group("sg-1", &[22])]);
    let first = world.run(at(0));
    assert_eq!(first.groups[0].findings[0].why, "its grace period is over in 24 hours");
    assert_eq!(first.groups[0].findings[0].due, Some(at(24)));
    assert_eq!(world.carried(), [("tag", vec!["sg-1".to_owned()])]);
    assert_eq!(world.run(at(23)).groups[0].action(), Action::Wait);
    assert_eq!(rules(&world.group("sg-1")), ["ingress tcp 22 from 0.0.0.0/0"]);
    world.told();

    let report = world.run(at(24));
    assert_eq!(report.groups[0].action(), Action::Remediate);
    assert!(matches!(report.groups[0].remediation, Some(Deed::Changed { .. })));
    let after = world.group("sg-1");
    assert!(!rules(&after).contains(&"ingress tcp 22 from 0.0.0.0/0".to_owned()));
    assert_eq!(after.tag("COMPLIANCE_REMEDIATED"), Some("true"));
    assert_eq!(after.tag("COMPLIANCE_STATUS"), Some("NON_COMPLIANT"));
    let notice = world.mailbox.notices.lock().unwrap()[0].clone();
    for told in [
        "done: rules were changed (4 changes)",
        "tags were set (1 change)",
        "to undo: portcullis rollback backups/sg-1",
    ] {
        assert!(notice.text.contains(told), "{told}: {}", notice.text);
    }
    assert_eq!(
        world.told(),
        ["immediate remediated: Portcullis remediation: NO_SSH on sg-1 in 111122223333 eu-west-1"]
    );

    let clean = world.run(at(25));
    assert!(clean.groups.is_empty());
    assert_eq!(clean.resolved.len(), 1);
    // The tags of a group that was put right say why its rules are gone, and stay.
    assert_eq!(world.group("sg-1").tag("COMPLIANCE_REMEDIATED"), Some("true"));
}

#[test]
fn approval_writes_a_plan_and_tells_and_never_applies() {
    for (actions, why) in [
        (
            r#""remediation_settings": {"automatic_remediation": true, "require_manual_approval": true}"#,
            "the policy requires somebody to agree first",
        ),
        (
            r#""remediation_settings": {"automatic_remediation": false, "require_manual_approval": false}"#,
            "automatic remediation is off",
        ),
    ] {
        let world = World::new(policy(actions, ENFORCE), &[group("sg-1", &[22])]);
        world.run(at(0));
        world.carried();
        world.told();
        assert!(world.shelf.0.lock().unwrap().is_empty());
        let report = world.run(at(24));
        assert_eq!((report.groups[0].action(), report.groups[0].findings[0].why.as_str()), (Action::AskApproval, why));
        let plans = world.shelf.0.lock().unwrap().clone();
        assert_eq!(plans.len(), 1);
        assert_eq!(plans[0].0, "111122223333-eu-west-1-sg-1-20261102T000000Z");
        assert_eq!(plans[0].1.groups[0].findings.len(), 1);
        assert_eq!(report.groups[0].plan.as_deref(), Some("plans/111122223333-eu-west-1-sg-1-20261102T000000Z.json"));
        assert!(world.mailbox.notices.lock().unwrap()[0].text.contains("portcullis apply plans/111122223333-"));
        assert_eq!(world.told().len(), 1);
        world.run(at(500));
        assert_eq!(rules(&world.group("sg-1")), ["ingress tcp 22 from 0.0.0.0/0"]);
        assert_eq!(world.shelf.0.lock().unwrap().len(), 1);
    }
}

#[test]
fn an_edited_rule_is_a_finding_of_its_own_with_a_grace_period_of_its_own() {
    let world = World::new(automatic(), &[group("sg-1", &[22])]);
    world.run(at(0));
    let mut edited = group("sg-1", &[22]);
    edited.rules[0].peer = "0.0.0.0/1".parse().unwrap();
    world.put(edited);
    let report = world.run(at(24));
    assert_eq!(report.groups[0].action(), Action::Wait);
    assert_eq!(report.groups[0].findings[0].due, Some(at(48)));
    // What is the same in other words is the same finding: its time goes on.
    let mut reworded = world.group("sg-1");
    reworded.rules[0].description = "still needed".into();
    world.put(reworded);
    assert_eq!(world.run(at(48)).groups[0].action(), Action::Remediate);
}

#[test]
fn a_plan_that_waits_fits_the_group_with_its_warning() {
    let actions = r#""remediation_settings": {"require_manual_approval": true, "grace_period_hours": 0}"#;
    let account = r#", "enforcement_level": "enforce", "actions": {"add_warning_rule": true}"#;
    let world = World::new(policy(actions, account), &[group("sg-1", &[22])]);
    world.run(at(0));
    let plans = world.shelf.0.lock().unwrap().clone();
    assert_eq!(world.group("sg-1").rules.len(), 2, "{:?}", rules(&world.group("sg-1")));
    assert_eq!(plans[0].1.groups[0].fingerprint, portcullis_core::remediation::fingerprint(&world.group("sg-1")));
}

#[test]
fn a_plan_that_waits_reads_back_and_holds() {
    let world = World::new(policy("", ENFORCE), &[group("sg-1", &[22]), group("sg-2", &[22, 80])]);
    world.run(at(0));
    world.run(at(24));
    let plans = world.shelf.0.lock().unwrap().clone();
    assert_eq!(plans.len(), 2);
    for (_, plan) in plans {
        assert_eq!(plan.groups.len(), 1);
        let about = portcullis_formats::plan::About { created_at: at(24), tool_version: "1" };
        let mut bytes = Vec::new();
        portcullis_formats::plan::write(&plan, &about, &mut bytes).unwrap();
        portcullis_formats::plan::read(&bytes).unwrap();
    }
}

#[test]
fn an_environment_with_approvers_is_never_changed_without_them() {
    let mut vault = group("sg-1", &[22]);
    vault.tags.push(portcullis_core::model::Tag { key: "Environment".into(), value: "Vault".into() });
    let world = World::new(automatic(), &[vault]);
    world.run(at(0));
    let report = world.run(at(24));
    assert_eq!(report.groups[0].findings[0].why, "security_team and ops_team must agree first");
    assert_eq!(world.shelf.0.lock().unwrap().len(), 1);
}

#[test]
fn what_vanished_is_forgotten_and_what_comes_back_begins_anew() {
    let world = World::new(automatic(), &[group("sg-1", &[22])]);
    world.run(at(0));
    world.put(group("sg-1", &[]));
    assert_eq!(world.run(at(10)).resolved.len(), 1);
    // Back before it was forgotten.
    world.put(group("sg-1", &[22]));
    assert_eq!(world.run(at(20)).groups[0].findings[0].first_seen, Some(at(20)));
    world.put(group("sg-1", &[]));
    world.run(at(21));
    world.run(at(22));
    assert_eq!(crate::state::KeyValue::scan(&world.state, "sights/").unwrap().len(), 0);
}

#[test]
fn a_group_that_was_deleted_is_forgotten_and_one_that_was_not_read_is_not() {
    let mut world = World::new(automatic(), &[group("sg-1", &[22])]);
    world.run(at(0));
    let taken = world.group("sg-1");
    world.remove("sg-1");
    world.coverage = CoverageStatus::Partial;
    let report = world.run(at(1));
    assert_eq!(report.resolved.len(), 0);
    assert_eq!(report.failures, ["account 111122223333, Region eu-west-1: denied"]);
    world.put(taken);
    world.coverage = CoverageStatus::Complete;
    assert_eq!(world.run(at(24)).groups[0].action(), Action::Remediate);
    world.remove("sg-1");
    world.run(at(25));
    world.run(at(26));
    assert_eq!(crate::state::KeyValue::scan(&world.state, "sights/").unwrap().len(), 0);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let mut world = World::new(automatic(), &[group("sg-1", &[22])]);
    world.run(at(0));
    world.told();
    world.carried();
    world.sink.0.lock().unwrap().clear();
    let before = world.writes();
    world.dry_run = true;
    let report = world.run(at(24));
    assert!(report.dry_run);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["schema_version"], &json["at"]), (&"1".into(), &"2026-11-02T00:00:00Z".into()));
    let group = &json["groups"][0];
    assert_eq!((&group["group_id"], &group["level"]), (&"sg-1".into(), &"enforce".into()));
    assert_eq!(group["remediation"]["outcome"], "would_change");
    assert_eq!(group["findings"][0]["action"], "remediate");
    assert!(matches!(report.groups[0].remediation, Some(Deed::WouldChange { .. })));
    assert_eq!((report.summary.due, report.summary.remediated, report.summary.notices), (1, 1, 1));
    assert_eq!(world.told(), [""; 0]);
    assert_eq!(world.carried(), []);
    assert_eq!(world.writes(), before);
    assert!(world.sink.0.lock().unwrap().is_empty());
}

#[test]
fn a_clock_that_goes_back_puts_nothing_right_early() {
    let world = World::new(automatic(), &[group("sg-1", &[22])]);
    world.run(at(100));
    for hour in [0, 50, 99, 123] {
        assert_eq!(world.run(at(hour)).groups[0].action(), Action::Wait, "hour {hour}");
    }
    assert_eq!(world.run(at(124)).groups[0].action(), Action::Remediate);
}

#[test]
fn no_more_groups_are_put_right_than_are_allowed() {
    let mut world = World::new(automatic(), &[group("sg-1", &[22]), group("sg-2", &[22]), group("sg-3", &[22])]);
    world.run(at(0));
    world.max_groups = Some(1);
    let report = world.run(at(24));
    assert_eq!(report.summary.remediated, 1);
    assert!(!report.is_complete());
    assert_eq!(rules(&world.group("sg-2")), ["ingress tcp 22 from 0.0.0.0/0"]);
}

#[test]
fn what_fails_is_reported_and_tried_again() {
    let world = World::new(automatic(), &[group("sg-1", &[22])]);
    world.run(at(0));
    world.told();
    *world.cloud.fails.lock().unwrap() = true;
    let report = world.run(at(24));
    assert_eq!(report.failures, ["nothing was changed: the bucket refuses"]);
    assert_eq!(world.told(), ["immediate errors: Portcullis: 1 error in this run"]);
    assert_eq!(world.run(at(25)).summary.notices, 0);
    *world.cloud.fails.lock().unwrap() = false;
    assert_eq!(world.run(at(26)).summary.remediated, 1);
}

#[test]
fn of_two_runs_at_once_one_leaves_the_group_alone() {
    use crate::state::sights::FirstSights;
    let world = World::new(automatic(), &[group("sg-1", &[22])]);
    world.run(at(0));
    let mut late = FirstSights::load(&world.state).unwrap();
    assert_eq!(world.run(at(24)).summary.remediated, 1);
    let key = world.group("sg-1").key;
    late.group_mut(&key);
    let refused = late.save(&world.state, None);
    assert_eq!(refused.len(), 1);
    assert!(refused[0].1.to_string().contains("another run changed"), "{}", refused[0].1);
}

#[test]
fn what_no_plan_can_put_right_is_told_once() {
    let text = r#"{"version": "1", "compliance_policies": {"global_rules": {"required_tags": ["Owner"]}},
        "accounts_config": [{"account_id": "111122223333", "enforcement_level": "enforce"}]}"#;
    let request = portcullis_formats::policy::assemble::Request {
        policies: vec![("policy.json".to_owned(), text.as_bytes().to_vec())],
        ..Default::default()
    };
    let world = World::new(portcullis_formats::policy::assemble::assemble(&request).unwrap(), &[group("sg-1", &[])]);
    world.run(at(0));
    world.told();
    let report = world.run(at(24));
    assert_eq!(report.groups[0].action(), Action::AskApproval);
    assert!(report.groups[0].findings[0].stays.as_ref().unwrap().contains("changes traffic only"));
    assert_eq!(world.told().len(), 1);
    let writes = world.writes();
    world.run(at(24));
    assert_eq!((world.told().len(), world.writes()), (0, writes));
    assert!(world.shelf.0.lock().unwrap().is_empty());
}
