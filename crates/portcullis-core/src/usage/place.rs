//! Where flows were seen: interfaces with their addresses and groups.

use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt as _};

use super::flow::Flow;
use super::members::addresses_of;
use super::rulebook::Rulebook;
use crate::model::{Direction, Inventory};
use crate::net::{AddressSet, special};

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    own: AddressSet,
    /// The places of its groups in the rulebook.
    groups: Vec<u32>,
    /// Whether it is on no group at all, as NAT gateways are: no rule filters what passes.
    unguarded: bool,
}

/// The interfaces that flows may have been seen at.
#[derive(Debug, Default)]
pub struct Places<'a> {
    places: Vec<Place>,
    by_id: HashMap<&'a str, u32>,
    /// For flows that do not say where they were seen.
    by_address: HashMap<IpAddr, u32>,
}

/// Where a flow was seen, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// The place of the interface.
    pub(super) place: Option<u32>,
    /// Which way the flow goes there.
    pub(super) direction: Option<Direction>,
}

impl<'a> Places<'a> {
    /// The interfaces of an inventory, with the groups of a rulebook.
    pub fn of(inventory: &'a Inventory, rulebook: &Rulebook<'_>) -> Self {
        let mut slots: HashMap<&str, Vec<u32>> = HashMap::new();
        for (slot, group) in (0u32..).zip(rulebook.groups()) {
            slots.entry(&group.key.group_id).or_default().push(slot);
        }
        let mut made = Self::default();
        for interface in inventory.interfaces.iter().flatten() {
            let Ok(number) = u32::try_from(made.places.len()) else { break };
            let own = addresses_of(interface);
            let groups = interface.group_ids.iter().filter_map(|id| slots.get(id.as_str())).flatten().copied();
            let mut groups: Vec<u32> = groups.collect();
            groups.sort_unstable();
            groups.dedup();
            made.by_id.insert(&interface.id, number);
            for text in &interface.addresses {
                if let Ok(address) = text.parse() {
                    made.by_address.entry(address).or_insert(number);
                }
            }
            made.places.push(Place { own, groups, unguarded: interface.group_ids.is_empty() });
        }
        made
    }

    /// As far as nothing is known of interfaces: each one that flows were seen at is taken to have all the groups of a
    /// rulebook, and its own address is the one that most of its flows share.
    pub fn presumed(flows: &'a [Flow], rulebook: &Rulebook<'_>) -> Self {
        let groups: Vec<u32> = (0u32..).zip(rulebook.groups()).map(|(slot, _)| slot).collect();
        let mut counts: HashMap<&str, HashMap<IpAddr, Ends>> = HashMap::new();
        for flow in flows {
            let of_interface = counts.entry(&flow.interface_id).or_default();
            of_interface.entry(flow.source).or_default().as_source += 1;
            of_interface.entry(flow.destination).or_default().as_destination += 1;
        }
        let mut made = Self::default();
        for (id, ends) in counts {
            let Ok(number) = u32::try_from(made.places.len()) else { break };
            // Of two addresses that only ever speak with each other the private one is the interface's, then the one that
            // is spoken to.
            let rank = |(address, ends): &(IpAddr, Ends)| {
                let inside = !special::public().contains(*address);
                (ends.as_source + ends.as_destination, inside, ends.as_destination, std::cmp::Reverse(*address))
            };
            let own = ends.into_iter().max_by_key(rank).and_then(|(address, _)| super::members::host(address));
            made.by_id.insert(id, number);
            let own = own.into_iter().collect();
            made.places.push(Place { own, groups: groups.clone(), unguarded: false });
        }
        made
    }

    /// Where a flow was seen.
    pub(super) fn sight(&self, flow: &Flow) -> Sight {
        let place = match self.by_id.get(flow.interface_id.as_str()) {
            Some(place) => Some(*place),
            None if flow.interface_id.is_empty() => {
                let at = |address| self.by_address.get(address).copied();
                at(&flow.destination).or_else(|| at(&flow.source))
            }
            None => None,
        };
        let own = place.and_then(|place| self.place(place)).map(|place| &place.own);
        let is_own = |address| own.is_some_and(|own| own.contains(address));
        let by_address = || {
            if is_own(flow.destination) {
                Some(Direction::Ingress)
            } else if is_own(flow.source) {
                Some(Direction::Egress)
            } else {
                None
            }
        };
        Sight { place, direction: flow.direction.or_else(by_address) }
    }

    fn place(&self, place: u32) -> Option<&Place> {
        usize::try_from(place).ok().and_then(|place| self.places.get(place))
    }

    /// The groups of an interface, by their places in the rulebook.
    pub(super) fn groups(&self, place: Option<u32>) -> &[u32] {
        place.and_then(|place| self.place(place)).map(|place| place.groups.as_slice()).unwrap_or_default()
    }

    /// Whether an interface is known to be on no group at all.
    pub(super) fn is_unguarded(&self, place: Option<u32>) -> bool {
        place.and_then(|place| self.place(place)).is_some_and(|place| place.unguarded)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    as_source: u64,
    as_destination: u64,
}
