//! One column of a row group, decoded into one number a row; a batch of rows at a time, so that what all columns of a batch
//! were decoded to is in the processor's cache when the rows are put together.

use bytes::{Buf as _, Bytes};
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::Result;
use parquet::file::reader::RowGroupReader;

use super::encoding::{Hybrid, damaged, take, take_prefixed};
use crate::field::Kind;
use crate::key::{Cell, push};
use crate::parse;
use crate::totals::UNKNOWN;

/// A value that the field cannot have.
pub(super) const WRONG: u64 = UNKNOWN - 1;

/// The low byte of a cell that stands for a text in the arena: its start in 32 bits above that, its length in the rest.
const TEXT: u8 = 0xfd;
/// The same of an IPv6 address of sixteen bytes.
const ADDRESS: u8 = 0xfc;

/// What a value becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The number itself; [`UNKNOWN`] where there is none.
    Number { most: u64 },
    /// Its bytes in a key.
    Cell(Kind),
}

/// How many bytes of a key a cell is; `None` where it stands in the arena, or is [`WRONG`].
#[inline]
pub(super) fn length(cell: u64) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
    match cell as u8 {
        tag @ 0..=8 => Some(1 + u32::from(tag)),
        0x10 => Some(5),
        0x20..=0x3f => Some(1),
        _ => None,
    }
}

pub(super) struct Column {
    how: How,
    kind: Type,
    nullable: bool,
    pages: Pages,
    /// The values of the column's dictionary.
    dictionary: Vec<u64>,
    /// What of the page is not decoded yet.
    rest: Rest,
    /// Texts: those of the dictionary, behind them those of the values.
    arena: Vec<u8>,
    arena_of_dictionary: usize,
    /// What the rows of the batch were decoded to.
    values: Vec<u64>,
}

/// What of a page is not decoded yet.
struct Rest {
    rows: usize,
    /// Which rows have a value; all, where there is nothing.
    levels: Option<Hybrid>,
    data: Data,
}

enum Data {
    /// One value after the other.
    Plain(Bytes),
    /// Numbers of values in the dictionary.
    Dictionary(Hybrid),
    /// What the parquet crate decoded.
    Decoded(std::vec::IntoIter<u64>),
}

impl Default for Rest {
    fn default() -> Self {
        Self { rows: 0, levels: None, data: Data::Plain(Bytes::new()) }
    }
}

enum Pages {
    /// Pages of encodings that are decoded here.
    Own(Box<dyn PageReader>),
    /// Anything else.
    Crates(Box<ColumnReader>),
}

impl Column {
    pub(super) fn open(group: &dyn RowGroupReader, leaf: usize, how: How) -> Result<Self> {
        let about = group.metadata().columns().get(leaf).ok_or_else(|| damaged("a column is missing"))?;
        let own = |encoding: Encoding| {
            #[expect(deprecated, reason = "old files have it")]
            let old = Encoding::BIT_PACKED;
            matches!(encoding, Encoding::PLAIN | Encoding::RLE | Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY)
                || encoding == old
        };
        let pages = if about.encodings().all(own) {
            Pages::Own(group.get_column_page_reader(leaf)?)
        } else {
            Pages::Crates(Box::new(group.get_column_reader(leaf)?))
        };
        Ok(Self {
            how,
            kind: about.column_type(),
            nullable: about.column_descr().max_def_level() > 0,
            pages,
            dictionary: Vec::new(),
            rest: Rest::default(),
            arena: Vec::new(),
            arena_of_dictionary: 0,
            values: Vec::new(),
        })
    }

    /// How many rows are left of the page; goes on to the next one if there are none.
    pub(super) fn ready(&mut self) -> Result<usize> {
        while self.rest.rows == 0 {
            let more = match &mut self.pages {
                Pages::Own(pages) => match pages.get_next_page()? {
                    Some(page) => self.page(page).map(|()| true)?,
                    None => false,
                },
                Pages::Crates(_) => self.by_crate()?,
            };
            if !more {
                return Ok(0);
            }
        }
        Ok(self.rest.rows)
    }

    /// Decodes so many rows, of those that are ready.
    pub(super) fn decode(&mut self, count: usize) -> Result<()> {
        let (mut rest, mut values) = (std::mem::take(&mut self.rest), std::mem::take(&mut self.values));
        if !matches!(rest.data, Data::Decoded(_)) {
            self.arena.truncate(self.arena_of_dictionary);
        }
        values.resize(count, 0);
        let mut out = values.as_mut_slice();
        while !out.is_empty() {
            let (there, stretch) = match &mut rest.levels {
                Some(levels) => levels.stretch(out.len())?,
                None => (true, out.len()),
            };
            let now;
            (now, out) = out.split_at_mut(stretch);
            if there {
                self.fill(&mut rest.data, now)?;
            } else {
                now.fill(self.absent());
            }
        }
        rest.rows = rest.rows.saturating_sub(count);
        (self.rest, self.values) = (rest, values);
        Ok(())
    }

