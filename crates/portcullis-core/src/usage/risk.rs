//! What a change would cut.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::attribute::Use;
use super::rulebook::{Admitting, RuleAt, Rulebook, peer_of, services, services_of};
use super::tally::Sum;
use crate::model::Direction;
use crate::net::{Interval, IntervalSet};

/// What of the flows at risk is told: who connects where, and the rule that admits it today. Sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection {
    /// Who connects.
    pub source: IpAddr,
    /// Where to.
    pub destination: IpAddr,
    /// On which port; 0 for protocols without ports.
    pub port: u16,
    /// With which protocol.
    pub protocol: u8,
    /// The rule that admits it today: of several the one that admits least.
    pub rule: RuleAt,
    /// How many other rules admit it too.
    pub others: usize,
}

impl Connection {
    /// The services that were asked for: a port, or as nothing tells a type of ICMP, all of the protocol.
    pub fn services(&self) -> Interval<u32> {
        services(self.protocol, self.port)
    }

    /// Who is at the other end, for a rule of this direction.
    pub fn peer(&self, direction: Direction) -> IpAddr {
        match direction {
            Direction::Ingress => self.source,
            Direction::Egress => self.destination,
        }
    }
}

/// How much was seen of a connection that is at risk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtRisk {
    /// How much.
    pub sum: Sum,
    /// When it was last seen, in seconds since 1970.
    pub last: i64,
}

/// The flows that a change would cut: those that rules admit today and none admits afterwards.
///
/// Both rulebooks hold the same groups in the same order.
#[derive(Debug)]
pub struct Risk<'a> {
    before: &'a Rulebook<'a>,
    after: &'a Rulebook<'a>,
    rows: BTreeMap<Connection, AtRisk>,
    found: Admitting,
}

impl<'a> Risk<'a> {
    /// Nothing yet.
    pub fn new(before: &'a Rulebook<'a>, after: &'a Rulebook<'a>) -> Self {
        Self { before, after, rows: BTreeMap::new(), found: Admitting::default() }
    }

    /// Adds a flow that began a connection, if it is at risk.
    pub fn add(&mut self, used: &Use<'_>) {
        let Some((rule, others)) = self.cut(used) else { return };
        let flow = used.flow;
        let (source, destination, port, protocol) =
            (flow.source, flow.destination, flow.destination_port, flow.protocol);
        let row = self.rows.entry(Connection { source, destination, port, protocol, rule, others }).or_default();
        row.sum.add(flow);
        row.last = row.last.max(flow.last);
    }

    /// The rule that admits a flow that the change would cut, and how many others do.
    pub fn cut(&mut self, used: &Use<'_>) -> Option<(RuleAt, usize)> {
        let rules = &used.admitting.rules;
        let (rule, direction) = (self.before.narrowest(rules)?, used.direction?);
        let (services, peer) = (services_of(used.flow), peer_of(used.flow, direction));
        self.after.admitting(used.groups, direction, services, peer, &mut self.found);
        // Where one service is asked for, a rule that admits any of it admits it. Of ICMP, of which the type is not known,
        // all that was admitted must stay.
        let admitted = |rulebook: &Rulebook<'_>, rules: &[RuleAt]| -> IntervalSet<u32> {
            let spans = rules.iter().filter_map(|at| rulebook.rule(*at)).map(|rule| rule.services.interval());
            spans.filter_map(|span: Interval<u32>| span.intersection(services)).collect()
        };
        let stays = admitted(self.before, rules).is_subset(&admitted(self.after, &self.found.rules));
        (!stays).then(|| (rule, rules.len() - 1))
    }

    /// Adds the risk of other flows.
    pub fn merge(&mut self, other: Self) {
        for (connection, row) in other.rows {
            let own = self.rows.entry(connection).or_default();
            own.sum.merge(row.sum);
            own.last = own.last.max(row.last);
        }
    }

    /// What is at risk, most flows first.
    pub fn rows(&self) -> Vec<(Connection, AtRisk)> {
        let mut rows: Vec<_> = self.rows.iter().map(|(connection, row)| (*connection, *row)).collect();
        rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.sum.flows));
        rows
    }
}
