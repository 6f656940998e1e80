//! `redundant-rule`

mod apart;
mod cover;

use super::{Context, Fault, Metadata, named_rules};
use crate::finding::Status;
use crate::model::{Direction, Inventory, Peer, SecurityGroup};
use crate::net::{AddressSet, Interval, IntervalSet};
use crate::policy::Severity;
use apart::is_any_redundant;
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

pub(super) fn status(context: Context<'_>) -> Status {
    let Context { group, inventory, .. } = context;
    let plain = is_any_redundant(&group.rules, inventory);
    if plain.unwrap_or_else(|| !redundant_rules(group, inventory).is_empty()) { Status::Fail } else { Status::Pass }
}

pub(super) fn fault(context: Context<'_>) -> Fault {
    let rules = redundant_rules(context.group, context.inventory);
    let names = named_rules(context.group, &rules);
    let reason = match rules.len() {
        1 => format!("{names} adds nothing to the group's other rules"),
        count => format!("{count} rules add nothing to the group's other rules: {names}"),
    };
    Fault { rules, ..Fault::of(reason) }
}

/// The rules of a group that the others cover: indices, ascending, such that all of them together can go.
///
/// Of rules that cover each other the one with a description stays, then the broader, then the first. A rule for a prefix
/// list that is known to be empty admits nothing, so nothing is needed to cover it.
pub fn redundant_rules(group: &SecurityGroup, inventory: &Inventory) -> Vec<usize> {
    if is_any_redundant(&group.rules, inventory) == Some(false) {
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

    /// Whether it is nobody: a prefix list that is known to be empty.
    fn is_nobody(self) -> bool {
        matches!(self, Self::Set(set) if set.is_empty())
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

#[cfg(test)]
mod tests;
