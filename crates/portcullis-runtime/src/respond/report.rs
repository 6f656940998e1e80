//! What was made of events.

use jiff::Timestamp;
use portcullis_core::model::GroupKey;
use portcullis_core::policy::Severity;
use serde::Serialize;

use crate::judged::Judged;

/// The form of the JSON.
const SCHEMA_VERSION: &str = "1";

/// What was made of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "handled", rename_all = "snake_case")]
pub enum Handled {
    /// Its groups were judged, and what is to be done was done.
    Judged,
    /// It was answered before.
    Repeated,
    /// Nothing is to be done about it.
    Skipped {
        /// Why.
        why: String,
    },
    /// It asks for a scan, which is not for here.
    Scan,
    /// It is no event.
    Malformed {
        /// Why.
        why: String,
    },
    /// Something about it failed; it is to be delivered again.
    Failed {
        /// Why.
        why: String,
    },
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventReport {
    /// Its id; empty for what has none.
    pub id: String,
    /// The SQS message that it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// What it is: the call's name.
    pub what: String,
    /// What was made of it.
    #[serde(flatten)]
    pub handled: Handled,
}

/// What was done to a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum Did {
    /// Nothing.
    #[default]
    Nothing,
    /// It was changed.
    Changed {
        /// `narrow`, `revoke`, `replace`, `lockdown` or `tag`.
        strategy: &'static str,
        /// How many changes.
        changes: usize,
        /// What `portcullis rollback` takes to put back what stood before.
        backup: String,
    },
    /// It would be changed.
    WouldChange {
        /// As above.
        strategy: &'static str,
        /// How many changes.
        changes: usize,
        /// The changes in words.
        words: Vec<String>,
    },
}

/// One finding of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingReport {
    /// Which it is.
    #[serde(flatten)]
    pub judged: Judged,
    /// Why it fails.
    pub reason: String,
    /// What is done about it, and why.
    pub action: String,
    /// Whether it still stands.
    pub stands: bool,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupReport {
    /// Its account.
    pub account_id: String,
    /// Its Region.
    pub region: String,
    /// Its id.
    pub group_id: String,
    /// Its name.
    pub group_name: String,
    /// Who changed it.
    pub principals: Vec<String>,
    /// Its findings, the worst first.
    pub findings: Vec<FindingReport>,
    /// What was done.
    #[serde(flatten)]
    pub did: Did,
    /// Until when it waits to be put right.
    pub waits_until: Option<Timestamp>,
    /// The plan that waits for somebody to agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Why something that was to be done was not.
    pub failure: Option<String>,
    /// Whether it was locked down as an emergency.
    pub emergency: bool,
    /// Whether a finding at or above `fail_on` stands.
    #[serde(skip)]
    pub stands: bool,
    /// The worst severity that fails or failed.
    #[serde(skip)]
    pub worst: Option<Severity>,
}

impl GroupReport {
    /// Its name everywhere.
    pub fn key(&self) -> GroupKey {
        GroupKey {
            account_id: self.account_id.as_str().into(),
            region: self.region.as_str().into(),
            group_id: self.group_id.as_str().into(),
        }
    }
}

/// A principal that made many changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PrincipalReport {
    /// Its ARN.
    pub principal: String,
    /// How many changes in a minute.
    pub in_a_minute: usize,
    /// How many in an hour.
    pub in_an_hour: usize,
    /// Whether they were not many within the last hour.
    pub is_new: bool,
    /// Whether more people are told.
    pub escalates: bool,
    /// What was done, or would be.
    pub done: Vec<String>,
}

/// What was made of some events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Response {
    /// The form of this JSON.
    pub schema_version: &'static str,
    /// When it began.
    pub at: Timestamp,
    /// Whether it only said what would be done.
    pub dry_run: bool,
    /// The events, in their order.
    pub events: Vec<EventReport>,
    /// The groups that were judged.
    pub groups: Vec<GroupReport>,
    /// Principals that made many changes.
    pub principals: Vec<PrincipalReport>,
    /// The subjects of the notices that went out.
    pub notices: Vec<String>,
    /// What went wrong, in words for people.
    pub failures: Vec<String>,
}

impl Response {
    pub(super) fn new(at: Timestamp, dry_run: bool) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            at,
            dry_run,
            events: Vec::new(),
            groups: Vec::new(),
            principals: Vec::new(),
            notices: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Whether findings that count stand.
    pub fn stands(&self) -> bool {
        self.groups.iter().any(|group| group.stands)
    }

    /// Whether everything that was to be done was done.
    pub fn is_complete(&self) -> bool {
        let failed = |event: &EventReport| matches!(event.handled, Handled::Failed { .. });
        self.failures.is_empty() && !self.events.iter().any(failed)
    }

    /// Whether there is nothing in it but what is no event.
    pub fn is_malformed(&self) -> bool {
        let malformed = |event: &EventReport| matches!(event.handled, Handled::Malformed { .. });
        !self.events.is_empty() && self.events.iter().all(malformed)
    }

    /// The messages that are to be delivered again, each once.
    pub fn failed_messages(&self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for event in &self.events {
            if let (Handled::Failed { .. } | Handled::Malformed { .. }, Some(id)) = (&event.handled, &event.message_id)
                && !ids.contains(id)
            {
                ids.push(id.clone());
            }
        }
        ids
    }
}
