//! The IAM policies of `deploy/iam`, on a server that holds roles to theirs: each suffices for its job and for no other.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use portcullis_testkit::{Proxy, World};
use serde_json::Value;

use crate::harness::root;

/// A document as it is committed, with the words in capitals replaced.
fn document(name: &str, words: &[(&str, &str)]) -> String {
    let text = std::fs::read_to_string(root().join("deploy/iam").join(name)).unwrap();
    words.iter().fold(text, |text, (word, value)| text.replace(word, value))
}

/// What must be exited with; what was said is the answer.
fn run(world: &World, folder: &Path, args: &[&str], code: i32) -> String {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"));
    let output = world.lend_to(command.env_clear()).current_dir(folder).args(args).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    format!("{out}{err}")
}

/// A group that is open to all, one over a peering that is named, one with a prefix list, one that nothing uses.
fn shop(world: &World) -> String {
    let vpc = world.vpc("10.9.0.0/16");
    let group = world.group(&vpc, "web");
    let other = world.vpc("10.10.0.0/16");
    let far = world.group(&other, "far");
    let _ = world.peering(&vpc, world, &other);
    let list = world.prefix_list("offices", 2, &["203.0.113.0/24"]);
    world.authorise(&group, "ingress tcp 22 0.0.0.0/0", "everybody");
    world.authorise(&group, &format!("ingress tcp 443 {far}"), "far");
    world.authorise(&group, &format!("ingress tcp 443 {list}"), "offices");
    let _ = world.group(&vpc, "idle");
    group
}

/// The actions of a policy's statement.
fn actions(policy: &str, sid: &str) -> BTreeSet<String> {
    let policy: Value = serde_json::from_str(policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let statement = statements.iter().find(|statement| statement["Sid"] == sid).unwrap();
    statement["Action"].as_array().unwrap().iter().map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// What went through the proxy, as IAM names it.
fn asked(proxy: &Proxy) -> BTreeSet<String> {
    let name = |action: &str| {
        if action.starts_with("GET /2015-03-31/functions") { "ListFunctions" } else { action }.to_owned()
    };
    proxy.calls().iter().map(|call| format!("{}:{}", call.service, name(&call.action))).collect()
}

#[test]
fn a_scan_needs_all_of_scan_only_and_nothing_more() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = shop(&world);
    let before = world.shapes(&group);
    let policy = document("scan-only.json", &[]);
    let proxy = Proxy::start(world.endpoint());
    let limited = world.limited_to(&policy).behind(&proxy);
    let told = run(&limited, folder.path(), &["scan", "--pack", "all", "--region", "all", "--format", "json"], 1);
    assert!(told.contains("internet-ssh") && !told.contains("not authorized"), "{told}");
    let unasked: Vec<_> = actions(&policy, "ReadSecurityGroups").difference(&asked(&proxy)).cloned().collect();
    // The server says of no rule that it looks over a peering, so nobody asks what is stale there.
    assert_eq!(unasked, ["ec2:DescribeStaleSecurityGroups"], "{:?}", asked(&proxy));

    run(&limited, folder.path(), &["plan", "--control", "internet-ssh", "--out", "plan.json"], 0);
    let told = run(&limited, folder.path(), &["apply", "plan.json", "--yes"], 3);
    assert!(told.contains("is not authorized to perform: ec2:") && told.contains("deploy/iam/"), "{told}");
    assert_eq!(world.shapes(&group), before);
}

#[test]
fn who_may_not_read_everything_is_told_which_call_it_was() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    shop(&world);
    let without = document("scan-only.json", &[("\"ec2:GetManagedPrefixListEntries\",", "")]);
    let told = run(&world.limited_to(&without), folder.path(), &["scan"], 1);
    assert!(told.contains("ec2:GetManagedPrefixListEntries failed with UnauthorizedOperation"), "{told}");
    let other = World::new();
    shop(&other);
    let without = document("scan-only.json", &[("\"ec2:DescribeSecurityGroupRules\",", "")]);
    let told = run(&other.limited_to(&without), folder.path(), &["scan"], 3);
    assert!(told.contains("ec2:DescribeSecurityGroupRules failed with UnauthorizedOperation"), "{told}");
}

