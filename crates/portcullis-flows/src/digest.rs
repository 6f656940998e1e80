//! From inputs to a digest: who opens, cuts and parses what, on how many threads.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::aggregate::{Aggregate, Batch, Hasher};
use crate::columns::{Columns, may_be_header};
use crate::field::Field;
use crate::input::{Input, Opened};
use crate::layout::{Layout, Verdict, reason};
use crate::line::{Tokens, each_line};
use crate::parquet::{Failed, Groups, Table};
use crate::problems::{First, Malformed, Unreadable};
use crate::progress::Progress;
use crate::rows::Rows;
use crate::select::Selection;
use crate::text::{Block, LONGEST_LINE, Stream};

/// What is asked of the inputs.
#[derive(Clone, Debug)]
pub struct Query {
    /// What records are grouped by.
    pub by: Vec<Field>,
    /// Which records are wanted.
    pub selection: Selection,
    /// The columns of text without a header line.
    pub columns: Columns,
    /// How many rows are wanted; all where `None`.
    pub top: Option<NonZeroUsize>,
    /// How many bytes of memory sums may take before they go to disk.
    pub memory: usize,
    /// How many threads work.
    pub threads: NonZeroUsize,
}

impl Query {
    /// The sums that a digest has anyway, which nothing can be grouped by.
    pub const SUMS: [&'static str; 2] = ["packets", "bytes"];

    /// Default memory: 1 GB.
    pub const MEMORY: usize = 1_000_000_000;

    /// Groups all records by these fields, on all cores.
    pub fn by(names: &[&str]) -> Self {
        Self {
            by: names.iter().map(|name| Field::named(name)).collect(),
            selection: Selection::default(),
            columns: Columns::default(),
            top: None,
            memory: Self::MEMORY,
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// How much there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that were wanted.
    pub records: u64,
    /// Records that were not.
    pub unwanted: u64,
    /// Windows without traffic.
    pub nodata: u64,
    /// Windows of which records were lost.
    pub skipdata: u64,
    /// Lines that are no records.
    pub malformed: u64,
}

impl Counts {
    /// Whether there was no record of any kind.
    pub fn is_nothing(&self) -> bool {
        self.records + self.unwanted + self.nodata + self.skipdata == 0
    }

    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.unwanted += other.unwanted;
        self.nodata += other.nodata;
        self.skipdata += other.skipdata;
        self.malformed += other.malformed;
    }

    /// Counts a line or row.
    pub(crate) fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Record => self.records += 1,
            Verdict::Unwanted => self.unwanted += 1,
            Verdict::NoData => self.nodata += 1,
            Verdict::SkipData => self.skipdata += 1,
            Verdict::Malformed(_) => self.malformed += 1,
        }
    }
}

/// What was asked for.
#[derive(Debug)]
pub struct Digest {
    /// How much there was.
    pub counts: Counts,
    /// The sums by key.
    pub rows: Rows,
    /// The first malformed lines.
    pub malformed: Vec<Malformed>,
    /// Inputs that could not be read, or not to their end, and those that are no flow logs.
    pub unreadable: Vec<Unreadable>,
    /// Fields that were grouped by and that no input has.
    pub missing: Vec<Field>,
}

/// One input on its way.
struct Slot {
    name: String,
    state: Mutex<State>,
    done: AtomicBool,
    /// Whether anything in it is what a flow log holds.
    recognised: AtomicBool,
    malformed: AtomicU64,
    /// What was wrong with its first lines, if they were.
    first: Mutex<Option<(u64, String)>>,
    problems: Mutex<Vec<String>>,
    /// How many lines each block has.
    lines: Mutex<Vec<(u64, u64)>>,
    /// For each field that is grouped by, whether the input has it.
    has: Vec<AtomicBool>,
}

enum State {
    Waiting(Input),
    Text(Stream),
    Parquet(Arc<Groups>, usize),
    Done,
}

