//! `portcullis rules import`

use std::path::Path;

use portcullis_core::model::SecurityGroup;
use portcullis_report::sanitise::neutral;
use portcullis_rules::{FIRST_RULES_FILE, Repository, SETTINGS_FILE, find_groups};
use portcullis_runtime::rules::{Talk as _, into_stack, settings_of, take_over, text_of};

use super::aws::{Sites, Told, bucket, failed};
use super::live::{live_side, snapshot};
use super::{failure, open};
use crate::cli::{ImportArgs, PlaceArgs};
use crate::exit::{Failure, Outcome, Result};
use crate::live::Purpose;
use crate::output::Console;

pub(crate) fn run(place: &PlaceArgs, args: &ImportArgs, console: &Console) -> Result<Outcome> {
    if args.update {
        return update(place, args, console);
    }
    if place.recursive {
        return Err(Failure::input("`import --recursive` goes with `--update`: name the groups otherwise"));
    }
    let several = args.groups.len() > 1;
    // All of them are found before anything is written.
    let mut found = Vec::new();
    if args.groups.is_empty() {
        let repository = repository_in(&place.folder, console)?;
        let name = repository
            .settings
            .group_name
            .clone()
            .ok_or_else(|| Failure::input("no group is named: `portcullis rules import GROUP`, by id or name"))?;
        found.push((place.folder.clone(), group(place, args, &repository, &name, console)?));
    }
    for wanted in &args.groups {
        let repository = repository_in(&place.folder, console)?;
        let group = group(place, args, &repository, wanted, console)?;
        let folder = if several { place.folder.join(folder_name(&group)) } else { place.folder.clone() };
        found.push((folder, group));
    }
    for (folder, group) in &found {
        written(folder, group, args, console)?;
    }
    if args.into_stack {
        for (folder, group) in &found {
            stacked(place, args, folder, group, console)?;
        }
    }
    Ok(Outcome::Done)
}

/// The repository of a folder, or one of nothing where it is none yet.
fn repository_in(folder: &Path, console: &Console) -> Result<Repository> {
    if !folder.join(SETTINGS_FILE).exists() {
        return Ok(Repository::default());
    }
    Repository::open(folder).map_err(|error| failure(error, console))
}

/// A group's name as a folder's.
fn folder_name(group: &SecurityGroup) -> String {
    let fit = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = group.name.chars().map(fit).collect();
    match name.trim_matches(['.', '-']) {
        "" => group.key.group_id.to_string(),
        name => name.to_owned(),
    }
}

/// The group that is meant, by id or name.
fn group(
    place: &PlaceArgs,
    args: &ImportArgs,
    repository: &Repository,
    wanted: &str,
    console: &Console,
) -> Result<SecurityGroup> {
    let groups = if args.inventory.is_empty() {
        let mut sites = Sites::new(place, Purpose::Read);
        sites.site(repository)?.named(wanted).map_err(|error| failed(error, console))?
    } else {
        snapshot(place, &args.inventory)?.groups
    };
    let vpc = repository.settings.vpc_id.as_deref();
    let fits = |group: &SecurityGroup| {
        group.key.group_id == wanted || group.name == wanted && vpc.is_none_or(|vpc| group.vpc_id == vpc)
    };
    let mut fitting: Vec<SecurityGroup> = groups.into_iter().filter(fits).collect();
    match (fitting.pop(), fitting.len()) {
        (Some(group), 0) => Ok(group),
        (Some(group), _) => {
            let ids: Vec<String> = fitting
                .iter()
                .chain([&group])
                .map(|group| format!("{} in {}", group.key.group_id, group.vpc_id))
                .collect();
            Err(Failure::input(format!(
                "several groups are called `{wanted}`: name one by its id ({})",
                ids.join(", ")
            )))
        }
        (None, _) => {
            Err(Failure::input(format!("there is no group `{wanted}` where the credentials and the Region lead")))
        }
    }
}

