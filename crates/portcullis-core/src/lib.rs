//! The pure middle of Portcullis: the algebra of traffic, the model, valid policies, verdicts and plans.
//!
//! No IO, no async, no clock, no environment. Everything that a verdict depends on is an argument.

pub mod controls;
pub mod evaluate;
pub mod finding;
pub mod model;
pub mod net;
pub mod policy;
pub mod remediation;
pub mod usage;

#[cfg(test)]
mod testing;
