//! The reports of one small scene, held by snapshots, and the promises that hold for every scene.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that finds nothing where it looks has failed, and a panic says so"
)]

mod csv;
mod docs;
mod explain;
mod hostile;
mod json;
mod markdown;
mod plan_diff;
mod sarif;
mod support;
mod table;
