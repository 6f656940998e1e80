//! What the kit promises, on the server that `cargo xtask test` starts.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it expects has failed"
)]

mod client;
mod faults;
mod worlds;
