//! One group on its way: what was found, what is to be done, what was done.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use portcullis_core::evaluate::{Evaluator, Options};
use portcullis_core::finding::{Evaluation, Finding, Status};
use portcullis_core::model::{GroupKey, Inventory, Peer, SecurityGroup};
use portcullis_core::policy::{PolicySet, Severity};
use portcullis_core::remediation::{Change, simulate};
use portcullis_formats::events::{Action, ApiCall};

use super::Settings;
use super::look::Look;
use super::report::{Did, FindingReport, GroupReport};
use crate::judged::Judged;

/// What is done about a finding, in the order of what goes furthest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// It is told.
    Report,
    /// Its group is tagged.
    Mark,
    /// Its plan waits for somebody to agree.
    Ask,
    /// It waits until then.
    Wait(Timestamp),
    /// It is put right.
    Remedy,
    /// Its group is locked down.
    Lockdown,
}

/// One group.
pub(super) struct Turn<'b> {
    pub(super) group: &'b SecurityGroup,
    /// The calls that brought it here, with their places among the events.
    pub(super) calls: Vec<(usize, &'b ApiCall)>,
    /// Its findings, the worst first, with what is done about each and why.
    pub(super) findings: Vec<(&'b Finding, Step, String)>,
    /// What changes, once that was planned.
    pub(super) changes: Vec<Change>,
    pub(super) did: Did,
    pub(super) failure: Option<String>,
    /// Why findings that were to be put right stay.
    pub(super) stays: BTreeMap<String, String>,
    pub(super) emergency: bool,
    /// Where the plan is that waits for somebody to agree, and whether it is new.
    pub(super) plan: Option<(String, bool)>,
}

impl<'b> Turn<'b> {
    /// All groups that were read, in the inventory's order.
    pub(super) fn all(inventory: &'b Inventory, evaluation: &'b Evaluation, look: &Look<'b>) -> Vec<Self> {
        let turn = |(index, group): (usize, &'b SecurityGroup)| {
            let findings = evaluation.findings.iter().filter(|finding| finding.group == index);
            let calls = look.calls.iter().filter(|(_, call)| is_about(call, group));
            Self {
                group,
                calls: calls.copied().collect(),
                findings: findings.map(|finding| (finding, Step::Report, String::new())).collect(),
                changes: Vec::new(),
                did: Did::Nothing,
                failure: None,
                stays: BTreeMap::new(),
                emergency: false,
                plan: None,
            }
        };
        inventory.groups.iter().enumerate().map(turn).collect()
    }

    /// The failing findings.
    pub(super) fn failing(&self) -> impl Iterator<Item = &'b Finding> + '_ {
        self.findings.iter().map(|(finding, ..)| *finding).filter(|finding| finding.status == Status::Fail)
    }

    /// The failing findings about which at least this is done.
    pub(super) fn chosen(&self, least: Step) -> Vec<Finding> {
        let chosen = self.findings.iter().filter(|(finding, step, _)| finding.status == Status::Fail && *step >= least);
        chosen.map(|(finding, ..)| (*finding).clone()).collect()
    }

    pub(super) fn most(&self) -> Step {
        self.findings.iter().map(|(_, step, _)| *step).max().unwrap_or(Step::Report)
    }

    /// Until when something of it waits.
    pub(super) fn waits_until(&self) -> Option<Timestamp> {
        if matches!(self.did, Did::Changed { strategy, .. } if strategy != "tag") {
            return None;
        }
        let waits = |(_, step, _): &(&Finding, Step, String)| match step {
            Step::Wait(until) => Some(*until),
            _ => None,
        };
        self.findings.iter().filter_map(waits).min()
    }

    /// Whether it is here because it was made.
    pub(super) fn is_new(&self) -> bool {
        !self.calls.is_empty() && self.calls.iter().all(|(_, call)| call.action == Action::Create)
    }

    pub(super) fn principals(&self) -> Vec<String> {
        let all: BTreeSet<String> = self.calls.iter().map(|(_, call)| call.principal.arn.clone()).collect();
        all.into_iter().collect()
    }

    /// What its worst failing finding violates.
    pub(super) fn reason(&self, policies: &PolicySet) -> String {
        let worst = self.failing().max_by_key(|finding| policies.severity(finding));
        let control = worst.and_then(|finding| policies.control(finding));
        control.map(|control| control.violation().to_owned()).unwrap_or_default()
    }

    /// The ids of the controls that still fail, judged on the group as it was left.
    fn standing(&self, settings: &Settings, inventory: &Inventory, now: Timestamp) -> BTreeSet<usize> {
        let changed = matches!(self.did, Did::Changed { .. });
        let left = if changed { simulate(self.group, &self.changes).ok() } else { None };
        let Some(left) = left else { return self.failing().map(|finding| finding.control).collect() };
        let evaluator = Evaluator::new(inventory, &settings.policies, now, Options::default());
        let findings = evaluator.findings_of(&left);
        findings.iter().filter(|finding| finding.status == Status::Fail).map(|finding| finding.control).collect()
    }

    pub(super) fn report(&self, settings: &Settings, inventory: &Inventory, now: Timestamp) -> GroupReport {
        let policies = &settings.policies;
        let still = self.standing(settings, inventory, now);
        let severity = |index: &usize| policies.controls.get(*index).map(|control| control.severity);
        let stands = still.iter().filter_map(severity).any(|severity| severity >= settings.fail_on);
        let finding = |(finding, _, why): &(&Finding, Step, String)| {
            let judged = Judged::of(finding, policies)?;
            let fails = finding.status == Status::Fail;
            Some(FindingReport {
                judged,
                reason: finding.reason.clone(),
                action: self.stays.get(finding.id.as_str()).unwrap_or(why).clone(),
                stands: fails && still.contains(&finding.control),
            })
        };
        GroupReport {
            account_id: self.group.key.account_id.to_string(),
            region: self.group.key.region.to_string(),
            group_id: self.group.key.group_id.to_string(),
            group_name: self.group.name.to_string(),
            principals: self.principals(),
            findings: self.findings.iter().filter_map(finding).collect(),
            did: self.did.clone(),
            waits_until: self.waits_until(),
            failure: self.failure.clone(),
            plan: self.plan.as_ref().map(|(place, _)| place.clone()),
            emergency: self.emergency && matches!(self.did, Did::Changed { .. }),
            stands,
            worst: self.worst(policies),
        }
    }

    pub(super) fn worst(&self, policies: &PolicySet) -> Option<Severity> {
        self.failing().map(|finding| policies.severity(finding)).max()
    }
}

/// Whether a call is about a group.
fn is_about(call: &ApiCall, group: &SecurityGroup) -> bool {
    let GroupKey { group_id, .. } = &group.key;
    let names_list = || {
        group.rules.iter().any(|rule| match &rule.peer {
            Peer::PrefixList(id) => call.prefix_lists.iter().any(|list| *list == id.as_str()),
            _ => false,
        })
    };
    call.group_ids.iter().any(|id| *id == group_id.as_str())
        || call.group_names.iter().any(|name| *name == group.name.as_str())
        || group.rules.iter().any(|rule| call.rule_ids.iter().any(|id| *id == rule.id.as_str()))
        || names_list()
}
