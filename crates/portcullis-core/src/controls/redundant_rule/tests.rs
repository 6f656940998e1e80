#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "numbers and names that the tests choose"
)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{is_any_redundant, redundant_rules};
use crate::controls::Hygiene;
use crate::model::{Direction, GroupReference, Inventory, Peer, Rule, SecurityGroup};
use crate::net::{AddressSet, Cidr, Interval, PeerSet, Protocol, RuleServices, Symbol, Traffic};
use crate::testing::{group, inventory, judge, rules};

fn lists() -> Inventory {
    let with = |inventory: Inventory, id: &str, entries: &[&str]| inventory.with_list(id, Some(entries));
    let lists = with(inventory([]), "pl-private", &["10.0.0.0/8", "192.168.0.0/16"]);
    let lists = with(lists, "pl-also-private", &["192.168.0.0/16", "10.0.0.0/9", "10.128.0.0/9"]);
    let lists = with(lists, "pl-ten", &["10.0.0.0/8"]);
    let lists = with(lists, "pl-both", &["10.0.0.0/8", "2001:db8::/32"]);
    with(lists, "pl-empty", &[]).with_list("pl-unread", None)
}

/// The rules of lines that begin with `-` go; all others stay.
fn check(lines: &str) {
    let (mut text, mut expected, mut place) = (String::new(), Vec::new(), 0);
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let rule = line.trim_start_matches('-');
        let count = rules(rule).len();
        if line.starts_with('-') {
            expected.extend(place..place + count);
        }
        place += count;
        text = text + rule + "\n";
    }
    assert_eq!(redundant_rules(&group("sg-a", &text), &lists()), expected, "{lines}");
}

#[test]
fn nothing_is_redundant_where_nothing_overlaps() {
    check("");
    check("ingress tcp 22 from 10.0.0.0/8");
    check("ingress tcp 22 from 10.0.0.0/8\negress tcp 22 to 10.0.0.0/8");
    check("ingress tcp 22 from 10.0.0.0/8\ningress udp 22 from 10.0.0.0/8");
    check("ingress tcp 22 from 10.0.0.0/8\ningress tcp 22 from 11.0.0.0/8");
    check("ingress tcp 22 from 0.0.0.0/0\ningress tcp 22 from ::/0");
    check("ingress tcp 22 from sg-a\ningress tcp 22 from sg-b\ningress tcp 22 from 0.0.0.0/0");
    check("ingress tcp 22 from sg-b\ningress tcp 22 from 111122223333/sg-b"); // may be two: names are all that is known
}

#[test]
fn a_rule_within_another_goes() {
    check("ingress tcp 22 from 10.0.0.0/8\n-ingress tcp 22 from 10.1.0.0/16");
    check("-ingress tcp 22 from 10.1.0.0/16 # why\ningress tcp 20-23 from 10.0.0.0/8");
    check("ingress all from 10.0.0.0/8\n-ingress icmp 3/4 from 10.0.0.0/8\n-ingress protocol 47 from 10.2.0.0/16");
    check("ingress tcp 20-30 from sg-b\n-ingress tcp 22 from sg-b\ningress tcp 22 from sg-c");
    check("ingress tcp 20-30 from pl-unread\n-ingress tcp 22 from pl-unread");
    check("-ingress tcp 22 from 2001:db8:1::/48\ningress tcp 22 from 2001:db8::/32");
    check("egress all to 0.0.0.0/0\n-egress tcp 443 to 10.0.0.0/8\ningress tcp 443 from 10.0.0.0/8");
    check("ingress tcp 20-22 from 10.0.0.0/8\ningress tcp 22-23 from 10.0.0.0/16"); // each has its own
}

#[test]
fn several_rules_cover_one_together() {
    check("-ingress tcp 22 from 10.0.0.0/8\ningress tcp 22-23 from 10.0.0.0/9, 10.128.0.0/9");
    check("ingress tcp 1-10 from 10.0.0.0/8\n-ingress tcp 8-12 from 10.0.0.0/8\ningress tcp 11-20 from 10.0.0.0/8");
    check("ingress tcp 1-10 from 10.0.0.0/8\n-ingress tcp 8-12 from 10.1.0.0/16\ningress tcp 11-20 from 10.0.0.0/15");
    check("ingress tcp 1-10 from 10.0.0.0/8\ningress tcp 8-12 from 10.0.0.0/8\ningress tcp 12-20 from 10.0.0.0/8");
    check("ingress tcp 22 from 10.0.0.0/8\ningress tcp 22-23 from 10.0.0.0/9, 10.128.0.0/10"); // a hole
}

#[test]
fn half_on_each_family_covers_neither_whole() {
    check("ingress tcp 22 from ::/0\ningress tcp 22-23 from ::/1, 8000::/2");
    check("-ingress tcp 22 from ::/0\ningress tcp 22-23 from ::/1, 8000::/1");
    check("ingress tcp 22-23 from ::/1\n-ingress tcp 22 from ::/1\ningress tcp 22 from ff00::/8");
}

