//! The inventories that ship as examples, among them real answers of AWS.

use std::path::{Path, PathBuf};

use super::*;

fn examples(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(folder)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(examples(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn each_answer_of_aws_is_read() {
    for file in files("aws-cli") {
        let inventory =
            read([Source::path(&file)], &ReadOptions::default()).unwrap_or_else(|errors| panic!("{errors}"));
        // As the text has them, counted without understanding it.
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(inventory.groups.len(), text.matches("\"GroupName\"").count(), "{}", file.display());
        assert!(inventory.groups.iter().all(|group| group.unreadable.is_none()), "{}", file.display());
        for group in &inventory.groups {
            let line = text.lines().nth(group.line as usize - 1).unwrap();
            assert!(line.contains('{'), "{}: {line}", file.display());
            for rule in &group.rules {
                let line = text.lines().nth(rule.line as usize - 1).unwrap();
                assert!(line.contains("\"CidrIp\"") || line.contains("\"GroupId\""), "{}: {line}", file.display());
            }
        }
    }
}

#[test]
fn all_answers_together_are_one_inventory() {
    let inventory =
        read([Source::path(examples("aws-cli"))], &ReadOptions::default()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(inventory.sources.len(), files("aws-cli").len());
    // Groups that the recordings show before and after a change.
    let unreadable: Vec<_> = inventory.groups.iter().filter_map(|group| group.unreadable.as_deref()).collect();
    assert!(!unreadable.is_empty());
    assert!(unreadable.iter().all(|reason| reason.contains("tell different things of it: ")), "{unreadable:?}");
    assert!(inventory.groups.is_sorted_by(|a, b| a.key < b.key));
}

#[test]
fn a_company_is_read_whole() {
    let inventory =
        read([Source::path(examples("acme"))], &ReadOptions::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let broken: Vec<_> = inventory.groups.iter().filter(|group| group.unreadable.is_some()).collect();
    assert!(broken.is_empty(), "{broken:?}");
    assert!(inventory.groups.iter().all(|group| !group.key.account_id.is_empty() && group.key.region != "unknown"));
    assert!(inventory.has_rule_ids && inventory.interfaces.is_some());
    assert!(!inventory.vpcs.is_empty() && !inventory.prefix_lists.is_empty());
}
