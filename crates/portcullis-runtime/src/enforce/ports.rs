//! What enforcement needs of the world.

use portcullis_core::model::GroupKey;
use portcullis_core::remediation::Plan;
use serde::Serialize;

use super::log::ViolationLog;
use crate::PortError;
use crate::metrics::MetricsSink;
use crate::notices::Notifier;
use crate::report::{Outcome, Report};
use crate::state::KeyValue;

/// What became of one group's changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Deed {
    /// They were made.
    Changed {
        /// How many.
        changes: usize,
        /// What `portcullis rollback` takes to put back what stood before.
        backup: String,
    },
    /// They would be made.
    WouldChange {
        /// How many.
        changes: usize,
    },
    /// The group was as planned already.
    AlreadyDone,
    /// Nothing was touched, and why.
    Refused {
        /// Why.
        why: String,
    },
    /// A step failed.
    Failed {
        /// Why, and how the group stands.
        why: String,
    },
}

impl Deed {
    /// What a run made of a group. `place` says where the backup of a key is found.
    pub(crate) fn of(outcome: Outcome, place: impl FnOnce(&str) -> String) -> Self {
        match outcome {
            Outcome::Changed { changes, backup } => Self::Changed { changes, backup: place(&backup) },
            Outcome::WouldChange { changes, .. } => Self::WouldChange { changes },
            Outcome::AlreadyDone => Self::AlreadyDone,
            Outcome::Refused(why) => Self::Refused { why },
            outcome @ (Outcome::Failed { .. } | Outcome::NotReached) => Self::Failed { why: outcome.to_string() },
        }
    }
}

/// What a run made of each of its groups, for whoever enforces. `place` says where the backup of a key is found.
pub fn deeds(report: Report, place: impl Fn(&str) -> String) -> Vec<(GroupKey, Deed)> {
    report.groups.into_iter().map(|group| (group.group, Deed::of(group.outcome, &place))).collect()
}

/// Who carries plans out: with a backup that is read back, a journal, and a proof of the result, as `apply` does.
pub trait Remediator: Send + Sync {
    /// Carries a plan out, and answers for each of its groups what became of it. A plan of the strategy `tag` may hold the
    /// warning of an account beside tags: one rule for loopback.
    ///
    /// # Errors
    /// Where nothing could be begun.
    fn carry_out(&self, plan: &Plan) -> Result<Vec<(GroupKey, Deed)>, PortError>;
}

/// Where plans are kept until somebody agrees.
pub trait PlanShelf: Send + Sync {
    /// Keeps a plan under a name that is new and fit for a file or an object, and answers where `portcullis apply` finds it.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn keep(&self, name: &str, plan: &Plan) -> Result<String, PortError>;
}

/// All of it.
#[derive(Clone, Copy)]
pub struct EnforcePorts<'a> {
    /// First sights, and when digests went out.
    pub state: &'a dyn KeyValue,
    /// Who changes groups.
    pub remediator: &'a dyn Remediator,
    /// Where plans wait.
    pub plans: &'a dyn PlanShelf,
    /// Where notices go; without, nobody is told, and nothing counts as told.
    pub notifier: Option<&'a dyn Notifier>,
    /// Where metrics go.
    pub metrics: Option<&'a dyn MetricsSink>,
    /// Where violations are logged.
    pub log: Option<&'a dyn ViolationLog>,
}
