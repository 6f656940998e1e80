//! How much each rule is used.

use super::attribute::Use;
use super::flow::Flow;
use super::rulebook::{RuleAt, Rulebook};

/// A sum over flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Records.
    pub flows: u64,
    /// Their packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Sum {
    /// Adds a flow.
    pub fn add(&mut self, flow: &Flow) {
        self.flows = self.flows.saturating_add(flow.records);
        self.packets = self.packets.saturating_add(flow.packets);
        self.bytes = self.bytes.saturating_add(flow.bytes);
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.flows = self.flows.saturating_add(other.flows);
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// How much one rule is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleUse {
    /// What it admits, answers left out.
    pub sum: Sum,
    /// The records among them that other rules admit too, or that may be answers to what another rule admits.
    pub shared: u64,
    /// The greatest `end` among them, in seconds since 1970.
    pub last: Option<i64>,
}

impl RuleUse {
    fn merge(&mut self, other: Self) {
        self.sum.merge(other.sum);
        self.shared = self.shared.saturating_add(other.shared);
        self.last = self.last.max(other.last);
    }
}

/// How much each rule is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// For each group of the rulebook, for each of its rules.
    rules: Vec<Vec<RuleUse>>,
    /// Accepted flows that no rule admits, where rules filter: the inventory is stale, or rules changed meanwhile.
    pub unattributed: Sum,
    /// Accepted flows at interfaces that are on no group.
    pub unguarded: Sum,
}

impl Tally {
    /// Nothing yet.
    pub fn new(rulebook: &Rulebook<'_>) -> Self {
        let groups = rulebook.groups().iter();
        Self { rules: groups.map(|group| vec![RuleUse::default(); group.rules.len()]).collect(), ..Self::default() }
    }

    /// Adds a flow that began a connection.
    pub fn add(&mut self, used: &Use<'_>) {
        let rules = &used.admitting.rules;
        if rules.is_empty() {
            let sum = if used.unguarded { &mut self.unguarded } else { &mut self.unattributed };
            sum.add(used.flow);
        }
        let shared = rules.len() > 1 || used.either;
        for at in rules {
            let place = usize::try_from(at.group).ok().zip(usize::try_from(at.rule).ok());
            let Some(of_rule) = place.and_then(|(group, rule)| self.rules.get_mut(group)?.get_mut(rule)) else {
                continue;
            };
            of_rule.sum.add(used.flow);
            of_rule.shared = of_rule.shared.saturating_add(if shared { used.flow.records } else { 0 });
            of_rule.last = of_rule.last.max(Some(used.flow.last));
        }
    }

    /// Adds the tally of other flows.
    pub fn merge(&mut self, other: Self) {
        for (own, other) in self.rules.iter_mut().flatten().zip(other.rules.into_iter().flatten()) {
            own.merge(other);
        }
        self.unattributed.merge(other.unattributed);
        self.unguarded.merge(other.unguarded);
    }

    /// How much a rule is used.
    pub fn of(&self, at: RuleAt) -> RuleUse {
        let place = usize::try_from(at.group).ok().zip(usize::try_from(at.rule).ok());
        place.and_then(|(group, rule)| self.rules.get(group)?.get(rule)).copied().unwrap_or_default()
    }

    /// For each rule of a group, in their order, how much it is used.
    pub fn of_group(&self, group: u32) -> &[RuleUse] {
        usize::try_from(group).ok().and_then(|group| self.rules.get(group)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether no rule of a group is used.
    pub fn is_unused(&self, group: u32) -> bool {
        self.of_group(group).iter().all(|rule| rule.sum.flows == 0)
    }
}
