//! Plans carried out as `apply` does it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use portcullis_core::model::GroupKey;
use portcullis_core::remediation::Plan;

use super::Service;
use crate::enforce::{Deed, Remediator, deeds};
use crate::live::Handle;
use crate::ports::{Clock, Holder, Lease, Lock, LockError, NoObserver, Place, PortError, Ports, SystemClock};
use crate::report::{Outcome, Report, RunError, RunOptions, new_run_id};
use crate::respond::Changer;

/// For how long a lock is waited for that another run has: some changes of one account and Region.
const WAITS: Duration = Duration::from_secs(120);
/// The pause before it is asked for again: the first one, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(4)];
/// How many groups are changed at once.
const CONCURRENCY: usize = 4;

/// Nobody stops a change in the middle.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Changes groups of any account and Region.
pub(super) struct LiveChanger<'a> {
    service: &'a Service,
    /// Set from outside, it ends the waiting for others.
    interrupt: &'a AtomicBool,
}

/// A clock that stands, so that the names of backups are known before they are taken.
struct Standing(Option<Timestamp>);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0.unwrap_or_else(|| SystemClock.now())
    }
}

/// A lock that is waited for.
struct Patient<'a> {
    lock: &'a dyn Lock,
    handle: &'a Handle,
    interrupt: &'a AtomicBool,
}

impl Lock for Patient<'_> {
    fn take(&self, holder: &Holder, place: Option<&Place>) -> Result<Box<dyn Lease + '_>, LockError> {
        let ([mut pause, longest], mut waited) = (PAUSES, Duration::ZERO);
        loop {
            match self.lock.take(holder, place) {
                Err(LockError::Held { .. }) if waited < WAITS && !self.interrupt.load(Ordering::Relaxed) => {
                    waited += pause;
                    self.handle.block_on(async { tokio::time::sleep(pause).await });
                    pause = (pause * 2).min(longest);
                }
                taken => return taken,
            }
        }
    }
}

impl<'a> LiveChanger<'a> {
    /// With this service. Whoever sets `interrupt` waits for no lock any more.
    pub(super) fn new(service: &'a Service, interrupt: &'a AtomicBool) -> Self {
        Self { service, interrupt }
    }

    /// With this service, for who has all the time that a lock takes.
    pub(super) fn of(service: &'a Service) -> Self {
        Self::new(service, &NEVER)
    }

    fn run(&self, plan: &Plan, options: &RunOptions, at: Option<Timestamp>) -> Result<Report, RunError> {
        let Service { stores, rules, handle, .. } = self.service;
        stores.prepare()?;
        let report = crate::apply(
            plan,
            &Ports {
                store: rules,
                backups: &*stores.backups,
                journal: &*stores.journal,
                clock: &Standing(at),
                observer: &NoObserver,
                lock: &Patient { lock: &*stores.lock, handle, interrupt: self.interrupt },
                // What was decided is finished: whoever is told to stop does not begin the next thing.
                interrupt: &NEVER,
            },
            options,
        );
        // Nobody here asks what was strange; what is not taken is kept for ever.
        drop(rules.remarks());
        report
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::ports::NoLease;

    /// A lock that another run has for so many looks.
    #[derive(Default)]
    struct Busy {
        looks: AtomicUsize,
        gone_after: usize,
    }

    impl Lock for Busy {
        fn take(&self, _: &Holder, place: Option<&Place>) -> Result<Box<dyn Lease + '_>, LockError> {
            if self.looks.fetch_add(1, Ordering::Relaxed) >= self.gone_after {
                return Ok(Box::new(NoLease));
            }
            Err(LockError::Held { what: format!("{place:?}"), holder: None })
        }
    }

    /// Whether the lock was had in the end, and after how many looks.
    fn taken(gone_after: usize, interrupted: bool) -> (bool, usize) {
        let (busy, interrupt) = (Busy { gone_after, ..Busy::default() }, AtomicBool::new(interrupted));
        let patient = Patient { lock: &busy, handle: &Handle::paused(), interrupt: &interrupt };
        let holder = Holder { who: "ada".into(), run_id: "r1".into(), since: Timestamp::UNIX_EPOCH, until: None };
        let had = patient.take(&holder, None).is_ok();
        (had, busy.looks.into_inner())
    }

    #[test]
    fn a_lock_is_waited_for_but_not_for_ever_and_not_by_who_must_stop() {
        assert_eq!(taken(0, true), (true, 1));
        assert_eq!(taken(20, false), (true, 21));
        let (had, looks) = taken(usize::MAX, false);
        assert!(!had && (30..60).contains(&looks), "{looks}");
        assert_eq!(taken(20, true), (false, 1));
    }
}
