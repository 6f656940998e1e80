//! Parquet's encodings of values in a page, as its format specification has them ("Encodings").

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};

/// Numbers of a few bits each that are run-length encoded or packed, in any mixture; given a stretch at a time, so that a
/// page is decoded while what was decoded before is still in the processor's cache.
pub(super) struct Hybrid {
    bytes: Bytes,
    /// Where the next run begins.
    at: usize,
    width: u32,
    run: Run,
}

/// What is left of a run.
enum Run {
    Repeated {
        value: u32,
        left: usize,
    },
    /// From the number `index` of those packed at `start` on.
    Packed {
        start: usize,
        length: usize,
        index: usize,
        left: usize,
    },
}

impl Hybrid {
    pub(super) fn new(bytes: Bytes, width: u32) -> Result<Self> {
        if width > 32 {
            return Err(damaged("numbers of more than 32 bits"));
        }
        Ok(Self { bytes, at: 0, width, run: Run::Repeated { value: 0, left: 0 } })
    }

    /// Puts the next numbers into `out`, each by way of `of`.
    pub(super) fn fill(&mut self, mut out: &mut [u64], mut of: impl FnMut(u32) -> u64) -> Result<()> {
        while !out.is_empty() {
            self.begin()?;
            let now;
            match &mut self.run {
                Run::Repeated { value, left } => {
                    (now, out) = out.split_at_mut(out.len().min(*left));
                    now.fill(of(*value));
                    *left -= now.len();
                }
                Run::Packed { start, length, index, left } => {
                    (now, out) = out.split_at_mut(out.len().min(*left));
                    let packed = self.bytes.get(*start..*start + *length).unwrap_or_default();
                    unpack(packed, self.width as usize, *index, now, &mut of);
                    *index += now.len();
                    *left -= now.len();
                }
            }
        }
        Ok(())
    }

    /// Of numbers of one bit the next one, and how often it stands in a row, up to `most`.
    pub(super) fn stretch(&mut self, most: usize) -> Result<(bool, usize)> {
        self.begin()?;
        match &mut self.run {
            Run::Repeated { value, left } => {
                let count = most.min(*left);
                *left -= count;
                Ok((*value != 0, count))
            }
            Run::Packed { start, length, index, left } => {
                let packed = self.bytes.get(*start..*start + *length).unwrap_or_default();
                let word = word(packed, *index / 8) >> (*index % 8);
                let set = word & 1 == 1;
                let alike = if set { word.trailing_ones() } else { word.trailing_zeros() } as usize;
                // The bits above those that were shifted out are zeros that say nothing.
                let count = alike.min(64 - *index % 8).min(most).min(*left);
                *index += count;
                *left -= count;
                Ok((set, count))
            }
        }
    }

    /// Begins the next run if there is nothing left of this one.
    fn begin(&mut self) -> Result<()> {
        if let Run::Repeated { left: 1.., .. } | Run::Packed { left: 1.., .. } = self.run {
            return Ok(());
        }
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        let before = rest.len();
        let header = varint(&mut rest)?;
        let run = usize::try_from(header >> 1).unwrap_or(usize::MAX);
        if run == 0 {
            return Err(damaged("an empty run"));
        }
        if header & 1 == 0 {
            let value = take(&mut rest, self.width.div_ceil(8) as usize)?;
            let value = value.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
            self.run = Run::Repeated { value, left: run };
        } else {
            let start = self.at + before - rest.len();
            // The last run of a page may lack the bytes that would only fill it up.
            let length = run.saturating_mul(self.width as usize).min(rest.len());
            take(&mut rest, length)?;
            let there = (length * 8).checked_div(self.width as usize).unwrap_or(usize::MAX);
            let left = run.saturating_mul(8).min(there);
            if left == 0 {
                return Err(damaged("a run that ends early"));
            }
            self.run = Run::Packed { start, length, index: 0, left };
        }
        self.at += before - rest.len();
        Ok(())
    }
}

