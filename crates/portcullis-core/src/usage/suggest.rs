//! The least rules that cover what was seen, and never more than is admitted today.
//!
//! What a group or a prefix list stands for is named by it; all else by addresses: each one that was seen, or blocks of a
//! length that the user asks for, cut to what is admitted today. As many ports and addresses as can go into one rule without
//! admitting more do. Where that takes more rules than the quota has places for, the blocks grow step by step where most
//! rules are made, up to those of today's rules, which always fit.

mod fit;
mod name;
mod plan;

use super::members::Members;
use super::observed::{Point, Weight};
use super::rulebook::{Admitting, RuleAt, Rulebook};
use crate::model::{Direction, Inventory, Peer, Rule, SecurityGroup};
use crate::net::service::rule_services;
use crate::net::{Interval, RuleServices, ServiceSet};
use crate::remediation::fit_description;
use fit::Fitter;
pub use name::Namer;
pub use plan::plan;

/// The lengths of the blocks that addresses are widened to at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Of IPv4 blocks.
    pub v4: u8,
    /// Of IPv6 blocks.
    pub v6: u8,
}

impl Default for Lengths {
    /// The addresses themselves.
    fn default() -> Self {
        Self { v4: 32, v6: 128 }
    }
}

/// A rule that would be enough for a part of what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggested {
    /// The rule.
    pub rule: Rule,
    /// What was seen of it.
    pub seen: Weight,
    /// Whether it stands for more than was seen, to stay within the quota.
    pub widened: bool,
}

/// What would be enough for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The place of the group in the rulebook.
    pub group: u32,
    /// The rules, inbound first.
    pub rules: Vec<Suggested>,
}

/// What suggestions are made of.
#[derive(Debug)]
pub struct Suggester<'a> {
    /// Where the groups are from.
    pub inventory: &'a Inventory,
    /// The members of groups.
    pub members: &'a Members<'a>,
    /// Today's rules.
    pub rulebook: &'a Rulebook<'a>,
    /// How far addresses are widened.
    pub lengths: Lengths,
}

/// A point, and the rules of its group that admit it today.
#[derive(Clone, Debug)]
struct Admitted<'a> {
    point: Point,
    by: Vec<(usize, &'a Rule)>,
}

impl<'a> Suggester<'a> {
    /// What would be enough for each group of which flow logs tell at all; `points` in order.
    pub fn suggest(&self, points: &[(Point, Weight)], told: impl IntoIterator<Item = u32>) -> Vec<Suggestion> {
        let namer = Namer::new(self.inventory, self.members);
        told.into_iter().filter_map(|group| self.suggest_group(&namer, group, points)).collect()
    }

    /// The same of one group; `None` where there is no such group. Groups do not depend on each other, so that many can be
    /// done at once.
    pub fn suggest_group(&self, namer: &Namer<'_>, place: u32, points: &[(Point, Weight)]) -> Option<Suggestion> {
        let group = self.rulebook.group(place)?;
        let from = points.partition_point(|(point, _)| point.group < place);
        let to = points.partition_point(|(point, _)| point.group <= place);
        let points = points.get(from..to).unwrap_or_default();
        let mut rules: Vec<(Rule, bool)> = Vec::new();
        for direction in Direction::ALL {
            let of_direction = points.iter().map(|(point, _)| *point).filter(|point| point.direction == direction);
            let mut found = Admitting::default();
            let admitted = of_direction.map(|point| self.admitted(place, point, &mut found));
            let admitted: Vec<Admitted<'a>> = admitted.collect();
            rules.extend(self.rules(namer, group, direction, &admitted));
        }
        Some(Suggestion { group: place, rules: self.weighed(group, rules, points) })
    }

    fn admitted(&self, place: u32, point: Point, found: &mut Admitting) -> Admitted<'a> {
        self.rulebook.admitting(&[place], point.direction, point.services, point.peer, found);
        let rule = |at: &RuleAt| Some((usize::try_from(at.rule).ok()?, self.rulebook.rule(*at)?));
        let mut by: Vec<(usize, &Rule)> = found.rules.iter().filter_map(rule).collect();
        // Where one rule admits all that the point may be, the others are not needed for it.
        let whole = |rule: &Rule| rule.services.interval().contains(point.services);
        if by.iter().any(|(_, rule)| whole(rule)) {
            by.retain(|(_, rule)| whole(rule));
        }
        Admitted { point, by }
    }

    fn rules(
        &self,
        namer: &Namer<'_>,
        group: &SecurityGroup,
        direction: Direction,
        points: &[Admitted<'a>],
    ) -> Vec<(Rule, bool)> {
        let (named, bare) = namer.name(group, points);
        let fitter = Fitter { group, inventory: self.inventory, direction, lengths: self.lengths };
        let mut made = fitter.fit(named, bare);
        made.sort_by_cached_key(|(services, peer, _)| (*services, peer.cidr().is_some(), peer.clone()));
        // A rule that stands today keeps its words; another takes those of the rule that it is a part of.
        let dressed = |(services, peer, widened): (RuleServices, Peer, bool)| {
            let rule = Rule::new(direction, services, peer);
            let same = group.rules.iter().find(|old| old.identity() == rule.identity());
            match same {
                Some(old) => (old.clone(), false),
                None => (Rule { description: self.description(group, &rule), ..rule }, widened),
            }
        };
        made.into_iter().map(dressed).collect()
    }

    /// The description of the narrowest of today's rules that admit all that a new rule does.
    fn description(&self, group: &SecurityGroup, rule: &Rule) -> Box<str> {
        let own = self.members.behind(&rule.peer).addresses;
        let around = group.rules_of(rule.direction).filter(|(_, old)| {
            old.services.interval().contains(rule.services.interval())
                && (old.peer.identity() == rule.peer.identity()
                    || own.is_subset(&self.members.behind(&old.peer).addresses))
        });
        let narrowest = around.min_by_key(|(index, old)| {
            let addresses = self.members.behind(&old.peer).addresses;
            let services = old.services.interval().measure();
            (addresses.v4.measure().saturating_mul(services), addresses.v6.measure(), *index)
        });
        narrowest.map(|(_, old)| fit_description(&old.description).into()).unwrap_or_default()
    }

    /// How much was seen of each rule: a flow that several admit counts for each.
    fn weighed(&self, group: &SecurityGroup, rules: Vec<(Rule, bool)>, points: &[(Point, Weight)]) -> Vec<Suggested> {
        let after = SecurityGroup {
            key: group.key.clone(),
            rules: rules.iter().map(|(rule, _)| rule.clone()).collect(),
            ..SecurityGroup::default()
        };
        let rulebook = Rulebook::new([&after], self.members);
        let mut weights = vec![Weight::default(); rules.len()];
        let mut found = Admitting::default();
        for (point, weight) in points {
            rulebook.admitting(&[0], point.direction, point.services, point.peer, &mut found);
            for at in &found.rules {
                let own = usize::try_from(at.rule).ok().and_then(|rule| weights.get_mut(rule));
                own.into_iter().for_each(|own| own.merge(*weight));
            }
        }
        let suggested = |((rule, widened), seen)| Suggested { rule, seen, widened };
        rules.into_iter().zip(weights).map(suggested).collect()
    }
}

/// The rules' worth of services of several spans.
fn services_of_spans(spans: impl IntoIterator<Item = Interval<u32>>) -> Vec<RuleServices> {
    rule_services(&spans.into_iter().collect::<ServiceSet>())
}
