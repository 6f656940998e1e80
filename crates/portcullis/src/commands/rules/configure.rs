//! `portcullis rules configure`

use std::collections::BTreeMap;
use std::path::Path;

use portcullis_rules::{Repository, SettingsChange};

use super::{failure, open};
use crate::cli::{ConfigureArgs, PlaceArgs};
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;

pub(crate) fn run(place: &PlaceArgs, args: &ConfigureArgs, console: &Console) -> Result<Outcome> {
    let change = change(place, args)?;
    for mut repository in open(place, console)? {
        let mut change = change.clone();
        // As pysec-aws did, a group is called after its folder where nobody says otherwise.
        if change.group_name.is_none() && repository.settings.group_name.is_none() {
            change.group_name = name_of(repository.folder());
        }
        warn_of_replacement(&repository, &change, console);
        repository.configure(&change).map_err(|error| failure(error, console))?;
        console.remark(&format!("repository configured: {}", repository.path_of(portcullis_rules::SETTINGS_FILE)));
        let settings = &repository.settings;
        let region = settings.region.is_none().then_some("--region");
        let missing: Vec<&str> = settings.missing().into_iter().chain(region).collect();
        if !missing.is_empty() {
            console.remark(&format!("still to be said: `{}`", missing.join("`, `")));
        }
    }
    Ok(Outcome::Done)
}

fn change(place: &PlaceArgs, args: &ConfigureArgs) -> Result<SettingsChange> {
    let mut tags = BTreeMap::new();
    for tag in &args.tag {
        match tag.split_once('=') {
            Some((key, value)) if !key.is_empty() => drop(tags.insert(key.to_owned(), value.to_owned())),
            _ => return Err(Failure::input(format!("`--tag {tag}`: KEY=VALUE is expected"))),
        }
    }
    let change = SettingsChange {
        vpc_id: args.vpc_id.clone(),
        group_name: args.group_name.clone(),
        region: place.region.clone(),
        profile: place.profile.clone(),
        role_name: place.role_name.clone(),
        external_id: place.external_id.clone(),
        description: args.description.clone(),
        stack: args.stack.clone(),
        stack_prefix: args.stack_prefix.clone(),
        generated_name: None,
        tags,
    };
    if change == SettingsChange::default() {
        return Err(Failure::input(
            "nothing to configure: `--vpc-id`, `--group-name`, `--region`, `--profile` or another option is needed",
        ));
    }
    Ok(change)
}

/// The folder's own name, without what a group's name does not take.
fn name_of(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let name: String =
        folder.file_name()?.to_str()?.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
    Some(name).filter(|name| !name.is_empty())
}

/// What AWS cannot change in place is said before it comes to that.
fn warn_of_replacement(repository: &Repository, change: &SettingsChange, console: &Console) {
    if repository.state.stack.is_none() {
        return;
    }
    let old = &repository.settings;
    let pairs = [
        ("--group-name", &change.group_name, &old.group_name),
        ("--description", &change.description, &old.description),
        ("--vpc-id", &change.vpc_id, &old.vpc_id),
    ];
    for (flag, new, old) in pairs {
        if new.is_some() && new != old {
            console.warn(&format!(
                "warning: with another `{flag}` the next commit makes a new group in the place of the old one"
            ));
        }
    }
}
