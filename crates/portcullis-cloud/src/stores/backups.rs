//! Backups on S3.

use super::folder::{Folder, StoreError};

/// Backups below a prefix: `<prefix>/<account>/<region>/<group>/<UTC time>-<run id>.json`. Nothing is ever overwritten.
#[derive(Clone, Debug)]
pub struct Backups {
    folder: Folder,
}

impl Backups {
    /// In this folder.
    pub fn new(folder: Folder) -> Self {
        Self { folder }
    }

    /// Writes a backup under a key that must be new.
    ///
    /// # Errors
    /// Where the key is taken or the backup cannot be written.
    pub async fn write_new(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.folder.create(key, bytes, "application/json").await.map(drop)
    }

    /// Reads a backup as it is kept.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn read(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        self.folder.read(key).await.map(|object| object.bytes)
    }

    /// The keys of all backups below `below`, such as `111122223333/eu-west-1/`, oldest first within a group.
    ///
    /// # Errors
    /// Where they cannot be listed.
    pub async fn keys(&self, below: &str) -> Result<Vec<String>, StoreError> {
        let mut keys = self.folder.names(below).await?;
        // A journal and a lock may live beside. The folder may be one within that of all backups, so depth tells nothing.
        keys.retain(|key| {
            let name = key.rsplit('/').next().unwrap_or(key);
            name.ends_with(".json") && name.starts_with(|first: char| first.is_ascii_digit())
        });
        Ok(keys)
    }

    /// Where a person finds one.
    pub fn place(&self, key: &str) -> String {
        self.folder.place(key)
    }
}
