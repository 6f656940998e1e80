//! A short name for the state of a group, to see whether it changed since.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::model::{Rule, SecurityGroup};

/// The SHA-256 of the group's id and rules with their descriptions, in canonical order, as 64 hexadecimal digits.
///
/// Rule ids and tags are left out: not every source tells them, and a tag that somebody else set is no reason to
/// refuse a change of rules.
pub fn fingerprint(group: &SecurityGroup) -> String {
    let mut rules: Vec<&Rule> = group.rules.iter().collect();
    rules.sort_by(|a, b| (a.identity(), &a.description).cmp(&(b.identity(), &b.description)));
    let mut hash = Sha256::new();
    hash.update(group.key.account_id.as_bytes());
    hash.update([0]);
    hash.update(group.key.group_id.as_bytes());
    for rule in rules {
        hash.update([0]);
        hash.update(rule.to_string().as_bytes());
        hash.update([1]);
        hash.update(rule.description.as_bytes());
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
