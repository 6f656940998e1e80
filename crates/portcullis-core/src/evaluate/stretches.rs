//! What makes up a violation: stretches of services that admit the same peers by the same rules.

use std::collections::{BTreeMap, BTreeSet};

use super::exposure::exact_measure;
use super::judge::{Offence, Scene, Violation, offences};
use super::piece::{Assume, Piece};
use crate::net::traffic::{for_each_segment_while, union_all};
use crate::net::{Family, Interval, IntervalSet, PeerSet, ServiceSet};
use crate::policy::PeerTest;

/// One stretch of a violation: who is admitted, by which rules, and how much of the internet that is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stretch {
    /// Who.
    pub(crate) peers: PeerSet,
    /// The rules that admit them, ascending.
    pub(crate) rules: Vec<usize>,
    /// How many public addresses of the violation's family all rules together admit there; 0 for other tests.
    pub(crate) public: u128,
}

/// Stretches are told apart while they name at most so many rules and blocks together; what comes after is one. A group
/// of a thousand nested ranges would otherwise have evidence that grows with the square of its rules.
const MOST_NAMES: usize = 1 << 15;

/// The stretches of a violation by their services, ascending.
pub(crate) fn stretches(violation: &Violation<'_>, scene: &Scene<'_>) -> Vec<(ServiceSet, Stretch)> {
    match violation.family {
        Some(family) => {
            let touching = |piece: &&Piece<'_>| violation.services.meets(piece.services);
            let measured =
                |piece| Measured { piece, public: Piece::public_measure(piece, family, scene.public, scene.assume) };
            let pieces: Vec<Measured<'_>> = scene.pieces.iter().filter(touching).map(measured).collect();
            collect(
                &violation.services,
                &pieces,
                |item| item.piece.services,
                |here| internet_stretch(here, family, violation.test, scene),
            )
        }
        None => {
            let offences = offences(scene, violation.test, &violation.services, true);
            collect(&violation.services, &offences, |offence| offence.services, peers_stretch)
        }
    }
}

fn collect<T>(
    services: &ServiceSet,
    items: &[T],
    services_of: impl Fn(&T) -> Interval<u32>,
    stretch_of: impl Fn(&[&T]) -> Stretch,
) -> Vec<(ServiceSet, Stretch)> {
    let mut found: BTreeMap<Stretch, Vec<Interval<u32>>> = BTreeMap::new();
    let (mut names, mut reached) = (0, 0);
    for_each_segment_while(items, &services_of, |segment, active| {
        let mut inside = services.within(segment).peekable();
        if inside.peek().is_some() {
            let here: Vec<&T> = active.iter().filter_map(|index| items.get(*index)).collect();
            let stretch = stretch_of(&here);
            let PeerSet { addresses, .. } = &stretch.peers;
            let size = stretch.rules.len() + addresses.v4.intervals().len() + addresses.v6.intervals().len();
            let known = found.entry(stretch).or_insert_with(|| {
                names += size;
                Vec::new()
            });
            known.extend(inside);
        }
        reached = segment.high;
        names <= MOST_NAMES
    });
    if names > MOST_NAMES {
        let rest = services.difference(&Interval { low: 0, high: reached }.into());
        let items: Vec<&T> = items.iter().filter(|item| rest.meets(services_of(item))).collect();
        let spanned: ServiceSet = items.iter().map(|item| services_of(item)).collect();
        let rest = rest.intersection(&spanned);
        if !rest.is_empty() {
            found.entry(stretch_of(&items)).or_default().extend_from_slice(rest.intervals());
        }
    }
    let mut stretches: Vec<(ServiceSet, Stretch)> =
        found.into_iter().map(|(stretch, services)| (services.into_iter().collect(), stretch)).collect();
    // Their services are disjoint: the order does not depend on that of the rules.
    stretches.sort();
    stretches
}

/// A piece with the public addresses of the violation's family that it admits alone.
struct Measured<'a> {
    piece: &'a Piece<'a>,
    public: u128,
}

/// The pieces whose public addresses make a service open or wide; an office's /32 beside them is not among them.
fn internet_stretch(here: &[&Measured<'_>], family: Family, test: &PeerTest, scene: &Scene<'_>) -> Stretch {
    let (wide, internet) = (scene.settings.wide(family), scene.settings.internet(family));
    let threshold = if matches!(test, PeerTest::Wide) { wide } else { internet };
    let measure = |those: &[&Measured<'_>]| {
        exact_measure(those.iter().map(|item| item.piece), family, scene.public, scene.assume)
    };
    let admitting: Vec<&Measured<'_>> = here.iter().filter(|item| item.public > 0).copied().collect();
    let broad: Vec<&Measured<'_>> = admitting.iter().filter(|item| item.public > wide).copied().collect();
    let (total, alone) = (measure(&admitting), measure(&broad));
    let cause = if alone > threshold { broad } else { admitting };
    // What is not known is at fault only where the answer hangs on it, and is named, not spelled out.
    let unresolved: Vec<&Measured<'_>> = cause.iter().filter(|item| item.piece.is_unresolved()).copied().collect();
    let cause = if scene.assume == Assume::Worst && !unresolved.is_empty() { unresolved } else { cause };
    let of_family = |item: &&Measured<'_>| {
        let mut peers = item.piece.peers();
        match family {
            Family::Ipv4 => peers.addresses.v6 = IntervalSet::empty(),
            Family::Ipv6 => peers.addresses.v4 = IntervalSet::empty(),
        }
        peers
    };
    let peers: Vec<PeerSet> = cause.iter().map(of_family).collect();
    Stretch { peers: union_all(peers.iter()), rules: places(cause.iter().map(|item| item.piece)), public: total }
}

fn peers_stretch(here: &[&Offence<'_>]) -> Stretch {
    // An unresolved list counted as everything is named, not spelled out.
    let named = |offence: &&&Offence<'_>| offence.piece.is_unresolved();
    let lists: Vec<PeerSet> = here.iter().filter(named).map(|offence| offence.piece.peers()).collect();
    let known = here.iter().filter(|offence| !named(offence)).map(|offence| &offence.peers);
    Stretch {
        peers: union_all(known.chain(&lists)),
        rules: places(here.iter().map(|offence| offence.piece)),
        public: 0,
    }
}

fn places<'a>(pieces: impl Iterator<Item = &'a Piece<'a>>) -> Vec<usize> {
    pieces.map(|piece| piece.rule).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_comes_after_too_many_names_is_one_stretch_of_those_that_reach_it() {
        let item = |low: u32, high: u32| Interval { low, high };
        // The first names more than there may be; of the others one ends before the violation goes on.
        let items = [item(0, 9), item(10, 40), item(20, 60), item(30, 29 + 30), item(100, 110)];
        let services: ServiceSet = [item(0, 9), item(50, 70), item(105, 200)].into_iter().collect();
        let stretch_of = |here: &[&Interval<u32>]| {
            let places = here.iter().filter_map(|one| items.iter().position(|item| item == *one));
            let rules = if here.contains(&&items[0]) { (0..=MOST_NAMES).collect() } else { places.collect() };
            Stretch { peers: PeerSet::default(), rules, public: 0 }
        };
        let found = collect(&services, &items, |item| *item, stretch_of);
        let expected: ServiceSet = [item(50, 60), item(105, 110)].into_iter().collect();
        assert_eq!(found.len(), 2);
        assert_eq!((&found[1].0, &found[1].1.rules), (&expected, &vec![2, 3, 4]));
    }
}
