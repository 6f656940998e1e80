//! One run at a time, by an object that only one can create.
//!
//! The lock is an object that says who has it and until when. It is created under the condition that there is none, and
//! renewed and taken over under the condition that it is still the one that was seen, so that of several only one wins.
//! Whether it has run out is told by the clock of who asks. S3 takes requests of clocks that are minutes off; so a holder
//! also looks whether the lock is still its own, every few seconds and before it changes anything.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::folder::{Folder, StoreError};
use crate::api::{Object, Put};
use crate::error::Kind;

const NAME: &str = "lock.json";

/// Who holds a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// For people: a caller.
    pub holder: String,
    /// The run.
    pub run_id: String,
    /// The machine, or what is known of it.
    #[serde(default)]
    pub host: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when, unless it is renewed.
    pub expires: Timestamp,
}

/// Why there is no lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error("{}", held(place, holder.as_deref()))]
    Held {
        /// The lock's object.
        place: String,
        /// Who has it, where that can be told.
        holder: Option<Box<Holder>>,
    },
    /// It was ours and is not any more.
    #[error("the lock `{0}` was lost: another run took it over, or it was deleted; nothing more is changed")]
    Lost(String),
    /// The lock itself failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn held(place: &str, holder: Option<&Holder>) -> String {
    let Some(Holder { holder, run_id, host, since, expires }) = holder else {
        return format!("`{place}` is no lock of Portcullis: if no run is at work there, delete it");
    };
    let host = if host.is_empty() { String::new() } else { format!(" on {host}") };
    format!(
        "another run is at work: {holder}{host}, run {run_id}, since {since:.0}; wait for it to end, or, if it was killed, \
         until its lock `{place}` is free at {expires:.0}"
    )
}

/// A lock below a prefix.
#[derive(Clone, Debug)]
pub struct Lock {
    folder: Folder,
    lasts: SignedDuration,
}

impl Lock {
    /// How long a lock stands of which the holder was killed.
    pub const LASTS: SignedDuration = SignedDuration::from_mins(10);
    /// How often its holder looks whether it has it still.
    const LOOK: SignedDuration = SignedDuration::from_secs(5);

    /// In this folder.
    pub fn new(folder: Folder) -> Self {
        Self { folder, lasts: Self::LASTS }
    }

    /// Where a person finds it.
    pub fn place(&self) -> String {
        self.folder.place(NAME)
    }

    /// Takes the lock for this run; `since` and `expires` are set from `now`.
    ///
    /// # Errors
    /// Where another run has it, or that cannot be told.
    pub async fn take(&self, mut holder: Holder, now: Timestamp) -> Result<Lease, LockError> {
        (holder.since, holder.expires) = (now, now + self.lasts);
        // A lock may be given back, or taken by another, between two steps; whoever loses that often waits for real.
        for _ in 0..5 {
            match self.put(&holder, None).await {
                Ok(etag) => return Ok(Lease::new(self.clone(), holder, etag, now)),
                Err(StoreError::Exists(_)) => {}
                Err(error) => return Err(error.into()),
            }
            let Some(current) = self.current().await? else { continue };
            let other: Option<Holder> = serde_json::from_slice(&current.bytes).ok();
            let Some(other) = other.filter(|other| other.expires < now) else {
                return Err(self.held(&current));
            };
            drop(other);
            match self.put(&holder, Some(&current.etag)).await {
                Ok(etag) => return Ok(Lease::new(self.clone(), holder, etag, now)),
                Err(StoreError::Exists(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let current = self.current().await?.unwrap_or_default();
        Err(self.held(&current))
    }

    fn held(&self, current: &Object) -> LockError {
        let holder = serde_json::from_slice(&current.bytes).ok().map(Box::new);
        LockError::Held { place: self.place(), holder }
    }

    async fn put(&self, holder: &Holder, only_if: Option<&str>) -> Result<String, StoreError> {
        let bytes = serde_json::to_vec(holder).unwrap_or_default();
        let how = Put { only_new: only_if.is_none(), only_if, content_type: "application/json", ..Put::default() };
        match self.folder.put(NAME, &bytes, how).await {
            // What was to be replaced is gone.
            Err(StoreError::Call { error, place, .. }) if error.kind == Kind::NotFound && only_if.is_some() => {
                Err(StoreError::Exists(place))
            }
            other => other,
        }
    }

    async fn current(&self) -> Result<Option<Object>, StoreError> {
        match self.folder.read(NAME).await {
            Ok(object) => Ok(Some(object)),
            Err(StoreError::Call { error, .. }) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A lock that is held. It is to be renewed often and given back in the end.
#[derive(Debug)]
pub struct Lease {
    lock: Lock,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug)]
struct State {
    holder: Holder,
    etag: String,
    renewed: Timestamp,
    looked: Timestamp,
}

impl Lease {
    fn new(lock: Lock, holder: Holder, etag: String, now: Timestamp) -> Self {
        Self { lock, state: tokio::sync::Mutex::new(State { holder, etag, renewed: now, looked: now }) }
    }

    /// Makes sure that the lock is still held, and renews it once a third of its time is over.
    ///
    /// # Errors
    /// Where it is lost, or that cannot be told.
    pub async fn renew(&self, now: Timestamp) -> Result<(), LockError> {
        let mut state = self.state.lock().await;
        let lost = || LockError::Lost(self.lock.place());
        if now.duration_since(state.renewed) * 3 >= self.lock.lasts {
            let holder = Holder { expires: now + self.lock.lasts, ..state.holder.clone() };
            match self.lock.put(&holder, Some(&state.etag)).await {
                Ok(etag) => *state = State { holder, etag, renewed: now, looked: now },
                Err(StoreError::Exists(_)) => return Err(lost()),
                Err(error) => return Err(error.into()),
            }
        } else if now.duration_since(state.looked) >= Lock::LOOK {
            match self.lock.folder.changed(NAME, Some(&state.etag)).await {
                Ok(None) => state.looked = now,
                // Some stores answer with the object although it is the same.
                Ok(Some(object)) if object.etag == state.etag => state.looked = now,
                Ok(Some(_)) => return Err(lost()),
                Err(StoreError::Call { error, .. }) if error.kind == Kind::NotFound => return Err(lost()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Gives the lock back. One that another took over is left to it.
    ///
    /// # Errors
    /// Where that fails; the lock then runs out by itself.
    pub async fn release(self) -> Result<(), LockError> {
        let state = self.state.into_inner();
        match self.lock.current().await? {
            Some(object) if object.etag == state.etag => Ok(self.lock.folder.delete(NAME).await?),
            _ => Ok(()),
        }
    }
}
