//! Traffic of one direction as a canonical set: who may use which service.
//!
//! A step function over the service axis: ascending, disjoint segments, each with the peers that it admits; no segment is
//! empty, and neighbours that touch differ. So equality of sets is equality of values, and every operation is one sweep.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::addresses::AddressSet;
use super::interval::{Interval, Point};
use super::service::ServiceSet;

/// A peer that is known by name only: which addresses it stands for cannot be told from rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Symbol {
    /// A referenced security group. The account is empty where the source does not tell it.
    Group {
        /// The account that owns the group.
        account: CompactString,
        /// Its id, `sg-…`.
        id: CompactString,
    },
    /// A prefix list whose entries are not known.
    PrefixList(CompactString),
}

/// A set of peers: addresses of both families, and symbols.
///
/// ```
/// use portcullis_core::net::{AddressSet, PeerSet, Symbol};
///
/// let anywhere = PeerSet::from(AddressSet::all());
/// let group = PeerSet::from(Symbol::Group { account: "111122223333".into(), id: "sg-1".into() });
/// assert!(!group.is_subset(&anywhere)); // a symbol is no address
/// assert_eq!(group.union(&anywhere).difference(&anywhere), group);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerSet {
    /// The addresses.
    pub addresses: AddressSet,
    /// Peers known by name only.
    pub symbols: BTreeSet<Symbol>,
}

impl From<AddressSet> for PeerSet {
    fn from(addresses: AddressSet) -> Self {
        Self { addresses, symbols: BTreeSet::new() }
    }
}

impl From<Symbol> for PeerSet {
    fn from(symbol: Symbol) -> Self {
        Self { addresses: AddressSet::default(), symbols: BTreeSet::from([symbol]) }
    }
}

impl PeerSet {
    /// Whether it admits nobody.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.symbols.is_empty()
    }

    /// What either admits.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let symbols = &self.symbols | &other.symbols;
        Self { addresses: self.addresses.union(&other.addresses), symbols }
    }

    /// What both admit. A symbol meets only itself.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let symbols = &self.symbols & &other.symbols;
        Self { addresses: self.addresses.intersection(&other.addresses), symbols }
    }

    /// What this admits and `other` does not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let symbols = &self.symbols - &other.symbols;
        Self { addresses: self.addresses.difference(&other.addresses), symbols }
    }

    /// Whether every peer of this is one of `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.addresses.is_subset(&other.addresses) && self.symbols.is_subset(&other.symbols)
    }
}

/// One step: these services admit these peers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// The services.
    pub services: Interval<u32>,
    /// Who may use them; never empty.
    pub peers: PeerSet,
}

/// Traffic of one direction in canonical form.
///
/// ```
/// use portcullis_core::net::{AddressSet, AnyCidr, PeerSet, Protocol, Traffic};
///
/// let from = |texts: &[&str]| -> Result<PeerSet, _> {
///     texts.iter().map(|text| text.parse::<AnyCidr>()).collect::<Result<AddressSet, _>>().map(PeerSet::from)
/// };
/// let tcp = |low, high| Protocol::TCP.ports(low, high);
/// let live = Traffic::from_boxes([(tcp(22, 80), from(&["0.0.0.0/1"])?), (tcp(22, 80), from(&["128.0.0.0/1"])?)]);
/// assert_eq!(live, Traffic::from_boxes([(tcp(22, 80), from(&["0.0.0.0/0"])?)]));
///
/// let closed = Traffic::from_boxes([(tcp(22, 22), from(&["0.0.0.0/0"])?)]);
/// let left = live.difference(&closed);
/// assert!(left.is_subset(&live) && left.intersection(&closed).is_empty());
/// assert_eq!(left.services(), tcp(23, 80).into());
/// # Ok::<(), portcullis_core::net::CidrError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Traffic(Vec<Segment>);

