#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::unimplemented, reason = "tests may fail by a panic")]

mod kept;
mod memory;
mod places;
mod read;
