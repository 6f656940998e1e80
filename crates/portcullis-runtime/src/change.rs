//! Changing groups, whatever for: read, back up, change, verify, record, in this order for each group.

mod begun;
mod group;
mod words;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use portcullis_core::model::{GroupKey, SecurityGroup};
use portcullis_core::remediation::Change;
use portcullis_formats::backup::Backup;
use portcullis_formats::journal::{self, Run, Step};

use crate::ports::{Holder, Lease, NoLease, Place, PortError, Ports};
use crate::report::{GroupReport, Outcome, Report, RunError, RunOptions};
use begun::Begun;
pub use words::in_words;
pub(crate) use words::{drift, unlike};

/// What is to become of a group, seen as it is now.
pub(crate) enum Decision {
    /// It is there already.
    Done,
    /// It must not be touched, and why.
    Refuse(String),
    /// These changes lead there.
    Change {
        /// In the order in which they are made.
        changes: Vec<Change>,
        /// The fingerprint that they were planned on.
        planned_on: String,
        /// Whether the group stands half changed.
        resumed: bool,
    },
}

/// One group of a run.
pub(crate) trait Job: Sync {
    /// Which.
    fn key(&self) -> &GroupKey;

    /// Its name for people.
    fn name(&self) -> &str;

    /// What is to become of it. `begun` is the backup of an earlier run of the same plan that began to change it and did
    /// not come to an end.
    fn decide(&self, now: &SecurityGroup, begun: Option<&Backup>) -> Decision;
}

/// One run over its groups. Workers share it.
struct Runner<'r> {
    run: &'r Run,
    options: &'r RunOptions,
    ports: Ports<'r>,
    /// That this run alone is at work.
    lease: &'r dyn Lease,
    /// What earlier runs began to change and did not finish.
    begun: Begun,
    /// Whether the lock was lost.
    lost: AtomicBool,
    told: Mutex<Told>,
}

/// What a run has to say beside what became of its groups.
#[derive(Default)]
struct Told {
    /// Why it stopped before its end.
    stopped: Option<String>,
    remarks: Vec<String>,
    unsent: Vec<String>,
}

/// Carries out the jobs, alone at work on their groups. Nothing was done where it fails; what fails later is told for each
/// group.
pub(crate) fn carry_out(
    jobs: &[&dyn Job],
    run: &Run,
    options: &RunOptions,
    ports: &Ports<'_>,
) -> Result<Report, RunError> {
    let lease = lease(jobs, run, options, ports)?;
    // Read under the lock: what another run is about to record says nothing yet.
    let begun = Begun::of(&run.plan, &ports.journal.past(&run.plan)?);
    let (lease, lost, told) = (lease.as_ref(), AtomicBool::new(false), Mutex::default());
    let runner = Runner { run, options, ports: *ports, lease, begun, lost, told };
    // Which groups of a plan would really change takes a look at each; a plan of few groups need not be counted.
    let at_risk = options.max_groups.filter(|most| jobs.len() > *most);
    if options.dry_run || at_risk.is_some() {
        let foretold = runner.foretell(jobs);
        // What could not be read may change once it can.
        let may_change = |outcome: &&Outcome| matches!(outcome, Outcome::WouldChange { .. } | Outcome::Failed { .. });
        let groups = foretold.iter().filter(may_change).count();
        if let Some(most) = at_risk.filter(|most| groups > *most) {
            return Err(RunError::TooManyGroups { groups, most });
        }
        if options.dry_run {
            return Ok(runner.report(jobs, foretold));
        }
        if foretold.contains(&Outcome::NotReached) {
            return Ok(runner.report(jobs, vec![Outcome::NotReached; jobs.len()]));
        }
    }
    runner.record(&Step::Started(jobs.len()))?;
    let outcomes = runner.work(jobs);
    runner.end(&outcomes);
    Ok(runner.report(jobs, outcomes))
}

/// The lock of a run. What changes nothing takes none.
fn lease<'p>(
    jobs: &[&dyn Job],
    run: &Run,
    options: &RunOptions,
    ports: &Ports<'p>,
) -> Result<Box<dyn Lease + 'p>, RunError> {
    if options.dry_run {
        return Ok(Box::new(NoLease));
    }
    let who = format!("{}, process {}", run.caller, std::process::id());
    let holder = Holder { who, run_id: run.run_id.clone(), since: ports.clock.now(), until: None };
    Ok(ports.lock.take(&holder, Place::of_all(jobs.iter().map(|job| job.key())).as_ref())?)
}

