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

use std::cmp::Ordering;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::ops::Range;

use foldhash::fast::FixedState;

use super::evidence::{self, Evidence, service_side};
use super::flow::Flow;
use super::place::{Places, Sight};
use super::rulebook::{Admitting, Rulebook, peer_of, services_of};
use super::sieve::Sureness;
use crate::model::Direction;

/// The longest time that one record adds up, in seconds: flows that follow each other so closely may be one connection.
/// Source: Amazon VPC User Guide, "Flow log basics", maximum aggregation interval.
const INTERVAL: i64 = 600;

/// A rule for so many ports at most is meant for services: the ranges that answers come in on are longer.
const FEW: u128 = 1_024;

const SYN: u8 = 2;
const ACK: u8 = 16;

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
    pub fn settle(
        &self,
        seen: &[Seen],
        doubtful: &Doubtful,
        evidence: &[Evidence],
        mut visit: impl FnMut(Use<'_>),
    ) {
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
            // Only one side, or different connections that happen to share their number.
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
        }
        // Both sides have the same ports.
        let ports = connection.first().and_then(|member| evidence::ports(member.flow, member.sight));
        self.ports.extend(ports.into_iter().flatten());
    }
}

fn share(part: usize, of: usize) -> (u64, u64) {
    (u64::try_from(part).unwrap_or(0), u64::try_from(of).unwrap_or(1).max(1))
}

/// A flow of a connection.
#[derive(Clone, Copy)]
struct Member<'a> {
    index: usize,
    flow: &'a Flow,
    sight: Sight,
}

impl<'a> Member<'a> {
    /// What all flows of a connection share.
    fn key(&self) -> (Option<u32>, &'a str, [(IpAddr, u16); 2], u8) {
        let at = if self.sight.place.is_some() { "" } else { self.flow.interface_id.as_str() };
        (self.sight.place, at, ends(self.flow), self.flow.protocol)
    }

    /// Whether it goes from the lesser end to the greater.
    fn is_forward(&self) -> bool {
        (self.flow.source, self.flow.source_port) <= (self.flow.destination, self.flow.destination_port)
    }
}

/// One side of a connection.
struct Side<'m, 'a> {
    members: &'m [Member<'a>],
    flags: u8,
    first: i64,
    last: i64,
}

impl<'m, 'a> Side<'m, 'a> {
    fn of(members: &'m [Member<'a>]) -> Option<Self> {
        let flows = || members.iter().map(|member| member.flow);
        Some(Self {
            members,
            flags: flows().fold(0, |flags, flow| flags | flow.tcp_flags),
            first: flows().map(|flow| flow.first).min()?,
            last: flows().map(|flow| flow.last).max()?,
        })
    }

    fn meets(&self, other: &Self) -> bool {
        self.first <= other.last.saturating_add(INTERVAL) && other.first <= self.last.saturating_add(INTERVAL)
    }

    /// Whether the flags say that it began, or that it answered.
    fn began(&self) -> Option<bool> {
        match self.flags & (SYN | ACK) {
            SYN => Some(true),
            both if both == SYN | ACK => Some(false),
            _ => None,
        }
    }
}

struct Judge<'j, 'a> {
    attribution: &'j Attribution<'a>,
    found: [Admitting; 2],
}

/// Which sides of a connection began it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beginner {
    One,
    Other,
    /// One of them, and nothing tells which.
    Either,
    /// Both, each by itself.
    Both,
}

