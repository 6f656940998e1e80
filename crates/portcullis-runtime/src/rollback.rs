//! Putting back what stood before.

use std::collections::BTreeMap;

use portcullis_core::model::GroupKey;
use portcullis_core::remediation::{difference, fingerprint};
use portcullis_formats::backup::{Backup, Purpose};

use crate::ports::Ports;
use crate::run::{GroupOutcome, Options, Outcome, Report, Run, RunError};

/// Restores the rules, descriptions and tags that backups hold. What stands now is backed up before.
///
/// Of several backups of one group the last change's counts: the newest, or, where that was taken by a run that finished an
/// interrupted one's work, the one that holds what the plan was made on.
///
/// # Errors
/// Where more groups would change than are allowed, before anything was done, and where what was done could not be kept.
pub fn rollback(
    backups: Vec<Backup>,
    ports: &mut Ports<'_>,
    options: Options,
    tool_version: &str,
) -> Result<Report, RunError> {
    let chosen = chosen(backups);
    let names: Vec<String> = chosen.iter().map(|(key, backup)| format!("{} {}", key.group_id, backup.run_id)).collect();
    let mut run = Run::new(ports, Purpose::Rollback, names.join(", "), tool_version);
    let mut turns = Vec::with_capacity(chosen.len());
    for (key, backup) in chosen {
        let now = run.ports.rules.read(&key);
        let changes = now.as_ref().map(|now| difference(now, &backup.group)).unwrap_or_default();
        turns.push((key, now, changes));
    }
    let would = turns.iter().filter(|(_, _, changes)| !changes.is_empty()).count();
    if let Some(allowed) = options.max_groups.filter(|allowed| would > *allowed) {
        return Err(RunError::TooManyGroups { would, allowed });
    }
    let mut report = Report::default();
    for (key, now, changes) in turns {
        let outcome = match now {
            Err(error) => Outcome::Failed(error.0),
            Ok(_) if changes.is_empty() => Outcome::AlreadyDone,
            Ok(_) if options.dry_run => Outcome::WouldChange,
            Ok(now) => run.change(&now, &changes, &fingerprint(&now)),
        };
        report.groups.push(GroupOutcome { key, outcome });
    }
    if !options.dry_run {
        run.ports.rules.commit().map_err(RunError::Commit)?;
    }
    Ok(report)
}

/// For each group the backup that holds what stood before its last change.
fn chosen(backups: Vec<Backup>) -> BTreeMap<GroupKey, Backup> {
    let mut of_groups: BTreeMap<GroupKey, Vec<Backup>> = BTreeMap::new();
    for backup in backups {
        of_groups.entry(backup.group.key.clone()).or_default().push(backup);
    }
    let choose = |(key, mut backups): (GroupKey, Vec<Backup>)| {
        // What a rollback kept lies beside what it put back: taken for the last change, it would undo the rollback when
        // that is run again. It counts only where it is all there is, which is how a rollback is itself taken back.
        if backups.iter().any(|backup| backup.purpose == Purpose::Apply) {
            backups.retain(|backup| backup.purpose == Purpose::Apply);
        }
        backups.sort_by_key(|backup| backup.taken_at);
        let last = backups.last()?.plan.clone();
        let start = backups.iter().rposition(|backup| backup.plan == last && backup.is_of_the_start());
        let place = start.unwrap_or(backups.len() - 1);
        Some((key, backups.swap_remove(place)))
    };
    of_groups.into_iter().filter_map(choose).collect()
}
