//! AWS CloudFormation, as far as a stack that holds one group's rules goes.

use std::fmt::Debug;

use async_trait::async_trait;

use super::Page;
use crate::error::Result;
use crate::shapes::Tag;

/// A template at most, in bytes, that goes with a call ("AWS CloudFormation quotas"); a longer one is read from S3.
pub const TEMPLATE_BYTES: usize = 51_200;

/// A template at most, in bytes, that is read from S3.
pub const TEMPLATE_BYTES_ON_S3: usize = 1_000_000;

/// A stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// Its ARN, which no other stack has, not even a later one of the same name.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `CREATE_COMPLETE`, `ROLLBACK_COMPLETE`, `UPDATE_IN_PROGRESS`, …
    pub status: String,
    /// Why it has that status, where AWS says so.
    pub reason: Option<String>,
    /// Its outputs: key and value.
    pub outputs: Vec<(String, String)>,
    /// Its tags.
    pub tags: Vec<Tag>,
}

impl Stack {
    /// Whether something is at work on it.
    pub fn is_busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && !self.is_planned()
    }

    /// Whether it has no resources yet: a first change set was made and not executed.
    pub fn is_planned(&self) -> bool {
        self.status == "REVIEW_IN_PROGRESS"
    }

    /// Whether its first change set failed. Nothing can be done with it but to delete it.
    pub fn is_stillborn(&self) -> bool {
        matches!(self.status.as_str(), "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED")
    }

    /// Whether it is gone: a stack can be looked at by its id for 90 days more.
    pub fn is_gone(&self) -> bool {
        self.status == "DELETE_COMPLETE"
    }

    /// Whether the last thing that was done to it went well.
    pub fn is_well(&self) -> bool {
        matches!(self.status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE")
            // What is left to do then is to take the old resources away, and the new ones are in place.
            || self.status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    }

    /// An output's value.
    pub fn output(&self, key: &str) -> Option<&str> {
        self.outputs.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }
}

/// What a change set is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangeSetKind {
    /// A new stack.
    #[default]
    Create,
    /// A stack that is there.
    Update,
    /// Resources that are there and belong to no stack, into a stack.
    Import,
}

impl ChangeSetKind {
    /// The API's word, which stack statuses begin with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Import => "IMPORT",
        }
    }
}

/// Where a template is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    /// In the call itself: at most [`TEMPLATE_BYTES`].
    Body(String),
    /// At an `https` address of S3: at most [`TEMPLATE_BYTES_ON_S3`].
    Url(String),
}

impl Default for Template {
    fn default() -> Self {
        Self::Body(String::new())
    }
}

/// A resource that is to be taken into a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// Its name in the template.
    pub logical_id: String,
    /// `AWS::EC2::SecurityGroup`, …
    pub kind: String,
    /// What names it: the property and its value, such as `Id` and `sg-…`.
    pub identifier: (String, String),
}

/// A change set that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewChangeSet {
    /// The stack's name, or its id.
    pub stack: String,
    /// The change set's own name: a letter, then letters, digits and hyphens, at most 128.
    pub name: String,
    /// What it is for.
    pub kind: ChangeSetKind,
    /// What the stack is to be.
    pub template: Template,
    /// What people read of it.
    pub description: String,
    /// The stack's tags, which its resources get too.
    pub tags: Vec<Tag>,
    /// What is to be imported; empty unless it is for that.
    pub imports: Vec<Import>,
}

/// A change set as it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Its ARN.
    pub id: String,
    /// The ARN of its stack.
    pub stack_id: String,
}

/// A change set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// The ARN of its stack.
    pub stack_id: String,
    /// `CREATE_PENDING`, `CREATE_IN_PROGRESS`, `CREATE_COMPLETE`, `FAILED`, …
    pub status: String,
    /// Why it has that status, where AWS says so.
    pub reason: String,
    /// `UNAVAILABLE`, `AVAILABLE`, `EXECUTE_IN_PROGRESS`, `EXECUTE_COMPLETE`, `OBSOLETE`, …
    pub execution: String,
    /// What it would change: one page of it.
    pub changes: Page<ResourceChange>,
}

impl ChangeSet {
    /// Whether AWS is still at work on it.
    pub fn is_pending(&self) -> bool {
        matches!(self.status.as_str(), "CREATE_PENDING" | "CREATE_IN_PROGRESS")
    }

    /// Whether it can be executed.
    pub fn is_ready(&self) -> bool {
        self.status == "CREATE_COMPLETE" && self.execution == "AVAILABLE"
    }

    /// Whether it failed because there is nothing to do: the stack's own template says already what this one does.
    pub fn is_empty(&self) -> bool {
        // Both sentences are AWS's; which one comes depends on whether the template went through a transform.
        let says = |words: &str| self.reason.contains(words);
        self.status == "FAILED" && (says("didn't contain changes") || says("No updates are to be performed"))
    }
}

/// What a change set would do to a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceChange {
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`.
    pub action: String,
    /// Its name in the template.
    pub logical_id: String,
    /// Its id, where there is one yet.
    pub physical_id: String,
    /// `AWS::EC2::SecurityGroup`, …
    pub kind: String,
    /// Whether another takes its place: `True`, `False`, `Conditional`; empty where the question does not arise.
    pub replacement: String,
    /// Which of its properties would change.
    pub properties: Vec<String>,
}

/// Something that happened to a stack or to one of its resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackEvent {
    /// The event's own id.
    pub id: String,
    /// The name in the template; the stack's name for the stack itself.
    pub logical_id: String,
    /// The id of the resource, where there is one yet.
    pub physical_id: String,
    /// `AWS::EC2::SecurityGroup`, `AWS::CloudFormation::Stack`, …
    pub kind: String,
    /// `CREATE_IN_PROGRESS`, `UPDATE_FAILED`, …
    pub status: String,
    /// Why, where AWS says so.
    pub reason: String,
}

impl StackEvent {
    /// Whether it tells of something that went wrong.
    pub fn is_failure(&self) -> bool {
        self.status.ends_with("_FAILED")
    }
}

/// AWS CloudFormation in one account and Region. Stacks go by their names or ids.
#[async_trait]
pub trait Stacks: Send + Sync + Debug {
    /// `cloudformation:DescribeStacks` of one stack; `Kind::NotFound` where there is none. Only by its id can one be looked at
    /// that is gone.
    async fn stack(&self, stack: &str) -> Result<Stack>;

    /// `cloudformation:CreateChangeSet`
    async fn create_change_set(&self, new: &NewChangeSet) -> Result<Made>;

    /// `cloudformation:DescribeChangeSet`, by its ARN.
    async fn change_set(&self, id: &str, next: Option<String>) -> Result<ChangeSet>;

    /// `cloudformation:ExecuteChangeSet`, by its ARN.
    async fn execute_change_set(&self, id: &str) -> Result<()>;

    /// `cloudformation:DeleteChangeSet`, by its ARN.
    async fn delete_change_set(&self, id: &str) -> Result<()>;

    /// `cloudformation:DescribeStackEvents`, the newest first.
    async fn events(&self, stack: &str, next: Option<String>) -> Result<Page<StackEvent>>;

    /// `cloudformation:DeleteStack`. One that is not there is none the less deleted.
    async fn delete_stack(&self, stack: &str) -> Result<()>;

    /// `cloudformation:GetTemplate`: what the stack was last made of, as it was given.
    async fn template(&self, stack: &str) -> Result<String>;
}
