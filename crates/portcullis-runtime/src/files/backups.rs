//! Backups in a folder, one file each.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::replace::{PREFIX, beside, folder_of, sync_folder};
use crate::ports::{BackupStore, PortError};

/// Files are made safe by so many threads: a disk makes many of them safe in about the time of one.
const SYNC_THREADS: usize = 16;

/// Backups in a folder, one file each.
#[derive(Debug)]
pub struct FolderBackups {
    folder: PathBuf,
    /// Written and not known to be safe yet.
    unsafe_yet: Mutex<Vec<PathBuf>>,
    /// Held while files are made safe: whoever comes meanwhile may be waiting for those very files.
    syncing: Mutex<()>,
}

impl FolderBackups {
    /// In this folder, which is made when the first backup is.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), unsafe_yet: Mutex::default(), syncing: Mutex::default() }
    }

    /// Where a key is. A key never leads out of the folder.
    fn path(&self, key: &str) -> io::Result<PathBuf> {
        let inside = Path::new(key).components().all(|part| matches!(part, Component::Normal(_)));
        if inside && !key.is_empty() { Ok(self.folder.join(key)) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.unsafe_yet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(key)?;
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        // Under another name until it is whole: a backup that has its name is one that can be trusted.
        let mut temporary = beside(&path, PREFIX)?;
        temporary.write_all(bytes)?;
        temporary.persist_noclobber(&path).map_err(|error| error.error)?;
        self.waiting().push(path);
        Ok(())
    }
}

impl FolderBackups {
    fn make_safe(&self, paths: &[PathBuf]) -> io::Result<()> {
        if paths.is_empty() {
            return Ok(());
        }
        sync_files(paths)?;
        // Each folder on the way from a backup to the root of all, and the one that this may have been made in.
        let mut folders: BTreeSet<&Path> = BTreeSet::from([folder_of(&self.folder)]);
        for path in paths {
            folders.extend(path.ancestors().skip(1).take_while(|above| above.starts_with(&self.folder)));
        }
        folders.into_iter().try_for_each(sync_folder)
    }
}

impl BackupStore for FolderBackups {
    fn write_new(&self, key: &str, bytes: &[u8]) -> Result<(), PortError> {
        let name = self.folder.join(key);
        self.write(key, bytes)
            .map_err(|error| PortError::io(format!("the backup `{}` could not be written", name.display()), &error))
    }

    fn read(&self, key: &str) -> Result<Vec<u8>, PortError> {
        let failed = |error: io::Error| {
            PortError::io(format!("the backup `{}` could not be read", self.folder.join(key).display()), &error)
        };
        fs::read(self.path(key).map_err(failed)?).map_err(failed)
    }

    fn sync(&self) -> Result<(), PortError> {
        let failed = |error: io::Error| {
            PortError::io(format!("the backups in `{}` could not be made safe", self.folder.display()), &error)
        };
        let _alone = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let paths = std::mem::take(&mut *self.waiting());
        let synced = self.make_safe(&paths).map_err(failed);
        if synced.is_err() {
            self.waiting().extend(paths);
        }
        synced
    }
}

fn sync_files(paths: &[PathBuf]) -> io::Result<()> {
    let sync = |path: &PathBuf| OpenOptions::new().write(true).open(path)?.sync_all();
    let share = paths.len().div_ceil(SYNC_THREADS).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> =
            paths.chunks(share).map(|share| scope.spawn(move || share.iter().try_for_each(sync))).collect();
        let joined =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())));
        joined.collect()
    })
}
