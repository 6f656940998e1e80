//! `portcullis rules fmt`

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use portcullis_formats::diagnostics::{Diagnostics, Source};
use portcullis_formats::rules::format;
use portcullis_rules::Error;

use super::{each, open};
use crate::cli::{FmtArgs, PlaceArgs};
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_file, to_stdout};

pub(crate) fn run(place: &PlaceArgs, args: &FmtArgs, console: &Console) -> Result<Outcome> {
    if args.files.iter().any(|file| file == "-") {
        return stdin(args, console);
    }
    let files = match args.files.is_empty() {
        true => {
            let of = |repository: portcullis_rules::Repository| -> Vec<PathBuf> {
                repository.files().map(|file| repository.path_of(file).into()).collect()
            };
            open(place, console)?.into_iter().flat_map(of).collect()
        }
        false => args.files.iter().map(PathBuf::from).collect::<Vec<PathBuf>>(),
    };
    // Everything is read before anything is written.
    let formatted = each(files, console, |path: PathBuf| {
        let before = read(&path)?;
        let after = format(&path.display().to_string(), &before)?;
        Ok((after.as_bytes() != before).then_some((path, after)))
    })?;
    let formatted: Vec<(PathBuf, String)> = formatted.into_iter().flatten().collect();
    to_stdout(|out| {
        formatted.iter().filter(|_| args.check).try_for_each(|(path, _)| writeln!(out, "{}", path.display()))
    })?;
    if args.check {
        return Ok(if formatted.is_empty() { Outcome::Done } else { Outcome::Findings });
    }
    for (path, text) in &formatted {
        to_file(path, |out| out.write_all(text.as_bytes()))?;
        console.remark(&format!("rewritten: {}", path.display()));
    }
    Ok(Outcome::Done)
}

fn stdin(args: &FmtArgs, console: &Console) -> Result<Outcome> {
    if args.files.len() > 1 {
        return Err(Failure::input("`-` stands alone"));
    }
    let mut before = Vec::new();
    let read = std::io::stdin().lock().take(Source::MAX_BYTES as u64 + 1).read_to_end(&mut before);
    read.map_err(|error| Failure::io("stdin cannot be read", &error))?;
    let after = format("stdin", &before).map_err(|wrong: Diagnostics| console.diagnostics(&wrong))?;
    if args.check {
        return Ok(if after.as_bytes() == before { Outcome::Done } else { Outcome::Findings });
    }
    to_stdout(|out| out.write_all(after.as_bytes()))?;
    Ok(Outcome::Done)
}

fn read(path: &Path) -> std::result::Result<Vec<u8>, Error> {
    portcullis_rules::content(path)
}
