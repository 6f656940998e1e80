//! What is looked at before anything is done.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_cloud::api::Stack;
use portcullis_core::model::Rule;
use portcullis_rules::{Committed, Repository, RuleSet, Template};
use serde_json::Value;

use super::{Commit, Failure, Result, Site, destroy};
use crate::rules::repair::at_home;
use crate::rules::site::STACK_TAG;

/// How many groups share the rules: as many as were staged, or, where nothing is staged and no file changed, as there are.
pub(super) fn groups_of(repository: &Repository) -> Result<usize> {
    if let Some(staged) = &repository.state.staged {
        return Ok(staged.groups);
    }
    if repository.state.committed.is_none() || Commit::files_differ(repository) {
        let folder = repository.name();
        return Err(Failure::Input(format!(
            "nothing is staged in `{folder}`: `portcullis rules stage` shows what would change and marks it"
        )));
    }
    Ok(repository.state.stack.as_ref().map_or(1, |stack| stack.group_ids.len()))
}

/// Refuses credentials of another account than the one that the stack is in: there it would seem to be gone.
pub(in crate::rules) fn account(repository: &Repository, site: &Site) -> Result<()> {
    let Some(known) = repository.state.stack.as_ref().and_then(|stack| stack.account_id()) else { return Ok(()) };
    let caller = site.caller()?;
    if caller.account == known {
        return Ok(());
    }
    Err(Failure::Input(format!(
        "the credentials are of account {}, and the stack of `{}` is in {known}: name its profile (`--use-profile`, \
         `--profile`) or role",
        caller.account,
        repository.group_name()
    )))
}

/// A set of rules as the repository's state keeps it.
pub(super) fn lines(set: &RuleSet) -> Vec<String> {
    Committed::of(BTreeMap::new(), set).rules.unwrap_or_default()
}

/// What makes a rule of a group the same as another: AWS takes no two of them.
fn identity(rule: Rule, account: &str) -> String {
    at_home(rule, account).to_string()
}

impl Commit<'_> {
    /// Refuses what CloudFormation would refuse later, or do with a loss: groups that are there already, names that cannot
    /// be kept, groups in use that another would replace.
    pub(super) fn check_names(&self, stack: Option<&Stack>, base: Option<&Template>) -> Result<()> {
        let name = self.repository.group_name();
        let Some(base) = base.filter(|_| stack.is_some()) else {
            let Some(there) = self.live.first().filter(|_| stack.is_none()) else { return Ok(()) };
            let id = &there.key.group_id;
            let whose = match there.tag(STACK_TAG) {
                Some(stack) => format!("belongs to stack `{stack}`"),
                None => "belongs to no stack".to_owned(),
            };
            return Err(Failure::Input(format!(
                "group `{name}` ({id}) is there already and {whose}: `portcullis rules import {id} --into-stack` takes it into \
                 the repository's stack, or `configure --group-name` names another"
            )));
        };
        let mut replaced = Vec::new();
        for logical in base.logical_ids() {
            let property = |template: &Template, key: &str| -> Option<Value> {
                template.value().pointer(&format!("/Resources/{logical}/Properties/{key}")).cloned()
            };
            let same = |key: &str| property(base, key) == property(&self.template, key);
            if !self.template.logical_ids().contains(logical) {
                replaced.push(logical.clone());
            } else if !(same("GroupDescription") && same("VpcId")) {
                if property(base, "GroupName").is_some() && same("GroupName") {
                    return Err(Failure::Input(format!(
                        "the description or the VPC of group `{name}` changed, which AWS can only do by replacing the group, \
                         and CloudFormation cannot while it keeps its name: change `group_name` too, or put them back"
                    )));
                }
                replaced.push(logical.clone());
            } else if !same("GroupName") {
                replaced.push(logical.clone());
            }
        }
        if replaced.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = self.live.iter().map(|group| group.key.group_id.to_string()).collect();
        self.talk.warn(&format!("another group takes the place of {}: its id will be new", ids.join(", ")));
        let uses = destroy::uses(self.site, &ids)?;
        match uses.iter().find(|found| found.holds()) {
            Some(found) => Err(Failure::World(format!(
                "the group cannot be replaced while it is in use: {found}; nothing was changed"
            ))),
            None => Ok(()),
        }
    }

    /// The rules of each group that the change set would add and that are there already, made by hand: CloudFormation would
    /// fail to add them.
    pub(super) fn in_the_way(&self, base: Option<&Template>) -> Vec<(usize, BTreeSet<String>)> {
        let Some(in_stack) = base.and_then(|base| base.rules().ok()) else { return Vec::new() };
        let pairs = self.live.iter().zip(&self.parts).enumerate();
        let found = pairs.map(|(place, (group, part))| {
            let account = group.key.account_id.as_str();
            let known: BTreeSet<String> = in_stack.as_held().into_iter().map(|rule| identity(rule, account)).collect();
            let own: BTreeSet<String> = group.rules.iter().map(|rule| identity(rule.clone(), account)).collect();
            let new =
                part.as_held().into_iter().map(|rule| identity(rule, account)).filter(|rule| !known.contains(rule));
            (place, new.filter(|rule| own.contains(rule)).collect::<BTreeSet<String>>())
        });
        found.filter(|(_, rules)| !rules.is_empty()).collect()
    }
}
