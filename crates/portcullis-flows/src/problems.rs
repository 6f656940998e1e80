//! What was wrong with the inputs: lines that are no records, files that could not be read to their end.

use std::collections::BTreeMap;

/// How many malformed lines are named.
pub const NAMED: usize = 5;

/// A line that is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The input.
    pub input: String,
    /// Its line, from 1 on; of Parquet its row.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// An input that could not be read, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The input.
    pub input: String,
    /// What happened.
    pub reason: String,
}

/// Where a malformed line is, before it is known how many lines the blocks before its own have.
pub(crate) type Place = (usize, u64, u64);

/// The first malformed lines that one thread saw: input, block and line within the block, and why.
#[derive(Debug, Default)]
pub(crate) struct First {
    lines: BTreeMap<Place, String>,
}

impl First {
    /// Keeps a line if it is among the first; the reason is only put into words then.
    pub(crate) fn note(&mut self, place: Place, reason: impl FnOnce() -> String) {
        if self.lines.len() < NAMED {
            self.lines.insert(place, reason());
        } else if self.lines.last_key_value().is_some_and(|(last, _)| place < *last) {
            self.lines.pop_last();
            self.lines.insert(place, reason());
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (place, reason) in other.lines {
            self.note(place, || reason);
        }
    }

    pub(crate) fn into_lines(self) -> impl Iterator<Item = (Place, String)> {
        self.lines.into_iter()
    }
}
