#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::json;

use super::*;
use crate::record::testing;

fn bytes(backup: &Backup) -> Vec<u8> {
    let mut out = Vec::new();
    backup.write(&mut out).unwrap();
    out
}

fn backup(group: SecurityGroup, changes: Vec<Change>) -> Backup {
    Backup {
        taken_at: "2026-01-15T12:00:00.123456789Z".parse().unwrap(),
        run_id: "0123456789abcdef".to_owned(),
        caller: "arn:aws:iam::111122223333:role/auditor".to_owned(),
        tool_version: "0.1.0".to_owned(),
        purpose: Purpose::Apply,
        plan: "p".to_owned(),
        planned_on: portcullis_core::remediation::fingerprint(&group),
        resumed: false,
        group,
        changes,
    }
}

fn example() -> Backup {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut any = || {
        let group = testing::group().new_tree(&mut runner).unwrap().current();
        let changes = vec(testing::change(), 5).new_tree(&mut runner).unwrap().current();
        (group, changes)
    };
    let (mut group, changes) = any();
    while group.rules.len() < 3 || group.tags.is_empty() {
        group = any().0;
    }
    backup(group, changes)
}

proptest! {
    #[test]
    fn backups_come_back(group in testing::group(), changes in vec(testing::change(), 0..4)) {
        let backup = backup(group, changes);
        let read = Backup::read(&bytes(&backup)).unwrap();
        prop_assert_eq!(&read, &backup);
        prop_assert_eq!(bytes(&read), bytes(&backup));
    }

    #[test]
    fn no_bytes_make_it_panic(junk in vec(any::<u8>(), 0..200)) {
        let _ = Backup::read(&junk);
    }
}

fn refused(bytes: &[u8]) -> String {
    match Backup::read(bytes) {
        Ok(_) => panic!("it was read: {}", String::from_utf8_lossy(bytes)),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_backup_that_was_changed_in_any_leaf_is_refused() {
    let whole: Value = serde_json::from_slice(&bytes(&example())).unwrap();
    let mut paths = Vec::new();
    crate::record::testing::leaves(&whole, "", &mut paths);
    assert!(paths.len() > 60);
    for path in paths {
        let leaf = whole.pointer(&path).unwrap();
        let other = match leaf {
            Value::String(text) => json!(format!("{text}x")),
            Value::Null => json!("x"),
            _ => Value::Null,
        };
        let mut changed = whole.clone();
        *changed.pointer_mut(&path).unwrap() = other;
        assert!(Backup::read(changed.to_string().as_bytes()).is_err(), "{path}");
    }
}

#[test]
fn a_truncated_backup_is_refused_wherever_it_ends() {
    let whole = bytes(&example());
    for end in 0..whole.len() - 2 {
        let start = whole.get(..end).unwrap();
        assert!(refused(start).starts_with("it is no backup file: "), "{end}");
    }
}

#[test]
fn other_files_are_no_backups() {
    let check = |text: &str, expected: &str| assert_eq!(refused(text.as_bytes()), expected);
    check("{}", "it is no backup file: `schema_version` is missing");
    check(
        r#"{"schema_version": "9"}"#,
        "it has schema version `9`, and this portcullis reads version `1`: use the portcullis that took it",
    );
    let mut value: Value = serde_json::from_slice(&bytes(&example())).unwrap();
    if let Some(caller) = value.pointer_mut("/caller") {
        *caller = json!("somebody else");
    }
    check(
        &value.to_string(),
        "it is damaged: its content is not what its digest says; use another backup of the group",
    );
}
