//! Scans that a schedule or a person asks for: everything read and judged, and done what the policies' levels ask.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use portcullis_core::evaluate::Options;
use portcullis_core::finding::{Evaluation, Finding, Status};
use portcullis_core::model::{GroupKey, Inventory};
use portcullis_core::remediation::{GroupPlan, Strategy, plan};
use portcullis_formats::events::ScanRequest;
use serde::Serialize;

use super::changer::LiveChanger;
use super::{Service, ServiceError};
use crate::enforce::{
    Batch, Deed, EnforceOptions, EnforcePorts, EnforceReport, Enforcement, GroupReport, PlanShelf, Remediator,
};
use crate::live::read;
use crate::metrics::{MetricsSink, Tracking};
use crate::notices::Notifier;
use crate::ports::Clock;
use crate::report::new_run_id;
use crate::state::StateError;

/// How much of what the settings name a scan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// What somebody asked for.
    Some,
    /// One of many parts that others put together.
    Part,
}

/// What a scan found and did.
#[derive(Debug, Serialize)]
pub struct ScanOutcome {
    /// Its name.
    pub run: String,
    /// What the levels asked, and what was done; what an order by hand did is in `ordered`.
    pub enforcement: Option<EnforceReport>,
    /// What an order by hand did, group by group.
    pub ordered: Vec<(String, Deed)>,
    /// How many groups were judged.
    pub groups: usize,
    /// Failing findings.
    pub failing: usize,
    /// Whether failing findings that count stand.
    pub stands: bool,
    /// Where its reports lie, in each format.
    pub reports: Vec<String>,
    /// What went wrong.
    pub failures: Vec<String>,
    /// What was judged, for whoever renders it.
    #[serde(skip)]
    pub judged: (Inventory, Evaluation),
    /// The groups that were put right.
    #[serde(skip)]
    right: Vec<GroupKey>,
}

impl ScanOutcome {
    /// How many groups were changed.
    pub(super) fn changed(&self) -> usize {
        let ordered = self.ordered.iter().filter(|(_, deed)| matches!(deed, Deed::Changed { .. })).count();
        ordered + self.enforcement.as_ref().map_or(0, |report| report.summary.remediated)
    }
}

impl Service {
    /// Does a scan, and keeps its reports.
    ///
    /// # Errors
    /// Where it cannot be told which accounts and Regions to read.
    pub fn scan(&self, asked: &ScanRequest, clock: &dyn Clock) -> Result<ScanOutcome, ServiceError> {
        let began = clock.now();
        let metrics = self.metrics.as_ref().map(|metrics| metrics as &dyn MetricsSink);
        let whole = asked.accounts.is_empty() && asked.regions.is_empty();
        let extent = if whole { Extent::Whole } else { Extent::Some };
        let mut outcome = self.scan_with(asked, extent, metrics, clock)?;
        let (inventory, evaluation) = &outcome.judged;
        match self.keep_reports(&outcome.run, inventory, evaluation, Some(&outcome), began) {
            Ok(places) => outcome.reports = places,
            Err(error) => outcome.failures.push(format!("the reports could not be kept: {error}")),
        }
        Ok(outcome)
    }

    /// Does a scan, and publishes what it counted there.
    pub(super) fn scan_with(
        &self,
        asked: &ScanRequest,
        extent: Extent,
        metrics: Option<&dyn MetricsSink>,
        clock: &dyn Clock,
    ) -> Result<ScanOutcome, ServiceError> {
        let began = clock.now();
        let policies = &self.settings.policies;
        let (request, disabled) = self.request(asked)?;
        let mut inventory = self.handle.block_on(read(Arc::clone(&self.cloud), request, |_| {})).inventory;
        inventory.coverage.extend(disabled);
        let evaluation = crate::judge(&inventory, policies, began, Options::default(), None);
        let mut outcome = ScanOutcome {
            run: new_run_id(),
            enforcement: None,
            ordered: Vec::new(),
            groups: evaluation.groups,
            failing: failing(&evaluation).count(),
            stands: false,
            reports: Vec::new(),
            failures: unread(&evaluation),
            judged: (inventory, evaluation),
            right: Vec::new(),
        };
        match self.settings.respond.order.as_ref() {
            Some(strategy) => self.order(strategy, &mut outcome, began),
            None => {
                let took = || clock.now().duration_since(began);
                self.enforce(extent, &mut outcome, metrics, began, took)?;
            }
        }
        let (inventory, evaluation) = &outcome.judged;
        outcome.stands = failing(evaluation).any(|finding| {
            let key = inventory.groups.get(finding.group).map(|group| &group.key);
            let is_right = key.is_some_and(|key| outcome.right.contains(key));
            !is_right && policies.severity(finding) >= self.settings.respond.fail_on
        });
        Ok(outcome)
    }

