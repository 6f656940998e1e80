//! First sights: since when each failing finding is known, what was said of it, and what waits.
//!
//! One record a group, so that what is decided of a group is written at once or not at all. All records are read at the
//! beginning of a run and written where they changed.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};
use portcullis_core::model::GroupKey;
use portcullis_core::policy::Severity;
use serde::{Deserialize, Serialize};

use super::{KeyValue, StateError, Versioned, Write};

/// The form of the records that this program writes.
const SCHEMA_VERSION: &str = "1";
/// Before every key.
const PREFIX: &str = "sights/";
/// A finding that stands is noted again only so often: a run that finds nothing new writes little.
const NOTED_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// A plan that waits for somebody to agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Where the plan is; `None` where no plan can put the finding right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// What is known of one finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// Its control.
    pub control_id: CompactString,
    /// The policy's rule, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<CompactString>,
    /// How bad it is.
    #[serde(with = "severity")]
    pub severity: Severity,
    /// Why it fails.
    pub reason: String,
    /// When a run saw it first.
    pub first_seen: Timestamp,
    /// When a run saw it last, to the hour.
    pub last_seen: Timestamp,
    /// When somebody was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_notified: Option<Timestamp>,
    /// For how many hours it had stood when it was escalated last; 0 where it never was.
    #[serde(default)]
    pub escalated: i64,
    /// The digest that it waits for: a level of notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// The plan that waits for somebody to agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// When a run saw that it is gone. The next one forgets it, or, if it is back, begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Timestamp>,
}

/// How long something has stood. A clock that went back makes it nothing, never much.
pub fn age(since: Timestamp, now: Timestamp) -> SignedDuration {
    now.duration_since(since).max(SignedDuration::ZERO)
}

/// What is known of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSights {
    /// The group's name, for digests.
    #[serde(default)]
    pub name: String,
    /// Whether tags or a warning of ours are on it because it fails.
    #[serde(default)]
    pub marked: bool,
    /// Its findings by id.
    pub findings: BTreeMap<CompactString, Sight>,
}

/// A record as it is kept.
#[derive(Serialize, Deserialize)]
struct Record {
    schema_version: String,
    #[serde(flatten)]
    sights: GroupSights,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    /// The version that was read; `None` where there is no record yet.
    version: Option<i64>,
    sights: GroupSights,
    changed: bool,
}

impl Kept {
    fn read(state: &dyn KeyValue, name: &str, entry: &Versioned) -> Result<Self, StateError> {
        let record: Record = serde_json::from_str(&entry.value)
            .map_err(|error| damaged(state, name, &newer(&entry.value).unwrap_or_else(|| error.to_string())))?;
        if record.schema_version != SCHEMA_VERSION {
            return Err(damaged(state, name, &newer(&entry.value).unwrap_or_default()));
        }
        Ok(Self { version: Some(entry.version), sights: record.sights, changed: false })
    }
}

fn damaged(state: &dyn KeyValue, name: &str, why: &str) -> StateError {
    StateError::Damaged(format!("`{name}` in the state {} cannot be understood: {why}", state.place()))
}

/// What a finding looks like to a run, for its sight.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its control.
    pub control_id: CompactString,
    /// The policy's rule, if it is one.
    pub rule_id: Option<CompactString>,
    /// How bad it is.
    pub severity: Severity,
    /// Why it fails.
    pub reason: String,
}

/// All first sights.
#[derive(Clone, Debug, Default)]
pub struct FirstSights {
    groups: BTreeMap<GroupKey, Kept>,
}

impl FirstSights {
    /// Reads all records.
    ///
    /// # Errors
    /// Where the store fails, or a record cannot be understood: first sights that were dropped in silence would begin
    /// every grace period anew.
    pub fn load(state: &dyn KeyValue) -> Result<Self, StateError> {
        let mut groups = BTreeMap::new();
        for (name, entry) in state.scan(PREFIX)? {
            let group = parse_key(&name).ok_or_else(|| damaged(state, &name, "it names no group"))?;
            groups.insert(group, Kept::read(state, &name, &entry)?);
        }
        Ok(Self { groups })
    }

    /// Reads the records of these groups alone.
    ///
    /// # Errors
    /// As [`FirstSights::load`].
    pub fn of(state: &dyn KeyValue, keys: &[GroupKey]) -> Result<Self, StateError> {
        let names: Vec<String> = keys.iter().map(name_of).collect();
        let found = state.get_all(&names)?;
        let mut groups = BTreeMap::new();
        for (key, name) in keys.iter().zip(&names) {
            if let Some(entry) = found.get(name) {
                groups.insert(key.clone(), Kept::read(state, name, entry)?);
            }
        }
        Ok(Self { groups })
    }

