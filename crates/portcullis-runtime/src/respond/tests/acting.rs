//! What is done to groups.

use portcullis_core::remediation::Strategy;
use serde_json::{Value, json};

use super::world::{ACCOUNT, Bench, REGION, Setup, policy, replace};
use crate::respond::{Did, Handled};

const OPEN: &str = "ingress tcp 22 from 0.0.0.0/0";
const WEB: &str = "ingress tcp 443 from 0.0.0.0/0";

fn immediate(minutes: u32) -> Value {
    json!({ "remediation_settings": { "immediate_remediation": {
        "enabled": true, "severity_threshold": "high", "grace_period_minutes": minutes,
    } } })
}

fn emergency() -> Value {
    json!({ "remediation_settings": { "emergency_remediation": { "enabled": true, "severity_threshold": "high" } } })
}

fn ordered(order: Option<Strategy>, dry_run: bool) -> Setup {
    Setup { order, dry_run, ..Setup::default() }
}

fn with(policy: Value) -> Setup {
    Setup { policy: Some(policy), ..Setup::default() }
}

#[test]
fn a_group_is_narrowed_backed_up_and_told() {
    let bench = Bench::new(ordered(Some(Strategy::Narrow), false), &[OPEN, WEB]);
    let response = bench.handle(&bench.event("e1"));
    assert!(response.is_complete() && !response.stands(), "{response:#?}");
    let rules = bench.rules();
    assert!(!rules.iter().any(|rule| rule.contains("tcp 22") && rule.contains("0.0.0.0/0")), "{rules:?}");
    assert!(rules.iter().any(|rule| rule.contains("443 from 0.0.0.0/0")), "{rules:?}");
    assert!(bench.tags().is_empty(), "an order by hand tags nothing: {:?}", bench.tags());
    let Did::Changed { strategy: "narrow", backup, .. } = &response.groups[0].did else { panic!("{response:#?}") };
    assert!(backup.contains(&bench.group), "{backup}");
    let told = bench.notices().join("\n");
    for word in [&bench.group, ACCOUNT, REGION, "user/rogue", "internet-ssh", "tcp 22", "portcullis rollback"] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    assert!((bench.metric("RealTimeScanDuration") - 5.0).abs() < 1.0);
    assert!((bench.metric("RemediationActions") - 1.0).abs() < 0.1);
    assert!(bench.metric("RealTimeDeadlinesMissed") < 0.1);
}

#[test]
fn a_dry_run_changes_nothing_and_the_same_event_may_still_be_acted_upon() {
    let bench = Bench::new(ordered(Some(Strategy::Narrow), true), &[OPEN]);
    let response = bench.handle(&bench.event("e1"));
    assert!(response.stands() && response.is_complete());
    assert!(matches!(response.groups[0].did, Did::WouldChange { .. }), "{response:#?}");
    assert_eq!(bench.rules(), [OPEN]);
    assert!(bench.notices()[0].contains("dry run"), "{:?}", bench.notices());
    // Looked at again, it is judged again and not told again.
    assert!(bench.handle(&bench.event("e1")).stands());
    assert_eq!(bench.notices().len(), 1);
}

#[test]
fn the_same_event_twice_acts_once() {
    let bench = Bench::new(ordered(Some(Strategy::Narrow), false), &[OPEN]);
    bench.handle(&bench.event("e1"));
    // Somebody opens it again; the old event, delivered late once more, is no reason to act.
    bench.add_rule(OPEN);
    let again = bench.handle(&bench.event("e1"));
    assert_eq!(again.events[0].handled, Handled::Repeated);
    assert!(bench.rules().iter().any(|rule| rule == OPEN));
    assert!(!bench.handle(&bench.event("e2")).stands());
    assert!(!bench.rules().iter().any(|rule| rule == OPEN));
}

#[test]
fn sources_are_replaced_as_ordered() {
    let rules = [OPEN, "ingress tcp 3389 from 0.0.0.0/0", "egress -1 to 0.0.0.0/0"];
    let bench = Bench::new(ordered(replace("10.0.0.0/8"), false), &rules);
    bench.handle(&bench.event("e1"));
    let mut left = bench.rules();
    left.sort();
    let wanted = ["egress -1 to 0.0.0.0/0", "ingress tcp 22 from 10.0.0.0/8", "ingress tcp 3389 from 10.0.0.0/8"];
    assert_eq!(left, wanted);
}

