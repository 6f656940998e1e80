//! The change that a repository of rules stands for: its files against the live group, or against what was committed.

use std::collections::BTreeMap;
use std::path::Path;

use portcullis_core::model::{GroupKey, Inventory, SecurityGroup};
use portcullis_rules::{Repository, STATE_FILE, SecurityTemplate, find_groups, projected};

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
        let Some(mut before) = inventory else { return self.since_commit() };
        let live = find_groups(&self.repository, &before);
        if live.is_empty() {
            return Err(Failure::input(format!(
                "the inventory has no group of the repository `{}`, named `{}`: what does not exist yet lets nobody in",
                self.repository.name(),
                self.repository.group_name()
            )));
        }
        let keys: Vec<GroupKey> = live.iter().map(|group| group.key.clone()).collect();
        let parts = self.rules.parts(keys.len() > 1, &before);
        let after = projected(&self.repository, &parts, &before).inventory;
        let mut changed: BTreeMap<GroupKey, SecurityGroup> = BTreeMap::new();
        for key in &keys {
            // A group that no part is left for lets nobody in.
            let mut group = after.group(key).or_else(|| before.group(key)).cloned().unwrap_or_default();
            if keys.iter().position(|own| own == key).is_some_and(|place| place >= parts.len()) {
                group.rules.clear();
            }
            changed.insert(key.clone(), group);
        }
        if before.interfaces.is_none() {
            before.groups.retain(|group| changed.contains_key(&group.key));
        }
        let after = before.groups.iter().map(|group| changed.get(&group.key).unwrap_or(group).clone()).collect();
        Ok(Change { before, after })
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
