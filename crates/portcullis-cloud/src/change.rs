//! Changes of a group as calls of the API: arranged so that no step on the way admits more, or less, than it may, and
//! performed so that an answer that is lost does no harm.
//!
//! What stands between the two is a list of [`Planned`] calls, which a dry run prints and a run performs.

mod arrange;
mod call;
mod left;
mod perform;
mod permission;
#[cfg(test)]
mod tests;

pub use arrange::{Limits, Unfit, arrange};
pub use call::{Call, Planned};
pub use perform::{Cause, Failure, perform};
pub use permission::{permission, rule};
