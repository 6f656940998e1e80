//! The order of one group's change, which `apply` and `rollback` share: read, back up, change, verify, note.

use std::collections::BTreeSet;

use portcullis_core::model::{GroupKey, SecurityGroup};
use portcullis_core::remediation::{Change, simulate};
use portcullis_formats::backup::{Backup, Purpose};
use sha2::{Digest, Sha256};

use crate::journal::{Step, Subject};
use crate::ports::{PortError, Ports};

/// What became of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was changed; the backup is here.
    Changed(String),
    /// It would be changed.
    WouldChange,
    /// It is already as it should be.
    AlreadyDone,
    /// It was left as it is, for this reason.
    Refused(String),
    /// A step failed, and this is where it stands.
    Failed(String),
}

/// A group and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOutcome {
    /// The group.
    pub key: GroupKey,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of all groups of a run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Each group.
    pub groups: Vec<GroupOutcome>,
}

impl Report {
    /// Whether every group is as it should be, or would be.
    pub fn is_complete(&self) -> bool {
        !self.groups.iter().any(|group| matches!(group.outcome, Outcome::Refused(_) | Outcome::Failed(_)))
    }

    /// How many groups were changed, or would be.
    pub fn changed(&self) -> usize {
        let changed = |group: &&GroupOutcome| matches!(group.outcome, Outcome::Changed(_) | Outcome::WouldChange);
        self.groups.iter().filter(changed).count()
    }
}

/// Why a run did not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// More groups would change than the user allows.
    #[error("{would} groups would change, and `--max-groups` allows {allowed}: nothing was done")]
    TooManyGroups {
        /// How many would.
        would: usize,
        /// How many may.
        allowed: usize,
    },
    /// What was changed could not be kept.
    #[error("the changes could not be kept: {0}")]
    Commit(PortError),
}

/// How a run goes about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Nothing is done if more groups would change.
    pub max_groups: Option<usize>,
    /// Where the quota leaves no room, revoke before authorising.
    pub allow_gap: bool,
    /// Say what would be done and do nothing.
    pub dry_run: bool,
}

/// One run.
pub(crate) struct Run<'a, 'p> {
    pub(crate) ports: &'a mut Ports<'p>,
    purpose: Purpose,
    /// A name for what the run does, the same whenever it is run again.
    plan: String,
    pub(crate) run_id: String,
    pub(crate) caller: String,
    pub(crate) tool_version: &'a str,
}

impl<'a, 'p> Run<'a, 'p> {
    pub(crate) fn new(ports: &'a mut Ports<'p>, purpose: Purpose, plan: String, tool_version: &'a str) -> Self {
        let caller = ports.rules.caller();
        // Unique enough that two runs at one moment do not share a backup's name; the name is never overwritten anyway.
        let seed = format!("{plan} {caller} {} {}", ports.clock.now(), std::process::id());
        let run_id = Sha256::digest(seed.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self { ports, purpose, plan, run_id, caller, tool_version }
    }

    /// Leads one group from how it is to how it shall be. `planned_on` is the fingerprint that the whole change began from,
    /// which an earlier run may have left behind. Every step is noted; a step that fails ends the group's turn.
    pub(crate) fn change(&mut self, now: &SecurityGroup, changes: &[Change], planned_on: &str) -> Outcome {
        match self.steps(now, changes, planned_on) {
            Ok(place) => Outcome::Changed(place),
            Err(error) => {
                let _ = self.note(now, Step::Failed, Some(&error.0));
                Outcome::Failed(error.0)
            }
        }
    }

    fn steps(&mut self, now: &SecurityGroup, changes: &[Change], planned_on: &str) -> Result<String, PortError> {
        let wanted = simulate(now, changes).map_err(|error| PortError(error.to_string()))?;
        self.note(now, Step::Read, None)?;
        let place = self.back_up(now, changes, planned_on)?;
        self.note(now, Step::BackedUp, Some(&place))?;
        self.ports.rules.change(&now.key, changes)?;
        let time = self.ports.clock.now();
        let subject = subject(&self.run_id, action(self.purpose), &self.caller, now);
        self.ports.journal.note(&subject.audit(time, changes))?;
        let after = self.ports.rules.read(&now.key)?;
        if !same_rules_and_tags(&after, &wanted) {
            return Err(PortError(format!(
                "the group is not what was planned after the change; the backup is {place}"
            )));
        }
        self.note(now, Step::Verified, None)?;
        Ok(place)
    }

    /// Writes the backup, reads it back and compares. A change whose backup is not whole does not happen.
    fn back_up(&mut self, now: &SecurityGroup, changes: &[Change], planned_on: &str) -> Result<String, PortError> {
        let content = Backup {
            taken_at: self.ports.clock.now(),
            run_id: self.run_id.clone(),
            caller: self.caller.clone(),
            tool_version: self.tool_version.to_owned(),
            purpose: self.purpose,
            plan: self.plan.clone(),
            planned_on: planned_on.to_owned(),
            group: now.clone(),
            changes: changes.to_vec(),
        };
        let key = content.key();
        let mut bytes = Vec::new();
        content.write(&mut bytes).map_err(|error| PortError(error.to_string()))?;
        self.ports.backups.write_new(&key, &bytes)?;
        let read = self.ports.backups.read(&key)?;
        let place = self.ports.backups.place(&key);
        let whole = read == bytes && Backup::read(&read).is_ok_and(|back| same_rules_and_tags(&back.group, now));
        if whole {
            Ok(place)
        } else {
            Err(PortError(format!("the backup {place} does not read back as it was written")))
        }
    }

    /// Notes a step of a group.
    pub(crate) fn note(&mut self, group: &SecurityGroup, step: Step, detail: Option<&str>) -> Result<(), PortError> {
        let time = self.ports.clock.now();
        let subject = subject(&self.run_id, action(self.purpose), &self.caller, group);
        self.ports.journal.note(&subject.entry(time, step, detail))
    }
}

const fn action(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Apply => "apply",
        Purpose::Rollback => "rollback",
    }
}

fn subject<'s>(run_id: &'s str, action: &'s str, caller: &'s str, group: &'s SecurityGroup) -> Subject<'s> {
    Subject { run_id, action, caller, key: &group.key, group_name: &group.name }
}

/// Whether two states of a group have the same rules with the same descriptions, and the same tags. Rule ids are left out:
/// they are AWS's to give.
pub(crate) fn same_rules_and_tags(a: &SecurityGroup, b: &SecurityGroup) -> bool {
    let rules = |group: &'_ SecurityGroup| -> BTreeSet<String> {
        group.rules.iter().map(|rule| format!("{rule} {:?} {:?}", rule.description, rule.tags)).collect()
    };
    let tags = |group: &SecurityGroup| group.tags.iter().cloned().collect::<BTreeSet<_>>();
    rules(a) == rules(b) && tags(a) == tags(b)
}
