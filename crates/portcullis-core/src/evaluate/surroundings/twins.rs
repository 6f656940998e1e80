//! Groups of one account, Region and VPC that admit the same traffic.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::evaluate::piece::{Piece, PiecePeer, pieces};
use crate::model::{Direction, Inventory, SecurityGroup};
use crate::net::{AddressSet, Interval, IntervalSet, Point, Symbol, Traffic};

/// Groups by the traffic that they admit.
#[derive(Debug, Default)]
pub(super) struct Twins {
    /// Places in the inventory, ascending, of two groups or more each.
    classes: Vec<Vec<usize>>,
    /// The class of each group that has one.
    class_of: HashMap<usize, usize>,
}

impl Twins {
    /// Compares the groups of each of these stretches of the inventory.
    ///
    /// The canonical traffic of a group is dear, so it is made only for those that share their [`Outline`], which costs
    /// one look at each rule.
    pub(super) fn of(inventory: &Inventory, stretches: impl Iterator<Item = Range<usize>>) -> Self {
        let mut twins = Self::default();
        for stretch in stretches {
            let groups = inventory.groups.iter().enumerate().skip(stretch.start).take(stretch.len());
            let candidates = groups.filter(|(_, group)| is_candidate(group));
            let mut outlines: Vec<(&str, [Outline; 2], usize)> = candidates
                .map(|(index, group)| {
                    let of = |direction| Outline::of(&own_pieces(group, direction, inventory), group);
                    (group.vpc_id.as_str(), Direction::ALL.map(of), index)
                })
                .collect();
            outlines.sort_unstable();
            for alike in outlines.chunk_by(|a, b| (a.0, &a.1) == (b.0, &b.1)).filter(|alike| alike.len() > 1) {
                let mut same: HashMap<[Traffic; 2], Vec<usize>> = HashMap::new();
                for (_, _, index) in alike {
                    let Some(group) = inventory.groups.get(*index) else { continue };
                    same.entry(Direction::ALL.map(|direction| traffic(group, direction, inventory)))
                        .or_default()
                        .push(*index);
                }
                same.into_values().filter(|class| class.len() > 1).for_each(|class| twins.keep(class));
            }
        }
        twins
    }

    fn keep(&mut self, class: Vec<usize>) {
        self.class_of.extend(class.iter().map(|index| (*index, self.classes.len())));
        self.classes.push(class);
    }

    /// All groups of a group's class, itself included; none where it has no twin.
    pub(super) fn of_group(&self, index: usize) -> &[usize] {
        let class = self.class_of.get(&index).and_then(|class| self.classes.get(*class));
        class.map(Vec::as_slice).unwrap_or_default()
    }
}

/// Default groups cannot be given up for another, and a group that admits nothing is a habit of its own.
fn is_candidate(group: &SecurityGroup) -> bool {
    group.unreadable.is_none() && !group.is_default() && group.rules_of(Direction::Ingress).next().is_some()
}

/// The pieces of a direction that admit somebody.
fn own_pieces<'a>(group: &'a SecurityGroup, direction: Direction, inventory: &'a Inventory) -> Vec<Piece<'a>> {
    let mut pieces = pieces(group, direction, inventory);
    pieces.retain(|piece| !matches!(&piece.peer, PiecePeer::Addresses(set) if set.is_empty()));
    pieces
}

/// A piece's name in the algebra; the group itself is the same to all groups.
fn symbol(piece: &Piece<'_>, group: &SecurityGroup) -> Option<Symbol> {
    match piece.symbol() {
        Some(Symbol::Group { account, id })
            if id == group.key.group_id && (account.is_empty() || account == group.key.account_id) =>
        {
            Some(Symbol::Group { account: "".into(), id: "self".into() })
        }
        symbol => symbol,
    }
}

fn traffic(group: &SecurityGroup, direction: Direction, inventory: &Inventory) -> Traffic {
    let pieces = own_pieces(group, direction, inventory);
    let boxed = |piece: &Piece<'_>| {
        let peers = symbol(piece, group).map_or_else(|| piece.peers(), Into::into);
        (piece.services, peers)
    };
    Traffic::from_boxes(pieces.iter().map(boxed))
}

/// What is the same for all lists of rules that make up one set of traffic: its outermost borders, and the names in it.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Outline {
    services: Option<Interval<u32>>,
    v4: Option<Interval<u32>>,
    v6: Option<Interval<u128>>,
    /// The union of a few bits for each name, so that it does not matter how often one is named.
    names: u64,
}

