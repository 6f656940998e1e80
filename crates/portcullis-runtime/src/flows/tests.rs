#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use portcullis_cloud::api::Cloud;
use portcullis_cloud::error::Kind;
use portcullis_cloud::faults::{Fault, Faults};
use portcullis_cloud::model::World;
use portcullis_cloud::stores::S3Location;
use portcullis_flows::{Digest, Input, Progress, Query, digest};
use tokio::runtime::Runtime;

use super::{GroupLocation, Wanted, events, find, inputs};

const RECORD: &str = "2 111122223333 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 10 840 1773144000 1773144060 ACCEPT OK\n";

fn key(account: &str, region: &str, day: &str) -> String {
    format!("logs/AWSLogs/{account}/vpcflowlogs/{region}/2026/03/{day}/x.log")
}

fn world() -> World {
    let world = World::new();
    for account in ["111122223333", "444455556666"] {
        for region in ["eu-west-1", "us-east-1"] {
            for day in ["08", "09", "10", "11", "12"] {
                world.put_object("flows", &key(account, region, day), RECORD.as_bytes());
            }
        }
    }
    world.put_object("flows", "logs/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/10/x.json", b"{}");
    world
}

fn read(inputs: Vec<Input>) -> Digest {
    digest(inputs, &Query::by(&["srcaddr"]), &Arc::new(Progress::default())).unwrap()
}

fn keys(runtime: &Runtime, world: World, location: &str, wanted: &Wanted) -> Vec<String> {
    let cloud: Arc<dyn Cloud> = Arc::new(world);
    let location: S3Location = location.parse().unwrap();
    let found = runtime.block_on(find(&cloud, &location, wanted)).unwrap();
    found.into_iter().map(|found| found.key).collect()
}

/// Noon to one o'clock on the tenth.
fn noon() -> Wanted {
    Wanted { since: Some(1_773_144_000), until: Some(1_773_147_600), ..Wanted::default() }
}

#[test]
fn only_objects_that_may_hold_wanted_records_are_found() {
    let runtime = Runtime::new().unwrap();
    assert_eq!(keys(&runtime, world(), "s3://flows/logs", &Wanted::default()).len(), 20);
    let one = Wanted { accounts: vec!["444455556666".into()], regions: vec!["us-east-1".into()], ..noon() };
    let expected: Vec<_> = ["09", "10", "11"].iter().map(|day| key("444455556666", "us-east-1", day)).collect();
    for location in ["s3://flows/logs", "s3://flows", "s3://flows/logs/AWSLogs/444455556666/vpcflowlogs"] {
        assert_eq!(keys(&runtime, world(), location, &one), expected, "{location}");
    }
    let single = key("111122223333", "eu-west-1", "10");
    assert_eq!(keys(&runtime, world(), &format!("s3://flows/{single}"), &Wanted::default()), [single]);
}

#[test]
fn a_narrow_time_asks_for_few_folders() {
    let runtime = Runtime::new().unwrap();
    let world = world();
    let one = Wanted { accounts: vec!["111122223333".into()], regions: vec!["eu-west-1".into()], ..noon() };
    keys(&runtime, world.clone(), "s3://flows/logs", &one);
    // The prefix, AWSLogs, the account, its service, the Region, the year, the month, and three days.
    assert_eq!(world.calls()["s3:ListBucket"], 10);
}

#[test]
fn objects_are_read_whole_in_pieces() {
    let runtime = Runtime::new().unwrap();
    let world = World::new();
    let lines = 200_000;
    world.put_object("flows", "large.log", RECORD.repeat(lines).as_bytes());
    let cloud: Arc<dyn Cloud> = Arc::new(world.clone());
    let found = runtime.block_on(find(&cloud, &"s3://flows".parse().unwrap(), &Wanted::default())).unwrap();
    let inputs = runtime.block_on(inputs(&cloud, found, runtime.handle())).unwrap();
    assert_eq!(read(inputs).counts.records, lines as u64);
    assert_eq!(world.calls()["s3:GetObject"], 3);
}

#[test]
fn an_object_that_is_refused_is_named_and_the_others_are_read() {
    let runtime = Runtime::new().unwrap();
    let faults = [
        Fault::fail("s3:GetObject", Kind::Denied).after(1).first(1),
        Fault::fail("s3:GetObject", Kind::Server).first(1),
    ];
    let cloud: Arc<dyn Cloud> = Arc::new(Faults::around(Arc::new(world()), faults));
    let found = runtime.block_on(find(&cloud, &"s3://flows/logs".parse().unwrap(), &Wanted::default())).unwrap();
    let inputs = runtime.block_on(inputs(&cloud, found, runtime.handle())).unwrap();
    let digest = read(inputs);
    assert_eq!(digest.counts.records, 19);
    assert_eq!(digest.unreadable.len(), 1);
}

#[test]
fn log_groups_are_named_with_or_without_a_stream() {
    let place = |text: &str| text.parse::<GroupLocation>().map(|place| (place.group, place.stream));
    assert_eq!(place("cwl:/vpc/flows"), Ok(("/vpc/flows".into(), None)));
    assert_eq!(place("cwl:flows:eni-0a-all"), Ok(("flows".into(), Some("eni-0a-all".into()))));
    let arn = "arn:aws:logs:eu-west-1:111122223333:log-group:flows";
    assert_eq!(place(&format!("cwl:{arn}")), Ok((arn.into(), None)));
    assert_eq!(place(&format!("cwl:{arn}:*")), Ok((arn.into(), None)));
    assert_eq!(place(&format!("cwl:{arn}:eni-0a-all")), Ok((arn.into(), Some("eni-0a-all".into()))));
    assert_eq!(format!("cwl:{arn}").parse::<GroupLocation>().unwrap().region(), Some("eu-west-1"));
    assert!(place("cwl:").is_err());
}

#[test]
fn events_of_a_log_group_are_lines() {
    let runtime = Runtime::new().unwrap();
    let world = World::new();
    for number in 0..25 {
        world.log("flows", &format!("eni-{}-all", number % 2), 1_773_144_000_000 + number, RECORD.trim_end());
    }
    world.log("flows", "eni-0-all", 1_000, RECORD);
    let cloud: Arc<dyn Cloud> =
        Arc::new(Faults::around(Arc::new(world), [Fault::fail("logs:FilterLogEvents", Kind::Throttled).first(1)]));
    let records = |location: &str, wanted: &Wanted| {
        let location: GroupLocation = location.parse().unwrap();
        let input = runtime.block_on(events(&cloud, &location, None, wanted, runtime.handle())).unwrap();
        read(vec![input]).counts.records
    };
    assert_eq!(records("cwl:flows", &Wanted::default()), 26);
    assert_eq!(records("cwl:flows", &noon()), 25);
    assert_eq!(records("cwl:flows:eni-1-all", &Wanted::default()), 12);
    let missing = "cwl:none".parse().unwrap();
    let refused = runtime.block_on(events(&cloud, &missing, None, &Wanted::default(), runtime.handle()));
    assert_eq!(refused.map(drop).map_err(|error| error.kind), Err(Kind::NotFound));
}
