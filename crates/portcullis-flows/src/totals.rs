//! What is summed up for each key.

/// Nothing known: `-` in text, null in Parquet. No field of AWS's reaches it.
pub(crate) const UNKNOWN: u64 = u64::MAX;

/// What one record adds; [`UNKNOWN`] where it does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// The sums of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// How many records.
    pub flows: u64,
    packets: u64,
    bytes: u64,
    first: u64,
    /// One more than the greatest `end`; 0 where none is known.
    after: u64,
}

/// How many numbers totals are made of, where they are kept in a file.
pub(crate) const NUMBERS: usize = 5;

impl Totals {
    pub(crate) const NONE: Self = Self { flows: 0, packets: UNKNOWN, bytes: UNKNOWN, first: UNKNOWN, after: 0 };

    /// Packets of the records that say so; `None` where none does.
    pub fn packets(&self) -> Option<u64> {
        known(self.packets)
    }

    /// Bytes of the records that say so; `None` where none does.
    pub fn bytes(&self) -> Option<u64> {
        known(self.bytes)
    }

    /// The least `start`, in seconds since 1970.
    pub fn first(&self) -> Option<u64> {
        known(self.first)
    }

    /// The greatest `end`, in seconds since 1970.
    pub fn last(&self) -> Option<u64> {
        self.after.checked_sub(1)
    }

    /// Those of a single record.
    pub(crate) fn of(sample: &Sample) -> Self {
        // One more than `UNKNOWN` is 0.
        let after = sample.end.wrapping_add(1);
        Self { flows: 1, packets: sample.packets, bytes: sample.bytes, first: sample.start, after }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.flows += other.flows;
        self.packets = sum(self.packets, other.packets);
        self.bytes = sum(self.bytes, other.bytes);
        self.first = self.first.min(other.first);
        self.after = self.after.max(other.after);
    }

    pub(crate) fn to_numbers(self) -> [u64; NUMBERS] {
        [self.flows, self.packets, self.bytes, self.first, self.after]
    }

    pub(crate) fn from_numbers([flows, packets, bytes, first, after]: [u64; NUMBERS]) -> Self {
        Self { flows, packets, bytes, first, after }
    }
}

fn known(number: u64) -> Option<u64> {
    (number != UNKNOWN).then_some(number)
}

/// Sums stay at the greatest number rather than begin anew: 2^64 bytes are more than a network carries in a year.
fn sum(a: u64, b: u64) -> u64 {
    match (a, b) {
        (UNKNOWN, other) | (other, UNKNOWN) => other,
        _ => a.saturating_add(b).min(UNKNOWN - 1),
    }
}
