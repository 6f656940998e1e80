//! Plans carried out as `apply` does it.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use portcullis_core::model::GroupKey;
use portcullis_core::remediation::Plan;

use super::Service;
use crate::enforce::{Deed, Remediator, deeds};
use crate::ports::{Clock, Holder, NoObserver, PortError, Ports, RuleStore as _, SystemClock};
use crate::report::{Outcome, Report, RunError, RunOptions, new_run_id};
use crate::respond::Changer;

/// How often the lock is asked for that another run has, and the pause between.
const LOCKED: (usize, Duration) = (20, Duration::from_millis(500));
/// How many groups are changed at once.
const CONCURRENCY: usize = 4;

/// Nobody stops a change in the middle.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Changes groups of any account and Region.
pub(super) struct LiveChanger<'a> {
    pub(super) service: &'a Service,
}

/// A clock that stands, so that the names of backups are known before they are taken.
struct Standing(Option<Timestamp>);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0.unwrap_or_else(|| SystemClock.now())
    }
}

impl LiveChanger<'_> {
    fn run(&self, plan: &Plan, options: &RunOptions, at: Option<Timestamp>) -> Result<Report, RunError> {
        let Service { stores, rules, handle, .. } = self.service;
        stores.prepare()?;
        let who = format!("{}, process {}", rules.caller()?, std::process::id());
        let holder = Holder { who, run_id: options.run_id.clone(), since: SystemClock.now(), until: None };
        let mut tries = LOCKED.0;
        let lease = loop {
            match stores.lock.take(&holder) {
                Err(crate::ports::LockError::Held { .. }) if tries > 0 => {
                    tries -= 1;
                    handle.block_on(async { tokio::time::sleep(LOCKED.1).await });
                }
                taken => break taken?,
            }
        };
        let ports = Ports {
            store: rules,
            backups: &*stores.backups,
            journal: &*stores.journal,
            clock: &Standing(at),
            observer: &NoObserver,
            lease: &*lease,
            // What was decided is finished: whoever is told to stop does not begin the next thing.
            interrupt: &NEVER,
        };
        crate::apply(plan, &ports, options)
    }

    fn options(&self, run_id: &str) -> RunOptions {
        RunOptions {
            run_id: run_id.to_owned(),
            tool_version: self.service.settings.tool_version.clone(),
            concurrency: CONCURRENCY,
            ..RunOptions::default()
        }
    }
}

impl Changer for LiveChanger<'_> {
    fn carry_out(
        &self,
        plan: &Plan,
        run_id: &str,
        at: Option<Timestamp>,
    ) -> Result<Vec<(GroupKey, Outcome)>, PortError> {
        let report = self.run(plan, &self.options(run_id), at).map_err(|error| PortError(error.to_string()))?;
        Ok(report.groups.into_iter().map(|group| (group.group, group.outcome)).collect())
    }

    fn backup_place(&self, key: &str) -> String {
        format!("{}/{key}", self.service.settings.places.backup.trim_end_matches('/'))
    }
}

/// The same for what levels ask after a scan.
impl Remediator for LiveChanger<'_> {
    fn carry_out(&self, plan: &Plan) -> Result<Vec<(GroupKey, Deed)>, PortError> {
        let report =
            self.run(plan, &self.options(&new_run_id()), None).map_err(|error| PortError(error.to_string()))?;
        Ok(deeds(report, |key| self.backup_place(key)))
    }
}
