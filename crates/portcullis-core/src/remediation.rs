//! Remedies: the least change that makes findings go, its proof, and the way back.

mod assemble;
mod check;
mod cover;
mod cut;
mod difference;
pub mod fingerprint;
pub mod plan;
mod planner;

pub use assemble::{RULE_QUOTA, needs_gap, quota_use};
pub use check::{Flaw, check_groups, prove_again};
pub(crate) use cover::cover_exactly;
pub use difference::{difference, remaining};
pub use fingerprint::fingerprint;
pub use plan::{
    Change, Environments, GroupPlan, Plan, PlannedFinding, Proof, SimulationError, Strategy, Unfixable, simulate,
};
pub use planner::{fit_description, fit_tag, fits_description, plan, plan_change, prove};
