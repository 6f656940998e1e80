//! Runs over small worlds: whole ones, ones in which any step fails, and ones that are cut short at any step.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod apply;
mod faults;
mod files;
mod memory;
mod rollback;
mod steering;
mod there_and_back;
mod world;
