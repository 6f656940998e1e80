//! From changes to calls, in an order that keeps the promise: on the way the group admits nothing that it admits neither
//! before nor after, and, unless revocations were ordered first, never less than what it admits both before and after.
//!
//! The changes are first reduced to the difference between the group and its end. A rule that some chain of changes leaves
//! and another enters (A becomes B while B becomes C) simply stays; so no call ever makes a rule that is there already,
//! whichever way AWS takes the items of one call, and no call needs another to have made room. Then: authorise, modify,
//! describe, tag, revoke. Authorising only adds, revoking only takes, and all that is modified of one direction goes with
//! one call, which AWS makes whole or not at all.

use portcullis_core::model::{Peer, Rule, SecurityGroup, Tag, Tags};
use portcullis_core::remediation::{Change, SimulationError, difference, simulate};

use super::call::{Call, Planned};

/// The most items of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rules: what the API takes in a list, and what a group can hold in one direction at its highest quota.
    /// Source: Amazon VPC User Guide, "Amazon VPC quotas".
    pub rules: usize,
    /// Tags of one resource. Source: Amazon EC2 User Guide, "Tag restrictions".
    pub tags: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rules: 1000, tags: 50 }
    }
}

/// Why changes cannot be put into calls. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// They do not fit the group.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// A rule has no id to be named by.
    #[error("rule `{0}` has no id: read the group's rules with `ec2:DescribeSecurityGroupRules`")]
    NoId(String),
    /// A description that AWS does not take.
    #[error(
        "the description {description:?} of rule `{rule}` is not one that AWS takes: at most 255 of letters, digits, \
         spaces and ._-:/()#,@[]+=&;{{}}!$*"
    )]
    Description {
        /// The rule.
        rule: String,
        /// Its description.
        description: String,
    },
    /// A rule that names a group as EC2-Classic did.
    #[error("rule `{0}` names a group by its name alone: AWS takes ids only")]
    NameOnly(String),
}

/// The calls that lead `group` through `changes`, in order. Revocations come first where the changes have them first.
///
/// Tags whose keys begin with `aws:` are AWS's own and left as they are.
///
/// # Errors
/// Where the changes do not fit the group, or AWS would not take them.
pub fn arrange(group: &SecurityGroup, changes: &[Change], limits: Limits) -> Result<Vec<Planned>, Unfit> {
    let end = simulate(group, changes)?;
    let mut parts = Parts::default();
    for change in difference(group, &end) {
        parts.add(change, &group.key.account_id, limits)?;
    }
    let calls = parts.calls(revokes_first(changes), limits);
    let group_id = group.key.group_id.to_string();
    Ok(calls.into_iter().map(|call| Planned { group_id: group_id.clone(), call }).collect())
}

fn revokes_first(changes: &[Change]) -> bool {
    let mut ordering = changes.iter().filter(|change| matches!(change, Change::Authorize(_) | Change::Revoke(_)));
    let first = ordering.next();
    matches!(first, Some(Change::Revoke(_))) && ordering.any(|change| matches!(change, Change::Authorize(_)))
}

/// The changes by what is asked of the API.
#[derive(Default)]
struct Parts {
    authorize: Vec<Rule>,
    modify: Vec<(Rule, Rule)>,
    describe: Vec<Rule>,
    retag: Vec<(Rule, Tags)>,
    revoke: Vec<Rule>,
    untag: Vec<String>,
    tag: Vec<Tag>,
}

impl Parts {
    fn add(&mut self, change: Change, account: &str, limits: Limits) -> Result<(), Unfit> {
        match change {
            Change::Authorize(rule) => self.authorize(rule)?,
            Change::Revoke(rule) => self.revoke.push(with_id(rule)?),
            Change::Modify { before, after } => self.modify(before, after, account, limits)?,
            Change::Describe { before, after } => self.describe(with_id(before)?, checked(after)?),
            Change::Tag { key, after, .. } => match after {
                _ if is_reserved(&key) => {}
                Some(value) => self.tag.push(Tag { key, value }),
                None => self.untag.push(key.into()),
            },
        }
        Ok(())
    }

    fn authorize(&mut self, mut rule: Rule) -> Result<(), Unfit> {
        rule.tags.retain(|tag| !is_reserved(&tag.key));
        rule.tags.sort();
        self.authorize.push(checked(rule)?);
        Ok(())
    }

    fn modify(&mut self, before: Rule, after: Rule, account: &str, limits: Limits) -> Result<(), Unfit> {
        let after = Rule { id: before.id.clone(), ..after };
        let of_direction = self.modify.iter().filter(|(rule, _)| rule.direction == before.direction).count();
        // What does not fit into the one call would come after it, and in between the group might admit too little.
        if of_direction >= limits.rules || !nameable_in_place(&after, account) {
            self.authorize(Rule { id: Default::default(), ..after })?;
            self.revoke.push(with_id(before)?);
            return Ok(());
        }
        let (before, after) = (with_id(before)?, checked(after)?);
        if after.description.is_empty() && !before.description.is_empty() {
            // That a description which is left out goes is documented of the call for descriptions alone.
            self.describe.push(after.clone());
        }
        self.modify.push((before, after));
        Ok(())
    }

