//! Levels, grace, approval, escalation, digests: decisions by table, runs over a world in memory.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on should stop")]

mod decisions;
mod marks;
mod runs;
mod telling;
pub(crate) mod world;
