//! The real binary on real files: what a user, a script or a pipe sees.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on should stop")]

mod approval;
mod change;
mod events;
mod facts;
mod flow_decisions;
mod flows;
mod harness;
mod live;
mod live_faults;
mod models;
mod permissions;
mod policy;
mod rules;
mod rules_live;
mod scan;
mod transcripts;
mod usage;
