//! CIDR blocks: reading, writing, and the least list of blocks.

use std::collections::VecDeque;
use std::net::IpAddr;

use portcullis_core::net::{Address, AddressSet, AnyCidr, Cidr, Family, Interval, IntervalSet, Ipv4Cidr, Ipv6Cidr};
use proptest::prelude::*;

use crate::model::{Integer, interval, runs};

/// What a text reads as, or the message.
fn read(text: &str) -> String {
    text.parse::<AnyCidr>().map_or_else(|error| error.to_string(), |block| block.to_string())
}

#[test]
fn addresses_are_written_as_the_standard_library_writes_them() {
    for byte in 0..=255u8 {
        let address = u32::from_be_bytes([byte, 255 - byte, 0, byte]);
        let block = Ipv4Cidr::new(address, 32).map(|block| block.to_string());
        assert_eq!(block, Some(format!("{}/32", std::net::Ipv4Addr::from(address))));
    }
}

#[test]
fn blocks_are_read_as_aws_reads_them() {
    let check = |text: &str, expected: &str| assert_eq!(read(text), expected, "{text}");
    check("0.0.0.0/0", "0.0.0.0/0");
    check("10.1.2.3/8", "10.0.0.0/8"); // host bits
    check("52.35.23.0/21", "52.35.16.0/21");
    check("255.255.255.255/0", "0.0.0.0/0");
    check("255.255.255.255/32", "255.255.255.255/32");
    check("203.0.113.7/31", "203.0.113.6/31");
    check("203.0.113.7/08", "203.0.0.0/8");
    check("::/0", "::/0");
    check("0::/0", "::/0");
    check("0:0:0:0:0:0:0:0/0", "::/0");
    check("2001:DB8::1/32", "2001:db8::/32");
    check("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
    check("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/1", "8000::/1");
    check("::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104"); // IPv4-mapped stays IPv6
    check("::1/127", "::/127");
}

#[test]
fn what_is_no_block_is_refused_with_what_to_do() {
    let check = |text: &str, message: &str| assert_eq!(read(text), message);
    check("10.0.0.1", "`10.0.0.1` has no prefix length: write `10.0.0.1/32` for the one address");
    check("2001:db8::1", "`2001:db8::1` has no prefix length: write `2001:db8::1/128` for the one address");
    let v4 = ["10.0.0.0/33", "10.0.0.0/256", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8 ", "10.0.0.0/8/8"];
    for text in v4.into_iter().chain(["10.0.0.0/255.0.0.0", "10.0.0.0/8.0", "10.0.0.0/99999999999", "10.0.0.0/٨"]) {
        check(text, &format!("`{text}` is no CIDR block: the prefix length is a whole number from 0 to 32"));
    }
    for text in ["::/129", "::/", "::/x", "2001:db8::/300"] {
        check(text, &format!("`{text}` is no CIDR block: the prefix length is a whole number from 0 to 128"));
    }
    let no_address = ["", "/", "/8", "10.0.0/8", "10.0.0.256/8", "010.0.0.0/8", " 10.0.0.0/8", "1.2.3.4.5/8", "any"];
    for text in no_address.into_iter().chain(["fe80::1%eth0/64", "[::]/0", "12345::/16", ":::/0", "sg-1"]) {
        let shape = "an IPv4 or IPv6 address, a slash and a prefix length are expected";
        check(text, &format!("`{text}` is no CIDR block: {shape}"));
    }
}

/// The block by the definition: the addresses whose first `prefix` bits are those of `address`.
fn check_block<A: Address + Integer>(address: A, prefix: u8) {
    let block = Cidr::new(address, prefix).unwrap();
    let size = 1u128.checked_shl(u32::from(A::BITS - prefix)); // `None` is 2^128
    let low = size.map_or(0, |size| address.into() / size * size);
    let high = size.map_or(A::last(), |size| low + (size - 1));
    assert_eq!(block.interval(), interval(low, high), "{address:?}/{prefix}");
    assert_eq!((block.address().into(), block.prefix()), (low, prefix), "{address:?}/{prefix}");
    assert_eq!(block.interval().measure(), size.unwrap_or(u128::MAX), "{address:?}/{prefix}");
    assert_eq!(Cidr::new(block.address(), prefix), Some(block), "a block's own address gives the block");
    assert_eq!(IntervalSet::from(block.interval()).cidrs(), [block], "a block is its own least list");
}

#[test]
fn every_prefix_of_both_families_is_its_addresses() {
    for prefix in 0..=32 {
        for address in [0, 1, 0x0a01_0203, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            check_block::<u32>(address, prefix);
        }
    }
    for prefix in 0..=128 {
        for address in [0, 1, 0x2001_0db8 << 96 | 0xff, 1 << 64, u128::MAX >> 1, u128::MAX] {
            check_block::<u128>(address, prefix);
        }
    }
    assert_eq!(Ipv4Cidr::new(0, 33), None);
    assert_eq!(Ipv6Cidr::new(0, 129), None);
}

#[test]
fn families_have_the_names_that_reports_use() {
    assert_eq!(Family::ALL.map(|family| family.to_string()), ["ipv4", "ipv6"]);
    assert_eq!((<u32 as Address>::FAMILY, <u128 as Address>::FAMILY), (Family::Ipv4, Family::Ipv6));
}

/// The blocks of an inclusive range, in a line.
fn cover(from: &str, to: &str) -> String {
    let texts: Vec<String> = match (from.parse().unwrap(), to.parse().unwrap()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let set = IntervalSet::from(Interval::new(u32::from(from), u32::from(to)));
            set.cidrs().iter().map(ToString::to_string).collect()
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let set = IntervalSet::from(Interval::new(u128::from(from), u128::from(to)));
            set.cidrs().iter().map(ToString::to_string).collect()
        }
        _ => panic!("{from} and {to} are of two families"),
    };
    texts.join(" ")
}

#[test]
fn ranges_become_the_blocks_that_a_person_would_write() {
    let check = |from: &str, to: &str, expected: &str| assert_eq!(cover(from, to), expected, "{from} to {to}");
    check("0.0.0.0", "255.255.255.255", "0.0.0.0/0");
    check("255.255.255.255", "255.255.255.255", "255.255.255.255/32");
    check("0.0.0.0", "0.0.0.0", "0.0.0.0/32");
    check("10.0.0.0", "10.0.0.2", "10.0.0.0/31 10.0.0.2/32");
    check("10.0.0.1", "10.0.0.4", "10.0.0.1/32 10.0.0.2/31 10.0.0.4/32");
    check("127.255.255.255", "128.0.0.0", "127.255.255.255/32 128.0.0.0/32");
    check("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0");
    check("::", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/1");
    check(
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
    );
    check("::", "::", "::/128");
}

#[test]
fn everything_but_one_address_takes_one_block_a_bit() {
    let but = |point: u32| IntervalSet::from(Interval::new(point, point)).complement().cidrs().len();
    assert_eq!([but(0), but(0x0a00_0001), but(u32::MAX)], [32; 3]);
    let but = |point: u128| IntervalSet::from(Interval::new(point, point)).complement().cidrs().len();
    assert_eq!([but(0), but(1 << 64), but(u128::MAX)], [128; 3]);
}

/// The least number of blocks for each of the 65,536 subsets of a universe of 16 points: found by trying everything.
///
/// From the empty set, one more block is added in every way there is; the first time that a set is reached is with the
/// least number. Overlapping blocks are tried too, so a list that overlaps could win if it were shorter.
fn least_blocks() -> Vec<usize> {
    let blocks: Vec<usize> = [1usize, 2, 4, 8, 16]
        .iter()
        .flat_map(|size| (0..16 / size).map(move |at| ((1 << size) - 1) << (at * size)))
        .collect();
    let mut least = vec![usize::MAX; 1 << 16];
    least[0] = 0;
    let mut queue = VecDeque::from([0usize]);
    while let Some(set) = queue.pop_front() {
        for block in &blocks {
            let next = set | block;
            if least[next] == usize::MAX {
                least[next] = least[set] + 1;
                queue.push_back(next);
            }
        }
    }
    least
}

/// Places the 16 points at `base`, each `1 << shift` addresses wide, and covers every subset.
fn check_every_cover<A: Address + Integer>(least: &[usize], base: u128, shift: u32) {
    for (set, least) in least.iter().enumerate() {
        let points = (0..16u128).filter(|point| set >> point & 1 == 1);
        let width = (1u128 << shift) - 1;
        let real: IntervalSet<A> =
            points.map(|point| base + (point << shift)).map(|low| interval(low, low + width)).collect();
        let cover = real.cidrs();
        assert_eq!(cover.len(), *least, "{set:016b} at {base:#x} << {shift}: {cover:?}");
        assert!(cover.windows(2).all(|pair| pair[0].interval().high < pair[1].interval().low), "{cover:?}");
        assert_eq!(cover.iter().map(|block| block.interval()).collect::<IntervalSet<A>>(), real, "{cover:?}");
    }
}

#[test]
fn no_list_of_ipv4_blocks_is_shorter() {
    let least = least_blocks();
    check_every_cover::<u32>(&least, 0, 0);
    check_every_cover::<u32>(&least, 0, 28); // the whole axis
    check_every_cover::<u32>(&least, 0x0a00_0000, 4);
    check_every_cover::<u32>(&least, u128::from(u32::MAX) - 15, 0);
}

#[test]
fn no_list_of_ipv6_blocks_is_shorter() {
    let least = least_blocks();
    check_every_cover::<u128>(&least, 0, 0);
    check_every_cover::<u128>(&least, 0, 124); // the whole axis
    check_every_cover::<u128>(&least, 0x2001_0db8 << 96, 64);
    check_every_cover::<u128>(&least, u128::MAX - 15, 0);
}

/// Any address, those beside a power of two more often.
fn any_address<A: Integer + Arbitrary>(bits: u32) -> impl Strategy<Value = A> {
    let edge = (0..bits, -2i8..=2).prop_map(|(bit, by)| {
        let power = 1u128 << bit;
        let beside =
            if by < 0 { power.saturating_sub(by.unsigned_abs().into()) } else { power.saturating_add(by as u128) };
        A::try_from(beside.min(A::last())).ok().unwrap()
    });
    prop_oneof![any::<A>(), edge]
}

fn check_cover<A: Address + Integer>(ends: &[(A, A)]) {
    let set: IntervalSet<A> = ends.iter().map(|(a, b)| Interval::new(*a, *b)).collect();
    let cover = set.cidrs();
    assert_eq!(cover.iter().map(|block| block.interval()).collect::<IntervalSet<A>>(), set, "the cover is the set");
    for pair in cover.windows(2) {
        let [one, next] = [pair[0], pair[1]];
        assert!(one.interval().high < next.interval().low, "blocks ascend and do not overlap");
        // Among disjoint blocks only two halves of one block can be replaced by fewer.
        let parent = one.prefix().checked_sub(1).and_then(|prefix| Cidr::new(one.address(), prefix));
        let halves = one.prefix() == next.prefix() && parent == Cidr::new(next.address(), next.prefix() - 1);
        assert!(!halves, "{one} and {next} are one block");
    }
}

proptest! {
    #[test]
    fn text_of_ipv4_blocks_reads_as_the_block(address in any_address::<u32>(32), prefix in 0u8..=32) {
        let block = AnyCidr::V4(Cidr::new(address, prefix).unwrap());
        prop_assert_eq!(block.to_string().parse(), Ok(block));
        check_block(address, prefix);
    }

    #[test]
    fn text_of_ipv6_blocks_reads_as_the_block(address in any_address::<u128>(128), prefix in 0u8..=128) {
        let block = AnyCidr::V6(Cidr::new(address, prefix).unwrap());
        prop_assert_eq!(block.to_string().parse(), Ok(block));
        check_block(address, prefix);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9a-f:./ %+-]{0,24}") {
        if let Ok(block) = text.parse::<AnyCidr>() {
            prop_assert_eq!(block.to_string().parse(), Ok(block));
        }
    }

    #[test]
    fn blocks_of_any_ipv4_set_make_it_up(ends in prop::collection::vec((any_address(32), any_address(32)), 0..6)) {
        check_cover::<u32>(&ends);
    }

    #[test]
    fn blocks_of_any_ipv6_set_make_it_up(ends in prop::collection::vec((any_address(128), any_address(128)), 0..6)) {
        check_cover::<u128>(&ends);
    }

    #[test]
    fn blocks_of_both_families_make_up_the_set(
        v4 in prop::collection::vec((any_address(32), any_address(32)), 0..4),
        v6 in prop::collection::vec((any_address(128), any_address(128)), 0..4),
    ) {
        let set = AddressSet {
            v4: v4.iter().map(|(a, b)| Interval::new(*a, *b)).collect(),
            v6: v6.iter().map(|(a, b)| Interval::new(*a, *b)).collect(),
        };
        let blocks = set.cidrs();
        prop_assert!(blocks.is_sorted_by_key(|block| matches!(block, AnyCidr::V6(_))), "IPv4 comes first");
        let again: AddressSet = blocks.into_iter().collect();
        prop_assert_eq!((runs(&again.v4), runs(&again.v6)), (runs(&set.v4), runs(&set.v6)));
    }
}
