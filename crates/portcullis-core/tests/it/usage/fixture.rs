//! Worlds with interfaces, and flows, from lines of text.
//!
//! ```text
//! group sg-web                          # its rules follow
//! ingress tcp 443 from 0.0.0.0/0
//! list pl-1 = 10.1.0.0/16               # `list pl-2 ?`: entries not known
//! interface eni-1 10.0.0.5, 10.0.0.6 on sg-web, sg-ops
//! ```
//!
//! ```text
//! eni-1 203.0.113.9:50000 > 10.0.0.5:443 tcp        # what comes after are words in any order:
//!                                                   # reject, in, out, syn, synack, x3 (records), @100-160 (first-last)
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;

use portcullis_core::model::{Direction, Inventory, NetworkInterface, PrefixList, SecurityGroup};
use portcullis_core::net::Protocol;
use portcullis_core::usage::{Attribution, Flow, Members, Places, Risk, Rulebook, Tally, Use};

use crate::fixture::{ACCOUNT, addresses, group, rules};

fn words(text: &str) -> Vec<compact_str::CompactString> {
    text.split(',')
        .map(|word| word.trim().into())
        .filter(|word: &compact_str::CompactString| !word.is_empty())
        .collect()
}

pub(crate) fn world(text: &str) -> Inventory {
    let mut inventory = Inventory::default();
    let mut interfaces = None;
    for line in text.lines().map(|line| line.split('#').next().unwrap().trim()).filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "group" => inventory.groups.push(group(rest, "")),
            "list" => {
                let (id, content) = rest.split_once(' ').unwrap();
                let entries = content.strip_prefix('=').map(addresses);
                let list = PrefixList { id: id.into(), entries, ..PrefixList::default() };
                inventory.prefix_lists.insert(id.into(), list);
            }
            "interfaces" => _ = interfaces.get_or_insert_with(Vec::new),
            "interface" => {
                let (id, rest) = rest.split_once(' ').unwrap();
                let (own, groups) = rest.split_once("on").unwrap();
                interfaces.get_or_insert_with(Vec::new).push(NetworkInterface {
                    id: id.into(),
                    addresses: words(own),
                    group_ids: words(groups),
                    vpc_id: "vpc-1".into(),
                    owner_id: ACCOUNT.into(),
                    ..NetworkInterface::default()
                });
            }
            _ => inventory.groups.last_mut().unwrap().rules.extend(rules(line)),
        }
    }
    inventory.groups.sort_by(|a, b| a.key.cmp(&b.key));
    inventory.interfaces = interfaces;
    inventory
}

fn end(text: &str) -> (IpAddr, u16) {
    match text.rsplit_once(':') {
        Some((address, port)) if !address.contains(':') || address.starts_with('[') => {
            (address.trim_matches(['[', ']']).parse().unwrap(), port.parse().unwrap())
        }
        _ => (text.parse().unwrap(), 0),
    }
}

pub(crate) fn flows(text: &str) -> Vec<Flow> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(flow).collect()
}

fn flow(line: &str) -> Flow {
    let mut parts = line.split_whitespace();
    let mut next = || parts.next().unwrap_or_else(|| panic!("`{line}` is no flow"));
    let (interface, from, _, to, protocol) = (next(), next(), next(), next(), next());
    let ((source, source_port), (destination, destination_port)) = (end(from), end(to));
    let mut flow = Flow {
        account_id: ACCOUNT.into(),
        interface_id: if interface == "-" { "".into() } else { interface.into() },
        source,
        destination,
        source_port,
        destination_port,
        protocol: Protocol::parse(protocol).unwrap().0,
        accepted: true,
        direction: None,
        tcp_flags: 0,
        records: 1,
        packets: 0,
        bytes: 0,
        first: 0,
        last: 60,
    };
    for word in parts {
        match word {
            "reject" => flow.accepted = false,
            "in" => flow.direction = Some(Direction::Ingress),
            "out" => flow.direction = Some(Direction::Egress),
            "syn" => flow.tcp_flags = 2,
            "synack" => flow.tcp_flags = 18,
            _ => match (word.strip_prefix('x'), word.strip_prefix('@')) {
                (Some(records), _) => flow.records = records.parse().unwrap(),
                (_, Some(times)) => {
                    let (first, last) = times.split_once('-').unwrap();
                    (flow.first, flow.last) = (first.parse().unwrap(), last.parse().unwrap());
                }
                _ => panic!("`{word}` says nothing of a flow"),
            },
        }
    }
    flow.packets = flow.records * 10;
    flow.bytes = flow.records * 1000;
    flow
}

