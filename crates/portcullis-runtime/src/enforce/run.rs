//! A run of enforcement: an evaluation in hand, first sights brought up to date, decisions, and what they ask.
//!
//! The order is the promise. What is known of a group is written before anything is done to it, and the write is refused
//! where another run was there first. What was said is written after it was said: a run that is killed in between says it
//! twice rather than never.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};
use portcullis_core::finding::{Evaluation, Finding, Status};
use portcullis_core::model::{CoverageStatus, GroupKey, Inventory, SecurityGroup};
use portcullis_core::policy::{EnforcementLevel, PolicySet};

use super::act::{without, would};
use super::decide::{Action, Decision};
use super::log::Violation;
use super::marks;
use super::ports::{Deed, EnforcePorts};
use super::report::{EnforceReport, FindingReport, GroupReport};
use super::tell::Teller;
use super::terms::Terms;
use crate::judged::Judged;
use crate::metrics::{Tally, Tracking, publish};
use crate::state::StateError;
use crate::state::sights::FirstSights;

/// How a run goes about it.
#[derive(Clone, Debug)]
pub struct EnforceOptions {
    /// A name for the run.
    pub run_id: String,
    /// The time. One moment holds for all of a run.
    pub now: Timestamp,
    /// Say what would be done and do nothing: no tag, no notice, no metric, nothing kept.
    pub dry_run: bool,
    /// Nothing more is put right in this run once so many groups were.
    pub max_groups: Option<usize>,
}

/// What was read and judged: everything, or one Region of all accounts after another.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// What was read.
    pub inventory: &'a Inventory,
    /// What it was judged by.
    pub policies: &'a PolicySet,
    /// What came of it.
    pub evaluation: &'a Evaluation,
    /// The groups that were judged; all of them, where it is `None`.
    pub selected: Option<&'a [bool]>,
    /// Whether all groups of the accounts and Regions were read, so that one that is not there is gone.
    pub whole: bool,
}

/// A run in progress.
pub struct Enforcement<'a> {
    pub(super) terms: &'a Terms,
    pub(super) ports: EnforcePorts<'a>,
    pub(super) options: EnforceOptions,
    pub(super) sights: FirstSights,
    pub(super) report: EnforceReport,
    /// Accounts that were read, for their weekly reports.
    pub(super) accounts: BTreeSet<CompactString>,
    pub(super) tally: Tally,
    /// Groups that were put right so far.
    pub(super) remediated: usize,
    /// Whether others do other parts of the same run.
    is_part: bool,
}

/// One group and what was decided.
pub(super) struct Turn<'b> {
    pub(super) group: &'b SecurityGroup,
    pub(super) index: usize,
    pub(super) findings: Vec<(&'b Finding, Decision)>,
    pub(super) approvers: Vec<String>,
    pub(super) marks: Option<Deed>,
    pub(super) remediation: Option<Deed>,
    /// How many changes of rules, and of tags, the plan of that had.
    pub(super) remedy: (usize, usize),
    pub(super) plan: Option<String>,
    /// Why findings that were to be put right stay.
    pub(super) stays: BTreeMap<CompactString, String>,
}

impl Turn<'_> {
    pub(super) fn any(&self, action: Action) -> bool {
        self.findings.iter().any(|(_, decision)| decision.action == action)
    }

    pub(super) fn at_least(&self, action: Action) -> bool {
        self.findings.iter().any(|(_, decision)| decision.action >= action)
    }
}

impl<'a> Enforcement<'a> {
    /// Begins a run: reads what is known.
    ///
    /// # Errors
    /// Where the state cannot be read: without first sights nothing is enforced.
    pub fn begin(terms: &'a Terms, ports: EnforcePorts<'a>, options: EnforceOptions) -> Result<Self, StateError> {
        Ok(Self::knowing(FirstSights::load(ports.state)?, terms, ports, options))
    }

    /// Begins one of many parts of a run, which is about these groups: only what is known of them is read. Digests, errors
    /// and groups that are gone are left to whoever puts the parts together and [concludes](Self::conclude) the run.
    ///
    /// # Errors
    /// As [`Enforcement::begin`].
    pub fn begin_part(
        terms: &'a Terms,
        ports: EnforcePorts<'a>,
        options: EnforceOptions,
        groups: &[GroupKey],
    ) -> Result<Self, StateError> {
        let sights = FirstSights::of(ports.state, groups)?;
        Ok(Self { is_part: true, ..Self::knowing(sights, terms, ports, options) })
    }

    fn knowing(sights: FirstSights, terms: &'a Terms, ports: EnforcePorts<'a>, options: EnforceOptions) -> Self {
        let report = EnforceReport::new(options.run_id.clone(), options.now, options.dry_run);
        let (accounts, tally) = (BTreeSet::new(), Tally::default());
        Self { terms, ports, options, sights, report, accounts, tally, remediated: 0, is_part: false }
    }

