//! Commands and their outputs in the documentation are what really comes of them. `PORTCULLIS_BLESS=1` writes them anew.

use std::path::Path;

use crate::flows::words;
use crate::harness::{Place, binary, root};

/// Runs each `$ portcullis …` of a page's console blocks in `folder`, one after the other, and compares what they print to
/// stdout with what the page shows.
fn check(page: &str, folder: &Path) {
    let path = root().join("docs").join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (mut made, mut commands) = (String::new(), 0);
    for (index, block) in text.split("```").enumerate() {
        if index > 0 {
            made.push_str("```");
        }
        let Some(block) = block.strip_prefix("console\n").filter(|_| index % 2 == 1) else {
            made.push_str(block);
            continue;
        };
        made.push_str("console\n");
        for command in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
            let args = command.strip_prefix("portcullis ").unwrap();
            let run = binary().current_dir(folder).args(words(args)).output().unwrap();
            made.push_str(&format!("$ {command}\n{}", String::from_utf8(run.stdout).unwrap()));
            commands += 1;
        }
    }
    assert!(commands > 0, "docs/{page} shows no command");
    if std::env::var_os("PORTCULLIS_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert!(made == text, "docs/{page} is out of date: run this test with PORTCULLIS_BLESS=1");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn flow_logs() {
    check("flow-logs.md", &root());
}

/// In a copy: a plan is written beside the sample.
#[test]
fn flow_decisions() {
    let place = Place::new();
    copy(&root().join("examples/flow-decisions"), place.path());
    check("flow-decisions.md", place.path());
}