    /// Does what is ordered by hand, whatever the levels say.
    fn order(&self, strategy: &Strategy, outcome: &mut ScanOutcome, now: Timestamp) {
        let (inventory, evaluation) = &outcome.judged;
        let plan = plan(inventory, &self.settings.policies, evaluation, strategy, now);
        let deeds = if self.settings.respond.enforce && !plan.groups.is_empty() {
            LiveChanger::of(self).carry_out(&plan).unwrap_or_else(|error| {
                outcome.failures.push(error.to_string());
                Vec::new()
            })
        } else {
            let would = |own: &GroupPlan| (own.key().clone(), Deed::WouldChange { changes: own.changes.len() });
            plan.groups.iter().map(would).collect()
        };
        for (key, deed) in deeds {
            match &deed {
                Deed::Changed { .. } | Deed::AlreadyDone => outcome.right.push(key.clone()),
                Deed::Failed { why } | Deed::Refused { why } => {
                    outcome.failures.push(format!("group `{}`: {why}", key.group_id));
                }
                Deed::WouldChange { .. } => {}
            }
            outcome.ordered.push((key.group_id.to_string(), deed));
        }
    }

    /// Does what the levels ask.
    fn enforce(
        &self,
        extent: Extent,
        outcome: &mut ScanOutcome,
        metrics: Option<&dyn MetricsSink>,
        now: Timestamp,
        took: impl FnOnce() -> SignedDuration,
    ) -> Result<(), StateError> {
        let settings = &self.settings;
        let (changer, shelf) = (LiveChanger::of(self), self.shelf());
        let ports = self.enforce_ports(&changer, &shelf, metrics);
        let dry_run = !settings.respond.enforce;
        let options = EnforceOptions { run_id: outcome.run.clone(), now, dry_run, max_groups: None };
        let (inventory, evaluation) = &outcome.judged;
        let mut run = match extent {
            Extent::Whole | Extent::Some => Enforcement::begin(&settings.respond.terms, ports, options)?,
            Extent::Part => {
                let groups: Vec<GroupKey> = inventory.groups.iter().map(|group| group.key.clone()).collect();
                Enforcement::begin_part(&settings.respond.terms, ports, options, &groups)?
            }
        };
        let whole = extent == Extent::Whole;
        run.judge(&Batch { inventory, policies: &settings.policies, evaluation, selected: None, whole });
        let report = run.finish(&Tracking::new(&settings.documents), Some(took()));
        let new = report.failures.iter().filter(|why| !outcome.failures.contains(why)).cloned().collect::<Vec<_>>();
        outcome.failures.extend(new);
        let done = |group: &&GroupReport| {
            matches!(group.remediation, Some(Deed::Changed { .. } | Deed::AlreadyDone))
                && group.findings.iter().all(|finding| finding.stays.is_none())
        };
        outcome.right.extend(report.groups.iter().filter(done).map(|group| group.key.clone()));
        outcome.enforcement = Some(report);
        Ok(())
    }
}

impl Service {
    /// Does what is left once all parts of a run have done what the levels ask: digests, errors, groups that are gone.
    /// Answers what went wrong with that.
    pub(super) fn conclude(
        &self,
        run: &str,
        (inventory, evaluation): (&Inventory, &Evaluation),
        failures: &[String],
        now: Timestamp,
    ) -> Result<Vec<String>, StateError> {
        let settings = &self.settings;
        if settings.respond.order.is_some() {
            return Ok(Vec::new());
        }
        let (changer, shelf) = (LiveChanger::of(self), self.shelf());
        let dry_run = !settings.respond.enforce;
        let options = EnforceOptions { run_id: run.to_owned(), now, dry_run, max_groups: None };
        let enforcement =
            Enforcement::begin(&settings.respond.terms, self.enforce_ports(&changer, &shelf, None), options)?;
        let batch = Batch { inventory, policies: &settings.policies, evaluation, selected: None, whole: true };
        let report = enforcement.conclude(&batch, failures);
        Ok(report.failures.into_iter().filter(|why| !failures.contains(why)).collect())
    }

    fn enforce_ports<'a>(
        &'a self,
        remediator: &'a dyn Remediator,
        plans: &'a dyn PlanShelf,
        metrics: Option<&'a dyn MetricsSink>,
    ) -> EnforcePorts<'a> {
        let notifier = self.notifier.as_ref().map(|notifier| notifier as &dyn Notifier);
        EnforcePorts { state: &*self.state, remediator, plans, notifier, metrics, log: None }
    }
}

pub(super) fn failing(evaluation: &Evaluation) -> impl Iterator<Item = &Finding> {
    evaluation.findings.iter().filter(|finding| finding.status == Status::Fail)
}

/// What could not be read, in words.
pub(super) fn unread(evaluation: &Evaluation) -> Vec<String> {
    let rows = evaluation.coverage.iter().filter(|row| row.status.is_unread());
    rows.map(|row| {
        let why = row.error.as_deref().unwrap_or("it could not be read whole");
        format!("account {}, Region {}: {why}", row.account_id, row.region)
    })
    .collect()
}
