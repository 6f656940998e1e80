//! Which addresses are the internet, against the registries' rows and known addresses.

use std::net::IpAddr;

use portcullis_core::net::special::{block_size, loopback, private, public};
use portcullis_core::net::{AddressSet, AnyCidr};

use Reach::{Global, Local, Unsaid};

/// The registry's column "Globally Reachable".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// `True`.
    Global,
    /// `False`.
    Local,
    /// `N/A`, or blank for a terminated entry.
    Unsaid,
}

/// "IANA IPv4 Special-Purpose Address Registry", last updated 2025-10-09, every row.
const IPV4_REGISTRY: &[(&str, Reach)] = &[
    ("0.0.0.0/8", Local),
    ("0.0.0.0/32", Local),
    ("10.0.0.0/8", Local),
    ("100.64.0.0/10", Local),
    ("127.0.0.0/8", Local),
    ("169.254.0.0/16", Local),
    ("172.16.0.0/12", Local),
    ("192.0.0.0/24", Local),
    ("192.0.0.0/29", Local),
    ("192.0.0.8/32", Local),
    ("192.0.0.9/32", Global),
    ("192.0.0.10/32", Global),
    ("192.0.0.170/32", Local),
    ("192.0.0.171/32", Local),
    ("192.0.2.0/24", Local),
    ("192.31.196.0/24", Global),
    ("192.52.193.0/24", Global),
    ("192.88.99.0/24", Unsaid),
    ("192.88.99.2/32", Local),
    ("192.168.0.0/16", Local),
    ("192.175.48.0/24", Global),
    ("198.18.0.0/15", Local),
    ("198.51.100.0/24", Local),
    ("203.0.113.0/24", Local),
    ("240.0.0.0/4", Local),
    ("255.255.255.255/32", Local),
];

/// "IANA IPv6 Special-Purpose Address Registry", last updated 2025-10-09, every row but the two of which the public set
/// says otherwise: see [`rows_that_the_public_set_reads_otherwise`].
const IPV6_REGISTRY: &[(&str, Reach)] = &[
    ("::1/128", Local),
    ("::/128", Local),
    ("::ffff:0:0/96", Local),
    ("64:ff9b:1::/48", Local),
    ("100::/64", Local),
    ("100:0:0:1::/64", Local),
    ("2001::/23", Local),
    ("2001::/32", Unsaid),
    ("2001:1::1/128", Global),
    ("2001:1::2/128", Global),
    ("2001:1::3/128", Global),
    ("2001:2::/48", Local),
    ("2001:3::/32", Global),
    ("2001:4:112::/48", Global),
    ("2001:20::/28", Global),
    ("2001:30::/28", Global),
    ("2001:db8::/32", Local),
    ("2002::/16", Unsaid),
    ("2620:4f:8000::/48", Global),
    ("3fff::/20", Local),
    ("5f00::/16", Local),
    ("fc00::/7", Local),
    ("fe80::/10", Local),
];

fn block(text: &str) -> AnyCidr {
    text.parse().unwrap()
}

fn is_in(set: &AddressSet, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => set.v4.contains(address.into()),
        IpAddr::V6(address) => set.v6.contains(address.into()),
    }
}

/// First, middle and last address of a block, as text knows them.
fn samples(text: &str) -> [IpAddr; 3] {
    let (address, prefix) = text.split_once('/').unwrap();
    let prefix: u32 = prefix.parse().unwrap();
    match address.parse().unwrap() {
        IpAddr::V4(first) => {
            let width = u32::MAX.checked_shr(prefix).unwrap_or(0);
            [0, width / 2, width].map(|more| IpAddr::V4((u32::from(first) + more).into()))
        }
        IpAddr::V6(first) => {
            let width = u128::MAX.checked_shr(prefix).unwrap_or(0);
            [0, width / 2, width].map(|more| IpAddr::V6((u128::from(first) + more).into()))
        }
    }
}

fn holds(text: &str, address: IpAddr) -> bool {
    let (block, prefix) = text.split_once('/').unwrap();
    let prefix: u32 = prefix.parse().unwrap();
    match (block.parse().unwrap(), address) {
        (IpAddr::V4(block), IpAddr::V4(address)) => (u32::from(block) ^ u32::from(address)).leading_zeros() >= prefix,
        (IpAddr::V6(block), IpAddr::V6(address)) => (u128::from(block) ^ u128::from(address)).leading_zeros() >= prefix,
        _ => false,
    }
}

