//! `redundant-rule`

mod cover;

use super::{Context, Metadata, Verdict, named_rules};
use crate::model::{Direction, Inventory, Peer, Rule, SecurityGroup};
use crate::net::{AddressSet, Interval, IntervalSet};
use crate::policy::Severity;
use cover::{Item, redundant};

pub(super) const METADATA: Metadata = Metadata {
    id: "redundant-rule",
    severity: Severity::Low,
    title: "Redundant rule",
    description: "Rules whose traffic the other rules of the group admit anyway: one that lies within a broader one, or \
                  within several together. The entries of prefix lists count as far as they are known. All rules named \
                  can go at once without a change of what is admitted.",
    reason: "Whoever removes a redundant rule to close something closes nothing, and each one counts against the quota. \
             Low, because it admits nothing that is not admitted otherwise.",
    remediation: "Remove the rules named, or narrow the broader rule that covers them if they are what was meant. A rule \
                  that names a prefix list may be needed again when the list's entries change.",
};

pub(super) fn judge(context: Context<'_>) -> Verdict {
    let rules = redundant_rules(context.group, context.inventory);
    let names = || named_rules(context.group, &rules);
    let reason = match rules.len() {
        0 => return Verdict::Pass,
        1 => format!("{} adds nothing to the group's other rules", names()),
        count => format!("{count} rules add nothing to the group's other rules: {}", names()),
    };
    Verdict::fail(reason, rules)
}

/// The rules of a group that the others cover: indices, ascending, such that all of them together can go.
///
/// Of rules that cover each other the one with a description stays, then the broader, then the first. A rule for a prefix
/// list that is known to be empty admits nothing, so nothing is needed to cover it.
pub fn redundant_rules(group: &SecurityGroup, inventory: &Inventory) -> Vec<usize> {
    if stand_apart(&group.rules, inventory) {
        return Vec::new();
    }
    let mut gone = Vec::new();
    for direction in Direction::ALL {
        gone.extend(redundant(
            group.rules_of(direction).map(|(place, rule)| Item::of(place, rule, inventory)).collect(),
        ));
    }
    gone.sort_unstable();
    gone
}

/// Who a rule admits: equal values for equal sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who<'a> {
    V4(Interval<u32>),
    V6(Interval<u128>),
    /// The entries of a prefix list, unless they are one interval.
    Set(&'a AddressSet),
    /// A referenced group: account, id or name.
    Group(&'a str, &'a str),
    /// A prefix list whose entries are not known.
    Unresolved(&'a str),
}

/// A corner of what a rule admits.
#[derive(Clone, Copy)]
enum Corner<'a> {
    V4(u32),
    V6(u128),
    Name(Who<'a>),
}

impl<'a> Who<'a> {
    fn of(peer: &'a Peer, inventory: &'a Inventory) -> Self {
        match peer {
            Peer::V4(block) => Self::V4(block.interval()),
            Peer::V6(block) => Self::V6(block.interval()),
            Peer::Group(group) => {
                Self::Group(&group.account, if group.id.is_empty() { &group.name } else { &group.id })
            }
            Peer::PrefixList(id) => match inventory.prefix_lists.get(id).and_then(|list| list.entries.as_ref()) {
                Some(entries) => match (entries.v4.intervals(), entries.v6.intervals()) {
                    ([one], []) => Self::V4(*one),
                    ([], [one]) => Self::V6(*one),
                    _ => Self::Set(entries),
                },
                None => Self::Unresolved(id),
            },
        }
    }

    /// The first and the last of it; `None` where it is nobody.
    fn corners(self) -> Option<[Corner<'a>; 2]> {
        Some(match self {
            Self::V4(block) => [Corner::V4(block.low), Corner::V4(block.high)],
            Self::V6(block) => [Corner::V6(block.low), Corner::V6(block.high)],
            Self::Group(..) | Self::Unresolved(_) => [Corner::Name(self), Corner::Name(self)],
            Self::Set(set) => match (set.v4.intervals(), set.v6.intervals()) {
                ([first, .., last], _) => [Corner::V4(first.low), Corner::V4(last.high)],
                ([only], _) => [Corner::V4(only.low), Corner::V4(only.high)],
                ([], [first, .., last]) => [Corner::V6(first.low), Corner::V6(last.high)],
                ([], [only]) => [Corner::V6(only.low), Corner::V6(only.high)],
                ([], []) => return None,
            },
        })
    }

    fn admits(self, corner: Corner<'_>) -> bool {
        match (self, corner) {
            (Self::V4(block), Corner::V4(address)) => block.low <= address && address <= block.high,
            (Self::V6(block), Corner::V6(address)) => block.low <= address && address <= block.high,
            (Self::Set(set), Corner::V4(address)) => set.v4.contains(address),
            (Self::Set(set), Corner::V6(address)) => set.v6.contains(address),
            (own, Corner::Name(other)) => own == other,
            _ => false,
        }
    }

    /// Its addresses; none for what is known by name only.
    fn addresses(self) -> AddressSet {
        match self {
            Self::V4(block) => AddressSet { v4: block.into(), v6: IntervalSet::empty() },
            Self::V6(block) => AddressSet { v4: IntervalSet::empty(), v6: block.into() },
            Self::Set(set) => set.clone(),
            Self::Group(..) | Self::Unresolved(_) => AddressSet::default(),
        }
    }
}

/// Above so many rules, comparing each with each costs more than sorting them.
const FEW: usize = 12;

/// What decides of a rule whether it covers another.
type Look<'a> = (Direction, Interval<u32>, Who<'a>);

/// Whether it is plain that no rule can be redundant: each has a corner that no other one admits.
///
/// Most groups end here. A rule with no such corner may still be needed.
fn stand_apart(rules: &[Rule], inventory: &Inventory) -> bool {
    if rules.len() > FEW {
        return false;
    }
    let looks: Vec<Look<'_>> =
        rules.iter().map(|rule| (rule.direction, rule.services.interval(), Who::of(&rule.peer, inventory))).collect();
    let covered = |place: usize, direction: Direction, service: u32, corner: Corner<'_>| {
        looks.iter().enumerate().any(|(other, (by, services, who))| {
            other != place
                && services.low <= service
                && service <= services.high
                && *by == direction
                && who.admits(corner)
        })
    };
    looks.iter().enumerate().all(|(place, (direction, services, who))| {
        let Some([first, last]) = who.corners() else { return false };
        !covered(place, *direction, services.low, first) || !covered(place, *direction, services.high, last)
    })
}

#[cfg(test)]
mod tests;