/// Writes a group's rules into a folder, which becomes a repository where it is none.
fn written(folder: &Path, group: &SecurityGroup, args: &ImportArgs, console: &Console) -> Result<()> {
    let told = |error| failure(error, console);
    if !folder.join(SETTINGS_FILE).exists() {
        Repository::init(folder).map_err(told)?;
    }
    let mut repository = Repository::open(folder).map_err(told)?;
    if let Some(own) = repository.settings.group_name.as_ref().filter(|own| **own != group.name && !args.force) {
        return Err(Failure::input(format!(
            "`{}` keeps group `{own}` already: `--force` makes it keep `{}`",
            repository.name(),
            group.name
        )));
    }
    let files: Vec<String> = repository.files().map(str::to_owned).collect();
    let filled = |name: &&String| std::fs::read(folder.join(name)).is_ok_and(|bytes| !bytes.trim_ascii().is_empty());
    if let Some(name) = files.iter().find(filled).filter(|_| !args.force) {
        return Err(Failure::input(format!(
            "`{}` is there already: `--force` writes over it, `--update` takes what was changed in AWS into it",
            repository.path_of(name)
        )));
    }
    let first = files.first().cloned().unwrap_or_else(|| FIRST_RULES_FILE.to_owned());
    repository.configure(&settings_of(group)).map_err(told)?;
    repository.write_rules(&first, &text_of(group)).map_err(told)?;
    for other in files.iter().filter(|name| **name != first) {
        repository.write_rules(other, "").map_err(told)?;
    }
    let rules = repository.load().map_err(told)?;
    let (count, place) = (rules.rules().rules.len(), repository.path_of(&first));
    console.remark(&format!("`{place}` holds the {count} rules of {} ({})", neutral(&group.name), group.key.group_id));
    Ok(())
}

fn stacked(
    place: &PlaceArgs,
    args: &ImportArgs,
    folder: &Path,
    group: &SecurityGroup,
    console: &Console,
) -> Result<()> {
    let mut repository = Repository::open(folder).map_err(|error| failure(error, console))?;
    let mut sites = Sites::new(place, Purpose::Change);
    let site = sites.site(&repository)?;
    let talk = Told { place, console };
    let bucket = bucket(args.bucket.as_deref())?;
    into_stack(&mut repository, &site, group, bucket.as_ref(), &talk).map_err(|error| failed(error, console))?;
    talk.info(&format!("Group {} is in stack {}", group.key.group_id, repository.stack_name()));
    Ok(())
}

/// Takes what was changed in AWS into the files.
fn update(place: &PlaceArgs, args: &ImportArgs, console: &Console) -> Result<Outcome> {
    if !args.groups.is_empty() {
        return Err(Failure::input("`import --update` is about the repository's own group: name none"));
    }
    let mut side = live_side(place, &args.inventory, console)?;
    for mut repository in open(place, console)? {
        let inventory = side.inventory(&repository)?;
        let live = find_groups(&repository, &inventory);
        let name = repository.name();
        if live.is_empty() {
            return Err(Failure::input(format!("there is no live group of `{name}` to take anything from")));
        }
        match take_over(&mut repository, &live).map_err(|error| failed(error, console))? {
            0 => console.remark(&format!("{name}: the files say what the live group holds")),
            changed => {
                console.remark(&format!("{name}: {changed} changes taken into the files; stage and commit them"))
            }
        }
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn folders_have_names_that_stay_below_their_parent() {
        let named = |name: &str| {
            let mut group = SecurityGroup { name: name.into(), ..SecurityGroup::default() };
            group.key.group_id = "sg-1".into();
            PathBuf::from(folder_name(&group))
        };
        assert_eq!(named("web tier"), PathBuf::from("web-tier"));
        assert_eq!(named("../x/.."), PathBuf::from("x"));
        assert_eq!(named(".."), PathBuf::from("sg-1"));
    }
}
