//! The use cases on files: an inventory in and out, a folder of backups, journals below it.

mod backups;
mod journal;
mod lock;
mod replace;
mod store;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use portcullis_core::model::{GroupKey, SecurityGroup};
use portcullis_core::remediation::{GroupPlan, Plan};
use portcullis_formats::backup::Backup;
use portcullis_formats::diagnostics::io_message;

use crate::enforce::shelf::PLANS;
use crate::ports::{Clock as _, Holder, Lease, Lock as _, NoLease, NoLock, NoObserver, Ports, SystemClock};
use crate::report::{Report, RunError, RunOptions};
use crate::rollback::{FoundBackup, Selected};
pub use backups::FolderBackups;
pub use journal::FileJournal;
pub use lock::FileLock;
pub use replace::replace;
pub use store::FileStore;

/// Where a run on files takes and puts everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The inventory as it is: a file or a folder.
    pub inventory: PathBuf,
    /// The inventory as it becomes; may be the same file.
    pub output: PathBuf,
    /// The folder of backups; journals go to `journal` in it.
    pub backups: PathBuf,
}

/// Carries out a plan on an inventory. Setting `interrupt` stops it after the groups in hand.
///
/// # Errors
/// Where the run cannot begin. Nothing was done then.
pub fn apply(plan: &Plan, places: &Places, options: &RunOptions, interrupt: &AtomicBool) -> Result<Report, RunError> {
    let planned: HashMap<&GroupKey, &GroupPlan> = plan.groups.iter().map(|planned| (planned.key(), planned)).collect();
    let goal = |now: &SecurityGroup| crate::apply::outcome(planned.get(&now.key)?, now);
    on_files(places, options, interrupt, &goal, |ports| crate::apply(plan, ports, options))
}

/// Puts back what backups hold. Setting `interrupt` stops it after the groups in hand.
///
/// # Errors
/// Where the run cannot begin. Nothing was done then.
pub fn rollback(
    selected: &Selected,
    places: &Places,
    options: &RunOptions,
    interrupt: &AtomicBool,
) -> Result<Report, RunError> {
    let backups: HashMap<&GroupKey, &Backup> =
        selected.chosen.iter().map(|found| (found.backup.group_key(), &found.backup)).collect();
    let goal = |now: &SecurityGroup| crate::rollback::outcome(backups.get(&now.key)?, now);
    on_files(places, options, interrupt, &goal, |ports| crate::rollback(selected, ports, options))
}

fn on_files(
    places: &Places,
    options: &RunOptions,
    interrupt: &AtomicBool,
    goal: &dyn Fn(&SecurityGroup) -> Option<SecurityGroup>,
    run: impl FnOnce(&Ports<'_>) -> Result<Report, RunError>,
) -> Result<Report, RunError> {
    let lock = FileLock::of(&places.output);
    // Before the output is looked at: what another run is writing says nothing yet.
    let _lease: Box<dyn Lease> = if options.dry_run {
        Box::new(NoLease)
    } else {
        store::check_places(&places.inventory, &places.output)?;
        let lease = lock.take(&holder(options), None)?;
        store::clear_leftovers(&places.output);
        lease
    };
    let store = FileStore::open(&places.inventory, &places.output, goal)?;
    let backups = FolderBackups::new(&places.backups);
    let journal = FileJournal::new(places.backups.join("journal"));
    run(&Ports {
        store: &store,
        backups: &backups,
        journal: &journal,
        clock: &SystemClock,
        observer: &NoObserver,
        lock: &NoLock,
        interrupt,
    })
}

fn holder(options: &RunOptions) -> Holder {
    Holder {
        who: format!("`{}`, process {}", store::user(), std::process::id()),
        run_id: options.run_id.clone(),
        since: SystemClock.now(),
        until: None,
    }
}

/// Reads the backups that files and folders hold. In folders every `*.json` is one, at any depth; names that begin with a
/// dot, and plans beside them, are passed over.
///
/// # Errors
/// The first that is none, and where there is none at all.
pub fn find_backups(paths: &[PathBuf]) -> Result<Vec<FoundBackup>, RunError> {
    let mut files = Vec::new();
    for path in paths {
        list(path, &mut files)?;
    }
    files.sort();
    files.dedup();
    if files.is_empty() {
        return Err(RunError::Input("there is no backup: name a backup file, or a folder that holds some".to_owned()));
    }
    files.iter().map(|file| read_backup(file)).collect()
}

fn read_backup(file: &Path) -> Result<FoundBackup, RunError> {
    let origin = file.display().to_string();
    let refused = |why: String| RunError::Input(format!("the backup `{origin}` {why}"));
    let bytes = fs::read(file).map_err(|error| refused(format!("cannot be read: {}", io_message(&error))))?;
    let backup = Backup::read(&bytes).map_err(|error| refused(format!("is refused: {error}")))?;
    Ok(FoundBackup { origin, backup })
}

/// The file itself, or the backups in a folder and below it. Links to folders are not followed.
fn list(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), RunError> {
    let failed = |error: std::io::Error| {
        RunError::Input(format!("the backup `{}` cannot be read: {}", path.display(), io_message(&error)))
    };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (child, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        let name = entry.file_name();
        if [".", PLANS].iter().any(|start| name.as_encoded_bytes().starts_with(start.as_bytes())) {
            continue;
        }
        if kind.is_dir() {
            list(&child, files)?;
        } else if child.extension().is_some_and(|extension| extension == "json") {
            files.push(child);
        }
    }
    Ok(())
}
