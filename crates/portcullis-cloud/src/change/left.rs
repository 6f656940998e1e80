//! What is left of a call, told from the group as it stands: how it is found out whether a call happened of which no
//! answer came, and what a refusal as a duplicate or as missing means.

use portcullis_core::model::{Rule, Tag};

use super::call::Call;
use super::permission::alike;

/// A group as it stands after a call that failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// Its rules.
    pub(super) rules: Vec<Rule>,
    /// Its tags; only read for calls that change them.
    pub(super) tags: Vec<Tag>,
}

/// The part of a call that is still to be made, `None` where that is nothing.
///
/// # Errors
/// A sentence, where the group stands as the call could neither have found nor left it: somebody else is at work.
pub(super) fn left(call: &Call, now: &Standing) -> Result<Option<Call>, String> {
    let by_id = |rule: &Rule| now.rules.iter().find(|other| other.id == rule.id);
    let missing = |rule: &Rule| format!("somebody else took rule {} ({rule}) away meanwhile", rule.id);
    Ok(match call {
        Call::Authorize(direction, rules) => {
            let mut rest = Vec::new();
            for rule in rules {
                match now.rules.iter().find(|other| alike(other, rule)) {
                    None => rest.push(rule.clone()),
                    Some(other) if other.description == rule.description => {}
                    Some(other) => {
                        return Err(format!(
                            "somebody else made rule {} ({rule}) meanwhile, described as {:?}",
                            other.id, other.description
                        ));
                    }
                }
            }
            some(rest, |rest| Call::Authorize(*direction, rest))
        }
        Call::Modify(pairs) => {
            let mut rest = Vec::new();
            for (before, after) in pairs {
                let other = by_id(before).ok_or_else(|| missing(before))?;
                if alike(other, after) && other.description == after.description {
                    continue;
                }
                if !alike(other, before) && !alike(other, after) {
                    return Err(format!("somebody else changed rule {} meanwhile: it is now {other}", other.id));
                }
                rest.push((before.clone(), after.clone()));
            }
            some(rest, Call::Modify)
        }
        Call::Describe(direction, rules) => {
            let mut rest = Vec::new();
            for rule in rules {
                if by_id(rule).ok_or_else(|| missing(rule))?.description != rule.description {
                    rest.push(rule.clone());
                }
            }
            some(rest, |rest| Call::Describe(*direction, rest))
        }
        Call::UntagRules(rules, keys) => {
            let tagged = |rule: &Rule| rule.tags.iter().any(|tag| keys.iter().any(|key| tag.key == key.as_str()));
            let rest = rules.iter().filter(|rule| by_id(rule).is_some_and(tagged)).cloned().collect();
            some(rest, |rest| Call::UntagRules(rest, keys.clone()))
        }
        Call::TagRules(rules, tags) => {
            let mut rest = Vec::new();
            for rule in rules {
                let other = by_id(rule).ok_or_else(|| missing(rule))?;
                if !tags.iter().all(|tag| other.tags.contains(tag)) {
                    rest.push(rule.clone());
                }
            }
            some(rest, |rest| Call::TagRules(rest, tags.clone()))
        }
        Call::Revoke(direction, rules) => {
            let rest = rules.iter().filter(|rule| by_id(rule).is_some()).cloned().collect();
            some(rest, |rest| Call::Revoke(*direction, rest))
        }
        Call::Untag(keys) => {
            let there = |key: &&String| now.tags.iter().any(|tag| tag.key == key.as_str());
            some(keys.iter().filter(there).cloned().collect(), Call::Untag)
        }
        Call::Tag(tags) => some(tags.iter().filter(|tag| !now.tags.contains(tag)).cloned().collect(), Call::Tag),
    })
}

fn some<T>(rest: Vec<T>, call: impl FnOnce(Vec<T>) -> Call) -> Option<Call> {
    (!rest.is_empty()).then(|| call(rest))
}
