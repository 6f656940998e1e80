//! Hygiene controls: habits that the algebra of one group's traffic alone does not decide. One file each; traffic controls
//! are data, in `policies/controls`.

use std::fmt::{self, Write as _};

use crate::evaluate::surroundings::Surroundings;
use crate::finding::Status;
use crate::model::{Coverage, CoverageStatus, Direction, Inventory, SecurityGroup};
use crate::policy::Severity;

mod default_group_in_use;
mod default_group_not_closed;
mod duplicate_group;
mod launch_wizard_group;
mod missing_group_description;
mod missing_required_tag;
mod missing_rule_description;
mod redundant_rule;
mod stale_reference;
mod too_many_rules;
mod unused_group;

pub use redundant_rule::redundant_rules;

/// A hygiene control with the numbers that a policy's `global_rules` set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hygiene {
    /// `default-group-not-closed`
    DefaultGroupNotClosed,
    /// `default-group-in-use`
    DefaultGroupInUse,
    /// `unused-group`
    UnusedGroup,
    /// `stale-reference`
    StaleReference,
    /// `redundant-rule`
    RedundantRule,
    /// `duplicate-group`
    DuplicateGroup,
    /// `launch-wizard-group`
    LaunchWizardGroup,
    /// `too-many-rules`, over so many rules of both directions together.
    TooManyRules(usize),
    /// `missing-group-description`, under so many characters.
    MissingGroupDescription(usize),
    /// `missing-rule-description`, under so many characters.
    MissingRuleDescription(usize),
    /// `missing-required-tag`, any of these keys.
    MissingRequiredTag(Vec<String>),
}

/// What a hygiene control is, for its documentation and for reports.
#[derive(Clone, Copy, Debug)]
pub struct Metadata {
    /// Stable id.
    pub id: &'static str,
    /// How bad.
    pub severity: Severity,
    /// A headline.
    pub title: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Why it matters, and why so much.
    pub reason: &'static str,
    /// What to do.
    pub remediation: &'static str,
}

/// Why a hygiene control fails or cannot tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fault {
    /// In a sentence.
    pub reason: String,
    /// The rules that it is about: indices into the group's rules.
    pub rules: Vec<usize>,
    /// The direction, where it is about one.
    pub direction: Option<Direction>,
    /// What else makes this finding this one, such as another group's id; part of the finding's id.
    pub detail: String,
}

/// What a hygiene control may look at.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The group to judge.
    pub group: &'a SecurityGroup,
    /// Its place among the inventory's groups, by which the indices know it.
    pub index: usize,
    /// Everything that was read.
    pub inventory: &'a Inventory,
    /// Indices over it, made once.
    pub surroundings: &'a Surroundings<'a>,
}

impl Hygiene {
    /// Every hygiene control with the numbers that hold where no policy sets them, in the order of the documentation.
    pub fn all() -> Vec<Self> {
        vec![
            Self::DefaultGroupNotClosed,
            Self::DefaultGroupInUse,
            Self::UnusedGroup,
            Self::StaleReference,
            Self::RedundantRule,
            Self::DuplicateGroup,
            Self::LaunchWizardGroup,
            Self::TooManyRules(50),
            Self::MissingGroupDescription(1),
            Self::MissingRuleDescription(1),
            Self::MissingRequiredTag(Vec::new()),
        ]
    }

