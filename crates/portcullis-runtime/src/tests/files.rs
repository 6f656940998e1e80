//! Runs on files.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use portcullis_core::model::Inventory;
use portcullis_core::remediation::{Plan, Strategy};
use proptest::prelude::*;
use tempfile::TempDir;

use super::memory::{options, outcomes};
use super::world::{any_world, canonical, example, key, plan_of, strategies};
use crate::files::{self, FileLock, FileStore, Places, find_backups};
use crate::ports::{Holder, Lock as _, RuleStore as _};
use crate::report::{Outcome, Report, RunError, RunOptions};
use crate::rollback::select;

/// Nobody interrupts.
static GO_ON: AtomicBool = AtomicBool::new(false);

struct Desk {
    folder: TempDir,
    plan: Plan,
}

fn desk(inventory: &Inventory, strategy: &Strategy) -> Desk {
    let desk = Desk { folder: tempfile::tempdir().unwrap(), plan: plan_of(inventory, strategy) };
    fs::write(desk.path("in.json"), canonical(inventory)).unwrap();
    desk
}

impl Desk {
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn places(&self, input: &str, output: &str, backups: &str) -> Places {
        Places { inventory: self.path(input), output: self.path(output), backups: self.path(backups) }
    }

    fn apply(&self, input: &str, output: &str) -> Result<Report, RunError> {
        files::apply(&self.plan, &self.places(input, output, "backups"), &options(), &GO_ON)
    }

    fn rollback(&self, input: &str, output: &str, backups: &str) -> Result<Report, RunError> {
        let selected = select(find_backups(&[self.path("backups")])?);
        files::rollback(&selected, &self.places(input, output, backups), &options(), &GO_ON)
    }

    /// Names of all files in the folder, hidden ones too, but for those of backups.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with("backups"))
            .collect();
        names.sort();
        names
    }

    fn backups(&self) -> usize {
        find_backups(&[self.path("backups")]).map_or(0, |found| found.len())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn every_strategy_leads_there_and_back(inventory in any_world()) {
        for strategy in strategies() {
            let desk = desk(&inventory, &strategy);
            let report = desk.apply("in.json", "out.json").unwrap();
            prop_assert!(report.is_complete(), "{}: {:?} {:?}", strategy.as_str(), outcomes(&report), report.remarks);
            if desk.plan.groups.is_empty() {
                prop_assert_eq!(desk.text("out.json"), desk.text("in.json"));
                continue;
            }
            prop_assert_ne!(desk.text("out.json"), desk.text("in.json"));
            prop_assert!(desk.rollback("out.json", "back.json", "backups-2").unwrap().is_complete());
            prop_assert_eq!(desk.text("back.json"), desk.text("in.json"), "{}", strategy.as_str());
        }
    }
}

#[test]
fn a_run_leaves_its_output_and_its_backups_and_nothing_else() {
    let desk = desk(&example(), &Strategy::Narrow);
    assert_eq!(desk.apply("in.json", "out.json").unwrap().changed(), 3);
    assert_eq!(desk.names(), ["in.json", "out.json"]);
    assert_eq!(desk.backups(), 3);
    assert_eq!(fs::read_dir(desk.path("backups/journal")).unwrap().count(), 1);
}

#[test]
fn running_again_does_nothing_on_another_file_and_in_place() {
    let desk = desk(&example(), &Strategy::Narrow);
    for (input, output) in [("in.json", "out.json"), ("in.json", "in.json")] {
        desk.apply(input, output).unwrap();
        let (first, kept) = (desk.text(output), desk.backups());
        let again = desk.apply(input, output).unwrap();
        assert!(again.groups.iter().all(|group| group.outcome == Outcome::AlreadyDone), "{:?}", outcomes(&again));
        assert_eq!((desk.text(output), desk.backups()), (first, kept));
    }
}

#[test]
fn an_output_of_something_else_is_replaced_by_what_the_input_becomes() {
    let desk = desk(&example(), &Strategy::Narrow);
    desk.apply("in.json", "expected.json").unwrap();
    // Another group, as an older run may have left it.
    let mut other = example();
    other.groups[3].rules.clear();
    fs::write(desk.path("out.json"), canonical(&other)).unwrap();
    assert_eq!(desk.apply("in.json", "out.json").unwrap().changed(), 3);
    assert_eq!(desk.text("out.json"), desk.text("expected.json"));
}

