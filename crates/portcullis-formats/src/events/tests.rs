//! The examples of `examples/events/`, one a line, and what is wrong with others.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::Path;

use serde_json::{Value, json};

use super::{ApiCall, Asked, Event, PrincipalKind, read};

fn example(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/events");
    std::fs::read(folder.join(format!("{name}.json"))).unwrap()
}

fn value(name: &str) -> Value {
    serde_json::from_slice(&example(name)).unwrap()
}

/// An event in a line.
fn line(event: &Event) -> String {
    match event {
        Event::Skipped(skipped) => format!("skip {}: {}", skipped.what, skipped.why),
        Event::Scan(scan) => format!("scan {:?} {:?} {:?}", scan.asked, scan.accounts, scan.regions),
        Event::Call(call) => {
            let ApiCall { action, account_id, region, group_ids, group_names, rule_ids, prefix_lists, .. } = &**call;
            let named = [group_ids, group_names, rule_ids, prefix_lists].map(|names| names.join(","));
            let admitted = call.admitted.iter().flatten();
            let admitted: Vec<String> = admitted
                .map(|rule| format!("{} {:?}-{:?} {}", rule.protocol, rule.from_port, rule.to_port, rule.peer))
                .collect();
            let name = action.as_str();
            let named: Vec<&str> = named.iter().map(String::as_str).filter(|names| !names.is_empty()).collect();
            format!("{name} {account_id} {region} {} {admitted:?}", named.join(" ")).replace("Some", "")
        }
    }
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let body = read(bytes).unwrap();
    let line = |event: &Result<Event, _>| match event {
        Ok(event) => line(event),
        Err(error) => format!("error {error}"),
    };
    body.deliveries.iter().map(|delivery| line(&delivery.event)).collect()
}

