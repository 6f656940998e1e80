//! Attribution done flow by flow and rule by rule, straight from the sentences of the documentation. It shares no code with
//! what it checks: it reads the text of worlds itself, and compares addresses bit by bit.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use portcullis_core::model::Direction;
use portcullis_core::usage::Flow;

struct Rule {
    inward: bool,
    /// `None` for all protocols.
    protocol: Option<u8>,
    ports: (u16, u16),
    peer: String,
}

#[derive(Default)]
pub(super) struct World {
    groups: BTreeMap<String, Vec<Rule>>,
    /// Address and groups of each interface.
    interfaces: BTreeMap<String, (Vec<IpAddr>, Vec<String>)>,
    lists: BTreeMap<String, Vec<String>>,
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

pub(super) fn world(text: &str) -> World {
    let mut world = World::default();
    let mut current = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "group" => {
                current = words[1].to_owned();
                world.groups.entry(current.clone()).or_default();
            }
            "list" => _ = world.lists.insert(words[1].to_owned(), split(line.split_once('=').unwrap().1)),
            "interface" => {
                let (own, groups) = line.split_once(words[1]).unwrap().1.split_once("on").unwrap();
                let own = split(own).iter().map(|address| address.parse().unwrap()).collect();
                world.interfaces.insert(words[1].to_owned(), (own, split(groups)));
            }
            way => {
                let peers = line.split_once(if way == "ingress" { " from " } else { " to " }).unwrap().1;
                let protocol = match words[1] {
                    "tcp" => Some(6),
                    "udp" => Some(17),
                    "icmp" => Some(1),
                    _ => None,
                };
                let ports = match words[2].split_once('-') {
                    Some((low, high)) => (low.parse().unwrap(), high.parse().unwrap()),
                    None => words[2].parse().map_or((0, u16::MAX), |port| (port, port)),
                };
                for peer in split(peers) {
                    world.groups.get_mut(&current).unwrap().push(Rule {
                        inward: way == "ingress",
                        protocol,
                        ports,
                        peer,
                    });
                }
            }
        }
    }
    world
}

fn bits(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(address) => (32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (128, u128::from(address)),
    }
}

fn within(address: IpAddr, block: &str) -> bool {
    let (network, prefix) = block.split_once('/').unwrap();
    let ((width, network), (own_width, own)) = (bits(network.parse().unwrap()), bits(address));
    let host = width - prefix.parse::<u32>().unwrap();
    width == own_width && (host == 128 || network >> host == own >> host)
}

impl World {
    fn is_peer(&self, peer: &str, address: IpAddr) -> bool {
        if peer.starts_with("pl-") {
            return self.lists[peer].iter().any(|block| within(address, block));
        }
        if peer.starts_with("sg-") {
            let mut on = self.interfaces.values().filter(|(_, groups)| groups.iter().any(|group| group == peer));
            return on.any(|(own, _)| own.contains(&address));
        }
        within(address, peer)
    }

    fn is_inward(&self, flow: &Flow) -> Option<bool> {
        let told = flow.direction.map(|direction| direction == Direction::Ingress);
        let (own, _) = self.interfaces.get(flow.interface_id.as_str()).map_or((&[][..], &[][..]), |(a, b)| (a, b));
        told.or_else(|| match (own.contains(&flow.destination), own.contains(&flow.source)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        })
    }

    /// Group and place of the rules that admit a flow as the beginning of a connection.
    fn admitting(&self, flow: &Flow) -> BTreeSet<(String, usize)> {
        let mut found = BTreeSet::new();
        let (Some(inward), Some((_, groups))) = (self.is_inward(flow), self.interfaces.get(flow.interface_id.as_str()))
        else {
            return found;
        };
        let peer = if inward { flow.source } else { flow.destination };
        for group in groups {
            for (place, rule) in self.groups.get(group).into_iter().flatten().enumerate() {
                let protocol = rule.protocol.is_none_or(|protocol| protocol == flow.protocol);
                let has_port = matches!(flow.protocol, 6 | 17);
                let port = rule.protocol.is_none()
                    || !has_port
                    || (rule.ports.0..=rule.ports.1).contains(&flow.destination_port);
                if rule.inward == inward && protocol && port && self.is_peer(&rule.peer, peer) {
                    found.insert((group.clone(), place));
                }
            }
        }
        found
    }

    /// For each rule: records, those of them that are shared, and the last use; then what no rule admits and what none filters.
    pub(super) fn told(&self, flows: &[Flow]) -> Vec<String> {
        let flows: Vec<&Flow> = flows.iter().filter(|flow| flow.accepted).collect();
        let mut used: BTreeMap<(String, usize), (u64, u64, i64)> = BTreeMap::new();
        let (mut unattributed, mut unguarded) = (0, 0);
        for flow in &flows {
            let (began, either) = self.began(flow, &flows);
            if !began {
                continue;
            }
            let rules = self.admitting(flow);
            if rules.is_empty() {
                let none = self.interfaces.get(flow.interface_id.as_str()).is_some_and(|(_, groups)| groups.is_empty());
                *(if none { &mut unguarded } else { &mut unattributed }) += flow.records;
            }
            let shared = if rules.len() > 1 || either { flow.records } else { 0 };
            for rule in rules {
                let row = used.entry(rule).or_insert((0, 0, i64::MIN));
                *row = (row.0 + flow.records, row.1 + shared, row.2.max(flow.last));
            }
        }
        let line = |((group, place), (flows, shared, last)): (&(String, usize), &(u64, u64, i64))| {
            let shared = if *shared > 0 { format!(" ({shared} shared)") } else { String::new() };
            format!("{group} {place}: {flows}{shared} last {last}")
        };
        let mut lines: Vec<String> = used.iter().map(line).collect();
        for (name, sum) in [("unattributed", unattributed), ("unguarded", unguarded)] {
            if sum > 0 {
                lines.push(format!("{name}: {sum}"));
            }
        }
        lines
    }

