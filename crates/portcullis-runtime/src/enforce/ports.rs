//! What enforcement needs of the world.

use portcullis_core::model::GroupKey;
use portcullis_core::remediation::Plan;
use serde::Serialize;

use super::log::ViolationLog;
use crate::PortError;
use crate::metrics::MetricsSink;
use crate::notices::Notifier;
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
