//! Where backups, journal, lock and state are.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portcullis_cloud::api::Cloud;
use portcullis_cloud::stores::{self, Folder, Location, S3Location};

use super::ServiceError;
use crate::files::{FileJournal, FileLock, FolderBackups};
use crate::live::{Handle, LiveBackups, LiveJournal, LiveLock, TableState};
use crate::ports::{BackupStore, Journal, Lock, PortError, SystemClock};
use crate::state::{FileState, KeyValue, MemoryState, StateError};

/// How often a state in a file is asked for that another process has, and the pause between.
const BUSY: (usize, Duration) = (20, Duration::from_millis(250));

/// Backups, journal and lock, each in a folder of this machine or on S3.
pub struct Stores {
    /// Where backups are written.
    pub backups: Box<dyn BackupStore + Send>,
    /// Where runs are recorded.
    pub journal: Box<dyn Journal + Send>,
    /// What keeps two runs apart.
    pub lock: Box<dyn Lock + Send>,
    /// The folder that must be there before the first change.
    folder: Option<PathBuf>,
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Stores {
    /// Opens them; nothing is written yet. Journal and lock are at `state`, else where backups are. What fails on S3 is tried
    /// again for as long as `patience`.
    ///
    /// # Errors
    /// Where a place cannot be understood, or no client can be made.
    pub fn open(
        cloud: &Arc<dyn Cloud>,
        handle: &Handle,
        backup: &str,
        state: Option<&str>,
        kms_key: Option<&str>,
        patience: Duration,
    ) -> Result<Self, ServiceError> {
        let on_s3 = |location| s3_folder(cloud, handle, location, kms_key, patience);
        let backups: Box<dyn BackupStore + Send> = match s3_location(backup, "--backup")? {
            Some(location) => Box::new(LiveBackups::new(stores::Backups::new(on_s3(location)?), handle.clone())),
            None => Box::new(FolderBackups::new(PathBuf::from(backup))),
        };
        let (state, what) = state.map_or((backup, "--backup"), |state| (state, "--state"));
        Ok(match s3_location(state, what)? {
            Some(location) => {
                let folder = on_s3(location)?;
                let lock = LiveLock::new(stores::Lock::new(folder.clone()), handle.clone(), &SystemClock);
                let journal = LiveJournal::new(stores::Journal::new(folder), handle.clone());
                Self { backups, journal: Box::new(journal), lock: Box::new(lock), folder: None }
            }
            None => {
                let folder = PathBuf::from(state);
                let journal = folder.join("journal");
                let lock = FileLock::of(&journal);
                let journal = FileJournal::new(journal);
                Self { backups, journal: Box::new(journal), lock: Box::new(lock), folder: Some(folder) }
            }
        })
    }

    /// Makes the folder of journal and lock, where it is one.
    ///
    /// # Errors
    /// Where it cannot be made, with its name.
    pub fn prepare(&self) -> Result<(), PortError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        fs::create_dir_all(folder)
            .map_err(|error| PortError::io(format!("the folder `{}` cannot be made", folder.display()), &error))
    }
}

/// A place on S3, or `None` for a folder. `what` is the argument that named it.
///
/// # Errors
/// Where it is neither.
pub fn s3_location(text: &str, what: &str) -> Result<Option<S3Location>, ServiceError> {
    if !text.contains("://") {
        return Ok(None);
    }
    match text.parse::<Location>() {
        Ok(Location::S3(location)) => Ok(Some(location)),
        Ok(_) => Err(ServiceError::Input(format!("`{what} {text}`: a folder or `s3://BUCKET/PREFIX` is expected"))),
        Err(error) => Err(ServiceError::Input(format!("`{what} {text}`: {error}"))),
    }
}

/// A folder on S3. What fails there is tried again for as long as `patience`.
///
/// # Errors
/// Where no client can be made.
pub fn s3_folder(
    cloud: &Arc<dyn Cloud>,
    handle: &Handle,
    location: S3Location,
    kms_key: Option<&str>,
    patience: Duration,
) -> Result<Folder, ServiceError> {
    let objects = handle.block_on(cloud.objects())?;
    Ok(Folder::new(objects, location, kms_key.map(str::to_owned), patience))
}

/// What is remembered. Where nothing is changed, a file that cannot be made is no reason to stop.
pub(super) fn state(
    cloud: &dyn Cloud,
    handle: &Handle,
    place: Option<&str>,
    enforce: bool,
) -> Result<Box<dyn KeyValue>, ServiceError> {
    let Some(place) = place else { return Ok(Box::new(MemoryState::default())) };
    if place.contains("://") {
        return match place.parse::<Location>() {
            Ok(Location::DynamoDb(table)) => Ok(Box::new(TableState::open(cloud, handle.clone(), &table)?)),
            Ok(_) => Err(ServiceError::Input(format!("`--state {place}`: a file or `dynamodb://TABLE` is expected"))),
            Err(error) => Err(ServiceError::Input(format!("`--state {place}`: {error}"))),
        };
    }
    let mut tries = BUSY.0;
    loop {
        match FileState::open(Path::new(place)) {
            Ok(state) => return Ok(Box::new(state)),
            Err(StateError::Busy(_)) if tries > 0 => {
                tries -= 1;
                handle.block_on(async { tokio::time::sleep(BUSY.1).await });
            }
            Err(StateError::Failed(_)) if !enforce => return Ok(Box::new(MemoryState::default())),
            Err(error) => return Err(error.into()),
        }
    }
}
