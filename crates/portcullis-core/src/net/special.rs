//! Which addresses are the internet: the IANA special-purpose registries as data.
//!
//! Sources: "IANA IPv4 Special-Purpose Address Registry" and "IANA IPv6 Special-Purpose Address Registry" (RFC 6890 and
//! its successors), last updated 2025-10-09; multicast from "IPv4 Multicast Address Space Registry" (RFC 5771); and
//! "Internet Protocol Version 6 Address Space" (RFC 4291). Every row of the first two is a test (`tests/it/net/special.rs`).
//!
//! A block is public unless its most specific entry says "Globally Reachable: False". Where an entry says nothing of it
//! (N/A for 6to4 and Teredo, blank for the terminated 192.88.99.0/24) it counts as public, because packets do arrive from
//! there. IPv6 outside 2000::/3 is never public, so neither is 64:ff9b::/96, of which the registry says True: packets bear
//! its addresses only between a host and its own NAT64 translator.

use std::sync::LazyLock;

use super::addresses::AddressSet;
use super::cidr::{Address, AnyCidr, Cidr};
use super::interval::IntervalSet;

/// IPv4 blocks that no packet from the internet carries as its source.
const NOT_PUBLIC_IPV4: &[(&str, &str)] = &[
    ("0.0.0.0/8", "this network, RFC 791"),
    ("10.0.0.0/8", "private use, RFC 1918"),
    ("100.64.0.0/10", "shared address space, RFC 6598"),
    ("127.0.0.0/8", "loopback, RFC 1122"),
    ("169.254.0.0/16", "link local, RFC 3927"),
    ("172.16.0.0/12", "private use, RFC 1918"),
    ("192.0.0.0/24", "IETF protocol assignments, RFC 6890"),
    ("192.0.2.0/24", "documentation, RFC 5737"),
    ("192.88.99.2/32", "6a44 relay anycast, RFC 6751"),
    ("192.168.0.0/16", "private use, RFC 1918"),
    ("198.18.0.0/15", "benchmarking, RFC 2544"),
    ("198.51.100.0/24", "documentation, RFC 5737"),
    ("203.0.113.0/24", "documentation, RFC 5737"),
    ("224.0.0.0/4", "multicast, RFC 5771"),
    ("240.0.0.0/4", "reserved and limited broadcast, RFC 1112 and RFC 8190"),
];

/// Globally reachable exceptions within [`NOT_PUBLIC_IPV4`].
const PUBLIC_IPV4: &[(&str, &str)] =
    &[("192.0.0.9/32", "Port Control Protocol anycast, RFC 7723"), ("192.0.0.10/32", "TURN anycast, RFC 8155")];

/// The only IPv6 space that is allocated as global unicast, RFC 4291.
const GLOBAL_UNICAST_IPV6: &str = "2000::/3";

/// IPv6 blocks within global unicast that no packet from the internet carries as its source.
const NOT_PUBLIC_IPV6: &[(&str, &str)] = &[
    ("2001::/23", "IETF protocol assignments, RFC 2928"),
    ("2001:db8::/32", "documentation, RFC 3849"),
    ("3fff::/20", "documentation, RFC 9637"),
];

/// Reachable exceptions within [`NOT_PUBLIC_IPV6`].
const PUBLIC_IPV6: &[(&str, &str)] = &[
    ("2001::/32", "Teredo, RFC 4380 (N/A in the registry)"),
    ("2001:1::1/128", "Port Control Protocol anycast, RFC 7723"),
    ("2001:1::2/128", "TURN anycast, RFC 8155"),
    ("2001:1::3/128", "DNS-SD service registration anycast, RFC 9665"),
    ("2001:3::/32", "AMT, RFC 7450"),
    ("2001:4:112::/48", "AS112-v6, RFC 7535"),
    ("2001:20::/28", "ORCHIDv2, RFC 7343"),
    ("2001:30::/28", "drone remote identification, RFC 9374"),
];

