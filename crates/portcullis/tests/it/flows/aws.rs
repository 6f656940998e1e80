//! Buckets and log groups of the AWS-like server as inputs.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use portcullis_testkit::{Proxy, World};
use serde_json::{Value, json};

use super::{gzip, record, text};
use crate::harness::Run;

fn run(world: &World, args: &[&str]) -> (Run, Value) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
    command.env_clear();
    let all = [&["flows", "digest", "--format", "json"], args].concat();
    let run: Run = world.lend_to(&mut command).args(all).output().unwrap().into();
    let document = serde_json::from_str(&run.stdout).unwrap_or(Value::Null);
    (run, document)
}

/// Noon of the tenth of March 2026.
const NOON: u64 = 1_773_144_000;

fn logs(days_later: u64) -> Vec<u8> {
    gzip(text(&[&record("10.0.0.1", "10.0.0.2", "ACCEPT", NOON + days_later * 86_400)]))
}

#[test]
fn all_four_layouts_are_read_and_no_more_than_is_asked_for() {
    let world = World::new();
    let bucket = world.bucket("flows");
    let layouts = [
        ("plain", "AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/03/DD/x.log.gz"),
        ("hourly", "AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/03/DD/12/x.log.gz"),
        (
            "hive",
            "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=03/day=DD/x.log.gz",
        ),
        (
            "hive-hourly",
            "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=03/day=DD/hour=12/x.log.gz",
        ),
    ];
    for (name, layout) in layouts {
        for day in 10..15 {
            let key = format!("{name}/{}", layout.replace("DD", &day.to_string()));
            world.put_object(&bucket, &key, &logs(day - 10));
        }
        let location = format!("s3://{bucket}/{name}/");
        let (all, document) = run(&world, &[&location]);
        assert_eq!((all.code, &document["records"]), (0, &json!(5)), "{name}: {}", all.stderr);

        let proxy = Proxy::start(world.endpoint());
        let times = ["--since", "2026-03-10T00:00:00Z", "--until", "2026-03-11T00:00:00Z"];
        let (some, document) = run(&world.behind(&proxy), &[&[location.as_str()], times.as_slice()].concat());
        assert_eq!((some.code, &document["records"]), (0, &json!(1)), "{name}: {}", some.stderr);
        let read = proxy.calls().iter().filter(|call| call.path.contains("x.log.gz")).count();
        assert_eq!(read, 2, "{name}: the day itself and a day's slack");
        let (none, _) = run(&world, &[&location, "--account", "999999999999"]);
        assert_eq!(none.code, 2, "{name}: {}", none.stderr);
    }
    assert_eq!(run(&world, &["s3://no-such-bucket-anywhere/x"]).0.code, 2);
}

#[test]
fn log_groups_are_read_with_look_back() {
    let world = World::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let call = |action: &str, body: &Value| world.json("logs", &format!("Logs_20140328.{action}"), body);
    call("CreateLogGroup", &json!({"logGroupName": "/vpc/flows"}));
    for (stream, ago) in [("eni-0a-all", 3_600), ("eni-0b-all", 3 * 86_400)] {
        let stream = json!({"logGroupName": "/vpc/flows", "logStreamName": stream});
        call("CreateLogStream", &stream);
        let events: Vec<Value> = (0..30)
            .map(|n| {
                let start = now - ago + n;
                json!({"timestamp": start * 1000, "message": record("10.0.0.1", "10.0.0.2", "ACCEPT", start)})
            })
            .collect();
        let mut put = stream;
        put["logEvents"] = json!(events);
        call("PutLogEvents", &put);
    }
    for (args, records) in [
        (&["cwl:/vpc/flows"][..], 60),
        (&["cwl:/vpc/flows", "--look-back", "1"], 30),
        (&["cwl:/vpc/flows:eni-0b-all"], 30),
        (&["cwl:/vpc/flows:eni-0b-all", "--look-back", "7"], 30),
    ] {
        let (run, document) = run(&world, args);
        assert_eq!((run.code, &document["records"]), (0, &json!(records)), "{args:?}: {}", run.stderr);
    }
    assert_eq!(run(&world, &["cwl:/no/such/group"]).0.code, 2);
}
