//! Bytes to core types and back: inventories, policy files, rules files, templates, plans, backups, events, fixtures. No
//! network.
//!
//! Each format is read and written in one place. What a file says wrongly is told with its place, all of it at once.

pub mod backup;
pub mod catalogue;
pub mod cloudformation;
pub mod diagnostics;
pub mod events;
pub mod inventory;
pub mod journal;
pub mod plan;
pub mod policy;
mod record;
pub mod rules;
