//! A cover by the greatest rules: every rule that could be neither wider in ports nor in addresses, then few of them that
//! do. It finds what the plainer covers of [`super`] miss where exceptions cross each other.

use std::ops::Range;

use super::{Cover, carries};
use crate::model::Peer;
use crate::net::service::rule_services;
use crate::net::{Address, AnyCidr, Cidr, Family, Interval, RuleServices, ServiceSet, Traffic};

/// Above so many blocks, or steps of work, the search is left to the plainer covers.
const MOST_BLOCKS: usize = 1 << 12;
const MOST_WORK: usize = 1 << 24;

/// Few rules that admit exactly `traffic`, less the protocols without ports where `short` says that places are; `None`
/// where it would take too long.
pub(super) fn cover(traffic: &Traffic, short: bool) -> Option<Vec<Cover>> {
    let segments = traffic.segments();
    let services = |place: usize| segments.get(place).map(|segment| segment.services);
    let of = |family| Forest { short: short.then_some(family), ..Forest::default() };
    let (mut v4, mut v6) = (of(Family::Ipv4), of(Family::Ipv6));
    let of_v4 = entries(segments.iter().map(|segment| segment.peers.addresses.v4.cidrs()));
    let of_v6 = entries(segments.iter().map(|segment| segment.peers.addresses.v6.cidrs()));
    v4.plant(Cidr::new(0, 0)?, AnyCidr::V4, &of_v4, &services)?;
    v6.plant(Cidr::new(0, 0)?, AnyCidr::V6, &of_v6, &services)?;
    let mut rules = v4.pick()?;
    rules.extend(v6.pick()?);
    Some(rules)
}

/// A block of the segment at this place.
type Entry<A> = (usize, Cidr<A>);

fn entries<A>(blocks: impl Iterator<Item = Vec<Cidr<A>>>) -> Vec<Entry<A>> {
    blocks.enumerate().flat_map(|(place, blocks)| blocks.into_iter().map(move |block| (place, block))).collect()
}

/// A rule that may be picked: services for a block, which holds a run of leaves.
struct Candidate {
    services: RuleServices,
    block: AnyCidr,
    leaves: Range<usize>,
}

/// The blocks of one family as a binary tree, and the rules that it offers.
#[derive(Default)]
struct Forest {
    /// The family, where places are short.
    short: Option<Family>,
    candidates: Vec<Candidate>,
    /// The services of each leaf, in the order of addresses, and how many addresses it has.
    leaves: Vec<(ServiceSet, f64)>,
    blocks: usize,
}

impl Forest {
    /// Cuts a block until each part admits all or nothing of every segment. Gives the services that the whole block
    /// admits, and offers the rules for it that are not part of one for the block around.
    fn plant<A: Address>(
        &mut self,
        block: Cidr<A>,
        any: fn(Cidr<A>) -> AnyCidr,
        entries: &[Entry<A>],
        services: &dyn Fn(usize) -> Option<Interval<u32>>,
    ) -> Option<ServiceSet> {
        self.blocks += 1;
        if self.blocks > MOST_BLOCKS {
            return None;
        }
        let (from, first) = (self.leaves.len(), self.candidates.len());
        let span = block.interval();
        let whole = entries.iter().filter(|(_, entry)| entry.interval().contains(span));
        if whole.clone().count() == entries.len() {
            let admitted: ServiceSet = whole.filter_map(|(place, _)| services(*place)).collect();
            #[expect(clippy::cast_precision_loss, reason = "a rough size is enough to compare")]
            let size = span.measure() as f64;
            self.leaves.push((admitted.clone(), size));
            self.offer(&admitted, any(block), from);
            return Some(admitted);
        }
        let mut admitted: Option<ServiceSet> = None;
        for half in halves(block)? {
            let inside = entries.iter().filter(|(_, entry)| entry.interval().intersection(half.interval()).is_some());
            let own = self.plant(half, any, &inside.copied().collect::<Vec<_>>(), services)?;
            admitted = Some(admitted.map_or_else(|| own.clone(), |all| all.intersection(&own)));
        }
        let admitted = admitted.unwrap_or_default();
        // What the whole block admits is better said of the whole block.
        let mut place = 0;
        self.candidates.retain(|candidate| {
            place += 1;
            place <= first || !admitted.contains_interval(candidate.services.interval())
        });
        self.offer(&admitted, any(block), from);
        Some(admitted)
    }

