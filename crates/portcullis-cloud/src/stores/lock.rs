//! One run at a time, by an object that only one can create.
//!
//! The lock is an object that says who has it and until when. It is created under the condition that there is none, and
//! renewed and taken over under the condition that it is still the one that was seen, so that of several only one wins.
//! Whether it has run out is told by the clock of who asks. S3 takes requests of clocks that are minutes off; so a holder
//! also looks whether the lock is still its own, every few seconds and before it changes anything.
//!
//! Each account and Region has a lock of its own, so that many runs go on side by side, and one lock is for runs over
//! several. Who has taken a lock of the one kind looks for those of the other, and gives it back where there is one: both
//! show themselves before they look, so that of two that come at once at least one sees the other.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::folder::{Folder, StoreError};
use crate::api::{Object, Put};
use crate::error::Kind;

/// The lock of runs over several accounts and Regions.
const ALL: &str = "lock.json";
/// Below it, the locks of single ones.
const PLACES: &str = "locks/";

/// What a lock is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Area {
    /// Groups of any account and Region.
    All,
    /// Those of one: the name of its lock.
    Place(String),
}

impl Area {
    /// One account and Region.
    pub fn place(account: &str, region: &str) -> Self {
        let part = |text: &str| -> String {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let part: String = text.chars().map(|c| if fits(c) { c } else { '_' }).collect();
            if part.is_empty() { "_".to_owned() } else { part }
        };
        Self::Place(format!("{PLACES}{}/{}.json", part(account), part(region)))
    }

    fn name(&self) -> &str {
        match self {
            Self::All => ALL,
            Self::Place(name) => name,
        }
    }
}

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

    /// Takes the lock of this area for this run; `since` and `expires` are set from `now`.
    ///
    /// # Errors
    /// Where another run has it, or one that stands in its way, or that cannot be told.
    pub async fn take(&self, mut holder: Holder, area: &Area, now: Timestamp) -> Result<Lease, LockError> {
        (holder.since, holder.expires) = (now, now + self.lasts);
        let etag = self.take_one(&holder, area.name(), now).await?;
        let free = self.look_around(&holder, area, now).await;
        let lease = Lease::new(self.clone(), area.name().to_owned(), holder, etag, now);
        let Err(error) = free else { return Ok(lease) };
        // One that cannot be given back runs out by itself.
        let _ = lease.release().await;
        Err(error)
    }

    async fn take_one(&self, holder: &Holder, name: &str, now: Timestamp) -> Result<String, LockError> {
        // A lock may be given back, or taken by another, between two steps; whoever loses that often waits for real.
        for _ in 0..5 {
            match self.put(name, holder, None).await {
                Ok(etag) => return Ok(etag),
                Err(StoreError::Exists(_)) => {}
                Err(error) => return Err(error.into()),
            }
            let Some(current) = self.current(name).await? else { continue };
            if !has_run_out(&current, now) {
                return Err(self.held(name, &current));
            }
            match self.put(name, holder, Some(&current.etag)).await {
                Ok(etag) => return Ok(etag),
                Err(StoreError::Exists(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let current = self.current(name).await?.unwrap_or_default();
        Err(self.held(name, &current))
    }

    /// Makes sure that nobody has a lock of the other kind.
    async fn look_around(&self, holder: &Holder, area: &Area, now: Timestamp) -> Result<(), LockError> {
        let others = match area {
            Area::All => self.folder.names(PLACES).await?,
            Area::Place(_) => vec![ALL.to_owned()],
        };
        for name in &others {
            let Some(current) = self.current(name).await? else { continue };
            if !has_run_out(&current, now) {
                return Err(self.held(name, &current));
            }
            // Taken over before it is taken away, so that its holder, should it live yet, sees that it is lost.
            match self.put(name, holder, Some(&current.etag)).await {
                Ok(_) => self.folder.delete(name).await?,
                Err(StoreError::Exists(_)) => return Err(self.held(name, &current)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn held(&self, name: &str, current: &Object) -> LockError {
        LockError::Held { place: self.folder.place(name), holder: holder_of(current).map(Box::new) }
    }

    async fn put(&self, name: &str, holder: &Holder, only_if: Option<&str>) -> Result<String, StoreError> {
        let bytes = serde_json::to_vec(holder).unwrap_or_default();
        let how = Put { only_new: only_if.is_none(), only_if, content_type: "application/json", ..Put::default() };
        match self.folder.put(name, &bytes, how).await {
            // What was to be replaced is gone.
            Err(StoreError::Call { error, place, .. }) if error.kind == Kind::NotFound && only_if.is_some() => {
                Err(StoreError::Exists(place))
            }
            other => other,
        }
    }

    async fn current(&self, name: &str) -> Result<Option<Object>, StoreError> {
        match self.folder.read(name).await {
            Ok(object) => Ok(Some(object)),
            Err(StoreError::Call { error, .. }) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn holder_of(object: &Object) -> Option<Holder> {
    serde_json::from_slice(&object.bytes).ok()
}

fn has_run_out(object: &Object, now: Timestamp) -> bool {
    holder_of(object).is_some_and(|other| other.expires < now)
}

/// A lock that is held. It is to be renewed often and given back in the end.
#[derive(Debug)]
pub struct Lease {
    lock: Lock,
    name: String,
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
    fn new(lock: Lock, name: String, holder: Holder, etag: String, now: Timestamp) -> Self {
        Self { lock, name, state: tokio::sync::Mutex::new(State { holder, etag, renewed: now, looked: now }) }
    }

    /// Makes sure that the lock is still held, and renews it once a third of its time is over.
    ///
    /// # Errors
    /// Where it is lost, or that cannot be told.
    pub async fn renew(&self, now: Timestamp) -> Result<(), LockError> {
        let mut state = self.state.lock().await;
        let lost = || LockError::Lost(self.lock.folder.place(&self.name));
        if now.duration_since(state.renewed) * 3 >= self.lock.lasts {
            let holder = Holder { expires: now + self.lock.lasts, ..state.holder.clone() };
            match self.lock.put(&self.name, &holder, Some(&state.etag)).await {
                Ok(etag) => *state = State { holder, etag, renewed: now, looked: now },
                Err(StoreError::Exists(_)) => return Err(lost()),
                Err(error) => return Err(error.into()),
            }
        } else if now.duration_since(state.looked) >= Lock::LOOK {
            match self.lock.folder.changed(&self.name, Some(&state.etag)).await {
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
        match self.lock.current(&self.name).await? {
            Some(object) if object.etag == state.etag => Ok(self.lock.folder.delete(&self.name).await?),
            _ => Ok(()),
        }
    }
}
