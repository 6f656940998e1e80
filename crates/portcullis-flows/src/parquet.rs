//! Flow logs in Parquet: only the columns that are needed, page by page, row groups side by side.
//!
//! The parquet crate finds and unpacks pages. Values are decoded here, because a value that stands in a column's dictionary
//! is looked at once and not once a row: `10.0.0.1` is parsed for the dictionary, and rows only carry its number.

mod column;
mod encoding;

use std::io;

use parquet::basic::Type;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use crate::aggregate::{Aggregate, BATCH, Batch};
use crate::digest::{Counts, Query};
use crate::field::{Field, Kind};
use crate::key::{Cell, Packed};
use crate::layout::Verdict;
use crate::positioned::Whole;
use crate::select::Selection;
use crate::totals::{Sample, UNKNOWN};
use column::{Column, How, WRONG};

/// A Parquet input.
pub(crate) struct Groups {
    reader: SerializedFileReader<Whole>,
    names: Vec<String>,
    keys: Vec<Option<Wanted>>,
    /// Whether keys are always kept as bytes.
    long: bool,
    packets: Option<Wanted>,
    bytes: Option<Wanted>,
    start: Option<Wanted>,
    end: Option<Wanted>,
    status: Option<Wanted>,
    action: Option<Wanted>,
    direction: Option<Wanted>,
    interface: Option<Wanted>,
}

/// A column that is needed.
#[derive(Clone, Debug)]
struct Wanted {
    leaf: usize,
    how: How,
    name: String,
}

/// What a row turned out to be, in a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Record,
    Unwanted,
    NoData,
    SkipData,
    Malformed,
}

impl Found {
    fn verdict(self) -> Verdict {
        match self {
            Self::Record => Verdict::Record,
            Self::Unwanted => Verdict::Unwanted,
            Self::NoData => Verdict::NoData,
            Self::SkipData => Verdict::SkipData,
            Self::Malformed => Verdict::Malformed(None),
        }
    }
}

/// Where rows go.
pub(crate) struct Table<'a> {
    pub(crate) counts: &'a mut Counts,
    pub(crate) batch: &'a mut Batch,
    pub(crate) aggregate: &'a mut Aggregate,
}

/// Why a row group was not read to its end.
pub(crate) enum Failed {
    /// The input is at fault.
    Input(String),
    /// Neither memory nor disk has room.
    Memory(io::Error),
}

impl From<ParquetError> for Failed {
    fn from(error: ParquetError) -> Self {
        Self::Input(damaged(&error))
    }
}

fn damaged(error: &ParquetError) -> String {
    // The crate's messages begin with a word of its own for their kind.
    let text = error.to_string();
    let text = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest);
    format!("is damaged or truncated Parquet ({})", text.trim_end_matches('.'))
}

impl Groups {
    /// Reads the footer and finds the columns.
    pub(crate) fn open(whole: Whole, query: &Query) -> Result<Self, String> {
        let reader = SerializedFileReader::new(whole).map_err(|error| damaged(&error))?;
        let names: Vec<String> = {
            let schema = reader.metadata().file_metadata().schema_descr();
            schema
                .columns()
                .iter()
                .map(|column| column.path().string().replace('_', "-").to_ascii_lowercase())
                .collect()
        };
        let groups = Self {
            reader,
            names,
            keys: Vec::new(),
            long: query.by.iter().any(|field| field.kind() == Kind::Text),
            packets: None,
            bytes: None,
            start: None,
            end: None,
            status: None,
            action: None,
            direction: None,
            interface: None,
        };
        let find = |name: &str| groups.find(&Field::named(name), false);
        let asked = |name: &str, asked: bool| if asked { find(name) } else { Ok(None) };
        let selection = &query.selection;
        let (packets, bytes, start, end) = (find("packets")?, find("bytes")?, find("start")?, find("end")?);
        let status = find("log-status")?;
        let action = asked("action", selection.accepted.is_some())?;
        let direction = asked("flow-direction", selection.inbound.is_some())?;
        let interface = if selection.interfaces.is_some() { find("interface-id")? } else { None };
        let keys = query.by.iter().map(|field| groups.find(field, true)).collect::<Result<Vec<_>, _>>()?;
        let known = [&packets, &bytes, &start, &end, &status, &action, &direction, &interface];
        if keys.iter().chain(known).all(Option::is_none) {
            return Err("is Parquet, but no flow log: it has none of the columns that are needed".to_owned());
        }
        Ok(Self { keys, packets, bytes, start, end, status, action, direction, interface, ..groups })
    }