    fn offer(&mut self, services: &ServiceSet, block: AnyCidr, from: usize) {
        let leaves = from..self.leaves.len();
        let kinds = rule_services(services).into_iter();
        let kept = kinds.filter(|kind| self.short.is_none_or(|family| carries(*kind, family)));
        self.candidates
            .extend(kept.map(|services| Candidate { services, block, leaves: leaves.clone() }).collect::<Vec<_>>());
    }

    /// Picks few of the candidates that cover what all of them do.
    fn pick(self) -> Option<Vec<Cover>> {
        let mut borders: Vec<u32> = Vec::new();
        for candidate in &self.candidates {
            let Interval { low, high } = candidate.services.interval();
            borders.extend([low, high + 1]);
        }
        borders.sort_unstable();
        borders.dedup();
        let columns = borders.len();
        if self.candidates.len().pow(2).saturating_mul(self.leaves.len() * columns) > MOST_WORK {
            return None;
        }
        let column = |border: u32| borders.partition_point(|other| *other < border);
        let width =
            |column: usize| borders.get(column + 1).zip(borders.get(column)).map_or(0, |(next, own)| next - own);
        let cells_of = |candidate: &Candidate| {
            let Interval { low, high } = candidate.services.interval();
            let columns_of = column(low)..column(high + 1);
            candidate.leaves.clone().flat_map(move |leaf| columns_of.clone().map(move |column| leaf * columns + column))
        };
        let weights: Vec<f64> = self
            .leaves
            .iter()
            .flat_map(|(_, size)| (0..columns).map(move |column| size * f64::from(width(column))))
            .collect();
        let cells: Vec<Vec<usize>> = self.candidates.iter().map(|candidate| cells_of(candidate).collect()).collect();
        // Picking by volume and by the number of cells finds different covers.
        let by_volume = picked(&cells, &|cell| weights.get(cell).copied().unwrap_or_default(), weights.len());
        let by_number = picked(&cells, &|_| 1.0, weights.len());
        let best = if by_number.len() < by_volume.len() { by_number } else { by_volume };
        let chosen = best.into_iter().filter_map(|place| self.candidates.get(place));
        Some(chosen.map(|candidate| (candidate.services, Peer::from(candidate.block))).collect())
    }
}

/// The two halves of a block; `None` for a single address.
fn halves<A: Address>(block: Cidr<A>) -> Option<[Cidr<A>; 2]> {
    let prefix = block.prefix().checked_add(1).filter(|prefix| *prefix <= A::BITS)?;
    Some([Cidr::new(block.interval().low, prefix)?, Cidr::new(block.interval().high, prefix)?])
}

/// Picks what covers most that is not covered yet, until all is; then leaves out what the others cover.
fn picked(candidates: &[Vec<usize>], weight: &dyn Fn(usize) -> f64, cells: usize) -> Vec<usize> {
    // How many of the picked cover each cell.
    let mut times = vec![0usize; cells];
    let mut picked: Vec<usize> = Vec::new();
    let gain = |cells: &[usize], times: &[usize]| -> f64 {
        cells.iter().filter(|cell| times.get(**cell) == Some(&0)).map(|cell| weight(*cell)).sum()
    };
    loop {
        let gains = candidates.iter().enumerate().map(|(place, cells)| (place, gain(cells, &times)));
        let best = gains.filter(|(_, gain)| *gain > 0.0).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let Some((place, _)) = best else { break };
        picked.push(place);
        for cell in candidates.get(place).into_iter().flatten() {
            times.get_mut(*cell).into_iter().for_each(|times| *times += 1);
        }
    }
    for index in (0..picked.len()).rev() {
        let Some(cells) = picked.get(index).and_then(|place| candidates.get(*place)) else { continue };
        if cells.iter().all(|cell| times.get(*cell).is_some_and(|times| *times > 1)) {
            cells.iter().for_each(|cell| times.get_mut(*cell).into_iter().for_each(|times| *times -= 1));
            picked.remove(index);
        }
    }
    picked
}
