//! The binary on AWS accounts of the AWS-like server.

use std::path::Path;
use std::process::{Command, Output};

use portcullis_testkit::{Fault, Proxy, When, World};
use serde_json::Value;

/// Runs the binary in a folder of its own with a world's credentials.
fn run(world: &World, folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
    world.lend_to(command.env_clear()).current_dir(folder).args(args).output().unwrap()
}

/// As [`run`], with what it must exit with.
fn run_to(world: &World, folder: &Path, args: &[&str], code: i32) -> String {
    let output = run(world, folder, args);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    format!("{out}{err}")
}

fn json(world: &World, folder: &Path, args: &[&str]) -> Value {
    let output = run(world, folder, args);
    let read = serde_json::from_slice(&output.stdout);
    assert!(read.is_ok(), "{args:?}\n{}", String::from_utf8_lossy(&output.stderr));
    read.unwrap()
}

/// A group with a public SSH rule beside an office's, and a web rule.
fn exposed(world: &World) -> String {
    let vpc = world.vpc("10.9.0.0/16");
    let group = world.group(&vpc, "web");
    world.authorise(&group, "ingress tcp 22 0.0.0.0/0", "everybody");
    world.authorise(&group, "ingress tcp 22 203.0.113.7/32", "office");
    world.authorise(&group, "ingress tcp 443 0.0.0.0/0", "web");
    let _ = world.interface(&vpc, &[&group]);
    group
}

fn findings(result: &Value) -> Vec<String> {
    let of =
        |finding: &Value| format!("{} {} {}", finding["status"], finding["control_id"], finding["id"]).replace('"', "");
    let mut all: Vec<String> = result["findings"].as_array().unwrap().iter().map(of).collect();
    all.sort();
    all
}

#[test]
fn a_live_scan_is_the_scan_of_its_snapshot() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = exposed(&world);
    let live = json(&world, folder.path(), &["scan", "--format", "json", "--pack", "all"]);
    assert!(findings(&live).iter().any(|finding| finding.starts_with("fail internet-ssh ")), "{live}");
    let evidence = live["findings"].as_array().unwrap().iter().find(|finding| finding["control_id"] == "internet-ssh");
    let evidence = evidence.unwrap();
    assert_eq!(evidence["group_id"], group.as_str());
    assert!(evidence["evidence"][0]["rule_ids"][0].as_str().unwrap().starts_with("sgr-"), "{evidence}");
    assert_eq!(live["coverage"][0]["status"], "complete", "{live}");
    for name in ["inventory.json", "inventory.json.gz"] {
        run_to(&world, folder.path(), &["snapshot", "--out", name], 0);
        let offline = json(&world, folder.path(), &["scan", name, "--format", "json", "--pack", "all"]);
        assert_eq!(findings(&offline), findings(&live));
    }
    // Printed Region by Region, and the same in all.
    let lines = run(&world, folder.path(), &["scan", "--format", "ndjson", "--pack", "all"]).stdout;
    let lines = String::from_utf8(lines).unwrap();
    let list: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(findings(&serde_json::json!({ "findings": list })), findings(&live));
}

#[test]
fn a_plan_is_applied_and_taken_back() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = exposed(&world);
    let before = world.shapes(&group);
    let ids = |world: &World| world.rules(&group).into_iter().map(|rule| rule.id).collect::<Vec<_>>();
    let old_ids = ids(&world);
    run_to(&world, folder.path(), &["plan", "--control", "internet-ssh", "--out", "plan.json"], 0);

    let calls = run_to(&world, folder.path(), &["apply", "plan.json", "--dry-run"], 0);
    assert!(calls.contains("ModifySecurityGroupRules"), "{calls}");
    assert_eq!(world.shapes(&group), before);
    let refused = run_to(&world, folder.path(), &["apply", "plan.json"], 2);
    assert!(refused.contains("--yes"), "{refused}");

    run_to(&world, folder.path(), &["apply", "plan.json", "--yes"], 0);
    let after = world.shapes(&group);
    assert!(after.iter().any(|rule| rule.contains("203.0.113.7/32")), "{after:?}");
    assert!(after.iter().any(|rule| rule.contains("tcp 443 0.0.0.0/0")), "{after:?}");
    assert!(!after.iter().any(|rule| rule.contains("tcp 22 0.0.0.0/0")), "{after:?}");
    // The public rule was changed in place.
    assert!(old_ids.iter().all(|id| ids(&world).contains(id)), "{old_ids:?}");
    let again = run_to(&world, folder.path(), &["apply", "plan.json", "--yes"], 0);
    assert!(again.contains("1 already done"), "{again}");
    run_to(&world, folder.path(), &["scan", "--control", "internet-ssh"], 0);

    run_to(&world, folder.path(), &["rollback", "portcullis-backups", "--yes"], 0);
    assert_eq!(world.shapes(&group), before);
}

