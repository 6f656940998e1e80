//! Events answered over a world in memory, by the service that the doors open.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on has failed")]

mod acting;
mod faults;
mod minding;
mod world;
