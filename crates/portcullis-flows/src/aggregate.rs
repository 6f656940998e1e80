//! Records summed up by key, in as many parts as keep growing cheap and let threads put their sums together side by side.

use std::hash::BuildHasher as _;
use std::io;

use foldhash::quality::RandomState;

use crate::spill::{Run, RunWriter};
use crate::table::{Arena, Inline, Table, whole};
use crate::totals::{Sample, Totals};

/// How many parts. A key's part is told by its hash, so parts of different threads hold the same keys or none in common.
pub(crate) const PARTS: usize = 64;
const PART_BITS: u32 = PARTS.trailing_zeros();

/// Rows that are looked up together.
pub(crate) const BATCH: usize = 512;

/// Rows on their way into the tables.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    short: Vec<(u128, Sample)>,
    /// Longer keys: where each ends among all their bytes.
    long: Vec<(usize, Sample)>,
    bytes: Vec<u8>,
}

impl Batch {
    pub(crate) fn push(&mut self, key: u128, sample: Sample) {
        self.short.push((key, sample));
    }

    /// Adds a key that `write` appends to the bytes of those before it.
    pub(crate) fn push_long(&mut self, sample: Sample, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.long.push((self.bytes.len(), sample));
    }

    pub(crate) fn is_full(&self) -> bool {
        self.short.len() >= BATCH || self.long.len() >= BATCH
    }
}

/// The tables of one part of the keys.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) short: Table<Inline>,
    pub(crate) long: Table<Arena>,
}

impl Part {
    pub(crate) fn memory(&self) -> usize {
        self.short.memory() + self.long.memory()
    }

    pub(crate) fn len(&self) -> usize {
        self.short.entries().len() + self.long.entries().len()
    }

    /// The key and totals of an entry: short ones come first.
    pub(crate) fn entry<'a>(&'a self, number: usize, key: &'a mut [u8; 16]) -> (&'a [u8], &'a Totals) {
        const NONE: &(&[u8], Totals) = &(&[], Totals::NONE);
        if let Some(entry) = self.short.entries().get(number) {
            *key = whole(entry.key).to_le_bytes();
            return (key, &entry.totals);
        }
        let long = self.long.entries().get(number - self.short.entries().len());
        long.map_or((NONE.0, &NONE.1), |entry| (self.long.keys().key(&entry.key), &entry.totals))
    }
}

/// The hashes of all threads of a digest. Seeded anew each time: whoever sends packets chooses the keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hasher(RandomState);

/// A part's number, and the hash within it.
#[derive(Clone, Copy)]
struct Hash {
    part: usize,
    within: u32,
}

impl Hasher {
    fn short(&self, key: u128) -> Hash {
        split(self.0.hash_one(key))
    }

    fn long(&self, key: &[u8]) -> Hash {
        split(self.0.hash_one(key))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "bits of a hash")]
fn split(hash: u64) -> Hash {
    Hash { part: (hash >> (64 - PART_BITS)) as usize, within: hash as u32 }
}

/// The sums of one thread.
#[derive(Debug)]
pub(crate) struct Aggregate {
    parts: Vec<Part>,
    /// Sums that had no room in memory.
    runs: Vec<Run>,
    hasher: Hasher,
    /// How many bytes of memory the tables may take.
    budget: usize,
    /// Rows since the memory was counted.
    uncounted: usize,
}

impl Aggregate {
    pub(crate) fn new(hasher: Hasher, budget: usize) -> Self {
        let parts = (0..PARTS).map(|_| Part::default()).collect();
        Self { parts, runs: Vec::new(), hasher, budget, uncounted: 0 }
    }

    /// Adds a batch's rows and empties it.
    ///
    /// # Errors
    /// Where the memory is used up and the disk takes no more.
    pub(crate) fn add(&mut self, batch: &mut Batch) -> io::Result<()> {
        let mut hashes = [Hash { part: 0, within: 0 }; BATCH];
        for rows in batch.short.chunks(BATCH) {
            let mut touched = 0;
            for ((key, _), hash) in rows.iter().zip(&mut hashes) {
                *hash = self.hasher.short(*key);
                touched |= self.parts.get(hash.part).map_or(0, |part| part.short.touch(hash.within));
            }
            std::hint::black_box(touched);
            for ((key, sample), hash) in rows.iter().zip(&hashes) {
                if let Some(part) = self.parts.get_mut(hash.part) {
                    part.short.add(hash.within, *key, &Totals::of(sample));
                }
            }
        }
        let mut start = 0;
        for (end, sample) in &batch.long {
            let key = batch.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            let hash = self.hasher.long(key);
            if let Some(part) = self.parts.get_mut(hash.part) {
                part.long.add(hash.within, key, &Totals::of(sample));
            }
        }
        self.uncounted += batch.short.len() + batch.long.len();
        batch.short.clear();
        batch.long.clear();
        batch.bytes.clear();
        if self.uncounted >= 16 * BATCH {
            self.uncounted = 0;
            if self.parts.iter().map(Part::memory).sum::<usize>() > self.budget {
                self.spill()?;
            }
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut writer = RunWriter::create()?;
        for part in &mut self.parts {
            let part = std::mem::take(part);
            let mut short = [0; 16];
            for number in 0..part.len() {
                let (key, totals) = part.entry(number, &mut short);
                writer.write(number < part.short.entries().len(), key, totals)?;
            }
            writer.end_part()?;
        }
        self.runs.push(writer.finish()?);
        Ok(())
    }

    /// The tables, one a part, and what had no room in them.
    pub(crate) fn into_parts(self) -> (Vec<Part>, Vec<Run>) {
        (self.parts, self.runs)
    }
}

/// Puts the sums of one part of the keys together.
pub(crate) fn merge(hasher: &Hasher, number: usize, tables: Vec<Part>, runs: &[Run]) -> io::Result<Part> {
    let mut tables = tables.into_iter();
    let mut merged = tables.next().unwrap_or_default();
    for table in tables {
        for entry in table.short.entries() {
            add_short(hasher, &mut merged, whole(entry.key), &entry.totals);
        }
        for entry in table.long.entries() {
            add_long(hasher, &mut merged, table.long.keys().key(&entry.key), &entry.totals);
        }
    }
    for run in runs {
        run.read(number, |is_short, key, totals| match key.first_chunk() {
            Some(short) if is_short => add_short(hasher, &mut merged, u128::from_le_bytes(*short), totals),
            _ => add_long(hasher, &mut merged, key, totals),
        })?;
    }
    Ok(merged)
}

fn add_short(hasher: &Hasher, part: &mut Part, key: u128, totals: &Totals) {
    part.short.add(hasher.short(key).within, key, totals);
}

fn add_long(hasher: &Hasher, part: &mut Part, key: &[u8], totals: &Totals) {
    part.long.add(hasher.long(key).within, key, totals);
}
