//! Values of text fields: numbers and addresses, eight bytes at a time where that is quicker than one by one.

use std::net::{IpAddr, Ipv6Addr};

/// The number that a text of digits is; `None` where it is anything else or more than 19 digits.
///
/// AWS gives its largest fields as `INT64`, which 19 digits hold.
#[inline]
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    match text.split_last_chunk::<8>() {
        None => few_digits(text),
        Some(([], last)) => eight_digits(*last),
        Some((first, last)) if first.len() <= 11 => {
            let high = match first.split_last_chunk::<8>() {
                None => few_digits(first)?,
                Some(([], middle)) => eight_digits(*middle)?,
                Some((top, middle)) => few_digits(top)? * 100_000_000 + eight_digits(*middle)?,
            };
            high.checked_mul(100_000_000)?.checked_add(eight_digits(*last)?)
        }
        Some(_) => None,
    }
}

#[inline]
fn few_digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| value * 10 + u64::from(digit))
    })
}

/// All eight at once, by pairs, then by fours.
#[inline]
fn eight_digits(text: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(text);
    let digits = word ^ 0x3030_3030_3030_3030;
    // A digit is 0 to 9 now: adding 0x76 carries into the high bit from 10 on, and what had the high bit is none either.
    let wrong = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    if wrong != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10) + (digits >> 8);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    Some(low.wrapping_add(high) >> 32)
}

/// The IPv4 address in the first `length` of 16 bytes, as its number; `None` where it is none.
#[inline]
pub(crate) fn ipv4(bytes: [u8; 16], length: usize) -> Option<u32> {
    const DOTS: u128 = u128::from_le_bytes([b'.'; 16]);
    const LOW: u128 = u128::from_le_bytes([0x7f; 16]);
    if !(7..=15).contains(&length) {
        return None;
    }
    let text = u128::from_le_bytes(bytes) & ((1 << (8 * length)) - 1);
    let other = text ^ DOTS;
    // The high bit of every byte that is no dot.
    let no_dot = ((other & LOW) + LOW) | other;
    let mut dots = !no_dot & !LOW;
    if dots.count_ones() != 3 {
        return None;
    }
    let mut rest = text;
    let mut address = 0_u32;
    let mut left = length;
    for _ in 0..3 {
        let end = dots.trailing_zeros() as usize / 8;
        address = address << 8 | octet(rest, end)?;
        rest >>= 8 * (end + 1);
        dots >>= 8 * (end + 1);
        left -= end + 1;
    }
    Some(address << 8 | octet(rest, left)?)
}

/// A number of one to three digits that needs no fourth bit pattern to be written: up to 255, without leading zeros.
#[inline]
fn octet(text: u128, length: usize) -> Option<u32> {
    if !(1..=3).contains(&length) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the low bytes are what is wanted")]
    let shifted = (text as u32) << (8 * (4 - length));
    let digits = shifted ^ (0x3030_3030 << (8 * (4 - length)));
    if (digits.wrapping_add(0x7676_7676) | digits) & 0x8080_8080 != 0 {
        return None;
    }
    let value = (digits >> 8 & 0xff) * 100 + (digits >> 16 & 0xff) * 10 + (digits >> 24);
    let least = [0, 0, 10, 100].get(length).copied().unwrap_or(u32::MAX);
    (value >= least && value <= 255).then_some(value)
}

/// An address of either family from its text.
pub(crate) fn address(text: &[u8]) -> Option<IpAddr> {
    let mut bytes = [0; 16];
    if let Some(first) = bytes.get_mut(..text.len())
        && !text.contains(&b':')
    {
        first.copy_from_slice(text);
        return ipv4(bytes, text.len()).map(|number| IpAddr::V4(number.into()));
    }
    ipv6(text).map(IpAddr::V6)
}

pub(crate) fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn check_address(text: &str) {
        assert_eq!(address(text.as_bytes()), text.parse().ok(), "{text}");
    }

    #[test]
    fn odd_addresses_are_read_as_the_standard_library_reads_them() {
        for text in [
            "0.0.0.0",
            "255.255.255.255",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "1..2.3",
            ".1.2.3",
            "1.2.3.",
            "01.2.3.4",
            "1.2.3.04",
            "1.2.3.4a",
            "1.2.3.1234",
            "a.b.c.d",
            "",
            "-",
            "::",
            "::1",
            "2001:db8::1",
            "::ffff:1.2.3.4",
            "1:2",
            "12345678901234567",
            "1.2.3.4:",
            "00.0.0.0",
            "1.2.3.999",
        ] {
            check_address(text);
        }
    }

    #[test]
    fn odd_numbers_are_refused() {
        for text in
            ["", "-", "+1", "1a", "12345678a", "a12345678", "99999999999999999999", "1234567:", "1 2", "/", "\u{e9}"]
        {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
        assert_eq!(number(b"9999999999999999999"), Some(9_999_999_999_999_999_999));
        assert_eq!(number(b"00000000000000000007"), None);
        assert_eq!(number(b"007"), Some(7));
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_the_standard_library_reads_them(value in 0..=i64::MAX.unsigned_abs(), digits in 0..19_u32) {
            let value = value % 10_u64.pow(digits);
            prop_assert_eq!(number(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn addresses_are_read_as_the_standard_library_reads_them(number: u32) {
            let text = Ipv4Addr::from(number).to_string();
            prop_assert_eq!(address(text.as_bytes()), Some(IpAddr::V4(number.into())));
        }

        #[test]
        fn what_looks_like_an_address_is_read_as_the_standard_library_reads_it(text in "[0-9.]{1,16}|[0-9]{1,3}(\\.[0-9]{1,3}){3}") {
            prop_assert_eq!(address(text.as_bytes()), text.parse().ok());
        }
    }
}