    /// The values of the batch.
    #[inline]
    pub(super) fn values(&self) -> &[u64] {
        &self.values
    }

    /// Appends the value of a row of the batch to a key.
    pub(super) fn key(&self, row: usize, bytes: &mut Vec<u8>) {
        let value = self.values.get(row).copied().unwrap_or_default();
        match length(value) {
            Some(length) => push(bytes, Cell::Short(value, length), &[]),
            None if value.to_le_bytes().first() == Some(&ADDRESS) => {
                let octets = self.in_arena(value).first_chunk::<16>().copied().unwrap_or_default();
                push(bytes, Cell::Address(octets.into()), &[]);
            }
            None => push(bytes, Cell::Text, self.in_arena(value)),
        }
    }

    /// The text of a cell of text; nothing of any other.
    pub(super) fn text(&self, cell: u64) -> &[u8] {
        if cell.to_le_bytes().first() == Some(&TEXT) { self.in_arena(cell) } else { &[] }
    }

    fn in_arena(&self, cell: u64) -> &[u8] {
        let start = (cell >> 8 & u64::from(u32::MAX)) as usize;
        let length = (cell >> 40) as usize;
        self.arena.get(start..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    }

    fn page(&mut self, page: Page) -> Result<()> {
        let (count, encoding) = (page.num_values() as usize, page.encoding());
        let mut bytes = page.buffer().clone();
        let levels = match page {
            Page::DictionaryPage { .. } => {
                // What a damaged file says of its lengths is no reason to ask for so much memory.
                let mut dictionary = vec![0; count.min(bytes.len())];
                self.arena.clear();
                self.plain(&mut bytes, &mut dictionary)?;
                self.dictionary = dictionary;
                self.arena_of_dictionary = self.arena.len();
                return Ok(());
            }
            Page::DataPage { def_level_encoding: Encoding::RLE, .. } if self.nullable => {
                let mut rest: &[u8] = &bytes;
                let levels = bytes.slice_ref(take_prefixed(&mut rest)?);
                bytes = bytes.slice_ref(rest);
                Some(levels)
            }
            Page::DataPage { .. } if self.nullable => return Err(damaged("levels in an encoding that is out of use")),
            Page::DataPage { .. } => None,
            Page::DataPageV2 { def_levels_byte_len, rep_levels_byte_len, num_nulls, .. } => {
                let mut rest: &[u8] = &bytes;
                take(&mut rest, rep_levels_byte_len as usize)?;
                let levels = bytes.slice_ref(take(&mut rest, def_levels_byte_len as usize)?);
                bytes = bytes.slice_ref(rest);
                (self.nullable && num_nulls > 0).then_some(levels)
            }
        };
        let data = match encoding {
            Encoding::PLAIN => Data::Plain(bytes),
            // A page without any value may lack the width too.
            _ if bytes.is_empty() => Data::Plain(bytes),
            _ => {
                let width = bytes.get_u8();
                Data::Dictionary(Hybrid::new(bytes, width.into())?)
            }
        };
        let levels = levels.map(|levels| Hybrid::new(levels, 1)).transpose()?;
        self.rest = Rest { rows: count, levels, data };
        Ok(())
    }

    /// Decodes the next values; those that are absent are not among them.
    fn fill(&mut self, data: &mut Data, out: &mut [u64]) -> Result<()> {
        match data {
            Data::Plain(bytes) => self.plain(bytes, out),
            Data::Dictionary(indices) => {
                let dictionary = self.dictionary.as_slice();
                let mut outside = false;
                indices.fill(out, |index| match dictionary.get(index as usize) {
                    Some(value) => *value,
                    None => {
                        outside = true;
                        WRONG
                    }
                })?;
                if outside { Err(damaged("a value that is not in the dictionary")) } else { Ok(()) }
            }
            Data::Decoded(values) => {
                out.iter_mut().zip(values).for_each(|(out, value)| *out = value);
                Ok(())
            }
        }
    }

    fn plain(&mut self, bytes: &mut Bytes, out: &mut [u64]) -> Result<()> {
        let mut rest: &[u8] = bytes;
        match self.kind {
            Type::INT32 => {
                let (numbers, _) = take(&mut rest, out.len().saturating_mul(4))?.as_chunks();
                for (out, number) in out.iter_mut().zip(numbers) {
                    *out = self.of_integer(i32::from_le_bytes(*number).into());
                }
            }
            Type::INT64 => {
                let (numbers, _) = take(&mut rest, out.len().saturating_mul(8))?.as_chunks();
                let numbers = out.iter_mut().zip(numbers);
                if let How::Number { most } = self.how {
                    numbers.for_each(|(out, number)| *out = bounded(i64::from_le_bytes(*number), most));
                } else {
                    for (out, number) in numbers {
                        *out = self.of_integer(i64::from_le_bytes(*number));
                    }
                }
            }
            _ => {
                for out in out {
                    *out = self.of_text(take_prefixed(&mut rest)?);
                }
            }
        }
        let used = bytes.len() - rest.len();
        bytes.advance(used);
        Ok(())
    }

    /// Has some values decoded by the parquet crate's own reader; `false` where there are none left.
    fn by_crate(&mut self) -> Result<bool> {
        const TOGETHER: usize = 1 << 13;
        fn read<T: DataType>(reader: &mut ColumnReaderImpl<T>) -> Result<(Vec<T::T>, Vec<i16>, usize)> {
            let (mut values, mut levels) = (Vec::new(), Vec::new());
            let (records, _, _) = reader.read_records(TOGETHER, Some(&mut levels), None, &mut values)?;
            Ok((values, levels, records))
        }
        self.arena.truncate(self.arena_of_dictionary);
        let Pages::Crates(reader) = &mut self.pages else { return Ok(false) };
        let mut values: Vec<u64> = Vec::new();
        let (levels, records) = match &mut **reader {
            ColumnReader::Int32ColumnReader(reader) => {
                let (numbers, levels, records) = read::<Int32Type>(reader)?;
                values.extend(numbers.into_iter().map(|number| self.of_integer(number.into())));
                (levels, records)
            }
            ColumnReader::Int64ColumnReader(reader) => {
                let (numbers, levels, records) = read::<Int64Type>(reader)?;
                values.extend(numbers.into_iter().map(|number| self.of_integer(number)));
                (levels, records)
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                let (texts, levels, records) = read::<ByteArrayType>(reader)?;
                values.extend(texts.iter().map(|text| self.of_text(text.data())));
                (levels, records)
            }
            _ => return Err(damaged("a column of another type than its schema says")),
        };
        if values.len() < records {
            // Puts what is absent between what is there.
            let absent = self.absent();
            let mut there = std::mem::take(&mut values).into_iter();
            let value = |level: &i16| if *level > 0 { there.next().unwrap_or(absent) } else { absent };
            values.extend(levels.iter().map(value));
        }
        self.rest = Rest { rows: values.len(), levels: None, data: Data::Decoded(values.into_iter()) };
        Ok(records > 0)
    }

    fn absent(&self) -> u64 {
        match self.how {
            How::Number { .. } => UNKNOWN,
            How::Cell(_) => 0,
        }
    }

    fn of_integer(&mut self, number: i64) -> u64 {
        match self.how {
            How::Number { most } => bounded(number, most),
            How::Cell(Kind::Number { most }) => {
                let number = u64::try_from(number).ok().filter(|number| *number <= most);
                number.and_then(Cell::number).map_or(WRONG, |cell| self.keep(cell, &[]))
            }
            How::Cell(_) => self.of_text(itoa::Buffer::new().format(number).as_bytes()),
        }
    }

    fn of_text(&mut self, text: &[u8]) -> u64 {
        match self.how {
            How::Number { .. } if text == b"-" => UNKNOWN,
            How::Number { most } => parse::number(text).filter(|number| *number <= most).unwrap_or(WRONG),
            How::Cell(kind) => Cell::of_token(kind, text).map_or(WRONG, |cell| self.keep(cell, text)),
        }
    }

    fn keep(&mut self, cell: Cell, text: &[u8]) -> u64 {
        let octets;
        let (tag, bytes) = match cell {
            Cell::Short(value, _) => return value,
            Cell::Address(address) => {
                octets = address.octets();
                (ADDRESS, octets.as_slice())
            }
            Cell::Text => (TEXT, text),
        };
        let start = self.arena.len() as u64;
        if start > u32::MAX.into() {
            return WRONG;
        }
        self.arena.extend_from_slice(bytes);
        u64::from(tag) | start << 8 | (bytes.len() as u64) << 40
    }
}

fn bounded(number: i64, most: u64) -> u64 {
    u64::try_from(number).ok().filter(|number| *number <= most).unwrap_or(WRONG)
}