#[test]
fn a_run_goes_on_from_what_a_killed_one_wrote() {
    let inventory = example();
    let desk = desk(&inventory, &Strategy::Narrow);
    desk.apply("in.json", "expected.json").unwrap();
    // Two of three groups were written when it was killed, and a file was half written.
    let part = Plan { groups: desk.plan.groups[..2].to_vec(), ..desk.plan.clone() };
    files::apply(&part, &desk.places("in.json", "out.json", "backups"), &options(), &GO_ON).unwrap();
    fs::write(desk.path(".out.json.portcullis-abc.tmp"), "half").unwrap();
    fs::write(desk.path(".out.json.portcullis-lock"), "999999").unwrap();
    let report = desk.apply("in.json", "out.json").unwrap();
    assert_eq!(
        outcomes(&report).iter().map(|line| line.split(": ").nth(1).unwrap()).collect::<Vec<_>>(),
        ["already done", "already done", "changed"]
    );
    assert_eq!(desk.text("out.json"), desk.text("expected.json"));
    assert!(desk.names().iter().all(|name| !name.starts_with('.')), "{:?}", desk.names());
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let desk = desk(&example(), &Strategy::Narrow);
    let output = desk.path("out.json");
    let lock = FileLock::of(&output);
    let since = "2026-01-15T12:00:00Z".parse().unwrap();
    let first =
        lock.take(&Holder { who: "`ada`, process 7".into(), run_id: "r1".into(), since, until: None }, None).unwrap();
    let second = desk.apply("in.json", "out.json").unwrap_err();
    assert!(second.is_input());
    assert_eq!(
        second.to_string(),
        format!(
            "another run (`ada`, process 7, run r1, since 2026-01-15T12:00:00Z) is at work on `{}`: wait for it to end, \
             or stop it",
            output.display()
        )
    );
    assert_eq!((desk.names().len(), desk.backups()), (2, 0), "the input and the lock");
    assert!(desk.apply("in.json", "other.json").is_ok(), "another output is free");
    drop(first);
    assert!(desk.apply("in.json", "out.json").is_ok());
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&output, desk.path("link.json")).unwrap();
        let _again = lock.take(&Holder { who: "ada".into(), run_id: "r2".into(), since, until: None }, None).unwrap();
        assert!(desk.apply("out.json", "link.json").is_err(), "two names of one file are one lock");
    }
}

#[test]
fn what_cannot_be_written_did_not_happen() {
    let desk = desk(&example(), &Strategy::Narrow);
    let folder = desk.path("there");
    fs::create_dir(&folder).unwrap();
    let store = FileStore::open(&desk.path("in.json"), &folder.join("out.json"), &|_| None).unwrap();
    let planned = &desk.plan.groups[0];
    store.change(&planned.group, &planned.changes).unwrap();
    assert_ne!(store.read(planned.key()).unwrap().unwrap().rules, planned.group.rules);
    fs::remove_dir_all(&folder).unwrap();
    assert!(store.settle().is_err());
    let sorted = |mut group: portcullis_core::model::SecurityGroup| {
        group.rules.sort();
        group.rules
    };
    assert_eq!(sorted(store.read(planned.key()).unwrap().unwrap()), sorted(planned.group.clone()));
}

#[test]
fn a_dry_run_writes_nothing() {
    let desk = desk(&example(), &Strategy::Narrow);
    let dry = RunOptions { dry_run: true, ..options() };
    let report = files::apply(&desk.plan, &desk.places("in.json", "out.json", "backups"), &dry, &GO_ON).unwrap();
    assert!(report.groups.iter().all(|group| matches!(group.outcome, Outcome::WouldChange { .. })));
    assert_eq!(desk.names(), ["in.json"]);
    assert!(!desk.path("backups").exists());
}

#[test]
fn compressed_outputs_are_compressed() {
    let desk = desk(&example(), &Strategy::Narrow);
    desk.apply("in.json", "out.json").unwrap();
    desk.apply("in.json", "out.json.gz").unwrap();
    let bytes = fs::read(desk.path("out.json.gz")).unwrap();
    assert!(bytes.starts_with(&[0x1f, 0x8b]));
    desk.rollback("out.json.gz", "back.json", "backups-2").unwrap();
    assert_eq!(desk.text("back.json"), desk.text("in.json"));
}

