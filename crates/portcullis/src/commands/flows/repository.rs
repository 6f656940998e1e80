//! The change that a repository of rules stands for: its files against the live group, or against what was committed.

use std::collections::BTreeMap;
use std::path::Path;

use portcullis_core::model::{GroupKey, Inventory, SecurityGroup};
use portcullis_rules::{Repository, RuleSet, STATE_FILE, SecurityTemplate, find_groups};

use super::risk::Change;
use crate::commands::rules::{failure, warnings};
use crate::exit::{Failure, Result};
use crate::output::Console;

/// A repository whose rules were read.
pub(crate) struct Rules {
    repository: Repository,
    rules: SecurityTemplate,
    committed: Option<SecurityGroup>,
}

/// Reads a repository.
pub(crate) fn open(folder: &Path, console: &Console) -> Result<Rules> {
    let failed = |error| failure(error, console);
    let repository = Repository::open(folder).map_err(failed)?;
    let rules = repository.load().map_err(failed)?;
    warnings(rules.warnings(), console);
    let file = repository.path_of(STATE_FILE);
    let committed = repository.state.committed.as_ref().map(|committed| committed.rules(&file)).transpose();
    let committed = committed.map_err(failed)?.flatten().map(|set| {
        let known = repository.state.stack.as_ref().and_then(|stack| stack.group_ids.first()).map(String::as_str);
        let key = GroupKey {
            region: repository.region().unwrap_or("unknown").into(),
            group_id: known.unwrap_or(repository.group_name()).into(),
            ..GroupKey::default()
        };
        SecurityGroup { key, name: repository.group_name().into(), rules: set.as_held(), ..SecurityGroup::default() }
    });
    Ok(Rules { repository, rules, committed })
}

impl Rules {
    /// What a commit of the files would change.
    pub(crate) fn change(&self, inventory: Option<Inventory>) -> Result<Change> {
        let Some(before) = inventory else { return self.since_commit() };
        let live = find_groups(&self.repository, &before);
        if live.is_empty() {
            return Err(Failure::input(format!(
                "the inventory has no group of the repository `{}`, named `{}`: what does not exist yet lets nobody in",
                self.repository.name(),
                self.repository.group_name()
            )));
        }
        let parts = self.rules.parts(live.len() > 1, &before);
        Ok(Change::of_repositories(before, &[(&self.repository, parts.as_slice())]))
    }

    /// Without an inventory what was committed stands for what is live.
    fn since_commit(&self) -> Result<Change> {
        let Some(group) = self.committed.clone() else {
            return Err(Failure::input(format!(
                "nothing of `{}` was committed yet: `--inventory INV` with the live group is needed",
                self.repository.name()
            )));
        };
        let after = SecurityGroup { rules: self.rules.rules().as_held(), ..group.clone() };
        Ok(Change { before: Inventory { groups: vec![group], ..Inventory::default() }, after: vec![after] })
    }
}

impl Change {
    /// What commits would change of repositories' groups, each with the rules that its parts of the files say. A group that
    /// does not exist yet lets nobody in.
    pub(crate) fn of_repositories(mut before: Inventory, repositories: &[(&Repository, &[RuleSet])]) -> Self {
        let mut changed: BTreeMap<GroupKey, SecurityGroup> = BTreeMap::new();
        for (repository, parts) in repositories {
            for (place, group) in find_groups(repository, &before).into_iter().enumerate() {
                // A group that no part is left for lets nobody in either.
                let rules = parts.get(place).map(RuleSet::as_held).unwrap_or_default();
                changed.insert(group.key.clone(), SecurityGroup { rules, unreadable: None, ..group.clone() });
            }
        }
        // Where no interface tells what groups it has, only those that change are looked at.
        if before.interfaces.is_none() {
            before.groups.retain(|group| changed.contains_key(&group.key));
        }
        let after = before.groups.iter().map(|group| changed.get(&group.key).unwrap_or(group).clone()).collect();
        Self { before, after }
    }
}
