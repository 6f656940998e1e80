//! Connections that changes would cut, by flow logs. They tell something to people; nothing is decided by them.

use jiff::Timestamp;
use portcullis_core::usage::Cut;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A connection that a change would cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a connection that a change would cut")]
pub(super) struct CutRecord {
    /// The place of the change in `changes`, from 0.
    change: usize,
    srcaddr: String,
    dstaddr: String,
    /// 0 for protocols without ports.
    dstport: u16,
    /// The IANA number.
    protocol: u8,
    /// Records, answers left out.
    flows: u64,
    packets: u64,
    bytes: u64,
    last_seen: Option<String>,
    /// The rule that admits it today: its id, or where it has none the rule itself.
    rule_id: String,
}

impl CutRecord {
    pub(super) fn of(cut: &Cut) -> Self {
        let (connection, seen) = (&cut.connection, &cut.seen);
        Self {
            change: cut.change,
            srcaddr: connection.source.to_string(),
            dstaddr: connection.destination.to_string(),
            dstport: connection.port,
            protocol: connection.protocol,
            flows: seen.sum.flows,
            packets: seen.sum.packets,
            bytes: seen.sum.bytes,
            last_seen: Timestamp::from_second(seen.last).ok().map(|time| time.to_string()),
            rule_id: cut.rule_id.clone(),
        }
    }
}
