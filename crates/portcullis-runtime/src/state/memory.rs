//! State that ends with the process: for tests, and for dry runs that shall leave nothing behind.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{KeyValue, StateError, Versioned, Write};

/// State in memory.
#[derive(Debug, Default)]
pub struct MemoryState {
    entries: Mutex<BTreeMap<String, Versioned>>,
}

impl MemoryState {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Versioned>> {
        // A write is one insertion: there is no half of it that a panic could leave.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValue for MemoryState {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StateError> {
        Ok(self.entries().get(key).cloned())
    }

    fn scan(&self, prefix: &str) -> Result<BTreeMap<String, Versioned>, StateError> {
        let entries = self.entries();
        let found = entries.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn write(&self, writes: &[Write]) -> Vec<Result<(), StateError>> {
        let mut entries = self.entries();
        let mut write = |write: &Write| {
            let now = entries.get(write.key()).map(|entry| entry.version);
            match write {
                Write::Put { key, on, .. } if *on != now => Err(StateError::Conflict { key: key.clone() }),
                Write::Put { key, value, on } => {
                    let version = on.unwrap_or(0) + 1;
                    entries.insert(key.clone(), Versioned { value: value.clone(), version });
                    Ok(())
                }
                Write::Delete { key } => {
                    entries.remove(key);
                    Ok(())
                }
            }
        };
        writes.iter().map(&mut write).collect()
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
