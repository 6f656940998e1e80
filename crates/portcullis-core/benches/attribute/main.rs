//! What attributing flows costs: `cargo bench -p portcullis-core --bench attribute`.
//!
//! A million distinct flows, half of them answers, at the interfaces of a thousand groups of fifty rules.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads clocks and starts threads; the core does not")]
#![expect(clippy::print_stdout, reason = "a program whose purpose is to print a table")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, Instant};

use compact_str::format_compact;
use portcullis_core::model::{
    Direction, GroupKey, GroupReference, Inventory, NetworkInterface, Peer, Rule, SecurityGroup,
};
use portcullis_core::net::{Cidr, Protocol, RuleServices};
use portcullis_core::usage::{Attribution, Flow, Lengths, Members, Observed, Places, Rulebook, Suggester, Tally};

const FLOWS: usize = 1_000_000;
const GROUPS: usize = 1_000;
const RULES: u32 = 50;
/// Of so many runs the fastest counts: what disturbs a run only ever slows it.
const RUNS: usize = 5;

fn main() {
    // `cargo test --benches` runs this too, without the argument: there is nothing to test.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(FLOWS);
    let inventory = inventory();
    let (few, flows) = (flows(count, 1), flows(count, 1_000));
    println!("{count} distinct flows, {GROUPS} groups of {RULES} rules inbound");
    println!("threads | indices | seen where | attributed | settled | all");
    for threads in [1, 2] {
        let runs: Vec<[Duration; 5]> = (0..RUNS).map(|_| run(&inventory, &flows, threads)).collect();
        let least = |index: usize| runs.iter().filter_map(|run| run.get(index)).min().copied().unwrap_or_default();
        let texts: Vec<String> = (0..5).map(|index| format!("{:.2} s", least(index).as_secs_f64())).collect();
        println!("{threads:7} | {}", texts.join(" | "));
    }
    for (name, flows) in [("at all interfaces", &flows), ("at one interface", &few)] {
        let [attributed, suggested, count] = suggested(&inventory, flows);
        println!("suggestions, {name}: attributed {attributed:.2} s, {count} points, suggested {suggested:.2} s");
    }
}

fn side_by_side<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..threads).map(|part| scope.spawn(move || work(part))).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    })
}

fn run(inventory: &Inventory, flows: &[Flow], threads: usize) -> [Duration; 5] {
    let start = Instant::now();
    let members = Members::of(inventory);
    let rulebook = Rulebook::new(&inventory.groups, &members);
    let places = Places::of(inventory, &rulebook);
    let attribution = Attribution { rulebook: &rulebook, places: &places, flows };
    let indices = start.elapsed();
    let share = flows.len().div_ceil(threads);
    let seen = side_by_side(threads, |part| attribution.look(part * share..flows.len().min((part + 1) * share)));
    let seen: Vec<_> = seen.into_iter().flatten().collect();
    let looked = start.elapsed();
    let (mut tallies, doubtful): (Vec<_>, Vec<_>) = side_by_side(threads, |part| {
        let mut tally = Tally::new(&rulebook);
        let doubtful = attribution.attribute(&seen, part, threads, |used| tally.add(&used));
        (tally, doubtful)
    })
    .into_iter()
    .unzip();
    let attributed = start.elapsed();
    let evidence = side_by_side(threads, |part| attribution.gather(&seen, &doubtful, part, threads));
    for (tally, doubtful) in tallies.iter_mut().zip(&doubtful) {
        attribution.settle(&seen, doubtful, &evidence, |used| tally.add(&used));
    }
    black_box(tallies);
    let all = start.elapsed();
    [indices, looked - indices, attributed - looked, all - attributed, all]
}

