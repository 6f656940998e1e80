//! Traffic against the model: every operation, the canonical form, and the laws of sets.

use std::collections::BTreeSet;

use portcullis_core::net::{
    ALL_SERVICES, AddressSet, AnyCidr, Interval, PeerSet, Protocol, ServiceSet, Symbol, Traffic,
};
use proptest::prelude::*;

use crate::model::{Cells, ModelBox, Peers, Points, Universe, cells, peers_shape, runs, shape};

/// Compares traffic with the points that it should admit, in canonical form.
fn check(universe: &Universe, operation: &str, real: &Traffic, expected: &Points) {
    assert_eq!(shape(real), universe.shape(expected), "{operation}");
    // The value that another road leads to (a box for each point) is the same value.
    assert_eq!(*real, universe.traffic(expected), "{operation}");
}

/// Every peer on every service, but symbols have no "every": only those that the universe has.
fn everything(universe: &Universe) -> Traffic {
    universe.traffic(&universe.everything())
}

fn check_laws(universe: &Universe, [a, b, c]: [&Traffic; 3]) {
    let (none, all) = (Traffic::none(), everything(universe));
    let not = |traffic: &Traffic| all.difference(traffic);
    assert_eq!(a.union(a), *a, "union is idempotent");
    assert_eq!(a.intersection(a), *a, "intersection is idempotent");
    assert_eq!(a.union(b), b.union(a), "union commutes");
    assert_eq!(a.intersection(b), b.intersection(a), "intersection commutes");
    assert_eq!(a.union(&b.union(c)), a.union(b).union(c), "union associates");
    assert_eq!(a.intersection(&b.intersection(c)), a.intersection(b).intersection(c), "intersection associates");
    assert_eq!(a.intersection(&b.union(c)), a.intersection(b).union(&a.intersection(c)), "distributive");
    assert_eq!(a.union(&b.intersection(c)), a.union(b).intersection(&a.union(c)), "distributive, the other way");
    assert_eq!(a.union(&a.intersection(b)), *a, "absorption");
    assert_eq!(not(&a.union(b)), not(a).intersection(&not(b)), "De Morgan");
    assert_eq!(not(&a.intersection(b)), not(a).union(&not(b)), "De Morgan, the other way");
    assert_eq!(not(&not(a)), *a, "the complement of the complement");
    assert_eq!(a.difference(b).union(&a.intersection(b)), *a, "difference and intersection make the whole");
    assert_eq!(a.union(b).difference(b), a.difference(b), "taking away what was added");
    assert_eq!(a.difference(b).difference(c), a.difference(&b.union(c)), "taking away one by one");
    assert!(a.difference(b).intersection(b).is_empty(), "nothing is left of what was taken away");
    assert!(a.difference(a).is_empty(), "nothing is left of a set less itself");
    assert_eq!((a.union(&none), a.intersection(&all)), (a.clone(), a.clone()), "neutral elements");
    assert_eq!((a.intersection(&none), a.union(&all)), (none, all.clone()), "absorbing elements");
}

/// A universe of two services and four peers: small enough to try all pairs of sets.
fn tiny() -> Universe {
    let toy = Universe::toy();
    Universe {
        services: crate::model::Axis::cut(0x00ff_ffff, &[0, 0x06_0016]),
        v4: crate::model::Axis::cut(u32::MAX.into(), &[0, 0x8000_0000]),
        v6: crate::model::Axis::cut(u128::MAX, &[0]),
        symbols: toy.symbols[..1].to_vec(),
    }
}

#[test]
fn every_pair_of_sets_of_a_tiny_universe_agrees_with_the_model() {
    let universe = tiny();
    let points: Vec<_> = universe.everything().into_iter().collect();
    let subsets: Vec<Points> = (0..1u32 << points.len())
        .map(|mask| {
            points.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, point)| *point).collect()
        })
        .collect();
    assert_eq!(subsets.len(), 256);
    let reals: Vec<Traffic> = subsets.iter().map(|points| universe.traffic(points)).collect();
    for (a, left) in subsets.iter().zip(&reals) {
        assert_eq!(shape(left), universe.shape(a));
        for (b, right) in subsets.iter().zip(&reals) {
            assert_eq!(shape(&left.union(right)), universe.shape(&(a | b)), "union");
            assert_eq!(shape(&left.intersection(right)), universe.shape(&(a & b)), "intersection");
            assert_eq!(shape(&left.difference(right)), universe.shape(&(a - b)), "difference");
            assert_eq!(left.is_subset(right), a.is_subset(b), "is_subset");
            assert_eq!(left == right, a == b, "equality");
        }
    }
}

