//! Groups of one account, Region and VPC that admit the same traffic.

use std::ops::Range;

use foldhash::{HashMap, HashMapExt as _};

use crate::evaluate::piece::{Piece, PiecePeer, pieces};
use crate::model::{Direction, GroupReference, Inventory, Peer, Rule, SecurityGroup};
use crate::net::{Interval, Point, Symbol, Traffic};

/// The groups of one account and Region by the traffic that they admit.
#[derive(Debug, Default)]
pub(super) struct Twins {
    start: usize,
    /// Places in the inventory, ascending, of two groups or more each.
    classes: Vec<Vec<usize>>,
    /// For each group its class; empty where there is none, and a number that is none for groups without a twin.
    class_of: Vec<usize>,
}

impl Twins {
    /// Compares the groups of a stretch of the inventory, whose outlines are known.
    ///
    /// The canonical traffic of a group is dear, so it is made only for those that share their outline, and once for
    /// those whose rules are the same one by one.
    pub(super) fn of(inventory: &Inventory, stretch: Range<usize>, outlines: impl Iterator<Item = u64>) -> Self {
        let mut twins = Self { start: stretch.start, ..Self::default() };
        let groups = inventory.groups.get(stretch).unwrap_or_default();
        // Halves of outlines with the places behind them, since numbers are the fastest to sort.
        const PLACE: u64 = u32::MAX as u64;
        let candidates = (0u64..).zip(outlines).filter(|(_, outline)| *outline != NO_CANDIDATE);
        let mut sorted: Vec<u64> = candidates.map(|(place, outline)| outline & !PLACE | place & PLACE).collect();
        sorted.sort_unstable();
        for alike in sorted.chunk_by(|a, b| a & !PLACE == b & !PLACE).filter(|alike| alike.len() > 1) {
            let places = alike.iter().filter_map(|outline| usize::try_from(outline & PLACE).ok());
            let mut written: Vec<(&SecurityGroup, Vec<usize>)> = Vec::new();
            for (place, group) in places.filter_map(|place| Some((place, groups.get(place)?))) {
                let index = twins.start + place;
                match written.iter_mut().find(|(other, _)| are_written_alike(group, other)) {
                    Some((_, class)) => class.push(index),
                    None => written.push((group, vec![index])),
                }
            }
            if written.len() == 1 {
                written.into_iter().for_each(|(_, class)| twins.keep(class, groups.len()));
                continue;
            }
            let mut same: HashMap<(&str, [Traffic; 2]), Vec<usize>> = HashMap::new();
            for (group, class) in written {
                let traffic = Direction::ALL.map(|direction| traffic(group, direction, inventory));
                same.entry((group.vpc_id.as_str(), traffic)).or_default().extend(class);
            }
            let classes = same.into_values().filter(|class| class.len() > 1);
            classes.for_each(|class| twins.keep(class, groups.len()));
        }
        twins
    }

    fn keep(&mut self, mut class: Vec<usize>, groups: usize) {
        class.sort_unstable();
        self.class_of.resize(groups, usize::MAX);
        for index in &class {
            let own = index.checked_sub(self.start).and_then(|place| self.class_of.get_mut(place));
            own.into_iter().for_each(|own| *own = self.classes.len());
        }
        self.classes.push(class);
    }

