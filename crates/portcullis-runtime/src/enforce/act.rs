//! Doing what was decided: plans made, claimed in the state, carried out.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use portcullis_core::finding::{Evaluation, Finding, Status};
use portcullis_core::model::GroupKey;
use portcullis_core::policy::{EnforcementLevel, PolicySet};
use portcullis_core::remediation::{Change, GroupPlan, Plan, Strategy, plan};

use super::decide::Action;
use super::ports::Deed;
use super::run::{Batch, Enforcement, Turn};
use super::{marks, shelf};
use crate::state::sights::{Approval, FirstSights};

impl Enforcement<'_> {
    /// The plan of tags and warnings: put on what violates, taken off what is clean.
    pub(super) fn plan_marks(&mut self, batch: &Batch<'_>, turns: &[Turn<'_>]) -> Plan {
        let terms = |turn: &Turn<'_>| self.terms.account(&turn.group.key.account_id);
        // Groups that are put right are tagged after that.
        let marked = |turn: &&Turn<'_>| turn.at_least(Action::Warn) && !turn.any(Action::Remediate);
        let tagged: Vec<&Turn<'_>> = turns.iter().filter(marked).filter(|turn| terms(turn).tags).collect();
        let warned: BTreeSet<usize> =
            turns.iter().filter(marked).filter(|turn| terms(turn).warning_rule).map(|turn| turn.index).collect();
        let mut groups = self.tags_of(batch, &tagged).groups;
        let mut others = Vec::new();
        let tagged: BTreeSet<usize> = tagged.into_iter().map(|turn| turn.index).collect();
        for turn in turns {
            let warns = warned.contains(&turn.index);
            let mut changes =
                if warns { marks::warn(turn.group, batch.policies, &reason(batch.policies, turn)) } else { Vec::new() };
            if tagged.contains(&turn.index) {
                changes.extend(marks::no_longer_remediated(turn.group, batch.policies));
            }
            match among(&groups, &turn.group.key).and_then(|place| groups.get_mut(place)) {
                Some(planned) => planned.changes.extend(changes),
                None if changes.is_empty() => {}
                None => others.push(marks::bare(turn.group.clone(), Vec::new(), changes)),
            }
        }
        groups.extend(others);
        groups.extend(self.unmarked(batch, turns));
        groups.sort_by(|a, b| a.group.key.cmp(&b.group.key));
        marks::plan_of(groups)
    }

    /// The core's plan of tags for the failing findings of these groups.
    pub(super) fn tags_of(&self, batch: &Batch<'_>, turns: &[&Turn<'_>]) -> Plan {
        let failing = |turn: &&Turn<'_>| {
            let findings = turn.findings.iter().map(|(finding, _)| *finding);
            findings.filter(|finding| finding.status == Status::Fail).cloned().collect::<Vec<_>>()
        };
        let findings = turns.iter().flat_map(failing).collect();
        let evaluation = Evaluation { findings, ..Evaluation::default() };
        plan(batch.inventory, batch.policies, &evaluation, &Strategy::Tag, self.options.now)
    }

    /// Groups that carry marks of ours and are clean, without their marks.
    pub(super) fn unmarked(&mut self, batch: &Batch<'_>, turns: &[Turn<'_>]) -> Vec<GroupPlan> {
        let violates: BTreeSet<&GroupKey> = turns
            .iter()
            .filter(|turn| turn.findings.iter().any(|(finding, _)| finding.status != Status::Exempt))
            .map(|turn| &turn.group.key)
            .collect();
        let mut plans = Vec::new();
        for (index, group) in batch.inventory.groups.iter().enumerate() {
            let is_judged = batch.selected.is_none_or(|selected| selected.get(index).copied().unwrap_or_default());
            let Some(known) = self.sights.group(&group.key).filter(|known| known.marked && is_judged) else { continue };
            // Controls that were not judged this time may still fail.
            let clean = known.findings.values().all(|sight| sight.resolved.is_some());
            let level = self.terms.account(&group.key.account_id).level;
            if !clean || level < EnforcementLevel::Warn || violates.contains(&group.key) {
                continue;
            }
            let changes = marks::unmark(group, batch.policies);
            if changes.is_empty() || marks::is_remediated(group, batch.policies) {
                // Somebody else took them away, or a run was killed before it noted that they are to stay.
                self.sights.group_mut(&group.key).marked = false;
            } else {
                plans.push(marks::bare(group.clone(), Vec::new(), changes));
            }
        }
        plans
    }

    /// The plan that puts the findings right for which an action was decided.
    pub(super) fn plan_remedy(&mut self, batch: &Batch<'_>, turns: &mut [Turn<'_>], action: Action) -> Plan {
        let chosen = turns.iter().flat_map(|turn| &turn.findings).filter(|(_, decision)| decision.action == action);
        let findings: Vec<Finding> = chosen.map(|(finding, _)| (*finding).clone()).collect();
        if findings.is_empty() {
            return marks::plan_of(Vec::new());
        }
        let evaluation = Evaluation { findings, ..Evaluation::default() };
        let mut plan = plan(batch.inventory, batch.policies, &evaluation, &self.terms.strategy, self.options.now);
        for planned in &mut plan.groups {
            let turn = place(turns, planned.key()).and_then(|place| turns.get(place));
            if let Some(turn) = turn.filter(|_| self.terms.strategy == Strategy::Lockdown) {
                marks::relabel(planned, batch.policies, &reason(batch.policies, turn));
            }
        }
        for left in &plan.unfixable {
            if let Some(turn) = place(turns, &left.group).and_then(|place| turns.get_mut(place)) {
                turn.stays.insert(left.id.clone(), left.reason.clone());
            }
        }
        plan
    }

    /// Writes what is known of the groups that something is to be done to, before it is done. Answers those that another
    /// run was at first, or that could not be written; this run leaves them alone.
    pub(super) fn claim(&mut self, turns: &[Turn<'_>], marks: &Plan, remedy: &Plan) -> BTreeSet<GroupKey> {
        for planned in marks.groups.iter().chain(&remedy.groups) {
            self.sights.group_mut(planned.key());
        }
        for turn in turns {
            let acts = turn.findings.iter().any(|(finding, decision)| {
                let asked = self.sights.get(&turn.group.key, &finding.id).is_some_and(|sight| sight.approval.is_some());
                let asks = decision.action == Action::AskApproval && !asked;
                asks || (decision.tell.is_some() && self.ports.notifier.is_some())
            });
            if acts {
                self.sights.group_mut(&turn.group.key);
            }
        }
        let mut keys: BTreeSet<GroupKey> = turns.iter().map(|turn| turn.group.key.clone()).collect();
        keys.extend(marks.groups.iter().map(|planned| planned.key().clone()));
        self.save(Some(&keys.into_iter().collect::<Vec<_>>()))
    }

    /// Carries a plan out and notes what became of each group.
    pub(super) fn carry_out(&mut self, plan: Plan, turns: &mut [Turn<'_>], keep: fn(&mut Turn<'_>, Deed)) {
        if plan.groups.is_empty() {
            return;
        }
        let deeds = match self.ports.remediator.carry_out(&plan) {
            Ok(deeds) => deeds,
            Err(error) => {
                self.fail(format!("nothing was changed: {error}"));
                return;
            }
        };
        for (key, deed) in deeds {
            if let Deed::Refused { why } | Deed::Failed { why } = &deed {
                self.fail(format!("group `{}`: {why}", key.group_id));
            } else if plan.strategy == Strategy::Tag {
                self.sights.group_mut(&key).marked = place(turns, &key).is_some();
            }
            if let Some(turn) = place(turns, &key).and_then(|place| turns.get_mut(place)) {
                keep(turn, deed);
            }
        }
    }

    /// Puts right what is due and tags it, in one plan: a rollback takes both back.
    pub(super) fn remedy(&mut self, batch: &Batch<'_>, mut plan: Plan, turns: &mut [Turn<'_>]) {
        let room = self.options.max_groups.map_or(usize::MAX, |most| most.saturating_sub(self.remediated));
        if plan.groups.len() > room {
            let over = plan.groups.len() - room;
            self.fail(format!("{over} more groups are due, and `--max-groups` allows no more in this run"));
            plan.groups.truncate(room);
        }
        if plan.groups.is_empty() {
            return;
        }
        let is_tagged = |key: &GroupKey| self.terms.account(&key.account_id).tags;
        let is_due = |turn: &&Turn<'_>| among(&plan.groups, &turn.group.key).is_some() && is_tagged(&turn.group.key);
        let tags = self.tags_of(batch, &turns.iter().filter(is_due).collect::<Vec<_>>());
        for planned in &mut plan.groups {
            let own = among(&tags.groups, planned.key()).and_then(|place| tags.groups.get(place));
            let own = own.map(|group| group.changes.as_slice()).unwrap_or_default();
            let marks = marks::remediated(planned, is_tagged(planned.key()).then_some(own), batch.policies);
            planned.changes.extend(marks);
        }
        for planned in &plan.groups {
            let tags = planned.changes.iter().filter(|change| matches!(change, Change::Tag { .. })).count();
            if let Some(turn) = place(turns, planned.key()).and_then(|place| turns.get_mut(place)) {
                turn.remedy = (planned.changes.len() - tags, tags);
            }
        }
        self.carry_out(plan, turns, |turn, deed| turn.remediation = Some(deed));
        let changed = |turn: &&Turn<'_>| matches!(turn.remediation, Some(Deed::Changed { .. }));
        let keys: Vec<GroupKey> = turns.iter().filter(changed).map(|turn| turn.group.key.clone()).collect();
        self.remediated += keys.len();
        // These tags tell what was done. They stay when the group is clean, as it is now.
        keys.iter().for_each(|key| self.sights.group_mut(key).marked = false);
    }

    /// Keeps plans for which somebody must agree.
    pub(super) fn ask(&mut self, batch: &Batch<'_>, turns: &mut [Turn<'_>], held: &BTreeSet<GroupKey>) {
        let is_new = |turn: &&mut Turn<'_>, sights: &FirstSights| {
            !held.contains(&turn.group.key)
                && turn.findings.iter().any(|(finding, decision)| {
                    let known = sights.get(&turn.group.key, &finding.id);
                    decision.action == Action::AskApproval && known.is_none_or(|sight| sight.approval.is_none())
                })
        };
        let waiting: Vec<&mut Turn<'_>> = turns.iter_mut().filter(|turn| is_new(turn, &self.sights)).collect();
        if waiting.is_empty() {
            return;
        }
        let keys: BTreeSet<GroupKey> = waiting.iter().map(|turn| turn.group.key.clone()).collect();
        let mut whole = self.plan_remedy(batch, turns, Action::AskApproval);
        let groups = std::mem::take(&mut whole.groups);
        let mut places: BTreeMap<GroupKey, (BTreeSet<CompactString>, String)> = BTreeMap::new();
        let mut failed: BTreeSet<GroupKey> = BTreeSet::new();
        for planned in groups.into_iter().filter(|planned| keys.contains(planned.key())) {
            let key = planned.key().clone();
            let ids = planned.findings.iter().map(|finding| finding.id.clone()).collect();
            match shelf::keep(self.ports.plans, &whole, planned, self.options.now) {
                Ok(place) => drop(places.insert(key, (ids, place))),
                Err(error) => {
                    self.fail(format!("the plan of group `{}` could not be kept: {error}", key.group_id));
                    failed.insert(key);
                }
            }
        }
        let asked = turns.iter_mut().filter(|turn| keys.contains(&turn.group.key) && !failed.contains(&turn.group.key));
        for turn in asked {
            let place = places.get(&turn.group.key);
            turn.plan = place.map(|(_, place)| place.clone());
            let sights = self.sights.group_mut(&turn.group.key);
            for (finding, _) in turn.findings.iter().filter(|(_, own)| own.action == Action::AskApproval) {
                let plan = place.filter(|(ids, _)| ids.contains(&finding.id)).map(|(_, place)| place.clone());
                if let Some(sight) = sights.findings.get_mut(&finding.id) {
                    sight.approval = Some(Approval { plan, since: self.options.now });
                }
            }
        }
    }
}

