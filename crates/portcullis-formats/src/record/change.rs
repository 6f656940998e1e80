//! One change of a group.

use portcullis_core::remediation::Change;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decoded, RuleRecord, TagRecord};

/// One change: what it is about before and after, null where there is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields, expecting = "a change")]
pub(crate) enum ChangeRecord {
    /// A rule that does not exist yet.
    Authorize {
        /// Nothing.
        before: (),
        /// The rule as it will be.
        after: RuleRecord,
    },
    /// A rule that goes.
    Revoke {
        /// The rule as it is.
        before: RuleRecord,
        /// Nothing.
        after: (),
    },
    /// A rule that becomes another in place.
    Modify {
        /// The rule as it is.
        before: RuleRecord,
        /// The rule as it will be.
        after: RuleRecord,
    },
    /// A rule of which the description or tags change.
    Describe {
        /// The rule as it is.
        before: RuleRecord,
        /// The rule as it will be.
        after: RuleRecord,
    },
    /// A tag of the group.
    Tag {
        /// As it is.
        before: Option<TagRecord>,
        /// As it will be.
        after: Option<TagRecord>,
    },
}

impl ChangeRecord {
    pub(crate) fn of(change: &Change) -> Self {
        match change {
            Change::Authorize(after) => Self::Authorize { before: (), after: RuleRecord::of(after) },
            Change::Revoke(before) => Self::Revoke { before: RuleRecord::of(before), after: () },
            Change::Modify { before, after } => {
                Self::Modify { before: RuleRecord::of(before), after: RuleRecord::of(after) }
            }
            Change::Describe { before, after } => {
                Self::Describe { before: RuleRecord::of(before), after: RuleRecord::of(after) }
            }
            Change::Tag { key, before, after } => {
                let tag = |value: &_| TagRecord { key: key.to_string(), value: ToString::to_string(value) };
                Self::Tag { before: before.as_ref().map(tag), after: after.as_ref().map(tag) }
            }
        }
    }

    pub(crate) fn decode(&self) -> Decoded<Change> {
        Ok(match self {
            Self::Authorize { after, .. } => Change::Authorize(after.decode()?),
            Self::Revoke { before, .. } => Change::Revoke(before.decode()?),
            Self::Modify { before, after } => Change::Modify { before: before.decode()?, after: after.decode()? },
            Self::Describe { before, after } => Change::Describe { before: before.decode()?, after: after.decode()? },
            Self::Tag { before, after } => {
                let keys = [before, after].map(|tag| tag.as_ref().map(|tag| tag.key.as_str()));
                let key = match keys {
                    [Some(before), Some(after)] if before != after => {
                        return Err("a change of a tag names two keys".to_owned());
                    }
                    [Some(key), _] | [None, Some(key)] => key.into(),
                    [None, None] => return Err("a change of a tag names no key".to_owned()),
                };
                let value = |tag: &Option<TagRecord>| tag.as_ref().map(|tag| tag.value.as_str().into());
                Change::Tag { key, before: value(before), after: value(after) }
            }
        })
    }
}

pub(crate) fn changes(changes: &[Change]) -> Vec<ChangeRecord> {
    changes.iter().map(ChangeRecord::of).collect()
}

pub(crate) fn decode_changes(records: &[ChangeRecord]) -> Decoded<Vec<Change>> {
    records.iter().map(ChangeRecord::decode).collect()
}
