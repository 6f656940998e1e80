//! What is left alone, who is counted, and what happens when things are away.

use portcullis_core::remediation::Strategy;
use serde_json::{Value, json};

use super::world::{ACCOUNT, Bench, REGION, Setup, policy};
use crate::respond::Handled;

const OPEN: &str = "ingress tcp 22 from 0.0.0.0/0";

fn narrow() -> Setup {
    Setup { order: Some(Strategy::Narrow), ..Setup::default() }
}

fn skipped(bench: &Bench, event: &Value) -> String {
    let response = bench.handle(event);
    assert!(response.groups.is_empty(), "{response:#?}");
    match &response.events[0].handled {
        Handled::Skipped { why } => why.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn our_own_changes_are_not_answered() {
    let bench = Bench::new(narrow(), &[OPEN]);
    let mut event = bench.event("e1");
    event["detail"]["userIdentity"] = json!({
        "type": "AssumedRole", "accountId": ACCOUNT,
        "arn": "arn:aws:sts::111122223333:assumed-role/portcullis-remediate/portcullis",
    });
    assert!(skipped(&bench, &event).contains("our own"));
    assert_eq!(bench.rules(), [OPEN]);
    // By the same program, with the credentials that we have by ourselves.
    let mut event = bench.event("e2");
    event["detail"]["userIdentity"]["arn"] = json!("arn:aws:iam::111122223333:user/somebody");
    event["detail"]["userAgent"] = json!("aws-sdk-rust/1 app/portcullis");
    assert!(skipped(&bench, &event).contains("our own"));
    // The same program in other hands.
    let mut event = bench.event("e3");
    event["detail"]["userAgent"] = json!("aws-sdk-rust/1 app/portcullis");
    assert!(!bench.handle(&event).stands());
    assert_ne!(bench.rules(), [OPEN]);
}

/// Whoever assumes a role chooses the name of the session.
#[test]
fn a_session_of_our_name_in_another_role_is_not_ours() {
    let bench = Bench::new(narrow(), &[OPEN]);
    let mut event = bench.event("e1");
    event["detail"]["userIdentity"] = json!({
        "type": "AssumedRole", "accountId": ACCOUNT,
        "arn": "arn:aws:sts::111122223333:assumed-role/admin/portcullis",
    });
    assert!(!bench.handle(&event).stands());
    assert_ne!(bench.rules(), [OPEN]);
}

#[test]
fn a_group_that_is_gone_is_no_failure() {
    let bench = Bench::new(narrow(), &[OPEN]);
    let mut event = bench.event("e1");
    event["detail"]["requestParameters"]["groupId"] = json!("sg-0gone");
    assert!(skipped(&bench, &event).contains("there no more"));
}

#[test]
fn an_account_that_cannot_be_entered_fails_its_own_event() {
    let bench = Bench::new(narrow(), &[OPEN]);
    let mut foreign = bench.event("e1");
    foreign["account"] = json!("999988887777");
    let record =
        |id: &str, event: &Value| json!({ "messageId": id, "eventSource": "aws:sqs", "body": event.to_string() });
    let batch = json!({ "Records": [
        record("m1", &foreign),
        json!({ "messageId": "m2", "eventSource": "aws:sqs", "body": "{\"detail-type\": \"AWS A" }),
        record("m3", &bench.event("e2")),
    ] });
    let response = bench.handle(&batch);
    assert!(!response.is_complete());
    assert_eq!(response.failed_messages(), ["m1", "m2"].map(str::to_owned));
    assert_ne!(bench.rules(), [OPEN], "the others go on");
    // What failed is tried again, what was done is not.
    let again = bench.handle(&batch);
    assert_eq!(again.events[2].handled, Handled::Repeated);
    assert!(matches!(again.events[0].handled, Handled::Failed { .. }));
}

#[test]
fn patterns_choose_what_is_looked_at_at_once() {
    let real_time = json!({ "detection_rules": { "risky_rule_added": { "critical_patterns": [
        { "pattern": "0.0.0.0/0", "protocol": "tcp", "port_range": "22" },
    ] } } });
    let bench = Bench::new(Setup { policy: Some(policy("monitor", &real_time)), ..Setup::default() }, &[OPEN]);
    let mut event = bench.event("e1");
    let permission = |port: u16, cidr: &str| json!([{ "ipProtocol": "tcp", "fromPort": port, "toPort": port, "ipRanges": { "items": [{ "cidrIp": cidr }] } }]);
    event["detail"]["requestParameters"]["ipPermissions"]["items"] = permission(3389, "0.0.0.0/0");
    assert!(skipped(&bench, &event).contains("critical_patterns"));
    // Half of the internet is part of it: patterns are sets too.
    let mut event = bench.event("e2");
    event["detail"]["requestParameters"]["ipPermissions"]["items"] = permission(22, "128.0.0.0/1");
    assert!(bench.handle(&event).stands());
    // What takes rules away may have mended something.
    let mut event = bench.event("e3");
    event["detail"]["eventName"] = json!("RevokeSecurityGroupIngress");
    assert!(bench.handle(&event).stands());
}

#[test]
fn a_switched_off_policy_is_said() {
    let bench = Bench::new(
        Setup { policy: Some(policy("enforce", &json!({ "enabled": false }))), ..Setup::default() },
        &[OPEN],
    );
    assert!(skipped(&bench, &bench.event("e1")).contains("`real_time_scanning` is off"));
}

fn mass(block: bool) -> Value {
    policy(
        "monitor",
        &json!({ "detection_rules": { "mass_operations_detected": { "block_suspicious_users": block } } }),
    )
}

#[test]
fn many_changes_by_one_principal_are_told_once_and_escalated_once() {
    let bench = Bench::new(Setup { policy: Some(mass(false)), ..Setup::default() }, &[]);
    for n in 0..10 {
        assert!(bench.handle(&bench.event(&format!("e{n}"))).principals.is_empty(), "{n}");
    }
    let response = bench.handle(&bench.event("e10"));
    assert_eq!((response.principals[0].in_a_minute, response.principals[0].is_new), (11, true));
    // The same event again is no operation more.
    assert!(bench.handle(&bench.event("e10")).principals.is_empty());
    for n in 11..30 {
        bench.handle(&bench.event(&format!("e{n}")));
    }
    assert!((bench.metric("MassOperationsDetected") - 1.0).abs() < 0.1);
    let told = bench.notices();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("MASS OPERATIONS: arn:aws:iam::111122223333:user/rogue"), "{}", told[0]);
    assert!(told[1].contains("ESCALATED"), "{}", told[1]);
    assert!(bench.world.inline_policies(ACCOUNT).is_empty());
}

#[test]
fn operations_that_are_spread_out_are_not_many() {
    let bench = Bench::new(Setup { policy: Some(mass(true)), ..Setup::default() }, &[]);
    let at = |n: i64, minutes: i64| {
        let mut event = bench.event(&format!("e{n}"));
        let time = jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(minutes);
        event["detail"]["eventTime"] = json!(time.to_string());
        event
    };
    // One every two minutes: 30 an hour. In any order.
    for n in (0..60).rev() {
        assert!(bench.handle(&at(n, n * 2)).principals.is_empty(), "{n}");
    }
    assert!(bench.world.inline_policies(ACCOUNT).is_empty());
}

#[test]
fn suspicious_users_are_blocked_and_unblocked() {
    let rogue = "arn:aws:iam::111122223333:user/rogue";
    let batch = |bench: &Bench| {
        let record = |n: usize| json!({ "messageId": format!("m{n}"), "eventSource": "aws:sqs", "body": bench.event(&format!("e{n}")).to_string() });
        json!({ "Records": (0..12).map(record).collect::<Vec<_>>() })
    };
    let bench = Bench::new(Setup { policy: Some(mass(true)), ..Setup::default() }, &[]);
    let response = bench.handle(&batch(&bench));
    assert!(response.principals[0].done[0].starts_with("blocked"), "{response:#?}");
    let policies = bench.world.inline_policies(ACCOUNT);
    assert_eq!(policies.len(), 1);
    assert!(policies.values().all(|document| document.contains("\"Deny\"") && !document.contains("TokenIssueTime")));
    assert!(bench.unblock(rogue) && !bench.unblock(rogue));

    for (setup, expected) in [
        (Setup { dry_run: true, ..Setup::default() }, "would block"),
        (Setup { break_glass: vec![rogue.to_owned()], ..Setup::default() }, "never blocked"),
    ] {
        let bench = Bench::new(Setup { policy: Some(mass(true)), ..setup }, &[]);
        let response = bench.handle(&batch(&bench));
        assert!(response.principals[0].done[0].contains(expected), "{response:#?}");
        assert!(bench.world.inline_policies(ACCOUNT).is_empty());
    }
    // Ourselves: the world in memory knows us as the user `somebody`.
    let bench = Bench::new(Setup { policy: Some(mass(true)), ..Setup::default() }, &[]);
    let ours = batch(&bench).to_string().replace("user/rogue", "user/somebody").replace("rogue", "somebody");
    let response = bench.handle(&serde_json::from_str(&ours).unwrap());
    assert!(response.principals[0].done[0].contains("ourselves"), "{response:#?}");
}

#[test]
fn a_role_loses_its_sessions_and_not_its_future_ones() {
    let bench = Bench::new(Setup { policy: Some(mass(true)), ..Setup::default() }, &[]);
    let records: Vec<Value> = (0..12)
        .map(|n| {
            let mut event = bench.event(&format!("e{n}"));
            event["detail"]["userIdentity"] = json!({ "type": "AssumedRole", "accountId": ACCOUNT,
                "arn": "arn:aws:sts::111122223333:assumed-role/developer/ann" });
            json!({ "messageId": format!("m{n}"), "eventSource": "aws:sqs", "body": event.to_string() })
        })
        .collect();
    bench.handle(&json!({ "Records": records }));
    let policies = bench.world.inline_policies(ACCOUNT);
    let ((who, _), document) = policies.iter().next().unwrap();
    assert_eq!(format!("{who:?}"), "Role(\"developer\")");
    assert!(document.contains("aws:TokenIssueTime") && document.contains("2026-01-15T12:00:05Z"), "{document}");
    assert!(bench.unblock("arn:aws:iam::111122223333:role/developer"));
}

#[test]
fn a_change_of_a_prefix_list_is_a_change_of_the_groups_that_name_it() {
    let bench = Bench::new(narrow(), &["ingress tcp 22 from pl-1"]);
    bench.world.change(ACCOUNT, REGION, |place| {
        place.add_prefix_list(portcullis_cloud::model::prefix_list("pl-1", ACCOUNT, &["0.0.0.0/1", "128.0.0.0/1"]));
        let other = place.add_group("db", "the books");
        place.add_rule(&other, "ingress tcp 22 from 10.0.0.0/8");
    });
    let mut event = bench.event("e1");
    event["detail"]["eventName"] = json!("ModifyManagedPrefixList");
    event["detail"]["requestParameters"] = json!({ "ModifyManagedPrefixListRequest": { "PrefixListId": "pl-1" } });
    let response = bench.handle(&event);
    assert_eq!(response.groups.len(), 1, "{response:#?}");
    assert!(!response.stands() && !bench.rules().iter().any(|rule| rule.contains("pl-1")), "{:?}", bench.rules());
}

#[test]
fn groups_are_found_by_name_and_by_their_rules() {
    let bench = Bench::new(narrow(), &[OPEN]);
    let rule = bench.world.place(ACCOUNT, REGION).rules.keys().next().unwrap().clone();
    let mut event = bench.event("e1");
    event["detail"]["eventName"] = json!("ModifySecurityGroupRules");
    event["detail"]["requestParameters"] =
        json!({ "ModifySecurityGroupRulesRequest": { "SecurityGroupRule": { "SecurityGroupRuleId": rule } } });
    assert_eq!(bench.handle(&event).groups.len(), 1);
    bench.add_rule(OPEN);
    let mut event = bench.event("e2");
    event["detail"]["requestParameters"] = json!({ "groupName": "web" });
    assert_eq!(bench.handle(&event).groups.len(), 1);
    assert!(!bench.rules().contains(&OPEN.to_owned()));
}
