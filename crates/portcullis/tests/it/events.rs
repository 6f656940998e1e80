//! Events answered on accounts of the AWS-like server, by the binary.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use portcullis_testkit::{Fault, Proxy, When, World};
use serde_json::{Value, json};

fn command(world: &World, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
    world.lend_to(command.env_clear()).current_dir(folder).args(args);
    command
}

/// Hands an event to `handle-event`, and what it must exit with.
fn handle(world: &World, folder: &Path, event: &Value, args: &[&str], code: i32) -> String {
    let mut command = command(world, folder, &[&["handle-event", "-"], args].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that refuses its arguments does not read the event.
    let _ = child.stdin.take().unwrap().write_all(event.to_string().as_bytes());
    ended(child.wait_with_output().unwrap(), code)
}

fn ended(output: Output, code: i32) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    format!("{out}{err}")
}

/// What EventBridge tells of a rule that was just authorised, as CloudTrail records it.
fn event(world: &World, id: &str, groups: &[&str]) -> Value {
    let items = groups.iter().map(|group| {
        json!({ "groupOwnerId": world.account(), "groupId": group, "isEgress": false, "ipProtocol": "tcp",
            "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0" })
    });
    json!({
        "version": "0", "id": format!("envelope-{id}"), "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
        "account": world.account(), "region": world.region(), "time": jiff::Timestamp::now().to_string(), "resources": [],
        "detail": {
            "eventVersion": "1.11", "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress",
            "eventID": id, "eventTime": jiff::Timestamp::now().to_string(), "awsRegion": world.region(),
            "userAgent": "aws-cli/2", "recipientAccountId": world.account(),
            "userIdentity": { "type": "IAMUser", "userName": "rogue", "accountId": world.account(),
                "arn": format!("arn:aws:iam::{}:user/rogue", world.account()) },
            "requestParameters": { "groupId": groups[0] },
            "responseElements": { "_return": true, "securityGroupRuleSet": { "items": items.collect::<Vec<_>>() } },
        },
    })
}

/// A group that everybody may enter by SSH.
fn open_group(world: &World) -> String {
    let group = world.group(&world.vpc("10.9.0.0/16"), "web");
    world.authorise(&group, "ingress tcp 22 0.0.0.0/0", "everybody");
    group
}

fn is_open(world: &World, group: &str) -> bool {
    world.shapes(group).iter().any(|rule| rule == "ingress tcp 22 0.0.0.0/0")
}

fn policy(world: &World, folder: &Path, level: &str, real_time: &Value) {
    let policy = json!({
        "version": "1", "controls": ["internet-ssh", "internet-all-traffic"],
        "compliance_policies": { "real_time_scanning": real_time },
        "accounts_config": [{ "account_id": world.account(), "enforcement_level": level }],
    });
    std::fs::write(folder.join("policy.json"), policy.to_string()).unwrap();
}

#[test]
fn exit_codes_are_as_documented() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = open_group(&world);
    let at = folder.path();
    let code = |body: &Value, args: &[&str], code: i32, expected: &str| {
        let told = handle(&world, at, body, args, code);
        assert!(told.contains(expected), "{expected}: {told}");
    };
    code(&event(&world, "e1", &[&group]), &[], 1, "internet-ssh");
    assert!(is_open(&world, &group));
    code(&json!({}), &[], 2, "this is no event");
    code(&event(&world, "e2", &[&group]), &["--policy", "none.json"], 2, "none.json");
    code(&event(&world, "e3", &[&group]), &["--strategy", "replace"], 2, "--replace-with");
    code(&event(&world, "e4", &[&group]), &["--bad-ports", "ssh"], 2, "`ssh` is no port");
    code(&event(&world, "e5", &[&group]), &["--bad-ports", "3389"], 0, "clean");
    let mut other = event(&world, "e6", &[&group]);
    other["detail"]["errorCode"] = json!("Client.UnauthorizedOperation");
    code(&other, &["--strategy", "narrow", "--enforce"], 0, "it changed nothing");
    other["detail"]["errorCode"] = Value::Null;
    other["detail"]["eventName"] = json!("RunInstances");
    code(&other, &["--strategy", "narrow", "--enforce"], 0, "skipped");
    let mut foreign = event(&world, "e7", &[&group]);
    foreign["account"] = json!("999988887777");
    code(&foreign, &["--strategy", "narrow", "--enforce"], 3, "999988887777");
    assert!(is_open(&world, &group));
    code(&event(&world, "e8", &[&group]), &["--strategy", "narrow", "--enforce"], 0, "narrow:");
    assert!(!is_open(&world, &group));
}

