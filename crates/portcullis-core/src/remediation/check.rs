//! Proving a plan again, from nothing but what it carries.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use jiff::Timestamp;

use super::assemble::needs_gap;
use super::fingerprint::fingerprint;
use super::plan::{Change, GroupPlan, Plan, Proof, Strategy, simulate};
use super::planner::prove;
use crate::evaluate::{Evaluator, Options};
use crate::finding::Status;
use crate::model::{Direction, Rule};
use crate::net::{ALL_SERVICES, AddressSet, PeerSet, Traffic};
use crate::policy::{Account, ControlKind, PolicySet};

/// Why a plan does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("group `{group}`: {what}")]
pub struct Flaw {
    /// The group's id.
    pub group: String,
    /// What does not hold.
    pub what: String,
}

/// The policies that a plan carries: its controls, and what decides which environment a group is of.
fn policies(plan: &Plan) -> PolicySet {
    let account = |environment: &String| Account { environment: Some(environment.clone()), ..Account::default() };
    let environments = &plan.environments;
    PolicySet {
        controls: plan.controls.clone(),
        accounts: environments.of_accounts.iter().map(|(id, name)| (id.clone(), account(name))).collect(),
        environment: environments.given.clone(),
        ..PolicySet::default()
    }
}

/// Computes the proofs of some of a plan's groups again, in order, and checks all else that can be computed: fingerprints,
/// that the changes fit the rules, that the findings are there before and gone after, that nothing opens that must not.
///
/// The stored proofs are not looked at; the caller compares. Parts may be computed on as many threads as the caller likes.
///
/// # Errors
/// The first thing that does not hold.
pub fn prove_again(plan: &Plan, range: Range<usize>) -> Result<Vec<Proof>, Flaw> {
    let policies = policies(plan);
    // Nothing of a plan depends on the time: exemptions are left out when it is made.
    let evaluator = Evaluator::new(&plan.around, &policies, Timestamp::UNIX_EPOCH, Options::default());
    let groups = plan.groups.iter().skip(range.start).take(range.len());
    let prove = |planned: &GroupPlan| {
        let flaw = |what| Flaw { group: planned.group.key.group_id.to_string(), what };
        prove_group(plan, &policies, &evaluator, planned).map_err(flaw)
    };
    groups.map(prove).collect()
}

/// Whether each group stands in the plan once.
///
/// # Errors
/// The first that stands in it twice.
pub fn check_groups(plan: &Plan) -> Result<(), Flaw> {
    let mut seen = HashSet::new();
    let twice = plan.groups.iter().find(|planned| !seen.insert(&planned.group.key));
    twice.map_or(Ok(()), |planned| {
        Err(Flaw { group: planned.group.key.group_id.to_string(), what: "it is planned twice".to_owned() })
    })
}

fn prove_group(
    plan: &Plan,
    policies: &PolicySet,
    evaluator: &Evaluator<'_>,
    planned: &GroupPlan,
) -> Result<Proof, String> {
    let group = &planned.group;
    if fingerprint(group) != planned.fingerprint {
        return Err("the fingerprint is not that of the rules that were planned on".to_owned());
    }
    if planned.changes.is_empty() || (planned.findings.is_empty() && plan.strategy != Strategy::Suggest) {
        return Err("there is nothing to change, or no finding to change it for".to_owned());
    }
    let old: HashSet<Rule> = group.rules.iter().cloned().map(unplaced).collect();
    for change in &planned.changes {
        if let Some(before) = change.before()
            && !old.contains(&unplaced(before.clone()))
        {
            return Err(format!("the group that was planned on has no rule `{before}` with this description and id"));
        }
        if matches!(change, Change::Tag { .. }) != (plan.strategy == Strategy::Tag) {
            return Err(format!("strategy `{}` makes no change `{}`", plan.strategy.as_str(), change.action()));
        }
    }
    let after = simulate(group, &planned.changes).map_err(|error| error.to_string())?;
    check_findings(policies, evaluator, planned)?;
    let ids: BTreeSet<&str> = planned.findings.iter().map(|finding| finding.control_id.as_str()).collect();
    let proof = prove(evaluator, &plan.strategy, group, &after, &ids);
    if proof.findings_gone == Some(false) {
        return Err("the changes leave some of the findings".to_owned());
    }
    check_opens(plan, &proof)?;
    if needs_gap(group, &plan.around, &planned.changes) != planned.needs_gap {
        return Err("whether rules must be revoked first is not what the quota says".to_owned());
    }
    Ok(proof)
}

/// Where a rule stands in a file, and in which order its tags, is no part of it.
fn unplaced(mut rule: Rule) -> Rule {
    rule.line = 0;
    rule.tags.sort();
    rule
}

/// Each finding must be there before. Those of hygiene controls may rest on what a plan does not carry.
fn check_findings(policies: &PolicySet, evaluator: &Evaluator<'_>, planned: &GroupPlan) -> Result<(), String> {
    let found = evaluator.findings_of(&planned.group);
    for finding in &planned.findings {
        let mut controls = policies.controls.iter().filter(|control| control.id == finding.control_id).peekable();
        if controls.peek().is_none() {
            return Err(format!("control `{}` of its finding is not in the plan", finding.control_id));
        }
        let is_there = found.iter().any(|own| {
            let control = policies.control(own).map(|control| &control.id);
            own.id == finding.id && own.status == Status::Fail && control == Some(&finding.control_id)
        });
        let is_hygiene = controls.any(|control| matches!(control.kind, ControlKind::Hygiene(_)));
        if !is_there && !is_hygiene {
            return Err(format!("control `{}` has no finding `{}` on it", finding.control_id, finding.id));
        }
    }
    Ok(())
}

/// What a strategy may open: nothing; the sources that were asked for; for a lockdown the rules that explain it.
fn check_opens(plan: &Plan, proof: &Proof) -> Result<(), String> {
    let explained = |rule: &Rule| {
        let sources = rule.peer.cidr().into_iter().collect::<AddressSet>();
        (rule.direction == Direction::Ingress).then(|| (rule.services.interval(), PeerSet::from(sources)))
    };
    let allowed = |direction: Direction| match &plan.strategy {
        Strategy::Replace(with) => {
            Traffic::product(&ALL_SERVICES.into(), &with.iter().copied().collect::<AddressSet>().into())
        }
        Strategy::Lockdown if direction == Direction::Ingress => {
            Traffic::from_boxes(plan.dummy_rules.iter().filter_map(explained))
        }
        Strategy::Lockdown | Strategy::Narrow | Strategy::Revoke | Strategy::Tag | Strategy::Suggest => Traffic::none(),
    };
    match proof.opens.iter().find(|(direction, traffic)| !traffic.is_subset(&allowed(*direction))) {
        None => Ok(()),
        Some((direction, _)) => Err(format!("the changes admit {direction} traffic that was not admitted before")),
    }
}
