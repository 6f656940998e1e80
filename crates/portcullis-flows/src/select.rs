//! Which records are wanted.

use std::collections::HashSet;

use compact_str::CompactString;

/// What is asked of records. Empty sets and `None` ask for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The earliest `start`, in seconds since 1970, included.
    pub since: Option<u64>,
    /// The latest `start`, excluded.
    pub until: Option<u64>,
    /// Network interfaces, by their ids.
    pub interfaces: Option<HashSet<CompactString>>,
    /// `true` for traffic that was let through, `false` for what was refused.
    pub accepted: Option<bool>,
    /// `true` for what came in, `false` for what went out.
    pub inbound: Option<bool>,
}

impl Selection {
    /// Whether it asks when a record began.
    pub(crate) fn asks_time(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether a record that began then is wanted; one that does not say belongs to no time.
    pub(crate) fn wants_start(&self, start: Option<u64>) -> bool {
        if !self.asks_time() {
            return true;
        }
        start.is_some_and(|start| {
            self.since.is_none_or(|since| since <= start) && self.until.is_none_or(|until| start < until)
        })
    }

    /// Whether records of this interface are wanted.
    pub(crate) fn wants_interface(&self, id: &[u8]) -> bool {
        self.interfaces.as_ref().is_none_or(|wanted| std::str::from_utf8(id).is_ok_and(|id| wanted.contains(id)))
    }

    /// The fields that this asks about, each with the word of the command line that asks.
    pub(crate) fn asks(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        [
            (self.since.is_some(), "start", "--since"),
            (self.until.is_some(), "start", "--until"),
            (self.interfaces.is_some(), "interface-id", "--eni"),
            (self.accepted.is_some(), "action", "--action"),
            (self.inbound.is_some(), "flow-direction", "--direction"),
        ]
        .into_iter()
        .filter_map(|(asked, field, option)| asked.then_some((field, option)))
    }
}