#[test]
fn changes_and_their_undoing_need_remediate_member() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = shop(&world);
    let before = world.shapes(&group);
    let limited = world.limited_to(&document("remediate-member.json", &[]));
    for strategy in ["narrow", "revoke", "lockdown", "tag"] {
        let plan = ["plan", "--control", "internet-ssh", "--strategy", strategy, "--out", "plan.json"];
        run(&limited, folder.path(), &plan, 0);
        run(&limited, folder.path(), &["apply", "plan.json", "--yes", "--backup", strategy], 0);
        let changed = world.shapes(&group) != before || !world.tags(&group).is_empty();
        assert!(changed, "{strategy} changed nothing");
        run(&limited, folder.path(), &["rollback", strategy, "--yes", "--backup", "undone"], 0);
        assert_eq!((world.shapes(&group), world.tags(&group).len()), (before.clone(), 0), "{strategy}");
    }
}

#[test]
fn what_a_run_keeps_needs_remediate_and_its_places() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let group = shop(&world);
    let before = world.shapes(&group);
    let bucket = world.bucket(&format!("audit-{}", world.account()));
    let topic = world.topic("portcullis-told");
    world.table("portcullis-sights");
    world.parameter("/portcullis/policy", &policy_of(&world));
    let words = [("BUCKET/PREFIX", format!("{bucket}/kept")), ("BUCKET", bucket.clone())];
    let words = words.each_ref().map(|(word, value)| (*word, value.as_str()));
    let limited = world.limited_to(&document("remediate.json", &words));
    let (kept, notify) = (format!("s3://{bucket}/kept"), format!("sns:{topic}"));
    run(&limited, folder.path(), &["plan", "--control", "internet-ssh", "--out", "plan.json"], 0);
    let apply = ["apply", "plan.json", "--yes", "--notify", &notify, "--metrics", "--backup"];

    let elsewhere = run(&limited, folder.path(), &[&apply[..], &[&format!("s3://{bucket}/other")]].concat(), 3);
    assert!(elsewhere.contains("s3:"), "{elsewhere}");
    assert_eq!(world.shapes(&group), before);

    run(&limited, folder.path(), &[&apply[..], &[&kept]].concat(), 0);
    assert_ne!(world.shapes(&group), before);
    assert_eq!(world.metrics("SecurityGroup/Compliance").get("RemediationActions{}"), Some(&1.0));
    run(&limited, folder.path(), &["rollback", &kept, "--yes", "--backup", &kept], 0);
    assert_eq!(world.shapes(&group), before);

    let enforce = ["enforce", "--policy", "ssm:/portcullis/policy", "--yes", "--state", "dynamodb://portcullis-sights"];
    run(&limited, folder.path(), &enforce, 1);
    assert!(!world.items("portcullis-sights").is_empty());
}

/// A policy by which findings are first seen, and remedied a day later.
fn policy_of(world: &World) -> String {
    format!(
        r#"{{"version": "1", "compliance_policies": {{"compliance_actions": {{"remediation_settings":
            {{"automatic_remediation": true, "require_manual_approval": false, "grace_period_hours": 24}}}}}},
            "controls": ["internet-ssh"],
            "accounts_config": [{{"account_id": "{}", "enforcement_level": "enforce"}}]}}"#,
        world.account()
    )
}

#[test]
fn the_hub_enters_the_accounts_of_its_organisation_by_the_external_id() {
    let (hub, folder) = (World::new(), tempfile::tempdir().unwrap());
    let organisation = hub.organisation();
    let member = organisation.account(organisation.root(), "shop");
    shop(&member);
    let trusted = [("HUB_ACCOUNT", hub.account()), ("HUB_ROLE", "limited"), ("EXTERNAL_ID", "cuckoo")];
    let trust = document("trust-policy.json", &trusted);
    let _ = member.role("portcullis-scan", &document("scan-only.json", &[]), &trust);
    std::fs::write(folder.path().join("accounts.txt"), member.account()).unwrap();
    let scan = ["scan", "--accounts-from", "accounts.txt", "--role-name", "portcullis-scan"];

    let limited = hub.limited_to(&document("hub.json", &[("ORGANIZATION", organisation.id())]));
    let told = run(&limited, folder.path(), &[&scan[..], &["--external-id", "cuckoo"]].concat(), 1);
    assert!(told.contains("internet-ssh"), "{told}");
    for wrong in [&["--external-id", "magpie"][..], &[]] {
        let told = run(&limited, folder.path(), &[&scan[..], wrong].concat(), 3);
        assert!(told.contains("is not authorized to perform: sts:AssumeRole"), "{told}");
    }
}
