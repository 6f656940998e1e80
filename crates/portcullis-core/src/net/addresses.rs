//! Sets of addresses of both families.

use std::net::IpAddr;

use super::cidr::AnyCidr;
use super::interval::IntervalSet;

/// A set of addresses of both families. The families never mix: an IPv4-mapped IPv6 block is IPv6.
///
/// ```
/// use portcullis_core::net::{AddressSet, AnyCidr};
///
/// let set = |texts: &[&str]| texts.iter().map(|text| text.parse::<AnyCidr>()).collect::<Result<AddressSet, _>>();
/// assert_eq!(set(&["0.0.0.0/1", "128.0.0.0/1", "::/0"])?, AddressSet::all());
///
/// let office = set(&["203.0.113.0/25", "203.0.113.128/25", "2001:db8::/32"])?;
/// let blocks: Vec<String> = office.cidrs().iter().map(ToString::to_string).collect();
/// assert_eq!(blocks, ["203.0.113.0/24", "2001:db8::/32"]);
/// # Ok::<(), portcullis_core::net::CidrError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressSet {
    /// The IPv4 addresses.
    pub v4: IntervalSet<u32>,
    /// The IPv6 addresses.
    pub v6: IntervalSet<u128>,
}

impl AddressSet {
    /// Every address of both families.
    pub fn all() -> Self {
        Self { v4: IntervalSet::all(), v6: IntervalSet::all() }
    }

    /// Whether it holds no address.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether it holds an address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(address.to_bits()),
            IpAddr::V6(address) => self.v6.contains(address.to_bits()),
        }
    }

    /// What either holds.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// What both hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { v4: self.v4.intersection(&other.v4), v6: self.v6.intersection(&other.v6) }
    }

    /// What this holds and `other` does not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { v4: self.v4.difference(&other.v4), v6: self.v6.difference(&other.v6) }
    }

    /// Whether they share an address.
    pub fn intersects(&self, other: &Self) -> bool {
        self.v4.intersects(&other.v4) || self.v6.intersects(&other.v6)
    }

    /// Whether every address of this is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.v4.is_subset(&other.v4) && self.v6.is_subset(&other.v6)
    }

    /// The least list of blocks that makes it up, IPv4 first.
    pub fn cidrs(&self) -> Vec<AnyCidr> {
        let v4 = self.v4.cidrs().into_iter().map(AnyCidr::V4);
        v4.chain(self.v6.cidrs().into_iter().map(AnyCidr::V6)).collect()
    }
}

impl FromIterator<AnyCidr> for AddressSet {
    /// The union of blocks in any order, overlapping or not.
    fn from_iter<I: IntoIterator<Item = AnyCidr>>(blocks: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for block in blocks {
            match block {
                AnyCidr::V4(block) => v4.push(block.interval()),
                AnyCidr::V6(block) => v6.push(block.interval()),
            }
        }
        Self { v4: v4.into_iter().collect(), v6: v6.into_iter().collect() }
    }
}
