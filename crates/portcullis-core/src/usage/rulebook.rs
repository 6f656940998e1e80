//! The rules of many groups, ready to be asked which of them admit a flow.

use std::net::IpAddr;

use super::flow::Flow;
use super::members::Members;
use super::sieve::{Mesh, Sieve, Sureness};
use crate::model::{Direction, Rule, SecurityGroup};
use crate::net::{Interval, Protocol};

/// A rule by the places of its group in the rulebook and of itself in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleAt {
    /// The place of the group.
    pub group: u32,
    /// The place of the rule among the group's rules.
    pub rule: u32,
}

/// The rules of many groups, ready to be asked which of them admit a flow.
#[derive(Debug)]
pub struct Rulebook<'a> {
    groups: Vec<&'a SecurityGroup>,
    sieves: Vec<[Sieve; 2]>,
    /// How much each rule admits, for comparisons: the less, the more it is meant for what it admits.
    breadths: Vec<Vec<f64>>,
}

/// What rules were found to admit a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitting {
    /// The rules, in the order of groups and rules; all that are sure, or if none is, all that are guessed.
    pub rules: Vec<RuleAt>,
    /// How sure that is.
    pub sureness: Sureness,
}

/// The services that a flow may have used, if it began the connection: a port, or as nothing tells a type of ICMP, all.
pub fn services_of(flow: &Flow) -> Interval<u32> {
    services(flow.protocol, flow.destination_port)
}

pub(super) fn services(protocol: u8, port: u16) -> Interval<u32> {
    let protocol = Protocol(protocol);
    if protocol.has_ports() { protocol.ports(port, port) } else { protocol.services() }
}

/// Who is at the other end of a flow that goes this way.
pub fn peer_of(flow: &Flow, direction: Direction) -> IpAddr {
    match direction {
        Direction::Ingress => flow.source,
        Direction::Egress => flow.destination,
    }
}

const fn side(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => 0,
        Direction::Egress => 1,
    }
}

impl<'a> Rulebook<'a> {
    /// The rules of these groups. A group that could not be read has none.
    pub fn new(groups: impl IntoIterator<Item = &'a SecurityGroup>, members: &Members<'_>) -> Self {
        let groups: Vec<&SecurityGroup> = groups.into_iter().collect();
        let mut sieves = Vec::with_capacity(groups.len());
        let mut breadths = Vec::with_capacity(groups.len());
        for group in &groups {
            let meshes = Direction::ALL.map(|direction| meshes(group, direction, members));
            let mut breadth = vec![0.0; group.rules.len()];
            for mesh in meshes.iter().flatten() {
                let place = usize::try_from(mesh.rule).ok().and_then(|rule| breadth.get_mut(rule));
                place.into_iter().for_each(|breadth| *breadth = breadth_of(mesh));
            }
            sieves.push(meshes.map(|meshes| Sieve::new(&meshes)));
            breadths.push(breadth);
        }
        Self { groups, sieves, breadths }
    }

    /// The groups, in the order given.
    pub fn groups(&self) -> &[&'a SecurityGroup] {
        &self.groups
    }

    /// A group by its place.
    pub fn group(&self, place: u32) -> Option<&'a SecurityGroup> {
        usize::try_from(place).ok().and_then(|place| self.groups.get(place)).copied()
    }

    /// A rule by its place.
    pub fn rule(&self, at: RuleAt) -> Option<&'a Rule> {
        usize::try_from(at.rule).ok().and_then(|rule| self.group(at.group)?.rules.get(rule))
    }

    /// Which rules of some groups admit any of these services for a peer. What was in `found` is forgotten.
    pub fn admitting(
        &self,
        groups: &[u32],
        direction: Direction,
        services: Interval<u32>,
        peer: IpAddr,
        found: &mut Admitting,
    ) {
        found.rules.clear();
        found.sureness = Sureness::None;
        for group in groups {
            let sieves = usize::try_from(*group).ok().and_then(|group| self.sieves.get(group));
            let Some(sieve) = sieves.and_then(|sieves| sieves.get(side(direction))) else { continue };
            sieve.admitting(services, peer, |rule, sureness| {
                // What is sure makes guesses needless.
                if sureness > found.sureness {
                    found.rules.clear();
                    found.sureness = sureness;
                }
                if sureness == found.sureness {
                    found.rules.push(RuleAt { group: *group, rule });
                }
            });
        }
    }

    /// The rule that admits least, of several that admit the same flow: the one that is most likely meant for it.
    pub fn narrowest(&self, rules: &[RuleAt]) -> Option<RuleAt> {
        let breadth = |at: &RuleAt| {
            let of_group = usize::try_from(at.group).ok().and_then(|group| self.breadths.get(group));
            let place = usize::try_from(at.rule).ok();
            of_group.zip(place).and_then(|(breadths, rule)| breadths.get(rule)).copied().unwrap_or(f64::MAX)
        };
        rules.iter().copied().min_by(|a, b| breadth(a).total_cmp(&breadth(b)).then(a.cmp(b)))
    }
}

fn meshes(group: &SecurityGroup, direction: Direction, members: &Members<'_>) -> Vec<Mesh> {
    if group.unreadable.is_some() {
        return Vec::new();
    }
    let mesh = |(index, rule): (usize, &Rule)| {
        let stands = members.behind(&rule.peer);
        Some(Mesh {
            rule: u32::try_from(index).ok()?,
            services: rule.services.interval(),
            peers: stands.addresses,
            guessed: stands.guessed,
        })
    };
    group.rules_of(direction).filter_map(mesh).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a rough size is enough to compare")]
fn breadth_of(mesh: &Mesh) -> f64 {
    // An IPv6 address has the weight that it has among all IPv6 addresses, so that the families can be compared.
    let v6 = mesh.peers.v6.measure() as f64 / 2f64.powi(96);
    (mesh.peers.v4.measure() as f64 + v6) * mesh.services.measure() as f64
}