/// Unpacks numbers of `width` bits, from the one at `index` on.
#[inline]
fn unpack(packed: &[u8], width: usize, index: usize, out: &mut [u64], of: &mut impl FnMut(u32) -> u64) {
    let mask = (1_u64 << width) - 1;
    for (index, out) in (index..).zip(out) {
        let bit = index * width;
        #[expect(clippy::cast_possible_truncation, reason = "at most 32 bits are left")]
        {
            *out = of((word(packed, bit / 8) >> (bit % 8) & mask) as u32);
        }
    }
}

/// Eight bytes from a place on, with zeros for those behind the end.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Takes so many bytes off the front.
pub(super) fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or_else(|| damaged("a page that ends early"))?;
    *bytes = rest;
    Ok(taken)
}

/// Takes a length of four bytes and what it speaks of off the front.
pub(super) fn take_prefixed<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk().ok_or_else(|| damaged("a page that ends early"))?;
    *bytes = rest;
    take(bytes, u32::from_le_bytes(*length) as usize)
}

fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = take(bytes, 1)?.first().copied().unwrap_or_default();
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(damaged("a number without end"))
}

pub(super) fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn numbers(bytes: &[u8], width: u32, count: usize) -> Result<Vec<u32>> {
        let whole = in_stretches(bytes, width, count, &[count])?;
        // However a page is cut into batches, its numbers are the same.
        assert_eq!(in_stretches(bytes, width, count, &[1, 3, 2]).unwrap(), whole);
        Ok(whole)
    }

    fn in_stretches(bytes: &[u8], width: u32, count: usize, sizes: &[usize]) -> Result<Vec<u32>> {
        let mut numbers = vec![0; count];
        let mut hybrid = Hybrid::new(Bytes::copy_from_slice(bytes), width)?;
        let mut rest = numbers.as_mut_slice();
        for size in sizes.iter().cycle() {
            let now;
            (now, rest) = rest.split_at_mut(rest.len().min(*size));
            hybrid.fill(now, u64::from)?;
            if rest.is_empty() {
                break;
            }
        }
        Ok(numbers.into_iter().map(|number| u32::try_from(number).unwrap()).collect())
    }

    #[test]
    fn the_specifications_own_example() {
        // 0 to 7 in three bits each, as "Encodings" writes them out.
        assert_eq!(numbers(&[0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010], 3, 8).unwrap(), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn runs_follow_one_another() {
        // Five times 300 in two bytes, then packed nibbles do not mix widths: nine bits throughout.
        assert_eq!(numbers(&[10, 0x2c, 0x01], 9, 5).unwrap(), [300; 5]);
        assert_eq!(numbers(&[4, 1, 3, 0b0000_0010], 1, 5).unwrap(), [1, 1, 0, 1, 0]);
        assert_eq!(numbers(&[6], 0, 3).unwrap(), [0; 3]);
    }

    #[test]
    fn stretches_are_what_the_numbers_are() {
        // Five ones, then 24 packed bits, then three zeros.
        let bytes = Bytes::from_static(&[10, 1, 7, 0b1111_0001, 0xff, 0b0001_1111, 6, 0]);
        let mut numbers = vec![0; 32];
        Hybrid::new(bytes.clone(), 1).unwrap().fill(&mut numbers, u64::from).unwrap();
        for most in [1, 3, 32] {
            let mut levels = Hybrid::new(bytes.clone(), 1).unwrap();
            let mut found = Vec::new();
            while found.len() < numbers.len() {
                let (set, count) = levels.stretch(most.min(numbers.len() - found.len())).unwrap();
                assert!((1..=most).contains(&count));
                found.extend(std::iter::repeat_n(u64::from(set), count));
            }
            assert_eq!(found, numbers, "at most {most}");
            assert!(levels.stretch(1).is_err());
        }
    }

    #[test]
    fn what_is_damaged_is_an_error() {
        for bytes in [&[][..], &[0], &[10], &[3], &[0xff; 12]] {
            assert!(numbers(bytes, 8, 4).is_err(), "{bytes:?}");
        }
    }
}
