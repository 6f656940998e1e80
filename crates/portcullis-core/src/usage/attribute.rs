//! Which rules let flows in: each connection once, by the side that began it.
//!
//! Security groups are stateful: the answers of an admitted connection pass whatever the rules say, so they are no use of
//! any rule and nothing is lost to them when a rule goes. A flow is an answer where its reverse was seen at the same
//! interface at the same time and began the connection. Who began is told, in this order, by
//!
//! 1. TCP's flags, where the records have them: SYN without ACK begins, SYN with ACK answers;
//! 2. the rules: what no rule admits cannot have begun an accepted connection;
//! 3. the rules again: where only one side is admitted by a rule for few ports, that one began;
//! 4. the ports: the service is at the port that met many more different ports, see [`evidence`](super::evidence);
//! 5. the time: who was seen first; at last, the lower port.
//!
//! Between equal ports nothing tells, nor in ICMP, of which the records have no type; then both sides count as having begun,
//! and both are marked.

mod judge;

use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::ops::Range;

use foldhash::fast::FixedState;

use super::evidence::{self, Evidence};
use super::flow::Flow;
use super::place::{Places, Sight};
use super::rulebook::{Admitting, Rulebook};
use crate::model::Direction;
use judge::{Judge, Member};

/// Where a flow was seen, and which connection it is part of.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    sight: Sight,
    accepted: bool,
    /// The same for both sides of a connection; different connections may share it. Those of one interface follow one another
    /// in its order, so that the rules that are asked about are at hand.
    connection: u64,
}

/// Connections of which only what was seen of ports tells who began them.
#[derive(Debug, Default)]
pub struct Doubtful {
    /// Their flows, by connection.
    flows: Vec<(u64, u32)>,
    /// The ports that must be known of.
    ports: Vec<u64>,
}

/// A flow that began a connection, and the rules that admit it.
#[derive(Clone, Copy, Debug)]
pub struct Use<'u> {
    /// The flow.
    pub flow: &'u Flow,
    /// Its place among the flows.
    pub index: usize,
    /// Which way it goes at the interface; `None` where that cannot be told.
    pub direction: Option<Direction>,
    /// The groups of the interface, by their places in the rulebook.
    pub groups: &'u [u32],
    /// The rules that admit it.
    pub admitting: &'u Admitting,
    /// Whether it may also be the answer to its reverse.
    pub either: bool,
    /// Whether the interface is known to be on no group, so that no rule filters it.
    pub unguarded: bool,
}

/// Flows about to be attributed.
///
/// Four steps, each of which may run in as many parts at once as the caller has cores: [`Self::look`] over a part of the
/// flows each; [`Self::attribute`] over all flows, each doing its share of the connections; and for those that are left in
/// doubt [`Self::gather`] and [`Self::settle`]. Most connections are told apart by flags or rules, and what is known of
/// ports takes longer to gather than all else, so it is gathered for the few that need it.
#[derive(Debug)]
pub struct Attribution<'a> {
    /// The rules.
    pub rulebook: &'a Rulebook<'a>,
    /// The interfaces.
    pub places: &'a Places<'a>,
    /// The flows.
    pub flows: &'a [Flow],
}

fn ends(flow: &Flow) -> [(IpAddr, u16); 2] {
    let mut ends = [(flow.source, flow.source_port), (flow.destination, flow.destination_port)];
    ends.sort_unstable();
    ends
}