#[test]
fn every_example_says_what_it_is_about() {
    let at = "111122223333 eu-west-1";
    let group = "sg-0aaaaaaaaaaaaaaa1";
    for (name, expected) in [
        ("authorize-ingress", format!(r#"AuthorizeSecurityGroupIngress {at} {group} ["tcp (22)-(22) 0.0.0.0/0"]"#)),
        ("authorize-egress", format!(r#"AuthorizeSecurityGroupEgress {at} {group} ["tcp (443)-(443) 0.0.0.0/0"]"#)),
        ("authorize-by-name", format!(r#"AuthorizeSecurityGroupIngress {at} web ["tcp (22)-(22) 0.0.0.0/0"]"#)),
        ("revoke-ingress", format!("RevokeSecurityGroupIngress {at} {group} []")),
        ("revoke-by-rule-id", format!("RevokeSecurityGroupIngress {at} sgr-0000000000000001a []")),
        ("modify-rules", format!(r#"ModifySecurityGroupRules {at} {group} ["tcp (22)-(22) 0.0.0.0/0"]"#)),
        ("create-group", format!("CreateSecurityGroup {at} {group} []")),
        ("modify-prefix-list", format!("ModifyManagedPrefixList {at} pl-0aaaaaaaaaaaaaaa1 []")),
        ("schedule", "scan Schedule [] []".to_owned()),
        ("manual-scan", "scan Manually [] []".to_owned()),
        ("run-instances", "skip RunInstances: the call opens nothing in a security group".to_owned()),
        ("seed-2", format!(r#"AuthorizeSecurityGroupIngress {at} {group} ["-1 (-1)-(-1) 0.0.0.0/0"]"#)),
    ] {
        assert_eq!(lines(&example(name)), [expected], "{name}");
    }
    let denied = lines(&example("authorize-denied"));
    assert!(denied[0].starts_with("skip AuthorizeSecurityGroupIngress: the call failed with Client.Un"), "{denied:?}");
    let two = lines(&example("two-groups"));
    assert!(two[0].contains("sg-0aaaaaaaaaaaaaaa1,sg-0aaaaaaaaaaaaaaa2"), "{two:?}");
}

#[test]
fn messages_of_a_batch_are_told_apart() {
    let body = read(&example("sqs-batch")).unwrap();
    assert!(body.is_batch);
    let ids: Vec<&str> = body.deliveries.iter().map(|delivery| delivery.message_id.as_deref().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.starts_with("059f36b4-")), "{ids:?}");
    assert!(lines(&example("sqs-batch"))[1].contains("sg-0aaaaaaaaaaaaaaa2"));
    let poison = read(&example("sqs-poison")).unwrap();
    assert!(poison.deliveries[0].event.is_err() && poison.deliveries[1].event.is_ok());
    assert!(!read(&example("sns")).unwrap().is_batch);
    assert_eq!(lines(&example("sns")), lines(&example("authorize-ingress")));
}

#[test]
fn a_message_as_the_queue_answers_it_is_understood() {
    let message = json!({ "MessageId": "m1", "ReceiptHandle": "r", "Body": value("authorize-ingress").to_string() });
    assert_eq!(lines(message.to_string().as_bytes()), lines(&example("authorize-ingress")));
    let record = value("authorize-ingress")["detail"].clone();
    assert_eq!(lines(record.to_string().as_bytes()), lines(&example("authorize-ingress")));
    let log = json!({ "Records": [record.clone(), record] });
    assert_eq!(lines(log.to_string().as_bytes()).len(), 2);
}

#[test]
fn who_it_was_is_told() {
    let call = |bytes: &[u8]| match read(bytes).unwrap().deliveries.remove(0).event.unwrap() {
        Event::Call(call) => call,
        other => panic!("{other:?}"),
    };
    let ann = call(&example("authorize-ingress")).principal;
    assert_eq!(
        (ann.kind, ann.name.as_str(), ann.session.as_str()),
        (PrincipalKind::Role, "developer", "ann@example.com")
    );
    let rogue = call(&example("seed-2")).principal;
    assert_eq!((rogue.kind, rogue.name.as_str()), (PrincipalKind::User, "rogue"));
    let own = call(&example("own-change"));
    assert_eq!(own.principal.session, "portcullis");
    assert!(own.user_agent.contains("app/portcullis"));
}

/// An example with one field changed.
fn changed(name: &str, pointer: &str, to: Value) -> Vec<u8> {
    let mut value = value(name);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap()[key] = to;
    value.to_string().into_bytes()
}

#[test]
fn what_is_wrong_with_an_event_is_said() {
    let check = |body: &[u8], expected: &str| {
        let error = read(body).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(b"", "no JSON");
    check(b"{}", "this is no event");
    check(b"[]", "this is no event");
    check(br#"{"hello": 1}"#, "this is no event");
    check(br#"{"Records": []}"#, "is empty");
    check(br#"{"Records": 7}"#, "no list");
    check("[".repeat(100_000).as_bytes(), "no JSON");
    let of = |pointer, to| changed("authorize-ingress", pointer, to);
    check(&of("/account", json!("12345")), "twelve digits");
    check(&of("/account", json!(12)), "`account` of the event is no text");
    check(&of("/region", json!("../etc")), "no Region");
    check(&of("/detail", json!(7)), "`detail` of the event is no object");
    check(&of("/detail/requestParameters", json!({"groupId": "sg-1/../x"})), "no id of an event");
    check(&of("/detail/eventTime", json!("yesterday")), "no time");
    check(&of("/detail/eventName", json!(["x"])), "is no text");
    check(&of("/detail/userAgent", json!("x".repeat(5_000))), "too long");
    let mut bare = value("authorize-ingress");
    bare["detail"]["requestParameters"] = Value::Null;
    bare["detail"]["responseElements"] = Value::Null;
    check(bare.to_string().as_bytes(), "names no security group");
}

#[test]
fn what_is_not_of_interest_is_skipped_and_said() {
    let check = |body: &[u8], expected: &str| assert!(lines(body)[0].contains(expected), "{:?}", lines(body));
    check(&changed("authorize-ingress", "/source", json!("my.app")), "only events of the source `aws.ec2`");
    check(
        &changed("authorize-ingress", "/detail-type", json!("EC2 Instance State-change Notification")),
        "not acted upon",
    );
    check(&changed("authorize-ingress", "/detail/eventSource", json!("iam.amazonaws.com")), "change no security group");
    check(br#"{"source": "aws.health", "detail-type": "AWS Health Event", "detail": {}}"#, "not acted upon");
}

#[test]
fn a_manual_scan_may_be_limited_and_its_detail_be_a_text() {
    let text = json!({ "scan_type": "manual", "accounts": ["444455556666"], "regions": "eu-west-1" }).to_string();
    let body = read(&changed("manual-scan", "/detail", json!(text))).unwrap();
    let Ok(Event::Scan(scan)) = &body.deliveries[0].event else { panic!("{body:?}") };
    assert_eq!((scan.asked, scan.accounts.len(), scan.regions.len()), (Asked::Manually, 1, 1));
}

#[test]
fn an_event_without_an_id_is_known_again() {
    let id = |bytes: &[u8]| read(bytes).unwrap().deliveries.remove(0).event.unwrap().id().to_owned();
    assert_eq!(id(&example("authorize-ingress")), "5d1b2c3a-0000-4000-8000-000000000001");
    assert_eq!(id(&example("seed-2")), id(&example("seed-2")));
    assert_ne!(id(&example("seed-2")), id(&changed("seed-2", "/region", json!("eu-west-2"))));
}
