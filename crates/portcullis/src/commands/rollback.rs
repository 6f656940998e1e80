//! `portcullis rollback`

use std::path::{Path, PathBuf};

use portcullis_formats::backup::Backup;

use super::change::{confirm, offline};
use crate::cli::RollbackArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;

pub(crate) fn run(args: &RollbackArgs, console: &Console) -> Result<Outcome> {
    let mut files = Vec::new();
    for path in &args.backups {
        let cannot = |error| Failure::input(format!("the backup `{}` cannot be read: {error}", path.display()));
        list(path, &mut files).map_err(cannot)?;
    }
    if files.is_empty() {
        return Err(Failure::input("there is no backup: name a backup file, or a folder that holds some"));
    }
    files.sort();
    let backups: Vec<Backup> = files.iter().map(|file| read(file)).collect::<Result<_>>()?;
    let groups: std::collections::BTreeSet<_> = backups.iter().map(|backup| &backup.group.key).collect();
    let count = groups.len();
    if count < backups.len() {
        console.remark("note: of several backups of one group, that of the last change counts");
    }
    confirm(&args.change, &format!("{count} groups would be put back"))?;
    let ends = backups.iter().map(|backup| (backup.group.key.clone(), backup.group.clone())).collect();
    offline(&args.change, &ends, true, console, |ports, options| {
        portcullis_runtime::rollback(backups, ports, options, env!("CARGO_PKG_VERSION"))
    })
}

fn read(file: &Path) -> Result<Backup> {
    let name = file.display();
    let bytes =
        std::fs::read(file).map_err(|error| Failure::input(format!("the backup `{name}` cannot be read: {error}")))?;
    Backup::read(&bytes).map_err(|error| Failure::input(format!("the backup `{name}` is refused: {error}")))
}

/// The file itself, or the backups in a folder and below it.
fn list(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !std::fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.is_dir() && !hidden {
            list(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") && !hidden {
            files.push(path);
        }
    }
    Ok(())
}
