//! What a run of enforcement did, or would do.

use jiff::Timestamp;
use portcullis_core::model::GroupKey;
use serde::{Serialize, Serializer};

use super::decide::Action;
use super::ports::Deed;
use crate::judged::Judged;
use crate::notices::{Cause, Level};

/// The form of the JSON.
const SCHEMA_VERSION: &str = "1";

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindingReport {
    /// Which it is.
    #[serde(flatten)]
    pub judged: Judged,
    /// What is done about it.
    pub action: Action,
    /// Why.
    pub why: String,
    /// When it was seen first; `None` for what does not fail.
    pub first_seen: Option<Timestamp>,
    /// When it will be put right, or could have been.
    pub due: Option<Timestamp>,
    /// At which level somebody is told of it in this run, or in a digest that it waits for now.
    pub told: Option<Level>,
    /// Why it stays although it was to be put right.
    pub stays: Option<String>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupReport {
    /// The group.
    #[serde(flatten, serialize_with = "key")]
    pub key: GroupKey,
    /// Its name.
    pub group_name: String,
    /// Its account's name, where the policy tells it.
    pub account_name: String,
    /// Its account's level.
    pub level: &'static str,
    /// Its findings, the worst first.
    pub findings: Vec<FindingReport>,
    /// What became of its tags and its warning.
    pub marks: Option<Deed>,
    /// What became of its rules.
    pub remediation: Option<Deed>,
    /// The plan that waits for somebody to agree.
    pub plan: Option<String>,
}

impl GroupReport {
    /// The most that is done about any of its findings.
    pub fn action(&self) -> Action {
        self.findings.iter().map(|finding| finding.action).max().unwrap_or(Action::None)
    }
}

/// A finding that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// Its group.
    #[serde(flatten, serialize_with = "key")]
    pub key: GroupKey,
    /// Its id.
    pub id: String,
}

/// A notice that went out, or would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeReport {
    /// How urgent.
    pub level: Level,
    /// What about.
    pub cause: Cause,
    /// Its subject.
    pub subject: String,
}

/// How many findings of each action, and what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Groups with findings.
    pub groups: usize,
    /// Findings that are only reported.
    pub reported: usize,
    /// Findings whose groups are tagged and noticed.
    pub warned: usize,
    /// Findings in their grace period.
    pub waiting: usize,
    /// Findings whose plan waits for somebody to agree.
    pub awaiting_approval: usize,
    /// Findings that were to be put right.
    pub due: usize,
    /// Groups that were put right, or would be.
    pub remediated: usize,
    /// Findings that are gone.
    pub resolved: usize,
    /// Notices that went out.
    pub notices: usize,
    /// What went wrong.
    pub failures: usize,
}

/// What a run did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnforceReport {
    /// The form of this JSON.
    pub schema_version: &'static str,
    /// The run.
    pub run_id: String,
    /// When it began.
    pub at: Timestamp,
    /// Whether it only said what would be done.
    pub dry_run: bool,
    /// How much of what.
    pub summary: Summary,
    /// Groups with findings.
    pub groups: Vec<GroupReport>,
    /// Findings that are gone.
    pub resolved: Vec<Resolved>,
    /// Notices that went out, or would.
    pub notices: Vec<NoticeReport>,
    /// What went wrong, in words for people.
    pub failures: Vec<String>,
}

impl EnforceReport {
    pub(super) fn new(run_id: String, at: Timestamp, dry_run: bool) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            run_id,
            at,
            dry_run,
            summary: Summary::default(),
            groups: Vec::new(),
            resolved: Vec::new(),
            notices: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Whether everything that was to be done was done.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }

    pub(super) fn sum_up(&mut self) {
        let count = |action: Action| {
            let findings = self.groups.iter().flat_map(|group| &group.findings);
            findings.filter(|finding| finding.action == action).count()
        };
        let right =
            |group: &&GroupReport| matches!(group.remediation, Some(Deed::Changed { .. } | Deed::WouldChange { .. }));
        self.summary = Summary {
            groups: self.groups.len(),
            reported: count(Action::Report),
            warned: count(Action::Warn),
            waiting: count(Action::Wait),
            awaiting_approval: count(Action::AskApproval),
            due: count(Action::Remediate),
            remediated: self.groups.iter().filter(right).count(),
            resolved: self.resolved.len(),
            notices: self.notices.len(),
            failures: self.failures.len(),
        };
    }
}

fn key<S: Serializer>(key: &GroupKey, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Key<'a> {
        account_id: &'a str,
        region: &'a str,
        group_id: &'a str,
    }
    Key { account_id: &key.account_id, region: &key.region, group_id: &key.group_id }.serialize(serializer)
}