#[test]
fn backups_journal_and_policies_may_be_on_s3() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = exposed(&world);
    let before = world.shapes(&group);
    let bucket = world.bucket(&format!("audit-{}", world.account()));
    let policy = br#"{"version": "1", "compliance_policies": {}, "controls": ["internet-ssh"]}"#;
    world.put_object(&bucket, "policy.json", policy);
    world.parameter("/portcullis/policy", std::str::from_utf8(policy).unwrap());
    let on_s3 = format!("s3://{bucket}/policy.json");
    for place in [on_s3.as_str(), "ssm:/portcullis/policy", on_s3.as_str()] {
        let result = json(&world, folder.path(), &["scan", "--format", "json", "--policy", place]);
        assert_eq!(findings(&result).len(), 1, "{result}");
    }
    let missing = run_to(&world, folder.path(), &["scan", "--policy", &format!("s3://{bucket}/other.json")], 2);
    assert!(missing.contains("other.json"), "{missing}");

    run_to(&world, folder.path(), &["plan", "--control", "internet-ssh", "--out", "plan.json"], 0);
    let audit = format!("s3://{bucket}/audit");
    run_to(&world, folder.path(), &["apply", "plan.json", "--yes", "--backup", &audit], 0);
    assert_ne!(world.shapes(&group), before);
    let kept = world.objects(&bucket, "audit/");
    let prefix = format!("audit/{}/{}/{group}/", world.account(), world.region());
    assert!(kept.iter().any(|key| key.starts_with(&prefix)), "{kept:?}");
    assert!(kept.iter().any(|key| key.starts_with("audit/journal/")), "{kept:?}");
    run_to(&world, folder.path(), &["rollback", &audit, "--yes", "--backup", &audit], 0);
    assert_eq!(world.shapes(&group), before);
}

#[test]
fn what_cannot_be_read_is_said_and_the_others_are_judged() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let other = World::new();
    exposed(&world);
    exposed(&other);
    let proxy = Proxy::start(world.endpoint());
    proxy.inject(When::action("DescribeSecurityGroups").in_account(other.account()), Fault::Denied);
    let list = format!("# ours\n{}\n{}\n", world.account(), other.account());
    std::fs::write(folder.path().join("accounts.txt"), list).unwrap();
    let scan = ["scan", "--format", "json", "--accounts-from", "accounts.txt", "--role-name", "audit"];
    let output = run(&world.behind(&proxy), folder.path(), &scan);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows: Vec<(&str, &str)> = result["coverage"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["account_id"].as_str().unwrap(), row["status"].as_str().unwrap()))
        .collect();
    assert!(rows.contains(&(world.account(), "complete")), "{result}");
    assert!(rows.contains(&(other.account(), "unread")), "{result}");
    assert!(findings(&result).iter().any(|finding| finding.starts_with("fail internet-ssh ")), "{result}");
}

#[test]
fn a_throttled_scan_is_slower_and_whole() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    exposed(&world);
    let proxy = Proxy::start(world.endpoint());
    proxy.inject(When::action("DescribeSecurityGroupRules").times(2), Fault::Throttled);
    let result = json(&world.behind(&proxy), folder.path(), &["scan", "--format", "json"]);
    assert_eq!(result["coverage"][0]["status"], "complete", "{result}");
    assert!(proxy.count("DescribeSecurityGroupRules") >= 3);
}

