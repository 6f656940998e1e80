//! Journals: what a run did, one JSON line for each step, appended as it happens. The journal is the audit log too.

mod change_log;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use compact_str::CompactString;
use jiff::Timestamp;
use portcullis_core::model::{GroupKey, SecurityGroup};
use portcullis_core::remediation::Change;
use serde::{Deserialize, Serialize};

use crate::backup::Purpose;
use crate::record::SCHEMA_VERSION;
use change_log::{ChangeLog, change_log};

/// What stands in every line of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The run.
    pub run_id: String,
    /// What it is for.
    pub purpose: Purpose,
    /// A name for what it does, as in [`crate::backup::Backup::plan`].
    pub plan: String,
    /// Who runs it.
    pub caller: String,
}

/// One step of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<'a> {
    /// The run begins, for so many groups.
    Started(usize),
    /// The group's backup was written, read back and compared.
    BackedUp {
        /// The group.
        group: &'a SecurityGroup,
        /// The backup's key.
        backup: &'a str,
    },
    /// The group's changes begin. From here on it may stand anywhere between its backup and the end of the plan.
    Changing {
        /// The group.
        group: &'a SecurityGroup,
        /// The backup's key.
        backup: &'a str,
    },
    /// The group was changed, read again, and is what was planned. This line is the audit record.
    Changed {
        /// The group as it was.
        group: &'a SecurityGroup,
        /// What changed.
        changes: &'a [Change],
        /// Whether an earlier run made the changes and could not write this line.
        resumed: bool,
    },
    /// Some of a group's changes were made and others not, by this run or one before it. This line is the audit record of
    /// those that were.
    ChangedInPart {
        /// The group as it was.
        group: &'a SecurityGroup,
        /// What differs since.
        changes: &'a [Change],
        /// Whether an earlier run made the changes and did not come to write this line.
        resumed: bool,
    },
    /// Nothing is left to do for the group.
    Closed(&'a GroupKey),
    /// The group was not changed.
    Refused {
        /// The group.
        group: &'a GroupKey,
        /// Why.
        reason: &'a str,
    },
    /// A step failed.
    Failed {
        /// The group.
        group: &'a GroupKey,
        /// Which step.
        step: &'a str,
        /// Why.
        error: &'a str,
    },
    /// The run is over.
    Ended {
        /// How many groups were changed.
        changed: usize,
        /// How many could not be.
        not_changed: usize,
        /// How many the run did not come to, because it was stopped.
        not_reached: usize,
    },
}

/// A line as it is written.
#[derive(Clone, Debug, Default, Serialize)]
struct Line<'a> {
    schema_version: &'a str,
    at: String,
    run_id: &'a str,
    purpose: Option<Purpose>,
    plan: &'a str,
    caller: &'a str,
    step: &'a str,
    #[serde(flatten)]
    group: Option<GroupName<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<ChangeLog<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    resumed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_step: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_changed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_reached: Option<usize>,
}

#[derive(Clone, Debug, Serialize)]
struct GroupName<'a> {
    account_id: &'a str,
    region: &'a str,
    group_id: &'a str,
}

impl<'a> GroupName<'a> {
    fn of(key: &'a GroupKey) -> Self {
        Self { account_id: &key.account_id, region: &key.region, group_id: &key.group_id }
    }
}

/// Writes a line.
///
/// # Errors
/// Those of the writer.
pub fn write(run: &Run, at: Timestamp, step: &Step<'_>, mut out: impl Write) -> io::Result<()> {
    let (word, group) = match step {
        Step::Started(_) => ("started", None),
        Step::BackedUp { group, .. } => ("backed-up", Some(&group.key)),
        Step::Changing { group, .. } => ("changing", Some(&group.key)),
        Step::Changed { group, .. } => ("changed", Some(&group.key)),
        Step::ChangedInPart { group, .. } => ("changed-in-part", Some(&group.key)),
        Step::Closed(group) => ("closed", Some(*group)),
        Step::Refused { group, .. } => ("refused", Some(*group)),
        Step::Failed { group, .. } => ("failed", Some(*group)),
        Step::Ended { .. } => ("ended", None),
    };
    let mut line = Line {
        schema_version: SCHEMA_VERSION,
        at: at.to_string(),
        run_id: &run.run_id,
        purpose: Some(run.purpose),
        plan: &run.plan,
        caller: &run.caller,
        step: word,
        group: group.map(GroupName::of),
        ..Line::default()
    };
    match step {
        Step::Started(groups) => line.groups = Some(*groups),
        Step::BackedUp { backup, .. } | Step::Changing { backup, .. } => line.backup = Some(backup),
        Step::Changed { group, changes, resumed } | Step::ChangedInPart { group, changes, resumed } => {
            line.changes = changes.iter().map(|change| change_log(group, change)).collect();
            line.resumed = *resumed;
        }
        Step::Closed(_) => {}
        Step::Refused { reason, .. } => line.reason = Some(reason),
        Step::Failed { step, error, .. } => {
            line.failed_step = Some(step);
            line.reason = Some(error);
        }
        Step::Ended { changed, not_changed, not_reached } => {
            line.changed = Some(*changed);
            line.not_changed = Some(*not_changed);
            line.not_reached = Some(*not_reached);
        }
    }
    // One write a line, so that a line is whole or torn but never mixed with another.
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    out.write_all(&bytes)
}

/// What an earlier line says, as far as a run that goes on needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastStep {
    /// The run.
    pub run_id: String,
    /// What the run did, as in [`Run::plan`].
    pub plan: String,
    /// The step, as the line names it.
    pub step: String,
    /// The group, for steps of one.
    pub group: GroupKey,
    /// The backup, for steps that name one.
    pub backup: Option<String>,
}

/// What was read of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The steps, in order.
    pub steps: Vec<PastStep>,
    /// Lines, from 1, that are none: torn when a run was killed, or damaged.
    pub broken: Vec<usize>,
}

#[derive(Deserialize)]
struct PastLine {
    run_id: String,
    plan: String,
    step: String,
    #[serde(default)]
    account_id: CompactString,
    #[serde(default)]
    region: CompactString,
    #[serde(default)]
    group_id: CompactString,
    #[serde(default)]
    backup: Option<String>,
}

/// Reads a journal. Lines that are none are counted, not believed: the end of a journal may be torn.
pub fn read(bytes: &[u8]) -> Past {
    let mut past = Past::default();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
        match serde_json::from_slice::<PastLine>(line) {
            Ok(PastLine { run_id, plan, step, account_id, region, group_id, backup }) => past.steps.push(PastStep {
                run_id,
                plan,
                step,
                group: GroupKey { account_id, region, group_id },
                backup,
            }),
            Err(_) => past.broken.push(at + 1),
        }
    }
    past
}
