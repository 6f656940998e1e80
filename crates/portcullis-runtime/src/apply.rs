//! Carrying out a plan.

use portcullis_core::model::{GroupKey, Rule, SecurityGroup};
use portcullis_core::remediation::{Change, GroupPlan, Plan, fingerprint, remaining, simulate};
use portcullis_formats::backup::{Backup, Purpose};
use portcullis_formats::journal::Run;
use portcullis_formats::plan::identity;

use crate::change::{Decision, Job, carry_out, drift};
use crate::ports::Ports;
use crate::report::{Report, RunError, RunOptions};

/// Carries out a plan: for each group reads it again and compares, backs it up, changes it, verifies, records.
///
/// A group that changed since the plan is refused and the others go on. Running it again changes nothing; where an earlier
/// run was cut short it finishes what is left.
///
/// # Errors
/// Where the run cannot begin. Nothing was done then.
pub fn apply(plan: &Plan, ports: &Ports<'_>, options: &RunOptions) -> Result<Report, RunError> {
    let run = Run {
        run_id: options.run_id.clone(),
        purpose: Purpose::Apply,
        plan: identity(plan),
        caller: ports.store.caller()?,
    };
    let jobs: Vec<Planned<'_>> =
        plan.groups.iter().map(|planned| Planned { planned, allow_gap: options.allow_gap }).collect();
    let jobs: Vec<&dyn Job> = jobs.iter().map(|job| job as &dyn Job).collect();
    carry_out(&jobs, &run, options, ports)
}

struct Planned<'p> {
    planned: &'p GroupPlan,
    allow_gap: bool,
}

impl Job for Planned<'_> {
    fn key(&self) -> &GroupKey {
        self.planned.key()
    }

    fn name(&self) -> &str {
        &self.planned.group.name
    }

    fn decide(&self, now: &SecurityGroup, begun: Option<&Backup>) -> Decision {
        let planned = self.planned;
        if is_done(planned, now) {
            return Decision::Done;
        }
        let Some((changes, resumed)) = left_to_do(planned, now, begun) else {
            let what = drift(&planned.group, now).map(|what| format!(" ({what})")).unwrap_or_default();
            return Decision::Refuse(format!(
                "it changed since the plan was made{what}: make the plan anew; if a run of this plan was interrupted, \
                 give the `--backup` folder of that run"
            ));
        };
        if planned.needs_gap && !self.allow_gap {
            return Decision::Refuse(
                "the quota of rules leaves no room to authorise before revoking: `--allow-gap` lets it revoke first"
                    .to_owned(),
            );
        }
        let changes = if planned.needs_gap { revoking_first(changes) } else { changes };
        Decision::Change { changes, planned_on: planned.fingerprint.clone(), resumed }
    }
}

/// What a plan would make of a group as it is, with nothing known of earlier runs. `None` where it would leave it.
pub(crate) fn outcome(planned: &GroupPlan, now: &SecurityGroup) -> Option<SecurityGroup> {
    simulate(now, &left_to_do(planned, now, None)?.0).ok()
}

/// Whether the group is what the plan makes of it, apart from what the plan does not touch.
fn is_done(planned: &GroupPlan, now: &SecurityGroup) -> bool {
    let Ok(end) = simulate(&planned.group, &planned.changes) else { return false };
    let has_tag = |change: &Change| match change {
        Change::Tag { key, after, .. } => now.tag(key) == after.as_deref(),
        _ => true,
    };
    fingerprint(now) == fingerprint(&end) && planned.changes.iter().all(has_tag)
}

/// The changes that lead from the group as it is to what was planned: all of them on a group that is as planned on, the
/// rest of them on one that an earlier run left half changed, and whether it is such a one.
fn left_to_do(planned: &GroupPlan, now: &SecurityGroup, begun: Option<&Backup>) -> Option<(Vec<Change>, bool)> {
    let changes = on_current_rules(&planned.changes, now);
    if fingerprint(now) == planned.fingerprint && simulate(now, &changes).is_ok() {
        return Some((changes, false));
    }
    let is_the_start = |backup: &&Backup| !backup.resumed && fingerprint(&backup.group) == planned.fingerprint;
    let before = begun.filter(is_the_start)?;
    Some((remaining(&before.group, now, &changes)?, true))
}

/// The changes with the ids and tags that rules have now: both may differ from those of the plan's source.
fn on_current_rules(changes: &[Change], now: &SecurityGroup) -> Vec<Change> {
    let current = |rule: &Rule| now.rules.iter().find(|own| own.identity() == rule.identity()).cloned();
    let change = |change: &Change| {
        let Some(own) = change.before().and_then(current) else { return change.clone() };
        match change {
            Change::Revoke(_) => Change::Revoke(own),
            Change::Modify { after, .. } => {
                Change::Modify { after: Rule { id: own.id.clone(), ..after.clone() }, before: own }
            }
            Change::Describe { after, .. } => {
                Change::Describe { after: Rule { id: own.id.clone(), ..after.clone() }, before: own }
            }
            Change::Authorize(_) | Change::Tag { .. } => change.clone(),
        }
    };
    changes.iter().map(change).collect()
}

/// The order that needs no room: what goes goes first.
pub(crate) fn revoking_first(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by_key(|change| match change {
        Change::Revoke(_) => 0,
        Change::Modify { .. } => 1,
        Change::Authorize(_) => 2,
        Change::Describe { .. } => 3,
        Change::Tag { .. } => 4,
    });
    changes
}
