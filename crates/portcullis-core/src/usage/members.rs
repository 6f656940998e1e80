//! Whom the peers of rules stand for: prefix lists by their entries, groups by the addresses of their members.

use std::net::IpAddr;
use std::sync::LazyLock;

use foldhash::{HashMap, HashMapExt as _};

use crate::model::{Inventory, NetworkInterface, Peer};
use crate::net::{AddressSet, AnyCidr, Cidr, Family, IntervalSet, special};

/// Addresses that a member of a group may have as far as nothing is known of it: groups are matched by private addresses,
/// which those of a VPC are whatever their number.
static INSIDE: LazyLock<AddressSet> = LazyLock::new(|| AddressSet::all().difference(special::public()));

/// The addresses behind the groups of an inventory, through its interfaces.
#[derive(Debug)]
pub struct Members<'a> {
    inventory: &'a Inventory,
    of_group: HashMap<&'a str, AddressSet>,
}

/// Whom a peer stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stands {
    /// The addresses; where they are not known, those that might be.
    pub addresses: AddressSet,
    /// Whether they are not known.
    pub guessed: bool,
}

/// A single address as a block.
pub(crate) fn host(address: IpAddr) -> Option<AnyCidr> {
    Some(match address {
        IpAddr::V4(address) => AnyCidr::V4(Cidr::new(address.to_bits(), 32)?),
        IpAddr::V6(address) => AnyCidr::V6(Cidr::new(address.to_bits(), 128)?),
    })
}

/// The private addresses of an interface, of both families, with the blocks that are delegated to it.
pub(crate) fn addresses_of(interface: &NetworkInterface) -> AddressSet {
    let block = |text: &str| match text.parse::<IpAddr>() {
        Ok(address) => host(address),
        Err(_) => text.parse().ok(),
    };
    interface.addresses.iter().chain(&interface.prefixes).filter_map(|text| block(text)).collect()
}

impl<'a> Members<'a> {
    /// Reads the interfaces of an inventory.
    pub fn of(inventory: &'a Inventory) -> Self {
        let mut blocks: HashMap<&str, Vec<AnyCidr>> = HashMap::new();
        if inventory.interfaces.is_some() {
            for group in &inventory.groups {
                blocks.entry(&group.key.group_id).or_default();
            }
        }
        for interface in inventory.interfaces.iter().flatten() {
            let addresses = addresses_of(interface).cidrs();
            for group in &interface.group_ids {
                blocks.entry(group).or_default().extend_from_slice(&addresses);
            }
        }
        let of_group = blocks.into_iter().map(|(group, blocks)| (group, blocks.into_iter().collect())).collect();
        Self { inventory, of_group }
    }

    /// The addresses of a group's members: `None` where they are not known, because neither the group nor an interface
    /// that it is on was read.
    pub fn addresses(&self, group_id: &str) -> Option<&AddressSet> {
        self.of_group.get(group_id)
    }

    /// Whom a peer stands for.
    pub fn behind(&self, peer: &Peer) -> Stands {
        let known = |addresses: AddressSet| Stands { addresses, guessed: false };
        match peer {
            Peer::V4(_) | Peer::V6(_) => known(peer.cidr().into_iter().collect()),
            Peer::PrefixList(id) => {
                let list = self.inventory.prefix_lists.get(id);
                let family = list.and_then(|list| list.family);
                match list.and_then(|list| list.entries.as_ref()) {
                    Some(entries) => known(entries.clone()),
                    None => Stands { addresses: all_of(family), guessed: true },
                }
            }
            Peer::Group(reference) => match self.addresses(&reference.id) {
                Some(addresses) => known(addresses.clone()),
                None => Stands { addresses: INSIDE.clone(), guessed: true },
            },
        }
    }
}

fn all_of(family: Option<Family>) -> AddressSet {
    let mut all = AddressSet::all();
    match family {
        Some(Family::Ipv4) => all.v6 = IntervalSet::empty(),
        Some(Family::Ipv6) => all.v4 = IntervalSet::empty(),
        None => {}
    }
    all
}