    /// The groups that something is known of.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupKey, &GroupSights)> {
        self.groups.iter().map(|(key, kept)| (key, &kept.sights))
    }

    /// What is known of a group.
    pub fn group(&self, key: &GroupKey) -> Option<&GroupSights> {
        self.groups.get(key).map(|kept| &kept.sights)
    }

    /// What is known of a group, to be changed.
    pub fn group_mut(&mut self, key: &GroupKey) -> &mut GroupSights {
        let kept = self.groups.entry(key.clone()).or_default();
        kept.changed = true;
        &mut kept.sights
    }

    /// What is known of a finding.
    pub fn get(&self, key: &GroupKey, id: &str) -> Option<&Sight> {
        self.group(key)?.findings.get(id)
    }

    /// Notes that a finding stands, and answers since when.
    ///
    /// A first sight that lies in the future, because the clock was or is wrong, stays: what counts from it is late then,
    /// and never early.
    pub fn see(&mut self, key: &GroupKey, name: &str, id: &CompactString, seen: &Seen, now: Timestamp) -> Timestamp {
        if let Some(sight) = self.get(key, id)
            && sight.resolved.is_none()
            && now.duration_since(sight.last_seen) < NOTED_EVERY
            && sight.severity == seen.severity
        {
            return sight.first_seen;
        }
        let group = self.group_mut(key);
        name.clone_into(&mut group.name);
        let old = group.findings.remove(id).filter(|old| old.resolved.is_none());
        let begins = || Sight {
            control_id: seen.control_id.clone(),
            rule_id: seen.rule_id.clone(),
            severity: seen.severity,
            reason: seen.reason.clone(),
            first_seen: now,
            last_seen: now,
            last_notified: None,
            escalated: 0,
            waits_for: None,
            approval: None,
            resolved: None,
        };
        let mut sight = old.unwrap_or_else(begins);
        sight.severity = seen.severity;
        sight.reason.clone_from(&seen.reason);
        sight.last_seen = sight.last_seen.max(now);
        let first = sight.first_seen;
        group.findings.insert(id.clone(), sight);
        first
    }

    /// Notes of a group that was judged whole which of its findings are gone. What was gone before is forgotten. `gone`
    /// tells whether a finding that is known would have been found, and was not. Answers the ids that went just now.
    pub fn settle(
        &mut self,
        key: &GroupKey,
        now: Timestamp,
        gone: impl Fn(&CompactString, &Sight) -> bool,
    ) -> Vec<CompactString> {
        let Some(known) = self.group(key) else { return Vec::new() };
        let ids: Vec<CompactString> =
            known.findings.iter().filter(|(id, sight)| gone(id, sight)).map(|(id, _)| id.clone()).collect();
        if ids.is_empty() {
            return ids;
        }
        let group = self.group_mut(key);
        let mut went = Vec::new();
        for id in ids {
            match group.findings.get_mut(&id) {
                Some(sight) if sight.resolved.is_none() => {
                    sight.resolved = Some(now);
                    sight.waits_for = None;
                    went.push(id);
                }
                _ => drop(group.findings.remove(&id)),
            }
        }
        went
    }

    /// Writes the records of these groups that changed; those of which nothing is left are deleted. Answers the groups
    /// whose record could not be written, with the reason; what this run knows of them is not to be acted upon.
    pub fn save(&mut self, state: &dyn KeyValue, keys: Option<&[GroupKey]>) -> Vec<(GroupKey, StateError)> {
        let mut writes = Vec::new();
        let mut of = Vec::new();
        let mut take = |key: &GroupKey, kept: &Kept| {
            if !kept.changed {
                return;
            }
            let name = name_of(key);
            if kept.sights.findings.is_empty() && !kept.sights.marked {
                if kept.version.is_some() {
                    writes.push(Write::Delete { key: name });
                    of.push(key.clone());
                }
                return;
            }
            let record = Record { schema_version: SCHEMA_VERSION.to_owned(), sights: kept.sights.clone() };
            if let Ok(value) = serde_json::to_string(&record) {
                writes.push(Write::Put { key: name, value, on: kept.version });
                of.push(key.clone());
            }
        };
        match keys {
            None => self.groups.iter().for_each(|(key, kept)| take(key, kept)),
            Some(keys) => {
                keys.iter()
                    .filter_map(|key| Some((key, self.groups.get(key)?)))
                    .for_each(|(key, kept)| take(key, kept));
            }
        }
        let answers = state.write(&writes);
        let mut refused = Vec::new();
        for ((key, write), answer) in of.into_iter().zip(&writes).zip(answers) {
            match (answer, write) {
                (Err(error), _) => refused.push((key, error)),
                (Ok(()), Write::Delete { .. }) => drop(self.groups.remove(&key)),
                (Ok(()), Write::Put { on, .. }) => {
                    if let Some(kept) = self.groups.get_mut(&key) {
                        kept.version = Some(on.unwrap_or(0) + 1);
                        kept.changed = false;
                    }
                }
            }
        }
        refused
    }
}

fn name_of(key: &GroupKey) -> String {
    let part = |text: &str| if text.is_empty() { "-".to_owned() } else { text.replace('/', "_") };
    format!("{PREFIX}{}/{}/{}", part(&key.account_id), part(&key.region), part(&key.group_id))
}

fn parse_key(key: &str) -> Option<GroupKey> {
    let mut parts = key.strip_prefix(PREFIX)?.splitn(3, '/');
    let mut part = || parts.next().map(|part| CompactString::from(if part == "-" { "" } else { part }));
    Some(GroupKey { account_id: part()?, region: part()?, group_id: part()? })
}

/// What is to be said of a record of another schema version.
fn newer(value: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct About {
        schema_version: String,
    }
    let about: About = serde_json::from_str(value).ok()?;
    (about.schema_version != SCHEMA_VERSION).then(|| {
        format!(
            "it has schema version {}, and this program knows {SCHEMA_VERSION}: use the newer program",
            about.schema_version
        )
    })
}

mod severity {
    use portcullis_core::policy::Severity;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(super) fn serialize<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(severity.as_str())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Severity, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
