//! Plans carried out and taken back, over any inventory, with ports that fail where they are told to.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on should stop")]

mod memory;
mod round_trip;
mod world;
