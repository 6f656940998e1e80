//! Telling a topic what became of each group of a run.

use jiff::Timestamp;
use portcullis_formats::backup::Purpose;
use portcullis_runtime::live::LiveNotifier;
use portcullis_runtime::notices::{Cause, GroupNote, Level, Message, Notifier as _};
use portcullis_runtime::{Done, Observer, Outcome, PortError, in_words};

/// Publishes a notice for each group that was changed, refused or failed.
pub(crate) struct Announcer<'a> {
    pub(crate) notifier: &'a LiveNotifier,
    /// Where backups are, as the user wrote it.
    pub(crate) backups: &'a str,
}

impl Observer for Announcer<'_> {
    fn group_done(&self, done: &Done<'_>) -> Result<(), PortError> {
        self.notifier.publish(&self.message(done).notice())
    }
}

impl Announcer<'_> {
    fn message(&self, done: &Done<'_>) -> Message {
        let changed = matches!(done.outcome, Outcome::Changed { .. });
        let verb = match done.run.purpose {
            Purpose::Apply => "apply",
            Purpose::Rollback => "rollback",
        };
        let mut lines = vec![format!("{verb} by {}, run {}: {}", done.run.caller, done.run.run_id, done.outcome)];
        if changed {
            lines.extend(done.changes.iter().map(in_words));
        }
        let undo = done.backup.filter(|_| changed).map(|backup| {
            let place = self.backups.trim_end_matches('/');
            format!("portcullis rollback {place}/{backup}")
        });
        let group = GroupNote {
            account_id: done.group.account_id.to_string(),
            region: done.group.region.to_string(),
            group_id: done.group.group_id.to_string(),
            group_name: done.name.to_owned(),
            vpc_id: done.before.map(|group| group.vpc_id.to_string()).unwrap_or_default(),
            done: lines,
            undo,
            ..GroupNote::default()
        };
        let errors = if changed { Vec::new() } else { vec![format!("{}: {}", group.group_id, done.outcome)] };
        Message {
            level: Level::Immediate,
            cause: if changed { Cause::Remediated } else { Cause::Errors },
            at: Timestamp::now(),
            groups: vec![group],
            errors,
            channels: Vec::new(),
        }
    }
}
