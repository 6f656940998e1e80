//! Few rules for given traffic.

mod primes;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Peer;
use crate::net::service::rule_services;
use crate::net::{AddressSet, AnyCidr, Family, PeerSet, Protocol, RuleServices, Segment, ServiceSet, Traffic};

/// One rule of a cover.
pub(crate) type Cover = (RuleServices, Peer);

/// Rules that together admit exactly `traffic`, which must hold addresses only. `room` is how many may be made of one
/// family; where a list of single protocols would not fit, protocols without ports, ICMP excepted, are left out.
///
/// Three ways are tried. *Side by side*: the services that admit the same peers go together.
/// *Layered*: each set of peers is written once over all services that admit at least it, so that `-1` and whole port
/// ranges survive under an exception. *By primes*: see [`primes`]. What loses less wins, then the shorter, then the
/// plainer.
pub(crate) fn cover(traffic: &Traffic, room: usize) -> Vec<Cover> {
    best(traffic, room, true)
}

fn best(traffic: &Traffic, room: usize, thorough: bool) -> Vec<Cover> {
    let mut side_by_side: BTreeMap<&PeerSet, Vec<_>> = BTreeMap::new();
    for segment in traffic.segments() {
        side_by_side.entry(&segment.peers).or_default().push(segment.services);
    }
    let groups: Vec<(&PeerSet, ServiceSet)> =
        side_by_side.into_iter().map(|(peers, services)| (peers, services.into_iter().collect())).collect();
    let first: Vec<Cover> = groups.iter().flat_map(|(peers, services)| rules(services, peers, room)).collect();

    let layered = groups.iter().flat_map(|(peers, _)| {
        let holding = groups.iter().filter(|(other, _)| peers.is_subset(other));
        let services = holding.fold(ServiceSet::empty(), |all, (_, services)| all.union(services));
        // What a smaller layer writes over these services already need not be written again, if leaving it out is shorter.
        let below = groups.iter().filter(|(other, _)| other != peers && other.is_subset(peers));
        let rest = below.fold((*peers).clone(), |rest, (other, _)| rest.difference(other));
        let (whole, rest) = (rules(&services, peers, room), rules(&services, &rest, room));
        if rest.len() < whole.len() { rest } else { whole }
    });
    let second: BTreeSet<Cover> = layered.collect();
    let by_primes = |short| if thorough { primes::cover(traffic, short) } else { None };
    let third = by_primes(false).filter(|rules| rules.len() <= room).or_else(|| by_primes(true));
    let lost = |cover: &[Cover]| volume(&traffic.difference(&admitted(cover)));
    let mut best = (lost(&first), first);
    for next in [Some(second.into_iter().collect()), third].into_iter().flatten() {
        let lost = lost(&next);
        if lost < best.0 || (lost <= best.0 && next.len() < best.1.len()) {
            best = (lost, next);
        }
    }
    best.1
}

/// Few rules that together admit exactly `traffic`, which must hold addresses only, however many they are. Where there is
/// much of it, the way that takes longest is left out.
pub(crate) fn cover_exactly(traffic: &Traffic) -> Vec<Cover> {
    const MOST_INTERVALS: usize = 64;
    let intervals = |segment: &Segment| {
        let AddressSet { v4, v6 } = &segment.peers.addresses;
        v4.intervals().len() + v6.intervals().len()
    };
    let thorough = traffic.segments().iter().map(intervals).sum::<usize>() <= MOST_INTERVALS;
    best(traffic, usize::MAX, thorough)
}

fn admitted(cover: &[Cover]) -> Traffic {
    let boxes = cover.iter().filter_map(|(services, peer)| {
        let block: AddressSet = [peer.cidr()?].into_iter().collect();
        Some((services.interval(), block.into()))
    });
    Traffic::from_boxes(boxes)
}

/// How much traffic it is, for comparisons: services times addresses; a name counts as all IPv4 addresses.
pub(crate) fn volume(traffic: &Traffic) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rough size is enough to compare")]
    let of_segment = |segment: &Segment| {
        let PeerSet { addresses, symbols } = &segment.peers;
        let peers =
            addresses.v4.measure() as f64 + addresses.v6.measure() as f64 + symbols.len() as f64 * 2f64.powi(32);
        peers * segment.services.measure() as f64
    };
    traffic.segments().iter().map(of_segment).sum()
}

/// Every block of `peers` on every rule's worth of `services`.
fn rules(services: &ServiceSet, peers: &PeerSet, room: usize) -> Vec<Cover> {
    let blocks = peers.addresses.cidrs();
    let mut rules = Vec::new();
    for family in Family::ALL {
        let of_family: Vec<AnyCidr> = blocks.iter().copied().filter(|block| family_of(*block) == family).collect();
        let mut kinds = rule_services(services);
        if !of_family.is_empty() && kinds.len() * of_family.len() > room {
            kinds.retain(|kind| carries(*kind, family));
        }
        rules.extend(kinds.iter().flat_map(|kind| of_family.iter().map(|block| (*kind, Peer::from(*block)))));
    }
    rules
}

fn family_of(block: AnyCidr) -> Family {
    match block {
        AnyCidr::V4(_) => Family::Ipv4,
        AnyCidr::V6(_) => Family::Ipv6,
    }
}

/// Whether a rule is worth its place where places are short: TCP, UDP and the family's own ICMP.
fn carries(services: RuleServices, family: Family) -> bool {
    match (services, family) {
        (RuleServices::All | RuleServices::Ports(..), _) => true,
        (RuleServices::Icmp(protocol, _), Family::Ipv4) => protocol == Protocol::ICMP,
        (RuleServices::Icmp(protocol, _), Family::Ipv6) => protocol == Protocol::ICMPV6,
        (RuleServices::Protocol(_), _) => false,
    }
}
