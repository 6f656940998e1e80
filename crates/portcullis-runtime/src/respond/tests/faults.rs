//! What is done while something is away.

use portcullis_cloud::error::Kind;
use portcullis_cloud::faults::Fault;
use portcullis_cloud::model::Place;
use portcullis_core::remediation::Strategy;
use serde_json::{Value, json};

use super::world::{ACCOUNT, Bench, Setup, policy};
use crate::respond::{Handled, Response};

const OPEN: &str = "ingress tcp 22 from 0.0.0.0/0";

fn message(id: &str, event: &Value) -> Value {
    json!({ "messageId": id, "eventSource": "aws:sqs", "body": event.to_string() })
}

fn batch(events: &[(&str, Value)]) -> Value {
    json!({ "Records": events.iter().map(|(id, event)| message(id, event)).collect::<Vec<_>>() })
}

/// Takes the state away.
fn away(bench: &Bench) {
    for call in ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan", "dynamodb:DeleteItem"] {
        bench.faults.add(Fault::fail(call, Kind::Denied));
    }
}

fn says(response: &Response, word: &str) -> bool {
    response.failures.iter().any(|why| why.contains(word))
}

#[test]
fn without_its_state_it_acts_once_says_so_and_asks_for_the_event_again() {
    let bench = Bench::new(Setup { order: Some(Strategy::Narrow), table: true, ..Setup::default() }, &[OPEN]);
    let event = batch(&[("m1", bench.event("e1"))]);
    away(&bench);
    let response = bench.handle(&event);
    assert!(!bench.rules().contains(&OPEN.to_owned()), "what is judged on the present state alone is done");
    assert!(says(&response, "state") && response.failed_messages() == ["m1"], "{response:#?}");
    let closed = bench.rules();
    // Delivered again, with the state still away: the group is as it should be, and nothing is done twice.
    bench.handle(&event);
    assert_eq!((bench.rules(), bench.backups()), (closed.clone(), 1));
    bench.faults.clear();
    let back = bench.handle(&event);
    assert!(back.is_complete() && bench.rules() == closed, "{back:#?}");
    assert_eq!(bench.handle(&event).events[0].handled, Handled::Repeated);
}

#[test]
fn without_its_state_nothing_is_done_that_rests_on_when_it_was_seen_first() {
    let immediate = json!({ "remediation_settings": { "immediate_remediation": {
        "enabled": true, "severity_threshold": "high", "grace_period_minutes": 5 } } });
    let setup = Setup { policy: Some(policy("enforce", &immediate)), table: true, ..Setup::default() };
    let bench = Bench::new(setup, &[OPEN]);
    away(&bench);
    let response = bench.handle(&batch(&[("m1", bench.event("e1"))]));
    assert_eq!(bench.rules(), [OPEN]);
    assert!(response.groups[0].waits_until.is_none() && !response.is_complete(), "{response:#?}");
    bench.clock.turn(60);
    // An hour later it is seen for the first time, as far as anybody knows.
    bench.faults.clear();
    let seen = bench.handle(&batch(&[("m1", bench.event("e1"))]));
    assert_eq!(bench.rules(), [OPEN]);
    assert!(seen.groups[0].waits_until.is_some() && seen.is_complete(), "{seen:#?}");
}

#[test]
fn an_emergency_gets_through_throttling() {
    let emergency = json!({ "remediation_settings": { "emergency_remediation": { "enabled": true, "severity_threshold": "high" } } });
    let setup = || Setup { policy: Some(policy("enforce", &emergency)), ..Setup::default() };
    let bench = Bench::new(setup(), &[OPEN]);
    for call in [
        "ec2:DescribeSecurityGroups",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupIngress",
        "ec2:ModifySecurityGroupRules",
    ] {
        bench.faults.add(Fault::fail(call, Kind::Throttled).first(3));
    }
    let response = bench.handle(&bench.event("e1"));
    assert!(bench.faults.done() > 3, "nothing was throttled");
    assert!(response.is_complete() && response.groups[0].emergency, "{response:#?}");
    assert_eq!(bench.backups(), 1);

    // Where it does not end, that is said, and the next try finishes what this one began.
    let bench = Bench::new(setup(), &[OPEN]);
    for call in ["ec2:RevokeSecurityGroupIngress", "ec2:ModifySecurityGroupRules"] {
        bench.faults.add(Fault::fail(call, Kind::Throttled));
    }
    let event = batch(&[("m1", bench.event("e1"))]);
    let response = bench.handle(&event);
    assert_eq!(response.failed_messages(), ["m1"]);
    assert!(says(&response, &bench.group), "{response:#?}");
    assert!(bench.notices().iter().any(|told| told.contains(&bench.group)), "{:?}", bench.notices());
    bench.faults.clear();
    let response = bench.handle(&event);
    assert!(response.is_complete() && !bench.rules().contains(&OPEN.to_owned()), "{response:#?}");
}

#[test]
fn when_the_time_is_nearly_over_what_is_in_hand_is_finished_and_the_rest_comes_again() {
    let bench = Bench::new(Setup { order: Some(Strategy::Narrow), ..Setup::default() }, &[OPEN]);
    let mut place = Place::new(ACCOUNT, "us-east-1");
    let other = place.add_group("api", "");
    let _ = place.add_rule(&other, OPEN);
    bench.world.add_place(place);
    let mut elsewhere = bench.event("e2");
    elsewhere["region"] = json!("us-east-1");
    elsewhere["detail"]["awsRegion"] = json!("us-east-1");
    elsewhere["detail"]["requestParameters"]["groupId"] = json!(other);
    let events = batch(&[("m1", bench.event("e1")), ("m2", elsewhere)]);
    let is_open =
        || bench.world.place(ACCOUNT, "us-east-1").lines(&other).iter().any(|line| line.contains("0.0.0.0/0"));
    let late = bench.handle_late(&events);
    assert_eq!(late.failed_messages(), ["m2"], "{late:#?}");
    assert!(says(&late, "stopped before its turn") && !bench.rules().contains(&OPEN.to_owned()) && is_open());
    let next = bench.handle(&events);
    assert!(next.is_complete() && !is_open(), "{next:#?}");
    assert_eq!(next.events[0].handled, Handled::Repeated);
}

#[test]
fn a_backup_that_cannot_be_written_stops_the_change() {
    let bench = Bench::new(Setup { order: Some(Strategy::Narrow), ..Setup::default() }, &[OPEN]);
    bench.spoil_backups();
    let response = bench.handle(&batch(&[("m1", bench.event("e1"))]));
    assert_eq!((bench.rules(), response.failed_messages()), (vec![OPEN.to_owned()], vec!["m1".to_owned()]));
}
