//! From what is left of each rule to few changes: rules stay where they can, are changed in place where that is next
//! best, and only the rest is made anew.

use std::collections::BTreeSet;

use super::cover::{Cover, cover, volume};
use super::cut::Remains;
use super::plan::Change;
use crate::evaluate::{GroupView, group_symbol};
use crate::model::{Direction, Inventory, Peer, PeerKind, Rule, SecurityGroup};
use crate::net::service::rule_services;
use crate::net::{AddressSet, AnyCidr, Family, Interval, PeerSet, RuleServices, Segment, ServiceSet, Symbol, Traffic};

/// AWS's default quota: rules of a group, for each direction and family.
pub const RULE_QUOTA: usize = 60;

/// How many places of the quota some rules take, of one direction and family. A group reference counts for both families,
/// a prefix list for its most entries, as AWS counts them.
pub fn quota_use<'r>(
    rules: impl Iterator<Item = &'r Rule>,
    inventory: &Inventory,
    direction: Direction,
    family: Family,
) -> usize {
    let weight = |rule: &Rule| match (&rule.peer, family) {
        (Peer::V4(_), Family::Ipv4) | (Peer::V6(_), Family::Ipv6) | (Peer::Group(_), _) => 1,
        (Peer::V4(_), Family::Ipv6) | (Peer::V6(_), Family::Ipv4) => 0,
        (Peer::PrefixList(id), _) => {
            let list = inventory.prefix_lists.get(id);
            let of_family = list.is_none_or(|list| list.family.is_none_or(|known| known == family));
            let entries = list.and_then(|list| list.max_entries).and_then(|most| usize::try_from(most).ok());
            if of_family { entries.unwrap_or(1) } else { 0 }
        }
    };
    rules.filter(|rule| rule.direction == direction).map(weight).sum()
}

/// The changes that leave of each rule what remains, authorisations first.
pub(crate) fn changes(group: &SecurityGroup, inventory: &Inventory, remains: &Remains) -> Vec<Change> {
    let mut made: Vec<Made> = Vec::new();
    for direction in Direction::ALL {
        made.extend(new_rules(group, inventory, remains, direction));
    }
    let touched: Vec<usize> =
        remains.iter().enumerate().filter(|(_, left)| left.is_some()).map(|(rule, _)| rule).collect();
    // A rule that is wanted as it stands stays, whichever rule's remains ask for it.
    let mut kept: BTreeSet<usize> = BTreeSet::new();
    made.retain(|(_, rule)| {
        let same =
            touched.iter().find(|index| group.rules.get(**index).is_some_and(|old| old.identity() == rule.identity()));
        same.is_none_or(|index| {
            kept.insert(*index);
            false
        })
    });
    let (mut modify, mut revoke) = (Vec::new(), Vec::new());
    for index in touched.into_iter().filter(|index| !kept.contains(index)) {
        let Some(before) = group.rules.get(index) else { continue };
        match best_successor(before, index, &made) {
            Some(place) => {
                let (_, after) = made.remove(place);
                modify.push(Change::Modify { before: before.clone(), after: Rule { id: before.id.clone(), ..after } });
            }
            None => revoke.push(Change::Revoke(before.clone())),
        }
    }
    let authorize = made.into_iter().map(|(_, rule)| Change::Authorize(rule));
    authorize.chain(modify).chain(revoke).collect()
}

/// Which of the new rules takes the place of `before`: one made of its remains, of its peer kind, as like it as can be.
fn best_successor(before: &Rule, index: usize, made: &[Made]) -> Option<usize> {
    let fits = made.iter().enumerate().filter(|(_, (origin, rule))| {
        // A group reference cannot change into another; what is left of it has the same peer.
        *origin == index && rule.peer.kind() == before.peer.kind()
    });
    let likeness = |rule: &Rule| (rule.peer == before.peer, rule.services == before.services);
    let best = fits.max_by(|(a, (_, x)), (b, (_, y))| likeness(x).cmp(&likeness(y)).then(b.cmp(a)));
    best.map(|(place, _)| place)
}

/// A new rule, and the place of the rule that it is left of.
type Made = (usize, Rule);

/// What the new rules of one direction are made from.
struct Maker<'a> {
    group: &'a SecurityGroup,
    inventory: &'a Inventory,
    direction: Direction,
    /// The rules that change, with their places and what is left of them.
    touched: Vec<(usize, &'a Rule, &'a Traffic)>,
    untouched: Vec<&'a Rule>,
}