    /// Whether a flow began its connection, and whether that cannot be told.
    fn began(&self, flow: &Flow, flows: &[&Flow]) -> (bool, bool) {
        let same_place = |other: &&&Flow| other.interface_id == flow.interface_id && other.protocol == flow.protocol;
        let ends = |flow: &Flow| ((flow.source, flow.source_port), (flow.destination, flow.destination_port));
        let (from, to) = ends(flow);
        let own: Vec<&&Flow> = flows.iter().filter(same_place).filter(|other| ends(other) == (from, to)).collect();
        let back: Vec<&&Flow> = flows.iter().filter(same_place).filter(|other| ends(other) == (to, from)).collect();
        // A side that speaks to itself has no other side.
        let back = if from == to { Vec::new() } else { back };
        let flags = |side: &[&&Flow]| side.iter().fold(0, |all, flow| all | flow.tcp_flags);
        let first = |side: &[&&Flow]| side.iter().map(|flow| flow.first).min().unwrap();
        let last = |side: &[&&Flow]| side.iter().map(|flow| flow.last).max().unwrap();
        let (begins, answers) = (|flags: u8| flags & 18 == 2, |flags: u8| flags & 18 == 18);
        if back.is_empty() {
            return (!answers(flags(&own)), false);
        }
        if first(&own) > last(&back) + 600 || first(&back) > last(&own) + 600 {
            return (true, false);
        }
        let (mine, theirs) = (flags(&own), flags(&back));
        if begins(mine) && begins(theirs) {
            return (true, false);
        }
        if begins(mine) || (answers(theirs) && !answers(mine)) {
            return (true, false);
        }
        if begins(theirs) || (answers(mine) && !answers(theirs)) {
            return (false, false);
        }
        let (by_me, by_them) = (!self.admitting(own[0]).is_empty(), !self.admitting(back[0]).is_empty());
        if by_me != by_them {
            return (by_me, false);
        }
        if flow.source_port == flow.destination_port {
            if by_me {
                return (true, true);
            }
            let rank = |side: &[&&Flow]| (first(side), self.is_inward(side[0]) != Some(true));
            return (rank(&own) < rank(&back) || (rank(&own) == rank(&back) && from <= to), false);
        }
        let named = |flow: &Flow| {
            let few = |(group, place): &(String, usize)| {
                let rule = &self.groups[group][*place];
                matches!(rule.protocol, Some(6 | 17)) && rule.ports.1 - rule.ports.0 < 1024
            };
            self.admitting(flow).iter().any(few)
        };
        let (by_me, by_them) = (named(own[0]), named(back[0]));
        if by_me != by_them {
            return (by_me, false);
        }
        let more = |here: bool| {
            let at = |address, port| self.ports_met(address, port, flow, flows, here);
            let (to, from) = (at(flow.destination, flow.destination_port), at(flow.source, flow.source_port));
            if to.max(from) >= 3 && to.max(from) >= 2 * to.min(from) {
                to.cmp(&from)
            } else {
                std::cmp::Ordering::Equal
            }
        };
        let order = more(true)
            .then_with(|| more(false))
            .then_with(|| first(&back).cmp(&first(&own)))
            .then_with(|| flow.source_port.cmp(&flow.destination_port));
        (order.is_gt(), false)
    }

    /// How many different ports a port was seen with, eight at most: at its very address anywhere, or at its side of the
    /// flow's interface.
    fn ports_met(&self, address: IpAddr, port: u16, flow: &Flow, flows: &[&Flow], here: bool) -> usize {
        let mut met = BTreeSet::new();
        if !here && self.is_inward(flow).is_none() {
            return 0;
        }
        let is_own = |flow: &Flow, end_is_destination: bool| (self.is_inward(flow) == Some(true)) == end_is_destination;
        let end_is_own = is_own(flow, (address, port) == (flow.destination, flow.destination_port));
        for other in flows.iter().filter(|other| other.protocol == flow.protocol) {
            if other.source_port == other.destination_port || (!here && self.is_inward(other).is_none()) {
                continue;
            }
            for (at, own_port, far_port, is_destination) in [
                (other.source, other.source_port, other.destination_port, false),
                (other.destination, other.destination_port, other.source_port, true),
            ] {
                let place = |flow: &Flow| {
                    self.interfaces.contains_key(flow.interface_id.as_str()).then(|| flow.interface_id.clone())
                };
                let same_side = place(other) == place(flow) && is_own(other, is_destination) == end_is_own;
                if own_port == port && (if here { at == address } else { same_side }) {
                    met.insert(far_port);
                }
            }
        }
        met.len().min(8)
    }
}

impl World {
    /// Whether a rule admits a flow as the beginning of a connection.
    pub(super) fn admits(&self, flow: &Flow) -> bool {
        !self.admitting(flow).is_empty()
    }

    /// How many records of flows that began a connection and that a rule admits here no rule of `after` admits.
    pub(super) fn lost(&self, after: &Self, flows: &[Flow]) -> u64 {
        let flows: Vec<&Flow> = flows.iter().filter(|flow| flow.accepted).collect();
        let began = flows.iter().filter(|flow| self.began(flow, &flows).0);
        let lost = began.filter(|flow| !self.admitting(flow).is_empty() && after.admitting(flow).is_empty());
        lost.map(|flow| flow.records).sum()
    }
}
