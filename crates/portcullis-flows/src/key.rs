//! What a digest groups by, as bytes: each field's value with a tag before it, one after the other.
//!
//! Sixteen bytes hold the keys that matter most (two IPv4 addresses, a port, a protocol, an action) and are kept as one
//! number. Longer ones are kept as bytes. A key says itself how long it is, so that zeros behind it mean nothing.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::field::{Field, Kind};
use crate::parse;

/// No value: `-` in text, null in Parquet.
const ABSENT: u8 = 0;
// 1 to 8: a number of so many bytes, little end first.
const V4: u8 = 0x10;
const V6: u8 = 0x11;
/// Words of a field that knows few, from here on.
const WORD: u8 = 0x20;
/// A text behind its length in two bytes.
const LONG_TEXT: u8 = 0x40;
/// A text whose length is the tag's low seven bits.
const SHORT_TEXT: u8 = 0x80;

/// The longest text that is taken for a value: an ARN of an ECS task stays below.
const LONGEST_TEXT: usize = 1024;

/// A value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `-`, or null.
    Absent,
    /// A number.
    Number(u64),
    /// An address.
    Address(IpAddr),
    /// A word or any other text.
    Text(&'a [u8]),
}

/// One value as bytes of a key: up to eight of them in a number, little end first, or longer ones by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// `length` bytes.
    Short(u64, u32),
    /// A tag and sixteen bytes.
    Address(Ipv6Addr),
    /// A text that is not in the cell.
    Text,
}

impl Cell {
    pub(crate) const ABSENT: Self = Self::Short(ABSENT as u64, 1);

    pub(crate) fn v4(address: u32) -> Self {
        Self::Short(u64::from(V4) | u64::from(address) << 8, 5)
    }

    pub(crate) fn word(index: usize) -> Self {
        Self::Short(u64::from(WORD) + index as u64, 1)
    }

    /// A number; `None` of one above 56 bits, which no field of a real record reaches.
    pub(crate) fn number(value: u64) -> Option<Self> {
        let length = (64 - (value | 1).leading_zeros()).div_ceil(8);
        (length < 8).then_some(Self::Short(u64::from(length) | value << 8, length + 1))
    }

    /// The value of a token; `None` where the field can have no such value. `Cell::Text` stands for the token itself.
    pub(crate) fn of_token(kind: Kind, token: &[u8]) -> Option<Self> {
        if token == b"-" {
            return Some(Self::ABSENT);
        }
        match kind {
            Kind::Address => Some(match parse::address(token)? {
                IpAddr::V4(address) => Self::v4(address.to_bits()),
                IpAddr::V6(address) => Self::Address(address),
            }),
            Kind::Number { most } => parse::number(token).filter(|value| *value <= most).and_then(Self::number),
            Kind::Word(words) => words.find(token).map(Self::word),
            Kind::Text => (token.len() <= LONGEST_TEXT).then_some(Self::Text),
        }
    }
}

/// A key in the making that may yet fit sixteen bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Packed {
    bytes: u128,
    length: u32,
}

impl Packed {
    pub(crate) fn push(&mut self, value: u64, length: u32) {
        // Beyond sixteen bytes the shift comes out as nothing; the length tells.
        self.bytes |= u128::from(value).checked_shl(8 * self.length).unwrap_or_default();
        self.length += length;
    }

    /// The key, if it fits.
    pub(crate) fn finish(self) -> Option<u128> {
        (self.length <= 16).then_some(self.bytes)
    }
}

/// Appends a value to a key that is kept as bytes.
pub(crate) fn push(key: &mut Vec<u8>, cell: Cell, token: &[u8]) {
    match cell {
        Cell::Short(value, length) => key.extend(value.to_le_bytes().iter().take(length as usize)),
        Cell::Address(address) => {
            key.push(V6);
            key.extend_from_slice(&address.octets());
        }
        Cell::Text => {
            match u8::try_from(token.len()) {
                Ok(length) if length < SHORT_TEXT => key.push(SHORT_TEXT | length),
                _ => {
                    key.push(LONG_TEXT);
                    let length = u16::try_from(token.len()).unwrap_or(u16::MAX);
                    key.extend_from_slice(&length.to_le_bytes());
                }
            }
            key.extend_from_slice(token);
        }
    }
}

/// The values of a key, one for each field.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: &'a [u8],
    fields: std::slice::Iter<'a, Field>,
}

