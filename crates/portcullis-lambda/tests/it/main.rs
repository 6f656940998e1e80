//! The function as AWS runs it: the real binary, a small runtime interface, and accounts of the AWS-like server.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on should stop")]

mod answers;
mod runtime;
