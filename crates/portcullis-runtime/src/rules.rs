//! Groups kept as rules files, on AWS: rolled out through CloudFormation, compared, taken over, taken away.
//!
//! What lies in the repository is for `portcullis-rules` to say; here is what happens between it and AWS. All of it waits
//! for what it asks, so it is for plain threads, as the ports of [`crate::live`] are.

mod change_set;
mod commit;
mod destroy;
mod follow;
mod import;
mod repair;
mod site;
mod surroundings;
#[cfg(test)]
mod tests;
mod update;

use portcullis_cloud::api::{ResourceChange, StackEvent};
use portcullis_core::model::SecurityGroup;
use portcullis_core::remediation::fingerprint;
use portcullis_rules::StagePlan;

use crate::ports::{PortError, Ports};
use crate::report::{Report, RunError, RunOptions};

pub use self::commit::{CommitOptions, Done, commit};
pub use self::destroy::{Use, destroy};
pub use self::import::{into_stack, settings_of, text_of};
pub use self::site::{Site, Wait, Waiting};
pub use self::update::take_over;

/// Why something was not done, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// What was asked for or stands in the repository is at fault. Nothing was done.
    #[error("{0}")]
    Input(String),
    /// AWS did not do its part, or not all of it.
    #[error("{0}")]
    World(String),
    /// What is wrong with the repository, some of it with places and excerpts. Nothing was done.
    #[error(transparent)]
    Repository(#[from] portcullis_rules::Error),
    /// Whoever was asked said no, or cannot be asked. Nothing was done.
    #[error("{0}")]
    Declined(String),
}

type Result<T> = std::result::Result<T, Failure>;

impl From<portcullis_cloud::error::Error> for Failure {
    fn from(error: portcullis_cloud::error::Error) -> Self {
        Self::World(error.to_string())
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::World(error.to_string())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        if error.is_input() { Self::Input(error.to_string()) } else { Self::World(error.to_string()) }
    }
}

/// What a commit is about to do.
#[derive(Clone, Debug, Default)]
pub struct Proposal {
    /// The stack's name.
    pub stack: String,
    /// The name of the group.
    pub group: String,
    /// What the change set would do to resources; empty where CloudFormation has nothing to do.
    pub changes: Vec<ResourceChange>,
    /// What becomes of the rules.
    pub plan: StagePlan,
}

impl Proposal {
    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.plan.is_empty()
    }
}

/// Whoever is told what happens, and asked before it does.
pub trait Talk {
    /// Something that is going on, as a line.
    fn info(&self, line: &str);

    /// Something that needs a look, as a line.
    fn warn(&self, line: &str);

    /// Something that happened to a stack while it is waited for.
    fn event(&self, event: &StackEvent);

    /// What is about to be done.
    fn propose(&self, proposal: &Proposal);

    /// Asks whether to go on with `what`.
    ///
    /// # Errors
    /// [`Failure::Declined`] where the answer is no, or nobody can be asked.
    fn agree(&self, what: &str) -> Result<()>;
}

/// A run that changes groups rule by rule, with everything that belongs to one.
pub type Run<'a> = dyn Fn(&Ports<'_>, &RunOptions) -> std::result::Result<Report, RunError> + 'a;

/// Where groups are changed rule by rule: with backups, a journal and a lock.
pub trait Workbench {
    /// Does a run.
    ///
    /// # Errors
    /// Where it could not begin.
    fn run(&self, run: &Run<'_>) -> std::result::Result<Report, RunError>;
}

/// A name for how these groups are now: the same as long as nobody changes a rule or a description.
pub fn live_mark(groups: &[&SecurityGroup]) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    for group in groups {
        hash.update(fingerprint(group).as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
