//! What the function answers, and what it does.

use portcullis_testkit::World;
use serde_json::{Value, json};

use crate::runtime::Function;

fn event(world: &World, id: &str, group: &str) -> Value {
    json!({
        "version": "0", "id": id, "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
        "account": world.account(), "region": world.region(),
        "detail": {
            "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress", "eventID": id,
            "awsRegion": world.region(), "recipientAccountId": world.account(),
            "userIdentity": { "type": "IAMUser", "arn": format!("arn:aws:iam::{}:user/rogue", world.account()) },
            "requestParameters": { "groupId": group },
        },
    })
}

fn open_group(world: &World) -> String {
    let group = world.group(&world.vpc("10.9.0.0/16"), "web");
    world.authorise(&group, "ingress tcp 22 0.0.0.0/0", "everybody");
    group
}

fn is_open(world: &World, group: &str) -> bool {
    world.shapes(group).iter().any(|rule| rule == "ingress tcp 22 0.0.0.0/0")
}

#[test]
fn the_function_acts_on_events_and_batches_and_tells_what_failed() {
    let world = World::new();
    let (group, bucket) = (open_group(&world), world.bucket("lambda"));
    world.table(&format!("state-{}", world.account()));
    let (backup, state) = (format!("s3://{bucket}/backups"), format!("dynamodb://state-{}", world.account()));
    let variables = [
        ("PORTCULLIS_ENFORCE", "true"),
        ("PORTCULLIS_BAD_PORTS", "22,3389"),
        ("PORTCULLIS_REPLACE_WITH", "10.0.0.0/8"),
        ("PORTCULLIS_BACKUP", &backup),
        ("PORTCULLIS_STATE", &state),
        ("PORTCULLIS_NOTIFY", ""),
    ];
    let function = Function::start(&world, &variables);
    let (well, answer) = function.call(&event(&world, "e1", &group));
    assert!(well && answer["groups"][0]["did"] == "changed", "{answer:#}");
    assert!(!is_open(&world, &group));
    assert_eq!(world.objects(&bucket, &format!("backups/{}/", world.account())).len(), 1);

    world.authorise(&group, "ingress tcp 22 0.0.0.0/0", "again");
    let record = |id: &str, body: &str| json!({ "messageId": id, "eventSource": "aws:sqs", "body": body });
    let batch = json!({ "Records": [
        record("m1", "{\"detail-type\": \"AWS"),
        record("m2", &event(&world, "e2", &group).to_string()),
        record("m3", &event(&world, "e1", &group).to_string()),
    ] });
    let (well, answer) = function.call(&batch);
    assert!(well, "{answer:#}");
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "m1" }] }));
    assert!(!is_open(&world, &group));
    assert_eq!(function.call(&json!({ "Records": [] })), (true, json!({ "batchItemFailures": [] })));
    let (well, answer) = function.call(&json!({ "hello": 1 }));
    assert!(!well && answer.to_string().contains("this is no event"), "{answer:#}");
    let mut foreign = event(&world, "e3", &group);
    foreign["account"] = json!("999988887777");
    assert!(!function.call(&foreign).0, "what failed fails the call, so that AWS makes it again");
}

#[test]
fn without_being_told_to_the_function_changes_nothing() {
    let world = World::new();
    let (group, bucket) = (open_group(&world), world.bucket("reports"));
    let reports = format!("s3://{bucket}/reports");
    let function = Function::start(&world, &[("PORTCULLIS_STRATEGY", "narrow"), ("PORTCULLIS_REPORTS", &reports)]);
    let (well, answer) = function.call(&event(&world, "e1", &group));
    assert!(well && answer["dry_run"] == true && answer["groups"][0]["did"] == "would_change", "{answer:#}");
    let schedule = json!({ "version": "0", "id": "s1", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": world.account(), "region": world.region(), "detail": {} });
    let (well, answer) = function.call(&schedule);
    assert!(well && answer["scans"][0]["stands"] == true, "{answer:#}");
    let kept: Vec<&str> = answer["scans"][0]["reports"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(kept.len(), 4, "json, csv, markdown and what was done: {kept:?}");
    let keys = world.objects(&bucket, "reports/");
    assert!(kept.iter().all(|place| keys.iter().any(|key| place.ends_with(key.as_str()))), "{kept:?}: {keys:?}");
    assert_eq!(world.objects(&bucket, "reports/history/").len(), 1);
    assert!(is_open(&world, &group));
}

#[test]
fn the_tasks_of_a_state_machine_list_scan_and_report() {
    let world = World::new();
    let (group, bucket) = (open_group(&world), world.bucket("tasks"));
    let reports = format!("s3://{bucket}/reports");
    let function = Function::start(&world, &[("PORTCULLIS_REPORTS", &reports), ("PORTCULLIS_BAD_PORTS", "22")]);
    let (well, listed) = function.call(&json!({ "task": "units", "run": "r1" }));
    let expected = json!({ "run": "r1", "units": 1, "bucket": bucket, "key": "reports/runs/r1/units.json" });
    assert_eq!((well, listed), (true, expected));
    let unit = json!({ "task": "scan", "run": "r1", "account": world.account(), "region": world.region() });
    let (well, answer) = function.call(&unit);
    assert!(well && answer["failing"] == 1 && answer["failures"] == json!([]), "{answer:#}");
    let (well, answer) = function.call(&json!({ "task": "report", "run": "r1", "began": "2026-01-15T12:00:00Z" }));
    assert!(well && answer["complete"] == true && answer["failing"] == 1, "{answer:#}");
    assert_eq!(answer["reports"].as_array().map(Vec::len), Some(3));
    for (task, why) in [
        (json!({ "task": "report", "run": "none" }), "units.json"),
        (json!({ "task": "units", "run": "a/b" }), "cannot be the name of a run"),
        (json!({ "task": "scan", "run": "r1" }), "this is no unit of a scan"),
        (json!({ "task": "sweep" }), "`sweep` is no task"),
    ] {
        let (well, answer) = function.call(&task);
        assert!(!well && answer["errorType"] == "Portcullis.Failed", "{answer:#}");
        assert!(answer["errorMessage"].as_str().is_some_and(|said| said.contains(why)), "{why}: {answer:#}");
    }
    assert!(is_open(&world, &group));
}
