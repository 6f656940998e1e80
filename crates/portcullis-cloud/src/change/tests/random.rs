//! Random groups led to random ends, with calls that are throttled, lost, or made without an answer.

use std::collections::BTreeMap;

use super::bench::{Bench, Tries, bare};
use crate::change::{Limits, arrange};
use crate::faults::Fate;
use portcullis_core::model::{Direction, Peer, Rule, SecurityGroup, Tag, Tags};
use portcullis_core::net::{AddressSet, AnyCidr, PeerSet, Protocol, RuleServices, Symbol, Traffic};
use portcullis_core::remediation::{Change, difference, fingerprint, simulate};

const SERVICES: &[RuleServices] = &[
    RuleServices::All,
    RuleServices::Ports(Protocol::TCP, 22, 22),
    RuleServices::Ports(Protocol::TCP, 20, 25),
    RuleServices::Ports(Protocol::UDP, 0, 65535),
    RuleServices::Icmp(Protocol::ICMP, None),
    RuleServices::Icmp(Protocol::ICMP, Some((8, None))),
    RuleServices::Icmp(Protocol::ICMPV6, Some((3, Some(4)))),
    RuleServices::Protocol(Protocol(47)),
];
const PEERS: &[&str] = &[
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "::/0",
    "2600:1f18::/33",
    "pl-1",
    "111122223333/sg-2",
    "444455556666/sg-3",
];

/// Xorshift64* (Vigna 2016): the SDK's dependencies would be compiled anew for the sake of a library that does more.
struct Rng(u64);

impl Rng {
    fn new(seed: u64) -> Self {
        let mut rng = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..4).for_each(|_| _ = rng.below(1));
        rng
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % bound
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn tags(&mut self) -> Tags {
        let mut tags = BTreeMap::new();
        for _ in 0..self.below(3) {
            tags.insert(self.pick(&["a", "b", "aws:x"]), self.pick(&["", "1", "é"]));
        }
        tags.into_iter().map(|(key, value)| Tag { key: key.into(), value: value.into() }).collect()
    }

    /// Up to nine rules, none of which is the same as another to AWS.
    fn rules(&mut self) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        for _ in 0..self.below(10) {
            let peer: Peer = self.pick(PEERS).parse().unwrap();
            let rule = Rule {
                description: self.pick(&["", "", "the office", "(x)"]).into(),
                tags: self.tags(),
                ..Rule::new(self.pick(&Direction::ALL), self.pick(SERVICES), peer)
            };
            if !rules.iter().any(|other| other.identity() == rule.identity()) {
                rules.push(rule);
            }
        }
        rules
    }

    /// A group, and one that it shall become: some of its rules have an id of the first, whatever else becomes of them.
    fn groups(&mut self) -> (SecurityGroup, SecurityGroup) {
        let (mut before, mut after) = (self.rules(), self.rules());
        let mut ids: Vec<String> = (0..12).map(|number| format!("sgr-{number}")).collect();
        before.iter_mut().zip(&ids).for_each(|(rule, id)| rule.id = id.as_str().into());
        for rule in &mut after {
            if self.below(3) > 0 {
                rule.id = ids.swap_remove(self.below(ids.len())).into();
            }
        }
        // Some of what stays, so that descriptions and tags alone differ.
        for rule in before.iter().take(self.below(3)) {
            if !after.iter().any(|other| other.identity() == rule.identity()) {
                after.push(Rule { description: "new".into(), tags: self.tags(), id: "".into(), ..rule.clone() });
            }
        }
        let from = SecurityGroup { rules: before, tags: self.tags(), ..bare() };
        (from, SecurityGroup { rules: after, tags: self.tags(), ..bare() })
    }

    fn fates(&mut self) -> Vec<Fate> {
        (0..self.below(12)).map(|_| self.pick(&[Fate::Fine, Fate::Throttled, Fate::Lost, Fate::AnswerLost])).collect()
    }
}

