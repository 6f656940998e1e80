//! The SDK behind our traits, against the AWS-like server: each method of each trait once for real.
//!
//! The server answers most calls in one page; where it does page, a test says so.

mod changes;
mod failures;
mod reading;
mod sessions;
mod stacks;
mod stores;
mod world;
