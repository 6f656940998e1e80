//! Where backups, journal, lock and state are.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portcullis_cloud::api::Cloud;
use portcullis_cloud::stores::{self, Folder, Location, S3Location};
use tokio::runtime::Handle;

use super::{PATIENCE, ServiceError};
use crate::files::{FileJournal, FileLock, FolderBackups};
use crate::live::{LiveBackups, LiveJournal, LiveLock, TableState};
use crate::ports::{BackupStore, Journal, Lock, SystemClock};
use crate::state::{FileState, KeyValue, MemoryState, StateError};

/// How often a state in a file is asked for that another process has, and the pause between.
const BUSY: (usize, Duration) = (20, Duration::from_millis(250));

/// Backups, journal and lock.
pub(super) struct Stores {
    pub(super) backups: Box<dyn BackupStore + Send>,
    pub(super) journal: Box<dyn Journal + Send>,
    pub(super) lock: Box<dyn Lock + Send>,
    /// The folder that must be there before the first change.
    folder: Option<PathBuf>,
}

impl Stores {
    pub(super) fn open(
        cloud: &Arc<dyn Cloud>,
        handle: &Handle,
        backup: &str,
        kms_key: Option<&str>,
    ) -> Result<Self, ServiceError> {
        match s3(backup, "--backup")? {
            Some(location) => {
                let folder = folder(cloud, handle, location, kms_key)?;
                Ok(Self {
                    backups: Box::new(LiveBackups::new(stores::Backups::new(folder.clone()), handle.clone())),
                    journal: Box::new(LiveJournal::new(stores::Journal::new(folder.clone()), handle.clone())),
                    lock: Box::new(LiveLock::new(stores::Lock::new(folder), handle.clone(), &SystemClock)),
                    folder: None,
                })
            }
            None => {
                let folder = PathBuf::from(backup);
                let journal = folder.join("journal");
                Ok(Self {
                    backups: Box::new(FolderBackups::new(folder.clone())),
                    journal: Box::new(FileJournal::new(journal.clone())),
                    lock: Box::new(FileLock::of(&journal)),
                    folder: Some(folder),
                })
            }
        }
    }

    /// Makes the folder, where it is one.
    pub(super) fn prepare(&self) -> std::io::Result<()> {
        self.folder.as_deref().map_or(Ok(()), fs::create_dir_all)
    }
}

/// A place on S3, or `None` for a folder.
pub(super) fn s3(text: &str, what: &str) -> Result<Option<S3Location>, ServiceError> {
    if !text.contains("://") {
        return Ok(None);
    }
    match text.parse::<Location>() {
        Ok(Location::S3(location)) => Ok(Some(location)),
        Ok(_) => Err(ServiceError::Input(format!("`{what} {text}`: a folder or `s3://BUCKET/PREFIX` is expected"))),
        Err(error) => Err(ServiceError::Input(format!("`{what} {text}`: {error}"))),
    }
}

pub(super) fn folder(
    cloud: &Arc<dyn Cloud>,
    handle: &Handle,
    location: S3Location,
    kms_key: Option<&str>,
) -> Result<Folder, ServiceError> {
    let objects = handle.block_on(cloud.objects())?;
    Ok(Folder::new(objects, location, kms_key.map(str::to_owned), PATIENCE))
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
