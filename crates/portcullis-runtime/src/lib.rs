//! The use cases that the doors share: judge, apply, rollback, enforce, respond to events, with their ports.

mod apply;
mod change;
pub mod enforce;
pub mod files;
pub mod flows;
mod judge;
mod judged;
pub mod live;
pub mod metrics;
pub mod notices;
mod ports;
mod report;
pub mod respond;
mod rollback;
pub mod rules;
pub mod service;
pub mod state;
mod usage;

pub use apply::apply;
pub use change::in_words;
pub use files::replace;
pub use judge::judge;
pub use judged::Judged;
pub use ports::{
    BackupStore, Clock, Done, Holder, Journal, Lease, Lock, LockError, NoLock, NoObserver, Observer, Place, PortError,
    Ports, RuleStore, SystemClock,
};
pub use report::{ChangeStep, GroupReport, Outcome, Report, RunError, RunOptions, new_run_id};
pub use rollback::{FoundBackup, Selected, rollback, select};
pub use usage::{attribute, suggest};

#[cfg(test)]
mod tests;
