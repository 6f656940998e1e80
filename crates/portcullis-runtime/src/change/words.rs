//! What of a group differs, in words.

use portcullis_core::model::{Rule, SecurityGroup, Tag};
use portcullis_core::remediation::{Change, difference, fingerprint};

/// A change, as dry runs and notices tell it.
pub fn in_words(change: &Change) -> String {
    let value = |value: Option<&str>| value.map_or_else(|| "nothing".to_owned(), |value| format!("`{value}`"));
    match change {
        Change::Authorize(rule) => format!("authorize {rule}"),
        Change::Revoke(rule) => format!("revoke {rule}"),
        Change::Modify { before, after } => format!("modify {before} into {after}"),
        Change::Describe { before, after } => format!("describe {before} as `{}`", after.description),
        Change::Tag { key, before, after } => {
            format!("tag `{key}` from {} to {}", value(before.as_deref()), value(after.as_deref()))
        }
    }
}

/// What happened to a group since it was `before`, as far as it concerns a plan: its first change in words.
pub(crate) fn drift(before: &SecurityGroup, now: &SecurityGroup) -> Option<String> {
    difference(before, now).first().map(|change| match change {
        Change::Authorize(rule) => format!("`{rule}` is new"),
        Change::Revoke(rule) => format!("`{rule}` is gone"),
        Change::Modify { before, after } => format!("`{before}` became `{after}`"),
        Change::Describe { before, .. } => format!("the description of `{before}` is another"),
        Change::Tag { key, .. } => format!("tag `{key}` is another"),
    })
}

/// What of a group is not as it should be, as far as changes are about it: rules, descriptions, and the tags that the
/// changes set.
pub(crate) fn unlike(wanted: &SecurityGroup, found: &SecurityGroup, changes: &[Change]) -> Option<String> {
    if fingerprint(wanted) != fingerprint(found) {
        let words = difference(found, wanted).first().map(|change| match change {
            Change::Authorize(rule) => format!("`{rule}` is missing"),
            Change::Revoke(rule) => format!("`{rule}` should not be there"),
            Change::Modify { before, after } => format!("`{before}` stands where `{after}` should"),
            Change::Describe { before, .. } => format!("the description of `{before}` is another"),
            Change::Tag { key, .. } => format!("tag `{key}` is another"),
        });
        return Some(words.unwrap_or_else(|| "its rules are others".to_owned()));
    }
    changes.iter().find_map(|change| match change {
        Change::Tag { key, .. } => (found.tag(key) != wanted.tag(key)).then(|| format!("tag `{key}` is another")),
        Change::Authorize(rule) | Change::Describe { after: rule, .. } => {
            (tags_of(wanted, rule) != tags_of(found, rule)).then(|| format!("the tags of `{rule}` are others"))
        }
        Change::Revoke(_) | Change::Modify { .. } => None,
    })
}

fn tags_of<'g>(group: &'g SecurityGroup, rule: &Rule) -> Option<Vec<&'g Tag>> {
    let own = group.rules.iter().find(|own| own.identity() == rule.identity())?;
    let mut tags: Vec<&Tag> = own.tags.iter().collect();
    tags.sort();
    Some(tags)
}
