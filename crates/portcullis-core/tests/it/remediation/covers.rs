//! Plans take as few rules as can be, against a search over all sets of rules in a tiny universe: four ports, four
//! addresses.

use portcullis_core::remediation::{Strategy, plan, simulate};
use proptest::prelude::*;

use crate::fixture::{cases, control, judged, now, policy, world};

/// A set of the sixteen points: bit `4 * port + address`.
type Points = u16;

/// What a rule can admit: a range of ports for a block of addresses.
fn boxes() -> Vec<Points> {
    let blocks = [(0, 4), (0, 2), (2, 2), (0, 1), (1, 1), (2, 1), (3, 1)];
    let ranges = (0..4).flat_map(|low| (low..4).map(move |high| (low, high)));
    let of = |(low, high): (u32, u32)| {
        blocks.map(|(first, count)| (low..=high).fold(0, |all, port| all | ((1u16 << count) - 1) << (4 * port + first)))
    };
    ranges.flat_map(of).collect()
}

/// The fewest rules that admit exactly these points.
fn fewest(target: Points) -> usize {
    let fitting: Vec<Points> = boxes().into_iter().filter(|points| points & !target == 0).collect();
    (0..=16).find(|count| covers(&fitting, target, *count)).unwrap()
}

fn covers(boxes: &[Points], target: Points, most: usize) -> bool {
    if target == 0 {
        return true;
    }
    if most == 0 {
        return false;
    }
    // Some rule must admit the first point that is not yet admitted.
    let first = 1 << target.trailing_zeros();
    boxes.iter().filter(|points| *points & first != 0).any(|points| covers(boxes, target & !points, most - 1))
}

/// The points of ports and addresses, each given as four bits.
fn product(ports: u16, addresses: u16) -> Points {
    (0..4).filter(|port| ports >> port & 1 == 1).fold(0, |all, port| all | addresses << (4 * port))
}

fn names(bits: u16, name: impl Fn(u32) -> String) -> String {
    (0..4).filter(|place| bits >> place & 1 == 1).map(name).collect::<Vec<_>>().join(",")
}

/// How many rules are left of one for everything when these points are prohibited, and the fewest that could be.
fn left(cuts: &[(u16, u16)]) -> (usize, usize) {
    let lines: Vec<String> = cuts
        .iter()
        .enumerate()
        .map(|(place, (ports, addresses))| {
            let ports = names(*ports, |port| format!("{}", 20 + port));
            let addresses = names(*addresses, |address| format!("10.0.0.{address}/32"));
            format!("cut-{place} high ingress tcp:{ports} any {addresses}")
        })
        .collect();
    let (inventory, policies) =
        (world("ingress tcp 20-23 from 10.0.0.0/30"), policy(lines.iter().map(|line| control(line))));
    let plan = plan(&inventory, &policies, &judged(&inventory, &policies), &Strategy::Narrow, now());
    let planned = &plan.groups[0];
    let rules = simulate(&planned.group, &planned.changes).unwrap().rules.len();
    let target = cuts.iter().fold(u16::MAX, |left, (ports, addresses)| left & !product(*ports, *addresses));
    (rules, fewest(target))
}

#[test]
fn one_cut_leaves_the_fewest_rules() {
    for ports in 1..16 {
        for addresses in 1..16 {
            let (rules, fewest) = left(&[(ports, addresses)]);
            assert_eq!(rules, fewest, "ports {ports:04b}, addresses {addresses:04b}");
        }
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn two_cuts_leave_the_fewest_rules(cuts in prop::collection::vec((1u16..16, 1u16..16), 2)) {
        let (rules, fewest) = left(&cuts);
        prop_assert_eq!(rules, fewest, "{:?}", cuts);
    }

    #[test]
    fn many_cuts_leave_few_rules(cuts in prop::collection::vec((1u16..16, 1u16..16), 3..5)) {
        let (rules, fewest) = left(&cuts);
        prop_assert!(rules <= fewest + 1, "{} rules where {} do: {:?}", rules, fewest, cuts);
    }
}
