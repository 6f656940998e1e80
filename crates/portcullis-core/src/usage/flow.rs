//! Flows as attribution sees them: what is left of flow-log records when they are added up.

use std::net::IpAddr;

use compact_str::CompactString;

use crate::model::Direction;

/// What was seen of one flow at one interface: the sum of all records that agree in everything but time and size.
///
/// A flow is one way; the answers to it are another flow. Source of the fields: Amazon VPC User Guide, "Flow log records".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The account that owns the interface; empty where the records do not tell it.
    pub account_id: CompactString,
    /// The interface, `eni-…`; empty where the records do not tell it.
    pub interface_id: CompactString,
    /// `srcaddr`.
    pub source: IpAddr,
    /// `dstaddr`.
    pub destination: IpAddr,
    /// `srcport`; 0 for protocols without ports.
    pub source_port: u16,
    /// `dstport`; 0 for protocols without ports. The type of ICMP is not in the records.
    pub destination_port: u16,
    /// The IANA number of the protocol.
    pub protocol: u8,
    /// Whether `action` is `ACCEPT`.
    pub accepted: bool,
    /// `flow-direction`, where the records tell it.
    pub direction: Option<Direction>,
    /// `tcp-flags` of all records together (bitwise or); 0 where the records do not tell them. Flows that differ in
    /// nothing else may be given one by one.
    pub tcp_flags: u8,
    /// How many records.
    pub records: u64,
    /// Their packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The least `start`, in seconds since 1970.
    pub first: i64,
    /// The greatest `end`, in seconds since 1970.
    pub last: i64,
}