/// The new rules of one direction, with the rule that each is left of.
fn new_rules(group: &SecurityGroup, inventory: &Inventory, remains: &Remains, direction: Direction) -> Vec<Made> {
    let (mut touched, mut untouched) = (Vec::new(), Vec::new());
    for (index, rule) in group.rules_of(direction) {
        match remains.get(index) {
            Some(Some(left)) => touched.push((index, rule, left)),
            _ => untouched.push(rule),
        }
    }
    let maker = Maker { group, inventory, direction, touched, untouched };
    let mut best: Option<(f64, Vec<Made>)> = None;
    // A list stays where it can. Only where the quota has no room for it on so many services it gives way to its entries.
    for lists_stay in [true, false] {
        let (named, rest) = maker.named(lists_stay);
        // What is left of all the rules together can take fewer rules than each by itself: the halves of a split range meet.
        for addresses in [maker.each(&rest), maker.together(&rest)] {
            let made = maker.finished(addresses, &named);
            let lost = volume(&maker.lost(&made));
            let better = |(least, shortest): &(f64, Vec<Made>)| {
                lost < *least || (lost <= *least && lists_stay && made.len() < shortest.len())
            };
            if best.as_ref().is_none_or(better) {
                best = Some((lost, made));
            }
        }
        if !maker.touched.iter().any(|(_, rule, _)| rule.peer.kind() == PeerKind::PrefixList) {
            break;
        }
    }
    best.map(|(_, made)| made).unwrap_or_default()
}

fn made_like(index: usize, old: &Rule, (services, peer): Cover) -> Made {
    (
        index,
        Rule {
            description: old.description.clone(),
            tags: old.tags.clone(),
            ..Rule::new(old.direction, services, peer)
        },
    )
}

impl<'a> Maker<'a> {
    /// How many places of the quota the new rules may take. A group that is over the default quota has had it raised.
    fn room(&self, family: Family) -> usize {
        let before = quota_use(self.group.rules.iter(), self.inventory, self.direction, family);
        let taken = quota_use(self.untouched.iter().copied(), self.inventory, self.direction, family);
        RULE_QUOTA.max(before).saturating_sub(taken)
    }

    fn least_room(&self) -> usize {
        Family::ALL.into_iter().map(|family| self.room(family)).min().unwrap_or(0)
    }

