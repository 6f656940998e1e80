//! The rows of a digest in their order: most flows first, ties by key.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{self, AtomicUsize};
use std::thread;

use crate::aggregate::{Aggregate, Hasher, PARTS, Part, merge};
use crate::field::Field;
use crate::key::Values;
use crate::spill::{Entries, Run, RunWriter};
use crate::totals::Totals;

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    key: &'a [u8],
    fields: &'a [Field],
    /// Its sums.
    pub totals: &'a Totals,
}

impl<'a> Row<'a> {
    /// The values of the fields that were grouped by.
    pub fn values(&self) -> Values<'a> {
        Values::new(self.key, self.fields)
    }
}

/// All rows.
#[derive(Debug)]
pub struct Rows {
    fields: Vec<Field>,
    store: Store,
    /// How many different keys there are.
    keys: u64,
    /// How many rows are kept.
    top: usize,
}

#[derive(Debug)]
enum Store {
    Memory {
        parts: Vec<Part>,
        order: Vec<(u32, u32)>,
    },
    /// Each part in its order, one run a part.
    Disk {
        parts: Vec<Run>,
    },
}

/// Where a row lies, with what orders nearly all of them.
#[derive(Clone, Copy)]
struct Place {
    flows: u64,
    ranks: [u64; 2],
    part: u32,
    number: u32,
}

impl Rows {
    /// Puts the sums of all threads together. `top` is how many rows are wanted.
    ///
    /// # Errors
    /// Where temporary files fail.
    pub(crate) fn new(
        fields: Vec<Field>,
        aggregates: Vec<Aggregate>,
        hasher: &Hasher,
        top: Option<NonZeroUsize>,
        threads: usize,
    ) -> io::Result<Self> {
        let top = top.map_or(usize::MAX, NonZeroUsize::get);
        let mut tables: Vec<Vec<Part>> = (0..PARTS).map(|_| Vec::new()).collect();
        let mut runs = Vec::new();
        for aggregate in aggregates {
            let (parts, spilled) = aggregate.into_parts();
            tables.iter_mut().zip(parts).for_each(|(tables, part)| tables.push(part));
            runs.extend(spilled);
        }
        let tables: Vec<_> = tables.into_iter().map(|tables| Mutex::new(Some(tables))).collect();
        let take = |number: usize| {
            let table: Option<&Mutex<Option<Vec<Part>>>> = tables.get(number);
            let taken = table.and_then(|table| table.lock().ok().and_then(|mut table| table.take()));
            merge(hasher, number, taken.unwrap_or_default(), &runs)
        };
        if runs.is_empty() {
            let parts = side_by_side(threads, PARTS, take)?;
            let keys = parts.iter().map(|part| part.len() as u64).sum();
            let order = in_order(&fields, &parts, top, threads)?;
            return Ok(Self { fields, store: Store::Memory { parts, order }, keys, top });
        }
        // Each part by itself fits; all together do not.
        let parts = side_by_side(threads, PARTS, |number| {
            let part = take(number)?;
            let parts = std::slice::from_ref(&part);
            let mut places = places(&fields, parts, 0..1);
            sort(&fields, parts, &mut places, top);
            let mut writer = RunWriter::create()?;
            let mut short = [0; 16];
            for place in &places {
                let (key, totals) = part.entry(place.number as usize, &mut short);
                writer.write(false, key, totals)?;
            }
            writer.end_part()?;
            Ok((part.len() as u64, writer.finish()?))
        })?;
        let keys = parts.iter().map(|(keys, _)| keys).sum();
        let parts = parts.into_iter().map(|(_, run)| run).collect();
        Ok(Self { fields, store: Store::Disk { parts }, keys, top })
    }

