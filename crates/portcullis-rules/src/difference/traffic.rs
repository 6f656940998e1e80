//! Rules as traffic, and traffic as rules.

use std::collections::BTreeMap;

use compact_str::CompactString;
use portcullis_core::model::{GroupReference, Peer, Rule};
use portcullis_core::net::service::rule_services;
use portcullis_core::net::{AddressSet, PeerSet, ServiceSet, Symbol, Traffic};

/// Who a rule of a group in an account admits, with lists and groups by their names.
fn peers_of(rule: &Rule, account: &str) -> PeerSet {
    match &rule.peer {
        Peer::PrefixList(id) => Symbol::PrefixList(id.clone()).into(),
        Peer::Group(group) => {
            let id = if group.id.is_empty() { group.name.clone() } else { group.id.clone() };
            let own = group.account == account;
            Symbol::Group { account: if own { CompactString::default() } else { group.account.clone() }, id }.into()
        }
        Peer::V4(_) | Peer::V6(_) => rule.peer.cidr().into_iter().collect::<AddressSet>().into(),
    }
}

/// What a rule admits.
pub(super) fn traffic_of(rule: &Rule, account: &str) -> Traffic {
    Traffic::from_boxes([(rule.services.interval(), peers_of(rule, account))])
}

/// What a rule admits and none of the others does.
pub(super) fn beside(rule: &Rule, others: &[&Rule], account: &str) -> Traffic {
    let (own, services) = (peers_of(rule, account), rule.services.interval());
    let near = others.iter().filter(|other| {
        other.direction == rule.direction && other.services.interval().intersection(services).is_some()
    });
    let near = near.map(|other| (other.services.interval(), peers_of(other, account)));
    // Peers of other kinds take nothing away; leaving them out keeps the sweep short.
    let boxes = near
        .filter(|(_, peers)| peers.addresses.intersects(&own.addresses) || !peers.symbols.is_disjoint(&own.symbols));
    traffic_of(rule, account).difference(&Traffic::from_boxes(boxes))
}

/// A part of a rule's traffic as rules that bear its description.
pub(super) fn rules_of(rule: &Rule, traffic: &Traffic) -> Vec<Rule> {
    let mut services: BTreeMap<&PeerSet, ServiceSet> = BTreeMap::new();
    for segment in traffic.segments() {
        let of_peers = services.entry(&segment.peers).or_default();
        *of_peers = of_peers.union(&segment.services.into());
    }
    let mut rules = Vec::new();
    for (peers, services) in services {
        for services in rule_services(&services) {
            let blocks = peers.addresses.cidrs().into_iter().map(Peer::from);
            for peer in blocks.chain(peers.symbols.iter().map(named)) {
                let description = rule.description.clone();
                rules.push(Rule { description, line: rule.line, ..Rule::new(rule.direction, services, peer) });
            }
        }
    }
    rules
}

fn named(symbol: &Symbol) -> Peer {
    match symbol {
        Symbol::PrefixList(id) => Peer::PrefixList(id.clone()),
        Symbol::Group { account, id } => Peer::Group(Box::new(GroupReference {
            account: account.clone(),
            id: id.clone(),
            ..GroupReference::default()
        })),
    }
}
