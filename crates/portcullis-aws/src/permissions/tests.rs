#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn actions(document: Document) -> BTreeSet<String> {
    let parsed: Value = serde_json::from_str(&document.text()).unwrap();
    let statements = parsed["Statement"].as_array().unwrap();
    let all = statements.iter().flat_map(|statement| statement["Action"].as_array().cloned().unwrap_or_default());
    all.map(|action| action.as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_call_is_allowed_where_its_job_is_done_and_nowhere_else() {
    for call in Call::ALL {
        let expected: &[Document] = match call.job() {
            _ if *call == Call::GetCallerIdentity => &[],
            Job::Stores if matches!(call, Call::GetObject | Call::ListObjects) => {
                &[Document::Remediate, Document::Hub, Document::Rules, Document::FlowLogs]
            }
            Job::SignIn => &[Document::Hub],
            Job::Scan => &[Document::ScanOnly, Document::Remediate, Document::RemediateMember, Document::Rules],
            Job::Remediate => &[Document::Remediate, Document::RemediateMember, Document::Rules],
            Job::Stores | Job::Policies => &[Document::Remediate, Document::Hub, Document::Rules],
            Job::Notices | Job::Metrics | Job::State => &[Document::Remediate, Document::Hub],
            Job::Organization => &[Document::OrganizationRead],
            Job::Rules => &[Document::Rules],
            Job::FlowLogs => &[Document::FlowLogs],
        };
        let found: Vec<Document> =
            Document::ALL.iter().filter(|document| actions(**document).contains(call.action())).copied().collect();
        assert_eq!(found, expected, "{call:?}");
    }
}

#[test]
fn nothing_is_allowed_that_no_call_needs() {
    // What services do with keys on one's behalf is no call of ours.
    let by_services = ["kms:Decrypt", "kms:GenerateDataKey", "ec2:CreateSecurityGroup", "ec2:DeleteSecurityGroup"];
    let known: BTreeSet<&str> = Call::ALL.iter().map(|call| call.action()).chain(by_services).collect();
    for document in Document::ALL {
        for action in actions(*document) {
            assert!(known.contains(action.as_str()), "{document:?} allows `{action}`");
        }
    }
}

#[test]
fn a_scan_can_change_nothing() {
    let reads = ["Describe", "Get", "List"];
    for action in actions(Document::ScanOnly) {
        let name = action.split_once(':').unwrap().1;
        assert!(reads.iter().any(|verb| name.starts_with(verb)), "{action}");
    }
}

#[test]
fn every_change_is_limited_to_resources_or_by_a_condition() {
    for document in Document::ALL.iter().filter(|document| **document != Document::Trust) {
        for statement in document.policy().statement.iter().filter(|statement| statement.resource == ["*"]) {
            let reads = statement.action.iter().all(|action| {
                let name = action.split_once(':').unwrap().1;
                ["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb))
            });
            assert!(reads || statement.condition.is_some(), "{document:?}: {}", statement.sid);
        }
    }
}

#[test]
fn the_session_policy_fits() {
    let policy = scan_session_policy();
    assert!(policy.len() <= 2048, "{} characters", policy.len());
    let parsed: Value = serde_json::from_str(&policy).unwrap();
    assert_eq!(parsed, serde_json::from_str::<Value>(&Document::ScanOnly.text()).unwrap());
}

#[test]
fn statements_have_names_of_their_own() {
    for document in Document::ALL {
        let parsed: Value = serde_json::from_str(&document.text()).unwrap();
        let names: Vec<&str> = parsed["Statement"]
            .as_array()
            .unwrap()
            .iter()
            .map(|statement| statement["Sid"].as_str().unwrap())
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{document:?}: {names:?}");
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric())), "{names:?}");
    }
}

#[test]
fn the_committed_documents_are_what_the_code_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/iam");
    for document in Document::ALL {
        let path = folder.join(document.file());
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(committed, document.text(), "{} differs: run `cargo xtask docs`", document.file());
    }
    let known: BTreeSet<String> =
        Document::ALL.iter().map(|document| document.file().to_owned()).chain(["README.md".to_owned()]).collect();
    let present: BTreeSet<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(present, known);
}

/// The Rust files below a folder, those of tests apart.
fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if !path.ends_with("tests.rs") {
            all.push(path);
        }
    }
}

#[test]
fn every_request_leaves_through_one_door_and_every_call_is_made() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&folder, &mut files);
    let mut made = String::new();
    for path in files {
        let text: String = fs::read_to_string(&path).unwrap().split_whitespace().collect();
        let sends = text.matches(".send().await").count() + text.matches(".send_with(").count();
        match path.ends_with("real/send.rs") {
            true => assert_eq!(sends, 1, "`ask!` alone sends"),
            false if sends > 0 => panic!("{} sends by itself: use `send!`", path.display()),
            false if path.starts_with(folder.join("real")) => made.push_str(&text),
            false => {}
        }
    }
    for call in Call::ALL {
        let sent = ["send!(", "send_in_region!(", "ask!(", "send_to!("].iter().any(|door| {
            made.split(door)
                .skip(1)
                .any(|arguments| arguments.split(',').take(3).any(|argument| argument == format!("{call:?}")))
        });
        assert!(sent, "nothing makes the call `{call:?}`, so no policy should allow it");
    }
}

#[test]
fn no_two_calls_are_the_same() {
    let operations: BTreeSet<(&str, &str)> = Call::ALL.iter().map(|call| call.operation()).collect();
    assert_eq!(operations.len(), Call::ALL.len());
}