impl Traffic {
    /// No traffic.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The union of boxes (services × peers) in any order.
    ///
    /// Sorted by their start, boxes are added to the set of those that are open; between two borders the peers are the
    /// union over the open ones. The cost is linear in borders times open boxes.
    pub fn from_boxes(boxes: impl IntoIterator<Item = (Interval<u32>, PeerSet)>) -> Self {
        let boxes: Vec<_> = boxes.into_iter().filter(|(_, peers)| !peers.is_empty()).collect();
        let mut traffic = Self::none();
        for_each_segment(
            &boxes,
            |(services, _)| *services,
            |services, active| {
                let peers = union_all(active.iter().filter_map(|index| boxes.get(*index)).map(|(_, peers)| peers));
                traffic.push(services, peers);
            },
        );
        traffic
    }

    /// Every peer of `peers` on every service of `services`.
    pub fn product(services: &ServiceSet, peers: &PeerSet) -> Self {
        if peers.is_empty() {
            return Self::none();
        }
        let segment = |services: &Interval<u32>| Segment { services: *services, peers: peers.clone() };
        Self(services.intervals().iter().map(segment).collect())
    }

    /// The steps, ascending.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Whether nothing is admitted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The services that admit anybody.
    pub fn services(&self) -> ServiceSet {
        self.0.iter().map(|segment| segment.services).collect()
    }

    /// Who may use one service.
    pub fn peers_at(&self, service: u32) -> Option<&PeerSet> {
        let after = self.0.partition_point(|segment| segment.services.high < service);
        self.0.get(after).filter(|segment| segment.services.low <= service).map(|segment| &segment.peers)
    }

    /// Appends a step after the last one, joining equal neighbours.
    fn push(&mut self, services: Interval<u32>, peers: PeerSet) {
        if peers.is_empty() {
            return;
        }
        if let Some(last) = self.0.last_mut()
            && last.services.high.next() == Some(services.low)
            && last.peers == peers
        {
            last.services.high = services.high;
        } else {
            self.0.push(Segment { services, peers });
        }
    }

    /// One sweep over both step functions; `combine` gives the peers of each stretch.
    fn zip(&self, other: &Self, combine: impl Fn(Option<&PeerSet>, Option<&PeerSet>) -> PeerSet) -> Self {
        let mut result = Self::none();
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut position = 0u32;
        loop {
            let (a, b) = (left.peek().copied(), right.peek().copied());
            let ahead = |segment: Option<&Segment>| segment.map(|segment| segment.services.low.max(position));
            let Some(low) = ahead(a).into_iter().chain(ahead(b)).min() else { break };
            // Where this stretch ends: at the end of a segment that is open, or before one that is still to come.
            let end = |segment: &Segment| {
                if segment.services.low <= low { segment.services.high } else { segment.services.low - 1 }
            };
            let Some(high) = a.into_iter().chain(b).map(end).min() else { break };
            let open = |segment: Option<&'_ Segment>| segment.is_some_and(|segment| segment.services.low <= low);
            let peers = combine(
                a.filter(|_| open(a)).map(|segment| &segment.peers),
                b.filter(|_| open(b)).map(|segment| &segment.peers),
            );
            result.push(Interval { low, high }, peers);
            if a.is_some_and(|segment| segment.services.high <= high) {
                left.next();
            }
            if b.is_some_and(|segment| segment.services.high <= high) {
                right.next();
            }
            let Some(next) = high.checked_add(1) else { break };
            position = next;
        }
        result
    }

    /// What either admits.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.zip(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => a.union(b),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => PeerSet::default(),
        })
    }

    /// What both admit.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.zip(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => a.intersection(b),
            _ => PeerSet::default(),
        })
    }

    /// What this admits and `other` does not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.zip(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => a.difference(b),
            (Some(a), None) => a.clone(),
            _ => PeerSet::default(),
        })
    }

    /// Whether everything that this admits, `other` admits.
    pub fn is_subset(&self, other: &Self) -> bool {
        // Each of our steps must be filled by theirs without a gap, each of which admits at least our peers.
        self.0.iter().all(|own| {
            let from = other.0.partition_point(|theirs| theirs.services.high < own.services.low);
            let mut next = Some(own.services.low);
            for theirs in other.0.get(from..).unwrap_or_default() {
                let Some(low) = next.filter(|low| *low <= own.services.high) else { break };
                if theirs.services.low > low || !own.peers.is_subset(&theirs.peers) {
                    return false;
                }
                next = theirs.services.high.next();
            }
            next.is_none_or(|low| low > own.services.high)
        })
    }

    /// The part on the given services.
    #[must_use]
    pub fn restrict(&self, services: &ServiceSet) -> Self {
        let mut result = Self::none();
        for segment in &self.0 {
            let shared = services.intersection(&segment.services.into());
            shared.intervals().iter().for_each(|services| result.push(*services, segment.peers.clone()));
        }
        result
    }

    /// The part of the given peers.
    #[must_use]
    pub fn restrict_peers(&self, peers: &PeerSet) -> Self {
        let mut result = Self::none();
        self.0.iter().for_each(|segment| result.push(segment.services, segment.peers.intersection(peers)));
        result
    }
}

