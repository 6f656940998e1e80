//! Parquet's encodings of values in a page, as its format specification has them ("Encodings").

use parquet::errors::{ParquetError, Result};

/// Gives so many numbers of `width` bits that are run-length encoded or packed, in any mixture.
pub(super) fn hybrid(mut bytes: &[u8], width: u32, count: usize, mut each: impl FnMut(u32)) -> Result<()> {
    if width > 32 {
        return Err(damaged("numbers of more than 32 bits"));
    }
    let mask = (1_u64 << width) - 1;
    let mut left = count;
    while left > 0 {
        let header = varint(&mut bytes)?;
        let run = usize::try_from(header >> 1).unwrap_or(usize::MAX);
        if run == 0 {
            return Err(damaged("an empty run"));
        }
        if header & 1 == 0 {
            let value = take(&mut bytes, width.div_ceil(8) as usize)?;
            let value = value.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
            let run = run.min(left);
            (0..run).for_each(|_| each(value));
            left -= run;
        } else {
            let wanted = run.saturating_mul(8).min(left);
            // The last run of a page may lack the bytes that would only fill it up.
            let length = run.saturating_mul(width as usize).min(bytes.len());
            let packed = take(&mut bytes, length)?;
            if packed.len() * 8 < wanted * width as usize {
                return Err(damaged("a run that ends early"));
            }
            for index in 0..wanted {
                let bit = index * width as usize;
                let word = match packed.get(bit / 8..) {
                    Some(rest) => match rest.first_chunk() {
                        Some(word) => u64::from_le_bytes(*word),
                        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
                    },
                    None => 0,
                };
                #[expect(clippy::cast_possible_truncation, reason = "at most 32 bits are left")]
                each((word >> (bit % 8) & mask) as u32);
            }
            left -= wanted;
        }
    }
    Ok(())
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
        let mut numbers = Vec::new();
        hybrid(bytes, width, count, |number| numbers.push(number))?;
        Ok(numbers)
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
    fn what_is_damaged_is_an_error() {
        for bytes in [&[][..], &[0], &[10], &[3], &[0xff; 12]] {
            assert!(numbers(bytes, 8, 4).is_err(), "{bytes:?}");
        }
    }
}
