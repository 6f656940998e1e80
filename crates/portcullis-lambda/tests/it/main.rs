//! The function as AWS runs it: the real binary, cargo-lambda's local runtime, and accounts of the AWS-like server.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod answers;
mod runtime;