impl Outline {
    fn of(pieces: &[Piece<'_>], group: &SecurityGroup) -> Self {
        let mut outline = Self::default();
        for piece in pieces {
            widen(&mut outline.services, Some(piece.services));
            match &piece.peer {
                PiecePeer::V4(block) => widen(&mut outline.v4, Some(*block)),
                PiecePeer::V6(block) => widen(&mut outline.v6, Some(*block)),
                PiecePeer::Addresses(set) => {
                    let AddressSet { v4, v6 } = set.as_ref();
                    widen(&mut outline.v4, hull(v4));
                    widen(&mut outline.v6, hull(v6));
                }
                PiecePeer::Unresolved(..) | PiecePeer::Group(_) => outline.names |= name_bits(symbol(piece, group)),
            }
        }
        outline
    }
}

fn widen<T: Point>(hull: &mut Option<Interval<T>>, by: Option<Interval<T>>) {
    if let Some(by) = by {
        *hull = Some(hull.map_or(by, |own| Interval { low: own.low.min(by.low), high: own.high.max(by.high) }));
    }
}

fn hull<T: Point>(set: &IntervalSet<T>) -> Option<Interval<T>> {
    let (first, last) = (set.intervals().first()?, set.intervals().last()?);
    Some(Interval { low: first.low, high: last.high })
}

fn name_bits(symbol: Option<Symbol>) -> u64 {
    let mut hasher = DefaultHasher::new();
    symbol.hash(&mut hasher);
    let hash = hasher.finish();
    (1 << (hash & 63)) | (1 << (hash >> 6 & 63)) | (1 << (hash >> 12 & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{group, inventory};

    /// Whether two groups with these rules are twins.
    fn check(left: &str, right: &str, expected: bool) {
        let inventory = inventory([group("sg-a", left), group("sg-b", right)])
            .with_list("pl-known", Some(&["10.0.0.0/9", "10.128.0.0/9"]))
            .with_list("pl-empty", Some(&[]));
        let twins = Twins::of(&inventory, std::iter::once(0..2));
        assert_eq!(twins.of_group(0) == [0, 1], expected, "{left} | {right}");
        assert_eq!(twins.of_group(1) == [0, 1], expected, "{left} | {right}");
    }

    #[test]
    fn twins_admit_the_same_traffic_however_it_is_written() {
        check("ingress tcp 22 from 10.0.0.0/8", "ingress tcp 22 from 10.0.0.0/8 # why", true);
        check("ingress tcp 22 from 10.0.0.0/8", "ingress tcp 22 from 10.0.0.0/9, 10.128.0.0/9", true);
        check("ingress tcp 22 from 10.0.0.0/8", "ingress tcp 22 from pl-known", true);
        check(
            "ingress tcp 22-23 from 10.0.0.0/8",
            "ingress tcp 22 from 10.0.0.0/8\ningress tcp 23 from 10.0.0.0/8",
            true,
        );
        check("ingress tcp 22 from 10.0.0.0/8", "ingress tcp 22 from 10.0.0.0/8, pl-empty", true);
        check("ingress tcp 22 from pl-other", "ingress tcp 22 from pl-other", true);
        check("ingress tcp 22 from sg-c", "ingress tcp 22 from sg-c", true);
        check("ingress tcp 22 from sg-a", "ingress tcp 22 from sg-b", true); // each names itself
    }

    #[test]
    fn others_are_no_twins() {
        check("ingress tcp 22 from 10.0.0.0/8", "ingress tcp 22 from 10.0.0.0/9", false);
        check("ingress tcp 22 from 10.0.0.0/8", "ingress tcp 23 from 10.0.0.0/8", false);
        check("ingress tcp 22 from 10.0.0.0/8", "ingress udp 22 from 10.0.0.0/8", false);
        check("ingress tcp 22 from sg-b", "ingress tcp 22 from sg-a", false); // each names the other
        check("ingress tcp 22 from pl-other", "ingress tcp 22 from pl-another", false);
        check(
            "ingress tcp 1-9 from 10.0.0.1/32, 10.0.0.9/32",
            "ingress tcp 1-9 from 10.0.0.1/32, 10.0.0.8/32, 10.0.0.9/32",
            false,
        );
        let both = "ingress tcp 22 from 10.0.0.0/8\negress all to 0.0.0.0/0";
        check("ingress tcp 22 from 10.0.0.0/8", both, false);
        check(both, both, true);
        check("egress all to 0.0.0.0/0", "egress all to 0.0.0.0/0", false); // nothing comes in
    }

    #[test]
    fn default_groups_have_no_twins() {
        let text = "ingress tcp 22 from 10.0.0.0/8";
        let inventory = inventory([group("sg-a", text).called("default"), group("sg-b", text)]);
        assert!(Twins::of(&inventory, std::iter::once(0..2)).of_group(1).is_empty());
    }
}
