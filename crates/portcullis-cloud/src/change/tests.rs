#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::unimplemented, reason = "tests may fail by a panic")]

mod cases;
mod memory;
mod random;
