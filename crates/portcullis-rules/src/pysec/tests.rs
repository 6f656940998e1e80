#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;

use super::*;
use crate::files::hash_of;

/// A folder as pysec-aws leaves it after a commit. Keys are in lower case, as ConfigParser writes them.
fn folder(rules: &str, hash: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let state = "[pysec-state]\nvpc = vpc-12345678\ngroupname = MySecurityGroup\n\
                 stack = arn:aws:cloudformation:us-west-2:123456789123:stack/PysecSecurityGroup-DH447K/0ef530a0\n\
                 stackname = PysecSecurityGroup-DH447K\nregion = us-west-2\ndefaultprofile = myprofile\n\n";
    fs::write(folder.path().join(PYSEC), state).unwrap();
    fs::write(folder.path().join(HASHES), format!("[hashes]\n/home/me/my-repo/rules.pysec = {hash}\n\n")).unwrap();
    fs::write(folder.path().join("Rules.pysec"), rules).unwrap();
    folder
}

#[test]
fn a_committed_repository_is_taken_over_with_its_stack() {
    let rules = "52.35.22.100/32:80-443^tcp\n";
    let folder = folder(rules, &hash_of(rules.as_bytes()));
    let taken = take_over(folder.path()).unwrap();
    assert_eq!(taken, TakenOver { stack: Some("PysecSecurityGroup-DH447K".to_owned()), missing: Vec::new() });
    let repository = Repository::open(folder.path()).unwrap();
    assert!(repository.status().iter().all(|file| !file.differs()), "{:?}", repository.status());
    assert_eq!(repository.stack_name(), "PysecSecurityGroup-DH447K");
    assert_eq!(repository.settings.profile.as_deref(), Some("myprofile"));
    let committed = repository.state.committed.as_ref().unwrap();
    assert_eq!(committed.rules.as_deref(), Some(["52.35.22.100/32:80-443^tcp".to_owned()].as_slice()));
    // The group must not be replaced: its description is what pysec-aws gave it, its name what CloudFormation made up.
    let template = repository.template(&repository.load().unwrap(), false, &Default::default()).unwrap();
    let properties = template.value().pointer("/Resources/MySecurityGroup/Properties").unwrap();
    assert_eq!(properties["GroupDescription"], "Security group created by PySec-AWS - MySecurityGroup");
    assert_eq!(properties.get("GroupName"), None);
}

#[test]
fn what_was_committed_is_not_known_once_a_file_changed() {
    let folder = folder("52.35.22.100/32:80^tcp\n", "f6722d7eabfcfb0df9bdbb80b7439fdf");
    take_over(folder.path()).unwrap();
    let repository = Repository::open(folder.path()).unwrap();
    assert_eq!(repository.status().first().map(crate::files::FileStatus::word), Some("changed"));
    assert_eq!(repository.state.committed.unwrap().rules, None);
}

#[test]
fn a_repository_that_was_never_committed_has_no_state() {
    let folder = tempfile::tempdir().unwrap();
    let state = "[pysec-state]\nvpc = None\ngroupname = None\nstack = None\nstackname = None\nregion = None\n";
    fs::write(folder.path().join(PYSEC), state).unwrap();
    assert_eq!(take_over(folder.path()).unwrap(), TakenOver::default());
    let repository = Repository::open(folder.path()).unwrap();
    assert_eq!((repository.settings.vpc_id, repository.state), (None, State::default()));
}

#[test]
fn what_pysec_did_not_write_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    assert!(take_over(folder.path()).unwrap_err().to_string().contains("no `"));
    for text in ["vpc = 1\n", "[other]\n", "[pysec-state]\nnonsense\n", "[pysec-state]\nvpc = mars\n"] {
        fs::write(folder.path().join(PYSEC), text).unwrap();
        assert!(take_over(folder.path()).is_err(), "{text}");
        assert!(Repository::open(folder.path()).is_err(), "{text}");
    }
}
