//! Backup files: what stood before a change, one self-contained file for each group and run.

mod error;
mod key;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use jiff::Timestamp;
use portcullis_core::model::{GroupKey, SecurityGroup};
use portcullis_core::remediation::Change;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::{
    ChangeRecord, Decoded, SCHEMA_VERSION, StateRecord, Tool, changes, check_version, decode_changes, decode_text,
    digest, without_mark,
};
pub use error::BackupError;

/// What a backup was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// A plan was carried out.
    Apply,
    /// An earlier backup was put back.
    Rollback,
}

/// A group as it stood before a run changed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Backup {
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The run that took it.
    pub run_id: String,
    /// Who ran it.
    pub caller: String,
    /// The version of the program that took it.
    pub tool_version: String,
    /// What for.
    pub purpose: Purpose,
    /// A name for what the run does: [`crate::plan::identity`] of its plan, or a name for what it puts back.
    pub plan: String,
    /// The fingerprint that the plan was made on; for a rollback that of the group itself.
    pub planned_on: String,
    /// Whether the group stood half changed, because an earlier run of the same plan was cut short. What stood before the
    /// plan is in that run's backup.
    pub resumed: bool,
    /// The group.
    pub group: SecurityGroup,
    /// What was to change.
    pub changes: Vec<Change>,
}

/// What stood before a change.
///
/// `portcullis apply` and `rollback` write one for each group before they change it; `portcullis rollback` reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a backup: an object")]
struct Document {
    /// The version of this format: `1`.
    schema_version: String,
    /// What took it.
    tool: Tool,
    /// When, RFC 3339 in UTC.
    taken_at: String,
    /// The run that took it.
    run_id: String,
    /// Who ran it.
    caller: String,
    /// Before what: `apply` or `rollback`.
    purpose: Purpose,
    /// Whether the group stood half changed, because an earlier run of the same plan was cut short.
    resumed: bool,
    /// The plan that was carried out.
    plan: PlanRecord,
    /// The group as it stood.
    group: GroupRecord,
    /// The SHA-256 of all the rest.
    digest: String,
}

/// What was to be done to the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the plan of a group")]
struct PlanRecord {
    /// A name for the whole plan.
    identity: String,
    /// The fingerprint of the group as planned on.
    fingerprint: String,
    /// The changes of this group.
    changes: Vec<ChangeRecord>,
}

/// A group with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a group")]
struct GroupRecord {
    /// `sg-…`.
    group_id: String,
    /// The owner's account; empty where it is not told.
    account_id: String,
    /// The Region, `unknown` where it is not told.
    region: String,
    /// Its name for people.
    group_name: String,
    /// Its VPC; empty for EC2-Classic.
    vpc_id: String,
    /// Its description, tags and rules.
    state: StateRecord,
}

/// Where the backup is kept that a run of this name takes of a group at this time: [`Backup::key`], known before.
pub fn key_of(group: &GroupKey, taken_at: Timestamp, run_id: &str) -> String {
    key::key(group, taken_at, run_id)
}

impl Backup {
    /// The group's name everywhere.
    pub fn group_key(&self) -> &GroupKey {
        &self.group.key
    }

    /// Where it is kept below the place of all backups: `<account>/<region>/<group>/<UTC time>-<run id>.json`.
    pub fn key(&self) -> String {
        key::key(&self.group.key, self.taken_at, &self.run_id)
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        let mut document = self.document();
        document.digest = document.own_digest();
        serde_json::to_writer_pretty(&mut out, &document)?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Reads one.
    ///
    /// # Errors
    /// Where the text is no backup, is of another version, or is not what its digest says.
    pub fn read(bytes: &[u8]) -> Result<Self, BackupError> {
        let bytes = without_mark(bytes);
        check_version(bytes)?;
        let mut document: Document = serde_json::from_slice(bytes)?;
        let own = document.own_digest();
        if document.digest != own {
            return Err(BackupError::Damaged("its content is not what its digest says".to_owned()));
        }
        document.decode().map_err(BackupError::Damaged)
    }

    fn document(&self) -> Document {
        let group = &self.group;
        Document {
            schema_version: SCHEMA_VERSION.to_owned(),
            tool: Tool::of_version(&self.tool_version),
            taken_at: self.taken_at.to_string(),
            run_id: self.run_id.clone(),
            caller: self.caller.clone(),
            purpose: self.purpose,
            resumed: self.resumed,
            plan: PlanRecord {
                identity: self.plan.clone(),
                fingerprint: self.planned_on.clone(),
                changes: changes(&self.changes),
            },
            group: GroupRecord {
                group_id: group.key.group_id.to_string(),
                account_id: group.key.account_id.to_string(),
                region: group.key.region.to_string(),
                group_name: group.name.to_string(),
                vpc_id: group.vpc_id.to_string(),
                state: StateRecord::of(group),
            },
            digest: String::new(),
        }
    }
}

impl Document {
    fn own_digest(&mut self) -> String {
        let stored = std::mem::take(&mut self.digest);
        let own = digest(self);
        self.digest = stored;
        own
    }

    fn decode(&self) -> Decoded<Backup> {
        let group = &self.group;
        Ok(Backup {
            taken_at: decode_text(&self.taken_at, "time")?,
            run_id: self.run_id.clone(),
            caller: self.caller.clone(),
            tool_version: self.tool.version.clone(),
            purpose: self.purpose,
            plan: self.plan.identity.clone(),
            planned_on: self.plan.fingerprint.clone(),
            resumed: self.resumed,
            group: SecurityGroup {
                key: GroupKey {
                    account_id: group.account_id.as_str().into(),
                    region: group.region.as_str().into(),
                    group_id: group.group_id.as_str().into(),
                },
                name: group.group_name.as_str().into(),
                vpc_id: group.vpc_id.as_str().into(),
                ..group.state.decode()?
            },
            changes: decode_changes(&self.plan.changes)?,
        })
    }
}

/// The JSON Schema of backup files, draft 2020-12.
pub fn schema() -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Document>();
    let mut schema = schema.to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "Portcullis backup".into());
    }
    schema
}