impl<'a> Judge<'_, 'a> {
    /// Visits those of one connection's flows that began it; `false` where only evidence tells and there is none yet.
    fn connection(
        &mut self,
        members: &[Member<'a>],
        evidence: Option<&[Evidence]>,
        visit: &mut impl FnMut(Use<'_>),
    ) -> bool {
        let mut sorted: Vec<Member<'a>>;
        let members = if members.is_sorted_by_key(|member| !member.is_forward()) {
            members
        } else {
            sorted = members.to_vec();
            sorted.sort_by_key(|member| !member.is_forward());
            &sorted
        };
        let (forward, backward) = members.split_at(members.partition_point(Member::is_forward));
        let mut found = std::mem::take(&mut self.found);
        let [one_found, other_found] = &mut found;
        match (Side::of(forward), Side::of(backward)) {
            (Some(one), Some(other)) => {
                self.ask(&one, one_found);
                self.ask(&other, other_found);
                let by = [&*one_found, &*other_found];
                let beginner =
                    if one.meets(&other) { self.beginner([&one, &other], by, evidence) } else { Some(Beginner::Both) };
                let Some(beginner) = beginner else {
                    self.found = found;
                    return false;
                };
                let either = beginner == Beginner::Either;
                if beginner != Beginner::Other {
                    self.used(&one, one_found, either, visit);
                }
                if beginner != Beginner::One {
                    self.used(&other, other_found, either, visit);
                }
            }
            (Some(alone), None) | (None, Some(alone)) => {
                // An answer of which the question was not seen is one all the same.
                if alone.began() != Some(false) {
                    self.ask(&alone, one_found);
                    self.used(&alone, one_found, false, visit);
                }
            }
            (None, None) => {}
        }
        self.found = found;
        true
    }

    /// The rules that admit a side, if it began.
    fn ask(&self, side: &Side<'_, 'a>, found: &mut Admitting) {
        found.rules.clear();
        found.sureness = Sureness::None;
        let Some(member) = side.members.first() else { return };
        let Some(direction) = member.sight.direction else { return };
        let groups = self.attribution.places.groups(member.sight.place);
        let peer = peer_of(member.flow, direction);
        self.attribution.rulebook.admitting(groups, direction, services_of(member.flow), peer, found);
    }

    /// Who began; `None` where only evidence tells and there is none yet.
    fn beginner(
        &self,
        sides: [&Side<'_, 'a>; 2],
        found: [&Admitting; 2],
        evidence: Option<&[Evidence]>,
    ) -> Option<Beginner> {
        let ([one, other], [by_one, by_other]) = (sides, found);
        match (one.began(), other.began()) {
            (Some(true), Some(true)) => return Some(Beginner::Both),
            (Some(true), _) | (None, Some(false)) => return Some(Beginner::One),
            (_, Some(true)) | (Some(false), None) => return Some(Beginner::Other),
            (Some(false), Some(false)) | (None, None) => {}
        }
        match (by_one.rules.is_empty(), by_other.rules.is_empty()) {
            (false, true) => return Some(Beginner::One),
            (true, false) => return Some(Beginner::Other),
            _ => {}
        }
        let Some(member) = one.members.first() else { return Some(Beginner::Other) };
        let flow = member.flow;
        if flow.source_port == flow.destination_port {
            let nobody = by_one.rules.is_empty();
            return Some(if nobody { earlier(one, other) } else { Beginner::Either });
        }
        // A rule for this very port was written for whoever calls it; one for all ports says nothing.
        match (self.names(by_one), self.names(by_other)) {
            (true, false) => return Some(Beginner::One),
            (false, true) => return Some(Beginner::Other),
            _ => {}
        }
        Some(match service_side(evidence?, flow, member.sight) {
            Ordering::Greater => Beginner::One,
            Ordering::Less => Beginner::Other,
            Ordering::Equal => match one.first.cmp(&other.first) {
                Ordering::Less => Beginner::One,
                Ordering::Greater => Beginner::Other,
                Ordering::Equal if flow.destination_port < flow.source_port => Beginner::One,
                Ordering::Equal => Beginner::Other,
            },
        })
    }

    /// Whether a rule is for few services.
    fn names(&self, found: &Admitting) -> bool {
        let rules = found.rules.iter().filter_map(|at| self.attribution.rulebook.rule(*at));
        rules.map(|rule| rule.services.interval().measure()).any(|services| services <= FEW)
    }

    fn used(&self, side: &Side<'_, 'a>, admitting: &Admitting, either: bool, visit: &mut impl FnMut(Use<'_>)) {
        for Member { index, flow, sight } in side.members.iter().copied() {
            let places = self.attribution.places;
            let (groups, unguarded) = (places.groups(sight.place), places.is_unguarded(sight.place));
            visit(Use { flow, index, direction: sight.direction, groups, admitting, either, unguarded });
        }
    }
}

/// Of two sides that nothing else tells apart the one that was seen first; inwards if that does not tell either.
fn earlier(one: &Side<'_, '_>, other: &Side<'_, '_>) -> Beginner {
    let inward = |side: &Side<'_, '_>| {
        side.members.first().is_some_and(|member| member.sight.direction == Some(Direction::Ingress))
    };
    if (one.first, !inward(one)) <= (other.first, !inward(other)) { Beginner::One } else { Beginner::Other }
}
