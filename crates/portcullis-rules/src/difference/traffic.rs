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

/// How much of a rule's traffic is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Nothing of it.
    Nothing,
    /// All of it: what most rules that differ come to, and nothing has to be computed for it.
    Whole,
    /// This part.
    Part(Traffic),
}

impl Extent {
    /// Of a rule that admits `whole`.
    fn of(traffic: Traffic, whole: &Traffic) -> Self {
        if traffic.is_empty() {
            Self::Nothing
        } else if traffic == *whole {
            Self::Whole
        } else {
            Self::Part(traffic)
        }
    }

    /// What both mean, and what this means and the other does not; both of a rule that admits what `whole` makes.
    pub(super) fn split(self, other: &Self, whole: impl FnOnce() -> Traffic) -> (Self, Self) {
        match (self, other) {
            (Self::Nothing, _) => (Self::Nothing, Self::Nothing),
            (own, Self::Whole) => (own, Self::Nothing),
            (own, Self::Nothing) => (Self::Nothing, own),
            (Self::Whole, Self::Part(other)) => {
                let whole = whole();
                let rest = Self::of(whole.difference(other), &whole);
                (Self::Part(other.clone()), rest)
            }
            (Self::Part(own), Self::Part(other)) => {
                let whole = whole();
                (Self::of(own.intersection(other), &whole), Self::of(own.difference(other), &whole))
            }
        }
    }
}

/// What a rule admits and none of the others does.
pub(super) fn beside(rule: &Rule, others: &[&Rule], account: &str) -> Extent {
    let services = rule.services.interval();
    let near = |other: &&&Rule| {
        other.direction == rule.direction
            && other.services.interval().intersection(services).is_some()
            && may_meet(&rule.peer, &other.peer)
    };
    let mut near = others.iter().filter(near).peekable();
    if near.peek().is_none() {
        return Extent::Whole;
    }
    let whole = traffic_of(rule, account);
    let boxes = near.map(|other| (other.services.interval(), peers_of(other, account)));
    Extent::of(whole.difference(&Traffic::from_boxes(boxes)), &whole)
}

/// Whether two peers may have anything in common; no where they surely have not. Peers of other kinds have not, since lists
/// and groups are compared by their names.
fn may_meet(one: &Peer, other: &Peer) -> bool {
    match (one, other) {
        (Peer::V4(one), Peer::V4(other)) => one.interval().intersection(other.interval()).is_some(),
        (Peer::V6(one), Peer::V6(other)) => one.interval().intersection(other.interval()).is_some(),
        (Peer::PrefixList(one), Peer::PrefixList(other)) => one == other,
        (Peer::Group(_), Peer::Group(_)) => true,
        _ => false,
    }
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
