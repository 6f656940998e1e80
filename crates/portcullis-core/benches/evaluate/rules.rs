//! One group with more and more rules: the cost of each rule should stay what it is.

use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use portcullis_core::evaluate::{Options, evaluate};
use portcullis_core::model::{GroupKey, GroupReference, Inventory, Peer, Rule, SecurityGroup};
use portcullis_core::net::{Protocol, RuleServices};
use portcullis_core::policy::PolicySet;

use crate::fleet::{into, partners, tcp, v4, v6};

const SIZES: [u32; 4] = [10, 100, 1_000, 10_000];
/// A size is measured for this long, once at least.
const PATIENCE: Duration = Duration::from_millis(200);
/// After a size that takes longer the next is left out: it could take a hundred times that.
const TOO_LONG: Duration = Duration::from_secs(1);

type Shape = fn(u32) -> Rule;

const SHAPES: &[(&str, Shape)] = &[
    ("one port, scattered addresses", |n| tcp(22, v4((scattered(n), 32)))),
    ("one port, blocks that touch", |n| tcp(22, v4(((52 << 24) + (n << 8), 24)))),
    ("one port, IPv6 sites", |n| tcp(22, v6((0x2a02_8070 << 96) | u128::from(n) << 81, 48).unwrap_or(v4((0, 0))))),
    ("one port, referenced groups", |n| tcp(22, group(n))),
    ("one port, prefix lists that are not known", |n| tcp(22, Peer::PrefixList(format!("pl-{n}").into()))),
    ("a port each, one private block", |n| tcp(port(n * 6), v4((10 << 24, 8)))),
    ("a port each, the internet", |n| tcp(port(n * 6), v4((0, 0)))),
    ("a port each, scattered addresses", |n| tcp(port(n * 6), v4((scattered(n), 32)))),
    ("ranges within ranges, one private block", |n| nested(n, v4((10 << 24, 8)))),
    ("ranges within ranges, the internet", |n| nested(n, v4((0, 0)))),
    ("ranges within ranges, scattered addresses", |n| nested(n, v4((scattered(n), 32)))),
    ("ranges within ranges, referenced groups", |n| nested(n, group(n))),
];

/// Prints the cost of a rule, by shape and number of rules.
pub(crate) fn growth(policies: &PolicySet) {
    println!("one group, {} controls: time a rule, by number of rules", policies.controls.len());
    let head: String = SIZES.iter().map(|size| format!(" | {size:>9}")).collect();
    println!("{:42}{head}", "rules");
    line("four ports, scattered addresses", policies, |size| partners(size as usize, 7));
    for (name, shape) in SHAPES {
        line(name, policies, |size| (0..size).map(shape).collect());
    }
}

fn line(name: &str, policies: &PolicySet, rules: impl Fn(u32) -> Vec<Rule>) {
    let mut cells = String::new();
    let mut last = Duration::ZERO;
    for size in SIZES {
        if last > TOO_LONG {
            cells.push_str(" |         -");
            continue;
        }
        last = time(&inventory(rules(size)), policies);
        cells.push_str(&format!(" | {:6.0} ns", last.as_secs_f64() * 1e9 / f64::from(size)));
    }
    println!("{name:42}{cells}");
}

fn time(inventory: &Inventory, policies: &PolicySet) -> Duration {
    let (mut runs, mut best) = (Duration::ZERO, Duration::MAX);
    while runs < PATIENCE {
        let start = Instant::now();
        black_box(evaluate(black_box(inventory), policies, Timestamp::UNIX_EPOCH, Options::default()));
        let took = start.elapsed();
        best = best.min(took);
        runs += took;
    }
    best
}

fn inventory(rules: Vec<Rule>) -> Inventory {
    let key = GroupKey { account_id: "111122223333".into(), region: "us-east-1".into(), group_id: "sg-1".into() };
    let group = SecurityGroup { key, name: "large".into(), vpc_id: "vpc-1".into(), rules, ..SecurityGroup::default() };
    Inventory { groups: vec![group], interfaces: Some(Vec::new()), ..Inventory::default() }
}

/// Addresses of which no two touch.
fn scattered(n: u32) -> u32 {
    (52 << 24) + n * 37
}

fn nested(n: u32, peer: Peer) -> Rule {
    into(RuleServices::Ports(Protocol::TCP, port(n * 3), port(65_535 - n * 3)), peer)
}

fn port(n: u32) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

fn group(n: u32) -> Peer {
    let (account, id) = ("111122223333".into(), format!("sg-{n:017x}").into());
    Peer::Group(Box::new(GroupReference { account, id, ..GroupReference::default() }))
}