#[test]
fn of_equal_rules_one_stays() {
    check("ingress tcp 22 from 10.0.0.0/8\n-ingress tcp 22 from 10.0.0.0/8");
    check("-ingress tcp 22 from 10.0.0.0/8\ningress tcp 22 from 10.0.0.0/8 # offices");
    check("ingress tcp 22 from 10.0.0.0/8 # offices\n-ingress tcp 22 from 10.0.0.0/8 # offices");
    check("-ingress tcp 22 from 10.0.0.0/8\ningress tcp 22 from pl-ten # offices");
    check("ingress tcp 22 from pl-private # offices\n-ingress tcp 22 from pl-also-private");
    check("ingress tcp all from 10.0.0.0/8\n-ingress tcp 0-65535 from 10.0.0.0/8");
}

#[test]
fn one_that_can_go_for_another_keeps_it() {
    // Each of these is covered by the others, but not all can go.
    check(
        "ingress tcp 1-20 from 10.0.0.0/8 # described
         -ingress tcp 11-30 from 10.0.0.0/8
         ingress tcp 21-40 from 10.0.0.0/8 # described",
    );
    check("ingress tcp 22 from 0.0.0.0/0\n-ingress tcp 22 from 0.0.0.0/1\n-ingress tcp 22 from 128.0.0.0/1");
}

#[test]
fn prefix_lists_count_as_their_entries() {
    check("-ingress tcp 22 from 10.1.0.0/16\ningress tcp 22 from pl-private");
    check("ingress tcp 22 from pl-private\n-ingress tcp 22 from 10.0.0.0/8, 192.168.0.0/16");
    check("-ingress tcp 22 from pl-private\ningress tcp 22-23 from 10.0.0.0/8, 192.168.0.0/16, 172.16.0.0/12");
    check("ingress tcp 22 from pl-private\ningress tcp 22-23 from 10.0.0.0/8, 192.168.0.0/17");
    check("-ingress tcp 22 from pl-both\ningress tcp 22 from 0.0.0.0/0, ::/0");
    check("ingress tcp 22 from pl-both\ningress tcp 22 from 0.0.0.0/0");
    check("ingress tcp 22 from pl-unread\ningress tcp 22 from 0.0.0.0/0, ::/0"); // its name is all that is known
}

#[test]
fn a_rule_for_nobody_goes() {
    check("-ingress tcp 22 from pl-empty");
    check("-ingress tcp 22 from pl-empty\ningress tcp 22 from pl-unread\ningress tcp 22 from 0.0.0.0/0");
}

#[test]
fn the_verdict_names_them() {
    let inventory = inventory([group("sg-a", "ingress tcp 22 from 10.0.0.0/8\ningress tcp 22 from 10.1.0.0/16")]);
    let expected = "fail: `ingress tcp 22 from 10.1.0.0/16` adds nothing to the group's other rules [1]";
    assert_eq!(judge(&Hygiene::RedundantRule, &inventory, "sg-a"), expected);
}

/// Groups of ten thousand rules, each in the time of a sort: the suite would be slow otherwise.
#[test]
fn ten_thousand_rules_are_no_trouble() {
    const MANY: usize = 10_000;
    let count = |rules: Vec<Rule>| {
        let group = SecurityGroup { rules, ..group("sg-a", "") };
        redundant_rules(&group, &lists()).len()
    };
    let tcp = |from: usize, to: usize| RuleServices::Ports(Protocol::TCP, from as u16, to as u16);
    let v4 = |address: usize, prefix: u8| Cidr::new(address as u32, prefix).map(Peer::V4).unwrap();
    let rule = |services, peer| Rule::new(Direction::Ingress, services, peer);
    let of = |make: &dyn Fn(usize) -> Rule| (0..MANY).map(make).collect::<Vec<Rule>>();

    let addresses = of(&|n| rule(tcp(22, 22), v4(0x0a00_0000 + n, 32)));
    assert_eq!(count(addresses.clone()), 0);
    let with_all = [rule(tcp(22, 22), v4(0, 0))].into_iter().chain(addresses).collect();
    assert_eq!(count(with_all), MANY);
    assert_eq!(count(of(&|n| rule(tcp(n, n), v4(0, 0)))), 0);
    assert_eq!(count(of(&|n| rule(tcp(n, 65_535 - n), v4(0, 0)))), MANY - 1);
    assert_eq!(count(of(&|n| rule(tcp(n, 65_535 - n), v4(n << 8, 24)))), 0);
    assert_eq!(count(of(&|n| rule(tcp(n, n + 1), v4(0, 0)))), MANY / 2 - 1); // a staircase: every second step
    assert_eq!(count(of(&|n| rule(tcp(n, n + 5000), v4(0, 0)))), MANY - 3);
    // Rows across columns: every address on all ports, every port from all addresses.
    let crossing =
        |n: usize| if n < MANY / 2 { rule(tcp(0, 65_535), v4(n << 8, 32)) } else { rule(tcp(n, n), v4(0, 0)) };
    assert_eq!(count(of(&crossing)), 0);
    // Blocks that fill a wider one.
    let filled = |n: usize| if n < 4096 { rule(tcp(1, 9_999), v4(n << 8, 24)) } else { rule(tcp(n, n), v4(0, 12)) };
    assert_eq!(count(of(&filled)), MANY - 4096);
}

