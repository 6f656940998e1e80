//! A hash table made for digests: keys and their totals lie one after the other, and small slots point to them.
//!
//! A slot holds 32 bits of the hash and the entry's number, so that growing moves eight bytes a key and reads no entry,
//! and a lookup that misses touches no entry either. Nothing is ever taken out.

use std::fmt;

use crate::totals::Totals;

/// How keys are kept.
pub(crate) trait Keys: Default {
    /// A key as it is asked for.
    type Asked<'a>: Copy;
    /// A key as it lies in its entry.
    type Kept: Copy + fmt::Debug;

    fn same(&self, kept: &Self::Kept, asked: Self::Asked<'_>) -> bool;
    fn keep(&mut self, asked: Self::Asked<'_>) -> Self::Kept;
    /// What an entry's key holds beside the entry, in bytes of memory.
    fn beside(&self) -> usize;
}

/// Keys of up to sixteen bytes.
#[derive(Debug, Default)]
pub(crate) struct Inline;

impl Keys for Inline {
    type Asked<'a> = u128;
    /// Two halves, since a whole would be laid out with padding.
    type Kept = [u64; 2];

    fn same(&self, kept: &[u64; 2], asked: u128) -> bool {
        *kept == halves(asked)
    }

    fn keep(&mut self, asked: u128) -> [u64; 2] {
        halves(asked)
    }

    fn beside(&self) -> usize {
        0
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of a number")]
fn halves(key: u128) -> [u64; 2] {
    [key as u64, (key >> 64) as u64]
}

pub(crate) fn whole([low, high]: [u64; 2]) -> u128 {
    u128::from(low) | u128::from(high) << 64
}

/// Longer keys, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
}

impl Arena {
    pub(crate) fn key(&self, kept: &(u64, u32)) -> &[u8] {
        let start = usize::try_from(kept.0).unwrap_or(usize::MAX);
        self.bytes.get(start..).and_then(|rest| rest.get(..kept.1 as usize)).unwrap_or_default()
    }
}

impl Keys for Arena {
    type Asked<'a> = &'a [u8];
    type Kept = (u64, u32);

    fn same(&self, kept: &(u64, u32), asked: &[u8]) -> bool {
        self.key(kept) == asked
    }

    fn keep(&mut self, asked: &[u8]) -> (u64, u32) {
        let start = self.bytes.len() as u64;
        self.bytes.extend_from_slice(asked);
        (start, u32::try_from(asked.len()).unwrap_or(u32::MAX))
    }

    fn beside(&self) -> usize {
        self.bytes.len()
    }
}

/// A key and its totals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<K> {
    pub(crate) key: K,
    pub(crate) totals: Totals,
}

/// The table. At most 2^32 - 1 keys.
#[derive(Debug)]
pub(crate) struct Table<K: Keys> {
    /// 0 is empty, else 32 bits of the hash above the entry's number plus one.
    slots: Vec<u64>,
    entries: Vec<Entry<K::Kept>>,
    keys: K,
}

impl<K: Keys> Default for Table<K> {
    fn default() -> Self {
        Self { slots: Vec::new(), entries: Vec::new(), keys: K::default() }
    }
}

impl<K: Keys> Table<K> {
    /// The slots of the first keys.
    const SMALLEST: usize = 16;

    /// Looks at the slot where a key of this hash would be. Many such looks, one after the other, overlap in the
    /// processor, as lookups that wait for each other's memory cannot.
    pub(crate) fn touch(&self, hash: u32) -> u64 {
        self.slots.get(hash as usize & self.slots.len().wrapping_sub(1)).copied().unwrap_or_default()
    }

    /// Merges totals into those of a key.
    pub(crate) fn add(&mut self, hash: u32, key: K::Asked<'_>, totals: &Totals) {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        loop {
            match self.slots.get(at) {
                None => break,
                Some(0) => break,
                Some(slot) if (*slot >> 32) == u64::from(hash) => {
                    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
                    let number = *slot as u32;
                    if let Some(entry) = self.entries.get_mut(number as usize - 1)
                        && self.keys.same(&entry.key, key)
                    {
                        entry.totals.merge(totals);
                        return;
                    }
                }
                Some(_) => {}
            }
            at = (at + 1) & mask;
        }
        self.insert(hash, key, totals);
    }

    #[cold]
    fn insert(&mut self, hash: u32, key: K::Asked<'_>, totals: &Totals) {
        if self.entries.len() * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let key = self.keys.keep(key);
        self.entries.push(Entry { key, totals: *totals });
        let number = self.entries.len() as u64;
        put(&mut self.slots, u64::from(hash) << 32 | number);
    }

    fn grow(&mut self) {
        let mut larger = vec![0; (self.slots.len() * 2).max(Self::SMALLEST)];
        for slot in self.slots.iter().filter(|slot| **slot != 0) {
            put(&mut larger, *slot);
        }
        self.slots = larger;
    }

    pub(crate) fn entries(&self) -> &[Entry<K::Kept>] {
        &self.entries
    }

    pub(crate) fn keys(&self) -> &K {
        &self.keys
    }

    /// What it holds, in bytes of memory that were written to.
    pub(crate) fn memory(&self) -> usize {
        self.slots.len() * size_of::<u64>() + size_of_val(self.entries.as_slice()) + self.keys.beside()
    }
}

/// Puts a slot where there is room; there always is.
fn put(slots: &mut [u64], slot: u64) {
    let mask = slots.len().wrapping_sub(1);
    let mut at = (slot >> 32) as usize & mask;
    while let Some(place) = slots.get_mut(at) {
        if *place == 0 {
            *place = slot;
            return;
        }
        at = (at + 1) & mask;
    }
}
