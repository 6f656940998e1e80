//! `portcullis rules init`

use std::path::{Path, PathBuf};

use portcullis_rules::{HASHES, PYSEC, Repository, SETTINGS_FILE, take_over};

use super::{each, failure};
use crate::cli::{InitArgs, PlaceArgs};
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;

pub(crate) fn run(place: &PlaceArgs, args: &InitArgs, console: &Console) -> Result<Outcome> {
    let folder = &place.folder;
    if args.from_pysec {
        return from_pysec(place, console);
    }
    if place.recursive {
        return Err(Failure::input("`init` makes one repository; `--recursive` goes with `--from-pysec` only"));
    }
    let settings = folder.join(SETTINGS_FILE);
    if folder.join(PYSEC).is_file() && !settings.exists() {
        return Err(Failure::input(format!(
            "`{}` is a repository of pysec-aws: `--from-pysec` takes it over with its stack; remove `{PYSEC}` and `{HASHES}` \
             to begin anew",
            folder.display()
        )));
    }
    Repository::init(folder).map_err(|error| failure(error, console))?;
    console.remark(&format!("repository initialised: {}", settings.display()));
    console.remark("`portcullis rules configure --vpc-id … --group-name … --region …` says which group it keeps");
    Ok(Outcome::Done)
}

fn from_pysec(place: &PlaceArgs, console: &Console) -> Result<Outcome> {
    let folders = if place.recursive { pysec_folders(&place.folder)? } else { vec![place.folder.clone()] };
    if folders.is_empty() {
        return Err(Failure::input(format!("there is no `{PYSEC}` in `{}` or below it", place.folder.display())));
    }
    let taken = each(folders, console, |folder| take_over(&folder).map(|taken| (folder, taken)))?;
    for (folder, taken) in taken {
        let stack = match &taken.stack {
            Some(stack) => format!("with the stack `{stack}`"),
            None => "which was never committed".to_owned(),
        };
        console.remark(&format!("taken over: `{}`, {stack}", folder.display()));
        for file in &taken.missing {
            console.warn(&format!("warning: `{file}` was committed and is gone"));
        }
    }
    console.remark(&format!("`{PYSEC}` and `{HASHES}` stay as they are; nothing reads them any more"));
    Ok(Outcome::Done)
}

/// Every folder with pysec-aws's state, sorted. Hidden folders and links are passed over.
fn pysec_folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let failed = |error| Failure::io(format!("`{}` cannot be read", folder.display()), &error);
        if folder.join(PYSEC).is_file() {
            found.push(folder.clone());
        }
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !hidden && entry.file_type().map_err(failed)?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
