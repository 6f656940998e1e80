//! One column of a row group, decoded page by page into one number a row.

use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::Result;
use parquet::file::reader::RowGroupReader;

use super::encoding::{damaged, hybrid, take, take_prefixed};
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
    /// Texts: those of the dictionary, behind them those of the page.
    arena: Vec<u8>,
    arena_of_dictionary: usize,
    values: Vec<u64>,
    /// How many of the values are used up.
    used: usize,
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
            arena: Vec::new(),
            arena_of_dictionary: 0,
            values: Vec::new(),
            used: 0,
        })
    }

    /// How many values are decoded and not used; decodes the next page if there are none.
    pub(super) fn ready(&mut self) -> Result<usize> {
        while self.used == self.values.len() {
            self.values.clear();
            self.used = 0;
            self.arena.truncate(self.arena_of_dictionary);
            let more = match &mut self.pages {
                Pages::Own(pages) => match pages.get_next_page()? {
                    Some(page) => self.page(&page).map(|()| true)?,
                    None => false,
                },
                Pages::Crates(_) => self.by_crate()?,
            };
            if !more {
                return Ok(0);
            }
        }
        Ok(self.values.len() - self.used)
    }

    /// The next so many values, of those that are ready.
    #[inline]
    pub(super) fn values(&self, count: usize) -> &[u64] {
        let rest = self.values.get(self.used..).unwrap_or_default();
        rest.get(..count).unwrap_or(rest)
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.used = (self.used + count).min(self.values.len());
    }

    /// Appends the value of a row, counted from the first that is ready, to a key.
    pub(super) fn key(&self, row: usize, bytes: &mut Vec<u8>) {
        let value = self.values(row + 1).get(row).copied().unwrap_or_default();
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

    fn page(&mut self, page: &Page) -> Result<()> {
        let count = page.num_values() as usize;
        let mut bytes: &[u8] = page.buffer();
        let levels = match page {
            Page::DictionaryPage { .. } => {
                let mut dictionary = std::mem::take(&mut self.dictionary);
                dictionary.clear();
                self.arena.clear();
                self.plain(bytes, count, &mut dictionary)?;
                self.dictionary = dictionary;
                self.arena_of_dictionary = self.arena.len();
                return Ok(());
            }
            Page::DataPage { def_level_encoding: Encoding::RLE, .. } if self.nullable => take_prefixed(&mut bytes)?,
            Page::DataPage { .. } if self.nullable => return Err(damaged("levels in an encoding that is out of use")),
            Page::DataPage { .. } => &[],
            Page::DataPageV2 { def_levels_byte_len, rep_levels_byte_len, .. } => {
                take(&mut bytes, *rep_levels_byte_len as usize)?;
                take(&mut bytes, *def_levels_byte_len as usize)?
            }
        };
        let mut present = Vec::new();
        if self.nullable {
            present.reserve(count);
            hybrid(levels, 1, count, |level| present.push(level != 0))?;
        }
        let there = if self.nullable { present.iter().filter(|present| **present).count() } else { count };
        let mut values = std::mem::take(&mut self.values);
        values.reserve(count);
        match page.encoding() {
            Encoding::PLAIN => self.plain(bytes, there, &mut values)?,
            _ if there == 0 => {}
            _ => {
                let width = take(&mut bytes, 1)?.first().copied().unwrap_or_default();
                let dictionary = &self.dictionary;
                let mut outside = false;
                hybrid(bytes, width.into(), there, |index| {
                    let value = dictionary.get(index as usize);
                    outside |= value.is_none();
                    values.push(value.copied().unwrap_or(WRONG));
                })?;
                if outside {
                    return Err(damaged("a value that is not in the dictionary"));
                }
            }
        }
        if there < count {
            self.spread(&present, &mut values);
        }
        self.values = values;
        Ok(())
    }

    /// Puts what is absent between what is there.
    fn spread(&self, present: &[bool], values: &mut Vec<u64>) {
        let absent = self.absent();
        let mut there = std::mem::take(values).into_iter();
        values.extend(present.iter().map(|present| if *present { there.next().unwrap_or(absent) } else { absent }));
    }

    fn plain(&mut self, mut bytes: &[u8], count: usize, values: &mut Vec<u64>) -> Result<()> {
        match self.kind {
            Type::INT32 => {
                let (numbers, _) = take(&mut bytes, count.saturating_mul(4))?.as_chunks();
                for number in numbers {
                    let value = self.of_integer(i32::from_le_bytes(*number).into());
                    values.push(value);
                }
            }
            Type::INT64 => {
                let (numbers, _) = take(&mut bytes, count.saturating_mul(8))?.as_chunks();
                if let How::Number { most } = self.how {
                    values.extend(numbers.iter().map(|number| bounded(i64::from_le_bytes(*number), most)));
                } else {
                    for number in numbers {
                        let value = self.of_integer(i64::from_le_bytes(*number));
                        values.push(value);
                    }
                }
            }
            _ => {
                for _ in 0..count {
                    let text = take_prefixed(&mut bytes)?;
                    let value = self.of_text(text);
                    values.push(value);
                }
            }
        }
        Ok(())
    }

    /// Decodes some values with the parquet crate's own reader; `false` where there are none left.
    fn by_crate(&mut self) -> Result<bool> {
        const TOGETHER: usize = 1 << 13;
        fn read<T: DataType>(reader: &mut ColumnReaderImpl<T>) -> Result<(Vec<T::T>, Vec<i16>, usize)> {
            let (mut values, mut levels) = (Vec::new(), Vec::new());
            let (records, _, _) = reader.read_records(TOGETHER, Some(&mut levels), None, &mut values)?;
            Ok((values, levels, records))
        }
        let Pages::Crates(reader) = &mut self.pages else { return Ok(false) };
        let mut values = Vec::new();
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
            let present: Vec<_> = levels.iter().map(|level| *level > 0).collect();
            self.spread(&present, &mut values);
        }
        self.values = values;
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
