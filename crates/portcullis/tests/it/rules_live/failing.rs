//! Stacks that fail, are gone, or are in somebody else's hands.

use std::process::Stdio;

use super::Shop;
use super::shop::{clone_of, command, ended, run_in};

const RULES: &str = "52.35.22.100/32:80-443^tcp\n";

/// Rules that need more room than a group has.
fn too_many() -> String {
    (0..61).map(|n| format!("10.0.{n}.0/24:22^tcp\n")).collect()
}

/// Stages although the quota is known; the prefix of a bogus peer makes AWS refuse it.
const REFUSED: &str = "sg-0123456789abcdef0:5432^tcp\n";

#[test]
fn a_change_set_that_fails_says_why_and_commits_nothing() {
    let shop = Shop::committed(RULES);
    shop.write(&format!("{RULES}{REFUSED}"));
    shop.rules(&["stage"], 0);
    let failed = shop.rules(&["commit", "--yes"], 3);
    assert!(failed.contains("UPDATE_ROLLBACK_COMPLETE") && failed.contains("sg-0123456789abcdef0"), "{failed}");
    assert!(!shop.is_committed());
    assert_eq!(shop.ingress(), ["tcp 80-443 52.35.22.100/32"]);
    // Put right, it goes on.
    shop.write("52.35.22.100/32:80-444^tcp\n");
    shop.rules(&["stage"], 0);
    shop.rules(&["commit", "--yes"], 0);
    assert_eq!(shop.ingress(), ["tcp 80-444 52.35.22.100/32"]);
}

#[test]
fn a_stack_that_never_came_to_be_is_made_anew() {
    let shop = Shop::new(REFUSED);
    shop.rules(&["stage"], 0);
    let failed = shop.rules(&["commit", "--yes"], 3);
    assert!(failed.contains("ROLLBACK_COMPLETE"), "{failed}");
    shop.write(RULES);
    shop.rules(&["stage"], 0);
    let done = shop.rules(&["commit", "--yes"], 0);
    assert!(done.contains("deleted and made anew") && done.contains("Stack created successfully"), "{done}");
    assert_eq!(shop.ingress(), ["tcp 80-443 52.35.22.100/32"]);
}

#[test]
fn a_stack_that_was_deleted_by_hand_is_made_anew() {
    let shop = Shop::committed(RULES);
    shop.world.query("cloudformation", "DeleteStack", &[("StackName", &shop.stack())]);
    // Waits for the deletion by refusing meanwhile.
    let done = loop {
        let ran = shop.run(&["commit", "--yes"]);
        if ran.code == 0 {
            break ran.all();
        }
        // The stack is gone from the list a moment before its group is.
        let all = ran.all();
        assert!(all.contains("DELETE_IN_PROGRESS") || all.contains("is there already"), "{all}");
    };
    assert!(done.contains("made anew"), "{done}");
    assert_eq!(shop.ingress(), ["tcp 80-443 52.35.22.100/32"]);
    assert!(shop.is_committed());
}

#[test]
fn over_the_quota_is_refused_before_and_split_when_asked() {
    let shop = Shop::new(&too_many());
    let refused = shop.rules(&["stage"], 1);
    assert!(refused.contains("--split"), "{refused}");
    shop.rules(&["commit", "--yes"], 2);
    shop.rules(&["stage", "--split"], 0);
    shop.rules(&["commit", "--yes"], 0);
    shop.rules(&["status", "--live"], 0);
    assert!(shop.is_committed());
    shop.rules(&["destroy", "--yes"], 0);
}

#[test]
fn what_changed_since_it_was_staged_must_be_staged_again() {
    let shop = Shop::new(RULES);
    let nothing = shop.rules(&["commit", "--yes"], 2);
    assert!(nothing.contains("nothing is staged"), "{nothing}");
    shop.rules(&["stage"], 0);
    shop.write("0.0.0.0/0:443^tcp\n");
    let changed = shop.rules(&["commit", "--yes"], 2);
    assert!(changed.contains("changed since it was staged"), "{changed}");
    shop.write(RULES);
    shop.rules(&["commit", "--yes"], 0);
}

