//! What would be enough: rules for known flows, and against a naive model on random ones.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use portcullis_core::model::{Direction, Inventory};
use portcullis_core::net::Protocol;
use portcullis_core::remediation::{Plan, prove_again};
use portcullis_core::usage::{
    Attribution, Flow, Lengths, Members, Observed, Places, Rulebook, Suggester, Suggestion, suggest,
};
use proptest::prelude::*;

use super::fixture::{flows, world};
use super::naive;
use super::random::{any_flows, any_world};
use crate::fixture::cases;

/// What flow logs show to be enough for each group, and the plan of it.
fn suggested(inventory: &Inventory, flows: &[Flow], lengths: Lengths) -> (Vec<Suggestion>, Plan) {
    let members = Members::of(inventory);
    let rulebook = Rulebook::new(&inventory.groups, &members);
    let places = Places::of(inventory, &rulebook);
    let attribution = Attribution { rulebook: &rulebook, places: &places, flows };
    let mut observed = Observed::new();
    let seen = attribution.attribute_all(|used| observed.add(&used));
    let suggester = Suggester { inventory, members: &members, rulebook: &rulebook, lengths };
    let suggestions = suggester.suggest(&observed.sorted(), attribution.watched(&seen));
    let plan = suggest::plan(inventory, &rulebook, &suggestions);
    (suggestions, plan)
}

/// Lines such as `sg-web ingress tcp 443 from 203.0.113.9/32 x3`, `~` where it stands for more than was seen.
fn lines(inventory: &Inventory, suggestions: &[Suggestion]) -> Vec<String> {
    let mut lines = Vec::new();
    for suggestion in suggestions {
        let id = &inventory.groups[suggestion.group as usize].key.group_id;
        for suggested in &suggestion.rules {
            let mark = if suggested.widened { " ~" } else { "" };
            lines.push(format!("{id} {} x{}{mark}", suggested.rule, suggested.seen.flows));
        }
    }
    lines
}

fn check(text: &str, flow_lines: &str, expected: &[&str]) {
    check_wide(text, flow_lines, Lengths::default(), expected);
}

fn check_wide(text: &str, flow_lines: &str, lengths: Lengths, expected: &[&str]) {
    let (inventory, flows) = (world(text), flows(flow_lines));
    let (suggestions, plan) = suggested(&inventory, &flows, lengths);
    assert_eq!(lines(&inventory, &suggestions), expected);
    holds(&plan);
}

/// The plan holds by itself, and opens nothing.
fn holds(plan: &Plan) {
    let proofs = prove_again(plan, 0..plan.groups.len()).unwrap();
    for (planned, proof) in plan.groups.iter().zip(proofs) {
        assert_eq!(planned.proof, proof);
        assert!(proof.opens.is_empty(), "{:?}", proof.opens);
    }
}

const SHOP: &str = "
    group sg-web
    ingress tcp 0-1023 from 0.0.0.0/0
    egress all to 0.0.0.0/0
    group sg-db
    ingress tcp 5432 from 10.0.0.0/16, sg-ops # the shop
    ingress icmp 3/4 from 0.0.0.0/0
    ingress icmp 8/0 from 10.0.0.0/8
    group sg-ops
    list pl-partner = 192.0.2.0/25
    group sg-api
    ingress tcp 8443 from pl-partner, 192.0.2.0/24
    interface eni-web 10.0.0.5 on sg-web
    interface eni-db 10.0.1.9 on sg-db
    interface eni-ops 10.0.2.2, 10.0.2.3 on sg-ops
    interface eni-api 10.0.3.1 on sg-api
    interface eni-plain 10.0.4.1 on sg-lone
    interface eni-far 10.1.4.1 on sg-web-like
";

#[test]
fn addresses_that_were_seen_are_enough() {
    check(
        SHOP,
        "eni-web 203.0.113.8:50000 > 10.0.0.5:443 tcp x3
         eni-web 203.0.113.9:50000 > 10.0.0.5:443 tcp
         eni-web 203.0.113.9:50001 > 10.0.0.5:22 tcp",
        &["sg-web ingress tcp 22 from 203.0.113.9/32 x1", "sg-web ingress tcp 443 from 203.0.113.8/31 x4"],
    );
}