/// The union of many sets of peers: one sort instead of a merge each.
pub(crate) fn union_all<'a>(sets: impl Iterator<Item = &'a PeerSet>) -> PeerSet {
    let (mut v4, mut v6, mut symbols) = (Vec::new(), Vec::new(), BTreeSet::new());
    for set in sets {
        v4.extend_from_slice(set.addresses.v4.intervals());
        v6.extend_from_slice(set.addresses.v6.intervals());
        symbols.extend(set.symbols.iter().cloned());
    }
    PeerSet { addresses: AddressSet { v4: v4.into_iter().collect(), v6: v6.into_iter().collect() }, symbols }
}

/// Sweeps the service axis over items that each span an interval: calls `visit` for each stretch between two borders with
/// the indices of the items that span it, ascending; stretches that none spans are passed over.
pub(crate) fn for_each_segment<T>(
    items: &[T],
    services: impl Fn(&T) -> Interval<u32>,
    mut visit: impl FnMut(Interval<u32>, &[usize]),
) {
    for_each_segment_while(items, services, |services, active| {
        visit(services, active);
        true
    });
}

/// As [`for_each_segment`], until `visit` says that it is enough.
pub(crate) fn for_each_segment_while<T>(
    items: &[T],
    services: impl Fn(&T) -> Interval<u32>,
    mut visit: impl FnMut(Interval<u32>, &[usize]) -> bool,
) {
    let spans: Vec<Interval<u32>> = items.iter().map(services).collect();
    let mut starts: Vec<usize> = (0..spans.len()).collect();
    let span = |index: &usize| spans.get(*index).copied().unwrap_or_default();
    starts.sort_by_key(|index| span(index).low);
    let mut borders: Vec<u32> = Vec::with_capacity(spans.len() * 2);
    for interval in &spans {
        borders.push(interval.low);
        borders.extend(interval.high.checked_add(1));
    }
    borders.sort_unstable();
    borders.dedup();
    let mut active: Vec<usize> = Vec::new();
    // The least end of those that are open: before it nothing closes.
    let mut least_end = u32::MAX;
    let mut starts = starts.into_iter().peekable();
    for (at, low) in borders.iter().copied().enumerate() {
        if least_end < low {
            active.retain(|index| span(index).high >= low);
            least_end = active.iter().map(|index| span(index).high).min().unwrap_or(u32::MAX);
        }
        while let Some(index) = starts.next_if(|index| span(index).low == low) {
            let place = active.partition_point(|other| *other < index);
            active.insert(place, index);
            least_end = least_end.min(span(&index).high);
        }
        if active.is_empty() {
            continue;
        }
        let high = borders.get(at + 1).map_or(u32::MAX, |next| next - 1);
        if !visit(Interval { low, high }, &active) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_tells_who_spans_each_stretch() {
        let spans = [(10, 19), (0, 4), (3, 12), (30, 30), (10, 19), (u32::MAX, u32::MAX)];
        let spans = spans.map(|(low, high)| Interval::new(low, high));
        let mut stretches = Vec::new();
        for_each_segment(
            &spans,
            |span| *span,
            |services, active| {
                stretches.push((services.low, services.high, active.to_vec()));
            },
        );
        let expected = [
            (0, 2, vec![1]),
            (3, 4, vec![1, 2]),
            (5, 9, vec![2]),
            (10, 12, vec![0, 2, 4]),
            (13, 19, vec![0, 4]),
            (30, 30, vec![3]),
            (u32::MAX, u32::MAX, vec![5]),
        ];
        assert_eq!(stretches, expected);
    }
}
