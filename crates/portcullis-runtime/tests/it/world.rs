//! Random inventories, and what they are judged by.

use std::sync::LazyLock;

use portcullis_core::model::{Direction, GroupKey, Inventory, Peer, Rule, SecurityGroup, Tag};
use portcullis_core::net::{Protocol, RuleServices};
use portcullis_core::policy::PolicySet;
use portcullis_formats::policy::assemble::{Request, assemble};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;

/// All controls that ship.
pub(crate) static POLICIES: LazyLock<PolicySet> = LazyLock::new(|| {
    let request = Request { packs: vec!["all".to_owned()], ..Request::default() };
    assemble(&request).unwrap().set
});

const SERVICES: &[RuleServices] = &[
    RuleServices::All,
    RuleServices::Ports(Protocol::TCP, 22, 22),
    RuleServices::Ports(Protocol::TCP, 80, 443),
    RuleServices::Ports(Protocol::TCP, 443, 443),
    RuleServices::Ports(Protocol::TCP, 0, 65535),
    RuleServices::Ports(Protocol::TCP, 3000, 3400),
    RuleServices::Ports(Protocol::UDP, 3389, 3389),
    RuleServices::Icmp(Protocol::ICMP, None),
    RuleServices::Protocol(Protocol(47)),
];
const PEERS: &[&str] = &[
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "17.0.0.0/8",
    "52.94.0.0/15",
    "52.94.76.10/32",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "::/0",
    "2000::/3",
    "2600:1f18::/33",
    "fd00::/8",
    "sg-0123456789abcdef0",
];

fn rule() -> impl Strategy<Value = (Direction, RuleServices, &'static str)> {
    (select(&Direction::ALL[..]), select(SERVICES), select(PEERS))
}

fn group(number: usize) -> impl Strategy<Value = SecurityGroup> {
    (btree_set(rule(), 0..6), vec("[a-z ]{0,8}", 6)).prop_map(move |(rules, words)| {
        let rule = |(place, (direction, services, peer)): (usize, (Direction, RuleServices, &str))| Rule {
            description: words[place].as_str().into(),
            id: format!("sgr-{number}{place}").into(),
            ..Rule::new(direction, services, peer.parse::<Peer>().unwrap())
        };
        let key = GroupKey {
            account_id: "111122223333".into(),
            region: "eu-west-1".into(),
            group_id: format!("sg-{number}").into(),
        };
        let mut rules: Vec<Rule> = rules.into_iter().enumerate().map(rule).collect();
        rules.sort();
        let tags = vec![Tag { key: "Owner".into(), value: "shop".into() }];
        SecurityGroup { key, name: format!("group {number}").into(), tags, rules, ..SecurityGroup::default() }
    })
}

/// Three groups of up to five rules.
pub(crate) fn inventories() -> impl Strategy<Value = Inventory> {
    (group(0), group(1), group(2)).prop_map(|(a, b, c)| Inventory {
        groups: vec![a, b, c],
        has_rule_ids: true,
        ..Inventory::default()
    })
}