/// The traffic of some of a group's rules, by the algebra alone.
fn traffic<'a>(rules: impl Iterator<Item = &'a Rule>, direction: Direction, inventory: &Inventory) -> Traffic {
    let of = |rule: &Rule| -> (Interval<u32>, PeerSet) {
        let peers = match &rule.peer {
            Peer::Group(group) => Symbol::Group { account: group.account.clone(), id: group.id.clone() }.into(),
            Peer::PrefixList(id) => match inventory.prefix_lists.get(id).and_then(|list| list.entries.clone()) {
                Some(entries) => entries.into(),
                None => Symbol::PrefixList(id.clone()).into(),
            },
            block => block.cidr().into_iter().collect::<AddressSet>().into(),
        };
        (rule.services.interval(), peers)
    };
    Traffic::from_boxes(rules.filter(|rule| rule.direction == direction).map(of))
}

fn all_traffic(group: &SecurityGroup, but: &BTreeSet<usize>, inventory: &Inventory) -> [Traffic; 2] {
    let rules = || group.rules.iter().enumerate().filter(|(place, _)| !but.contains(place)).map(|(_, rule)| rule);
    Direction::ALL.map(|direction| traffic(rules(), direction, inventory))
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let tcp = (0u16..6, 0u16..3).prop_map(|(from, more)| RuleServices::Ports(Protocol::TCP, from, from + more));
    let services = prop_oneof![8 => tcp, 1 => Just(RuleServices::All)];
    // Few bits, so that blocks nest, touch and fill each other often; high ones for the end of the axis.
    let v4 = (0u32..8, 0u8..4).prop_map(|(bits, length)| Cidr::new(bits << 29, length).map(Peer::V4).unwrap());
    let v6 = (0u128..8, 0u8..4)
        .prop_map(|(bits, length)| Cidr::new(bits << 125, length).map(|c| Peer::V6(Box::new(c))).unwrap());
    let list =
        (0usize..6).prop_map(|n| Peer::PrefixList(["pl-a", "pl-b", "pl-c", "pl-d", "pl-empty", "pl-unread"][n].into()));
    let named = (0usize..2)
        .prop_map(|n| Peer::Group(Box::new(GroupReference { id: ["sg-a", "sg-b"][n].into(), ..Default::default() })));
    let peer = prop_oneof![8 => v4, 3 => v6, 4 => list, 1 => named];
    let direction = prop_oneof![4 => Just(Direction::Ingress), 1 => Just(Direction::Egress)];
    (direction, services, peer, any::<bool>()).prop_map(|(direction, services, peer, described)| Rule {
        description: if described { "why" } else { "" }.into(),
        ..Rule::new(direction, services, peer)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// What goes changes nothing, and nothing of what stays could go too.
    #[test]
    fn all_that_can_go_goes(rules in prop::collection::vec(any_rule(), 0..24)) {
        let inventory = inventory([])
            .with_list("pl-a", Some(&["0.0.0.0/2", "128.0.0.0/2"]))
            .with_list("pl-b", Some(&["64.0.0.0/2", "192.0.0.0/2", "::/1"]))
            .with_list("pl-c", Some(&["128.0.0.0/2", "0.0.0.0/3", "32.0.0.0/3"]))
            .with_list("pl-d", Some(&["8000::/1"]))
            .with_list("pl-empty", Some(&[]));
        let group = SecurityGroup { rules, ..group("sg-z", "") };
        let whole = all_traffic(&group, &BTreeSet::new(), &inventory);
        let gone: BTreeSet<usize> = redundant_rules(&group, &inventory).into_iter().collect();
        prop_assert_eq!(&all_traffic(&group, &gone, &inventory), &whole, "something was needed");
        let plain = is_any_redundant(&group.rules, &inventory);
        prop_assert!(plain.is_none_or(|any| any != gone.is_empty()), "{:?} at a look, {:?}", plain, gone);
        for place in (0..group.rules.len()).filter(|place| !gone.contains(place)) {
            let mut more = gone.clone();
            more.insert(place);
            prop_assert_ne!(&all_traffic(&group, &more, &inventory), &whole, "rule {} could go too", place);
        }
    }
}
