//! What answering events needs of the world.

use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use portcullis_core::model::{GroupKey, Inventory};
use portcullis_core::remediation::Plan;
use portcullis_formats::events::Principal;

use crate::enforce::PlanShelf;
use crate::metrics::MetricsSink;
use crate::notices::Notifier;
use crate::ports::{Clock, Place, PortError};
use crate::report::Outcome;
use crate::state::KeyValue;

/// Which groups are to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// By id; those that are not there are left out.
    pub group_ids: Vec<String>,
    /// By name, of the default VPC.
    pub group_names: Vec<String>,
    /// Those that hold these rules.
    pub rule_ids: Vec<String>,
    /// Those whose rules name these prefix lists.
    pub prefix_lists: Vec<String>,
}

/// Where groups are read, with what their verdicts rest on.
pub trait GroupReader: Sync {
    /// The groups as they are now. What cannot be read stands in the coverage.
    fn read(&self, place: &Place, wanted: &Wanted) -> Inventory;
}

/// Who carries plans out as `apply` does: with a backup that is read back, a journal, and a proof of the result.
pub trait Changer: Sync {
    /// Carries a plan out in a run of this name, and answers for each of its groups what became of it. `at` is the time
    /// that its backups bear, where their names must be known before.
    ///
    /// # Errors
    /// Where nothing could be begun.
    fn carry_out(
        &self,
        plan: &Plan,
        run_id: &str,
        at: Option<Timestamp>,
    ) -> Result<Vec<(GroupKey, Outcome)>, PortError>;

    /// A plan's calls, without doing anything.
    fn calls(&self, plan: &Plan) -> Vec<String> {
        let _ = plan;
        Vec::new()
    }

    /// How a backup is named where people and `portcullis rollback` find it.
    fn backup_place(&self, key: &str) -> String;
}

/// Who keeps principals from going on.
pub trait Blocker: Sync {
    /// Who we are ourselves: an ARN.
    ///
    /// # Errors
    /// Where that cannot be told.
    fn own_arn(&self) -> Result<String, PortError>;

    /// Denies a user everything, or ends all sessions of a role that began before `now`. Once more is as once.
    ///
    /// # Errors
    /// Where that fails.
    fn block(&self, principal: &Principal, now: Timestamp) -> Result<(), PortError>;

    /// Takes a block back, and says whether there was one.
    ///
    /// # Errors
    /// Where that fails.
    fn unblock(&self, principal: &Principal) -> Result<bool, PortError>;
}

/// All of it.
#[derive(Clone, Copy)]
pub struct RespondPorts<'a> {
    /// What is remembered: events, operations, first sights, what waits.
    pub state: &'a dyn KeyValue,
    /// Where groups are read.
    pub groups: &'a dyn GroupReader,
    /// Who changes them.
    pub changer: &'a dyn Changer,
    /// Where plans wait until somebody agrees.
    pub plans: &'a dyn PlanShelf,
    /// Who blocks principals.
    pub blocker: &'a dyn Blocker,
    /// Where notices go.
    pub notifier: Option<&'a dyn Notifier>,
    /// Where metrics go.
    pub metrics: Option<&'a dyn MetricsSink>,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Set from outside, it ends the run after the account and Region in hand, of which there is always one.
    pub interrupt: &'a AtomicBool,
}
