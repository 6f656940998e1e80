//! How much of the internet each service of a group admits.

use super::piece::{Assume, Piece};
use crate::net::traffic::for_each_segment;
use crate::net::{AddressSet, Family, Interval, IntervalSet, ServiceSet};
use crate::policy::Settings;

/// The services of one direction by how many public addresses they admit, for each family.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exposure {
    /// Above the internet threshold.
    pub(crate) open: [ServiceSet; 2],
    /// Above the wide threshold, not above the internet threshold.
    pub(crate) wide: [ServiceSet; 2],
}

/// The place of a family in an [`Exposure`].
pub(crate) const fn slot(family: Family) -> usize {
    match family {
        Family::Ipv4 => 0,
        Family::Ipv6 => 1,
    }
}

impl Exposure {
    /// Sweeps the pieces once for each family.
    pub(crate) fn of(pieces: &[Piece<'_>], public: &AddressSet, settings: &Settings, assume: Assume) -> Self {
        let mut exposure = Self::default();
        for family in Family::ALL {
            let (internet, wide) = (settings.internet(family), settings.wide(family));
            let measured: Vec<(&Piece<'_>, u128)> = pieces
                .iter()
                .map(|piece| (piece, piece.public_measure(family, public, assume)))
                .filter(|(_, measure)| *measure > 0)
                .collect();
            // Most groups end here: all their public sources together are too small to matter.
            let total = measured.iter().fold(0u128, |sum, (_, measure)| sum.saturating_add(*measure));
            if total <= wide.min(internet) {
                continue;
            }
            let (mut open, mut broad) = (Vec::new(), Vec::new());
            for_each_segment(
                &measured,
                |(piece, _)| piece.services,
                |services, active| {
                    let here = || active.iter().filter_map(|index| measured.get(*index));
                    let admitted = measure_of(here().copied(), family, public, internet, wide, assume);
                    if admitted > internet {
                        open.push(services);
                    } else if admitted > wide {
                        broad.push(services);
                    }
                },
            );
            let collect = |services: Vec<Interval<u32>>| services.into_iter().collect::<ServiceSet>();
            if let (Some(o), Some(w)) = (exposure.open.get_mut(slot(family)), exposure.wide.get_mut(slot(family))) {
                (*o, *w) = (collect(open), collect(broad));
            }
        }
        exposure
    }

    /// Whether no service is open or wide.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.iter().chain(&self.wide).all(IntervalSet::is_empty)
    }
}

/// How many public addresses some pieces admit together: exactly where it decides, else a bound that decides the same.
fn measure_of<'a>(
    pieces: impl Iterator<Item = (&'a Piece<'a>, u128)> + Clone,
    family: Family,
    public: &AddressSet,
    internet: u128,
    wide: u128,
    assume: Assume,
) -> u128 {
    let most = pieces.clone().map(|(_, measure)| measure).max().unwrap_or(0);
    if most > internet {
        return most;
    }
    let sum = pieces.clone().fold(0u128, |sum, (_, measure)| sum.saturating_add(measure));
    if sum <= wide.min(internet) || most == sum {
        return sum;
    }
    exact_measure(pieces.map(|(piece, _)| piece), family, public, assume)
}

/// How many public addresses of a family some pieces admit together.
pub(crate) fn exact_measure<'a>(
    pieces: impl Iterator<Item = &'a Piece<'a>>,
    family: Family,
    public: &AddressSet,
    assume: Assume,
) -> u128 {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for piece in pieces {
        let addresses = piece.addresses(assume);
        match family {
            Family::Ipv4 => v4.extend_from_slice(addresses.v4.intervals()),
            Family::Ipv6 => v6.extend_from_slice(addresses.v6.intervals()),
        }
    }
    match family {
        Family::Ipv4 => v4.into_iter().collect::<IntervalSet<u32>>().intersection(&public.v4).measure(),
        Family::Ipv6 => v6.into_iter().collect::<IntervalSet<u128>>().intersection(&public.v6).measure(),
    }
}

/// Which of the pieces that admit a service are at fault that its public addresses exceed `most`: those whose own public
/// source is wide, then the next widest, until the others together do not exceed it. Places in `pieces`, ascending.
pub(crate) fn at_fault(
    pieces: &[&Piece<'_>],
    family: Family,
    public: &AddressSet,
    wide: u128,
    most: u128,
) -> Vec<usize> {
    let measure = |piece: &Piece<'_>| piece.public_measure(family, public, Assume::Best);
    let mut order: Vec<(usize, u128)> =
        pieces.iter().enumerate().map(|(place, piece)| (place, measure(piece))).collect();
    order.retain(|(_, measure)| *measure > 0);
    // Widest first; of equals the later rule goes first, so that the result does not depend on the sort.
    order.sort_by(|a, b| b.1.cmp(&a.1).then(b.0.cmp(&a.0)));
    let fewest = order.iter().take_while(|(_, measure)| *measure > wide).count();
    let rest_exceeds = |taken: usize| {
        let rest = order.iter().skip(taken).filter_map(|(place, _)| pieces.get(*place)).copied();
        exact_measure(rest, family, public, Assume::Best) > most
    };
    // The more are taken, the less is left: the least number that suffices is found by bisection.
    let (mut low, mut high) = (fewest, order.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if rest_exceeds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let mut fault: Vec<usize> = order.iter().take(low).map(|(place, _)| *place).collect();
    fault.sort_unstable();
    fault
}
