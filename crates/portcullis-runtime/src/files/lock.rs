//! One run at a time on one output.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use portcullis_formats::diagnostics::io_message;

use super::replace::folder_of;
use crate::ports::{Holder, Lease, Lock, LockError, Place, PortError};

/// A lock beside a file that the operating system takes back when the process ends, however it ends: one that a killed run
/// left is free.
#[derive(Debug)]
pub struct FileLock {
    /// What is locked, for people.
    shown: String,
    path: PathBuf,
}

/// The lock as one run has it.
struct FileLease {
    path: PathBuf,
    _file: File,
}

/// Somebody may take the file away between opening and locking it; that often in a row is no accident.
const MOST_TRIES: usize = 20;

impl FileLock {
    /// Of what is written to this file, which need not exist.
    pub fn of(output: &Path) -> Self {
        let shown = format!("`{}`", output.display());
        // Two names of one file are one lock.
        let output = fs::canonicalize(output).unwrap_or_else(|_| output.to_owned());
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        Self { shown, path: folder_of(&output).join(format!(".{name}.portcullis-lock")) }
    }

    fn failed(&self, error: &std::io::Error) -> LockError {
        PortError(format!("{} could not be locked: {}", self.shown, io_message(error))).into()
    }
}

impl Lock for FileLock {
    /// One run at a time, wherever its groups are: all of them write to one file, or to one folder of one machine.
    fn take(&self, holder: &Holder, _: Option<&Place>) -> Result<Box<dyn Lease + '_>, LockError> {
        for _ in 0..MOST_TRIES {
            let mut options = OpenOptions::new();
            let opened = options.create(true).truncate(false).read(true).write(true).open(&self.path);
            let mut file = opened.map_err(|error| self.failed(&error))?;
            match file.try_lock() {
                Ok(()) if is_still(&file, &self.path) => {
                    // Only for the message that another run gets: the lock holds without it.
                    let _ = file.set_len(0).and_then(|()| file.write_all(holder.to_text().as_bytes()));
                    return Ok(Box::new(FileLease { path: self.path.clone(), _file: file }));
                }
                // The run that had it has ended and taken the file away.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    let _ = file.read_to_string(&mut text);
                    return Err(LockError::Held { what: self.shown.clone(), holder: Holder::from_text(&text) });
                }
                Err(TryLockError::Error(error)) => return Err(self.failed(&error)),
            }
        }
        Err(self.failed(&std::io::ErrorKind::ResourceBusy.into()))
    }
}

impl Lease for FileLease {}

impl Drop for FileLease {
    fn drop(&mut self) {
        // Still locked here, so nobody else has it yet. A file that stays is no harm.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the file that was opened is the one that has the name now.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let same = |(a, b): (fs::Metadata, fs::Metadata)| a.ino() == b.ino() && a.dev() == b.dev();
    file.metadata().and_then(|own| Ok((own, fs::metadata(path)?))).is_ok_and(same)
}

#[cfg(not(unix))]
fn is_still(_: &File, path: &Path) -> bool {
    path.exists()
}