/// An address of either family as a number, for hashes.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl<'a> Attribution<'a> {
    /// Where the flows of a range were seen.
    pub fn look(&self, range: Range<usize>) -> Vec<Seen> {
        let hasher = FixedState::with_seed(0);
        let flows = self.flows.get(range).unwrap_or_default();
        let seen = |flow: &Flow| {
            let sight = self.places.sight(flow);
            // Flows at interfaces that are not known are told apart by the interface's id.
            let at = if sight.place.is_some() { "" } else { flow.interface_id.as_str() };
            let [(one, one_port), (other, other_port)] = ends(flow);
            let hash = hasher.hash_one((number(one), number(other), (one_port, other_port, flow.protocol), at));
            let place = sight.place.map_or(0, |place| u64::from(place) + 1);
            Seen { sight, accepted: flow.accepted, connection: place << 40 | hash >> 24 }
        };
        flows.iter().map(seen).collect()
    }

    /// The groups on interfaces of which the logs tell anything, by their places in the rulebook.
    pub fn watched(&self, seen: &[Seen]) -> Vec<u32> {
        let mut places: Vec<Option<u32>> = seen.iter().map(|seen| seen.sight.place).collect();
        places.sort_unstable();
        places.dedup();
        let mut groups: Vec<u32> = places.into_iter().flat_map(|place| self.places.groups(place)).copied().collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Calls `visit` for each flow that began a connection of this part, one of as many as there will be; but leaves out
    /// what is in doubt.
    pub fn attribute(&self, seen: &[Seen], part: usize, of: usize, mut visit: impl FnMut(Use<'_>)) -> Doubtful {
        let (part, of) = share(part, of);
        let own = (0u32..).zip(seen).filter(|(_, seen)| seen.accepted && seen.connection % of == part);
        let mut order: Vec<(u64, u32)> = own.map(|(index, seen)| (seen.connection, index)).collect();
        order.sort_unstable();
        let mut doubtful = Doubtful::default();
        self.judge(seen, &order, |judge, connection| {
            if !judge.connection(connection, None, &mut visit) {
                doubtful.add(connection, seen);
            }
        });
        doubtful
    }

    /// What was seen of the ports that must be known of: one of as many parts as there will be.
    pub fn gather(&self, seen: &[Seen], doubtful: &[Doubtful], part: usize, of: usize) -> Evidence {
        let (part, of) = share(part, of);
        let asked = doubtful.iter().flat_map(|doubtful| &doubtful.ports).copied().filter(|port| port % of == part);
        let accepted = self.flows.iter().zip(seen).filter(|(_, seen)| seen.accepted);
        Evidence::gather(asked, accepted.map(|(flow, seen)| (flow, seen.sight)))
    }

    /// Calls `visit` for each flow that began a connection that was in doubt; `evidence` is all of its parts.
    pub fn settle(&self, seen: &[Seen], doubtful: &Doubtful, evidence: &[Evidence], mut visit: impl FnMut(Use<'_>)) {
        self.judge(seen, &doubtful.flows, |judge, connection| {
            judge.connection(connection, Some(evidence), &mut visit);
        });
    }

    /// All steps, one after the other. Gives where the flows were seen.
    pub fn attribute_all(&self, mut visit: impl FnMut(Use<'_>)) -> Vec<Seen> {
        let seen = self.look(0..self.flows.len());
        let doubtful = [self.attribute(&seen, 0, 1, &mut visit)];
        let evidence = [self.gather(&seen, &doubtful, 0, 1)];
        doubtful.iter().for_each(|doubtful| self.settle(&seen, doubtful, &evidence, &mut visit));
        seen
    }

    /// Calls `each` for each connection of some flows, which are in order.
    fn judge(&self, seen: &[Seen], order: &[(u64, u32)], mut each: impl FnMut(&mut Judge<'_, 'a>, &[Member<'a>])) {
        let mut judge = Judge { attribution: self, found: [Admitting::default(), Admitting::default()] };
        let mut flows: Vec<Member<'a>> = Vec::new();
        for alike in order.chunk_by(|a, b| a.0 == b.0) {
            flows.clear();
            flows.extend(alike.iter().filter_map(|(_, index)| self.member(seen, *index)));
            // Mostly a flow and its answer; but different connections may share a number.
            if let [one, other] = flows.as_slice()
                && one.key() == other.key()
            {
                each(&mut judge, &flows);
                continue;
            }
            flows.sort_by_key(Member::key);
            for connection in flows.chunk_by(|a, b| a.key() == b.key()) {
                each(&mut judge, connection);
            }
        }
    }

    fn member(&self, seen: &[Seen], index: u32) -> Option<Member<'a>> {
        let index = usize::try_from(index).ok()?;
        let (flow, seen) = (self.flows.get(index)?, seen.get(index)?);
        Some(Member { index, flow, sight: seen.sight })
    }
}

impl Doubtful {
    fn add(&mut self, connection: &[Member<'_>], seen: &[Seen]) {
        for member in connection {
            let number = seen.get(member.index).map_or(0, |seen| seen.connection);
            self.flows.extend(u32::try_from(member.index).map(|index| (number, index)));
            // Both sides ask about the same ports, unless the records contradict each other in which way a flow went.
            self.ports.extend(evidence::ports(member.flow, member.sight).into_iter().flatten());
        }
    }
}

fn share(part: usize, of: usize) -> (u64, u64) {
    (u64::try_from(part).unwrap_or(0), u64::try_from(of).unwrap_or(1).max(1))
}
