//! Judging one traffic rule on the pieces of one direction.

use super::exposure::{Exposure, slot};
use super::piece::{Assume, Piece, resolve};
use crate::model::Inventory;
use crate::net::service::void_services;
use crate::net::{ALL_SERVICES, AddressSet, Family, Interval, IntervalSet, PeerSet, Protocol, ServiceSet, special};
use crate::policy::{Match, PeerTest, Settings, TrafficRule};

/// Where a rule is violated: one test of its peers, one family where that matters, the services.
#[derive(Clone, Debug)]
pub(crate) struct Violation<'r> {
    /// The test.
    pub(crate) test: &'r PeerTest,
    /// The family, for tests that measure the internet.
    pub(crate) family: Option<Family>,
    /// The services.
    pub(crate) services: ServiceSet,
}

/// What a group's traffic is judged with.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// Its pieces.
    pub(crate) pieces: &'a [Piece<'a>],
    /// What is the internet to it.
    pub(crate) public: &'a AddressSet,
    /// What is known around it.
    pub(crate) inventory: &'a Inventory,
    /// The measures.
    pub(crate) settings: &'a Settings,
    /// How to count what is not known.
    pub(crate) assume: Assume,
}

/// The offending peers of one piece for tests that do not measure the internet.
fn offending(piece: &Piece<'_>, test: &PeerTest, scene: &Scene<'_>) -> PeerSet {
    let worst = scene.assume == Assume::Worst;
    let peers = || -> PeerSet {
        let addresses = piece.addresses(scene.assume).into_owned();
        let symbols = piece.symbol().into_iter().filter(|_| !piece.is_unresolved() || worst).collect();
        PeerSet { addresses, symbols }
    };
    match test {
        PeerTest::Internet(_) | PeerTest::Wide => PeerSet::default(),
        PeerTest::Overlap(set) if piece.named_by(set) => piece.peers(),
        PeerTest::Overlap(set) => {
            let wanted = resolve(set, scene.inventory, worst);
            piece.addresses(scene.assume).intersection(&wanted).into()
        }
        PeerTest::Any => {
            let mut peers = peers();
            peers.addresses = peers.addresses.difference(special::loopback());
            peers
        }
        PeerTest::Outside(allowed) if piece.named_by(allowed) => PeerSet::default(),
        PeerTest::Outside(allowed) => {
            let allowed = resolve(allowed, scene.inventory, !worst).union(special::loopback());
            piece.addresses(scene.assume).difference(&allowed).into()
        }
    }
}

/// The offending peers of one piece, on services that carry traffic of theirs.
#[derive(Debug)]
pub(crate) struct Offence<'a> {
    /// The services.
    pub(crate) services: Interval<u32>,
    /// The piece.
    pub(crate) piece: &'a Piece<'a>,
    /// The peers; never empty.
    pub(crate) peers: PeerSet,
}

/// What offends on some services, for tests that do not measure the internet. ICMPv6 from IPv4 peers and ICMP from
/// IPv6 peers carry nothing and do not offend; with `void` they are taken along where all around them offends, so that
/// `-1` is spoken of whole.
pub(crate) fn offences<'a>(scene: &Scene<'a>, test: &PeerTest, services: &ServiceSet, void: bool) -> Vec<Offence<'a>> {
    let mut offences = Vec::new();
    for piece in scene.pieces.iter().filter(|piece| services.meets(piece.services)) {
        let peers = offending(piece, test, scene);
        if peers.is_empty() {
            continue;
        }
        let foreign = match (peers.addresses.v4.is_empty(), peers.addresses.v6.is_empty()) {
            (false, true) if peers.symbols.is_empty() => Some(Protocol::ICMPV6.services()),
            (true, false) if peers.symbols.is_empty() => Some(Protocol::ICMP.services()),
            _ => None,
        };
        let taken_along = |foreign: Interval<u32>| {
            let around = around(foreign);
            void && piece.services.contains(around) && services.contains_interval(around)
        };
        let Some(foreign) = foreign.filter(|foreign| !taken_along(*foreign)) else {
            offences.push(Offence { services: piece.services, piece, peers });
            continue;
        };
        let carried = IntervalSet::from(piece.services).difference(&foreign.into());
        let offence = |services: &Interval<u32>| Offence { services: *services, piece, peers: peers.clone() };
        offences.extend(carried.intervals().iter().map(offence));
    }
    offences
}

/// An interval and its neighbours.
fn around(services: Interval<u32>) -> Interval<u32> {
    Interval { low: services.low.saturating_sub(1), high: services.high.saturating_add(1) }
}

