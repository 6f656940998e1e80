//! What `apply` and `rollback` share: asking, the offline ports, and telling what became of each group.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use jiff::Timestamp;
use portcullis_core::model::{GroupKey, Inventory, SecurityGroup};
use portcullis_formats::inventory::{ReadOptions, Source, read};
use portcullis_runtime::{
    FileJournal, FileStore, FolderBackups, Options, Outcome as GroupResult, Ports, Report, RunError, SystemClock,
};

use crate::cli::ChangeArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_stdout};

/// Asks on a terminal; elsewhere `--yes` must have been given.
pub(crate) fn confirm(args: &ChangeArgs, what: &str) -> Result<()> {
    if args.yes || args.dry_run {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::input(format!("{what} would be made: `--yes` is needed where nobody can be asked")));
    }
    let mut answer = String::new();
    let mut stderr = io::stderr().lock();
    let asked = write!(stderr, "{what}. Go on? [y/N] ").and_then(|()| stderr.flush());
    let read = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    read.map_err(|error| Failure::input(format!("the answer could not be read: {error}")))?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::input("nothing was done")),
    }
}

/// Runs a use case on files. `ends` is how the groups end that it is to change.
pub(crate) fn offline(
    args: &ChangeArgs,
    ends: &BTreeMap<GroupKey, SecurityGroup>,
    allow_gap: bool,
    console: &Console,
    run: impl FnOnce(&mut Ports<'_>, Options) -> std::result::Result<Report, RunError>,
) -> Result<Outcome> {
    let input = read_file(&args.inventory)?;
    // What an interrupted run wrote is gone on from. A file of another kind is somebody's, and is not written over.
    let finished = if args.write.exists() {
        let foreign = |_| {
            let name = args.write.display();
            Failure::input(format!(
                "`{name}` exists and is no inventory: choose another name for `--write`, or take it away"
            ))
        };
        Some(read_file(&args.write).map_err(foreign)?)
    } else {
        None
    };
    let mut rules = FileStore::new(input, finished, ends, args.write.clone());
    let mut backups = FolderBackups::new(args.backup.clone());
    let started = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut journal = FileJournal::new(args.backup.join(format!("journal-{started}-{}.jsonl", std::process::id())));
    let mut ports = Ports { rules: &mut rules, backups: &mut backups, journal: &mut journal, clock: &SystemClock };
    let options = Options { max_groups: args.max_groups, allow_gap, dry_run: args.dry_run };
    let report = run(&mut ports, options).map_err(|error| match error {
        RunError::TooManyGroups { .. } => Failure::input(error),
        RunError::Commit(_) => Failure::Incomplete(error.to_string()),
    })?;
    tell(&report, args, console)
}

fn read_file(path: &Path) -> Result<Inventory> {
    read([Source::path(path)], &ReadOptions::default()).map_err(Failure::input)
}

fn tell(report: &Report, args: &ChangeArgs, console: &Console) -> Result<Outcome> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for group in &report.groups {
        let id = portcullis_report::sanitise::neutral(&group.key.group_id).into_owned();
        let word = match &group.outcome {
            GroupResult::Changed(_) => "changed",
            GroupResult::WouldChange => "would change",
            GroupResult::AlreadyDone => "already done",
            GroupResult::Refused(why) => {
                console.warn(&format!("refused: `{id}`: {why}"));
                "refused"
            }
            GroupResult::Failed(why) => {
                console.warn(&format!("failed: `{id}`: {why}"));
                "failed"
            }
        };
        *counts.entry(word).or_default() += 1;
    }
    let counted: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let summary = if counted.is_empty() { "nothing to change".to_owned() } else { counted.join(", ") };
    to_stdout(|out| {
        for group in report.groups.iter().filter(|_| args.dry_run) {
            if group.outcome == GroupResult::WouldChange {
                writeln!(out, "would change {}", portcullis_report::sanitise::neutral(&group.key.group_id))?;
            }
        }
        writeln!(out, "groups: {summary}")
    })?;
    if report.changed() > 0 && !args.dry_run {
        console
            .remark(&format!("backups are in `{0}`: `portcullis rollback {0}` takes it back", args.backup.display()));
    }
    Ok(if report.is_complete() { Outcome::Done } else { Outcome::Incomplete })
}