    /// The fields that were grouped by.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// How many different keys there are, those beyond the top included.
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// Gives each row, in order.
    ///
    /// # Errors
    /// Where `each` or a temporary file fails.
    pub fn each(&self, mut each: impl FnMut(&Row<'_>) -> io::Result<()>) -> io::Result<()> {
        match &self.store {
            Store::Memory { parts, order } => {
                let mut short = [0; 16];
                order.iter().filter_map(|place| self.row(parts, *place, &mut short).map(|row| each(&row))).collect()
            }
            Store::Disk { parts } => {
                let mut heads = BinaryHeap::new();
                for run in parts {
                    heads.extend(Head::of(run.part(0), &self.fields)?);
                }
                for _ in 0..self.top {
                    let Some(mut head) = heads.pop() else { break };
                    each(&Row { key: &head.entries.key, fields: &self.fields, totals: &head.entries.totals })?;
                    if head.advance()? {
                        heads.push(head);
                    }
                }
                Ok(())
            }
        }
    }

    /// Writes every row as `format` appends it, on all cores where there are many, with `separator` between them.
    ///
    /// # Errors
    /// Where `out` or a temporary file fails.
    pub fn write(
        &self,
        out: &mut impl io::Write,
        separator: &[u8],
        format: impl Fn(&Row<'_>, &mut Vec<u8>) + Sync,
    ) -> io::Result<()> {
        const TOGETHER: usize = 1 << 13;
        const AHEAD: usize = 32;
        let Store::Memory { parts, order } = &self.store else {
            let (mut line, mut first) = (Vec::new(), true);
            return self.each(|row| {
                line.clear();
                if !std::mem::take(&mut first) {
                    line.extend_from_slice(separator);
                }
                format(row, &mut line);
                out.write_all(&line)
            });
        };
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let chunks: Vec<_> = order.chunks(TOGETHER).collect();
        for (round, chunks) in chunks.chunks(threads * 4).enumerate() {
            let texts = side_by_side(threads, chunks.len(), |number| {
                let mut text = Vec::new();
                let mut short = [0; 16];
                let places = chunks.get(number).copied().unwrap_or_default();
                let mut index = number + round;
                for places in places.chunks(AHEAD) {
                    // Rows that follow one another lie anywhere in memory: looks that do not wait for each other come first.
                    let touched =
                        places.iter().map(|place| self.row(parts, *place, &mut short).map(|row| row.totals.flows));
                    std::hint::black_box(touched.flatten().fold(0, u64::wrapping_add));
                    for place in places {
                        if index > 0 {
                            text.extend_from_slice(separator);
                        }
                        index += 1;
                        if let Some(row) = self.row(parts, *place, &mut short) {
                            format(&row, &mut text);
                        }
                    }
                }
                Ok(text)
            })?;
            texts.iter().try_for_each(|text| out.write_all(text))?;
        }
        Ok(())
    }

    fn row<'a>(&'a self, parts: &'a [Part], (part, number): (u32, u32), short: &'a mut [u8; 16]) -> Option<Row<'a>> {
        let (key, totals) = parts.get(part as usize)?.entry(number as usize, short);
        Some(Row { key, fields: &self.fields, totals })
    }
}

/// Calls `task` for 0 up to `count`, on so many threads, and gives the answers in order.
fn side_by_side<T: Send>(
    threads: usize,
    count: usize,
    task: impl Fn(usize) -> io::Result<T> + Sync,
) -> io::Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, atomic::Ordering::Relaxed);
            if number >= count {
                return io::Result::Ok(done);
            }
            done.push((number, task(number)?));
        }
    };
    let mut all = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(count)).map(|_| scope.spawn(work)).collect();
        let mut all: Vec<(usize, T)> = work()?;
        for other in others {
            all.extend(other.join().map_err(|_| io::Error::other("a thread failed"))??);
        }
        io::Result::Ok(all)
    })?;
    all.sort_unstable_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, answer)| answer).collect())
}