#[test]
fn without_credentials_region_or_network_it_is_said_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let run = |environment: &[(&str, &str)], args: &[&str], code: i32, expected: &str| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
        command.env_clear().env("HOME", folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        let output = command.envs(environment.iter().copied()).current_dir(folder.path()).args(args).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{err}");
        assert!(err.contains(expected), "{err}");
    };
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    run(&[], &["scan"], 2, "--region");
    run(&[("AWS_REGION", "eu-west-1")], &["scan"], 3, "aws configure");
    run(&[], &["scan", "--region", "mars"], 2, "no Region");
    run(&[], &["scan", "--region", "eu-west-1", "--account", "12"], 2, "twelve digits");
    let mut unreachable = keys.to_vec();
    unreachable.extend([("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]);
    run(&unreachable, &["scan"], 3, "AWS_ENDPOINT_URL");
}

#[test]
fn enforcement_goes_by_levels_and_grace() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = exposed(&world);
    let before = world.shapes(&group);
    let write = |level: &str, grace: u32| {
        let policy = format!(
            r#"{{"version": "1", "compliance_policies": {{"compliance_actions": {{"remediation_settings":
                {{"automatic_remediation": true, "require_manual_approval": false, "grace_period_hours": {grace}}}}}}},
                "controls": ["internet-ssh"],
                "accounts_config": [{{"account_id": "{}", "enforcement_level": "{level}"}}]}}"#,
            world.account()
        );
        std::fs::write(folder.path().join("policy.json"), policy).unwrap();
    };
    let enforce = ["enforce", "--policy", "policy.json", "--yes"];
    write("monitor", 24);
    run_to(&world, folder.path(), &enforce, 1);
    assert!(world.tags(&group).is_empty(), "{:?}", world.tags(&group));
    write("enforce", 24);
    let told = run_to(&world, folder.path(), &enforce, 1);
    assert!(told.contains("1 in grace"), "{told}");
    assert_eq!(world.shapes(&group), before);
    assert!(!world.tags(&group).is_empty());
    write("enforce", 0);
    let dry = run_to(&world, folder.path(), &["enforce", "--policy", "policy.json", "--dry-run"], 1);
    assert!(dry.contains("would be made"), "{dry}");
    assert_eq!(world.shapes(&group), before);
    run_to(&world, folder.path(), &enforce, 0);
    assert!(!world.shapes(&group).iter().any(|rule| rule.contains("tcp 22 0.0.0.0/0")));
    assert!(world.shapes(&group).iter().any(|rule| rule.contains("203.0.113.7/32")));
    // Rules and tags are one plan, so that the folder's last state is the one before both.
    run_to(&world, folder.path(), &["rollback", "portcullis-backups", "--yes"], 0);
    assert_eq!(world.shapes(&group), before);
}

#[test]
fn what_enforcement_does_is_told_counted_and_remembered_in_a_table() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = exposed(&world);
    let topic = world.topic("portcullis");
    let inbox = world.inbox(&topic);
    world.table("sights");
    let policy = format!(
        r#"{{"version": "1", "compliance_policies": {{"compliance_actions": {{"remediation_settings":
            {{"automatic_remediation": true, "require_manual_approval": false, "grace_period_hours": 24}}}}}},
            "controls": ["internet-ssh"],
            "accounts_config": [{{"account_id": "{}", "enforcement_level": "enforce"}}]}}"#,
        world.account()
    );
    std::fs::write(folder.path().join("policy.json"), policy).unwrap();
    let notify = format!("sns:{topic}");
    let enforce = ["enforce", "--policy", "policy.json", "--yes", "--state", "dynamodb://sights", "--metrics"];
    let enforce = [&enforce[..], &["--notify", &notify, "--log", "violations.jsonl"]].concat();
    run_to(&world, folder.path(), &enforce, 1);
    let seen = world.items("sights");
    assert!(!seen.is_empty());
    let metrics = world.metrics("SecurityGroup/Compliance");
    assert_eq!(metrics.get("ComplianceViolations{Severity=high}"), Some(&1.0), "{metrics:?}");
    let log = std::fs::read_to_string(folder.path().join("violations.jsonl")).unwrap();
    assert!(log.contains("COMPLIANCE_VIOLATION") && log.contains(&group), "{log}");
    // High findings come in the hour's digest, the first of which is due at once.
    let told = world.receive(&inbox).join("\n");
    assert!(told.contains("within_1_hour") && told.contains(&group), "{told}");

    // The same sight again is no new one, on whatever machine.
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("policy.json"), elsewhere.path().join("policy.json")).unwrap();
    let told = run_to(&world, elsewhere.path(), &enforce, 1);
    assert!(told.contains("1 in grace"), "{told}");
    assert_eq!(world.items("sights").len(), seen.len());
}