/// A piece of an input that a thread can work on while others work on the rest.
enum Piece {
    Lines(Block),
    Group(Arc<Groups>, usize),
}

/// What one thread found.
struct Worker<'a> {
    query: &'a Query,
    progress: &'a Arc<Progress>,
    aggregate: Aggregate,
    batch: Batch,
    counts: Counts,
    first: First,
    buffer: Vec<u8>,
}

/// Reads all inputs.
///
/// # Errors
/// Where neither memory nor disk has room for the sums. What is wrong with inputs is part of the digest.
pub fn digest(inputs: Vec<Input>, query: &Query, progress: &Arc<Progress>) -> io::Result<Digest> {
    let slots: Vec<Slot> = inputs.into_iter().map(|input| Slot::new(input, query.by.len())).collect();
    let next = AtomicUsize::new(0);
    let hasher = Hasher::default();
    let threads = query.threads.get();
    // What is merged at the end, and the blocks in hand, need room too.
    let budget = query.memory / 4 * 3 / threads;
    let work = || {
        let mut worker = Worker::new(query, progress, Aggregate::new(hasher.clone(), budget));
        // Inputs of one's own first: nobody waits for anybody there. Then whatever others have not finished.
        while let Some((number, slot)) = take(&slots, &next) {
            while worker.step(number, slot)? {}
        }
        for (number, slot) in slots.iter().enumerate() {
            loop {
                if slot.done.load(Ordering::Relaxed) || !worker.step(number, slot)? {
                    break;
                }
            }
        }
        io::Result::Ok((worker.aggregate, worker.counts, worker.first))
    };
    let found = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut found = vec![work()?];
        for other in others {
            found.push(other.join().map_err(|_| io::Error::other("a thread failed"))??);
        }
        io::Result::Ok(found)
    })?;
    let (mut counts, mut first, mut aggregates) = (Counts::default(), First::default(), Vec::new());
    for (aggregate, its_counts, its_first) in found {
        counts.add(&its_counts);
        first.merge(its_first);
        aggregates.push(aggregate);
    }
    let rows = Rows::new(query.by.clone(), aggregates, &hasher, query.top, threads)?;
    let malformed = first.into_lines().filter_map(|(place, reason)| malformed(&slots, place, reason)).collect();
    let unreadable = slots.iter().flat_map(Slot::unreadable).collect();
    let missing = |index: usize| !slots.iter().any(|slot| slot.has(index));
    let missing = query.by.iter().enumerate().filter(|(index, _)| missing(*index));
    Ok(Digest { counts, rows, malformed, unreadable, missing: missing.map(|(_, field)| field.clone()).collect() })
}

fn take<'a>(slots: &'a [Slot], next: &AtomicUsize) -> Option<(usize, &'a Slot)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    slots.get(number).map(|slot| (number, slot))
}

/// Gives a malformed line its number within its input; those of an input that is no flow log at all are not worth naming.
fn malformed(slots: &[Slot], (input, block, line): (usize, u64, u64), reason: String) -> Option<Malformed> {
    let slot = slots.get(input)?;
    if !slot.recognised.load(Ordering::Relaxed) {
        return None;
    }
    let before = slot.lines.lock().unwrap_or_else(PoisonError::into_inner);
    let before: u64 = before.iter().filter(|(number, _)| *number < block).map(|(_, lines)| lines).sum();
    Some(Malformed { input: slot.name.clone(), line: before + line, reason })
}

