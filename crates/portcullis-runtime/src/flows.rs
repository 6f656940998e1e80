//! Flow logs on AWS, as inputs of a digest: objects below a prefix of S3, streams of a log group.

mod events;
mod layout;
mod objects;

#[cfg(test)]
mod tests;

pub use events::{GroupLocation, events};
pub use objects::{Found, find, inputs};

/// Which logs are wanted, as far as that can be told before they are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The earliest `start` of a record, in seconds since 1970, included.
    pub since: Option<u64>,
    /// The latest `start`, excluded.
    pub until: Option<u64>,
    /// Accounts; all where empty.
    pub accounts: Vec<String>,
    /// Regions; all where empty.
    pub regions: Vec<String>,
}