    /// All groups of a group's class, itself included; none where it has no twin.
    pub(super) fn of_group(&self, index: usize) -> &[usize] {
        let class = index.checked_sub(self.start).and_then(|place| self.class_of.get(place));
        class.and_then(|class| self.classes.get(*class)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The outline of a group that has no twin whatever it admits.
const NO_CANDIDATE: u64 = 0;

/// A number that twins share, at the cost of one look at each rule.
pub(super) fn outline_of(group: &SecurityGroup, inventory: &Inventory) -> u64 {
    if is_candidate(group) { outline(group, inventory).max(NO_CANDIDATE + 1) } else { NO_CANDIDATE }
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
    match &piece.peer {
        PiecePeer::Group(reference) if is_self(group, reference) => {
            Some(Symbol::Group { account: "".into(), id: "self".into() })
        }
        _ => piece.symbol(),
    }
}

/// Whether a rule's reference is to the rule's own group.
fn is_self(group: &SecurityGroup, reference: &GroupReference) -> bool {
    name_of(reference) == group.key.group_id
        && (reference.account.is_empty() || reference.account == group.key.account_id)
}

fn name_of(reference: &GroupReference) -> &str {
    if reference.id.is_empty() { &reference.name } else { &reference.id }
}

/// Whether two groups of one VPC have the same rules in the same order.
fn are_written_alike(a: &SecurityGroup, b: &SecurityGroup) -> bool {
    let same = |(own, other): (&Rule, &Rule)| {
        own.direction == other.direction
            && own.services == other.services
            && match (&own.peer, &other.peer) {
                (Peer::Group(own), Peer::Group(other)) => match (is_self(a, own), is_self(b, other)) {
                    (false, false) => own.account == other.account && name_of(own) == name_of(other),
                    (own, other) => own && other,
                },
                (own, other) => own == other,
            }
    };
    a.vpc_id == b.vpc_id && a.rules.len() == b.rules.len() && a.rules.iter().zip(&b.rules).all(same)
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
#[derive(Clone, Copy, Debug)]
struct Outline {
    services: Interval<u32>,
    v4: Interval<u32>,
    v6: Interval<u128>,
    /// The union of a few bits for each name, so that it does not matter how often one is named.
    names: u64,
}

/// The VPC and the outlines of both directions as one number: groups that differ in it are no twins.
fn outline(group: &SecurityGroup, inventory: &Inventory) -> u64 {
    let [mut ingress, mut egress] = [Outline::empty(); 2];
    for rule in &group.rules {
        match rule.direction {
            Direction::Ingress => ingress.widen(rule, group, inventory),
            Direction::Egress => egress.widen(rule, group, inventory),
        }
    }
    egress.mixed(ingress.mixed(number(&group.vpc_id)))
}

impl Outline {
    /// Nothing: borders that any other ones widen.
    fn empty() -> Self {
        fn none<T: Point>() -> Interval<T> {
            Interval { low: T::MAX, high: T::MIN }
        }
        Self { services: none(), v4: none(), v6: none(), names: 0 }
    }

    fn widen(&mut self, rule: &Rule, group: &SecurityGroup, inventory: &Inventory) {
        match &rule.peer {
            Peer::V4(block) => widen(&mut self.v4, block.interval()),
            Peer::V6(block) => widen(&mut self.v6, block.interval()),
            Peer::Group(reference) if is_self(group, reference) => self.names |= 1,
            Peer::Group(reference) => self.names |= bits(name_of(reference)),
            Peer::PrefixList(id) => match inventory.prefix_lists.get(id).and_then(|list| list.entries.as_ref()) {
                Some(entries) if entries.is_empty() => return,
                Some(entries) => {
                    entries.v4.intervals().iter().for_each(|entry| widen(&mut self.v4, *entry));
                    entries.v6.intervals().iter().for_each(|entry| widen(&mut self.v6, *entry));
                }
                None => self.names |= bits(id),
            },
        }
        widen(&mut self.services, rule.services.interval());
    }

    fn mixed(&self, with: u64) -> u64 {
        let pair = |interval: Interval<u32>| u64::from(interval.low) << 32 | u64::from(interval.high);
        let mixed = [pair(self.services), pair(self.v4), self.names].into_iter().fold(with, mix);
        if self.v6.low > self.v6.high {
            return mixed;
        }
        let halves = [self.v6.low >> 64, self.v6.low, self.v6.high >> 64, self.v6.high];
        let v6 = halves.map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or_default());
        v6.into_iter().fold(mixed, mix)
    }
}

fn widen<T: Point>(hull: &mut Interval<T>, by: Interval<T>) {
    hull.low = hull.low.min(by.low);
    hull.high = hull.high.max(by.high);
}

/// Two numbers as one that depends on every bit of both.
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a.rotate_left(29) ^ b) * 0x9e37_79b9_7f4a_7c15;
    u64::try_from((product ^ product >> 64) & u128::from(u64::MAX)).unwrap_or_default()
}

/// A name by its end, in which ids differ.
fn number(name: &str) -> u64 {
    let end = match name.as_bytes().last_chunk() {
        Some(end) => u64::from_le_bytes(*end),
        None => name.bytes().fold(0, |all, byte| all << 8 | u64::from(byte)),
    };
    mix(end, 0)
}

fn bits(name: &str) -> u64 {
    let hash = number(name);
    (1 << (hash & 63)) | (1 << (hash >> 6 & 63)) | (1 << (hash >> 12 & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{group, inventory};

    fn twins_of(inventory: &Inventory) -> Twins {
        let outlines = inventory.groups.iter().map(|group| outline_of(group, inventory));
        Twins::of(inventory, 0..inventory.groups.len(), outlines)
    }

    /// Whether two groups with these rules are twins.
    fn check(left: &str, right: &str, expected: bool) {
        let inventory = inventory([group("sg-a", left), group("sg-b", right)])
            .with_list("pl-known", Some(&["10.0.0.0/9", "10.128.0.0/9"]))
            .with_list("pl-empty", Some(&[]));
        let twins = twins_of(&inventory);
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
        assert!(twins_of(&inventory).of_group(1).is_empty());
    }
}