fn any_boxes() -> impl Strategy<Value = Vec<ModelBox>> {
    Universe::toy().any_boxes()
}

/// Boxes, and other boxes that resemble them: some dropped, some added, so that sets overlap much and not in full.
fn resembling() -> impl Strategy<Value = (Vec<ModelBox>, Vec<ModelBox>)> {
    (any_boxes(), any_boxes(), any::<u8>()).prop_map(|(left, mut right, keep)| {
        right.extend(
            left.iter().enumerate().filter(|(index, _)| keep >> (index % 8) & 1 == 1).map(|(_, one)| one.clone()),
        );
        (left, right)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn traffic_of_boxes_is_their_union(
        (given, shuffled) in any_boxes().prop_flat_map(|given| (Just(given.clone()), Just(given).prop_shuffle()))
    ) {
        let universe = Universe::toy();
        let real = universe.boxed(&given);
        check(&universe, "from_boxes", &real, &universe.points(&given));
        prop_assert_eq!(&universe.boxed(&shuffled), &real, "order does not matter");
        let one_by_one = given.iter().map(|one| universe.boxed(std::slice::from_ref(one)));
        prop_assert_eq!(one_by_one.fold(Traffic::none(), |sum, one| sum.union(&one)), real, "nor does the road");
    }

    #[test]
    fn two_sets_of_traffic_agree_with_the_model((left, right) in resembling()) {
        let universe = Universe::toy();
        let (a, b) = (universe.points(&left), universe.points(&right));
        let (left, right) = (universe.boxed(&left), universe.boxed(&right));
        check(&universe, "union", &left.union(&right), &(&a | &b));
        check(&universe, "intersection", &left.intersection(&right), &(&a & &b));
        check(&universe, "difference", &left.difference(&right), &(&a - &b));
        prop_assert_eq!(left.is_subset(&right), a.is_subset(&b));
        prop_assert!(left.intersection(&right).is_subset(&left) && left.is_subset(&left.union(&right)));
        prop_assert_eq!(left.is_empty(), a.is_empty());
        prop_assert_eq!(left == right, a == b);
    }

    #[test]
    fn three_sets_of_traffic_keep_the_laws_of_sets((a, b) in resembling(), c in any_boxes()) {
        let universe = Universe::toy();
        let [a, b, c] = [a, b, c].map(|boxes| universe.boxed(&boxes));
        check_laws(&universe, [&a, &b, &c]);
    }

    #[test]
    fn traffic_is_restricted_to_services_and_peers(
        boxes in any_boxes(),
        services in cells(Universe::toy().services.len()),
        peers in Universe::toy().any_peers(),
    ) {
        let universe = Universe::toy();
        let (real, points) = (universe.boxed(&boxes), universe.points(&boxes));
        let on_services: Points = points.iter().filter(|(service, _)| services.contains(service)).copied().collect();
        check(&universe, "restrict", &real.restrict(&universe.service_set(&services)), &on_services);
        let of_peers: Points = points.iter().filter(|(_, peer)| peers.contains(peer)).copied().collect();
        check(&universe, "restrict_peers", &real.restrict_peers(&universe.peers(&peers)), &of_peers);
        let product: Points = services.iter().flat_map(|at| peers.iter().map(move |peer| (*at, *peer))).collect();
        let whole = Traffic::product(&universe.service_set(&services), &universe.peers(&peers));
        check(&universe, "product", &whole, &product);
    }

    #[test]
    fn traffic_tells_its_services_and_who_is_admitted(boxes in any_boxes()) {
        let universe = Universe::toy();
        let (real, points) = (universe.boxed(&boxes), universe.points(&boxes));
        let services: Cells = points.iter().map(|(service, _)| *service).collect();
        prop_assert_eq!(runs(&real.services()), universe.services.runs(&services));
        for cell in 0..universe.services.len() {
            let (low, high) = universe.services.cell(cell);
            let peers = Universe::peers_at(&points, cell);
            for service in [low, low + (high - low) / 2, high] {
                let admitted = real.peers_at(u32::try_from(service).unwrap());
                let expected = (!peers.is_empty()).then(|| universe.peers_shape(&peers));
                prop_assert_eq!(admitted.map(peers_shape), expected, "{:#x}", service);
            }
        }
        prop_assert_eq!(real.peers_at(ALL_SERVICES.high + 1), None);
    }

    #[test]
    fn peers_and_addresses_agree_with_the_model(a in Universe::toy().any_peers(), b in Universe::toy().any_peers()) {
        let universe = Universe::toy();
        let (left, right) = (universe.peers(&a), universe.peers(&b));
        let results =
            [(left.union(&right), &a | &b), (left.intersection(&right), &a & &b), (left.difference(&right), &a - &b)];
        for (real, expected) in results {
            prop_assert_eq!(peers_shape(&real), universe.peers_shape(&expected));
        }
        prop_assert_eq!(left.is_subset(&right), a.is_subset(&b));
        prop_assert_eq!(left.is_empty(), a.is_empty());
        let addresses = |peers: &Peers| -> Peers {
            peers.iter().filter(|peer| !matches!(peer, crate::model::Peer::Symbol(_))).copied().collect()
        };
        let (a, b) = (addresses(&a), addresses(&b));
        let (left, right) = (left.addresses, right.addresses);
        prop_assert_eq!(left.intersects(&right), !a.is_disjoint(&b));
        prop_assert_eq!(left.is_subset(&right), a.is_subset(&b));
        prop_assert_eq!(left.is_empty(), a.is_empty());
        prop_assert_eq!(left.cidrs().into_iter().collect::<AddressSet>(), left);
    }
}

fn addresses(texts: &[&str]) -> PeerSet {
    let blocks = texts.iter().map(|text| text.parse::<AnyCidr>().unwrap());
    blocks.collect::<AddressSet>().into()
}

#[test]
fn two_halves_are_the_whole() {
    let (tcp, whole) = (Protocol::TCP, addresses(&["0.0.0.0/0"]));
    let halves = [
        (tcp.ports(0, 32767), addresses(&["0.0.0.0/1"])),
        (tcp.ports(32768, 65535), addresses(&["128.0.0.0/1"])),
        (tcp.ports(0, 32767), addresses(&["128.0.0.0/1"])),
        (tcp.ports(32768, 65535), addresses(&["0.0.0.0/1"])),
    ];
    assert_eq!(Traffic::from_boxes(halves), Traffic::from_boxes([(tcp.services(), whole)]));
}

#[test]
fn the_families_do_not_mix() {
    let both = Traffic::from_boxes([(ALL_SERVICES, addresses(&["0.0.0.0/0", "::/0"]))]);
    let mapped = Traffic::from_boxes([(ALL_SERVICES, addresses(&["::ffff:0.0.0.0/96"]))]);
    let v4 = Traffic::from_boxes([(ALL_SERVICES, addresses(&["0.0.0.0/0"]))]);
    assert!(mapped.is_subset(&both) && v4.is_subset(&both));
    assert!(mapped.intersection(&v4).is_empty());
}

#[test]
fn a_symbol_is_no_address_and_meets_only_itself() {
    let group = |account: &str| {
        let symbol = Symbol::Group { account: account.into(), id: "sg-1".into() };
        Traffic::from_boxes([(ALL_SERVICES, PeerSet::from(symbol))])
    };
    let world = Traffic::from_boxes([(ALL_SERVICES, addresses(&["0.0.0.0/0", "::/0"]))]);
    assert!(!group("111111111111").is_subset(&world));
    assert!(group("111111111111").intersection(&group("222222222222")).is_empty());
    assert_eq!(group("111111111111").difference(&world), group("111111111111"));
    let named: BTreeSet<Symbol> = group("111111111111").union(&world).segments()[0].peers.symbols.clone();
    assert_eq!(named.len(), 1);
}

#[test]
fn the_end_of_the_axis_does_not_overflow() {
    let (anyone, one) = (addresses(&["0.0.0.0/0"]), addresses(&["10.0.0.0/32"]));
    let (whole, last) = (Interval::<u32>::all(), Interval::new(u32::MAX, u32::MAX));
    let traffic = Traffic::from_boxes([(last, one.clone()), (whole, anyone.clone())]);
    assert_eq!(traffic, Traffic::product(&ServiceSet::all(), &anyone));
    let cut = traffic.difference(&Traffic::from_boxes([(last, one.clone())]));
    assert_eq!(cut.segments().len(), 2);
    assert_eq!(cut.peers_at(u32::MAX), Some(&anyone.difference(&one)));
    assert_eq!(cut.union(&Traffic::from_boxes([(last, one)])), traffic);
}

#[test]
fn boxes_that_admit_nobody_are_no_traffic() {
    assert_eq!(Traffic::from_boxes([(ALL_SERVICES, PeerSet::default())]), Traffic::none());
    assert_eq!(Traffic::product(&ServiceSet::all(), &PeerSet::default()), Traffic::none());
    assert_eq!(Traffic::product(&ServiceSet::empty(), &addresses(&["0.0.0.0/0"])), Traffic::none());
    assert_eq!(Traffic::default(), Traffic::none());
}