    fn describe(&mut self, before: Rule, after: Rule) {
        // What would have changed in place and comes anew instead comes as it shall be in the end.
        if let Some(new) = self.authorize.iter_mut().find(|rule| rule.identity() == after.identity()) {
            *new = Rule { id: new.id.clone(), ..after };
            new.tags.retain(|tag| !is_reserved(&tag.key));
            new.tags.sort();
            return;
        }
        if before.tags != after.tags {
            self.retag.push((before.clone(), after.tags.clone()));
        }
        if before.description != after.description {
            self.describe.push(Rule { id: before.id, ..after });
        }
    }

    fn calls(self, revoke_first: bool, limits: Limits) -> Vec<Call> {
        let authorize = batches(self.authorize, limits.rules, |a, b| a.direction == b.direction && a.tags == b.tags)
            .filter_map(|rules| Some(Call::Authorize(rules.first()?.direction, rules)));
        let modify = batches(self.modify, limits.rules, |(a, _), (b, _)| a.direction == b.direction).map(Call::Modify);
        let describe = batches(self.describe, limits.rules, |a, b| a.direction == b.direction)
            .filter_map(|rules| Some(Call::Describe(rules.first()?.direction, rules)));
        let revoke = batches(self.revoke, limits.rules, |a, b| a.direction == b.direction)
            .filter_map(|rules| Some(Call::Revoke(rules.first()?.direction, rules)));
        let (first, last): (Vec<Call>, Vec<Call>) =
            if revoke_first { (revoke.collect(), Vec::new()) } else { (Vec::new(), revoke.collect()) };
        let rule_tags = rule_tags(self.retag, limits);
        // Off before on, so that a resource never has more tags than AWS allows.
        let untag = batches(self.untag, limits.tags, |_, _| true).map(Call::Untag);
        let tag = batches(self.tag, limits.tags, |_, _| true).map(Call::Tag);
        let rules = first.into_iter().chain(authorize).chain(modify).chain(describe).chain(rule_tags).chain(last);
        rules.chain(untag).chain(tag).collect()
    }
}

/// The calls that put the tags of rules right: those that differ alike share a call.
fn rule_tags(retag: Vec<(Rule, Tags)>, limits: Limits) -> Vec<Call> {
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for (rule, wanted) in retag {
        let gone = |tag: &&Tag| !wanted.iter().any(|new| new.key == tag.key) && !is_reserved(&tag.key);
        let gone: Vec<String> = rule.tags.iter().filter(gone).map(|tag| tag.key.to_string()).collect();
        let new: Vec<Tag> =
            wanted.iter().filter(|tag| !rule.tags.contains(tag) && !is_reserved(&tag.key)).cloned().collect();
        if !gone.is_empty() {
            off.push((rule.clone(), gone));
        }
        if !new.is_empty() {
            on.push((rule, new));
        }
    }
    let off = batches(off, limits.rules, |a, b| a.1 == b.1).filter_map(|batch| {
        let keys = batch.first()?.1.clone();
        Some(Call::UntagRules(batch.into_iter().map(|(rule, _)| rule).collect(), keys))
    });
    let on = batches(on, limits.rules, |a, b| a.1 == b.1).filter_map(|batch| {
        let tags = batch.first()?.1.clone();
        Some(Call::TagRules(batch.into_iter().map(|(rule, _)| rule).collect(), tags))
    });
    off.chain(on).collect()
}

/// Items that may share a call, up to `most` together, in the order in which their kinds come up.
fn batches<T>(items: Vec<T>, most: usize, together: impl Fn(&T, &T) -> bool) -> impl Iterator<Item = Vec<T>> {
    let mut batches: Vec<Vec<T>> = Vec::new();
    for item in items {
        let fits =
            |batch: &&mut Vec<T>| batch.len() < most && batch.first().is_some_and(|first| together(first, &item));
        match batches.iter_mut().find(fits) {
            Some(batch) => batch.push(item),
            None => batches.push(vec![item]),
        }
    }
    batches.into_iter()
}

/// Whether the call that changes rules in place can say the rule: it takes a group's id without its account.
fn nameable_in_place(rule: &Rule, account: &str) -> bool {
    match &rule.peer {
        Peer::Group(group) => group.account.is_empty() || group.account == account,
        Peer::V4(_) | Peer::V6(_) | Peer::PrefixList(_) => true,
    }
}

fn with_id(rule: Rule) -> Result<Rule, Unfit> {
    if rule.id.is_empty() { Err(Unfit::NoId(rule.to_string())) } else { Ok(rule) }
}

/// The rule, if AWS takes what it says. Source: Amazon EC2 API Reference, "IpRange".
fn checked(rule: Rule) -> Result<Rule, Unfit> {
    let fits = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if rule.description.len() > 255 || !rule.description.chars().all(fits) {
        return Err(Unfit::Description { rule: rule.to_string(), description: rule.description.to_string() });
    }
    match &rule.peer {
        Peer::Group(group) if group.id.is_empty() => Err(Unfit::NameOnly(rule.to_string())),
        _ => Ok(rule),
    }
}

/// Keys of AWS's own, which nobody else may set. Source: Amazon EC2 User Guide, "Tag restrictions".
fn is_reserved(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
}