    /// Rules that keep the group or the list of the rule that they are left of, and the addresses that are left beside.
    fn named(&self, lists_stay: bool) -> (Vec<Made>, Vec<(usize, &'a Rule, Traffic)>) {
        let (mut named, mut rest) = (Vec::new(), Vec::new());
        for (index, old, left) in &self.touched {
            let list = match &old.peer {
                Peer::PrefixList(id) if lists_stay => {
                    self.inventory.prefix_lists.get(id).and_then(|list| list.entries.as_ref())
                }
                _ => None,
            };
            let whole =
                |segment: &&Segment| !segment.peers.symbols.is_empty() || list == Some(&segment.peers.addresses);
            let services: ServiceSet = left.segments().iter().filter(whole).map(|segment| segment.services).collect();
            let mut kinds = rule_services(&services);
            let fits = |kinds: &[RuleServices]| {
                let rules: Vec<Rule> =
                    kinds.iter().map(|kind| Rule::new(self.direction, *kind, old.peer.clone())).collect();
                Family::ALL
                    .into_iter()
                    .all(|family| quota_use(rules.iter(), self.inventory, self.direction, family) <= self.room(family))
            };
            if !fits(&kinds) {
                kinds.retain(|kind| !matches!(kind, RuleServices::Protocol(_)));
            }
            while !fits(&kinds) {
                kinds.pop();
            }
            let beside = addresses_only(left).difference(&Traffic::product(&services, &AddressSet::all().into()));
            named.extend(kinds.into_iter().map(|kind| made_like(*index, old, (kind, old.peer.clone()))));
            rest.push((*index, *old, beside));
        }
        (named, rest)
    }

    /// Rules for what is left of each touched rule.
    fn each(&self, rest: &[(usize, &'a Rule, Traffic)]) -> Vec<Made> {
        let room = self.least_room();
        let of_rule = |(index, rule, left): &(usize, &Rule, Traffic)| {
            let covers = cover(left, room).into_iter();
            covers.map(|cover| made_like(*index, rule, cover)).collect::<Vec<Made>>()
        };
        rest.iter().flat_map(of_rule).collect()
    }

    /// Rules for what is left of all touched rules together. Each goes by the touched rule that it shares most services
    /// with, whose description it takes over.
    fn together(&self, rest: &[(usize, &'a Rule, Traffic)]) -> Vec<Made> {
        let all = rest.iter().fold(Traffic::none(), |all, (_, _, left)| all.union(left));
        let of_cover = |cover: Cover| {
            let shared = |rule: &Rule| {
                let shared = rule.services.interval().intersection(cover.0.interval()).map_or(0, Interval::measure);
                (rule.peer.kind() == cover.1.kind(), shared)
            };
            let nearest = rest.iter().max_by(|(a, x, _), (b, y, _)| shared(x).cmp(&shared(y)).then(b.cmp(a)));
            nearest.map(|(index, rule, _)| made_like(*index, rule, cover))
        };
        cover(&all, self.least_room()).into_iter().filter_map(of_cover).collect()
    }

    /// The rules for addresses and those that keep names, as few and as many as fit.
    fn finished(&self, addresses: Vec<Made>, named: &[Made]) -> Vec<Made> {
        let mut made = addresses;
        made.extend_from_slice(named);
        self.drop_covered(&mut made);
        for family in Family::ALL {
            fit(&mut made, self.inventory, self.direction, family, self.room(family));
        }
        made
    }

    /// Leaves out new rules that the rules which stay, or the other new ones, cover: they would change nothing.
    ///
    /// A prefix list covers itself only: what it holds may change tomorrow.
    fn drop_covered(&self, made: &mut Vec<Made>) {
        let stays = Traffic::from_boxes(self.untouched.iter().map(|rule| by_name(rule)));
        made.retain(|(_, rule)| !Traffic::from_boxes([by_name(rule)]).is_subset(&stays));
        // A rule stays rather where it can take the place of the one that it is left of, and rather an earlier one.
        let fits = |(origin, rule): &Made| {
            self.group.rules.get(*origin).is_some_and(|old| old.peer.kind() == rule.peer.kind())
        };
        made.sort_by_key(|one| !fits(one));
        // Of all protocols less a port some 250 rules are made, so each is put into a box once and not for every other.
        let mut boxes: Vec<_> = made.iter().map(|(_, rule)| by_name(rule)).collect();
        for place in (0..made.len()).rev() {
            let Some(own) = boxes.get(place) else { continue };
            // Only rules that meet it can cover it; most meet none.
            let meets = |other: &(Interval<u32>, PeerSet)| {
                other.0.intersection(own.0).is_some() && !other.1.intersection(&own.1).is_empty()
            };
            let others = boxes.iter().enumerate().filter(|(other, _)| *other != place);
            let near: Vec<_> = others.map(|(_, other)| other).filter(|other| meets(other)).cloned().collect();
            if near.is_empty() {
                continue;
            }
            let others = stays.restrict(&own.0.into()).union(&Traffic::from_boxes(near));
            if Traffic::from_boxes([own.clone()]).is_subset(&others) {
                made.remove(place);
                boxes.remove(place);
            }
        }
    }

    /// What the rules that stay and the new ones do not admit, although it is left.
    fn lost(&self, made: &[Made]) -> Traffic {
        let rules = self.untouched.iter().copied().chain(made.iter().map(|(_, rule)| rule)).cloned().collect();
        let after = SecurityGroup { rules, ..SecurityGroup::default() };
        let wanted = self.touched.iter().fold(Traffic::none(), |all, (_, _, left)| all.union(left));
        wanted.difference(&traffic_of(&after, self.inventory, self.direction))
    }
}

fn addresses_only(traffic: &Traffic) -> Traffic {
    let boxes = traffic.segments().iter().map(|segment| {
        let addresses = segment.peers.addresses.clone();
        (segment.services, addresses.into())
    });
    Traffic::from_boxes(boxes)
}

/// What a rule admits, groups and lists by their names.
fn by_name(rule: &Rule) -> (Interval<u32>, PeerSet) {
    let peers = match &rule.peer {
        Peer::V4(_) | Peer::V6(_) => rule.peer.cidr().into_iter().collect::<AddressSet>().into(),
        Peer::PrefixList(id) => Symbol::PrefixList(id.clone()).into(),
        Peer::Group(group) => group_symbol(group).into(),
    };
    (rule.services.interval(), peers)
}

/// Leaves out the smallest new rules of a family until they fit the quota.
fn fit(made: &mut Vec<Made>, inventory: &Inventory, direction: Direction, family: Family, room: usize) {
    let size = |rule: &Rule| {
        let addresses = match rule.peer.cidr() {
            Some(AnyCidr::V4(block)) => block.interval().measure(),
            Some(AnyCidr::V6(block)) => block.interval().measure(),
            None => u128::MAX,
        };
        (addresses, rule.services.interval().measure())
    };
    while quota_use(made.iter().map(|(_, rule)| rule), inventory, direction, family) > room {
        let of_family = made.iter().enumerate().filter(|(_, (_, rule))| {
            matches!((rule.peer.kind(), family), (PeerKind::V4, Family::Ipv4) | (PeerKind::V6, Family::Ipv6))
        });
        // Of two alike the later goes.
        let Some((smallest, _)) = of_family.rev().min_by_key(|(_, (_, rule))| size(rule)) else { break };
        made.remove(smallest);
    }
}

/// Whether some direction and family would be over the quota for a while if all authorisations came first.
pub fn needs_gap(group: &SecurityGroup, inventory: &Inventory, changes: &[Change]) -> bool {
    let new = || {
        changes.iter().filter_map(|change| match change {
            Change::Authorize(rule) => Some(rule),
            _ => None,
        })
    };
    Direction::ALL.into_iter().any(|direction| {
        Family::ALL.into_iter().any(|family| {
            let before = quota_use(group.rules.iter(), inventory, direction, family);
            let more = quota_use(new(), inventory, direction, family);
            more > 0 && before + more > RULE_QUOTA.max(before)
        })
    })
}

/// The traffic of a group as rules say it, prefix lists as their entries.
pub(crate) fn traffic_of(group: &SecurityGroup, inventory: &Inventory, direction: Direction) -> Traffic {
    GroupView::new(group, inventory).traffic(direction)
}
