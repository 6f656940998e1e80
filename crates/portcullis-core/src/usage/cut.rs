//! Which change of a plan would cut which connections.

use super::risk::{AtRisk, Connection, Risk};
use super::rulebook::Rulebook;
use crate::remediation::Plan;

/// A connection that a change of a plan would cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The place of the group in the plan.
    pub group: usize,
    /// The place of the change among the group's changes.
    pub change: usize,
    /// The connection.
    pub connection: Connection,
    /// How much was seen of it.
    pub seen: AtRisk,
    /// The id of the rule that admits it today; the rule itself where it has none.
    pub rule_id: String,
}

/// What each change of a plan would cut: the change of the rule that admits it today. In the order of the plan, most flows
/// first.
pub fn cuts(plan: &Plan, rulebook: &Rulebook<'_>, risk: &Risk<'_>) -> Vec<Cut> {
    let cut = |(connection, seen): (Connection, AtRisk)| {
        let group = rulebook.group(connection.rule.group)?;
        let rule = rulebook.rule(connection.rule)?;
        let place = plan.groups.iter().position(|planned| planned.group.key == group.key)?;
        let changes = &plan.groups.get(place)?.changes;
        let is_of_rule = |before: &crate::model::Rule| before.identity() == rule.identity();
        let change = changes.iter().position(|change| change.before().is_some_and(is_of_rule))?;
        let rule_id = if rule.id.is_empty() { rule.to_string() } else { rule.id.to_string() };
        Some(Cut { group: place, change, connection, seen, rule_id })
    };
    let mut cuts: Vec<Cut> = risk.rows().into_iter().filter_map(cut).collect();
    cuts.sort_by_key(|cut| (cut.group, cut.change));
    cuts
}