fn traffic(rules: &[Rule], direction: Direction) -> Traffic {
    let boxes = rules.iter().filter(|rule| rule.direction == direction).map(|rule| {
        let peers: PeerSet = match &rule.peer {
            Peer::V4(block) => [AnyCidr::V4(*block)].into_iter().collect::<AddressSet>().into(),
            Peer::V6(block) => [AnyCidr::V6(**block)].into_iter().collect::<AddressSet>().into(),
            Peer::PrefixList(id) => Symbol::PrefixList(id.clone()).into(),
            Peer::Group(group) => Symbol::Group { account: group.account.clone(), id: group.id.clone() }.into(),
        };
        (rule.services.interval(), peers)
    });
    Traffic::from_boxes(boxes)
}

/// Rules with descriptions and tags, and the group's tags, but for what AWS alone may set.
fn shown(group: &SecurityGroup) -> Vec<String> {
    let own = |tags: &[Tag]| {
        let mut tags: Vec<_> = tags.iter().filter(|tag| !tag.key.starts_with("aws:")).cloned().collect();
        tags.sort();
        format!("{tags:?}")
    };
    let rules = group.rules.iter().map(|rule| format!("{rule} {:?} {}", rule.description, own(&rule.tags)));
    let mut shown: Vec<String> = rules.chain([own(&group.tags)]).collect();
    shown.sort();
    shown
}

fn check(from: &SecurityGroup, changes: &[Change], limits: Limits, fates: &[Fate], gap: bool) {
    let wanted = simulate(from, changes).unwrap();
    let calls = arrange(from, changes, limits).unwrap();
    let bench = Bench::of(from);
    // What the API does not document is met either way: whether a description stays that a change in place leaves out.
    bench.change(|place| place.keeps_descriptions = fates.len().is_multiple_of(2));
    bench.fate(fates);
    let mut tries = Tries(30);
    let mut states = Vec::new();
    for call in &calls {
        assert_eq!(bench.perform(std::slice::from_ref(call), &mut tries), Ok(Vec::new()));
        states.push(bench.group());
    }
    let reached = bench.group();
    assert_eq!(shown(&reached), shown(&wanted));
    assert_eq!(fingerprint(&reached), fingerprint(&wanted));
    for direction in Direction::ALL {
        let (before, after) = (traffic(&from.rules, direction), traffic(&wanted.rules, direction));
        let (most, least) = (before.union(&after), before.intersection(&after));
        for state in &states {
            let now = traffic(&state.rules, direction);
            assert!(now.is_subset(&most), "{calls:#?}");
            assert!(gap || least.is_subset(&now), "{calls:#?}");
        }
    }
}

#[test]
fn every_end_is_reached_by_states_that_admit_neither_more_nor_less() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let (from, to) = rng.groups();
        let changes = difference(&from, &to);
        check(&from, &changes, Limits::default(), &rng.fates(), false);
        check(&from, &changes, Limits { rules: 1, tags: 1 }, &rng.fates(), false);
        let (revoke, rest): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| matches!(change, Change::Revoke(_)));
        check(&from, &[revoke, rest].concat(), Limits::default(), &rng.fates(), true);
    }
}

#[test]
fn whatever_stopped_it_the_rest_can_be_done_from_what_stands() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let (from, to) = rng.groups();
        let bench = Bench::of(&from);
        bench.fate(&rng.fates());
        let calls = arrange(&from, &difference(&from, &to), Limits::default()).unwrap();
        let _ = bench.perform(&calls, &mut Tries(2));
        let now = bench.group();
        let calls = arrange(&now, &difference(&now, &to), Limits::default()).unwrap();
        bench.fate(&[]);
        assert_eq!(bench.perform(&calls, &mut Tries(0)), Ok(Vec::new()));
        assert_eq!(fingerprint(&bench.group()), fingerprint(&to));
    }
}