    fn find(&self, field: &Field, is_key: bool) -> Result<Option<Wanted>, String> {
        let Some(leaf) = self.names.iter().position(|name| name == field.name()) else { return Ok(None) };
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let column = schema.column(leaf);
        let expected = match (field.kind(), column.physical_type()) {
            _ if column.max_rep_level() > 0 || column.max_def_level() > 1 => "a plain column is",
            (Kind::Number { .. } | Kind::Text, Type::INT32 | Type::INT64) | (_, Type::BYTE_ARRAY) => "",
            (Kind::Number { .. }, _) => "a whole number is",
            _ => "text is",
        };
        if !expected.is_empty() {
            let found = column.physical_type();
            return Err(format!("has a column `{}` of type {found}, where {expected} expected", field.key()));
        }
        let how = match field.kind() {
            Kind::Number { most } if !is_key => How::Number { most },
            kind => How::Cell(kind),
        };
        Ok(Some(Wanted { leaf, how, name: field.name().to_owned() }))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// How many row groups there are.
    pub(crate) fn len(&self) -> usize {
        self.reader.metadata().num_row_groups()
    }

    /// How many bytes of the file a row group takes, with the columns that are not read.
    pub(crate) fn bytes(&self, group: usize) -> u64 {
        self.about(group).map_or(0, |group| u64::try_from(group.compressed_size()).unwrap_or(0))
    }

    /// How many rows there are before a row group.
    pub(crate) fn first_row(&self, group: usize) -> u64 {
        let rows = |group: &RowGroupMetaData| u64::try_from(group.num_rows()).unwrap_or(0);
        self.reader.metadata().row_groups().iter().take(group).map(rows).sum()
    }

    fn about(&self, group: usize) -> Option<&RowGroupMetaData> {
        self.reader.metadata().row_groups().get(group)
    }

    /// Reads a row group. `note` is told of malformed rows.
    pub(crate) fn read(
        &self,
        group: usize,
        selection: &Selection,
        table: &mut Table<'_>,
        note: &mut dyn FnMut(u64, String),
    ) -> Result<(), Failed> {
        let reader = self.reader.get_row_group(group)?;
        let open = |wanted: &Option<Wanted>| {
            wanted.as_ref().map(|wanted| Column::open(reader.as_ref(), wanted.leaf, wanted.how)).transpose()
        };
        let mut columns = Columns {
            keys: self.keys.iter().map(open).collect::<Result<_, _>>()?,
            others: [
                open(&self.packets)?,
                open(&self.bytes)?,
                open(&self.start)?,
                open(&self.end)?,
                open(&self.status)?,
                open(&self.action)?,
                open(&self.direction)?,
                open(&self.interface)?,
            ],
        };
        let rows = self.about(group).map_or(0, |group| usize::try_from(group.num_rows()).unwrap_or(0));
        let mut row = 0;
        while row < rows {
            let count = columns.ready(rows - row)?.min(BATCH);
            if count == 0 {
                return Err(Failed::Input("is damaged or truncated Parquet (rows are missing)".to_owned()));
            }
            columns.decode(count)?;
            self.rows(&columns, count, selection, table, &mut |index, reason| note((row + index) as u64, reason));
            table.aggregate.add(table.batch).map_err(Failed::Memory)?;
            row += count;
        }
        Ok(())
    }

    /// Adds so many rows to the batch, column after column.
    fn rows(
        &self,
        columns: &Columns,
        count: usize,
        selection: &Selection,
        table: &mut Table<'_>,
        note: &mut dyn FnMut(usize, String),
    ) {
        let [packets, bytes, start, end, status, action, direction, interface] =
            columns.others.each_ref().map(|column| column.as_ref().map(Column::values));
        let mut found = [Found::Record; BATCH];
        let wanted = |wanted| if wanted { Found::Record } else { Found::Unwanted };
        if let Some(values) = start.filter(|values| selection.asks_time() || any_wrong(values)) {
            judge(&mut found, values, |start| match start {
                WRONG => Found::Malformed,
                _ => wanted(selection.wants_start((start != UNKNOWN).then_some(start))),
            });
        } else if start.is_none() && selection.asks_time() {
            found = [Found::Unwanted; BATCH];
        }
        if let Some(ids) = interface {
            let column = columns.others[7].as_ref();
            judge(&mut found, ids, |id| {
                wanted(column.is_some_and(|column| selection.wants_interface(column.text(id))))
            });
        } else if selection.interfaces.is_some() {
            found = [Found::Unwanted; BATCH];
        }
        if let Some(values) = status {
            let [_, nodata, skipdata] = [word(0), word(1), word(2)];
            judge(&mut found, values, |value| match value {
                WRONG => Found::Malformed,
                _ if value == nodata => Found::NoData,
                _ if value == skipdata => Found::SkipData,
                _ => Found::Record,
            });
        }
        for (asked, values) in [(selection.accepted, action), (selection.inbound, direction)] {
            let Some(asked) = asked else { continue };
            let asked = word(usize::from(!asked));
            match values {
                Some(values) => {
                    judge(
                        &mut found,
                        values,
                        |value| if value == WRONG { Found::Malformed } else { wanted(value == asked) },
                    )
                }
                None => found = [Found::Unwanted; BATCH],
            }
        }
        for values in [packets, bytes, end].into_iter().flatten().filter(|values| any_wrong(values)) {
            judge(&mut found, values, |value| if value == WRONG { Found::Malformed } else { Found::Record });
        }
        let mut packed = [Packed::default(); BATCH];
        let mut long = [self.long; BATCH];
        for column in &columns.keys {
            let Some(column) = column else {
                packed.iter_mut().for_each(|packed| packed.push(0, 1));
                continue;
            };
            let rows = packed.iter_mut().zip(&mut long).zip(&mut found);
            for (((packed, long), found), value) in rows.zip(column.values()) {
                match column::length(*value) {
                    Some(length) => packed.push(*value, length),
                    None if *value != WRONG => *long = true,
                    None if *found == Found::Record => *found = Found::Malformed,
                    None => {}
                }
            }
        }
        let of = |values: Option<&[u64]>, row: usize| {
            values.map_or(UNKNOWN, |values| values.get(row).copied().unwrap_or(UNKNOWN))
        };
        for (row, ((found, packed), long)) in found.iter().zip(&packed).zip(&long).take(count).enumerate() {
            if *found != Found::Record {
                table.counts.count(found.verdict());
                if *found == Found::Malformed {
                    note(row, self.reason(columns, row));
                }
                continue;
            }
            table.counts.count(Verdict::Record);
            let sample =
                Sample { packets: of(packets, row), bytes: of(bytes, row), start: of(start, row), end: of(end, row) };
            match packed.finish() {
                Some(key) if !long => table.batch.push(key, sample),
                _ => table.batch.push_long(sample, |bytes| columns.key(row, bytes)),
            }
        }
    }

    /// What is wrong with a row.
    fn reason(&self, columns: &Columns, row: usize) -> String {
        let others = [&self.packets, &self.bytes, &self.start, &self.end, &self.status, &self.action, &self.direction];
        let wanted = others.into_iter().chain(&self.keys);
        let open = columns.others.iter().take(others.len()).chain(&columns.keys);
        let wrong = |column: &Option<Column>| {
            column.as_ref().and_then(|column| column.values().get(row).copied()) == Some(WRONG)
        };
        let at_fault = wanted.zip(open).find(|(_, column)| wrong(column));
        let name = at_fault.and_then(|(wanted, _)| wanted.as_ref()).map_or("a column", |wanted| wanted.name.as_str());
        format!("an impossible value of {name}")
    }
}

/// Judges the rows that nothing was found about yet by one column's values.
#[inline]
fn judge(found: &mut [Found; BATCH], values: &[u64], judge: impl Fn(u64) -> Found) {
    for (found, value) in found.iter_mut().zip(values) {
        if *found == Found::Record {
            *found = judge(*value);
        }
    }
}

/// Whether any value is wrong: without leaving early, so that several are compared at once.
fn any_wrong(values: &[u64]) -> bool {
    values.iter().fold(false, |any, value| any | (*value == WRONG))
}

/// The cell of a word.
fn word(index: usize) -> u64 {
    match Cell::word(index) {
        Cell::Short(value, _) => value,
        _ => UNKNOWN,
    }
}

/// The columns of one row group.
struct Columns {
    keys: Vec<Option<Column>>,
    others: [Option<Column>; 8],
}

impl Columns {
    fn all(&mut self) -> impl Iterator<Item = &mut Column> {
        self.keys.iter_mut().chain(&mut self.others).flatten()
    }

    /// Goes on to the next page of each column that has no rows left, and says how many all of them have now.
    fn ready(&mut self, most: usize) -> Result<usize, ParquetError> {
        self.all().try_fold(most, |ready, column| Ok(ready.min(column.ready()?)))
    }

    /// Decodes so many rows of each column.
    fn decode(&mut self, count: usize) -> Result<(), ParquetError> {
        self.all().try_for_each(|column| column.decode(count))
    }

    /// Appends the key of a row.
    fn key(&self, row: usize, bytes: &mut Vec<u8>) {
        for column in &self.keys {
            match column {
                Some(column) => column.key(row, bytes),
                None => crate::key::push(bytes, Cell::ABSENT, &[]),
            }
        }
    }
}