impl<'a> Values<'a> {
    pub(crate) fn new(key: &'a [u8], fields: &'a [Field]) -> Self {
        Self { rest: key, fields: fields.iter() }
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let field = self.fields.next()?;
        let tag = self.take(1).first().copied().unwrap_or(ABSENT);
        Some(match tag {
            ABSENT => Value::Absent,
            1..=8 => {
                let bytes = self.take(tag.into());
                Value::Number(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            V4 => {
                let octets = self.take(4).first_chunk().copied().unwrap_or_default();
                Value::Address(Ipv4Addr::from_bits(u32::from_le_bytes(octets)).into())
            }
            V6 => Value::Address(Ipv6Addr::from(self.take(16).first_chunk().copied().unwrap_or([0; 16])).into()),
            LONG_TEXT => {
                let length = self.take(2).first_chunk().copied().unwrap_or_default();
                Value::Text(self.take(u16::from_le_bytes(length).into()))
            }
            SHORT_TEXT.. => Value::Text(self.take((tag & !SHORT_TEXT).into())),
            _ => match field.kind() {
                Kind::Word(words) => {
                    Value::Text(words.list().get(usize::from(tag - WORD)).map_or(&[], |word| word.as_bytes()))
                }
                _ => Value::Absent,
            },
        })
    }
}

impl Value<'_> {
    /// Numbers by size, everything else as its text reads; what is absent comes last.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Absent, Self::Absent) => Ordering::Equal,
            (Self::Absent, _) => Ordering::Greater,
            (_, Self::Absent) => Ordering::Less,
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Address(IpAddr::V4(a)), Self::Address(IpAddr::V4(b))) => text_order(*a).cmp(&text_order(*b)),
            (Self::Address(a), Self::Address(b)) => a.to_string().cmp(&b.to_string()),
            _ => Ordering::Equal,
        }
    }

    /// A number that orders values of one field as [`Self::compare`] does, save that different ones may come out alike
    /// where [`Self::is_ranked_exactly`] says no.
    pub(crate) fn rank(&self) -> u64 {
        match self {
            Self::Absent => u64::MAX,
            Self::Number(number) => *number,
            Self::Address(IpAddr::V4(address)) => text_order(*address),
            Self::Address(IpAddr::V6(address)) => text_rank(address.to_string().as_bytes()),
            Self::Text(text) => text.iter().chain(&[0; 8]).take(8).fold(0, |rank, byte| rank << 8 | u64::from(*byte)),
        }
    }

    /// Whether no other value of the field has the same rank.
    pub(crate) fn is_ranked_exactly(&self) -> bool {
        !matches!(self, Self::Address(IpAddr::V6(_)) | Self::Text(_))
    }
}

/// Up to fifteen characters of an address, four bits each, which order as the text does: those before its first letter,
/// since four bits cannot tell all letters apart.
fn text_rank(text: &[u8]) -> u64 {
    let mut told = true;
    text.iter().map(Some).chain(std::iter::repeat(None)).take(15).fold(0, |rank, byte| {
        let digit = match byte {
            Some(b'.') if told => 1,
            Some(digit @ b'0'..=b'9') if told => u64::from(digit - b'0') + 2,
            Some(b':') if told => 12,
            Some(b'a'..) if told => {
                told = false;
                13
            }
            _ => 0,
        };
        rank << 4 | digit
    })
}

/// A number that orders IPv4 addresses as their dotted text does: nobody expects a list of texts in another order.
fn text_order(address: Ipv4Addr) -> u64 {
    let (mut order, mut length) = (0_u64, 0_u32);
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            order = order << 4 | 1;
            length += 1;
        }
        let octet = u64::from(octet);
        if octet >= 100 {
            order = order << 4 | (octet / 100 + 2);
            length += 1;
        }
        if octet >= 10 {
            order = order << 4 | (octet / 10 % 10 + 2);
            length += 1;
        }
        order = order << 4 | (octet % 10 + 2);
        length += 1;
    }
    order << (4 * (15 - length))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A key of one value, whichever way it is kept.
    fn round_trip(name: &str, token: &str) -> Option<String> {
        let field = [Field::named(name)];
        let cell = Cell::of_token(field[0].kind(), token.as_bytes())?;
        let mut key = Vec::new();
        push(&mut key, cell, token.as_bytes());
        if let Cell::Short(value, length) = cell {
            let mut packed = Packed::default();
            packed.push(value, length);
            assert_eq!(packed.finish().unwrap().to_le_bytes()[..key.len()], key);
        }
        Some(match Values::new(&key, &field).next().unwrap() {
            Value::Absent => "-".to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Address(address) => address.to_string(),
            Value::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
        })
    }

    #[test]
    fn values_come_back() {
        let long = "x".repeat(1024);
        for (name, token) in [
            ("srcaddr", "10.0.0.1"),
            ("srcaddr", "255.255.255.255"),
            ("srcaddr", "0.0.0.0"),
            ("srcaddr", "2001:db8::1"),
            ("srcaddr", "-"),
            ("srcport", "0"),
            ("srcport", "65535"),
            ("start", "1700000000"),
            ("action", "REJECT"),
            ("log-status", "SKIPDATA"),
            ("interface-id", "eni-0123456789abcdef0"),
            ("interface-id", &long),
            ("new", "x"),
        ] {
            assert_eq!(round_trip(name, token).as_deref(), Some(token), "{name}");
        }
    }

    #[test]
    fn impossible_values_are_refused() {
        let too_long = "x".repeat(1025);
        for (name, token) in [
            ("srcaddr", "10.0.0"),
            ("srcaddr", "ACCEPT"),
            ("srcport", "65536"),
            ("srcport", "-1"),
            ("protocol", "256"),
            ("packets", "9223372036854775808"),
            ("action", "accept"),
            ("log-status", ""),
            ("vpc-id", &too_long),
        ] {
            assert_eq!(round_trip(name, token), None, "{name} {token}");
        }
    }

    proptest! {
        #[test]
        fn addresses_order_as_their_texts(a: u32, b: u32, c: u128, d: u128) {
            for (a, b) in [
                (IpAddr::from(Ipv4Addr::from_bits(a)), IpAddr::from(Ipv4Addr::from_bits(b))),
                (IpAddr::from(Ipv6Addr::from_bits(c)), IpAddr::from(Ipv6Addr::from_bits(d))),
                (IpAddr::from(Ipv4Addr::from_bits(a)), IpAddr::from(Ipv6Addr::from_bits(d))),
            ] {
                let (x, y) = (Value::Address(a), Value::Address(b));
                prop_assert_eq!(x.compare(&y), a.to_string().cmp(&b.to_string()));
                if x.rank() != y.rank() {
                    prop_assert_eq!(x.rank().cmp(&y.rank()), x.compare(&y));
                }
            }
        }
    }
}
