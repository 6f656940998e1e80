//! A group's rules as sets of traffic.

use std::collections::BTreeMap;

use portcullis_core::model::{Direction, Inventory, Peer, Rule, SecurityGroup};
use portcullis_core::net::{AddressSet, Interval, PeerSet, ServiceSet, Symbol, Traffic};

use crate::words::{peers_words, services_words};

/// Who a rule admits, with prefix lists put in as far as they are known.
fn peers(rule: &Rule, inventory: &Inventory) -> PeerSet {
    match &rule.peer {
        Peer::V4(block) => AddressSet { v4: block.interval().into(), ..AddressSet::default() }.into(),
        Peer::V6(block) => AddressSet { v6: block.interval().into(), ..AddressSet::default() }.into(),
        Peer::PrefixList(id) => match inventory.prefix_lists.get(id).and_then(|list| list.entries.as_ref()) {
            Some(entries) => entries.clone().into(),
            None => Symbol::PrefixList(id.clone()).into(),
        },
        Peer::Group(group) => {
            let id = if group.id.is_empty() { group.name.clone() } else { group.id.clone() };
            Symbol::Group { account: group.account.clone(), id }.into()
        }
    }
}

/// The rules of one direction as boxes, with their indices.
pub(crate) fn boxes(
    group: &SecurityGroup,
    direction: Direction,
    inventory: &Inventory,
) -> Vec<(usize, (Interval<u32>, PeerSet))> {
    let rules = group.rules_of(direction);
    rules.map(|(index, rule)| (index, (rule.services.interval(), peers(rule, inventory)))).collect()
}

/// What some boxes admit together.
pub(crate) fn union<'a>(boxes: impl Iterator<Item = &'a (usize, (Interval<u32>, PeerSet))>) -> Traffic {
    Traffic::from_boxes(boxes.map(|(_, content)| content.clone()))
}

/// The traffic by who is admitted: services that admit the same peers come together, in the order of their first service.
pub(crate) fn by_peers(traffic: &Traffic) -> Vec<(ServiceSet, &PeerSet)> {
    let mut services: BTreeMap<&PeerSet, Vec<Interval<u32>>> = BTreeMap::new();
    for segment in traffic.segments() {
        services.entry(&segment.peers).or_default().push(segment.services);
    }
    let mut lines: Vec<(ServiceSet, &PeerSet)> =
        services.into_iter().map(|(peers, services)| (services.into_iter().collect(), peers)).collect();
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    lines
}

/// The traffic in words: `tcp 22 from all IPv4 addresses; udp 53 from 10.0.0.0/8`. At most `most` stretches, and of each
/// at most `most` ranges, blocks and names. Empty for no traffic.
pub(crate) fn words(traffic: &Traffic, direction: Direction, most: usize) -> String {
    let lines = by_peers(traffic);
    let line = |(services, peers): &(ServiceSet, &PeerSet)| {
        format!("{} {} {}", services_words(services, most), direction.preposition(), peers_words(peers, most))
    };
    let mut texts: Vec<String> = lines.iter().take(most).map(line).collect();
    if lines.len() > most {
        texts.push(format!("and {} more", lines.len() - most));
    }
    texts.join("; ")
}
