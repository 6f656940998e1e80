//! CIDR blocks of both families, and the least list of blocks that makes up a set of addresses.

use std::fmt::{self, Display as _};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use compact_str::{CompactString, ToCompactString as _};

use super::interval::{Interval, IntervalSet, Point};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// 32-bit addresses.
    Ipv4,
    /// 128-bit addresses.
    Ipv6,
}

impl Family {
    /// Both, in the order that reports use.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The word that reports use: `ipv4` or `ipv6`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An address as the integer that the algebra works on.
pub trait Address: Point {
    /// Its family.
    const FAMILY: Family;
    /// How many bits it has.
    const BITS: u8;
    /// From the low bits of `bits`.
    fn from_bits(bits: u128) -> Self;
    /// As the low bits of an integer.
    fn bits(self) -> u128;
    /// As people write it.
    fn write(self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl Address for u32 {
    const FAMILY: Family = Family::Ipv4;
    const BITS: u8 = 32;
    fn from_bits(bits: u128) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are the address")]
        let address = bits as u32;
        address
    }
    fn bits(self) -> u128 {
        u128::from(self)
    }
    fn write(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ipv4_text(self))
    }
}

/// Four numbers and dots. Rules are named in most findings, and `Ipv4Addr` formats each byte by itself.
fn ipv4_text(address: u32) -> CompactString {
    let mut text = [0u8; 15];
    let mut length = 0;
    let mut slots = text.iter_mut();
    let mut put = |character: u8| {
        slots.next().into_iter().for_each(|slot| *slot = character);
        length += 1;
    };
    for (place, byte) in address.to_be_bytes().into_iter().enumerate() {
        if place > 0 {
            put(b'.');
        }
        if byte >= 100 {
            put(b'0' + byte / 100);
        }
        if byte >= 10 {
            put(b'0' + byte / 10 % 10);
        }
        put(b'0' + byte % 10);
    }
    let text = text.get(..length).unwrap_or_default();
    std::str::from_utf8(text).map(CompactString::new).unwrap_or_default()
}

impl Address for u128 {
    const FAMILY: Family = Family::Ipv6;
    const BITS: u8 = 128;
    fn from_bits(bits: u128) -> Self {
        bits
    }
    fn bits(self) -> u128 {
        self
    }
    fn write(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ipv6Addr::from(self).fmt(f)
    }
}

/// A block of addresses that share their first `prefix` bits. Host bits are always zero.
///
/// ```
/// use portcullis_core::net::{Interval, Ipv4Cidr};
///
/// let block = Ipv4Cidr::new(0x0a01_0203, 8); // 10.1.2.3/8
/// assert_eq!(block.map(|block| block.to_string()).as_deref(), Some("10.0.0.0/8"));
/// assert_eq!(block.map(|block| block.interval()), Some(Interval::new(0x0a00_0000, 0x0aff_ffff)));
/// assert_eq!(Ipv4Cidr::new(0, 33), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr<A> {
    address: A,
    prefix: u8,
}

/// An IPv4 block.
pub type Ipv4Cidr = Cidr<u32>;
/// An IPv6 block.
pub type Ipv6Cidr = Cidr<u128>;

impl<A: Address> Cidr<A> {
    /// The block of length `prefix` that holds `address`; host bits are dropped, as AWS does when it stores a rule.
    ///
    /// Returns `None` when `prefix` is longer than an address of the family.
    pub fn new(address: A, prefix: u8) -> Option<Self> {
        (prefix <= A::BITS).then(|| Self { address: A::from_bits(address.bits() & Self::mask(prefix)), prefix })
    }

    fn mask(prefix: u8) -> u128 {
        let host = u32::from(A::BITS - prefix);
        u128::MAX.checked_shl(host).unwrap_or(0)
    }

    /// The first address.
    pub fn address(self) -> A {
        self.address
    }

    /// The number of leading bits that its addresses share.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Its addresses.
    pub fn interval(self) -> Interval<A> {
        let high = self.address.bits() | !Self::mask(self.prefix);
        Interval { low: self.address, high: A::from_bits(high) }
    }
}

impl<A: Address> fmt::Display for Cidr<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.write(f)?;
        f.write_str("/")?;
        f.write_str(&self.prefix.to_compact_string())
    }
}

