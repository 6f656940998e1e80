//! The binary on an AWS that refuses, stumbles or is elsewhere: each a sentence that says what to do, and the exit code.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use portcullis_testkit::{Fault, Proxy, When, World};
use serde_json::Value;

fn run(world: &World, folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
    world.lend_to(command.env_clear()).current_dir(folder).args(args).output().unwrap()
}

fn open_to_all(world: &World) {
    let group = world.group(&world.vpc("10.9.0.0/16"), "web");
    world.authorise(&group, "ingress tcp 22 0.0.0.0/0", "everybody");
}

/// The statuses of a scan's coverage by Region.
fn coverage(output: &Output) -> Vec<String> {
    let err = String::from_utf8_lossy(&output.stderr);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert!(result.is_object(), "no JSON\n{err}");
    let rows = result["coverage"].as_array().unwrap().iter();
    rows.map(|row| format!("{} {}", row["region"], row["status"]).replace('"', "")).collect()
}

#[test]
fn what_fails_in_one_region_is_said_there_and_the_other_is_judged() {
    let refused = |code: &str| Fault::Refused(code.to_owned());
    let cases = [
        (Fault::Denied, "deploy/iam/"),
        (refused("OptInRequired"), "enable the Region"),
        (refused("AuthFailure"), "enable the Region"),
        (Fault::Failed, "try again"),
        (Fault::Reset, "network"),
        (Fault::Truncated, "network"),
        (Fault::SamePage, "page"),
    ];
    // Side by side, for each is tried again with pauses before it is given up.
    thread::scope(|scope| {
        for (fault, advice) in &cases {
            scope.spawn(move || fails_in_one_region(fault, advice));
        }
    });
}

/// Refused in `eu-north-1` alone.
fn fails_in_one_region(fault: &Fault, advice: &str) {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    open_to_all(&world);
    open_to_all(&world.at("eu-north-1"));
    let proxy = Proxy::start(world.endpoint());
    proxy.inject(When::action("DescribeSecurityGroup*").in_region("eu-north-1"), fault.clone());
    let args = ["scan", "--format", "json", "--region", "eu-north-1", "--region", world.region()];
    let output = run(&world.behind(&proxy), folder.path(), &args);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{fault:?}\n{err}");
    let rows = coverage(&output);
    assert!(rows.contains(&format!("{} complete", world.region())), "{fault:?} {rows:?}");
    assert!(!rows.contains(&"eu-north-1 complete".to_owned()), "{fault:?} {rows:?}");
    assert!(err.contains("eu-north-1") && err.contains(advice), "{fault:?}\n{err}");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("internet-ssh"), "{fault:?}\n{out}");
}

#[test]
fn what_is_wrong_with_the_credentials_or_the_clock_is_said() {
    for (fault, advice) in [(Fault::Expired, "sign in"), (Fault::Skewed, "set the machine's clock")] {
        let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
        open_to_all(&world);
        let proxy = Proxy::start(world.endpoint());
        proxy.inject(When::action("DescribeSecurityGroup*"), fault.clone());
        let output = run(&world.behind(&proxy), folder.path(), &["scan", "--format", "json"]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{fault:?}\n{err}");
        assert_eq!(coverage(&output), [format!("{} unread", world.region())], "{fault:?}");
        assert!(err.contains(advice), "{fault:?}\n{err}");
    }
}

#[test]
fn findings_of_one_region_are_printed_while_another_is_still_read() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    open_to_all(&world);
    let proxy = Proxy::start(world.endpoint());
    proxy.inject(When::action("DescribeSecurityGroups").in_region("eu-north-1"), Fault::Never);
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
    let behind = world.behind(&proxy);
    let command = behind.lend_to(command.env_clear()).current_dir(folder.path()).stdout(Stdio::piped());
    let scan = ["scan", "--format", "ndjson", "--region", world.region(), "--region", "eu-north-1"];
    let mut child = command.args(scan).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let finding: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(finding["region"], world.region());
}

#[test]
fn a_bucket_in_another_region_is_found_there() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    open_to_all(&world);
    let bucket = world.bucket(&format!("rules-{}", world.account()));
    let policy = br#"{"version": "1", "compliance_policies": {}, "controls": ["internet-ssh"]}"#;
    world.put_object(&bucket, "policy.json", policy);
    let proxy = Proxy::start(world.endpoint());
    proxy.inject(When::action("GetObject"), Fault::Elsewhere("us-east-2".to_owned()));
    let place = format!("s3://{bucket}/policy.json");
    let output = run(&world.behind(&proxy), folder.path(), &["scan", "--policy", &place]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let asked: Vec<String> =
        proxy.calls().into_iter().filter(|call| call.action == "GetObject").map(|call| call.region).collect();
    assert_eq!(asked, [world.region(), "us-east-2"]);
}

#[test]
fn a_topic_that_keeps_the_order_is_told_too() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    open_to_all(&world);
    let topic = world.topic("portcullis.fifo");
    let inbox = world.inbox(&topic);
    let plan = run(&world, folder.path(), &["plan", "--control", "internet-ssh", "--out", "plan.json"]);
    assert_eq!(plan.status.code(), Some(0));
    let apply = ["apply", "plan.json", "--yes", "--notify", &format!("sns:{topic}")];
    let output = run(&world, folder.path(), &apply);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let told = world.receive(&inbox);
    assert!(matches!(told.as_slice(), [one] if one.contains("modify")), "{told:?}");
}

/// Where the program connects to, by a proxy that writes down the hosts and lets nobody through.
fn hosts(settings: &[(&str, &str)]) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            let _ = stream.read_line(&mut line);
            let _ = sender.send(line.split(' ').nth(1).unwrap_or_default().to_owned());
            let _ = stream.get_mut().write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
    command.env_clear().env("HOME", folder.path()).env("AWS_EC2_METADATA_DISABLED", "true").env("HTTPS_PROXY", &proxy);
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    let command = command.envs(settings.iter().copied()).current_dir(folder.path());
    let output = command.args(["scan", "--region", "us-west-2", "--time-budget", "5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let mut hosts: Vec<String> = asked.try_iter().collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// Source: AWS General Reference, "Service endpoints": FIPS and dual-stack endpoints of STS and EC2.
#[test]
fn fips_and_dual_stack_endpoints_are_used_when_the_environment_says_so() {
    let starts_with = |hosts: &[String], name: &str| hosts.iter().any(|host| host.starts_with(name));
    let plain = hosts(&[]);
    assert!(starts_with(&plain, "sts.us-west-2.amazonaws.com"), "{plain:?}");
    let fips = hosts(&[("AWS_USE_FIPS_ENDPOINT", "true")]);
    assert!(!fips.is_empty() && fips.iter().all(|host| host.contains("-fips.us-west-2.")), "{fips:?}");
    let both = hosts(&[("AWS_USE_DUALSTACK_ENDPOINT", "true")]);
    assert!(!both.is_empty() && both.iter().all(|host| host.contains(".us-west-2.api.aws")), "{both:?}");
}
