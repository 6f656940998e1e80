//! What must be remembered from one run to the next: texts under keys, in a file on a laptop or in a table that several
//! machines share.
//!
//! Whoever keeps it, one seam serves: a value has a version, and a write names the version that it rests on. Of two that
//! rest on the same one the second is told so, and nothing is lost.

mod file;
mod memory;
pub mod sights;

use std::collections::BTreeMap;

pub use self::file::FileState;
pub use self::memory::MemoryState;

/// Why state could not be read or written, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Somebody else wrote the key since it was read.
    #[error("another run changed `{key}` in the state at the same time")]
    Conflict {
        /// The key.
        key: String,
    },
    /// Another process has the state.
    #[error("{0}")]
    Busy(String),
    /// What is there cannot be understood.
    #[error("{0}")]
    Damaged(String),
    /// The store failed.
    #[error("{0}")]
    Failed(String),
}

/// A value as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The text.
    pub value: String,
    /// Its version, 1 or more; each write makes it greater by one.
    pub version: i64,
}

/// One write. Writes of one call stand each alone: one that fails keeps no other from being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Puts a value.
    Put {
        /// Its key: printable ASCII, at most 1,024 bytes.
        key: String,
        /// The text, at most 350,000 bytes, so that a table's item holds it.
        value: String,
        /// The version that it rests on; `None` where the key must be new.
        on: Option<i64>,
    },
    /// Takes a key away, whatever it holds. One that is not there is no error.
    Delete {
        /// The key.
        key: String,
    },
}

impl Write {
    /// The key that it is about.
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

/// Texts under keys.
pub trait KeyValue: Send + Sync {
    /// The value under a key.
    ///
    /// # Errors
    /// Where the store fails or holds what cannot be understood.
    fn get(&self, key: &str) -> Result<Option<Versioned>, StateError>;

    /// The values under these keys, as far as they are there.
    ///
    /// # Errors
    /// Where the store fails or holds what cannot be understood.
    fn get_all(&self, keys: &[String]) -> Result<BTreeMap<String, Versioned>, StateError> {
        let found = keys.iter().map(|key| Ok(self.get(key)?.map(|entry| (key.clone(), entry))));
        found.filter_map(Result::transpose).collect()
    }

    /// All values under keys that begin with `prefix`.
    ///
    /// # Errors
    /// Where the store fails or holds what cannot be understood.
    fn scan(&self, prefix: &str) -> Result<BTreeMap<String, Versioned>, StateError>;

    /// Makes writes, and each that succeeds durable; the answers are in the order of `writes`. Of two writes to one key the
    /// second counts.
    fn write(&self, writes: &[Write]) -> Vec<Result<(), StateError>>;

    /// Where a person finds it, for messages.
    fn place(&self) -> String;
}

impl<T: KeyValue + ?Sized> KeyValue for &T {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StateError> {
        (**self).get(key)
    }
    fn get_all(&self, keys: &[String]) -> Result<BTreeMap<String, Versioned>, StateError> {
        (**self).get_all(keys)
    }
    fn scan(&self, prefix: &str) -> Result<BTreeMap<String, Versioned>, StateError> {
        (**self).scan(prefix)
    }
    fn write(&self, writes: &[Write]) -> Vec<Result<(), StateError>> {
        (**self).write(writes)
    }
    fn place(&self) -> String {
        (**self).place()
    }
}

#[cfg(test)]
mod tests;
