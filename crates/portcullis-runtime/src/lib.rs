//! The use cases that the doors share: judge, apply, rollback, with their ports.

mod apply;
mod files;
mod journal;
mod judge;
mod ports;
mod rollback;
mod run;

pub use apply::apply;
pub use files::{FileJournal, FileStore, FolderBackups, SystemClock, replace};
pub use journal::{Entry, Step};
pub use judge::judge;
pub use ports::{BackupStore, Clock, Journal, PortError, Ports, RuleStore};
pub use rollback::rollback;
pub use run::{GroupOutcome, Options, Outcome, Report, RunError};