/// Where the rule is violated; empty if it is not.
pub(crate) fn judge<'r>(rule: &'r TrafficRule, scene: &Scene<'_>, exposure: &Exposure) -> Vec<Violation<'r>> {
    let mut violations = Vec::new();
    for test in &rule.peers {
        let mut measured = |family: Family, hits: Option<&ServiceSet>| {
            let hits = hits.filter(|hits| hits.intersects(&rule.services));
            if let Some(services) = hits.and_then(|hits| violating(rule, hits, hits, &void_services(family))) {
                violations.push(Violation { test, family: Some(family), services });
            }
        };
        match test {
            PeerTest::Internet(families) => {
                for family in families {
                    measured(*family, exposure.open.get(slot(*family)));
                }
            }
            PeerTest::Wide => {
                for family in Family::ALL {
                    measured(family, exposure.wide.get(slot(family)));
                }
            }
            PeerTest::Overlap(_) | PeerTest::Any | PeerTest::Outside(_) => {
                let offences = offences(scene, test, &rule.services, false);
                let hits: ServiceSet = offences.iter().map(|offence| offence.services).collect();
                let whole: ServiceSet = offences.iter().map(|offence| offence.piece.services).collect();
                if let Some(services) = violating(rule, &hits, &whole, &void_to(&offences)) {
                    violations.push(Violation { test, family: None, services });
                }
            }
        }
    }
    violations
}

/// The services that carry nothing for any of the offending peers.
fn void_to(offences: &[Offence<'_>]) -> ServiceSet {
    let void = Family::ALL.into_iter().filter_map(|family| {
        let void = void_services(family);
        let carries = |offence: &Offence<'_>| {
            let PeerSet { addresses, symbols } = &offence.peers;
            let of_family = match family {
                Family::Ipv4 => !addresses.v4.is_empty(),
                Family::Ipv6 => !addresses.v6.is_empty(),
            };
            (of_family || !symbols.is_empty()) && !void.contains_interval(offence.services)
        };
        offences.iter().any(carries).then_some(void)
    });
    let nobody = || void_services(Family::Ipv4).union(&void_services(Family::Ipv6));
    void.reduce(|a, b| a.intersection(&b)).unwrap_or_else(nobody)
}

/// The services of `hits` on which the rule is violated, if they are enough for it. `void` ones carry no traffic;
/// `whole` are the hits with those that lie between them.
fn violating(rule: &TrafficRule, hits: &ServiceSet, whole: &ServiceSet, void: &ServiceSet) -> Option<ServiceSet> {
    if hits.is_empty() {
        return None;
    }
    let scope = rule.services.difference(void);
    let inside = whole.intersection(&rule.services);
    let counted = hits.intersection(&rule.services).difference(void);
    match rule.matching {
        Match::Any if counted.is_empty() => None,
        Match::Any => Some(with_void(counted, &inside)),
        Match::All if scope.is_empty() || !scope.is_subset(&counted) => None,
        Match::All => Some(with_void(counted, &inside)),
        Match::Everything => {
            // Every protocol is open: that is one finding, not one of TCP and one of UDP.
            let every = IntervalSet::from(ALL_SERVICES).difference(void);
            if every.is_subset(&counted) {
                return Some(inside);
            }
            let whole = |protocol: &Protocol| counted.contains_interval(protocol.ports(1, u16::MAX));
            let open = [Protocol::TCP, Protocol::UDP].into_iter().filter(whole).map(Protocol::services);
            let part = inside.intersection(&open.collect());
            (!part.is_empty()).then_some(part)
        }
    }
}

/// What carries nothing goes with what is around it: alone it decides nothing, but a rule for ports 0-65535 or for `-1` is
/// best spoken of whole.
fn with_void(counted: ServiceSet, inside: &ServiceSet) -> ServiceSet {
    let zeros = [Protocol::TCP, Protocol::UDP].map(|protocol| (protocol.ports(0, 0), protocol.ports(0, 1)));
    let foreign = [Protocol::ICMP, Protocol::ICMPV6].map(|protocol| (protocol.services(), around(protocol.services())));
    let counts =
        |service: u32, void: Interval<u32>| (void.low..=void.high).contains(&service) || counted.contains(service);
    let taken_along = zeros.into_iter().chain(foreign).filter(|(void, around)| {
        inside.contains_interval(*around) && counts(around.low, *void) && counts(around.high, *void)
    });
    counted.union(&taken_along.map(|(void, _)| void).collect())
}