/// Where a group stands among turns, which are in the inventory's order: by key.
fn place(turns: &[Turn<'_>], key: &GroupKey) -> Option<usize> {
    turns.binary_search_by(|turn| turn.group.key.cmp(key)).ok()
}

/// Where a group stands among plans, which are in the same order.
fn among(plans: &[GroupPlan], key: &GroupKey) -> Option<usize> {
    plans.binary_search_by(|planned| planned.key().cmp(key)).ok()
}

/// What a dry run says of the plans.
pub(super) fn would(turns: &mut [Turn<'_>], marks: &Plan, remedy: &Plan) {
    let changes = |plan: &Plan, key: &GroupKey| {
        let planned = among(&plan.groups, key).and_then(|place| plan.groups.get(place));
        planned.map(|planned| Deed::WouldChange { changes: planned.changes.len() })
    };
    for turn in turns {
        turn.marks = changes(marks, &turn.group.key);
        turn.remediation = changes(remedy, &turn.group.key);
    }
}

/// A plan without the groups that this run leaves alone.
pub(super) fn without(mut plan: Plan, held: &BTreeSet<GroupKey>) -> Plan {
    plan.groups.retain(|planned| !held.contains(planned.key()));
    plan
}

/// What a group's worst failing finding violates.
fn reason(policies: &PolicySet, turn: &Turn<'_>) -> String {
    let failing = turn.findings.iter().filter(|(finding, _)| finding.status == Status::Fail);
    let worst = failing.max_by_key(|(finding, _)| policies.severity(finding));
    let control = worst.and_then(|(finding, _)| policies.control(finding));
    control.map(|control| control.violation().to_owned()).unwrap_or_default()
}
