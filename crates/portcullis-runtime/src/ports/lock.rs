//! One run at a time.

use std::fmt;

use jiff::Timestamp;
use portcullis_core::model::GroupKey;

use super::PortError;

/// An account and Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Twelve digits.
    pub account_id: String,
    /// Its name.
    pub region: String,
}

impl Place {
    /// Where a group is.
    pub fn of(key: &GroupKey) -> Self {
        Self { account_id: key.account_id.to_string(), region: key.region.to_string() }
    }

    /// Where all of these groups are; `None` where they are in several places, or there are none.
    pub fn of_all<'a>(keys: impl IntoIterator<Item = &'a GroupKey>) -> Option<Self> {
        let mut keys = keys.into_iter();
        let first = keys.next()?;
        let same = |key: &GroupKey| key.account_id == first.account_id && key.region == first.region;
        keys.all(same).then(|| Self::of(first))
    }
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// For people: a caller, a process, a machine.
    pub who: String,
    /// The run.
    pub run_id: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when, for a lock that its holder has to renew; `None` for one that ends with the process.
    pub until: Option<Timestamp>,
}

impl Holder {
    /// As a lock keeps it: a line each.
    pub fn to_text(&self) -> String {
        let Self { who, run_id, since, until } = self;
        let until = until.map(|until| until.to_string()).unwrap_or_default();
        let line = |text: &str| text.replace(['\n', '\r'], " ");
        format!("{}\n{}\n{since}\n{until}\n", line(who), line(run_id))
    }

    /// From what a lock keeps; `None` where that is something else, such as a text that is being written.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (who, run_id) = (lines.next()?.to_owned(), lines.next()?.to_owned());
        let since = lines.next()?.parse().ok()?;
        let until = match lines.next()? {
            "" => None,
            until => Some(until.parse().ok()?),
        };
        Some(Self { who, run_id, since, until })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, run {}, since {:.0}", self.who, self.run_id, self.since)
    }
}

/// Why a lock could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error("{}", held(what, holder.as_ref()))]
    Held {
        /// What is locked, for people.
        what: String,
        /// Who has it, where that can be told.
        holder: Option<Holder>,
    },
    /// The lock itself failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

fn held(what: &str, holder: Option<&Holder>) -> String {
    let who = holder.map(|holder| format!(" ({holder})")).unwrap_or_default();
    let advice = match holder.and_then(|holder| holder.until) {
        Some(until) => format!("wait for it to end; if it was killed, the lock is free at {until:.0}"),
        None => "wait for it to end, or stop it".to_owned(),
    };
    format!("another run{who} is at work on {what}: {advice}")
}

/// What keeps two runs from one journal, one state or one file.
pub trait Lock: Sync {
    /// Takes the lock for a run, until what is given back is dropped. `place` is where all of its groups are; a run over
    /// several places has `None`. A lock that many machines share lets runs over different places go on side by side.
    ///
    /// # Errors
    /// Where another run has it, or where that cannot be told.
    fn take(&self, holder: &Holder, place: Option<&Place>) -> Result<Box<dyn Lease + '_>, LockError>;
}

/// A lock that was taken. Dropping it gives the lock back.
pub trait Lease: Sync {
    /// Makes sure that the lock is still held, and renews it where it would run out. Called often, by several threads:
    /// before each group is read and again before it is changed.
    ///
    /// # Errors
    /// Where it is lost or that cannot be told. The run stops then, before it changes anything more.
    fn renew(&self) -> Result<(), PortError> {
        Ok(())
    }
}

/// No lock: for whoever has one already, and where nobody else can be.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLock;

impl Lock for NoLock {
    fn take(&self, _: &Holder, _: Option<&Place>) -> Result<Box<dyn Lease + '_>, LockError> {
        Ok(Box::new(NoLease))
    }
}

/// What [`NoLock`] gives, and what a run has that changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NoLease;

impl Lease for NoLease {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_lock_is_told_and_kept() {
        let since = "2026-01-15T12:00:00.5Z".parse().unwrap_or_default();
        let mut holder = Holder { who: "`ada`\n(process 7)".to_owned(), run_id: "r1".to_owned(), since, until: None };
        let read = Holder::from_text(&holder.to_text());
        holder.who = "`ada` (process 7)".to_owned();
        assert_eq!(read, Some(holder.clone()));
        let error = |holder| LockError::Held { what: "`out.json`".to_owned(), holder }.to_string();
        assert_eq!(error(None), "another run is at work on `out.json`: wait for it to end, or stop it");
        holder.until = Some(since);
        assert_eq!(Holder::from_text(&holder.to_text()), Some(holder.clone()));
        assert_eq!(
            error(Some(holder)),
            "another run (`ada` (process 7), run r1, since 2026-01-15T12:00:00Z) is at work on `out.json`: wait for it to \
             end; if it was killed, the lock is free at 2026-01-15T12:00:00Z"
        );
        for torn in ["", "who", "who\nrun\n", "who\nrun\n2026\n\n", "who\nrun\n2026-01-15T12:00:00Z"] {
            assert_eq!(Holder::from_text(torn), None, "{torn}");
        }
    }
}
