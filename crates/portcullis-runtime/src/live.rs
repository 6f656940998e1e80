//! The use cases on AWS itself. What AWS describes goes through the same reader as a file, so that a live scan and one of
//! its snapshot cannot differ.
//!
//! The ports wait for the calls that they make, so they are for plain threads: a worker of tokio's own that waited for
//! tokio would wait for ever, and tokio ends it by a panic. A runtime that they are given a handle of is one with threads of
//! its own, or one that whoever waits turns: see [`Handle`].

mod backups;
mod handle;
mod journal;
mod lock;
mod read;
mod rules;
mod table;
mod targets;
mod telling;
#[cfg(test)]
mod tests;

pub use backups::LiveBackups;
pub use handle::Handle;
pub use journal::LiveJournal;
pub use lock::LiveLock;
pub use read::{Reading, Told, read, wants};
pub use rules::{Accesses, LiveRules};
pub use table::TableState;
pub use targets::access_to;
pub use telling::{LiveMetrics, LiveNotifier};

use crate::ports::PortError;

/// An error of AWS in the words that it has for people.
fn told(error: impl std::fmt::Display) -> PortError {
    PortError(error.to_string())
}