#[test]
fn places_that_cannot_be_are_refused_before_anything() {
    let desk = desk(&example(), &Strategy::Narrow);
    fs::create_dir(desk.path("folder")).unwrap();
    fs::copy(desk.path("in.json"), desk.path("folder/in.json")).unwrap();
    fs::write(desk.path("notes.txt"), "not yours").unwrap();
    fs::write(desk.path("empty.json"), "").unwrap();
    let refused = |input: &str, output: &str| match desk.apply(input, output) {
        Err(error) => {
            assert!(error.is_input(), "{error}");
            error.to_string().replace(&desk.folder.path().display().to_string(), "")
        }
        Ok(report) => panic!("{input} {output}: {:?}", outcomes(&report)),
    };
    assert_eq!(refused("in.json", "folder"), "`/folder` is a folder: name the file to write");
    assert_eq!(
        refused("in.json", "nowhere/out.json"),
        "`/nowhere/out.json` cannot be written: there is no folder `/nowhere`"
    );
    assert!(refused("folder", "folder/out.json").contains("it would be read beside what it replaces"));
    assert!(
        refused("in.json", "notes.txt").starts_with("`/notes.txt` exists and is no inventory: choose another name")
    );
    assert!(refused("missing.json", "out.json").contains("missing.json"));
    assert_eq!(desk.text("notes.txt"), "not yours");
    assert!(desk.apply("folder", "empty.json").is_ok(), "a folder is read, an empty file is no obstacle");
}

#[test]
fn a_region_that_only_the_plan_knows_is_no_obstacle() {
    let inventory = example();
    let mut untold = inventory.clone();
    untold.groups.iter_mut().for_each(|group| group.key.region = "unknown".into());
    let desk = desk(&inventory, &Strategy::Narrow);
    fs::write(desk.path("in.json"), canonical(&untold)).unwrap();
    assert_eq!(desk.apply("in.json", "out.json").unwrap().changed(), 3);
    desk.rollback("out.json", "back.json", "backups-2").unwrap();
    assert_eq!(desk.text("back.json"), desk.text("in.json"));
}

#[test]
fn backups_are_found_in_folders_and_told_from_other_files() {
    let desk = desk(&example(), &Strategy::Narrow);
    desk.apply("in.json", "out.json").unwrap();
    let found = find_backups(&[desk.path("backups")]).unwrap();
    assert_eq!(
        found.iter().map(|found| found.backup.group_key().clone()).collect::<Vec<_>>(),
        [key(1), key(2), key(3)]
    );
    let one = Path::new(&found[0].origin).to_owned();
    assert_eq!(find_backups(&[one.clone(), one.clone(), desk.path("backups")]).unwrap().len(), 3);
    let error = find_backups(&[desk.path("in.json")]).unwrap_err().to_string();
    assert!(error.contains("in.json` is refused: it is"), "{error}");
    let error = find_backups(&[desk.path("nowhere")]).unwrap_err().to_string();
    assert!(error.ends_with("nowhere` cannot be read: no such file or directory"), "{error}");
    fs::create_dir(desk.path("none")).unwrap();
    assert!(find_backups(&[desk.path("none")]).is_err());

    let mut bytes = fs::read(&one).unwrap();
    let at = bytes.windows(8).position(|window| window == b"everybod").unwrap();
    bytes[at] = b'E';
    fs::write(&one, bytes).unwrap();
    let error = find_backups(&[one]).unwrap_err().to_string();
    assert!(error.contains("is refused: it is damaged"), "{error}");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_does_not_become_one() {
    use std::io::Read as _;
    use std::os::unix::fs::FileTypeExt as _;
    use std::os::unix::net::UnixDatagram;

    // A link stays a link, and what it points to is replaced.
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    std::fs::write(&file, "old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    crate::replace(&link, |out| out.write_all(b"new")).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    let mut text = String::new();
    std::fs::File::open(&file).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "new");

    // A socket stands for whatever has a name and is no file: it cannot be opened for writing, and it stays.
    let socket = folder.path().join("socket");
    let _held = UnixDatagram::bind(&socket).unwrap();
    assert!(crate::replace(&socket, |out| out.write_all(b"new")).is_err());
    assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
}
