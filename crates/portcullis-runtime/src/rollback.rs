//! Putting back what stood before.

mod select;

use std::collections::BTreeSet;

use portcullis_core::model::{GroupKey, SecurityGroup};
use portcullis_core::remediation::{difference, fingerprint, simulate};
use portcullis_formats::backup::{Backup, Purpose};
use portcullis_formats::journal::Run;

use crate::apply::revoking_first;
use crate::change::{Decision, Job, carry_out};
use crate::ports::{Ports, RuleStore};
use crate::report::{Report, RunError, RunOptions};
pub use select::{FoundBackup, Selected, select};

/// Puts back what the backups hold: rules, their descriptions and tags, and the groups' tags, exactly. Where the store
/// gives rules their ids, those of rules that come back are new.
///
/// Which backup of a group counts is for [`select`] to say. The state before is itself backed up, so that a rollback
/// can be taken back. Running it again changes nothing; where an earlier run was cut short it finishes what is left.
///
/// # Errors
/// Where the run cannot begin. Nothing was done then.
pub fn rollback(selected: &Selected, ports: &Ports<'_>, options: &RunOptions) -> Result<Report, RunError> {
    let Selected { chosen, passed_over } = selected;
    let run = Run {
        run_id: options.run_id.clone(),
        purpose: Purpose::Rollback,
        plan: name_of(chosen),
        caller: ports.store.caller()?,
    };
    let (store, allow_gap) = (ports.store, options.allow_gap);
    let jobs: Vec<Restored<'_>> =
        chosen.iter().map(|found| Restored { backup: &found.backup, store, allow_gap }).collect();
    let jobs: Vec<&dyn Job> = jobs.iter().map(|job| job as &dyn Job).collect();
    let report = carry_out(&jobs, &run, options, ports)?;
    Ok(Report { passed_over: passed_over.clone(), ..report })
}

/// A name for putting back these backups: the same whenever it is done.
fn name_of(chosen: &[FoundBackup]) -> String {
    use sha2::{Digest as _, Sha256};
    let keys: BTreeSet<String> = chosen.iter().map(|found| found.backup.key()).collect();
    let mut hash = Sha256::new();
    for key in keys {
        hash.update(key.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a backup would make of a group as it is.
pub(crate) fn outcome(backup: &Backup, now: &SecurityGroup) -> Option<SecurityGroup> {
    simulate(now, &difference(now, &backup.group)).ok()
}

struct Restored<'b> {
    backup: &'b Backup,
    store: &'b dyn RuleStore,
    allow_gap: bool,
}

impl Job for Restored<'_> {
    fn key(&self) -> &GroupKey {
        self.backup.group_key()
    }

    fn name(&self) -> &str {
        &self.backup.group.name
    }

    fn decide(&self, now: &SecurityGroup, _: Option<&Backup>) -> Decision {
        let changes = difference(now, &self.backup.group);
        if changes.is_empty() {
            return Decision::Done;
        }
        let gap = self.store.needs_gap(now, &changes);
        if gap && !self.allow_gap {
            return Decision::Refuse(
                "the quota of rules leaves no room to authorise before revoking: `--allow-gap` lets it revoke first"
                    .to_owned(),
            );
        }
        let changes = if gap { revoking_first(changes) } else { changes };
        Decision::Change { changes, planned_on: fingerprint(now), resumed: false }
    }
}
