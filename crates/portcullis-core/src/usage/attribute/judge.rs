//! Who began a connection, and what admitted it.

use std::cmp::Ordering;
use std::net::IpAddr;

use super::super::evidence::{Evidence, service_side};
use super::super::flow::Flow;
use super::super::place::Sight;
use super::super::rulebook::{Admitting, peer_of, services_of};
use super::super::sieve::Sureness;
use super::{Attribution, Use, ends};
use crate::model::Direction;

/// The longest time that one record adds up, in seconds: flows that follow each other so closely may be one connection.
/// Source: Amazon VPC User Guide, "Flow log basics", maximum aggregation interval.
const INTERVAL: i64 = 600;

/// A rule for so many ports at most is meant for services: the ranges that answers come in on are longer.
const FEW: u128 = 1_024;

const SYN: u8 = 2;
const ACK: u8 = 16;

/// A flow of a connection.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) index: usize,
    pub(super) flow: &'a Flow,
    pub(super) sight: Sight,
}

impl<'a> Member<'a> {
    /// What all flows of a connection share.
    pub(super) fn key(&self) -> (Option<u32>, &'a str, [(IpAddr, u16); 2], u8) {
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

/// Tells who began connections.
pub(super) struct Judge<'j, 'a> {
    pub(super) attribution: &'j Attribution<'a>,
    pub(super) found: [Admitting; 2],
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
    pub(super) fn connection(
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
