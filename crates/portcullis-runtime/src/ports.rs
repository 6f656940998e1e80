//! What the use cases need of the world, as traits with types of our own: a cloud, a file and a test stand behind the same
//! ones. All of them are used from several threads at once.
//!
//! Something becomes durable in two steps, so that many groups can share the cost of one write: a port may keep what it
//! was given until `sync` or `settle` is called, and has it safe when that returns.

mod lock;

use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use portcullis_core::model::{GroupKey, Inventory, SecurityGroup};
use portcullis_core::remediation::{Change, needs_gap};
use portcullis_formats::diagnostics::io_message;
use portcullis_formats::journal::Run;

use crate::change::in_words;
use crate::report::Outcome;
pub(crate) use lock::NoLease;
pub use lock::{Holder, Lease, Lock, LockError, NoLock, Place};

/// Why a port could not do its part, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);

impl PortError {
    /// From what the operating system says, and of what.
    pub fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self(format!("{what}: {}", io_message(error)))
    }
}

/// Where the groups are.
pub trait RuleStore: Sync {
    /// Who changes them: an ARN, or what comes nearest to one.
    ///
    /// # Errors
    /// Where that cannot be told.
    fn caller(&self) -> Result<String, PortError>;

    /// A group as it is now; `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn read(&self, key: &GroupKey) -> Result<Option<SecurityGroup>, PortError>;

    /// A group that was just changed. A store whose answers lag behind its changes reads until `is_right` says yes of one,
    /// or its patience ends, and gives the last.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn read_changed(
        &self,
        key: &GroupKey,
        is_right: &dyn Fn(&SecurityGroup) -> bool,
    ) -> Result<Option<SecurityGroup>, PortError> {
        let _ = is_right;
        self.read(key)
    }

    /// Makes changes of one group, in their order. `group` is as it was read. Rules before carry the ids that they have
    /// now; new rules carry an id only where a rollback would like it back.
    ///
    /// No two threads change one group at once.
    ///
    /// # Errors
    /// Where some or all could not be made. Some of them may have been: the group is read again then, so a store whose
    /// answers lag behind its changes waits, where it made some, until they show.
    fn change(&self, group: &SecurityGroup, changes: &[Change]) -> Result<(), PortError>;

    /// What [`RuleStore::change`] would do, a line for each call, for a dry run. Nothing is done.
    fn calls(&self, group: &SecurityGroup, changes: &[Change]) -> Vec<String> {
        let _ = group;
        changes.iter().map(in_words).collect()
    }

    /// Whether the quota of rules leaves no room to authorise before revoking. A store that knows how many entries prefix
    /// lists count for, or what the quota is, knows better than the default does.
    fn needs_gap(&self, group: &SecurityGroup, changes: &[Change]) -> bool {
        needs_gap(group, &Inventory::default(), changes)
    }

    /// Whether changes are only made once they are settled, those of many groups at once, as in a file. Such a store is
    /// used by one worker alone.
    fn batches(&self) -> bool {
        false
    }

    /// For a store that batches, whether the groups that wait, so many, should be changed now.
    fn is_due(&self, waiting: usize) -> bool {
        waiting > 0
    }

    /// Makes durable what was changed. Called at the end of every run, even where nothing was changed.
    ///
    /// # Errors
    /// Where that fails; then none of the changes since the last call is made.
    fn settle(&self) -> Result<(), PortError> {
        Ok(())
    }
}

/// Where backups are kept: bytes under keys that are never written twice.
pub trait BackupStore: Sync {
    /// Writes a backup under a key that must be new.
    ///
    /// # Errors
    /// Where the key exists or the backup cannot be written.
    fn write_new(&self, key: &str, bytes: &[u8]) -> Result<(), PortError>;

    /// Reads a backup as it is kept, not as it is remembered.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn read(&self, key: &str) -> Result<Vec<u8>, PortError>;

    /// Makes durable what was written before the call, by any thread.
    ///
    /// # Errors
    /// Where that fails.
    fn sync(&self) -> Result<(), PortError> {
        Ok(())
    }
}

/// Where the lines of runs are appended.
pub trait Journal: Sync {
    /// Appends one line, with its end, to the journal of this run. `at` is its time.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn record(&self, run: &Run, at: Timestamp, line: &[u8]) -> Result<(), PortError>;

    /// Makes durable what was recorded before the call, by any thread. What could not be stays to be tried again.
    ///
    /// # Errors
    /// Where that fails.
    fn sync(&self) -> Result<(), PortError> {
        Ok(())
    }

    /// What earlier runs of this plan recorded, the oldest first; lines of other plans may be among it.
    ///
    /// # Errors
    /// Where that cannot be told.
    fn past(&self, plan: &str) -> Result<Vec<u8>, PortError>;
}

/// What time it is.
pub trait Clock: Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A group that a run is done with.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    /// The run.
    pub run: &'a Run,
    /// The group.
    pub group: &'a GroupKey,
    /// Its name for people.
    pub name: &'a str,
    /// What became of it.
    pub outcome: &'a Outcome,
    /// The group as it was, where it was read and was to be changed.
    pub before: Option<&'a SecurityGroup>,
    /// What was to change, or was changed by an earlier run that did not come to tell it.
    pub changes: &'a [Change],
    /// The key of its backup.
    pub backup: Option<&'a str>,
}

/// Who wants to know what becomes of each group: notices, metrics, progress.
///
/// It is told of groups that were changed, refused or failed, never of those where nothing was to be done and never in a
/// dry run. Where a run is killed in between, the next one tells it again.
pub trait Observer: Sync {
    /// A group is done.
    ///
    /// # Errors
    /// Where it could not be passed on. That is remarked and changes nothing.
    fn group_done(&self, done: &Done<'_>) -> Result<(), PortError>;
}

/// Nobody wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn group_done(&self, _: &Done<'_>) -> Result<(), PortError> {
        Ok(())
    }
}

/// All that a run needs of the world.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// Where the groups are.
    pub store: &'a dyn RuleStore,
    /// Where backups are kept.
    pub backups: &'a dyn BackupStore,
    /// Where steps are recorded.
    pub journal: &'a dyn Journal,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Who is told of each group.
    pub observer: &'a dyn Observer,
    /// What keeps other runs from the groups of this one.
    pub lock: &'a dyn Lock,
    /// Set from outside, it stops the run after the group in hand.
    pub interrupt: &'a AtomicBool,
}

impl std::fmt::Debug for Ports<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}
