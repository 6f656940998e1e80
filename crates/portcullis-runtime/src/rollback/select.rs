//! Which backups count.

use std::collections::BTreeMap;

use portcullis_core::model::GroupKey;
use portcullis_formats::backup::{Backup, Purpose};

/// A backup and where it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundBackup {
    /// Where, for messages.
    pub origin: String,
    /// The backup.
    pub backup: Backup,
}

/// One backup for each group, and those that another one was preferred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected {
    /// In the order of accounts, Regions and groups.
    pub chosen: Vec<FoundBackup>,
    /// Where the others were found.
    pub passed_over: Vec<String>,
}

/// Chooses one backup for each group: the one that the last plan began from.
///
/// So a folder of many runs means the state before the last of them; an older state is reached by naming its file. Passed
/// over are what an interrupted run had left, and what rollbacks kept: else the second of two rollbacks of one folder
/// would take back the first. They count where a group has no other, which is how a rollback is itself taken back.
pub fn select(backups: Vec<FoundBackup>) -> Selected {
    let mut by_group: BTreeMap<GroupKey, Vec<FoundBackup>> = BTreeMap::new();
    for found in backups {
        by_group.entry(found.backup.group_key().clone()).or_default().push(found);
    }
    let mut selected = Selected::default();
    for mut found in by_group.into_values() {
        found.sort_by(|a, b| age(a).cmp(&age(b)));
        let Some(place) = start_of_the_last_plan(&found) else { continue };
        let chosen = found.swap_remove(place);
        // The same backup may be given twice, by its name and by its folder.
        let others = found.into_iter().filter(|other| chosen.backup != other.backup);
        selected.passed_over.extend(others.map(|other| other.origin));
        selected.chosen.push(chosen);
    }
    selected
}

fn age(found: &FoundBackup) -> (jiff::Timestamp, &str, &str) {
    (found.backup.taken_at, &found.backup.run_id, &found.origin)
}

/// The place of the backup that holds what stood before the last plan, among all of a group, the oldest first.
fn start_of_the_last_plan(found: &[FoundBackup]) -> Option<usize> {
    let of_a_plan = found.iter().any(|found| found.backup.purpose == Purpose::Apply);
    let counts = |found: &FoundBackup| !of_a_plan || found.backup.purpose == Purpose::Apply;
    let last = found.iter().rposition(counts)?;
    let plan = &found.get(last)?.backup.plan;
    // Where the run that began the plan kept its backups elsewhere, what the later one found is the best there is.
    let began = |found: &FoundBackup| counts(found) && found.backup.plan == *plan && !found.backup.resumed;
    found.iter().rposition(began).or(Some(last))
}
