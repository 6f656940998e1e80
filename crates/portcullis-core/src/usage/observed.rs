//! What was seen of a group's rules, as points: a service and a peer.

use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt as _};

use super::attribute::Use;
use super::rulebook::{peer_of, services_of};
use crate::model::Direction;
use crate::net::Interval;

/// Traffic that a group's rules admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// The place of the group in the rulebook.
    pub group: u32,
    /// Which way.
    pub direction: Direction,
    /// A port; of protocols without ports and of ICMP, of which the type is not told, the whole protocol.
    pub services: Interval<u32>,
    /// Who.
    pub peer: IpAddr,
}

/// How much was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Records, answers left out.
    pub flows: u64,
    /// The greatest `end`, in seconds since 1970.
    pub last: i64,
}

impl Weight {
    /// Adds another.
    pub fn merge(&mut self, other: Self) {
        self.flows = self.flows.saturating_add(other.flows);
        self.last = self.last.max(other.last);
    }
}

/// All that was seen of the groups' rules.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    points: HashMap<Point, Weight>,
}

impl Observed {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { points: HashMap::new() }
    }

    /// Adds a flow that began a connection: to each group that admits it, so that no group's suggestion rests on another's.
    pub fn add(&mut self, used: &Use<'_>) {
        let Some(direction) = used.direction else { return };
        let (services, peer) = (services_of(used.flow), peer_of(used.flow, direction));
        let mut last = None;
        for group in used.admitting.rules.iter().map(|at| at.group) {
            if last.replace(group) != Some(group) {
                let weight = Weight { flows: used.flow.records, last: used.flow.last };
                self.points.entry(Point { group, direction, services, peer }).or_default().merge(weight);
            }
        }
    }

    /// Adds what was seen of other flows.
    pub fn merge(&mut self, other: Self) {
        for (point, weight) in other.points {
            self.points.entry(point).or_default().merge(weight);
        }
    }

    /// The points in order.
    pub fn sorted(self) -> Vec<(Point, Weight)> {
        let mut points: Vec<_> = self.points.into_iter().collect();
        points.sort_unstable_by_key(|(point, _)| *point);
        points
    }
}
