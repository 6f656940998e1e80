//! The algebra of traffic against a naive model and its own laws.

mod model;

use portcullis_core::net::service::rule_services;
use portcullis_core::net::{AddressSet, PeerSet, ServiceSet, Traffic};

use model::{Patch, Peer, boxes, probes};

/// Reads two traffic sets from the bytes, and checks every operation on them.
///
/// The model answers "is this peer admitted on this service?" by asking each box in turn. It is asked at every border of
/// every box and one step to either side, which is where an answer can change.
pub fn algebra(data: &[u8]) {
    let (left, right) = boxes(data);
    let (a, b) = (traffic(&left), traffic(&right));
    against_model(&left, &right, &a, &b);
    laws(&a, &b);
    assert_eq!(Traffic::from_boxes(left.iter().rev().map(Patch::real)), a, "the order of boxes matters");
    canonical(&a);
    covers(&a);
}

fn traffic(boxes: &[Patch]) -> Traffic {
    Traffic::from_boxes(boxes.iter().map(Patch::real))
}

fn against_model(left: &[Patch], right: &[Patch], a: &Traffic, b: &Traffic) {
    let (union, intersection, difference) = (a.union(b), a.intersection(b), a.difference(b));
    let (services, peers) = probes(left, right);
    for service in services {
        for peer in &peers {
            let (in_a, in_b) = (model::admits(left, service, *peer), model::admits(right, service, *peer));
            let at = || format!("service {service:#08x}, {peer:?}");
            assert_eq!(admits(a, service, *peer), in_a, "from_boxes: {}", at());
            assert_eq!(admits(&union, service, *peer), in_a || in_b, "union: {}", at());
            assert_eq!(admits(&intersection, service, *peer), in_a && in_b, "intersection: {}", at());
            assert_eq!(admits(&difference, service, *peer), in_a && !in_b, "difference: {}", at());
        }
    }
}

fn admits(traffic: &Traffic, service: u32, peer: Peer) -> bool {
    traffic.peers_at(service).is_some_and(|peers| match peer {
        Peer::V4(address) => peers.addresses.v4.contains(address),
        Peer::V6(address) => peers.addresses.v6.contains(address),
        Peer::Symbol(number) => peers.symbols.contains(&model::symbol(number)),
    })
}

fn laws(a: &Traffic, b: &Traffic) {
    let (union, intersection, difference) = (a.union(b), a.intersection(b), a.difference(b));
    assert_eq!(union, b.union(a), "union commutes");
    assert_eq!(intersection, b.intersection(a), "intersection commutes");
    assert_eq!(difference.union(&intersection), *a, "the parts make the whole");
    assert_eq!(a.difference(&difference), intersection, "taking away twice");
    assert_eq!(union.difference(b), difference, "taking away what was added");
    assert_eq!(a.union(a), *a, "union is idempotent");
    assert!(a.difference(a).is_empty(), "nothing is left of a set less itself");
    assert!(difference.intersection(b).is_empty(), "the difference shares nothing with what was taken");
    assert!(intersection.is_subset(a) && a.is_subset(&union), "subsets");
    assert_eq!(a.is_subset(b), difference.is_empty(), "subset is an empty difference");
    // De Morgan, within the whole.
    let whole = all();
    let not = |set: &Traffic| whole.difference(set);
    assert_eq!(not(&union), not(a).intersection(&not(b)), "De Morgan");
    assert_eq!(not(&not(&restrict(a))), restrict(a), "the complement of the complement");
}

/// Every address on every service; symbols have no "every".
fn all() -> Traffic {
    let services = ServiceSet::from(portcullis_core::net::ALL_SERVICES);
    Traffic::product(&services, &PeerSet::from(AddressSet::all()))
}

fn restrict(traffic: &Traffic) -> Traffic {
    traffic.restrict_peers(&PeerSet::from(AddressSet::all()))
}

/// Steps ascend, none is empty, and neighbours that touch differ.
fn canonical(traffic: &Traffic) {
    let segments = traffic.segments();
    for (one, next) in segments.iter().zip(segments.iter().skip(1)) {
        assert!(one.services.high < next.services.low, "steps overlap");
        let touch = one.services.high + 1 == next.services.low;
        assert!(!(touch && one.peers == next.peers), "equal neighbours are not joined");
    }
    assert!(segments.iter().all(|s| s.services.low <= s.services.high && !s.peers.is_empty()), "an empty step");
    let again = Traffic::from_boxes(segments.iter().map(|s| (s.services, s.peers.clone())));
    assert_eq!(again, *traffic, "its own steps make the set");
}

/// What is written as blocks and as rules is what was there.
fn covers(traffic: &Traffic) {
    for segment in traffic.segments() {
        let blocks = segment.peers.addresses.cidrs();
        assert_eq!(blocks.into_iter().collect::<AddressSet>(), segment.peers.addresses, "blocks");
        let services = ServiceSet::from(segment.services);
        let rules = rule_services(&services);
        assert_eq!(rules.iter().map(|rule| rule.interval()).collect::<ServiceSet>(), services, "services of rules");
    }
}
