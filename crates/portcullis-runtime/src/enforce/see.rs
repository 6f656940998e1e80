//! Bringing first sights up to date with what was judged, and deciding from them.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_core::evaluate::environment_of;
use portcullis_core::finding::{Finding, Status};
use portcullis_core::model::{CoverageStatus, GroupKey};
use portcullis_core::policy::EnforcementLevel;

use super::decide::{Facts, decide};
use super::report::Resolved;
use super::run::{Batch, Enforcement, Turn};
use crate::state::sights::Seen;

impl Enforcement<'_> {
    /// Brings first sights up to date with what was judged.
    pub(super) fn see(&mut self, batch: &Batch<'_>) {
        let now = self.options.now;
        let mut of_groups: BTreeMap<usize, Vec<&Finding>> = BTreeMap::new();
        for finding in &batch.evaluation.findings {
            of_groups.entry(finding.group).or_default().push(finding);
        }
        let judged: BTreeSet<&str> = batch.policies.controls.iter().map(|control| control.id.as_str()).collect();
        let lacking: BTreeSet<&str> = batch.evaluation.not_judged.iter().map(|lack| lack.control_id.as_str()).collect();
        for (index, group) in batch.inventory.groups.iter().enumerate() {
            if batch.selected.is_some_and(|selected| !selected.get(index).copied().unwrap_or_default()) {
                continue;
            }
            if self.terms.account(&group.key.account_id).level == EnforcementLevel::Disabled {
                continue;
            }
            let findings = of_groups.get(&index).map(Vec::as_slice).unwrap_or_default();
            let mut failing: BTreeSet<&str> = BTreeSet::new();
            let mut unknown: BTreeSet<&str> = BTreeSet::new();
            for finding in findings {
                let Some(control) = batch.policies.control(finding) else { continue };
                match finding.status {
                    Status::Fail => {
                        failing.insert(&finding.id);
                        let seen = Seen {
                            control_id: control.id.clone(),
                            rule_id: control.rule_id.clone(),
                            severity: control.severity,
                            reason: finding.reason.clone(),
                        };
                        self.sights.see(&group.key, &group.name, &finding.id, &seen, now);
                    }
                    Status::Unknown => drop(unknown.insert(&control.id)),
                    Status::Exempt => {
                        let known = self.sights.get(&group.key, &finding.id);
                        self.tally.false_positives += usize::from(known.is_some_and(|sight| sight.resolved.is_none()));
                    }
                    Status::Pass => {}
                }
            }
            let gone = self.sights.settle(&group.key, now, |id, sight| {
                let control = sight.control_id.as_str();
                !failing.contains(id.as_str())
                    && judged.contains(control)
                    && !lacking.contains(control)
                    && !unknown.contains(control)
            });
            self.report.resolved.extend(gone.into_iter().map(|id| resolved(&group.key, &id)));
        }
        if batch.whole {
            self.forget_groups(batch);
        }
    }

    /// Groups that are known and were not read, where all were.
    pub(super) fn forget_groups(&mut self, batch: &Batch<'_>) {
        let complete: BTreeSet<(&str, &str)> = batch
            .evaluation
            .coverage
            .iter()
            .filter(|row| row.status == CoverageStatus::Complete)
            .map(|row| (row.account_id.as_str(), row.region.as_str()))
            .collect();
        let there: BTreeSet<&GroupKey> = batch.inventory.groups.iter().map(|group| &group.key).collect();
        let known = self.sights.groups().map(|(key, _)| key);
        let gone = known.filter(|key| complete.contains(&(key.account_id.as_str(), key.region.as_str())));
        let gone: Vec<GroupKey> = gone.filter(|key| !there.contains(key)).cloned().collect();
        for key in gone {
            let went = self.sights.settle(&key, self.options.now, |_, _| true);
            self.sights.group_mut(&key).marked = false;
            self.report.resolved.extend(went.into_iter().map(|id| resolved(&key, &id)));
        }
    }

    pub(super) fn decide<'b>(&self, batch: &Batch<'b>) -> Vec<Turn<'b>> {
        let mut turns: BTreeMap<usize, Turn<'b>> = BTreeMap::new();
        for finding in &batch.evaluation.findings {
            let (Some(group), Some(control)) =
                (batch.inventory.groups.get(finding.group), batch.policies.control(finding))
            else {
                continue;
            };
            if finding.status == Status::Pass {
                continue;
            }
            let turn = turns.entry(finding.group).or_insert_with(|| {
                let environment = environment_of(group, batch.policies);
                Turn {
                    group,
                    index: finding.group,
                    findings: Vec::new(),
                    approvers: self.terms.approvers(environment.as_deref()).to_vec(),
                    marks: None,
                    remediation: None,
                    remedy: (0, 0),
                    plan: None,
                    stays: BTreeMap::new(),
                }
            });
            let facts = Facts {
                status: finding.status,
                severity: control.severity,
                is_shown: finding.is_shown(),
                sight: self.sights.get(&group.key, &finding.id),
                approvers: &turn.approvers,
                strategy: &self.terms.strategy,
            };
            let decision = decide(self.terms.account(&group.key.account_id), &facts, self.options.now);
            turn.findings.push((finding, decision));
        }
        turns.into_values().collect()
    }
}

fn resolved(key: &GroupKey, id: &str) -> Resolved {
    Resolved { key: key.clone(), id: id.to_owned() }
}
