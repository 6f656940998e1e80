//! Carrying a plan out.

use portcullis_core::model::{GroupKey, SecurityGroup};
use portcullis_core::remediation::{Change, GroupPlan, Plan, remaining};
use portcullis_formats::backup::Purpose;
use portcullis_formats::plan;

use crate::journal::Step;
use crate::ports::Ports;
use crate::run::{GroupOutcome, Options, Outcome, Report, Run, RunError};

/// Carries a plan out, group by group; what one group fails at does not keep the others from going on.
///
/// A group that changed since the plan is refused. One that is already as planned is left alone, and one that an earlier
/// run left half done is finished, so that running a plan again is always right.
///
/// # Errors
/// Where more groups would change than are allowed, before anything was done, and where what was done could not be kept.
pub fn apply(plan: &Plan, ports: &mut Ports<'_>, options: Options, tool_version: &str) -> Result<Report, RunError> {
    let mut run = Run::new(ports, Purpose::Apply, plan::identity(plan), tool_version);
    let states: Vec<State> = plan.groups.iter().map(|planned| state(&mut run, planned, options)).collect();
    let would = states.iter().filter(|state| matches!(state, State::Open(..))).count();
    if let Some(allowed) = options.max_groups.filter(|allowed| would > *allowed) {
        return Err(RunError::TooManyGroups { would, allowed });
    }
    let mut report = Report::default();
    for (planned, state) in plan.groups.iter().zip(states) {
        let outcome = match state {
            State::Open(..) if options.dry_run => Outcome::WouldChange,
            State::Open(now, changes) => run.change(&now, &changes, &planned.fingerprint),
            State::Closed(outcome) => {
                if let Outcome::Refused(why) | Outcome::Failed(why) = &outcome
                    && !options.dry_run
                {
                    let _ = run.note(&planned.group, Step::Refused, Some(why));
                }
                outcome
            }
        };
        let key: GroupKey = planned.key().clone();
        report.groups.push(GroupOutcome { key, outcome });
    }
    if !options.dry_run {
        run.ports.rules.commit().map_err(RunError::Commit)?;
    }
    Ok(report)
}

/// What is to be done with a group.
enum State {
    /// These changes, from this state.
    Open(Box<SecurityGroup>, Vec<Change>),
    /// Nothing.
    Closed(Outcome),
}

/// Reads the group afresh and compares it with the plan.
fn state(run: &mut Run<'_, '_>, planned: &GroupPlan, options: Options) -> State {
    let now = match run.ports.rules.read(planned.key()) {
        Ok(now) => now,
        Err(error) => return State::Closed(Outcome::Failed(error.0)),
    };
    // Of a group as planned on, everything remains; of one that an interrupted run left, the rest.
    let Some(changes) = remaining(&planned.group, &now, &planned.changes) else {
        let why = "it changed since the plan was made: make the plan anew";
        return State::Closed(Outcome::Refused(why.to_owned()));
    };
    if changes.is_empty() {
        return State::Closed(Outcome::AlreadyDone);
    }
    if planned.needs_gap && !options.allow_gap {
        let why = "the quota leaves no room to authorise before revoking: `--allow-gap` lets it revoke first";
        return State::Closed(Outcome::Refused(why.to_owned()));
    }
    State::Open(Box::new(now), ordered(changes, planned.needs_gap))
}

/// Authorisations first; where the quota leaves no room and the user allows it, revocations.
fn ordered(mut changes: Vec<Change>, gap: bool) -> Vec<Change> {
    if gap {
        changes.sort_by_key(|change| !matches!(change, Change::Revoke(_)));
    }
    changes
}