impl Slot {
    fn new(input: Input, fields: usize) -> Self {
        Self {
            name: input.name.clone(),
            state: Mutex::new(State::Waiting(input)),
            done: AtomicBool::new(false),
            recognised: AtomicBool::new(false),
            malformed: AtomicU64::new(0),
            first: Mutex::default(),
            problems: Mutex::default(),
            lines: Mutex::default(),
            has: (0..fields).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    fn has(&self, index: usize) -> bool {
        self.has.get(index).is_some_and(|has| has.load(Ordering::Relaxed))
    }

    fn problem(&self, reason: String) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if !problems.contains(&reason) {
            problems.push(reason);
        }
    }

    /// Remembers which of the fields it has, and says which it lacks that the selection asks about.
    fn meet(&self, query: &Query, has: impl Fn(&str) -> bool) {
        for (field, met) in query.by.iter().zip(&self.has) {
            if has(field.name()) {
                met.store(true, Ordering::Relaxed);
            }
        }
        for (field, option) in query.selection.asks() {
            if !has(field) {
                self.problem(format!(
                    "has no field `{field}`, which `{option}` asks about: none of its records counts"
                ));
            }
        }
    }

    /// Finds the next piece of work; `None` where there is no more.
    fn piece(&self, query: &Query, progress: &Arc<Progress>, buffer: &mut Vec<u8>) -> Option<Piece> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &mut *state {
                State::Waiting(_) => {
                    let State::Waiting(input) = std::mem::replace(&mut *state, State::Done) else { return None };
                    *state = self.open(input, query, progress);
                }
                State::Text(stream) => {
                    let (block, result) = stream.next(buffer);
                    if let Err(error) = result {
                        self.problem(in_words(&error));
                    }
                    match block {
                        Some(block) => return Some(Piece::Lines(block)),
                        None => *state = State::Done,
                    }
                }
                State::Parquet(groups, next) => {
                    let number = *next;
                    *next += 1;
                    if number < groups.len() {
                        return Some(Piece::Group(Arc::clone(groups), number));
                    }
                    *state = State::Done;
                }
                State::Done => {
                    self.done.store(true, Ordering::Relaxed);
                    return None;
                }
            }
        }
    }

    fn open(&self, input: Input, query: &Query, progress: &Arc<Progress>) -> State {
        match input.open(progress) {
            Ok(Opened::Text(reader)) => State::Text(Stream::new(reader, Arc::new(query.columns.clone()))),
            Ok(Opened::Parquet(whole)) => match Groups::open(whole, query) {
                Ok(groups) => {
                    self.recognised.store(true, Ordering::Relaxed);
                    self.meet(query, |name| groups.has(name));
                    State::Parquet(Arc::new(groups), 0)
                }
                Err(reason) => {
                    self.problem(reason);
                    State::Done
                }
            },
            Err(error) => {
                self.problem(in_words(&error));
                State::Done
            }
        }
    }

    fn unreadable(&self) -> Vec<Unreadable> {
        let mut reasons = std::mem::take(&mut *self.problems.lock().unwrap_or_else(PoisonError::into_inner));
        let lines = self.malformed.load(Ordering::Relaxed);
        if lines > 0 && !self.recognised.load(Ordering::Relaxed) {
            let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let first = first.map(|(_, reason)| reason).unwrap_or_default();
            let s = if lines == 1 {
                "its only line is no record".to_owned()
            } else {
                format!("none of its {lines} lines is a record")
            };
            // What was asked about a field that it lacks is beside the point then.
            reasons.retain(|reason| !reason.starts_with("has no field"));
            reasons.push(format!(
                "is no flow log: {s} ({first}); if its columns are others than version 2's, name them with `--fields`"
            ));
        }
        reasons.into_iter().map(|reason| Unreadable { input: self.name.clone(), reason }).collect()
    }
}

/// What went wrong with a reading, in words for people.
fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "is truncated: what is there was counted".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("is damaged ({error}): what stands before that was counted")
        }
        io::ErrorKind::NotFound => "is not there".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read: permission denied".to_owned(),
        _ => format!("could not be read to its end: {error}"),
    }
}

impl<'a> Worker<'a> {
    fn new(query: &'a Query, progress: &'a Arc<Progress>, aggregate: Aggregate) -> Self {
        Self {
            query,
            progress,
            aggregate,
            batch: Batch::default(),
            counts: Counts::default(),
            first: First::default(),
            buffer: Vec::new(),
        }
    }

