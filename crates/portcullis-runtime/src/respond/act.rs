//! Doing what was decided. Of each group everything is one plan, its tags with its rules, so that one backup holds what
//! stood before and one rollback puts it back.

use std::collections::BTreeMap;

use portcullis_core::finding::{Evaluation, Finding};
use portcullis_core::model::{GroupKey, Inventory};
use portcullis_core::policy::{EnforcementLevel, PolicySet};
use portcullis_core::remediation::{Change, GroupPlan, Plan, Strategy, fit_tag, plan};
use portcullis_formats::backup::key_of;
use portcullis_formats::policy::document::real_time::Lockdown;

use super::report::Did;
use super::turn::{Step, Turn};
use super::{Run, Settings};
use crate::change::in_words;
use crate::enforce::marks;
use crate::report::{Outcome, new_run_id};
use crate::state::sights::FirstSights;

impl Run<'_> {
    /// Carries out what was decided for the groups of a place.
    pub(super) fn act(&mut self, inventory: &Inventory, turns: &mut [Turn<'_>], mut sights: FirstSights) {
        let keeps = self.settings.order.is_none() && self.settings.enforce && self.remembers;
        let keys: Vec<GroupKey> = turns.iter().map(|turn| turn.group.key.clone()).collect();
        if keeps {
            // What is known is written first; of two runs at one group the second leaves it alone.
            for (key, error) in sights.save(self.ports.state, Some(&keys)) {
                if let Some(turn) = turns.iter_mut().find(|turn| turn.group.key == key) {
                    turn.failure = Some(format!("it is left alone: {error}"));
                }
            }
        }
        let run_id = new_run_id();
        let lockdown = self.lockdown(inventory, turns, &run_id);
        self.carry_out(&lockdown, turns, &run_id);
        let remedy = self.remedy(inventory, turns);
        self.carry_out(&remedy, turns, &new_run_id());
        let marks = self.marks(inventory, turns, &sights);
        self.carry_out(&marks, turns, &new_run_id());
        self.ask(inventory, turns, &marks, &mut sights);
        if keeps {
            for turn in turns.iter().filter(|turn| matches!(turn.did, Did::Changed { .. })) {
                // The tags of what was put right stay, as those of a scan do.
                let marked = turn.most() < Step::Remedy && turn.failing().next().is_some();
                if sights.group(&turn.group.key).is_some_and(|known| known.marked != marked) {
                    sights.group_mut(&turn.group.key).marked = marked;
                }
            }
            for (_, error) in sights.save(self.ports.state, Some(&keys)) {
                self.fail(error.to_string());
            }
        }
    }

    /// The plan of the groups that are locked down.
    fn lockdown(&self, inventory: &Inventory, turns: &[Turn<'_>], run_id: &str) -> Plan {
        let settings = self.settings;
        let of = |turn: &&Turn<'_>| turn.most() == Step::Lockdown && turn.failure.is_none();
        let chosen: Vec<&Turn<'_>> = turns.iter().filter(of).collect();
        if chosen.is_empty() {
            return marks::plan_of(Vec::new());
        }
        let findings = chosen.iter().flat_map(|turn| turn.failing().cloned()).collect();
        let mode = mode(settings).filter(|_| settings.order.is_none());
        let mut policies = settings.policies.clone();
        policies.dummy_rule.enabled &= mode.as_ref().is_none_or(|mode| mode.add_dummy_rule);
        let keeps_rules = mode.as_ref().is_some_and(|mode| !mode.remove_all_rules);
        let mut plan = planned(inventory, &policies, findings, &Strategy::Lockdown, self.now);
        for turn in chosen {
            let Some(own) = plan.groups.iter_mut().find(|own| *own.key() == turn.group.key) else { continue };
            marks::relabel(own, &policies, &turn.reason(&policies));
            if keeps_rules {
                own.changes.retain(|change| matches!(change, Change::Authorize(_)));
            }
            if settings.order.is_none() {
                own.changes.extend(self.compliance_tags(inventory, turn));
            }
            if mode.as_ref().is_some_and(|mode| mode.tag_as_emergency) {
                let time = self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                let tags = [
                    ("EMERGENCY_REASON", fit_tag(&turn.reason(&policies))),
                    ("EMERGENCY_TIMESTAMP", time),
                    ("BACKUP_ID", key_of(&turn.group.key, self.now, run_id)),
                ];
                own.changes.extend(tags.iter().filter_map(|(key, value)| marks::own_tag(turn.group, key, value)));
            }
        }
        if keeps_rules {
            plan.strategy = Strategy::Tag;
        }
        plan
    }

    /// The plan of the groups that are put right.
    fn remedy(&self, inventory: &Inventory, turns: &mut [Turn<'_>]) -> Plan {
        let settings = self.settings;
        let strategy = settings.order.as_ref().unwrap_or(&settings.terms.strategy);
        let of = |turn: &&Turn<'_>| turn.most() == Step::Remedy && turn.failure.is_none();
        let findings = turns.iter().filter(of).flat_map(|turn| turn.chosen(Step::Remedy)).collect();
        let mut plan = planned(inventory, &settings.policies, findings, strategy, self.now);
        for own in &mut plan.groups {
            let Some(turn) = turns.iter().find(|turn| turn.group.key == *own.key()) else { continue };
            if *strategy == Strategy::Lockdown {
                marks::relabel(own, &settings.policies, &turn.reason(&settings.policies));
            }
            if settings.order.is_none() {
                let warnings = marks::unmark(turn.group, &settings.policies).into_iter();
                own.changes.extend(warnings.filter(|change| matches!(change, Change::Revoke(_))));
                own.changes.extend(self.compliance_tags(inventory, turn));
            }
        }
        for left in &plan.unfixable {
            if let Some(turn) = turns.iter_mut().find(|turn| turn.group.key == left.group) {
                turn.stays.insert(left.id.to_string(), format!("it stays: {}", left.reason));
            }
        }
        plan
    }

    /// The tags that say what a group was put right for.
    fn compliance_tags(&self, inventory: &Inventory, turn: &Turn<'_>) -> Vec<Change> {
        if !self.settings.terms.account(&turn.group.key.account_id).tags {
            return Vec::new();
        }
        let failing = turn.failing().cloned().collect();
        let mut tags = planned(inventory, &self.settings.policies, failing, &Strategy::Tag, self.now);
        let own = tags.groups.pop().map(|own| own.changes).unwrap_or_default();
        own.into_iter().chain(marks::remediated_tag(turn.group, &self.settings.policies)).collect()
    }

    /// The plan of tags and warnings: on what violates and stays, and off what is clean.
    fn marks(&self, inventory: &Inventory, turns: &[Turn<'_>], sights: &FirstSights) -> Plan {
        let settings = self.settings;
        let policies = &settings.policies;
        let ordered = settings.order == Some(Strategy::Tag);
        let mut groups = Vec::new();
        for turn in turns.iter().filter(|turn| turn.most() < Step::Remedy && turn.failure.is_none()) {
            let terms = settings.terms.account(&turn.group.key.account_id);
            let mut changes = Vec::new();
            if turn.most() >= Step::Mark && (ordered || terms.level >= EnforcementLevel::Warn) {
                if ordered || terms.tags {
                    let failing = turn.failing().cloned().collect();
                    let tags = planned(inventory, policies, failing, &Strategy::Tag, self.now);
                    changes.extend(tags.groups.into_iter().flat_map(|own| own.changes));
                    changes.extend(marks::no_longer_remediated(turn.group, policies).filter(|_| !ordered));
                }
                if terms.warning_rule && !ordered {
                    changes.extend(marks::warn(turn.group, policies, &turn.reason(policies)));
                }
            } else if !ordered
                && turn.findings.is_empty()
                && sights.group(&turn.group.key).is_some_and(|own| own.marked)
            {
                let ours = !marks::is_remediated(turn.group, policies) && terms.level >= EnforcementLevel::Warn;
                changes.extend(marks::unmark(turn.group, policies).into_iter().filter(|_| ours));
            }
            if !changes.is_empty() {
                groups.push(marks::bare(turn.group.clone(), Vec::new(), changes));
            }
        }
        marks::plan_of(groups)
    }

    /// Carries a plan out, or says what it would do, and notes what became of each group.
    fn carry_out(&mut self, plan: &Plan, turns: &mut [Turn<'_>], run_id: &str) {
        if plan.groups.is_empty() {
            return;
        }
        let strategy = plan.strategy.as_str();
        let of: BTreeMap<&GroupKey, &GroupPlan> = plan.groups.iter().map(|own| (own.key(), own)).collect();
        for turn in turns.iter_mut() {
            if let Some(own) = of.get(&turn.group.key) {
                turn.changes.clone_from(&own.changes);
                if !self.settings.enforce {
                    let words = own.changes.iter().map(in_words).collect();
                    turn.did = Did::WouldChange { strategy, changes: own.changes.len(), words };
                }
            }
        }
        if !self.settings.enforce {
            return;
        }
        let at = (plan.strategy == Strategy::Lockdown).then_some(self.now);
        let outcomes = match self.ports.changer.carry_out(plan, run_id, at) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                for turn in turns.iter_mut().filter(|turn| of.contains_key(&turn.group.key)) {
                    turn.failure = Some(format!("nothing was changed: {error}"));
                }
                return;
            }
        };
        for (key, outcome) in outcomes {
            let Some(turn) = turns.iter_mut().find(|turn| turn.group.key == key) else { continue };
            match outcome {
                Outcome::Changed { changes, backup } => {
                    let backup = self.ports.changer.backup_place(&backup);
                    turn.did = Did::Changed { strategy, changes, backup };
                }
                Outcome::AlreadyDone | Outcome::WouldChange { .. } => {}
                outcome @ (Outcome::Refused(_) | Outcome::Failed { .. } | Outcome::NotReached) => {
                    turn.failure = Some(outcome.to_string());
                }
            }
        }
    }
}

/// The plan of these findings.
pub(super) fn planned(
    inventory: &Inventory,
    policies: &PolicySet,
    findings: Vec<Finding>,
    strategy: &Strategy,
    now: jiff::Timestamp,
) -> Plan {
    if findings.is_empty() {
        return marks::plan_of(Vec::new());
    }
    plan(inventory, policies, &Evaluation { findings, ..Evaluation::default() }, strategy, now)
}

/// How a group is locked down in an emergency.
fn mode(settings: &Settings) -> Option<Lockdown> {
    let scanning = settings.real_time.scanning.as_ref()?;
    Some(scanning.remediation_settings.emergency_remediation.lockdown_mode.clone())
}
