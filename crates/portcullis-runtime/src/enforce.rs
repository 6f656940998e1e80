//! Graduated enforcement: what a policy's levels ask, account by account, and doing it.
//!
//! [`Terms`] is what the policies say of an account. [`decide`](decide::decide) says what is to be done about one finding,
//! from that, from its first sight and from the time, and nothing else. [`Enforcement`] does it, through ports.

mod act;
pub mod decide;
mod log;
pub(crate) mod marks;
mod ports;
mod report;
mod run;
mod see;
pub(crate) mod shelf;
pub(crate) mod tell;
pub mod terms;

pub use decide::{Action, Decision};
pub use log::{ComplianceLog, VIOLATION, Violation, ViolationLog};
pub use ports::{Deed, EnforcePorts, PlanShelf, Remediator, deeds};
pub use report::{EnforceReport, FindingReport, GroupReport, NoticeReport, Resolved, Summary};
pub use run::{Batch, EnforceOptions, Enforcement};
pub use shelf::BackupShelf;
pub use terms::{AccountTerms, Terms};

#[cfg(test)]
mod tests;