    /// Does one piece of an input; `false` where there is none left.
    fn step(&mut self, number: usize, slot: &Slot) -> io::Result<bool> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let piece = slot.piece(self.query, self.progress, &mut buffer);
        let before = self.counts;
        let result = match &piece {
            None => Ok(()),
            Some(Piece::Lines(block)) => self.lines(number, slot, block, &buffer),
            Some(Piece::Group(groups, group)) => self.group(number, slot, groups, *group),
        };
        self.buffer = buffer;
        let read = |counts: &Counts| counts.records + counts.unwanted + counts.nodata + counts.skipdata;
        let records = read(&self.counts) - read(&before);
        if records > 0 {
            slot.recognised.store(true, Ordering::Relaxed);
            self.progress.add_records(records);
        }
        slot.malformed.fetch_add(self.counts.malformed - before.malformed, Ordering::Relaxed);
        result.map(|()| piece.is_some())
    }

    fn lines(&mut self, number: usize, slot: &Slot, block: &Block, text: &[u8]) -> io::Result<()> {
        let query = self.query;
        let mut columns = Arc::clone(&block.columns);
        let mut layout = Layout::new(&columns, &query.by, &query.selection);
        let mut met = false;
        let mut lines = 0;
        let mut result = Ok(());
        let (counts, first, batch, aggregate) =
            (&mut self.counts, &mut self.first, &mut self.batch, &mut self.aggregate);
        each_line(text, |tokens| {
            lines += 1;
            if tokens.count == 0 {
                return;
            }
            if may_be_header(tokens.line())
                && let Some(header) = Columns::of_header(tokens.line())
            {
                slot.recognised.store(true, Ordering::Relaxed);
                slot.meet(query, |name| header.position(name).is_some());
                layout = Layout::new(&header, &query.by, &query.selection);
                columns = Arc::new(header);
                met = true;
                return;
            }
            let verdict = layout.read(tokens, &query.selection, batch);
            counts.count(verdict);
            match verdict {
                Verdict::Record if !batch.is_full() => {}
                Verdict::Record => {
                    if let Err(error) = aggregate.add(batch) {
                        result = Err(error);
                    }
                }
                Verdict::Malformed(at_fault) => {
                    let reason = || in_short(&columns, tokens, at_fault);
                    first.note((number, block.number, lines), reason);
                    if block.number == 0 {
                        slot.first
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .get_or_insert_with(|| (lines, format!("line {lines}: {}", reason())));
                    }
                }
                _ => {}
            }
        });
        result.and_then(|()| self.aggregate.add(&mut self.batch))?;
        if !met {
            slot.meet(query, |name| block.columns.position(name).is_some());
        }
        slot.lines.lock().unwrap_or_else(PoisonError::into_inner).push((block.number, lines));
        Ok(())
    }

    fn group(&mut self, number: usize, slot: &Slot, groups: &Groups, group: usize) -> io::Result<()> {
        self.progress.add_bytes(groups.bytes(group));
        let first_row = groups.first_row(group);
        let mut table = Table { counts: &mut self.counts, batch: &mut self.batch, aggregate: &mut self.aggregate };
        let first = &mut self.first;
        let note = &mut |row: u64, reason: String| first.note((number, 0, first_row + row + 1), || reason);
        match groups.read(group, &self.query.selection, &mut table, note) {
            Ok(()) => {}
            Err(Failed::Input(reason)) => {
                slot.problem(format!("{reason}: what stands before that was counted"));
            }
            Err(Failed::Memory(error)) => return Err(error),
        }
        self.aggregate.add(&mut self.batch)
    }
}

fn in_short(columns: &Columns, tokens: &Tokens<'_>, at_fault: Option<usize>) -> String {
    if tokens.line().len() > LONGEST_LINE {
        return format!("a line of more than {} KB", LONGEST_LINE / 1024);
    }
    reason(columns, tokens, at_fault)
}
