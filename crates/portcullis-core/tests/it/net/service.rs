//! Protocols, ports and ICMP types: their place on the axis, their text, and the least list of rules.

use std::collections::{BTreeSet, VecDeque};

use portcullis_core::net::service::{describe_services, rule_services, void_services};
use portcullis_core::net::{ALL_SERVICES, Family, Interval, LAST_SERVICE, Protocol, RuleServices, ServiceSet};
use proptest::prelude::*;

use crate::model::{Axis, Cells, Universe, cells, runs};

const GRE: Protocol = Protocol(47);

#[test]
fn protocols_are_read_by_name_or_number() {
    let check = |text: &str, number: Option<u8>| assert_eq!(Protocol::parse(text), number.map(Protocol), "`{text}`");
    check("tcp", Some(6));
    check("TCP", Some(6));
    check("6", Some(6));
    check("006", Some(6));
    check("udp", Some(17));
    check("icmp", Some(1));
    check("icmpv6", Some(58));
    check("IPv6-ICMP", Some(58));
    check("58", Some(58));
    check("gre", Some(47));
    check("esp", Some(50));
    check("sctp", Some(132));
    check("0", Some(0));
    check("255", Some(255));
    check("256", None);
    check("99999999999999999999", None);
    check("-1", None); // all protocols are no protocol
    check("all", None);
    check("", None);
    check(" tcp", None);
    check("+6", None);
    check("6.0", None);
    check("tcpp", None);
    check("٦", None);
}

#[test]
fn protocols_are_written_as_aws_writes_them_and_read_again() {
    for number in 0..=u8::MAX {
        let protocol = Protocol(number);
        let text = protocol.to_string();
        let name =
            [(1, "icmp"), (6, "tcp"), (17, "udp"), (58, "icmpv6")].into_iter().find(|(known, _)| *known == number);
        assert_eq!(text, name.map_or(number.to_string(), |(_, name)| name.to_owned()));
        assert_eq!(Protocol::parse(&text), Some(protocol));
        assert_eq!(Protocol::parse(&number.to_string()), Some(protocol));
        assert_eq!(protocol.has_ports(), [6, 17].contains(&number));
        assert_eq!(protocol.has_types(), [1, 58].contains(&number));
    }
}

#[test]
fn each_form_of_a_rule_has_its_place_and_its_text() {
    let check = |rule: RuleServices, low: u32, high: u32, protocol: &str, ports: &str, sentence: &str| {
        assert_eq!(rule.interval(), Interval { low, high }, "{rule:?}");
        assert_eq!((rule.protocol_text(), rule.ports_text()), (protocol.to_owned(), ports.to_owned()), "{rule:?}");
        assert_eq!(rule.to_string(), sentence, "{rule:?}");
    };
    use RuleServices::{All, Icmp, Ports};
    let (tcp, udp, icmp, icmpv6) = (Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol::ICMPV6);
    check(All, 0, 0xff_ffff, "-1", "all", "all traffic");
    check(Ports(tcp, 22, 22), 0x06_0016, 0x06_0016, "tcp", "22", "tcp 22");
    check(Ports(tcp, 80, 443), 0x06_0050, 0x06_01bb, "tcp", "80-443", "tcp 80-443");
    check(Ports(tcp, 0, 65535), 0x06_0000, 0x06_ffff, "tcp", "0-65535", "tcp all ports");
    check(Ports(udp, 1, 65535), 0x11_0001, 0x11_ffff, "udp", "1-65535", "udp 1-65535");
    check(Icmp(icmp, None), 0x01_0000, 0x01_ffff, "icmp", "all", "icmp all types");
    check(Icmp(icmp, Some((3, Some(4)))), 0x01_0304, 0x01_0304, "icmp", "3/4", "icmp 3/4");
    check(Icmp(icmp, Some((8, None))), 0x01_0800, 0x01_08ff, "icmp", "8/*", "icmp 8/*");
    check(Icmp(icmpv6, Some((255, Some(255)))), 0x3a_ffff, 0x3a_ffff, "icmpv6", "255/255", "icmpv6 255/255");
    check(RuleServices::Protocol(GRE), 0x2f_0000, 0x2f_ffff, "47", "all", "protocol 47");
    check(RuleServices::Protocol(Protocol(255)), 0xff_0000, 0xff_ffff, "255", "all", "protocol 255");
}

