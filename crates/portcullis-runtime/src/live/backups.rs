//! Backups on S3.

use portcullis_cloud::stores::Backups;

use super::{Handle, told};
use crate::ports::{BackupStore, PortError};
use crate::rollback::FoundBackup;

/// Backups below a prefix of a bucket. Each is durable once it is written.
#[derive(Debug)]
pub struct LiveBackups {
    backups: Backups,
    handle: Handle,
}

impl LiveBackups {
    /// There.
    pub fn new(backups: Backups, handle: Handle) -> Self {
        Self { backups, handle }
    }

    /// All backups below `below`, such as an account or a group, for a rollback.
    ///
    /// # Errors
    /// Where one cannot be read, or is none.
    pub fn find(&self, below: &str) -> Result<Vec<FoundBackup>, PortError> {
        let keys = self.handle.block_on(self.backups.keys(below)).map_err(told)?;
        keys.iter().map(|key| self.found(key)).collect()
    }

    /// The backup under one key.
    ///
    /// # Errors
    /// Where it cannot be read, or is none.
    pub fn found(&self, key: &str) -> Result<FoundBackup, PortError> {
        let origin = self.backups.place(key);
        let bytes = self.read(key)?;
        let backup = portcullis_formats::backup::Backup::read(&bytes);
        let backup = backup.map_err(|error| PortError(format!("`{origin}`: {error}")))?;
        Ok(FoundBackup { origin, backup })
    }
}

impl BackupStore for LiveBackups {
    fn write_new(&self, key: &str, bytes: &[u8]) -> Result<(), PortError> {
        self.handle.block_on(self.backups.write_new(key, bytes)).map_err(told)
    }

    fn read(&self, key: &str) -> Result<Vec<u8>, PortError> {
        self.handle.block_on(self.backups.read(key)).map_err(told)
    }
}