#[test]
fn an_event_in_a_queue_closes_the_group_and_a_rollback_opens_it_again() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = open_group(&world);
    let before = world.shapes(&group);
    let (bucket, topic, queue) = (world.bucket("events"), world.topic("notices"), world.queue("events"));
    let inbox = world.inbox(&topic);
    world.table(&format!("state-{}", world.account()));
    world.send_message(&queue, &event(&world, "e1", &[&group]).to_string());
    world.send_message(&queue, "{\"detail-type\": \"AWS A");
    let backup = format!("s3://{bucket}/backups");
    let (state, notify) = (format!("dynamodb://state-{}", world.account()), format!("sns:{topic}"));
    let args =
        ["watch", "--queue", &queue, "--strategy", "narrow", "--enforce", "--backup", &backup, "--state", &state];
    let watch = Watch::start(&world, folder.path(), &[&args[..], &["--notify", &notify, "--metrics"]].concat());
    watch.until(|| !is_open(&world, &group));
    // The same event once more, and one about another group, which shows that the first two were answered.
    let other = world.group(&world.vpc("10.8.0.0/16"), "db");
    world.authorise(&other, "ingress tcp 22 0.0.0.0/0", "");
    world.send_message(&queue, &event(&world, "e1", &[&group]).to_string());
    world.send_message(&queue, &event(&world, "e2", &[&other]).to_string());
    watch.until(|| !is_open(&world, &other));
    let told = watch.stop();
    assert!(told.contains("stopped") && told.contains("was answered before"), "{told}");

    let notices = world.receive(&inbox);
    assert_eq!(notices.len(), 2, "{notices:#?}");
    let notice = notices.iter().find(|notice| notice.contains(&group)).unwrap();
    for word in [world.account(), world.region(), "user/rogue", "internet-ssh", "rollback"] {
        assert!(notice.contains(word), "{word}: {notice}");
    }
    let metrics = world.metrics("SecurityGroup/Compliance");
    assert!(metrics.keys().any(|name| name.starts_with("RealTimeScanDuration")), "{metrics:?}");
    let prefix = format!("backups/{}/{}/{group}/", world.account(), world.region());
    assert_eq!(world.objects(&bucket, &prefix).len(), 1, "once: {:?}", world.objects(&bucket, "backups/"));
    let journal = world.objects(&bucket, "backups/journal/");
    assert!(!journal.is_empty(), "{:?}", world.objects(&bucket, "backups/"));
    assert_eq!(world.waiting(&queue), 1, "the poison is left to the queue");

    let key = &world.objects(&bucket, &prefix)[0];
    let back = ["rollback", &format!("s3://{bucket}/{key}"), "--yes", "--backup", &backup];
    ended(command(&world, folder.path(), &back).output().unwrap(), 0);
    assert_eq!(world.shapes(&group), before);
}

#[test]
fn seed_four_word_for_word() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = world.group(&world.vpc("10.9.0.0/16"), "testing");
    world.authorise(&group, "ingress tcp 22 0.0.0.0/0", "");
    world.authorise(&group, "ingress tcp 3389 0.0.0.0/0", "");
    let args = ["--bad-ports", "22,3389", "--replace-with", "10.0.0.0/8", "--enforce"];
    handle(&world, folder.path(), &event(&world, "e1", &[&group]), &args, 0);
    let expected = ["egress -1 all 0.0.0.0/0", "ingress tcp 22 10.0.0.0/8", "ingress tcp 3389 10.0.0.0/8"];
    assert_eq!(world.shapes(&group), expected);
    assert!(world.tags(&group).is_empty());
    // The rule that takes the place is there already, beside IPv6.
    world.authorise(&group, "ingress tcp 22 0.0.0.0/0", "");
    world.authorise(&group, "ingress tcp 22 ::/0", "");
    handle(&world, folder.path(), &event(&world, "e2", &[&group]), &args, 0);
    assert_eq!(world.shapes(&group), expected);
}

