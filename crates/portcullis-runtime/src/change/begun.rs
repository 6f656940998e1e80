//! What earlier runs of a plan began and did not finish, as their journals tell it.

use std::collections::BTreeMap;

use portcullis_core::model::GroupKey;
use portcullis_formats::journal;

/// The groups that were begun and not closed.
#[derive(Debug, Default)]
pub(super) struct Begun {
    groups: BTreeMap<GroupKey, Traces>,
}

/// What was left of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Traces {
    /// The key of the first backup: what stood before the plan, wherever a second run that was cut short too began.
    pub(super) first: String,
    /// The key of the last one.
    pub(super) last: String,
    /// Whether an audit record says what was changed since the last one.
    pub(super) audited: bool,
    /// Whether the whole change was made, seen and recorded, so that only the end of it is due.
    pub(super) changed: bool,
}

impl Begun {
    /// From what a journal holds. Lines of other plans count for nothing.
    pub(super) fn of(plan: &str, past: &[u8]) -> Self {
        let mut begun = Self::default();
        for past in journal::read(past).steps.into_iter().filter(|past| past.plan == plan) {
            begun.take(past);
        }
        begun
    }

    fn take(&mut self, past: journal::PastStep) {
        let group = past.group;
        match (past.step.as_str(), past.backup) {
            ("changing", Some(backup)) => {
                let first = self.groups.remove(&group).map_or_else(|| backup.clone(), |traces| traces.first);
                self.groups.insert(group, Traces { first, last: backup, audited: false, changed: false });
            }
            ("changed-in-part", _) => {
                if let Some(traces) = self.groups.get_mut(&group) {
                    traces.audited = true;
                }
            }
            ("changed", _) => {
                if let Some(traces) = self.groups.get_mut(&group) {
                    (traces.audited, traces.changed) = (true, true);
                }
            }
            ("closed", _) => _ = self.groups.remove(&group),
            _ => {}
        }
    }

    pub(super) fn get(&self, group: &GroupKey) -> Option<&Traces> {
        self.groups.get(group)
    }
}