#[test]
fn the_protocols_side_by_side_make_up_the_axis() {
    let all: Vec<_> = (0..=u8::MAX).map(|number| RuleServices::whole(Protocol(number)).interval()).collect();
    assert!(all.windows(2).all(|pair| pair[0].high + 1 == pair[1].low));
    assert_eq!(all.into_iter().collect::<ServiceSet>(), ServiceSet::from(ALL_SERVICES));
    assert_eq!(ALL_SERVICES.high, LAST_SERVICE);
    assert_eq!(RuleServices::whole(Protocol::TCP), RuleServices::Ports(Protocol::TCP, 0, 65535));
    assert_eq!(RuleServices::whole(Protocol::ICMPV6), RuleServices::Icmp(Protocol::ICMPV6, None));
    assert_eq!(RuleServices::whole(GRE), RuleServices::Protocol(GRE));
}

fn set(intervals: &[Interval<u32>]) -> ServiceSet {
    intervals.iter().copied().collect()
}

/// A whole type, or one code of it.
fn icmp(kind: u8, code: Option<u8>) -> Interval<u32> {
    RuleServices::Icmp(Protocol::ICMP, Some((kind, code))).interval()
}

fn without(services: &[Interval<u32>]) -> ServiceSet {
    ServiceSet::from(ALL_SERVICES).difference(&set(services))
}