/// Space that organisations number their own hosts from: what `narrow` leaves of a source that it closes, and what a
/// restricted rule without `allowed_sources` allows. RFC 1918, RFC 6598, RFC 4193.
const PRIVATE: &[&str] = &["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/// Space that no packet between hosts carries: a rule that admits only this admits nothing.
const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];

/// The blocks of a table above. The tables are constants; that each entry parses is a test.
fn blocks<'a>(texts: impl IntoIterator<Item = &'a str>) -> AddressSet {
    texts.into_iter().filter_map(|text| text.parse::<AnyCidr>().ok()).collect()
}

fn names(table: &'static [(&'static str, &'static str)]) -> impl Iterator<Item = &'static str> {
    table.iter().map(|(block, _)| *block)
}

static PUBLIC_SET: LazyLock<AddressSet> = LazyLock::new(|| {
    let unicast = AddressSet { v4: IntervalSet::all(), v6: blocks([GLOBAL_UNICAST_IPV6]).v6 };
    let excluded = blocks(names(NOT_PUBLIC_IPV4).chain(names(NOT_PUBLIC_IPV6)));
    unicast.difference(&excluded).union(&blocks(names(PUBLIC_IPV4).chain(names(PUBLIC_IPV6))))
});
static PRIVATE_SET: LazyLock<AddressSet> = LazyLock::new(|| blocks(PRIVATE.iter().copied()));
static LOOPBACK_SET: LazyLock<AddressSet> = LazyLock::new(|| blocks(LOOPBACK.iter().copied()));

/// The addresses of the internet: globally routable unicast.
///
/// ```
/// use portcullis_core::net::{AddressSet, AnyCidr, special};
///
/// let mixed: AddressSet = ["10.0.0.0/8".parse::<AnyCidr>()?, "8.8.8.0/24".parse()?].into_iter().collect();
/// assert_eq!(mixed.intersection(special::public()).v4.measure(), 256);
/// # Ok::<(), portcullis_core::net::CidrError>(())
/// ```
pub fn public() -> &'static AddressSet {
    &PUBLIC_SET
}

/// RFC 1918, RFC 6598 and RFC 4193 space.
pub fn private() -> &'static AddressSet {
    &PRIVATE_SET
}

/// Loopback space, which carries no traffic between hosts.
pub fn loopback() -> &'static AddressSet {
    &LOOPBACK_SET
}

/// How many addresses a block of length `prefix` holds, as a threshold: `/8` of IPv4 is 2^24.
///
/// `None` when no block of the family is that long. IPv6's `/0` saturates at 2^128 - 1.
pub fn block_size<A: Address>(prefix: u8) -> Option<u128> {
    Cidr::<A>::new(A::MIN, prefix).map(|block| block.interval().measure())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_of_the_tables_parses_without_host_bits() {
        let tables = [NOT_PUBLIC_IPV4, PUBLIC_IPV4, NOT_PUBLIC_IPV6, PUBLIC_IPV6];
        let texts = tables.into_iter().flat_map(names).chain([GLOBAL_UNICAST_IPV6]);
        for text in texts.chain(PRIVATE.iter().copied()).chain(LOOPBACK.iter().copied()) {
            assert_eq!(text.parse::<AnyCidr>().map(|block| block.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn the_internet_has_the_size_that_the_registries_leave() {
        // 2^32 less 0/8, 10/8, 127/8, 100.64/10, 169.254/16, 172.16/12, 192.0.0/24, 192.168/16, 198.18/15,
        // three documentation /24s, 192.88.99.2, 224/4 and 240/4, and again the two anycast addresses.
        let closed =
            3 * (1u128 << 24) + (1 << 22) + 2 * (1 << 16) + (1 << 20) + 4 * (1 << 8) + (1 << 17) + 2 * (1 << 28);
        assert_eq!(public().v4.measure(), (1 << 32) - closed - 1 + 2);
        assert!(public().v6.measure() > 1 << 124 && public().v6.measure() < 1 << 125);
    }
}