#[test]
fn every_group_of_an_event_is_answered_once() {
    let bench = Bench::new(ordered(Some(Strategy::Revoke), false), &[OPEN]);
    let other = bench.world.change(ACCOUNT, REGION, |place| {
        let other = place.add_group("db", "the books");
        place.add_rule(&other, OPEN);
        other
    });
    let mut event = bench.event("e1");
    let item = |group: &str| json!({ "groupId": group, "ipProtocol": "tcp", "cidrIpv4": "0.0.0.0/0" });
    event["detail"]["responseElements"]["securityGroupRuleSet"] =
        json!({ "items": [item(&bench.group), item(&other), item(&bench.group)] });
    let response = bench.handle(&event);
    assert!(response.is_complete(), "{response:#?}");
    assert_eq!(response.groups.len(), 2);
    assert!(bench.rules().is_empty() && bench.world.place(ACCOUNT, REGION).lines(&other).is_empty());
}

#[test]
fn a_storm_on_one_group_is_judged_once() {
    let bench = Bench::new(ordered(Some(Strategy::Narrow), false), &[OPEN]);
    let records: Vec<Value> = (0..200)
        .map(|n| {
            let body = bench.event(&format!("e{n}")).to_string();
            json!({ "messageId": format!("m{n}"), "eventSource": "aws:sqs", "body": body })
        })
        .collect();
    let response = bench.handle(&json!({ "Records": records }));
    assert!(response.is_complete() && response.failed_messages().is_empty());
    assert_eq!((response.events.len(), response.groups.len()), (200, 1));
    // Once to judge, once before the change, once after it.
    assert_eq!(bench.world.calls()["ec2:DescribeSecurityGroups"], 3);
    assert_eq!(bench.notices().len(), 1);
}

#[test]
fn an_emergency_locks_down_and_says_so() {
    let bench = Bench::new(with(policy("enforce", &emergency())), &[OPEN, WEB, "egress -1 to 0.0.0.0/0"]);
    let response = bench.handle(&bench.event("e1"));
    assert!(response.is_complete() && !response.stands(), "{response:#?}");
    assert!(response.groups[0].emergency);
    let rules = bench.rules();
    let [dummy] = rules.as_slice() else { panic!("{rules:?}") };
    assert!(dummy.starts_with("ingress tcp 65535 from 127.0.0.1/32"), "{dummy}");
    assert!(dummy.contains("ALL RULES REMOVED - Security Group failed compliance check."), "{dummy}");
    let tags = bench.tags();
    let tag = |key: &str| {
        let found = tags.iter().find_map(|tag| tag.strip_prefix(&format!("{key}=")));
        found.map(str::to_owned).unwrap_or_else(|| panic!("{key} is not in {tags:?}"))
    };
    assert_eq!(tag("COMPLIANCE_STATUS"), "NON_COMPLIANT");
    assert_eq!(tag("COMPLIANCE_REMEDIATED"), "true");
    assert_eq!(tag("EMERGENCY_TIMESTAMP"), "2026-01-15T12:00:05Z");
    assert!(!tag("EMERGENCY_REASON").is_empty());
    assert!(bench.has_backup(&tag("BACKUP_ID")), "{tags:?}");
    assert!((bench.metric("EmergencyRemediationsPerformed") - 1.0).abs() < 0.1);
}

#[test]
fn the_policys_own_switches_decide_once_acting_is_on() {
    let off = |level: &str, real_time: Value| {
        let bench = Bench::new(with(policy(level, &real_time)), &[OPEN]);
        let response = bench.handle(&bench.event("e1"));
        assert_eq!(bench.rules(), [OPEN], "{level} {real_time}: {response:#?}");
        assert!(response.stands(), "{level} {real_time}");
        bench.tags().len()
    };
    assert_eq!(off("monitor", emergency()), 0);
    assert_eq!(off("monitor", immediate(0)), 0);
    assert!(off("warn", emergency()) >= 3);
    assert!(off("enforce", json!({})) >= 3);
    let mut held = immediate(0);
    held["detection_rules"] = json!({ "risky_rule_added": { "auto_remediate_critical": false } });
    held["remediation_settings"]["immediate_remediation"]["severity_threshold"] = json!("critical");
    off("enforce", held);
    let bench = Bench::new(with(policy("enforce", &immediate(0))), &[OPEN]);
    assert!(!bench.handle(&bench.event("e1")).stands());
    assert_ne!(bench.rules(), [OPEN]);
}