fn rules_text(services: &ServiceSet) -> String {
    rule_services(services).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn description(services: &ServiceSet) -> String {
    let lines = describe_services(services).into_iter().map(|(protocol, ports)| format!("{protocol} {ports}"));
    lines.collect::<Vec<_>>().join("; ")
}

#[test]
fn services_become_the_rules_that_a_person_would_write() {
    let check = |services: &ServiceSet, expected: &str| assert_eq!(rules_text(services), expected);
    let (tcp, udp) = (Protocol::TCP, Protocol::UDP);
    check(&ServiceSet::empty(), "");
    check(&set(&[ALL_SERVICES]), "all traffic");
    check(&set(&[tcp.ports(0, 32767), tcp.ports(32768, 65535)]), "tcp all ports");
    check(&set(&[tcp.ports(80, 80), tcp.ports(443, 443)]), "tcp 80; tcp 443");
    check(&set(&[tcp.ports(65535, 65535), Protocol(7).services()]), "tcp 65535; protocol 7");
    check(&set(&[tcp.services(), Protocol(7).services()]), "tcp all ports; protocol 7");
    check(&set(&[Protocol(16).services(), udp.ports(0, 53)]), "protocol 16; udp 0-53");
    check(&set(&[icmp(3, None)]), "icmp 3/*");
    check(&set(&[icmp(3, Some(4)), icmp(8, None), icmp(9, Some(0))]), "icmp 3/4; icmp 8/*; icmp 9/0");
    check(&set(&[icmp(3, Some(255)), icmp(4, None), icmp(5, Some(0))]), "icmp 3/255; icmp 4/*; icmp 5/0");
    check(&set(&[Protocol::ICMPV6.services()]), "icmpv6 all types");
    let rest: Vec<String> = (2..=255).filter(|n| ![6, 17, 58].contains(n)).map(|n| format!("protocol {n}")).collect();
    let web_only = without(&[tcp.ports(0, 79), tcp.ports(81, 65535), udp.services()]);
    let rules: Vec<String> = rule_services(&web_only).iter().map(ToString::to_string).collect();
    assert_eq!(rules.len(), 255, "`-1` less a port needs a rule a protocol");
    assert!(rest.iter().all(|rule| rules.contains(rule)));
    assert!(
        ["protocol 0", "icmp all types", "tcp 80", "icmpv6 all types"]
            .iter()
            .all(|rule| rules.contains(&(*rule).into()))
    );
}

#[test]
fn services_are_described_in_few_lines() {
    let check = |services: &ServiceSet, expected: &str| assert_eq!(description(services), expected);
    let (tcp, udp, icmpv6) = (Protocol::TCP, Protocol::UDP, Protocol::ICMPV6);
    check(&ServiceSet::empty(), "");
    check(&set(&[ALL_SERVICES]), "-1 all");
    check(&set(&[tcp.ports(20, 21), udp.ports(53, 53)]), "tcp 20-21; udp 53");
    check(&set(&[tcp.services()]), "tcp 0-65535");
    check(&set(&[icmp(0, None), icmp(1, None), icmp(2, None)]), "icmp 0-2");
    check(&set(&[icmp(8, None)]), "icmp 8");
    check(&set(&[icmp(3, Some(4))]), "icmp 3/4");
    check(&set(&[icmp(3, Some(4)), icmp(3, Some(5))]), "icmp 3/4-3/5");
    check(&set(&[icmp(3, Some(255)), icmp(4, None)]), "icmp 3/255-4/255");
    check(&set(&[Protocol::ICMP.services(), icmpv6.services()]), "icmp all; icmpv6 all");
    check(&set(&[GRE.services()]), "47 all");
    check(&set(&[GRE.services(), Protocol(48).services(), Protocol(50).services()]), "47-48 all; 50 all");
    check(&set(&[Protocol(0).services(), Protocol(2).services()]), "0 all; 2 all");
    check(&set(&[Protocol(255).services()]), "255 all");
    check(
        &without(&[tcp.ports(22, 22)]),
        "0 all; icmp all; 2-5 all; tcp 0-21; tcp 23-65535; 7-16 all; udp 0-65535; 18-57 all; icmpv6 all; 59-255 all",
    );
    check(
        &without(&[icmp(3, Some(4)), tcp.services(), udp.services()]),
        "0 all; icmp 0/0-3/3; icmp 3/5-255/255; 2-5 all; 7-16 all; 18-57 all; icmpv6 all; 59-255 all",
    );
}

#[test]
fn void_services_are_port_0_and_the_other_familys_icmp() {
    let (tcp, udp) = (Protocol::TCP.ports(0, 0), Protocol::UDP.ports(0, 0));
    assert_eq!(void_services(Family::Ipv4), set(&[tcp, udp, Protocol::ICMPV6.services()]));
    assert_eq!(void_services(Family::Ipv6), set(&[tcp, udp, Protocol::ICMP.services()]));
}

fn check_cover(services: &ServiceSet) {
    let rules = rule_services(services);
    let union: ServiceSet = rules.iter().map(|rule| rule.interval()).collect();
    assert_eq!(runs(&union), runs(services), "the rules are the set");
    assert!(rules.windows(2).all(|pair| pair[0].interval().high < pair[1].interval().low), "ascending, no overlap");
    for rule in rules {
        let fits = match rule {
            RuleServices::All => true,
            RuleServices::Ports(protocol, from, to) => protocol.has_ports() && from <= to,
            RuleServices::Icmp(protocol, _) => protocol.has_types(),
            RuleServices::Protocol(protocol) => !protocol.has_ports() && !protocol.has_types(),
        };
        assert!(fits, "{rule:?} is no rule that AWS takes");
    }
}

#[test]
fn rules_of_every_set_of_cells_make_it_up() {
    let universe = Universe::toy();
    // Every pair, left out and alone: all sets would be a million.
    for (one, other) in
        (0..universe.services.len()).flat_map(|one| (one..universe.services.len()).map(move |o| (one, o)))
    {
        let pair = Cells::from([one, other]);
        check_cover(&universe.service_set(&pair));
        check_cover(&universe.service_set(&(&universe.services.all() - &pair)));
    }
}

/// The least number of rules for each set of cells of ports: by trying every list of ranges, overlapping ones too.
///
/// A range that ends within a cell can be stretched to the cell's end as long as the set holds the cell, so ranges of
/// whole cells are all that need trying.
fn least_port_rules(len: usize) -> Vec<usize> {
    let ranges: Vec<usize> =
        (0..len).flat_map(|first| (first..len).map(move |last| (first..=last).map(|cell| 1 << cell).sum())).collect();
    let mut least = vec![usize::MAX; 1 << len];
    least[0] = 0;
    let mut queue = VecDeque::from([0usize]);
    while let Some(set) = queue.pop_front() {
        for range in &ranges {
            let next = set | range;
            if least[next] == usize::MAX {
                least[next] = least[set] + 1;
                queue.push_back(next);
            }
        }
    }
    least
}

#[test]
fn no_list_of_port_rules_is_shorter() {
    let axis = Axis::cut(65535, &[0, 1, 22, 23, 80, 81, 443, 444, 65534, 65535]);
    let least = least_port_rules(axis.len());
    for protocol in [Protocol::TCP, Protocol::UDP] {
        let low = u128::from(protocol.services().low);
        let axis = Axis::cut(LAST_SERVICE.into(), &ports_of(&axis, low));
        for (mask, least) in least.iter().enumerate() {
            // The first cell is what lies below the protocol's ports, the last one what lies above.
            let set: Cells = (0..10).filter(|cell| mask >> cell & 1 == 1).map(|cell| cell + 1).collect();
            let services = axis.real(&set);
            check_cover(&services);
            assert_eq!(rule_services(&services).len(), *least, "{protocol} {set:?}");
        }
    }
}

/// The cells of an axis of ports, at a protocol's place on the axis of services.
fn ports_of(axis: &Axis, low: u128) -> Vec<u128> {
    let ports = (0..axis.len()).map(|cell| low + axis.cell(cell).0);
    [0].into_iter().chain(ports).chain([low + 0x1_0000]).collect()
}

/// How many rules a set of ICMP codes needs. A rule says one code, a whole type or the whole protocol, and two rules of
/// these either exclude each other or lie within one another; so each whole type is one, and each other code is one.
fn least_icmp_rules(codes: &BTreeSet<u16>) -> usize {
    let of_type = |kind: u16| codes.range(kind << 8..=kind << 8 | 0xff).count();
    match codes.len() {
        0x1_0000 => 1,
        _ => (0..=0xff).map(|kind| if of_type(kind) == 0x100 { 1 } else { of_type(kind) }).sum(),
    }
}

proptest! {
    #[test]
    fn rules_of_any_set_of_cells_make_it_up(set in cells(Universe::toy().services.len())) {
        check_cover(&Universe::toy().service_set(&set));
    }

    #[test]
    fn no_list_of_icmp_rules_is_shorter(
        // Ranges of codes, most within one type, some over several, some of whole types.
        ranges in prop::collection::vec(
            prop_oneof![
                (0u16..5, any::<u8>(), any::<u8>()).prop_map(|(kind, a, b)| (kind << 8 | u16::from(a), kind << 8 | u16::from(b))),
                (0u16..5, 0u16..5).prop_map(|(a, b)| (a.min(b) << 8, a.max(b) << 8 | 0xff)),
                (any::<u16>(), 0u16..0x400).prop_map(|(low, more)| (low, low.saturating_add(more))),
                Just((0, u16::MAX)),
            ],
            0..4,
        ),
        protocol in prop_oneof![Just(Protocol::ICMP), Just(Protocol::ICMPV6)],
    ) {
        let codes: BTreeSet<u16> = ranges.iter().flat_map(|(a, b)| *a.min(b)..=*a.max(b)).collect();
        let services: ServiceSet = ranges.iter().map(|(a, b)| protocol.ports(*a, *b)).collect();
        check_cover(&services);
        prop_assert_eq!(rule_services(&services).len(), least_icmp_rules(&codes));
    }

    #[test]
    fn ports_of_a_rule_are_its_interval(protocol in 0u8.., from in any::<u16>(), to in any::<u16>()) {
        let interval = Protocol(protocol).ports(from, to);
        prop_assert_eq!(interval.measure(), u128::from(from.abs_diff(to)) + 1);
        prop_assert!(Protocol(protocol).services().contains(interval));
    }

    #[test]
    fn any_text_is_a_protocol_or_none(text in "[a-zA-Z0-9+-]{0,10}") {
        if let Some(protocol) = Protocol::parse(&text) {
            prop_assert_eq!(Protocol::parse(&protocol.to_string()), Some(protocol));
        }
    }
}