/// A block of either family.
///
/// ```
/// use portcullis_core::net::AnyCidr;
///
/// assert_eq!("0::/0".parse::<AnyCidr>()?, "::/0".parse()?);
/// assert_eq!("52.35.23.0/21".parse::<AnyCidr>()?.to_string(), "52.35.16.0/21");
/// let error = "10.0.0.0/33".parse::<AnyCidr>().map_err(|error| error.to_string());
/// assert_eq!(error, Err("`10.0.0.0/33` is no CIDR block: the prefix length is a whole number from 0 to 32".into()));
/// # Ok::<(), portcullis_core::net::CidrError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnyCidr {
    /// An IPv4 block.
    V4(Ipv4Cidr),
    /// An IPv6 block.
    V6(Ipv6Cidr),
}

/// Why a text is no CIDR block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// No prefix length.
    #[error("`{0}` has no prefix length: write `{0}/{1}` for the one address")]
    NoPrefix(String, u8),
    /// The part before the slash is no address.
    #[error("`{0}` is no CIDR block: an IPv4 or IPv6 address, a slash and a prefix length are expected")]
    Address(String),
    /// The part after the slash is no length of the family.
    #[error("`{0}` is no CIDR block: the prefix length is a whole number from 0 to {1}")]
    Prefix(String, u8),
}

impl FromStr for AnyCidr {
    type Err = CidrError;

    /// Reads `ADDRESS/PREFIX`; host bits are dropped, as AWS does. An IPv4-mapped block such as `::ffff:0:0/96` stays IPv6, as in AWS.
    fn from_str(text: &str) -> Result<Self, CidrError> {
        let Some((address, prefix)) = text.split_once('/') else {
            return Err(match (Ipv4Addr::from_str(text), Ipv6Addr::from_str(text)) {
                (Ok(_), _) => CidrError::NoPrefix(text.to_owned(), 32),
                (_, Ok(_)) => CidrError::NoPrefix(text.to_owned(), 128),
                _ => CidrError::Address(text.to_owned()),
            });
        };
        // `u8::from_str` takes a leading `+`, which no CIDR has.
        let length = prefix.bytes().all(|b| b.is_ascii_digit()).then(|| prefix.parse::<u8>().ok()).flatten();
        if let Ok(address) = Ipv4Addr::from_str(address) {
            let block = length.and_then(|length| Cidr::new(u32::from(address), length));
            block.map(Self::V4).ok_or_else(|| CidrError::Prefix(text.to_owned(), 32))
        } else if let Ok(address) = Ipv6Addr::from_str(address) {
            let block = length.and_then(|length| Cidr::new(u128::from(address), length));
            block.map(Self::V6).ok_or_else(|| CidrError::Prefix(text.to_owned(), 128))
        } else {
            Err(CidrError::Address(text.to_owned()))
        }
    }
}

impl fmt::Display for AnyCidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(block) => block.fmt(f),
            Self::V6(block) => block.fmt(f),
        }
    }
}

impl<A: Address> IntervalSet<A> {
    /// The least list of disjoint blocks whose union is this set, ascending.
    ///
    /// Canonical intervals never touch, so no block can span two of them, and within one the greedy choice of the widest
    /// aligned block is the least.
    ///
    /// ```
    /// use portcullis_core::net::{Interval, IntervalSet};
    ///
    /// let set = IntervalSet::from(Interval::new(0x0a00_0001u32, 0x0a00_0004));
    /// let blocks: Vec<String> = set.cidrs().iter().map(ToString::to_string).collect();
    /// assert_eq!(blocks, ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"]);
    /// ```
    pub fn cidrs(&self) -> Vec<Cidr<A>> {
        let mut blocks = Vec::new();
        for interval in self.intervals() {
            let (mut low, high) = (interval.low.bits(), interval.high.bits());
            loop {
                let aligned = if low == 0 { u32::from(A::BITS) } else { low.trailing_zeros() };
                let fits = (high - low).checked_add(1).map_or(128, u128::ilog2);
                let host = aligned.min(fits).min(u32::from(A::BITS));
                let prefix = u32::from(A::BITS) - host;
                blocks.push(Cidr { address: A::from_bits(low), prefix: u8::try_from(prefix).unwrap_or(A::BITS) });
                let Some(next) = 1u128.checked_shl(host).and_then(|size| low.checked_add(size)) else { break };
                if next > high {
                    break;
                }
                low = next;
            }
        }
        blocks
    }
}
