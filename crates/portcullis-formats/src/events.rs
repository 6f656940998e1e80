//! What happens in an account, as AWS delivers it: API calls that CloudTrail tells through EventBridge, schedules, and scans
//! that somebody asks for; bare, in SQS messages, in notifications of SNS within those, and in the batches that Lambda is
//! given.
//!
//! An event says where to look and who was there. It never says what stands: groups are read again before anything is
//! judged. What is no event at all is an error; an event that is of no interest is [`Event::Skipped`], with the reason.

mod call;
mod field;
mod principal;
#[cfg(test)]
mod tests;
mod wrapping;

use jiff::Timestamp;

pub use call::{Action, Admitted};
pub use principal::{Principal, PrincipalKind};
pub use wrapping::{Body, Delivery, MOST_BYTES, read};

/// Why a body, or a message of it, cannot be used, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EventError(pub String);

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Somebody changed groups, or what their rules rest on.
    Call(Box<ApiCall>),
    /// Everything is to be judged.
    Scan(ScanRequest),
    /// Nothing is to be done, and why.
    Skipped(Skipped),
}

/// An API call that went well.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiCall {
    /// CloudTrail's id of the call: the same however often it is delivered.
    pub id: String,
    /// Which call.
    pub action: Action,
    /// The account in which it was made, twelve digits.
    pub account_id: String,
    /// Its Region.
    pub region: String,
    /// When it was made, where the event tells it.
    pub time: Option<Timestamp>,
    /// By whom.
    pub principal: Principal,
    /// With which program, as it calls itself; empty where that is not told.
    pub user_agent: String,
    /// The groups that it changed, by id, each once.
    pub group_ids: Vec<String>,
    /// The groups that it changed, by name: of the default VPC, where alone a name suffices.
    pub group_names: Vec<String>,
    /// The rules that it changed, where it names no group.
    pub rule_ids: Vec<String>,
    /// The prefix lists that it changed.
    pub prefix_lists: Vec<String>,
    /// What it admits, where it tells that; `None` where it cannot be known from the event.
    pub admitted: Option<Vec<Admitted>>,
}

/// What asks for a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asked {
    /// A schedule.
    Schedule,
    /// A person.
    Manually,
}

/// A scan that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanRequest {
    /// The event's own id.
    pub id: String,
    /// By what.
    pub asked: Asked,
    /// Only these accounts; all that the settings name where there is none.
    pub accounts: Vec<String>,
    /// Only these Regions.
    pub regions: Vec<String>,
    /// When, where the event tells it.
    pub time: Option<Timestamp>,
}

/// An event about which nothing is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// What it is, as far as it can be told: `AWS API Call via CloudTrail` `RunInstances`.
    pub what: String,
    /// Why nothing is to be done.
    pub why: String,
}

impl Event {
    /// The id by which it is known again; empty for what is skipped.
    pub fn id(&self) -> &str {
        match self {
            Self::Call(call) => &call.id,
            Self::Scan(scan) => &scan.id,
            Self::Skipped(_) => "",
        }
    }
}
