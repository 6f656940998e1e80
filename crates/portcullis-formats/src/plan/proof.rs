//! The proof of a group's changes.

use std::collections::BTreeMap;

use portcullis_core::model::Direction;
use portcullis_core::net::{Interval, PeerSet, ServiceSet, Symbol, Traffic};
use portcullis_core::remediation::Proof;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{ServiceRecord, service_records};

/// What was computed of a group's changes from its rules before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a proof")]
pub(super) struct ProofRecord {
    /// Whether none of the findings remains; null where the strategy changes no traffic.
    pub(super) findings_gone: Option<bool>,
    /// What is admitted that was not admitted before: empty, save for the sources of `replace` and a lockdown's dummy rule.
    pub(super) opens: Vec<TrafficRecord>,
    /// What is closed.
    pub(super) closes: Vec<TrafficRecord>,
    /// The part of it that the findings did not ask for.
    pub(super) also_closes: Vec<TrafficRecord>,
}

/// One stretch of traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a stretch of traffic")]
pub(super) struct TrafficRecord {
    /// `ingress` or `egress`.
    direction: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, a range of numbers, or `-1` for all protocols.
    protocol: String,
    /// Ports and ranges of them with commas between, or `all`; for ICMP types and codes.
    ports: String,
    /// Who, as the least list of blocks, groups and prefix lists.
    peers: Vec<String>,
}

impl ProofRecord {
    pub(super) fn of(proof: &Proof) -> Self {
        Self {
            findings_gone: proof.findings_gone,
            opens: rows(&proof.opens),
            closes: rows(&proof.closes),
            also_closes: rows(&proof.also_closes),
        }
    }

    /// What of two proofs differs, in words.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let parts = [
            (self.findings_gone != other.findings_gone, "whether the findings go"),
            (self.opens != other.opens, "what the changes open"),
            (self.closes != other.closes, "what the changes close"),
            (self.also_closes != other.also_closes, "what the changes close beside the findings"),
        ];
        parts.into_iter().find(|(differs, _)| *differs).map(|(_, what)| what)
    }
}

/// Rows for traffic: services that admit the same peers stand together, in the order of their first service.
fn rows(traffic: &[(Direction, Traffic)]) -> Vec<TrafficRecord> {
    let mut rows = Vec::new();
    for (direction, traffic) in traffic {
        let mut together: BTreeMap<&PeerSet, Vec<Interval<u32>>> = BTreeMap::new();
        for segment in traffic.segments() {
            together.entry(&segment.peers).or_default().push(segment.services);
        }
        let mut together: Vec<(ServiceSet, &PeerSet)> =
            together.into_iter().map(|(peers, services)| (services.into_iter().collect(), peers)).collect();
        together.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (services, peers) in together {
            let peers = peer_texts(peers);
            rows.extend(by_protocol(&services).into_iter().map(|ServiceRecord { protocol, ports }| TrafficRecord {
                direction: direction.to_string(),
                protocol,
                ports,
                peers: peers.clone(),
            }));
        }
    }
    rows
}

/// One row a protocol, its ports with commas between.
fn by_protocol(services: &ServiceSet) -> Vec<ServiceRecord> {
    let mut rows: Vec<ServiceRecord> = Vec::new();
    for row in service_records(services) {
        match rows.last_mut() {
            Some(last) if last.protocol == row.protocol => {
                last.ports.push(',');
                last.ports.push_str(&row.ports);
            }
            _ => rows.push(row),
        }
    }
    rows
}

fn peer_texts(peers: &PeerSet) -> Vec<String> {
    let blocks = peers.addresses.cidrs().into_iter().map(|block| block.to_string());
    let symbol = |symbol: &Symbol| match symbol {
        Symbol::Group { account, id } if account.is_empty() => id.to_string(),
        Symbol::Group { account, id } => format!("{account}/{id}"),
        Symbol::PrefixList(id) => id.to_string(),
    };
    blocks.chain(peers.symbols.iter().map(symbol)).collect()
}
