//! The live side of a comparison: the repository's group as it is, from AWS or from a snapshot.

use std::path::PathBuf;

use portcullis_core::model::Inventory;
use portcullis_formats::inventory::{ReadOptions, Source, read};
use portcullis_report::sanitise::neutral;
use portcullis_rules::{Repository, RuleSet, find_groups};

use super::aws::{OnAws, Sites};
use crate::cli::PlaceArgs;
use crate::exit::{Failure, Result};
use crate::live::Purpose;
use crate::output::Console;

/// Where groups are looked up.
pub(crate) trait LiveSide {
    /// An inventory that holds the repository's groups, where there are any, and what is around them as far as rules
    /// name it. `portcullis_rules::find_groups` finds them in it.
    fn inventory(&mut self, repository: &Repository) -> Result<Inventory>;

    /// What is around a repository's groups, as far as observed traffic needs it: interfaces, the other groups on them, and
    /// the members of groups that rules name. An inventory that holds all repositories is given once.
    fn around(&mut self, all: &[Around<'_>]) -> Result<Inventory>;
}

/// A repository, the rules of its files, and its groups as they are.
pub(crate) struct Around<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) rules: &'a RuleSet,
    pub(crate) live: &'a Inventory,
}

/// The live side that was asked for: files where any are named, else AWS.
pub(crate) fn live_side<'a>(
    place: &'a PlaceArgs,
    inventories: &[PathBuf],
    console: &'a Console,
) -> Result<Box<dyn LiveSide + 'a>> {
    if inventories.is_empty() {
        return Ok(Box::new(OnAws { sites: Sites::new(place, Purpose::Read), console }));
    }
    Ok(Box::new(Snapshot(snapshot(place, inventories)?)))
}

/// Each repository with its live group; `None` for one of several that AWS keeps from being read, which is told and does not
/// keep the others from being looked at.
pub(super) fn looked_up<T>(
    repositories: impl ExactSizeIterator<Item = (Repository, T)>,
    side: &mut dyn LiveSide,
    console: &Console,
) -> Result<Vec<(Repository, T, Option<Inventory>)>> {
    let several = repositories.len() > 1;
    let mut all = Vec::with_capacity(repositories.len());
    for (repository, rules) in repositories {
        let live = match side.inventory(&repository) {
            Ok(live) => Some(live),
            Err(Failure::Incomplete(message)) if several => {
                console.warn(&format!("error: {}: {message}", neutral(&repository.name())));
                None
            }
            Err(failure) => return Err(failure),
        };
        all.push((repository, rules, live));
    }
    Ok(all)
}

/// What snapshots hold.
pub(super) fn snapshot(place: &PlaceArgs, inventories: &[PathBuf]) -> Result<Inventory> {
    let source = |path: &PathBuf| match path.to_str() {
        Some("-") => Source::reader("stdin", std::io::stdin()),
        _ => Source::path(path),
    };
    let options = ReadOptions { region: place.region.clone() };
    read(inventories.iter().map(source), &options).map_err(Failure::input)
}

/// An inventory that was read already.
struct Snapshot(Inventory);

impl LiveSide for Snapshot {
    fn inventory(&mut self, repository: &Repository) -> Result<Inventory> {
        // Not all of it: a tree of many repositories would copy a large snapshot as often.
        Ok(Inventory {
            groups: find_groups(repository, &self.0).into_iter().cloned().collect(),
            prefix_lists: self.0.prefix_lists.clone(),
            vpcs: self.0.vpcs.clone(),
            has_rule_ids: self.0.has_rule_ids,
            ..Inventory::default()
        })
    }

    fn around(&mut self, _: &[Around<'_>]) -> Result<Inventory> {
        Ok(self.0.clone())
    }
}

/// The profile that credentials come from: the one that was typed; the repository's where `--use-profile` asks for it, or
/// where the environment brings no credentials of its own, as in a pipeline it does.
pub(crate) fn profile(place: &PlaceArgs, repository: &Repository) -> Option<String> {
    const OWN: [&str; 5] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    let has_own = || OWN.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let of_repository = || repository.settings.profile.clone().filter(|_| place.use_profile || !has_own());
    place.profile.clone().or_else(of_repository)
}