#[test]
fn grace_minutes_are_kept_and_done_by_the_next_call() {
    let bench = Bench::new(with(policy("enforce", &immediate(5))), &[OPEN]);
    let response = bench.handle(&bench.event("e1"));
    assert!(response.stands() && response.groups[0].waits_until.is_some(), "{response:#?}");
    assert_eq!(bench.rules(), [OPEN]);
    assert_eq!(bench.next_due().map(|at| at.to_string()).as_deref(), Some("2026-01-15T12:05:05Z"));
    bench.clock.turn(4);
    assert!(bench.handle_all(&[]).groups.is_empty(), "it is not due yet");
    bench.clock.turn(2);
    let done = bench.handle_all(&[]);
    assert!(matches!(done.groups[0].did, Did::Changed { .. }), "{done:#?}");
    assert!(bench.tags().contains(&"COMPLIANCE_REMEDIATED=true".to_owned()), "{:?}", bench.tags());
    assert_eq!(bench.next_due(), None);
}

#[test]
fn what_its_owner_mends_is_left_alone() {
    let bench = Bench::new(with(policy("enforce", &immediate(5))), &[OPEN]);
    bench.handle(&bench.event("e1"));
    bench.world.change(ACCOUNT, REGION, |place| place.rules.clear());
    bench.clock.turn(6);
    let done = bench.handle_all(&[]);
    assert!(matches!(done.groups[0].did, Did::Changed { strategy: "tag", .. }), "its tags go: {done:#?}");
    assert!(bench.tags().is_empty(), "{:?}", bench.tags());
    assert_eq!(bench.next_due(), None);
}

#[test]
fn what_is_exempt_stays() {
    let mut exempt = policy("enforce", &emergency());
    exempt["exemptions"] = json!({ "account_exemptions": { ACCOUNT: {
        "reason": "a bastion", "exempted_rules": "all", "approved_by": "ann", "expiry_date": "permanent",
    } } });
    let bench = Bench::new(with(exempt), &[OPEN]);
    let response = bench.handle(&bench.event("e1"));
    assert!(!response.stands(), "{response:#?}");
    assert_eq!(bench.rules(), [OPEN]);
    assert!(bench.tags().is_empty());
}

/// An account that is enforced at once, and a policy that wants somebody to agree first.
fn agreed() -> Value {
    let mut policy = policy("enforce", &json!({}));
    policy["compliance_policies"] = json!({ "compliance_actions": { "remediation_settings": {
        "automatic_remediation": true, "require_manual_approval": true, "grace_period_hours": 0,
    } } });
    policy["accounts_config"][0]["actions"] = json!({ "add_warning_rule": true });
    policy
}

#[test]
fn where_somebody_must_agree_the_plan_is_kept_and_told_once() {
    let bench = Bench::new(with(agreed()), &[OPEN]);
    let response = bench.handle(&bench.event("e1"));
    assert!(response.is_complete() && response.stands(), "{response:#?}");
    assert!(bench.rules().contains(&OPEN.to_owned()));
    let place = response.groups[0].plan.clone().unwrap();
    let notices = bench.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains(&format!("portcullis apply {place}")), "{}", notices[0]);
    // The plan fits the group as it stands now, with its warning, and is carried out without more ado.
    let plan = portcullis_formats::plan::read(&std::fs::read(&place).unwrap()).unwrap();
    let now = bench.world.place(ACCOUNT, REGION).lines(&bench.group).len();
    assert_eq!(plan.groups[0].group.rules.len(), now, "{:?}", bench.rules());
    // The next event about it asks nobody again.
    let again = bench.handle(&bench.event("e2"));
    assert_eq!(again.groups[0].plan.as_deref(), Some(place.as_str()));
    assert_eq!(std::path::Path::new(&place).parent().unwrap().read_dir().unwrap().count(), 1);
    assert!(bench.notices().iter().all(|told| told.contains(&place)), "{:?}", bench.notices());
}

#[test]
fn a_dry_run_keeps_no_plan() {
    let bench = Bench::new(Setup { dry_run: true, ..with(agreed()) }, &[OPEN]);
    let response = bench.handle(&bench.event("e1"));
    assert!(response.groups[0].plan.is_none());
    assert!(response.groups[0].findings[0].action.contains("somebody to agree"), "{response:#?}");
}
