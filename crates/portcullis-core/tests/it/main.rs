//! The core against a naive model, and tables of facts. One binary; a module for each room of the core.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected fails by stopping"
)]

mod evaluate;
mod facts;
mod fixture;
mod model;
mod naive;
mod net;
mod remediation;
mod usage;
