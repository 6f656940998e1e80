//! `portcullis rules commit`

use portcullis_rules::Repository;
use portcullis_runtime::rules::{CommitOptions, Done, Talk as _, commit};

use super::aws::{Bench, Sites, Told, bucket, failed};
use super::told::warnings;
use super::{each, open};
use crate::cli::{CommitArgs, PlaceArgs};
use crate::exit::{Failure, Outcome, Result};
use crate::live::Purpose;
use crate::output::Console;

pub(crate) fn run(place: &PlaceArgs, args: &CommitArgs, console: &Console) -> Result<Outcome> {
    let mut repositories = open(place, console)?;
    // Nothing is committed anywhere while any file of any repository is wrong.
    let rules = each(repositories.iter().collect(), console, |repository: &Repository| {
        repository.settings.group()?;
        repository.load()
    })?;
    rules.iter().for_each(|rules| warnings(rules.warnings(), console));
    let bucket = bucket(args.bucket.as_deref())?;
    let options = CommitOptions { bucket: bucket.as_ref(), dry_run: args.dry_run };
    let mut sites = Sites::new(place, Purpose::Change);
    let several = repositories.len() > 1;
    let mut incomplete = false;
    for repository in &mut repositories {
        if several {
            console.remark(&format!("{}:", repository.name()));
        }
        match one(place, args, options, repository, &mut sites, console) {
            Ok(()) => {}
            Err(failure @ Failure::Internal(_)) => return Err(failure),
            Err(Failure::Input(message) | Failure::Incomplete(message)) if several => {
                console.warn(&format!("error: {}: {message}", repository.name()));
                incomplete = true;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(if incomplete { Outcome::Incomplete } else { Outcome::Done })
}

fn one(
    place: &PlaceArgs,
    args: &CommitArgs,
    options: CommitOptions<'_>,
    repository: &mut Repository,
    sites: &mut Sites<'_>,
    console: &Console,
) -> Result<()> {
    let site = sites.site(repository)?;
    let bench = Bench::new(place, repository, &args.backup);
    let talk = Told { place, console };
    let done = commit(repository, &site, &bench, options, &talk).map_err(|error| failed(error, console))?;
    match done {
        Done::Created => talk.info("Stack created successfully"),
        Done::Updated => talk.info("Stack updated successfully"),
        Done::Repaired(changes) => {
            talk.info(&format!("Rules put right: {changes} {}", if changes == 1 { "change" } else { "changes" }));
            let backup = &args.backup;
            console.remark(&format!("backups are in `{backup}`: `portcullis rollback {backup}` takes it back"));
        }
        Done::Nothing => talk.info("Nothing to commit: the live group is what the files say"),
        Done::Shown => console.remark("nothing was done: `--dry-run`"),
    }
    Ok(())
}