#[test]
fn a_topic_is_told_of_what_was_changed_and_what_failed() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = exposed(&world);
    let topic = world.topic("portcullis");
    let inbox = world.inbox(&topic);
    run_to(&world, folder.path(), &["plan", "--control", "internet-ssh", "--out", "plan.json"], 0);
    let notify = format!("sns:{topic}");
    let wrong = run_to(&world, folder.path(), &["apply", "plan.json", "--yes", "--notify", "sns:us"], 2);
    assert!(wrong.contains("arn:aws:sns:"), "{wrong}");
    run_to(&world, folder.path(), &["apply", "plan.json", "--yes", "--notify", &notify, "--metrics"], 0);
    assert_eq!(world.metrics("SecurityGroup/Compliance").get("RemediationActions{}"), Some(&1.0));
    let told = world.receive(&inbox).join("\n");
    assert!(told.contains(&group) && told.contains("modify") && told.contains("portcullis rollback"), "{told}");

    // Somebody edits a rule by hand before it is applied again: refused, and told.
    world.authorise(&group, "ingress tcp 23 0.0.0.0/0", "by hand");
    run_to(&world, folder.path(), &["apply", "plan.json", "--yes", "--notify", &notify], 3);
    let told = world.receive(&inbox).join("\n");
    assert!(told.contains("refused") && told.contains(&group), "{told}");
}

#[test]
fn a_bucket_that_refuses_keeps_groups_as_they_are() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = exposed(&world);
    let before = world.shapes(&group);
    let bucket = world.bucket(&format!("audit-{}", world.account()));
    run_to(&world, folder.path(), &["plan", "--control", "internet-ssh", "--out", "plan.json"], 0);
    let proxy = Proxy::start(world.endpoint());
    proxy.inject(When::action("PutObject"), Fault::Denied);
    let behind = world.behind(&proxy);
    let apply = ["apply", "plan.json", "--yes", "--backup", &format!("s3://{bucket}/audit"), "--state", "state"];
    let told = run_to(&behind, folder.path(), &apply, 3);
    assert!(told.contains("it was not changed"), "{told}");
    assert_eq!(world.shapes(&group), before);
    assert!(proxy.changes().iter().all(|call| call.service != "ec2"), "{:?}", proxy.changes());
}

#[test]
fn a_run_that_is_killed_is_finished_by_the_next_and_can_be_taken_back() {
    // Killed while each of these calls is under way: the last reading, and both kinds of change. Of those that the server
    // never saw and of those that it did, nobody knows the answer.
    let cases = [
        ("DescribeSecurityGroupRules", Fault::Never),
        ("AuthorizeSecurityGroupIngress", Fault::Never),
        ("ModifySecurityGroupRules", Fault::Never),
        ("ModifySecurityGroupRules", Fault::Slow(std::time::Duration::from_secs(3600))),
    ];
    for (action, fault) in cases {
        let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
        let group = exposed(&world);
        let before = world.shapes(&group);
        run_to(&world, folder.path(), &["plan", "--control", "internet-ssh", "--out", "plan.json"], 0);
        let proxy = Proxy::start(world.endpoint());
        proxy.inject(When::action(action), fault);
        let behind = world.behind(&proxy);
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
        let command = behind.lend_to(command.env_clear()).current_dir(folder.path());
        let mut child = command.args(["apply", "plan.json", "--yes"]).spawn().unwrap();
        proxy.await_calls(action, 1);
        child.kill().unwrap();
        child.wait().unwrap();

        run_to(&world, folder.path(), &["apply", "plan.json", "--yes"], 0);
        let after = world.shapes(&group);
        assert!(!after.iter().any(|rule| rule.contains("tcp 22 0.0.0.0/0")), "{action}: {after:?}");
        run_to(&world, folder.path(), &["scan", "--control", "internet-ssh"], 0);
        run_to(&world, folder.path(), &["rollback", "portcullis-backups", "--yes"], 0);
        assert_eq!(world.shapes(&group), before, "{action}");
    }
}

#[test]
fn of_two_runs_at_once_the_later_does_nothing_and_says_why() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = exposed(&world);
    let before = world.shapes(&group);
    run_to(&world, folder.path(), &["plan", "--control", "internet-ssh", "--out", "plan.json"], 0);
    let bucket = world.bucket(&format!("state-{}", world.account()));
    for state in ["state".to_owned(), format!("s3://{bucket}/state")] {
        let proxy = Proxy::start(world.endpoint());
        proxy.inject(When::action("AuthorizeSecurityGroupIngress"), Fault::Never);
        let behind = world.behind(&proxy);
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
        let command = behind.lend_to(command.env_clear()).current_dir(folder.path());
        let apply = ["apply", "plan.json", "--yes", "--state", &state];
        let mut first = command.args(apply).spawn().unwrap();
        proxy.await_calls("AuthorizeSecurityGroupIngress", 1);
        let told = run_to(&world, folder.path(), &apply, 2);
        assert!(told.contains("another run") && told.contains("is at work on"), "{told}");
        first.kill().unwrap();
        first.wait().unwrap();
        assert_eq!(world.shapes(&group), before);
    }
}
