//! `portcullis rules`

mod aws;
mod build;
mod commit;
mod configure;
mod cuts;
mod destroy;
mod fmt;
mod import;
mod init;
mod judge;
mod live;
mod rows;
mod sarif;
mod stage;
mod status;
mod told;

pub(crate) use told::warnings;

use std::path::PathBuf;

use portcullis_core::model::is_region;
use portcullis_formats::diagnostics::Diagnostics;
use portcullis_rules::{Error, Repository, repositories, side_by_side};

use crate::cli::{PlaceArgs, RulesArgs, RulesCommand};
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;

pub(crate) fn run(args: &RulesArgs, console: &Console) -> Result<Outcome> {
    let place = &args.place;
    match &args.command {
        RulesCommand::Init(args) => init::run(place, args, console),
        RulesCommand::Configure(args) => configure::run(place, args, console),
        RulesCommand::Status(args) => status::run(place, args, console),
        RulesCommand::Stage(args) => stage::run(place, args, console),
        RulesCommand::Commit(args) => commit::run(place, args, console),
        RulesCommand::Destroy(args) => destroy::run(place, args, console),
        RulesCommand::Import(args) => import::run(place, args, console),
        RulesCommand::Build(args) => build::run(place, args, console),
        RulesCommand::Fmt(args) => fmt::run(place, args, console),
    }
}

/// The folders that are meant.
fn folders(place: &PlaceArgs, console: &Console) -> Result<Vec<PathBuf>> {
    if place.recursive {
        return repositories(&place.folder).map_err(|error| failure(error, console));
    }
    Ok(vec![place.folder.clone()])
}

/// The repositories that are meant, opened.
fn open(place: &PlaceArgs, console: &Console) -> Result<Vec<Repository>> {
    if let Some(region) = place.region.as_deref().filter(|region| !is_region(region)) {
        return Err(Failure::input(format!(
            "`--region {region}` is no Region: a name such as `eu-west-1` is expected"
        )));
    }
    each(folders(place, console)?, console, |folder: PathBuf| Repository::open(&folder))
}

/// Does something with each, several at a time, and tells all that is wrong with any of them at once.
fn each<T: Send, R: Send>(
    items: Vec<T>,
    console: &Console,
    body: impl Fn(T) -> std::result::Result<R, Error> + Sync,
) -> Result<Vec<R>> {
    let results = side_by_side(items, body);
    let (mut done, mut files, mut messages) = (Vec::with_capacity(results.len()), Diagnostics::default(), Vec::new());
    for result in results {
        match result {
            Ok(result) => done.push(result),
            Err(Error::Files(wrong)) => files.extend(wrong),
            Err(Error::Message(message)) => messages.push(message),
        }
    }
    if files.is_empty() && messages.is_empty() {
        return Ok(done);
    }
    if !files.is_empty() {
        messages.push(console.excerpts(&files));
    }
    Err(Failure::input(messages.join("\nerror: ")))
}

/// What is wrong with a repository, as the end of a command.
pub(crate) fn failure(error: Error, console: &Console) -> Failure {
    match error {
        Error::Message(message) => Failure::Input(message),
        Error::Files(wrong) => console.diagnostics(&wrong),
    }
}
