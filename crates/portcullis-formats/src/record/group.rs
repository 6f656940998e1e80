//! The state of a group: what a fingerprint and a backup are about.

use portcullis_core::model::{Rule, SecurityGroup, Tag, Tags};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decoded, RuleRecord};

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a tag: an object with `key` and `value`")]
pub(crate) struct TagRecord {
    /// Case-sensitive.
    pub(crate) key: String,
    /// Possibly empty.
    pub(crate) value: String,
}

pub(crate) fn tags(tags: &[Tag]) -> Vec<TagRecord> {
    tags.iter().map(|tag| TagRecord { key: tag.key.to_string(), value: tag.value.to_string() }).collect()
}

pub(crate) fn decode_tags(tags: &[TagRecord]) -> Tags {
    tags.iter().map(|tag| Tag { key: tag.key.as_str().into(), value: tag.value.as_str().into() }).collect()
}

/// A group as it stood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the state of a group")]
pub(crate) struct StateRecord {
    /// The group's own description.
    pub(crate) description: String,
    /// The group's tags.
    pub(crate) tags: Vec<TagRecord>,
    /// All its rules, both directions.
    pub(crate) rules: Vec<RuleRecord>,
}

impl StateRecord {
    pub(crate) fn of(group: &SecurityGroup) -> Self {
        Self {
            description: group.description.to_string(),
            tags: tags(&group.tags),
            rules: group.rules.iter().map(RuleRecord::of).collect(),
        }
    }

    /// A group of this state; its name is the caller's to fill in.
    pub(crate) fn decode(&self) -> Decoded<SecurityGroup> {
        Ok(SecurityGroup {
            description: self.description.as_str().into(),
            tags: decode_tags(&self.tags),
            rules: self.rules.iter().map(RuleRecord::decode).collect::<Decoded<Vec<Rule>>>()?,
            ..SecurityGroup::default()
        })
    }
}