#[test]
fn every_row_of_the_registries_is_public_as_its_most_specific_entry_says() {
    for registry in [IPV4_REGISTRY, IPV6_REGISTRY] {
        for (text, _) in registry {
            for address in samples(text) {
                let length = |text: &str| text.split_once('/').and_then(|(_, prefix)| prefix.parse::<u8>().ok());
                let rows = registry.iter().filter(|(text, _)| holds(text, address));
                let (row, reach) = rows.max_by_key(|(text, _)| length(text)).unwrap();
                assert_eq!(is_in(public(), address), *reach != Local, "{address} of {row}");
            }
        }
    }
}

#[test]
fn rows_that_the_public_set_reads_otherwise() {
    // Globally reachable says the registry, but packets bear these addresses only behind a local translator, and the
    // block lies outside 2000::/3, the only space that is allocated as global unicast.
    assert!(!public().intersects(&[block("64:ff9b::/96")].into_iter().collect()));
    // Terminated, so without a word of its own; the block around it says that it is not reachable.
    assert!(!public().intersects(&[block("2001:10::/28")].into_iter().collect()));
}

#[test]
fn known_addresses_are_public_or_not() {
    let check = |expected: bool, addresses: &str| {
        for text in addresses.split_whitespace() {
            assert_eq!(is_in(public(), text.parse().unwrap()), expected, "{text}");
        }
    };
    check(true, "8.8.8.8 1.1.1.1 1.0.0.0 9.255.255.255 11.0.0.0 52.35.22.100 100.63.255.255 100.128.0.0");
    check(true, "126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255");
    check(true, "192.0.0.9 192.0.0.10 192.0.1.0 192.0.3.0 192.88.99.1 192.88.99.3 192.167.255.255 192.169.0.0");
    check(true, "198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255");
    check(false, "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255");
    check(false, "169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.8 192.0.0.11 192.0.0.255 192.0.2.1");
    check(false, "192.88.99.2 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1");
    check(false, "224.0.0.0 224.0.0.1 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255");
    check(true, "2000:: 2600:: 2606:4700:4700::1111 2a00:1450:4001::1 2001:4860:4860::8888 3ffe:ffff:: 3fff:1000::");
    check(true, "2001::1 2001:0:ffff:ffff:ffff:ffff:ffff:ffff 2001:1::1 2001:200:: 2001:db7:ffff:: 2001:db9:: 2002::1");
    check(true, "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2620:4f:8000::1");
    check(false, ":: ::1 ::2 ::ffff:8.8.8.8 64:ff9b:: 64:ff9b::808:808 64:ff9b:1:: 100:: 100:0:0:1::1 1fff::1");
    check(
        false,
        "2001:1:: 2001:1::4 2001:2:: 2001:5:: 2001:10::1 2001:40:: 2001:1ff:ffff:: 2001:db8:: 2001:db8:ffff::",
    );
    check(
        false,
        "3fff:: 3fff:fff:ffff:: 4000:: 5f00::1 fc00:: fd00::1 fdff:ffff:: fe80:: fe80::1 fec0:: ff02::1 ffff::",
    );
}

#[test]
fn private_and_loopback_are_what_their_rfcs_say() {
    let check = |set: &AddressSet, expected: &str| {
        let blocks: Vec<String> = set.cidrs().iter().map(ToString::to_string).collect();
        assert_eq!(blocks.join(" "), expected);
        assert!(!set.intersects(public()));
    };
    check(private(), "10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.168.0.0/16 fc00::/7");
    check(loopback(), "127.0.0.0/8 ::1/128");
}

#[test]
fn a_threshold_written_as_a_prefix_is_its_number_of_addresses() {
    assert_eq!([0, 8, 16, 32].map(block_size::<u32>), [1 << 32, 1 << 24, 1 << 16, 1].map(Some));
    assert_eq!([1, 16, 32, 128].map(block_size::<u128>), [1 << 127, 1 << 112, 1 << 96, 1].map(Some));
    assert_eq!(block_size::<u128>(0), Some(u128::MAX), "2^128 saturates");
    assert_eq!((block_size::<u32>(33), block_size::<u128>(129)), (None, None));
}
