//! Sums that have no room in memory, in temporary files that vanish with the process.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::sync::Arc;

use crate::positioned::At;
use crate::totals::{NUMBERS, Totals};

const BUFFER: usize = 1 << 16;

/// What one thread's tables held when they were full, part after part.
#[derive(Debug)]
pub(crate) struct Run {
    file: Arc<File>,
    /// Where each part ends.
    ends: Vec<u64>,
}

pub(crate) struct RunWriter {
    out: BufWriter<File>,
    written: u64,
    ends: Vec<u64>,
}

impl RunWriter {
    pub(crate) fn create() -> io::Result<Self> {
        let file = tempfile::tempfile().map_err(|error| {
            let message = format!("no temporary file could be made for what does not fit --memory: {error}");
            io::Error::new(error.kind(), message)
        })?;
        Ok(Self { out: BufWriter::with_capacity(BUFFER, file), written: 0, ends: Vec::new() })
    }

    pub(crate) fn write(&mut self, is_short: bool, key: &[u8], totals: &Totals) -> io::Result<()> {
        let length = u16::try_from(key.len()).map_err(io::Error::other)?;
        self.out.write_all(&[u8::from(is_short)])?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(key)?;
        for number in totals.to_numbers() {
            self.out.write_all(&number.to_le_bytes())?;
        }
        self.written += 3 + u64::from(length) + (NUMBERS * size_of::<u64>()) as u64;
        Ok(())
    }

    pub(crate) fn end_part(&mut self) -> io::Result<()> {
        self.ends.push(self.written);
        Ok(())
    }

    pub(crate) fn finish(self) -> io::Result<Run> {
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Run { file: Arc::new(file), ends: self.ends })
    }
}

impl Run {
    /// A part's entries, one after the other.
    pub(crate) fn part(&self, number: usize) -> Entries {
        let end = |number: usize| self.ends.get(number).copied().unwrap_or_default();
        let offset = number.checked_sub(1).map_or(0, end);
        let at = At { file: Arc::clone(&self.file), offset };
        let input = BufReader::with_capacity(BUFFER, at.take(end(number) - offset));
        Entries { input, is_short: false, key: Vec::new(), totals: Totals::NONE }
    }

    pub(crate) fn read(&self, number: usize, mut each: impl FnMut(bool, &[u8], &Totals)) -> io::Result<()> {
        let mut entries = self.part(number);
        while entries.advance()? {
            each(entries.is_short, &entries.key, &entries.totals);
        }
        Ok(())
    }
}

/// Entries of a part of a run; what stands in it is the current one.
pub(crate) struct Entries {
    input: BufReader<io::Take<At>>,
    pub(crate) is_short: bool,
    pub(crate) key: Vec<u8>,
    pub(crate) totals: Totals,
}

impl Entries {
    /// Goes on to the next; `false` where there is none.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        let mut head = [0; 3];
        if self.input.read(&mut head[..1])? == 0 {
            return Ok(false);
        }
        self.input.read_exact(&mut head[1..])?;
        let [is_short, low, high] = head;
        self.is_short = is_short != 0;
        self.key.resize(u16::from_le_bytes([low, high]).into(), 0);
        self.input.read_exact(&mut self.key)?;
        let mut numbers = [0; NUMBERS];
        for number in &mut numbers {
            let mut bytes = [0; 8];
            self.input.read_exact(&mut bytes)?;
            *number = u64::from_le_bytes(bytes);
        }
        self.totals = Totals::from_numbers(numbers);
        Ok(true)
    }
}