#[test]
fn lists_and_groups_stand_for_what_they_hold() {
    check(
        SHOP,
        "eni-db 10.0.2.2:50000 > 10.0.1.9:5432 tcp
         eni-db 10.0.0.5:50000 > 10.0.1.9:5432 tcp
         eni-api 192.0.2.7:50000 > 10.0.3.1:8443 tcp
         eni-api 192.0.2.200:50000 > 10.0.3.1:8443 tcp",
        &[
            "sg-api ingress tcp 8443 from pl-partner x1",
            "sg-api ingress tcp 8443 from 192.0.2.200/32 x1",
            "sg-db ingress tcp 5432 from sg-ops x1",
            "sg-db ingress tcp 5432 from sg-web x1",
        ],
    );
}

#[test]
fn a_group_may_take_the_place_of_addresses_beside_a_rule_that_names_it_for_other_ports() {
    let text = "
        group sg-web
        ingress tcp 80-443 from sg-ops
        ingress udp 53 from 10.0.0.0/8
        group sg-ops
        interface eni-web 10.0.0.5 on sg-web
        interface eni-ops 10.0.2.2 on sg-ops";
    check(
        text,
        "eni-web 10.0.2.2:50000 > 10.0.0.5:443 tcp
         eni-web 10.0.2.2:50000 > 10.0.0.5:53 udp",
        &["sg-web ingress tcp 443 from sg-ops x1", "sg-web ingress udp 53 from sg-ops x1"],
    );
}

#[test]
fn an_address_whose_group_was_not_read_stays_an_address() {
    check(SHOP, "eni-db 10.0.4.1:50000 > 10.0.1.9:5432 tcp", &["sg-db ingress tcp 5432 from 10.0.4.1/32 x1"]);
}

#[test]
fn a_group_is_not_named_where_a_member_is_not_admitted_today() {
    let text = "
        group sg-db
        ingress tcp 5432 from 10.0.0.0/24
        group sg-app
        interface eni-db 10.0.1.9 on sg-db
        interface eni-1 10.0.0.7 on sg-app
        interface eni-2 10.0.9.7 on sg-app";
    check(text, "eni-db 10.0.0.7:50000 > 10.0.1.9:5432 tcp", &["sg-db ingress tcp 5432 from 10.0.0.7/32 x1"]);
}

#[test]
fn types_of_icmp_that_may_have_been_used_stay() {
    check(
        SHOP,
        "eni-db 10.0.4.1 > 10.0.1.9 icmp",
        &["sg-db ingress icmp 3/4 from 10.0.4.1/32 x1", "sg-db ingress icmp 8/0 from 10.0.4.1/32 x1"],
    );
}

#[test]
fn groups_of_which_no_log_tells_are_left_alone() {
    check(SHOP, "eni-web 203.0.113.8:50000 > 10.0.0.5:443 tcp reject", &[]);
    let (inventory, flows) = (world(SHOP), flows("eni-web 203.0.113.8:50000 > 10.0.0.5:443 tcp reject"));
    let (suggestions, plan) = suggested(&inventory, &flows, Lengths::default());
    let told: Vec<&str> =
        suggestions.iter().map(|one| inventory.groups[one.group as usize].key.group_id.as_str()).collect();
    assert_eq!(told, ["sg-web"]);
    assert_eq!(plan.groups.len(), 1);
    assert_eq!(plan.groups[0].changes.len(), 2); // nothing was admitted, so nothing is needed
}

