//! How a run is asked for, and what came of it.

use std::fmt;

use portcullis_core::model::GroupKey;

use crate::ports::{LockError, PortError};

/// How a run is to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The run's own id; [`new_run_id`] makes one.
    pub run_id: String,
    /// The version of the program, for what it writes.
    pub tool_version: String,
    /// Change nothing if more groups than this would change, those not counted that are done or refused anyway.
    pub max_groups: Option<usize>,
    /// Revoke before authorising where the quota leaves no room for the other order.
    pub allow_gap: bool,
    /// Say what would be done and do nothing.
    pub dry_run: bool,
    /// How many groups are changed at once; none and one are the same. Each of them goes through all its steps in order.
    pub concurrency: usize,
}

/// An id that no other run has: 16 hexadecimal digits.
pub fn new_run_id() -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    // The standard library's hasher is seeded at random; one more source of randomness is not needed for a name.
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:016x}", hasher.finish())
}

/// A step of one group's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeStep {
    /// Reading the group as it is.
    Read,
    /// Writing the backup, reading it back and comparing.
    Backup,
    /// Recording that the change begins.
    Journal,
    /// The change itself.
    Change,
    /// Reading the group again and comparing it with the plan.
    Verify,
    /// Recording what was changed.
    Audit,
}

impl ChangeStep {
    /// The word of journals and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Backup => "backup",
            Self::Journal => "journal",
            Self::Change => "change",
            Self::Verify => "verify",
            Self::Audit => "audit",
        }
    }
}

impl fmt::Display for ChangeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was changed and is what was planned.
    Changed {
        /// How many changes were made.
        changes: usize,
        /// The key of its backup.
        backup: String,
    },
    /// It would be changed: a dry run.
    WouldChange {
        /// How many changes would be made.
        changes: usize,
        /// The calls that would be made, in words.
        calls: Vec<String>,
    },
    /// It is what was planned already.
    AlreadyDone,
    /// It was not touched, and why.
    Refused(String),
    /// A step failed.
    Failed {
        /// Which.
        step: ChangeStep,
        /// Why, and in which state the group is.
        error: String,
    },
    /// The run stopped before its turn; it was not touched.
    NotReached,
}

impl Outcome {
    /// Whether the group is what it should be, or would be.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Changed { .. } | Self::WouldChange { .. } | Self::AlreadyDone)
    }
}

impl fmt::Display for Outcome {
    /// As a line about the group says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { changes: 1, .. } => f.write_str("changed: 1 change"),
            Self::Changed { changes, .. } => write!(f, "changed: {changes} changes"),
            Self::WouldChange { changes: 1, .. } => f.write_str("would be changed: 1 change"),
            Self::WouldChange { changes, .. } => write!(f, "would be changed: {changes} changes"),
            Self::AlreadyDone => f.write_str("already done"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Failed { step, error } => write!(f, "failed at step `{step}`: {error}"),
            Self::NotReached => f.write_str("not reached: the run stopped before"),
        }
    }
}

/// One group and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupReport {
    /// The group.
    pub group: GroupKey,
    /// Its name for people.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The run.
    pub run_id: String,
    /// Every group, in the order of the plan.
    pub groups: Vec<GroupReport>,
    /// Backups that were given to a rollback and not used, since another one of the same group was.
    pub passed_over: Vec<String>,
    /// What went wrong beside the groups, such as a journal that could not be closed.
    pub remarks: Vec<String>,
    /// What could not be passed on to an observer. It makes no run incomplete.
    pub unsent: Vec<String>,
    /// Why the run stopped before its end, where it did. It stopped before the first group that was not reached.
    pub stopped: Option<String>,
}

impl Report {
    /// Whether every group is what it should be.
    pub fn is_complete(&self) -> bool {
        self.remarks.is_empty() && self.groups.iter().all(|group| group.outcome.is_good())
    }

    /// How many groups were changed.
    pub fn changed(&self) -> usize {
        self.groups.iter().filter(|group| matches!(group.outcome, Outcome::Changed { .. })).count()
    }

    /// How many groups the run did not come to.
    pub fn not_reached(&self) -> usize {
        self.groups.iter().filter(|group| group.outcome == Outcome::NotReached).count()
    }

    /// How many groups are not what they should be, those not reached among them.
    pub fn not_good(&self) -> usize {
        self.groups.iter().filter(|group| !group.outcome.is_good()).count()
    }
}

/// Why a run did not begin. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// More groups would change than the user allows.
    #[error("{groups} groups would change and `--max-groups` allows {most}: nothing was changed")]
    TooManyGroups {
        /// How many would.
        groups: usize,
        /// How many may.
        most: usize,
    },
    /// What was given cannot be used.
    #[error("{0}")]
    Input(String),
    /// Another run is at work.
    #[error(transparent)]
    Locked(LockError),
    /// The world could not do its part.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<LockError> for RunError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Port(error) => Self::Port(error),
            held @ LockError::Held { .. } => Self::Locked(held),
        }
    }
}

impl RunError {
    /// Whether what was typed or given is at fault, and not the world. A run that another one keeps out is one given too
    /// early.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::TooManyGroups { .. } | Self::Input(_) | Self::Locked(_))
    }
}
