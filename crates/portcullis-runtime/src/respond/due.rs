//! What waits: groups whose grace minutes run, in one record, so that whoever comes next finds what is due by one look.

use std::collections::BTreeMap;

use jiff::Timestamp;
use portcullis_core::model::GroupKey;
use serde::{Deserialize, Serialize};

use crate::state::{KeyValue, StateError, Write};

const KEY: &str = "respond/waiting";
const SCHEMA_VERSION: &str = "1";
/// So often a write that another run was faster with is made again.
const TRIES: usize = 8;
/// The most groups that wait; so many fit into a table's item. What is beyond is found by the next scan.
const MOST: usize = 3_000;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    schema_version: String,
    /// `account/region/group` to the time.
    groups: BTreeMap<String, Timestamp>,
}

/// The groups that wait, and until when.
#[derive(Debug, Default)]
pub(super) struct Due {
    groups: BTreeMap<GroupKey, Timestamp>,
    version: Option<i64>,
    changes: BTreeMap<GroupKey, Option<Timestamp>>,
}

impl Due {
    pub(super) fn load(state: &dyn KeyValue) -> Result<Self, StateError> {
        let Some(entry) = state.get(KEY)? else { return Ok(Self::default()) };
        let damaged = |why: String| {
            StateError::Damaged(format!("`{KEY}` in the state {} cannot be understood: {why}", state.place()))
        };
        let record: Record = serde_json::from_str(&entry.value).map_err(|error| damaged(error.to_string()))?;
        if record.schema_version != SCHEMA_VERSION {
            return Err(damaged(format!(
                "it has schema version {}, and this program knows {SCHEMA_VERSION}: use the newer program",
                record.schema_version
            )));
        }
        let groups = record.groups.into_iter().filter_map(|(name, at)| Some((key_of(&name)?, at))).collect();
        Ok(Self { groups, version: Some(entry.version), changes: BTreeMap::new() })
    }

    /// The groups that are due.
    pub(super) fn at(&self, now: Timestamp) -> Vec<GroupKey> {
        self.groups.iter().filter(|(_, due)| **due <= now).map(|(key, _)| key.clone()).collect()
    }

    /// When the next one is.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.groups.values().min().copied()
    }

    /// Notes until when a group waits; `None` where it does no more.
    pub(super) fn set(&mut self, key: &GroupKey, until: Option<Timestamp>) {
        if self.groups.get(key).copied() != until {
            self.changes.insert(key.clone(), until);
        }
    }

    /// Writes what changed, on top of what others wrote meanwhile.
    pub(super) fn save(mut self, state: &dyn KeyValue) -> Result<(), StateError> {
        let mut refused = None;
        for _ in 0..TRIES {
            if self.changes.is_empty() {
                return Ok(());
            }
            for (key, until) in &self.changes {
                match until {
                    Some(until) if self.groups.len() < MOST => _ = self.groups.insert(key.clone(), *until),
                    Some(_) => {}
                    None => _ = self.groups.remove(key),
                }
            }
            let groups = self.groups.iter().map(|(key, at)| (name_of(key), *at)).collect();
            let record = Record { schema_version: SCHEMA_VERSION.to_owned(), groups };
            let value = serde_json::to_string(&record).map_err(|error| StateError::Failed(error.to_string()))?;
            let put = Write::Put { key: KEY.to_owned(), value, on: self.version };
            match state.write(&[put]).into_iter().collect::<Result<(), _>>() {
                Err(error @ StateError::Conflict { .. }) => {
                    refused = Some(error);
                    let changes = std::mem::take(&mut self.changes);
                    self = Self { changes, ..Self::load(state)? };
                }
                answer => return answer,
            }
        }
        refused.map_or(Ok(()), Err)
    }
}

fn name_of(key: &GroupKey) -> String {
    format!("{}/{}/{}", key.account_id, key.region, key.group_id)
}

fn key_of(name: &str) -> Option<GroupKey> {
    let mut parts = name.splitn(3, '/');
    let mut part = || parts.next().map(Into::into);
    Some(GroupKey { account_id: part()?, region: part()?, group_id: part()? })
}