#[test]
fn addresses_are_widened_as_far_as_asked_and_no_further_than_today() {
    let text = "
        group sg-1
        ingress tcp 443 from 203.0.113.0/25, 2001:db8::/40
        interface eni-1 10.0.0.5, 2001:db8::5 on sg-1";
    let flows = "
        eni-1 203.0.113.9:50000 > 10.0.0.5:443 tcp
        eni-1 203.0.113.99:50000 > 10.0.0.5:443 tcp
        eni-1 [2001:db8:1::9]:50000 > [2001:db8::5]:443 tcp";
    check_wide(
        text,
        flows,
        Lengths { v4: 28, v6: 48 },
        &[
            "sg-1 ingress tcp 443 from 203.0.113.0/28 x1",
            "sg-1 ingress tcp 443 from 203.0.113.96/28 x1",
            "sg-1 ingress tcp 443 from 2001:db8:1::/48 x1",
        ],
    );
    // Today's rule is no wider, so it stays as it is.
    check_wide(
        text,
        flows,
        Lengths { v4: 24, v6: 32 },
        &["sg-1 ingress tcp 443 from 203.0.113.0/25 x2", "sg-1 ingress tcp 443 from 2001:db8::/40 x1"],
    );
}

#[test]
fn what_the_quota_has_no_room_for_is_widened_where_most_rules_are_made() {
    let text = "
        group sg-1
        ingress tcp 443 from 0.0.0.0/0
        ingress tcp 22 from 10.0.0.0/8
        interface eni-1 10.0.0.5 on sg-1";
    let mut seen = String::from("eni-1 10.7.7.7:50000 > 10.0.0.5:22 tcp\n");
    for client in 0..200u32 {
        // Scattered over the whole internet.
        let address = std::net::Ipv4Addr::from_bits(client.wrapping_mul(0x9e37_79b9) | 1);
        writeln!(seen, "eni-1 {address}:50000 > 10.0.0.5:443 tcp").unwrap();
    }
    check(text, &seen, &["sg-1 ingress tcp 22 from 10.7.7.7/32 x1", "sg-1 ingress tcp 443 from 0.0.0.0/0 x200"]);
    // All of one network: a block of it.
    let near: String = (0..200).map(|n| format!("eni-1 203.0.113.{}:50000 > 10.0.0.5:443 tcp\n", n | 1)).collect();
    let (inventory, flows) = (world(text), flows(&near));
    let (suggestions, _) = suggested(&inventory, &flows, Lengths::default());
    let rules = lines(&inventory, &suggestions);
    assert!(
        rules.len() <= 60 && rules.iter().all(|line| line.contains("203.0.113.") && line.ends_with('~')),
        "{rules:#?}"
    );
}

#[test]
fn many_ports_from_one_peer_become_todays_range() {
    let text = "
        group sg-1
        ingress tcp 1024-65535 from sg-2, 10.0.9.0/24
        group sg-2
        interface eni-1 10.0.0.5 on sg-1
        interface eni-2 10.0.0.6 on sg-2";
    let seen: String = (0..200).map(|n| format!("eni-1 10.0.0.6:1000 > 10.0.0.5:{} tcp\n", 2000 + n * 2)).collect();
    check(text, &seen, &["sg-1 ingress tcp 1024-65535 from sg-2 x200"]);
}