    /// What it is.
    pub fn metadata(&self) -> &'static Metadata {
        match self {
            Self::DefaultGroupNotClosed => &default_group_not_closed::METADATA,
            Self::DefaultGroupInUse => &default_group_in_use::METADATA,
            Self::UnusedGroup => &unused_group::METADATA,
            Self::StaleReference => &stale_reference::METADATA,
            Self::RedundantRule => &redundant_rule::METADATA,
            Self::DuplicateGroup => &duplicate_group::METADATA,
            Self::LaunchWizardGroup => &launch_wizard_group::METADATA,
            Self::TooManyRules(_) => &too_many_rules::METADATA,
            Self::MissingGroupDescription(_) => &missing_group_description::METADATA,
            Self::MissingRuleDescription(_) => &missing_rule_description::METADATA,
            Self::MissingRequiredTag(_) => &missing_required_tag::METADATA,
        }
    }

    /// Why it cannot be judged on this inventory at all, if it cannot.
    pub fn lacks(&self, inventory: &Inventory) -> Option<String> {
        match self {
            Self::UnusedGroup | Self::DefaultGroupInUse if inventory.interfaces.is_none() => Some(
                "the inventory holds no `NetworkInterfaces`: add the output of `aws ec2 describe-network-interfaces`"
                    .to_owned(),
            ),
            Self::MissingRequiredTag(keys) if keys.is_empty() => {
                Some("no policy names required tags: set `global_rules.required_tags`".to_owned())
            }
            _ => None,
        }
    }

    /// Whether it hangs on more than the group itself, so that all groups must be read before it is judged.
    pub(crate) fn looks_around(&self) -> bool {
        match self {
            Self::DefaultGroupInUse | Self::UnusedGroup | Self::StaleReference | Self::DuplicateGroup => true,
            Self::DefaultGroupNotClosed
            | Self::RedundantRule
            | Self::LaunchWizardGroup
            | Self::TooManyRules(_)
            | Self::MissingGroupDescription(_)
            | Self::MissingRuleDescription(_)
            | Self::MissingRequiredTag(_) => false,
        }
    }

    /// Judges one group: pass, fail or unknown, without a word on why.
    pub fn status(&self, context: Context<'_>) -> Status {
        match self {
            Self::DefaultGroupNotClosed => default_group_not_closed::status(context),
            Self::DefaultGroupInUse => default_group_in_use::status(context),
            Self::UnusedGroup => unused_group::status(context),
            Self::StaleReference => stale_reference::status(context),
            Self::RedundantRule => redundant_rule::status(context),
            Self::DuplicateGroup => duplicate_group::status(context),
            Self::LaunchWizardGroup => launch_wizard_group::status(context),
            Self::TooManyRules(most) => too_many_rules::status(context, *most),
            Self::MissingGroupDescription(least) => missing_group_description::status(context, *least),
            Self::MissingRuleDescription(least) => missing_rule_description::status(context, *least),
            Self::MissingRequiredTag(keys) => missing_required_tag::status(context, keys),
        }
    }

    /// Why it fails or cannot tell; means nothing where it passes.
    pub fn fault(&self, context: Context<'_>) -> Fault {
        match self {
            Self::DefaultGroupNotClosed => default_group_not_closed::fault(context),
            Self::DefaultGroupInUse => default_group_in_use::fault(context),
            Self::UnusedGroup => unused_group::fault(context),
            Self::StaleReference => stale_reference::fault(context),
            Self::RedundantRule => redundant_rule::fault(context),
            Self::DuplicateGroup => duplicate_group::fault(context),
            Self::LaunchWizardGroup => launch_wizard_group::fault(context),
            Self::TooManyRules(most) => too_many_rules::fault(context, *most),
            Self::MissingGroupDescription(least) => missing_group_description::fault(context, *least),
            Self::MissingRuleDescription(least) => missing_rule_description::fault(context, *least),
            Self::MissingRequiredTag(keys) => missing_required_tag::fault(context, keys),
        }
    }
}

impl Fault {
    /// A fault that is about no rules.
    fn of(reason: String) -> Self {
        Self { reason, ..Self::default() }
    }
}

/// Names in backticks as a sentence lists them; of many only the first, so that a reason stays one that is read.
fn named<T: fmt::Display>(names: &[T]) -> String {
    const MOST: usize = 4;
    let shown = if names.len() > MOST { MOST - 1 } else { names.len() };
    let words = if names.len() > shown { shown + 1 } else { shown };
    let mut text = String::with_capacity(48 * words);
    for (place, name) in names.iter().take(shown).enumerate() {
        let before = match place {
            0 => "",
            _ if place + 1 == words => " and ",
            _ => ", ",
        };
        text.push_str(before);
        // Writing to a text does not fail.
        _ = write!(text, "`{name}`");
    }
    if names.len() > shown {
        _ = write!(text, " and {} more", names.len() - shown);
    }
    text
}

/// What could not be read, and why, as the end of a sentence.
fn not_read(coverage: &Coverage) -> String {
    let Coverage { account_id, region, status, error, .. } = coverage;
    let what =
        if region.is_empty() { format!("account {account_id}") } else { format!("{region} of account {account_id}") };
    let whole = if *status == CoverageStatus::Partial { " whole" } else { "" };
    let why = error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    format!("{what} could not be read{whole}{why}")
}

/// The rules of these places as a sentence names them.
fn named_rules(group: &SecurityGroup, places: &[usize]) -> String {
    named(&places.iter().filter_map(|place| group.rules.get(*place)).collect::<Vec<_>>())
}

/// Whether a text is blank or has fewer characters than the least, blanks around it not counted.
fn is_too_short(text: &str, least: usize) -> bool {
    // Most texts begin with a letter, and that is all that most policies ask for.
    if least <= 1 && text.bytes().next().is_some_and(|first| first.is_ascii_graphic()) {
        return false;
    }
    let text = text.trim();
    text.is_empty() || text.chars().take(least).count() < least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_as_a_sentence_lists_them() {
        let check = |names: &[&str], expected: &str| assert_eq!(named(names), expected);
        check(&[], "");
        check(&["a"], "`a`");
        check(&["a", "b"], "`a` and `b`");
        check(&["a", "b", "c", "d"], "`a`, `b`, `c` and `d`");
        check(&["a", "b", "c", "d", "e"], "`a`, `b`, `c` and 2 more");
    }

    #[test]
    fn every_control_documents_itself() {
        for control in Hygiene::all() {
            let Metadata { id, severity: _, title, description, reason, remediation } = *control.metadata();
            assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{id}");
            assert!(!title.is_empty() && title.chars().count() <= 45 && !title.ends_with('.'), "{id}: {title}");
            for text in [description, reason, remediation] {
                assert!(text.ends_with('.') && !text.contains("  ") && text.trim() == text, "{id}: {text}");
            }
        }
    }

    #[test]
    fn ids_are_unique() {
        let ids: std::collections::BTreeSet<_> = Hygiene::all().iter().map(|control| control.metadata().id).collect();
        assert_eq!(ids.len(), Hygiene::all().len());
    }
}
