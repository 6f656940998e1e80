//! Plans as values: what would change, and the proof that it is right.

use std::collections::BTreeMap;

use compact_str::CompactString;

use crate::model::{Direction, GroupKey, Inventory, Rule, SecurityGroup, Tag};
use crate::net::{AnyCidr, Traffic};
use crate::policy::Control;

/// How findings are to be remedied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Cut the offending public addresses from the rules at fault, and nothing else.
    Narrow,
    /// Take offending rules away whole.
    Revoke,
    /// Put these sources in the place of the offending ones, on the offending ports.
    Replace(Vec<AnyCidr>),
    /// Take all rules away, in both directions, and leave one that explains.
    Lockdown,
    /// Change no rule; tag the group.
    Tag,
    /// No finding is remedied: the rules become those that flow logs show to be enough.
    Suggest,
}

impl Strategy {
    /// The word of the command line.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Revoke => "revoke",
            Self::Replace(_) => "replace",
            Self::Lockdown => "lockdown",
            Self::Tag => "tag",
            Self::Suggest => "suggest",
        }
    }
}

/// One change of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A rule that does not exist yet.
    Authorize(Rule),
    /// A rule that goes.
    Revoke(Rule),
    /// A rule that becomes another of the same peer kind, in place.
    Modify {
        /// As it is.
        before: Rule,
        /// As it will be.
        after: Rule,
    },
    /// A rule of which the description changes, or its tags (rollback only), and nothing else.
    Describe {
        /// As it is.
        before: Rule,
        /// As it will be.
        after: Rule,
    },
    /// A tag of the group.
    Tag {
        /// Its key.
        key: CompactString,
        /// Its value now, if it is there.
        before: Option<CompactString>,
        /// Its value then; `None` takes it away (rollback only).
        after: Option<CompactString>,
    },
}

/// What is proved of a group's changes. Everything in it is computed from the rules before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Whether none of the plan's findings on the group remains. `None` where the strategy does not change traffic.
    pub findings_gone: Option<bool>,
    /// What is admitted that was not admitted before: empty, save for [`Strategy::Replace`].
    pub opens: Vec<(Direction, Traffic)>,
    /// What is closed.
    pub closes: Vec<(Direction, Traffic)>,
    /// The part of what is closed that the findings did not ask for.
    pub also_closes: Vec<(Direction, Traffic)>,
}

/// A finding that a group's changes remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFinding {
    /// The finding's id.
    pub id: CompactString,
    /// Its control's id.
    pub control_id: CompactString,
}

/// The changes of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupPlan {
    /// The group as planned on: its rules, description, tags.
    pub group: SecurityGroup,
    /// [`fingerprint`](crate::remediation::fingerprint) of the group as planned on.
    pub fingerprint: String,
    /// The findings that go.
    pub findings: Vec<PlannedFinding>,
    /// What changes, authorisations before revocations.
    pub changes: Vec<Change>,
    /// The proof.
    pub proof: Proof,
    /// Whether authorising before revoking would go over the quota of rules for a while, so that `--allow-gap` is needed.
    pub needs_gap: bool,
}

impl GroupPlan {
    /// The group's name everywhere.
    pub fn key(&self) -> &GroupKey {
        &self.group.key
    }
}

/// A finding that the plan leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfixable {
    /// The finding's id.
    pub id: CompactString,
    /// Its control's id.
    pub control_id: CompactString,
    /// Its group.
    pub group: GroupKey,
    /// Why, and what a person can do.
    pub reason: String,
}

/// The environments of groups, as far as a policy or the user tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environments {
    /// That of all groups, where the user gave one.
    pub given: Option<String>,
    /// Those of accounts.
    pub of_accounts: BTreeMap<CompactString, String>,
}

/// What would change.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How.
    pub strategy: Strategy,
    /// The rules that explain a lockdown, without their descriptions: what it may open. Empty for other strategies.
    pub dummy_rules: Vec<Rule>,
    /// The controls that the proofs rest on, so that a plan can be proved again without its policies.
    pub controls: Vec<Control>,
    /// What is known around the groups: their VPCs, and the prefix lists that their rules and the controls name. Of other
    /// groups it holds the names, where a control goes by names.
    pub around: Inventory,
    /// What decides which environment a group is of, beside its own tag.
    pub environments: Environments,
    /// The groups that change, in the inventory's order.
    pub groups: Vec<GroupPlan>,
    /// The findings that stay.
    pub unfixable: Vec<Unfixable>,
}

impl Change {
    /// The rule as it is, if there is one.
    pub fn before(&self) -> Option<&Rule> {
        match self {
            Self::Revoke(before) | Self::Modify { before, .. } | Self::Describe { before, .. } => Some(before),
            Self::Authorize(_) | Self::Tag { .. } => None,
        }
    }

    /// The rule as it will be, if there will be one.
    pub fn after(&self) -> Option<&Rule> {
        match self {
            Self::Authorize(after) | Self::Modify { after, .. } | Self::Describe { after, .. } => Some(after),
            Self::Revoke(_) | Self::Tag { .. } => None,
        }
    }

    /// The word of the plan file.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Authorize(_) => "authorize",
            Self::Revoke(_) => "revoke",
            Self::Modify { .. } => "modify",
            Self::Describe { .. } => "describe",
            Self::Tag { .. } => "tag",
        }
    }
}

/// Why changes do not fit the group that they are meant for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// A rule that should be there is not.
    #[error("the group has no rule `{0}`")]
    Missing(String),
    /// A rule that should not be there is.
    #[error("the group already has a rule `{0}`")]
    Duplicate(String),
    /// A tag is not what it should be.
    #[error("the group's tag `{0}` is not what the plan says")]
    Tag(CompactString),
}

/// The group after `changes`, in order; ids of new rules are empty.
///
/// # Errors
/// Where a change does not fit: the rule is not there, or is there already.
pub fn simulate(group: &SecurityGroup, changes: &[Change]) -> Result<SecurityGroup, SimulationError> {
    let mut after = group.clone();
    for change in changes {
        // A rule that comes must be new, apart from the one whose place it takes.
        if let Some(before) = change.before() {
            let found = after.rules.iter().position(|rule| rule.identity() == before.identity());
            let index = found.ok_or_else(|| SimulationError::Missing(before.to_string()))?;
            let old = after.rules.remove(index);
            if let Some(rule) = change.after() {
                reject_duplicate(&after, rule)?;
                let tags = if matches!(change, Change::Describe { .. }) { rule.tags.clone() } else { old.tags };
                let kept = Rule { id: old.id, tags, line: old.line, ..rule.clone() };
                after.rules.insert(index, kept);
            }
        } else if let Some(rule) = change.after() {
            reject_duplicate(&after, rule)?;
            after.rules.push(rule.clone());
        }
        if let Change::Tag { key, before, after: value } = change {
            if after.tag(key) != before.as_deref() {
                return Err(SimulationError::Tag(key.clone()));
            }
            after.tags.retain(|tag| tag.key != *key);
            after.tags.extend(value.iter().map(|value| Tag { key: key.clone(), value: value.clone() }));
        }
    }
    Ok(after)
}

fn reject_duplicate(group: &SecurityGroup, rule: &Rule) -> Result<(), SimulationError> {
    let exists = group.rules.iter().any(|other| other.identity() == rule.identity());
    if exists { Err(SimulationError::Duplicate(rule.to_string())) } else { Ok(()) }
}
