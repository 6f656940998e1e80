//! Where the fields that a digest needs stand among the columns of a text input, and how a line becomes a row.

use crate::aggregate::Batch;
use crate::columns::Columns;
use crate::field::{Field, Kind, Words};
use crate::key::{Cell, Packed, push};
use crate::line::Tokens;
use crate::parse;
use crate::select::Selection;
use crate::totals::{Sample, UNKNOWN};

/// The columns of one input as one digest needs them.
#[derive(Debug)]
pub(crate) struct Layout {
    /// How many fields a line has.
    columns: usize,
    keys: Vec<(Option<usize>, Kind)>,
    /// Whether keys are always kept as bytes: a text rarely fits sixteen of them.
    long: bool,
    packets: Option<usize>,
    bytes: Option<usize>,
    start: Option<usize>,
    end: Option<usize>,
    status: Option<usize>,
    action: Option<usize>,
    interface: Option<usize>,
    direction: Option<usize>,
}

/// What a line turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A record that is wanted.
    Record,
    /// A record, or a mark of no data, that is not asked for.
    Unwanted,
    /// No traffic in this window.
    NoData,
    /// Records were lost in this window.
    SkipData,
    /// Not a record: the column at fault, or none where there are too many or too few.
    Malformed(Option<usize>),
}

/// A value that a column cannot have.
struct Wrong(usize);

impl Layout {
    pub(crate) fn new(columns: &Columns, by: &[Field], selection: &Selection) -> Self {
        let asked = |name: &str, asked: bool| asked.then(|| columns.position(name)).flatten();
        Self {
            columns: columns.fields().len(),
            keys: by.iter().map(|field| (columns.position(field.name()), field.kind())).collect(),
            long: by.iter().any(|field| field.kind() == Kind::Text),
            packets: columns.position("packets"),
            bytes: columns.position("bytes"),
            start: columns.position("start"),
            end: columns.position("end"),
            status: columns.position("log-status"),
            action: asked("action", selection.accepted.is_some()),
            interface: asked("interface-id", selection.interfaces.is_some()),
            direction: asked("flow-direction", selection.inbound.is_some()),
        }
    }

    /// Adds the row of a line to the batch, if the line is a record that is wanted.
    #[inline]
    pub(crate) fn read(&self, tokens: &Tokens<'_>, selection: &Selection, batch: &mut Batch) -> Verdict {
        if tokens.count != self.columns {
            return Verdict::Malformed(None);
        }
        self.row(tokens, selection, batch).unwrap_or_else(|Wrong(column)| Verdict::Malformed(Some(column)))
    }

    #[inline]
    fn row(&self, tokens: &Tokens<'_>, selection: &Selection, batch: &mut Batch) -> Result<Verdict, Wrong> {
        let status = word(tokens, self.status, Words::Statuses)?;
        let start = number(tokens, self.start)?;
        if !selection.wants_start((start != UNKNOWN).then_some(start))
            || !selection.wants_interface(self.interface.map(|column| tokens.get(column)).unwrap_or_default())
        {
            return Ok(Verdict::Unwanted);
        }
        match status {
            Some(1) => return Ok(Verdict::NoData),
            Some(2) => return Ok(Verdict::SkipData),
            _ => {}
        }
        let sample = Sample {
            packets: number(tokens, self.packets)?,
            bytes: number(tokens, self.bytes)?,
            start,
            end: number(tokens, self.end)?,
        };
        // The first of the two words is what `true` stands for.
        let wanted = |wanted: Option<bool>, column, words| {
            wanted.map_or(Ok(true), |wanted| Ok(word(tokens, column, words)? == Some(usize::from(!wanted))))
        };
        let wanted = wanted(selection.accepted, self.action, Words::Actions)?
            && wanted(selection.inbound, self.direction, Words::Directions)?;
        let mut packed = Packed::default();
        let mut long = self.long;
        for (column, kind) in &self.keys {
            match cell(tokens, *column, *kind)? {
                Cell::Short(value, length) => packed.push(value, length),
                _ => long = true,
            }
        }
        if !wanted {
            return Ok(Verdict::Unwanted);
        }
        match packed.finish() {
            Some(key) if !long => batch.push(key, sample),
            _ => batch.push_long(sample, |bytes| self.key(tokens, bytes)),
        }
        Ok(Verdict::Record)
    }

    /// Appends the key of a line whose values were all read before.
    fn key(&self, tokens: &Tokens<'_>, bytes: &mut Vec<u8>) {
        for (column, kind) in &self.keys {
            let token = column.map(|column| tokens.get(column)).unwrap_or_default();
            push(bytes, cell(tokens, *column, *kind).unwrap_or(Cell::ABSENT), token);
        }
    }
}

#[inline]
fn cell(tokens: &Tokens<'_>, column: Option<usize>, kind: Kind) -> Result<Cell, Wrong> {
    let Some(column) = column else { return Ok(Cell::ABSENT) };
    if kind == Kind::Address {
        let (bytes, length) = tokens.sixteen(column);
        if let Some(address) = parse::ipv4(bytes, length) {
            return Ok(Cell::v4(address));
        }
    }
    Cell::of_token(kind, tokens.get(column)).ok_or(Wrong(column))
}

#[inline]
fn number(tokens: &Tokens<'_>, column: Option<usize>) -> Result<u64, Wrong> {
    const MOST: u64 = i64::MAX.unsigned_abs();
    let Some(column) = column else { return Ok(UNKNOWN) };
    let token = tokens.get(column);
    match parse::number(token) {
        Some(number) if number <= MOST => Ok(number),
        None if token == b"-" => Ok(UNKNOWN),
        _ => Err(Wrong(column)),
    }
}

/// Which of the words; `None` where there is none.
#[inline]
fn word(tokens: &Tokens<'_>, column: Option<usize>, words: Words) -> Result<Option<usize>, Wrong> {
    let Some(column) = column else { return Ok(None) };
    let token = tokens.get(column);
    match words.find(token) {
        None if token != b"-" => Err(Wrong(column)),
        found => Ok(found),
    }
}

/// Why a line is malformed, in words.
pub(crate) fn reason(columns: &Columns, tokens: &Tokens<'_>, at_fault: Option<usize>) -> String {
    let Some(column) = at_fault else {
        let expected = columns.fields().len();
        let s = if tokens.count == 1 { "" } else { "s" };
        return format!("{} field{s} where {expected} are expected", tokens.count);
    };
    let field = columns.fields().get(column).map_or("?", Field::name);
    impossible(field, tokens.get(column))
}

/// That a field cannot have this value.
pub(crate) fn impossible(field: &str, value: &[u8]) -> String {
    const SHOWN: usize = 60;
    let text = String::from_utf8_lossy(value.get(..SHOWN).unwrap_or(value));
    let more = if value.len() > SHOWN { "…" } else { "" };
    format!("`{}{more}` is no {field}", text.escape_debug())
}