#[test]
fn of_two_who_commit_at_once_one_does_and_the_other_is_told() {
    let shop = Shop::committed(RULES);
    let other = clone_of(shop.path());
    shop.write("10.1.0.0/16:22^tcp\n");
    std::fs::write(other.path().join("rules.pysec"), "10.2.0.0/16:22^tcp\n").unwrap();
    shop.rules(&["stage"], 0);
    assert_eq!(run_in(&shop.world, other.path(), &["stage"]).code, 0);
    let children = [shop.path(), other.path()].map(|folder| {
        let mut command = command(folder, &["commit", "--yes"]);
        shop.world.lend_to(&mut command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    let ended = children.map(|child| child.wait_with_output().unwrap());
    let codes: Vec<i32> = ended.iter().map(|output| output.status.code().unwrap()).collect();
    let said: Vec<_> = ended.iter().map(|output| String::from_utf8_lossy(&output.stderr)).collect();
    assert!(codes.contains(&0) && codes.iter().any(|code| [2, 3].contains(code)), "{codes:?} {said:#?}");
    let winner = if codes[0] == 0 { "tcp 22 10.1.0.0/16" } else { "tcp 22 10.2.0.0/16" };
    assert_eq!(shop.ingress(), [winner]);
}

#[test]
fn a_commit_of_somebody_else_is_not_undone_unseen() {
    let shop = Shop::committed(RULES);
    let other = clone_of(shop.path());
    std::fs::write(other.path().join("rules.pysec"), "10.2.0.0/16:22^tcp\n").unwrap();
    assert_eq!(run_in(&shop.world, other.path(), &["stage"]).code, 0);
    shop.write("10.1.0.0/16:22^tcp\n");
    shop.rules(&["stage"], 0);
    shop.rules(&["commit", "--yes"], 0);
    let late = run_in(&shop.world, other.path(), &["commit", "--yes"]);
    assert_eq!(late.code, 2, "{}", late.all());
    assert!(late.stderr.contains("somebody else committed"), "{}", late.stderr);
    assert_eq!(shop.ingress(), ["tcp 22 10.1.0.0/16"]);
    // Staged again it shows what it undoes, and may.
    let staged = run_in(&shop.world, other.path(), &["stage"]);
    assert!(staged.stdout.contains("10.1.0.0/16"), "{}", staged.stdout);
    assert_eq!(run_in(&shop.world, other.path(), &["commit", "--yes"]).code, 0);
    assert_eq!(shop.ingress(), ["tcp 22 10.2.0.0/16"]);
}

#[test]
fn a_group_in_use_is_not_destroyed() {
    let shop = Shop::committed(RULES);
    let interface = shop.world.interface(&shop.vpc, &[&shop.group()]);
    let refused = shop.rules(&["destroy", "--yes"], 3);
    assert!(refused.contains(&interface), "{refused}");
    assert!(shop.is_committed());
    shop.world.query("ec2", "DeleteNetworkInterface", &[("NetworkInterfaceId", &interface)]);
    shop.rules(&["destroy"], 2);
    let done = shop.rules(&["destroy", "--yes"], 0);
    assert!(done.contains("Stack deleted successfully"), "{done}");
    assert_eq!(shop.read(), RULES);
    assert!(!shop.path().join(".portcullis.state.toml").exists());
    // And it can begin again.
    shop.rules(&["stage"], 0);
    shop.rules(&["commit", "--yes"], 0);
}

#[test]
fn another_name_is_another_group_and_not_while_the_old_one_is_in_use() {
    let shop = Shop::committed(RULES);
    let old = shop.group();
    let interface = shop.world.interface(&shop.vpc, &[&old]);
    shop.rules(&["configure", "--group-name", "Renamed"], 0);
    shop.rules(&["stage"], 0);
    let refused = shop.rules(&["commit", "--yes"], 3);
    assert!(refused.contains(&interface) && refused.contains("another group"), "{refused}");
    shop.world.query("ec2", "DeleteNetworkInterface", &[("NetworkInterfaceId", &interface)]);
    shop.rules(&["commit", "--yes"], 0);
    shop.rules(&["status", "--live"], 0);
    assert!(!shop.world.groups().contains(&old));
}

#[test]
fn credentials_of_another_account_are_refused() {
    let shop = Shop::committed(RULES);
    let other = portcullis_testkit::World::new();
    let refused = run_in(&other, shop.path(), &["commit", "--yes"]);
    assert_eq!(refused.code, 2, "{}", refused.all());
    assert!(
        refused.stderr.contains(other.account()) && refused.stderr.contains(shop.world.account()),
        "{}",
        refused.stderr
    );
    // And without any, what is offline works.
    let mut bare = command(shop.path(), &["status"]);
    bare.env("HOME", shop.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    assert_eq!(ended(bare).code, 0);
}