#[test]
fn seed_two_every_group_and_every_shape() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let vpc = world.vpc("10.9.0.0/16");
    let groups = ["web", "db"].map(|name| world.group(&vpc, name));
    world.authorise(&groups[0], "ingress -1 all 0.0.0.0/0", "");
    world.authorise(&groups[0], "ingress tcp 443 10.0.0.0/8", "");
    world.authorise(&groups[1], "ingress -1 all ::/0", "");
    let told = event(&world, "e1", &[&groups[0], &groups[1]]);
    handle(&world, folder.path(), &told, &["--strategy", "revoke", "--enforce"], 0);
    assert_eq!(world.shapes(&groups[0]), ["egress -1 all 0.0.0.0/0", "ingress tcp 443 10.0.0.0/8"]);
    assert_eq!(world.shapes(&groups[1]), ["egress -1 all 0.0.0.0/0"]);
}

#[test]
fn seed_five_locks_down_with_dummy_rule_and_tags() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = open_group(&world);
    let before = world.shapes(&group);
    let emergency = json!({ "remediation_settings": { "emergency_remediation": {
        "enabled": true, "severity_threshold": "high" } } });
    policy(&world, folder.path(), "enforce", &emergency);
    let args = ["--policy", "policy.json"];
    let dry = handle(&world, folder.path(), &event(&world, "e1", &[&group]), &args, 1);
    assert!(dry.contains("lockdown") && dry.contains("would be made"), "{dry}");
    assert_eq!(world.shapes(&group), before);
    assert!(world.tags(&group).is_empty());
    handle(&world, folder.path(), &event(&world, "e1", &[&group]), &[&args[..], &["--enforce"]].concat(), 0);
    let rules = world.rules(&group);
    assert_eq!(rules.len(), 1, "{rules:?}");
    assert_eq!(rules[0].shape, "ingress tcp 65535 127.0.0.1/32");
    assert!(
        rules[0].description.starts_with("ALL RULES REMOVED - Security Group failed compliance check."),
        "{rules:?}"
    );
    let tags = world.tags(&group);
    for key in ["COMPLIANCE_STATUS", "COMPLIANCE_REMEDIATED", "EMERGENCY_REASON", "EMERGENCY_TIMESTAMP", "BACKUP_ID"] {
        assert!(tags.contains_key(key), "{key}: {tags:?}");
    }
    let backup = format!("portcullis-backups/{}", tags["BACKUP_ID"]);
    ended(command(&world, folder.path(), &["rollback", &backup, "--yes"]).output().unwrap(), 0);
    assert_eq!(world.shapes(&group), before);
    assert!(world.tags(&group).is_empty());
}

#[test]
fn grace_and_levels_come_from_the_policy() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = open_group(&world);
    let immediate = |minutes: u32| {
        json!({ "remediation_settings": { "immediate_remediation": {
            "enabled": true, "severity_threshold": "high", "grace_period_minutes": minutes } } })
    };
    let args = ["--policy", "policy.json", "--enforce"];
    policy(&world, folder.path(), "monitor", &immediate(0));
    handle(&world, folder.path(), &event(&world, "e1", &[&group]), &args, 1);
    policy(&world, folder.path(), "enforce", &immediate(5));
    let told = handle(&world, folder.path(), &event(&world, "e2", &[&group]), &args, 1);
    assert!(told.contains("waits until") && is_open(&world, &group), "{told}");
    policy(&world, folder.path(), "enforce", &immediate(0));
    handle(&world, folder.path(), &event(&world, "e3", &[&group]), &args, 0);
    assert!(!is_open(&world, &group));
}