    /// Does what the levels ask of what was judged. What fails is in the report; the others go on.
    pub fn judge(&mut self, batch: &Batch<'_>) {
        let now = self.options.now;
        self.tally.add(batch.inventory, batch.policies, batch.evaluation, now);
        for row in &batch.evaluation.coverage {
            match row.status {
                CoverageStatus::Disabled => {}
                CoverageStatus::Complete => drop(self.accounts.insert(row.account_id.clone())),
                CoverageStatus::Partial | CoverageStatus::Unread => {
                    let why = row.error.as_deref().unwrap_or("it could not be read whole");
                    self.fail(format!("account {}, Region {}: {why}", row.account_id, row.region));
                }
            }
        }
        self.see(batch);
        let mut turns = self.decide(batch);
        self.log(batch, &turns);
        let mark_plan = self.plan_marks(batch, &turns);
        let remedy = self.plan_remedy(batch, &mut turns, Action::Remediate);
        if self.options.dry_run {
            would(&mut turns, &mark_plan, &remedy);
        } else {
            let held = self.claim(&turns, &mark_plan, &remedy);
            let mark_plan = without(mark_plan, &held);
            let marked = marks::marked(batch.inventory, &mark_plan);
            self.carry_out(mark_plan, &mut turns, |turn, deed| turn.marks = Some(deed));
            self.remedy(batch, without(remedy, &held), &mut turns);
            self.ask(&Batch { inventory: &marked, ..*batch }, &mut turns, &held);
            turns.retain(|turn| !held.contains(&turn.group.key));
        }
        Teller::new(self, batch).tell(&turns);
        if !self.options.dry_run {
            let keys: Vec<GroupKey> = turns.iter().map(|turn| turn.group.key.clone()).collect();
            self.save(Some(&keys));
        }
        self.note(batch, turns);
    }

    /// Sends the digests that are due, publishes the metrics, and says what was done. `took` is how long reading and
    /// judging took, where the caller measured it.
    pub fn finish(mut self, tracking: &Tracking, took: Option<SignedDuration>) -> EnforceReport {
        self.send_what_is_due();
        self.tally.remediations = self.remediated;
        self.tally.errors = self.report.failures.len();
        if !self.options.dry_run
            && let Some(sink) = self.ports.metrics
        {
            let metrics = self.tally.metrics(tracking, took, self.options.now);
            if let Err(error) = publish(sink, &metrics) {
                self.fail(format!("the metrics could not be published: {error}"));
            }
        }
        if !self.is_part {
            self.send_errors();
        }
        self.report.sum_up();
        self.report
    }

    /// Concludes a run whose parts were done by others: groups that are gone are forgotten, digests that are due are sent,
    /// and what went wrong is told once. `batch` is what all of them read, put together, and `failures` what they told.
    pub fn conclude(mut self, batch: &Batch<'_>, failures: &[String]) -> EnforceReport {
        failures.iter().for_each(|why| self.fail(why.clone()));
        let complete = batch.evaluation.coverage.iter().filter(|row| row.status == CoverageStatus::Complete);
        self.accounts.extend(complete.map(|row| row.account_id.clone()));
        self.forget_groups(batch);
        self.send_what_is_due();
        self.send_errors();
        self.report
    }

    fn send_what_is_due(&mut self) {
        if self.options.dry_run {
            return;
        }
        // Groups that are gone, and those of which nothing is left.
        self.save(None);
        if !self.is_part {
            self.send_digests();
            self.save(None);
        }
    }

    pub(super) fn fail(&mut self, why: String) {
        if !self.report.failures.contains(&why) {
            self.report.failures.push(why);
        }
    }

    fn log(&mut self, batch: &Batch<'_>, turns: &[Turn<'_>]) {
        let Some(log) = self.ports.log else { return };
        for turn in turns {
            for (finding, decision) in turn.findings.iter().filter(|(finding, _)| finding.status == Status::Fail) {
                let Some(control) = batch.policies.control(finding) else { continue };
                let violation = Violation {
                    at: self.options.now,
                    run_id: &self.options.run_id,
                    dry_run: self.options.dry_run,
                    group: turn.group,
                    control,
                    finding,
                    decision,
                };
                if let Err(error) = log.violation(&violation) {
                    self.fail(error.to_string());
                    return;
                }
            }
        }
    }

    /// Writes records; those that could not be written are failures.
    pub(super) fn save(&mut self, keys: Option<&[GroupKey]>) -> BTreeSet<GroupKey> {
        let refused = self.sights.save(self.ports.state, keys);
        let mut held = BTreeSet::new();
        for (key, error) in refused {
            self.fail(format!("group `{}` is left alone: {error}", key.group_id));
            held.insert(key);
        }
        held
    }

    /// Notes what was decided and done in the report.
    fn note(&mut self, batch: &Batch<'_>, turns: Vec<Turn<'_>>) {
        for turn in turns {
            let terms = self.terms.account(&turn.group.key.account_id);
            let sights = self.sights.group(&turn.group.key);
            let finding = |(finding, decision): &(&Finding, Decision)| {
                let judged = Judged::of(finding, batch.policies)?;
                let sight = sights.and_then(|group| group.findings.get(&finding.id));
                Some(FindingReport {
                    judged,
                    action: decision.action,
                    why: decision.why.clone(),
                    first_seen: sight.filter(|_| finding.status == Status::Fail).map(|sight| sight.first_seen),
                    due: decision.due,
                    told: decision.tell.filter(|_| self.ports.notifier.is_some()).map(|(level, _)| level),
                    stays: turn.stays.get(&finding.id).cloned(),
                })
            };
            let findings: Vec<FindingReport> = turn.findings.iter().filter_map(finding).collect();
            let waiting = sights.into_iter().flat_map(|group| group.findings.values());
            let plan = turn.plan.or_else(|| waiting.filter_map(|sight| sight.approval.as_ref()?.plan.clone()).next());
            self.report.groups.push(GroupReport {
                key: turn.group.key.clone(),
                group_name: turn.group.name.to_string(),
                account_name: terms.name.clone(),
                level: level(terms.level),
                findings,
                marks: turn.marks,
                remediation: turn.remediation,
                plan,
            });
        }
    }
}

const fn level(level: EnforcementLevel) -> &'static str {
    match level {
        EnforcementLevel::Disabled => "disabled",
        EnforcementLevel::Monitor => "monitor",
        EnforcementLevel::Warn => "warn",
        EnforcementLevel::Enforce => "enforce",
    }
}
