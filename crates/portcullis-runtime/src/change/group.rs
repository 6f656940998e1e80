//! The steps of one group.

use portcullis_core::model::{GroupKey, SecurityGroup};
use portcullis_core::remediation::{Change, difference, simulate};
use portcullis_formats::backup::Backup;
use portcullis_formats::journal::Step;

use super::{Decision, Job, Runner, unlike};
use crate::ports::{Done, PortError};
use crate::report::{ChangeStep, Outcome};

/// A group that is backed up and waits to be changed.
pub(super) struct Prepared<'j> {
    place: usize,
    job: &'j dyn Job,
    now: SecurityGroup,
    then: SecurityGroup,
    changes: Vec<Change>,
    backup: String,
}

/// What a group's turn was about, for those who are told.
#[derive(Default)]
struct About<'a> {
    before: Option<&'a SecurityGroup>,
    changes: &'a [Change],
    backup: Option<&'a str>,
}

impl Runner<'_> {
    /// A dry run's answer.
    pub(super) fn foretold(&self, job: &dyn Job) -> Outcome {
        let now = match self.read(job.key()) {
            Ok(now) => now,
            Err(outcome) => return outcome,
        };
        match job.decide(&now, self.begun(job.key()).as_ref()) {
            Decision::Done => Outcome::AlreadyDone,
            Decision::Refuse(why) => Outcome::Refused(why),
            Decision::Change { changes, .. } => match simulate(&now, &changes) {
                Ok(_) => Outcome::WouldChange { calls: self.ports.store.calls(&now, &changes), changes: changes.len() },
                Err(error) => Outcome::Refused(error.to_string()),
            },
        }
    }

    /// Reads a group, compares it with the plan and backs it up, or says what became of it.
    pub(super) fn prepare<'j>(&self, place: usize, job: &'j dyn Job) -> Result<Prepared<'j>, Outcome> {
        let now = self.read(job.key()).map_err(|outcome| self.finish(job, outcome, &About::default()))?;
        let begun = self.begun(job.key());
        let (changes, planned_on, resumed) = match job.decide(&now, begun.as_ref()) {
            Decision::Change { changes, planned_on, resumed } => (changes, planned_on, resumed),
            Decision::Done => return Err(self.already_done(job, &now, begun)),
            Decision::Refuse(why) => return Err(self.finish(job, Outcome::Refused(why), &About::default())),
        };
        let prepared = self.backed_up(&now, changes.clone(), planned_on, resumed);
        let (then, backup) = prepared.map_err(|outcome| {
            self.finish(job, outcome, &About { before: Some(&now), changes: &changes, backup: None })
        })?;
        Ok(Prepared { place, job, now, then, changes, backup })
    }

    /// The group as it is now, or what became of it.
    fn read(&self, key: &GroupKey) -> Result<SecurityGroup, Outcome> {
        let failed = |error: PortError| Outcome::Failed {
            step: ChangeStep::Read,
            error: format!("{error}; it was not changed"),
        };
        let now = self.ports.store.read(key).map_err(failed)?;
        let now = now.ok_or_else(|| Outcome::Refused("the group does not exist any more".to_owned()))?;
        match &now.unreadable {
            Some(why) => Err(Outcome::Refused(format!("its rules cannot be read: {why}"))),
            None => Ok(now),
        }
    }

    /// The backup of the earlier run that began to change the group, if it can be read.
    fn begun(&self, key: &GroupKey) -> Option<Backup> {
        self.backup_of(key, &self.begun.get(key)?.first)
    }

    fn backup_of(&self, key: &GroupKey, backup: &str) -> Option<Backup> {
        let bytes = self.ports.backups.read(backup).ok()?;
        Backup::read(&bytes).ok().filter(|backup| backup.group_key() == key)
    }

    /// Backs up a group; gives what it will be, and the backup's key.
    fn backed_up(
        &self,
        now: &SecurityGroup,
        changes: Vec<Change>,
        planned_on: String,
        resumed: bool,
    ) -> Result<(SecurityGroup, String), Outcome> {
        let then = simulate(now, &changes).map_err(|error| Outcome::Refused(error.to_string()))?;
        let failed = |step: ChangeStep| {
            move |error: String| Outcome::Failed { step, error: format!("{error}; it was not changed") }
        };
        self.audit_what_was_left(now).map_err(|error| failed(ChangeStep::Journal)(error.to_string()))?;
        let backup = Backup {
            taken_at: self.ports.clock.now(),
            run_id: self.run.run_id.clone(),
            caller: self.run.caller.clone(),
            tool_version: self.options.tool_version.clone(),
            purpose: self.run.purpose,
            plan: self.run.plan.clone(),
            planned_on,
            resumed,
            group: SecurityGroup { line: 0, source: 0, ..now.clone() },
            changes,
        };
        let key = backup.key();
        self.back_up(&backup, &key).map_err(failed(ChangeStep::Backup))?;
        let step = Step::BackedUp { group: now, backup: &key };
        self.record(&step).map_err(|error| failed(ChangeStep::Journal)(error.to_string()))?;
        Ok((then, key))
    }

    /// Writes a backup, reads it back and compares.
    fn back_up(&self, backup: &Backup, key: &str) -> Result<(), String> {
        let mut bytes = Vec::new();
        backup.write(&mut bytes).map_err(|error| error.to_string())?;
        self.ports.backups.write_new(key, &bytes).map_err(|error| error.to_string())?;
        let read = self.ports.backups.read(key).map_err(|error| error.to_string())?;
        if read != bytes {
            return Err("the backup that was read back is not what was written".to_owned());
        }
        Backup::read(&read).map(drop).map_err(|error| format!("the backup that was read back cannot be used: {error}"))
    }

    /// What a run that was cut short had changed stands in no audit record yet.
    fn audit_what_was_left(&self, now: &SecurityGroup) -> Result<(), PortError> {
        let left = self.begun.get(&now.key).filter(|traces| !traces.audited);
        let Some(before) = left.and_then(|traces| self.backup_of(&now.key, &traces.last)) else { return Ok(()) };
        let changes = difference(&before.group, now);
        if changes.is_empty() {
            return Ok(());
        }
        self.record(&Step::ChangedInPart { group: &before.group, changes: &changes, resumed: true })
    }

    /// A group that is there already. Where an earlier run changed it and was cut short, its end is still due.
    fn already_done(&self, job: &dyn Job, now: &SecurityGroup, begun: Option<Backup>) -> Outcome {
        let Some(traces) = self.begun.get(job.key()) else { return Outcome::AlreadyDone };
        let (group, changes) = match &begun {
            Some(backup) => (&backup.group, backup.changes.as_slice()),
            None => (now, [].as_slice()),
        };
        if !traces.changed {
            let recorded = self.record(&Step::Changed { group, changes, resumed: true });
            if let Err(error) = recorded.and_then(|()| self.ports.journal.sync()) {
                return self.finish(job, audit_failed(&error), &About::default());
            }
        }
        let outcome = Outcome::Changed { changes: changes.len(), backup: traces.first.clone() };
        self.finish(job, outcome, &About { before: Some(group), changes, backup: Some(&traces.first) });
        Outcome::AlreadyDone
    }

    /// Changes the groups that wait, verifies and records.
    pub(super) fn change(&self, waiting: Vec<Prepared<'_>>) -> Vec<(usize, Outcome)> {
        if waiting.is_empty() {
            return Vec::new();
        }
        let mut results: Vec<Result<(), (ChangeStep, String)>> = match self.begin(&waiting) {
            Err(error) => {
                let failed = (ChangeStep::Journal, format!("{error}; it was not changed"));
                waiting.iter().map(|_| Err(failed.clone())).collect()
            }
            // What was not touched is closed by the next run, which finds it as it was.
            Ok(()) if !self.is_alone() => {
                return waiting.iter().map(|group| (group.place, Outcome::NotReached)).collect();
            }
            Ok(()) => waiting.iter().map(|group| self.make(group)).collect(),
        };
        if results.iter().any(Result::is_ok)
            && let Err(error) = self.ports.store.settle()
        {
            fail(&waiting, &mut results, |group| Err(self.after_failure(group, &error)));
        }
        fail(&waiting, &mut results, |group| self.verify(group));
        if results.iter().any(Result::is_ok)
            && let Err(error) = self.ports.journal.sync()
        {
            fail(&waiting, &mut results, |_| Err((ChangeStep::Audit, not_audited(&error))));
        }
        let ended = waiting.into_iter().zip(results).map(|(group, result)| {
            let outcome = match result {
                Ok(()) => Outcome::Changed { changes: group.changes.len(), backup: group.backup.clone() },
                Err((step, error)) => Outcome::Failed { step, error },
            };
            let about = About { before: Some(&group.now), changes: &group.changes, backup: Some(&group.backup) };
            (group.place, self.finish(group.job, outcome, &about))
        });
        ended.collect()
    }

    /// Backups and the record that the changes begin are safe before anything changes.
    fn begin(&self, waiting: &[Prepared<'_>]) -> Result<(), PortError> {
        self.ports.backups.sync()?;
        for group in waiting {
            self.record(&Step::Changing { group: &group.now, backup: &group.backup })?;
        }
        self.ports.journal.sync()
    }

    fn make(&self, group: &Prepared<'_>) -> Result<(), (ChangeStep, String)> {
        self.ports.store.change(&group.now, &group.changes).map_err(|error| self.after_failure(group, &error))
    }

    /// How a group stands whose change failed, as far as it can be told.
    fn after_failure(&self, group: &Prepared<'_>, error: &PortError) -> (ChangeStep, String) {
        let found = self.ports.store.read(&group.now.key).ok().flatten();
        let is_as_before = |found: &SecurityGroup| unlike(&group.now, found, &group.changes).is_none();
        if found.as_ref().is_some_and(is_as_before) {
            return (ChangeStep::Change, format!("{error}; it was not changed"));
        }
        if let Some(found) = &found {
            self.audit_part(group, found);
        }
        let backup = &group.backup;
        let state = format!("it may be changed in part: run this again to complete it; its backup is `{backup}`");
        (ChangeStep::Change, format!("{error}; {state}"))
    }

    /// The audit record of what was changed although the whole was not.
    fn audit_part(&self, group: &Prepared<'_>, found: &SecurityGroup) {
        let changes = difference(&group.now, found);
        if !changes.is_empty() {
            self.note(&Step::ChangedInPart { group: &group.now, changes: &changes, resumed: false });
        }
    }

    fn verify(&self, group: &Prepared<'_>) -> Result<(), (ChangeStep, String)> {
        let failed = |error: String| (ChangeStep::Verify, format!("{error}; its backup is `{}`", group.backup));
        let is_right = |after: &SecurityGroup| unlike(&group.then, after, &group.changes).is_none();
        let after = self.ports.store.read_changed(&group.now.key, &is_right).map_err(|error| {
            failed(format!("it was changed, and could not be read again to see whether all is as planned: {error}"))
        })?;
        let after = after.ok_or_else(|| failed("the group does not exist any more".to_owned()))?;
        if let Some(what) = unlike(&group.then, &after, &group.changes) {
            self.audit_part(group, &after);
            return Err(failed(format!("it was changed, but it is not what was planned: {what}")));
        }
        let step = Step::Changed { group: &group.now, changes: &group.changes, resumed: false };
        self.record(&step).map_err(|error| (ChangeStep::Audit, not_audited(&error)))
    }

    /// Tells what became of a group to those who want to know, then to the journal, which is the last to be told: a run
    /// that is killed in between is told again by the next one.
    fn finish(&self, job: &dyn Job, outcome: Outcome, about: &About<'_>) -> Outcome {
        let group = job.key();
        let About { before, changes, backup } = *about;
        let done = Done { run: self.run, group, name: job.name(), outcome: &outcome, before, changes, backup };
        if let Err(error) = self.ports.observer.group_done(&done) {
            let what = format!("what became of `{}` could not be passed on: {error}", group.group_id);
            self.tell(|told| told.unsent.push(what));
        }
        match &outcome {
            Outcome::Changed { .. } => self.note(&Step::Closed(group)),
            Outcome::Refused(reason) => self.note(&Step::Refused { group, reason }),
            Outcome::Failed { step, error } => self.note(&Step::Failed { group, step: step.as_str(), error }),
            Outcome::WouldChange { .. } | Outcome::AlreadyDone | Outcome::NotReached => {}
        }
        outcome
    }
}

/// Goes on with those that have not failed.
fn fail(
    waiting: &[Prepared<'_>],
    results: &mut [Result<(), (ChangeStep, String)>],
    go_on: impl Fn(&Prepared<'_>) -> Result<(), (ChangeStep, String)>,
) {
    for (group, result) in waiting.iter().zip(results).filter(|(_, result)| result.is_ok()) {
        *result = go_on(group);
    }
}

fn audit_failed(error: &PortError) -> Outcome {
    Outcome::Failed { step: ChangeStep::Audit, error: not_audited(error) }
}

fn not_audited(error: &PortError) -> String {
    format!("it was changed, and the journal does not say so: {error}; run this again to complete it")
}
