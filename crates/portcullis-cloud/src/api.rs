//! What we ask of AWS, as traits with types of our own. Three worlds serve them: AWS itself ([`crate::real`]), one in memory
//! ([`crate::model`]), and one that wraps another and injects faults ([`crate::faults`]).
//!
//! A method is one call of the API, or one page of it, and never retries: who calls decides about time. Everything else
//! (paging, pace, retries, roles) is written once, above these traits.

mod cloud;
mod ec2;
mod logs;
mod principals;
mod queue;
mod stacks;
mod stores;
mod users;

pub use cloud::{AccountAccess, AccountInfo, Caller, Cloud, Organization, Role};
pub use ec2::{Ec2, Flow, GroupFilter, Permission, RuleUpdate};
pub use logs::{LogEvent, LogWindow, Logs};
pub use principals::{PrincipalName, Principals};
pub use queue::{Queue, QueuedMessage};
pub use stacks::{
    ChangeSet, ChangeSetKind, Import, Made, NewChangeSet, ResourceChange, Stack, StackEvent, Stacks, TEMPLATE_BYTES,
    TEMPLATE_BYTES_ON_S3, Template,
};
pub use stores::{
    Below, Conditional, Datum, Item, Metric, Metrics, Notice, Object, Objects, Parameters, Part, Put, Table, Topics,
};
pub use users::Users;

/// One page of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; `None` on the last.
    pub next: Option<String>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: Vec::new(), next: None }
    }
}

/// Whether a call, by its name in IAM, changes nothing.
pub(crate) fn only_reads(call: &str) -> bool {
    let name = call.split(':').nth(1).unwrap_or(call);
    ["Describe", "Filter", "Get", "List", "Receive", "Scan"].iter().any(|verb| name.starts_with(verb))
}