impl Runner<'_> {
    fn record(&self, step: &Step<'_>) -> Result<(), PortError> {
        let at = self.ports.clock.now();
        let mut line = Vec::new();
        journal::write(self.run, at, step, &mut line).map_err(|error| PortError(error.to_string()))?;
        self.ports.journal.record(self.run, at, &line)
    }

    /// Records what the run can do without.
    fn note(&self, step: &Step<'_>) {
        if let Err(error) = self.record(step) {
            self.remark(&error);
        }
    }

    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        tell(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn remark(&self, error: &PortError) {
        let remark = format!("the journal is not complete: {error}");
        self.tell(|told| {
            if !told.remarks.contains(&remark) {
                told.remarks.push(remark);
            }
        });
    }

    fn stop(&self, why: String) {
        self.tell(|told| _ = told.stopped.get_or_insert(why));
    }

    /// Whether the next group may be begun.
    fn may_go_on(&self) -> bool {
        if self.ports.interrupt.load(Ordering::Relaxed) {
            self.stop("it was interrupted".to_owned());
            return false;
        }
        self.is_alone()
    }

    /// Whether this run is still the only one.
    fn is_alone(&self) -> bool {
        // A lock that was lost once is not trusted again: somebody may have been at work in between.
        if !self.lost.load(Ordering::SeqCst)
            && let Err(error) = self.lease.renew()
        {
            self.lost.store(true, Ordering::SeqCst);
            self.stop(format!("it may not be the only run any more: {error}"));
        }
        !self.lost.load(Ordering::SeqCst)
    }

    fn workers(&self, jobs: usize) -> usize {
        if self.ports.store.batches() { 1 } else { self.options.concurrency.clamp(1, jobs.max(1)) }
    }

    /// What would become of each group.
    fn foretell(&self, jobs: &[&dyn Job]) -> Vec<Outcome> {
        self.share_out(jobs, |next| {
            let mut own = Vec::new();
            while let Some((place, job)) = next() {
                own.push((place, self.foretold(job)));
            }
            own
        })
    }

    /// Changes the groups.
    fn work(&self, jobs: &[&dyn Job]) -> Vec<Outcome> {
        self.share_out(jobs, |next| {
            let (mut own, mut waiting) = (Vec::new(), Vec::new());
            while let Some((place, job)) = next() {
                match self.prepare(place, job) {
                    Ok(prepared) => waiting.push(prepared),
                    Err(outcome) => own.push((place, outcome)),
                }
                if !self.ports.store.batches() || self.ports.store.is_due(waiting.len()) {
                    own.extend(self.change(std::mem::take(&mut waiting)));
                }
            }
            own.extend(self.change(waiting));
            own
        })
    }

    /// Lets the workers take job after job until there are none or the run must stop. What became of them comes in their
    /// order, whoever did them.
    fn share_out<'j, W>(&self, jobs: &[&'j dyn Job], worker: W) -> Vec<Outcome>
    where
        W: Fn(&mut dyn FnMut() -> Option<(usize, &'j dyn Job)>) -> Vec<(usize, Outcome)> + Sync,
    {
        let taken = AtomicUsize::new(0);
        let next = || {
            // Asked only while there is more to do: an interrupt after the last group stops nothing.
            if taken.load(Ordering::Relaxed) >= jobs.len() || !self.may_go_on() {
                return None;
            }
            let place = taken.fetch_add(1, Ordering::Relaxed);
            Some((place, *jobs.get(place)?))
        };
        let mut outcomes = vec![Outcome::NotReached; jobs.len()];
        let workers = self.workers(jobs.len());
        let done = if workers == 1 {
            worker(&mut || next())
        } else {
            thread::scope(|scope| {
                let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| worker(&mut || next()))).collect();
                // A panic is a defect; it goes on to the caller once the others have come to an end.
                let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
                let joined: Vec<_> = joined.collect();
                joined
                    .into_iter()
                    .flat_map(|own| own.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                    .collect()
            })
        };
        for (place, outcome) in done {
            if let Some(own) = outcomes.get_mut(place) {
                *own = outcome;
            }
        }
        outcomes
    }

    /// Closes the run. A store that has anything to write even where no group changed does so now.
    fn end(&self, outcomes: &[Outcome]) {
        if let Err(error) = self.ports.store.settle() {
            self.tell(|told| told.remarks.push(error.to_string()));
        }
        let count = |counts: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| counts(outcome)).count();
        self.note(&Step::Ended {
            changed: count(|outcome| matches!(outcome, Outcome::Changed { .. })),
            not_changed: count(|outcome| matches!(outcome, Outcome::Refused(_) | Outcome::Failed { .. })),
            not_reached: count(|outcome| *outcome == Outcome::NotReached),
        });
        if let Err(error) = self.ports.journal.sync() {
            self.remark(&error);
        }
    }

    fn report(self, jobs: &[&dyn Job], outcomes: Vec<Outcome>) -> Report {
        let group = |(job, outcome): (&&dyn Job, Outcome)| GroupReport {
            group: job.key().clone(),
            name: job.name().to_owned(),
            outcome,
        };
        let groups: Vec<GroupReport> = jobs.iter().zip(outcomes).map(group).collect();
        let Told { stopped, remarks, unsent } = self.told.into_inner().unwrap_or_else(PoisonError::into_inner);
        let run_id = self.run.run_id.clone();
        Report { run_id, groups, stopped, remarks, unsent, ..Report::default() }
    }
}