/// Attributes flows in so many parts; `change` is what becomes of the groups' rules.
pub(crate) fn attributed<'a>(
    inventory: &'a Inventory,
    after: &'a [SecurityGroup],
    flows: &'a [Flow],
    parts: usize,
    mut take: impl FnMut(&Rulebook<'_>, Tally, Risk<'_>),
) {
    let members = Members::of(inventory);
    let rulebook = Rulebook::new(&inventory.groups, &members);
    let changed = Rulebook::new(after, &members);
    let places = match inventory.interfaces {
        Some(_) => Places::of(inventory, &rulebook),
        None => Places::presumed(flows, &rulebook),
    };
    let attribution = Attribution { rulebook: &rulebook, places: &places, flows };
    let share = flows.len().div_ceil(parts).max(1);
    let seen: Vec<_> = (0..parts)
        .flat_map(|part| attribution.look((part * share).min(flows.len())..((part + 1) * share).min(flows.len())))
        .collect();
    let mut made: Vec<_> = (0..parts).map(|_| (Tally::new(&rulebook), Risk::new(&rulebook, &changed))).collect();
    let add = |(tally, risk): &mut (Tally, Risk<'_>), used: Use<'_>| {
        tally.add(&used);
        risk.add(&used);
    };
    let parts_made = made.iter_mut().enumerate();
    let doubtful: Vec<_> =
        parts_made.map(|(part, made)| attribution.attribute(&seen, part, parts, |used| add(made, used))).collect();
    let evidence: Vec<_> = (0..parts).map(|part| attribution.gather(&seen, &doubtful, part, parts)).collect();
    let (mut tally, mut risk) = (Tally::new(&rulebook), Risk::new(&rulebook, &changed));
    for (mut made, doubtful) in made.into_iter().zip(&doubtful) {
        attribution.settle(&seen, doubtful, &evidence, |used| add(&mut made, used));
        tally.merge(made.0);
        risk.merge(made.1);
    }
    take(&rulebook, tally, risk);
}

/// What became of flows, one line a thing: `sg-web 0: 3 (1 shared) last 60`, `unattributed: 1`, `unguarded: 1`.
pub(crate) fn told(inventory: &Inventory, flows: &[Flow], parts: usize) -> Vec<String> {
    let mut lines = Vec::new();
    attributed(inventory, &inventory.groups, flows, parts, |rulebook, tally, _| {
        for (place, group) in (0u32..).zip(rulebook.groups()) {
            for (index, used) in tally.of_group(place).iter().enumerate().filter(|(_, used)| used.sum.flows > 0) {
                assert_eq!((used.sum.packets, used.sum.bytes), (used.sum.flows * 10, used.sum.flows * 1000));
                let shared = if used.shared > 0 { format!(" ({} shared)", used.shared) } else { String::new() };
                let last = used.last.unwrap();
                lines.push(format!("{} {index}: {}{shared} last {last}", group.key.group_id, used.sum.flows));
            }
        }
        for (name, sum) in [("unattributed", tally.unattributed), ("unguarded", tally.unguarded)] {
            if sum.flows > 0 {
                lines.push(format!("{name}: {}", sum.flows));
            }
        }
    });
    lines
}

/// What is at risk when the rules of some groups become others: `203.0.113.9 > 10.0.0.5 443: 3 by sg-web 0`.
pub(crate) fn at_risk(inventory: &Inventory, change: &str, flows: &[Flow], parts: usize) -> Vec<String> {
    let changes = world(change);
    let new: BTreeMap<_, _> = changes.groups.into_iter().map(|group| (group.key.clone(), group)).collect();
    let after: Vec<SecurityGroup> =
        inventory.groups.iter().map(|group| new.get(&group.key).unwrap_or(group).clone()).collect();
    let mut lines = Vec::new();
    attributed(inventory, &after, flows, parts, |rulebook, _, risk| {
        for (connection, row) in risk.rows() {
            let group = &rulebook.group(connection.rule.group).unwrap().key.group_id;
            lines.push(format!(
                "{} > {} {}: {} by {group} {}",
                connection.source, connection.destination, connection.port, row.sum.flows, connection.rule.rule
            ));
        }
    });
    lines
}
