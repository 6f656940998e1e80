//! Traffic rules of a policy: which traffic violates, and which is allowed whatever else stands in the file.

use std::collections::BTreeSet;

use compact_str::CompactString;
use regex::Regex;

use crate::model::Direction;
use crate::net::{AddressSet, Family, PeerSet, ServiceSet};

/// How the services of a rule must be open for it to be violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Match {
    /// Any of them.
    Any,
    /// Every port of 1-65535 of TCP, or of UDP, as far as the rule's services hold them whole: *everything open*.
    Everything,
    /// Every one of them.
    All,
}

/// What a rule says of peers. It is violated where one of its tests is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerTest {
    /// More public addresses of one of these families than the internet threshold.
    Internet(BTreeSet<Family>),
    /// More public addresses than the wide threshold, and not above the internet threshold.
    Wide,
    /// Any of these peers.
    Overlap(PeerSet),
    /// Any peer at all, groups included.
    Any,
    /// Any address outside these; referenced groups are no excess.
    Outside(PeerSet),
}

/// The traffic that violates a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficRule {
    /// Which way.
    pub direction: Direction,
    /// The services that it speaks of, with the authorised ports already taken out where it says so.
    pub services: ServiceSet,
    /// How many of them must be open.
    pub matching: Match,
    /// Who may not.
    pub peers: Vec<PeerTest>,
}

/// Who an allowed rule allows.
#[derive(Clone, Debug)]
pub enum AllowedPeers {
    /// Everybody.
    Anyone,
    /// These.
    Only(PeerSet),
    /// Referenced groups whose name fits the pattern whole.
    GroupsNamed(Regex),
}

/// Traffic that the prohibited and restricted rules of the same file do not report.
#[derive(Clone, Debug)]
pub struct AllowedRule {
    /// The rule's own id.
    pub rule_id: CompactString,
    /// Which way.
    pub direction: Direction,
    /// Which services.
    pub services: ServiceSet,
    /// Who.
    pub peers: AllowedPeers,
    /// Where it applies.
    pub scope: Scope,
}

/// The groups that a rule bears on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only these accounts; empty means all.
    pub accounts: BTreeSet<CompactString>,
    /// Not these accounts (an override that does not inherit).
    pub except_accounts: BTreeSet<CompactString>,
    /// Only these environments, in lower case; empty means all.
    pub environments: BTreeSet<String>,
}

/// Measures that decide what is open, and which ports are meant to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Above this many public IPv4 addresses a port is open to the internet.
    pub internet_ipv4: u128,
    /// Above this many public IPv6 addresses a port is open to the internet.
    pub internet_ipv6: u128,
    /// Above this many public IPv4 addresses a source is wide.
    pub wide_ipv4: u128,
    /// Above this many public IPv6 addresses a source is wide.
    pub wide_ipv6: u128,
    /// TCP ports that are meant to be public.
    pub authorized_tcp_ports: BTreeSet<u16>,
    /// UDP ports that are meant to be public.
    pub authorized_udp_ports: BTreeSet<u16>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            internet_ipv4: 1 << 24,
            internet_ipv6: 1 << 112,
            wide_ipv4: 1 << 16,
            wide_ipv6: 1 << 96,
            authorized_tcp_ports: BTreeSet::from([80, 443]),
            authorized_udp_ports: BTreeSet::new(),
        }
    }
}

impl Settings {
    /// The internet threshold of a family, in addresses.
    pub fn internet(&self, family: Family) -> u128 {
        match family {
            Family::Ipv4 => self.internet_ipv4,
            Family::Ipv6 => self.internet_ipv6,
        }
    }

    /// The wide threshold of a family, in addresses.
    pub fn wide(&self, family: Family) -> u128 {
        match family {
            Family::Ipv4 => self.wide_ipv4,
            Family::Ipv6 => self.wide_ipv6,
        }
    }

    /// The services that are meant to be public.
    pub fn authorized(&self) -> ServiceSet {
        use crate::net::Protocol;
        let tcp = self.authorized_tcp_ports.iter().map(|port| Protocol::TCP.ports(*port, *port));
        tcp.chain(self.authorized_udp_ports.iter().map(|port| Protocol::UDP.ports(*port, *port))).collect()
    }
}

/// Private space and nothing else: what a restricted rule without `allowed_sources` allows.
pub fn private_space() -> PeerSet {
    let addresses: AddressSet = crate::net::special::private().clone();
    addresses.into()
}
