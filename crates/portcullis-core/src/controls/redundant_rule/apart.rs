//! Whether it is plain that some rule of a group is redundant, or none. Most groups end here, at a cost of a few comparisons
//! of numbers and without memory of their own.

use super::Who;
use crate::model::{Direction, Inventory, Peer, Rule};
use crate::net::{Address, Interval, IntervalSet};

/// Above so many rules, comparing each with each costs more than sorting them.
const MOST: usize = 32;

/// A box that holds all that a rule admits, on axes on which different things may fall together: two rules whose boxes are
/// apart are apart, the reverse does not hold.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    /// The services, those of one direction after those of the other.
    low: u32,
    high: u32,
    /// The peers: IPv4 addresses, then names, then the first half of IPv6 addresses.
    first: u64,
    last: u64,
}

/// Where names and IPv6 addresses begin on the axis of peers.
const NAMES: u64 = 1 << 62;
const IPV6: u64 = 1 << 63;

impl Look {
    /// `None` where one box cannot hold it, or it is nobody.
    fn of(rule: &Rule, inventory: &Inventory) -> Option<Self> {
        let Interval { low, high } = rule.services.interval();
        let side = match rule.direction {
            Direction::Ingress => 0,
            Direction::Egress => 1 << 24,
        };
        let (first, last) = match &rule.peer {
            Peer::V4(block) => axis_v4(block.interval()),
            Peer::V6(block) => axis_v6(block.interval()),
            // An account is not always told, so it does not tell two names apart here.
            Peer::Group(group) if group.id.is_empty() => axis_name(&group.name),
            Peer::Group(group) => axis_name(&group.id),
            Peer::PrefixList(id) => match inventory.prefix_lists.get(id).and_then(|list| list.entries.as_ref()) {
                Some(entries) => match (hull(&entries.v4), hull(&entries.v6)) {
                    (Some(block), None) => axis_v4(block),
                    (None, Some(block)) => axis_v6(block),
                    _ => return None,
                },
                None => axis_name(id),
            },
        };
        Some(Self { low: side | low, high: side | high, first, last })
    }

    fn meets(&self, other: &Self) -> bool {
        // All four at once: which of them fails cannot be foretold, and guessing wrong costs more than the others.
        (self.low <= other.high) & (other.low <= self.high) & (self.first <= other.last) & (other.first <= self.last)
    }

    /// Whether it lies within another one.
    fn is_within(&self, other: &Self) -> bool {
        other.low <= self.low && self.high <= other.high && other.first <= self.first && self.last <= other.last
    }

    fn holds(&self, service: u32, peer: u64) -> bool {
        self.low <= service && service <= self.high && self.first <= peer && peer <= self.last
    }
}

fn axis_v4(block: Interval<u32>) -> (u64, u64) {
    (block.low.into(), block.high.into())
}

fn axis_v6(block: Interval<u128>) -> (u64, u64) {
    // 63 bits are left.
    let half = |address: u128| IPV6 | u64::try_from(address >> 65).unwrap_or_default();
    (half(block.low), half(block.high))
}

/// A name by its end, in which ids differ.
fn axis_name(name: &str) -> (u64, u64) {
    let end = match name.as_bytes().last_chunk() {
        Some(end) => u64::from_le_bytes(*end),
        None => name.bytes().fold(0, |all, byte| all << 8 | u64::from(byte)),
    };
    (NAMES | end >> 2, NAMES | end >> 2)
}

fn hull<A: Address>(set: &IntervalSet<A>) -> Option<Interval<A>> {
    let (first, last) = (set.intervals().first()?, set.intervals().last()?);
    Some(Interval { low: first.low, high: last.high })
}

/// Whether any rule is redundant, where that is plain: none is where no two meet, or each has a corner that no other one
/// admits; one is that lies within another one.
pub(super) fn is_any_redundant(rules: &[Rule], inventory: &Inventory) -> Option<bool> {
    let mut looks = [Look::default(); MOST];
    let looks = looks.get_mut(..rules.len())?;
    for (look, rule) in looks.iter_mut().zip(rules) {
        *look = Look::of(rule, inventory)?;
    }
    let looks = &*looks;
    let mut meet = false;
    for (place, look) in looks.iter().enumerate() {
        for (other, of_other) in looks.iter().enumerate().skip(place + 1).filter(|(_, other)| look.meets(other)) {
            meet = true;
            let is_within = look.is_within(of_other)
                && is_surely_within(rules.get(place)?, rules.get(other)?, inventory)
                || of_other.is_within(look) && is_surely_within(rules.get(other)?, rules.get(place)?, inventory);
            if is_within {
                return Some(true);
            }
        }
    }
    let has_own_corner = |(place, look): (usize, &Look)| {
        let mut others = looks.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, other)| other);
        let covers = |service: u32, peer: u64| move |other: &Look| other.holds(service, peer);
        !others.clone().any(covers(look.low, look.first)) || !others.any(covers(look.high, look.last))
    };
    (!meet || looks.iter().enumerate().all(has_own_corner)).then_some(false)
}

/// Whether a rule admits nobody that another one of its direction does not, without a look at more than the two.
fn is_surely_within(rule: &Rule, other: &Rule, inventory: &Inventory) -> bool {
    let peers = match (Who::of(&rule.peer, inventory), Who::of(&other.peer, inventory)) {
        (Who::V4(own), Who::V4(wider)) => wider.contains(own),
        (Who::V6(own), Who::V6(wider)) => wider.contains(own),
        (own, same) => own == same,
    };
    peers && rule.direction == other.direction && other.services.interval().contains(rule.services.interval())
}
