#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail by a panic")]

mod bench;
mod cases;
mod random;