fn in_order(fields: &[Field], parts: &[Part], top: usize, threads: usize) -> io::Result<Vec<(u32, u32)>> {
    let share = parts.len().div_ceil(threads.max(1)).max(1);
    let sorted = side_by_side(threads, parts.len().div_ceil(share), |number| {
        let range = number * share..parts.len().min((number + 1) * share);
        let mut places = places(fields, parts, range);
        sort(fields, parts, &mut places, top);
        Ok(places)
    })?;
    let mut sorted: Vec<_> = sorted.into_iter().map(|places| places.into_iter().peekable()).collect();
    let mut order = Vec::new();
    // As many lists as threads: looking at each head is quicker than a heap.
    while order.len() < top {
        let mut least: Option<(usize, Place)> = None;
        for (index, list) in sorted.iter_mut().enumerate() {
            if let Some(head) = list.peek()
                && least.is_none_or(|(_, other)| compare(fields, parts, head, &other) == Ordering::Less)
            {
                least = Some((index, *head));
            }
        }
        let Some((index, place)) = least else { break };
        order.push((place.part, place.number));
        sorted.get_mut(index).and_then(Iterator::next);
    }
    Ok(order)
}

fn ranks(key: &[u8], fields: &[Field]) -> [u64; 2] {
    let mut ranks = [0; 2];
    for (rank, value) in ranks.iter_mut().zip(Values::new(key, fields)) {
        *rank = value.rank();
        // Where values may differ that rank alike, the next field must not decide before they are compared.
        if !value.is_ranked_exactly() {
            break;
        }
    }
    ranks
}

#[expect(clippy::cast_possible_truncation, reason = "a table has less than 2^32 entries, and there are few parts")]
fn places(fields: &[Field], parts: &[Part], range: std::ops::Range<usize>) -> Vec<Place> {
    let mut places = Vec::new();
    let mut short = [0; 16];
    for index in range {
        let Some(part) = parts.get(index) else { continue };
        places.reserve(part.len());
        for number in 0..part.len() {
            let (key, totals) = part.entry(number, &mut short);
            let ranks = ranks(key, fields);
            places.push(Place { flows: totals.flows, ranks, part: index as u32, number: number as u32 });
        }
    }
    places
}

fn sort(fields: &[Field], parts: &[Part], places: &mut Vec<Place>, top: usize) {
    let order = |a: &Place, b: &Place| compare(fields, parts, a, b);
    if top < places.len() {
        places.select_nth_unstable_by(top, order);
        places.truncate(top);
    }
    places.sort_unstable_by(order);
}

fn compare(fields: &[Field], parts: &[Part], a: &Place, b: &Place) -> Ordering {
    let quick = b.flows.cmp(&a.flows).then_with(|| a.ranks.cmp(&b.ranks));
    quick.then_with(|| {
        let (mut short_a, mut short_b) = ([0; 16], [0; 16]);
        let key = |place: &Place, short| {
            parts.get(place.part as usize).map_or(&[][..], |part| part.entry(place.number as usize, short).0)
        };
        compare_keys(fields, key(a, &mut short_a), key(b, &mut short_b))
    })
}

fn compare_keys(fields: &[Field], a: &[u8], b: &[u8]) -> Ordering {
    let values = Values::new(a, fields).zip(Values::new(b, fields));
    values.map(|(a, b)| a.compare(&b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The next row of a part on disk. The greatest comes first from a heap, so the first row is the greatest.
struct Head<'a> {
    entries: Entries,
    ranks: [u64; 2],
    fields: &'a [Field],
}

impl<'a> Head<'a> {
    fn of(entries: Entries, fields: &'a [Field]) -> io::Result<Option<Self>> {
        let mut head = Self { entries, ranks: [0; 2], fields };
        Ok(head.advance()?.then_some(head))
    }

    fn advance(&mut self) -> io::Result<bool> {
        let more = self.entries.advance()?;
        self.ranks = ranks(&self.entries.key, self.fields);
        Ok(more)
    }
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let quick =
            self.entries.totals.flows.cmp(&other.entries.totals.flows).then_with(|| other.ranks.cmp(&self.ranks));
        quick.then_with(|| compare_keys(self.fields, &other.entries.key, &self.entries.key))
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head<'_> {}
