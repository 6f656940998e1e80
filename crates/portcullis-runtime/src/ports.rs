//! What changing rules needs of the world. Files serve these ports now; each promise of `apply` and `rollback` is kept by
//! the order in which they are called, whoever serves them.

use jiff::Timestamp;
use portcullis_core::model::{GroupKey, SecurityGroup};
use portcullis_core::remediation::Change;

use crate::journal::Entry;

/// Why a port could not do what it was asked, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);

/// Where groups and their rules live.
pub trait RuleStore {
    /// The group as it is now.
    ///
    /// # Errors
    /// Where it does not exist or cannot be read.
    fn read(&mut self, key: &GroupKey) -> Result<SecurityGroup, PortError>;

    /// Makes the changes of one group, in order.
    ///
    /// # Errors
    /// Where one of them fails; those before it may have been made.
    fn change(&mut self, key: &GroupKey, changes: &[Change]) -> Result<(), PortError>;

    /// Makes sure that what was changed so far survives.
    ///
    /// # Errors
    /// Where it cannot.
    fn commit(&mut self) -> Result<(), PortError>;

    /// Who makes the changes.
    fn caller(&self) -> String;
}

/// Where backups live. Nothing is ever overwritten.
pub trait BackupStore {
    /// Writes a new object and makes sure that it survives.
    ///
    /// # Errors
    /// Where it cannot, or the key is taken.
    fn write_new(&mut self, key: &str, bytes: &[u8]) -> Result<(), PortError>;

    /// Reads one back.
    ///
    /// # Errors
    /// Where it cannot.
    fn read(&self, key: &str) -> Result<Vec<u8>, PortError>;

    /// Where a person finds it.
    fn place(&self, key: &str) -> String;
}

/// The time.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Where every step is noted.
pub trait Journal {
    /// Notes one step and makes sure that it survives.
    ///
    /// # Errors
    /// Where it cannot.
    fn note(&mut self, entry: &Entry<'_>) -> Result<(), PortError>;
}

/// All of them, for one run.
pub struct Ports<'a> {
    /// Groups and rules.
    pub rules: &'a mut dyn RuleStore,
    /// Backups.
    pub backups: &'a mut dyn BackupStore,
    /// The journal.
    pub journal: &'a mut dyn Journal,
    /// The time.
    pub clock: &'a dyn Clock,
}