/// Seconds of attributing and of suggesting, and how many points there are; all on one thread.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn suggested(inventory: &Inventory, flows: &[Flow]) -> [f64; 3] {
    let members = Members::of(inventory);
    let rulebook = Rulebook::new(&inventory.groups, &members);
    let places = Places::of(inventory, &rulebook);
    let attribution = Attribution { rulebook: &rulebook, places: &places, flows };
    let start = Instant::now();
    let mut observed = Observed::new();
    let seen = attribution.attribute_all(|used| observed.add(&used));
    let points = observed.sorted();
    let attributed = start.elapsed();
    let suggester = Suggester { inventory, members: &members, rulebook: &rulebook, lengths: Lengths::default() };
    black_box(suggester.suggest(&points, attribution.watched(&seen)));
    [attributed.as_secs_f64(), (start.elapsed() - attributed).as_secs_f64(), points.len() as f64]
}

/// Cheap numbers that look random, the same each time.
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
fn low(number: u64) -> u32 {
    number as u32
}

fn own(group: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + group)
}

fn inventory() -> Inventory {
    let id = |group: u32| format_compact!("sg-{group:017x}");
    let group = |number: u32| {
        let rule = |place: u32| {
            let port = u16::try_from(1000 + place % 10).unwrap_or_default();
            let random = low(mix(u64::from(number * RULES + place)));
            let peer = match place % 5 {
                0 => Peer::Group(Box::new(GroupReference { id: id(random % 1_000), ..GroupReference::default() })),
                1 => Cidr::new(0, 0).map_or_else(|| Peer::PrefixList("pl-0".into()), Peer::V4),
                _ => Cidr::new(0x0a00_0000 | random & 0x00ff_ffff, 16 + (random % 16) as u8)
                    .map_or_else(|| Peer::PrefixList("pl-0".into()), Peer::V4),
            };
            Rule::new(Direction::Ingress, RuleServices::Ports(Protocol::TCP, port, port), peer)
        };
        let mut rules: Vec<Rule> = (0..RULES).map(rule).collect();
        rules.extend(Cidr::new(0, 0).map(|all| Rule::new(Direction::Egress, RuleServices::All, Peer::V4(all))));
        let key = GroupKey { account_id: "111122223333".into(), region: "eu-west-1".into(), group_id: id(number) };
        SecurityGroup { key, vpc_id: "vpc-1".into(), rules, ..SecurityGroup::default() }
    };
    let interface = |number: u32| NetworkInterface {
        id: format_compact!("eni-{number:017x}"),
        group_ids: vec![id(number), id((number + 1) % 1_000)],
        addresses: vec![own(number).to_string().into()],
        vpc_id: "vpc-1".into(),
        ..NetworkInterface::default()
    };
    let groups = (0..1_000).map(group).collect();
    Inventory { groups, interfaces: Some((0..1_000).map(interface).collect()), ..Inventory::default() }
}

/// Flows at so many interfaces.
fn flows(count: usize, interfaces: u32) -> Vec<Flow> {
    let flow = |index: usize| {
        let connection = index / 2;
        let random = mix(connection as u64);
        let number = low(random >> 40) % interfaces;
        let client = Ipv4Addr::from_bits(low(mix(random) % 200_000).wrapping_mul(20_011));
        let ephemeral = 32_768 + u16::try_from(connection % 28_000).unwrap_or_default();
        let port = 1_000 + u16::try_from(random % 10).unwrap_or_default();
        let (client, own) = (IpAddr::V4(client), IpAddr::V4(own(number)));
        let (source, source_port, destination, destination_port) =
            if index.is_multiple_of(2) { (client, ephemeral, own, port) } else { (own, port, client, ephemeral) };
        Flow {
            account_id: "111122223333".into(),
            interface_id: format_compact!("eni-{number:017x}"),
            source,
            destination,
            source_port,
            destination_port,
            protocol: 6,
            accepted: true,
            direction: None,
            tcp_flags: 0,
            records: 1,
            packets: 10,
            bytes: 1_000,
            first: 1_700_000_000,
            last: 1_700_000_060,
        }
    };
    (0..count).map(flow).collect()
}