#[test]
fn an_event_is_answered_in_its_own_account_and_region() {
    let (world, other, folder) = (World::new(), World::new(), tempfile::tempdir().unwrap());
    let away = other.at("eu-central-1");
    let group = open_group(&away);
    let args = ["--strategy", "narrow", "--enforce", "--role-name", "portcullis-remediate"];
    handle(&world, folder.path(), &event(&away, "e1", &[&group]), &args, 0);
    assert!(!is_open(&away, &group));
    let mut own = event(&away, "e2", &[&group]);
    away.authorise(&group, "ingress tcp 22 0.0.0.0/0", "");
    own["detail"]["userIdentity"] = json!({ "type": "AssumedRole", "accountId": away.account(),
        "arn": format!("arn:aws:sts::{}:assumed-role/portcullis-remediate/portcullis", away.account()) });
    let told = handle(&world, folder.path(), &own, &args, 0);
    assert!(told.contains("our own") && is_open(&away, &group), "{told}");
}

#[test]
fn a_scan_may_be_asked_for() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = open_group(&world);
    let manual = json!({ "version": "0", "id": "m1", "detail-type": "Manual Compliance Scan",
        "source": "custom.security.compliance", "account": world.account(), "region": world.region(),
        "detail": { "scan_type": "manual" } });
    let told = handle(&world, folder.path(), &manual, &[], 1);
    assert!(told.contains("scan:"), "{told}");
    let schedule = json!({ "version": "0", "id": "s1", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": world.account(), "region": world.region(), "detail": {} });
    handle(&world, folder.path(), &schedule, &["--control", "internet-ssh", "--strategy", "narrow", "--enforce"], 0);
    assert!(!is_open(&world, &group));
}

#[test]
fn many_changes_block_a_user_and_unblock_takes_it_back() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = world.group(&world.vpc("10.9.0.0/16"), "web");
    let mass = json!({ "detection_rules": { "mass_operations_detected": { "block_suspicious_users": true } } });
    policy(&world, folder.path(), "monitor", &mass);
    let user = world.user("rogue");
    let record = |n: usize| json!({ "messageId": format!("m{n}"), "eventSource": "aws:sqs", "body": event(&world, &format!("e{n}"), &[&group]).to_string() });
    let batch = json!({ "Records": (0..12).map(record).collect::<Vec<_>>() });
    let told = handle(&world, folder.path(), &batch, &["--policy", "policy.json", "--enforce", "--metrics"], 0);
    assert!(told.contains("mass operations") && told.contains("blocked"), "{told}");
    assert!(world.user_policies("rogue").contains(&"PortcullisBlock".to_owned()));
    let metrics = world.metrics("SecurityGroup/Compliance");
    assert_eq!(metrics.get("MassOperationsDetected{}"), Some(&1.0), "{metrics:?}");
    ended(command(&world, folder.path(), &["unblock", &user]).output().unwrap(), 0);
    assert!(world.user_policies("rogue").is_empty());
    ended(command(&world, folder.path(), &["unblock", "rogue"]).output().unwrap(), 2);
}

#[test]
fn a_signal_finishes_what_is_in_hand() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = open_group(&world);
    let queue = world.queue("events");
    world.send_message(&queue, &event(&world, "e1", &[&group]).to_string());
    let proxy = Proxy::start(world.endpoint());
    proxy.inject(When::action("ModifySecurityGroupRules"), Fault::Slow(Duration::from_millis(700)));
    let args = ["watch", "--queue", &queue, "--strategy", "replace", "--replace-with", "10.0.0.0/8", "--enforce"];
    let watch = Watch::start(&world.behind(&proxy), folder.path(), &args);
    proxy.await_calls("ModifySecurityGroupRules", 1);
    watch.stop();
    assert!(!is_open(&world, &group));
    assert_eq!(world.waiting(&queue), 0);
}

/// A `watch` that is ended with its test.
struct Watch {
    child: Option<Child>,
}

impl Watch {
    fn start(world: &World, folder: &Path, args: &[&str]) -> Self {
        let mut command = command(world, folder, args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child: Some(child) }
    }

    /// Waits until something is so.
    fn until(&self, so: impl Fn() -> bool) {
        let began = Instant::now();
        while !so() {
            assert!(began.elapsed() < Duration::from_secs(60), "it did not come");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to end, and gives what it printed.
    fn stop(mut self) -> String {
        let child = self.child.take().unwrap();
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        ended(child.wait_with_output().unwrap(), 0)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