proptest! {
    #![proptest_config(cases(300))]

    /// By the naive model, which knows nothing of sets: what began a connection and was admitted is admitted by the
    /// suggestion, and a suggestion admits nothing that today's rules do not.
    #[test]
    fn suggestions_cover_what_was_seen_and_nothing_but_what_is_admitted_today(
        text in any_world(), lines in any_flows(), v4 in prop::sample::select(vec![32u8, 24, 8]),
    ) {
        let (inventory, flows) = (world(&text), flows(&lines));
        let (suggestions, plan) = suggested(&inventory, &flows, Lengths { v4, v6: 128 });
        holds(&plan);
        let mut after = text.split("group sg-1\n").next().unwrap().to_owned();
        for group in ["sg-1", "sg-2"] {
            writeln!(after, "group {group}").unwrap();
            let own = inventory.groups.iter().position(|one| one.key.group_id == group).unwrap();
            match suggestions.iter().find(|one| one.group as usize == own) {
                Some(one) => one.rules.iter().for_each(|one| writeln!(after, "{}", words(&one.rule)).unwrap()),
                None => inventory.groups[own].rules.iter().for_each(|rule| writeln!(after, "{}", words(rule)).unwrap()),
            }
        }
        let (before, after) = (naive::world(&text), naive::world(&after));
        prop_assert_eq!(before.lost(&after, &flows), 0);
        for probe in probes() {
            prop_assert!(!after.admits(&probe) || before.admits(&probe), "{probe:?} is admitted anew");
        }
        // Without widening, nobody is admitted on a port on whom nothing was seen, but members of what is named.
        if v4 == 32 {
            for one in &suggestions {
                for rule in one.rules.iter().filter(|one| !one.widened) {
                    prop_assert!(rule.seen.flows > 0, "{} was not seen", rule.rule);
                }
                let identities: BTreeSet<_> = one.rules.iter().map(|one| one.rule.identity()).collect();
                prop_assert_eq!(identities.len(), one.rules.len());
            }
        }
    }

    /// One address a flow and one port a flow: as few rules as a search over all ways to write them finds.
    #[test]
    fn for_few_addresses_the_rules_are_the_fewest(cells in prop::collection::btree_set((0..4u16, 0..4u32), 1..7)) {
        let text = "group sg-1\ningress tcp 100-200 from 198.51.100.0/24\ninterface eni-1 10.0.0.5 on sg-1";
        let line = |(port, host): &(u16, u32)| {
            format!("eni-1 198.51.100.{host}:50000 > 10.0.0.5:{} tcp\n", 100 + port)
        };
        let seen: String = cells.iter().map(line).collect();
        let (suggestions, _) = suggested(&world(text), &flows(&seen), Lengths::default());
        prop_assert_eq!(suggestions[0].rules.len(), fewest(&cells), "{:?}", suggestions);
    }
}

/// The least number of rules (a range of ports, an aligned block of addresses) whose union is exactly these cells.
fn fewest(cells: &BTreeSet<(u16, u32)>) -> usize {
    let bit = |(port, host): (u16, u32)| 1u32 << (u32::from(port) * 4 + host);
    let all = cells.iter().map(|cell| bit(*cell)).sum::<u32>();
    let mut rules = Vec::new();
    for low in 0..4 {
        for high in low..4 {
            for (host, size) in [(0, 1), (1, 1), (2, 1), (3, 1), (0, 2), (2, 2), (0, 4)] {
                let cells: u32 =
                    (low..=high).flat_map(|port| (host..host + size).map(move |host| bit((port, host)))).sum();
                if cells & !all == 0 {
                    rules.push(cells);
                }
            }
        }
    }
    // Breadth first over what is covered so far.
    let mut reached = BTreeSet::from([0u32]);
    for count in 0.. {
        if reached.contains(&all) {
            return count;
        }
        reached = reached.iter().flat_map(|covered| rules.iter().map(move |rule| covered | rule)).collect();
    }
    unreachable!()
}

/// A rule as the naive model reads it.
fn words(rule: &portcullis_core::model::Rule) -> String {
    rule.to_string()
        .replace("all traffic", "all")
        .replace("all ports", "all")
        .replace("all types", "all")
        .replace("protocol ", "")
}

/// Beginnings of connections all over the small world.
fn probes() -> Vec<Flow> {
    let mut probes = Vec::new();
    let addresses =
        ["10.0.0.5", "10.0.0.6", "10.0.2.7", "10.0.2.8", "203.0.113.9", "203.0.113.10", "198.51.100.1", "10.200.0.1"];
    for interface in ["eni-1", "eni-2", "eni-3"] {
        for peer in addresses.iter().map(|text| text.parse::<IpAddr>().unwrap()) {
            for (protocol, ports) in [
                (Protocol::TCP, &[21, 22, 23, 53, 123, 443, 40000, 50000][..]),
                (Protocol::UDP, &[53, 123, 443]),
                (Protocol::ICMP, &[0]),
                (Protocol(47), &[0]),
            ] {
                for (port, direction) in ports.iter().flat_map(|port| Direction::ALL.map(|way| (*port, way))) {
                    probes.push(Flow {
                        interface_id: interface.into(),
                        protocol: protocol.0,
                        destination_port: port,
                        direction: Some(direction),
                        source: peer,
                        destination: peer,
                        ..flows("eni-1 10.0.0.5:1 > 10.0.0.5:1 tcp").remove(0)
                    });
                }
            }
        }
    }
    probes
}
