//! State in one file, which one process has at a time. Each call of `write` is one transaction: whenever the process is
//! killed, all of it is there or nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, StorageError, Table, TableDefinition,
    TableError,
};

use super::{KeyValue, StateError, Versioned, Write};

/// Version and text by key.
const ENTRIES: TableDefinition<'_, &str, (i64, &str)> = TableDefinition::new("entries");
/// What the file is, by name.
const ABOUT: TableDefinition<'_, &str, &str> = TableDefinition::new("about");
/// The form of the file that this program writes.
const SCHEMA_VERSION: &str = "1";
/// Memory for pages. What a run needs of the state it keeps itself.
const CACHE_BYTES: usize = 8 << 20;

/// State in one file.
#[derive(Debug)]
pub struct FileState {
    database: Database,
    path: PathBuf,
}

impl FileState {
    /// Opens the file, which is made where there is none, with the folders above it.
    ///
    /// # Errors
    /// Where another process has it, it is no state, is damaged, or comes from a newer program.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let failed = |error: &dyn std::fmt::Display| {
            StateError::Failed(format!("the state `{}` cannot be opened: {error}", path.display()))
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        }
        // Whoever reads the state learns where the gaps are: it is for its owner alone, from its first byte.
        let mut options = fs::OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        drop(options.open(path).map_err(|error| failed(&error))?);
        let mut builder = Builder::new();
        // Checked whole when it is opened, a damaged file is an error there and not wherever its pages are met.
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        let database = builder.create(path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => busy(path),
            DatabaseError::Storage(StorageError::Io(error)) if error.kind() != std::io::ErrorKind::InvalidData => {
                failed(&error)
            }
            error => damaged(path, &error),
        })?;
        let state = Self { database, path: path.to_owned() };
        state.check_schema()?;
        Ok(state)
    }

    fn check_schema(&self) -> Result<(), StateError> {
        let read = || -> Result<Option<String>, redb::Error> {
            let transaction = self.database.begin_read()?;
            match transaction.open_table(ABOUT) {
                Ok(table) => Ok(table.get("schema_version")?.map(|value| value.value().to_owned())),
                Err(TableError::TableDoesNotExist(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        match read().map_err(|error| damaged(&self.path, &error))? {
            None => self.begin().map_err(|error| self.failed(&error)),
            Some(version) if version == SCHEMA_VERSION => Ok(()),
            Some(version) => Err(StateError::Damaged(format!(
                "the state `{}` has schema version {version}, and this program knows {SCHEMA_VERSION}: use the newer program",
                self.path.display()
            ))),
        }
    }

    /// Makes the tables of a new file.
    fn begin(&self) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(ENTRIES)?;
        transaction.open_table(ABOUT)?.insert("schema_version", SCHEMA_VERSION)?;
        transaction.commit()?;
        Ok(())
    }

    fn read<T>(
        &self,
        read: impl FnOnce(redb::ReadOnlyTable<&str, (i64, &str)>) -> Result<T, redb::Error>,
    ) -> Result<T, StateError> {
        let result = || -> Result<T, redb::Error> { read(self.database.begin_read()?.open_table(ENTRIES)?) };
        result().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &redb::Error) -> StateError {
        match error {
            redb::Error::Corrupted(_) => damaged(&self.path, error),
            _ => StateError::Failed(format!("the state `{}` failed: {error}", self.path.display())),
        }
    }
}

fn busy(path: &Path) -> StateError {
    StateError::Busy(format!(
        "the state `{}` is in use by another run: wait for it to end, or give this one a state of its own",
        path.display()
    ))
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> StateError {
    StateError::Damaged(format!(
        "the state `{0}` is damaged or is no state ({error}): put a good copy in its place, or move it away; without it \
         every finding counts as first seen by the next run, so that grace periods begin anew",
        path.display()
    ))
}

fn versioned((version, value): (i64, &str)) -> Versioned {
    Versioned { value: value.to_owned(), version }
}

fn write_one(table: &mut Table<'_, &str, (i64, &str)>, write: &Write) -> Result<Option<StateError>, redb::Error> {
    match write {
        Write::Put { key, value, on } => {
            let now = table.get(key.as_str())?.map(|entry| entry.value().0);
            if *on != now {
                return Ok(Some(StateError::Conflict { key: key.clone() }));
            }
            table.insert(key.as_str(), (on.unwrap_or(0) + 1, value.as_str()))?;
        }
        Write::Delete { key } => drop(table.remove(key.as_str())?),
    }
    Ok(None)
}

impl KeyValue for FileState {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StateError> {
        self.read(|table| Ok(table.get(key)?.map(|entry| versioned(entry.value()))))
    }

    fn scan(&self, prefix: &str) -> Result<BTreeMap<String, Versioned>, StateError> {
        self.read(|table| {
            let mut found = BTreeMap::new();
            for entry in table.range(prefix..)? {
                let (key, value) = entry?;
                if !key.value().starts_with(prefix) {
                    break;
                }
                found.insert(key.value().to_owned(), versioned(value.value()));
            }
            Ok(found)
        })
    }

    fn write(&self, writes: &[Write]) -> Vec<Result<(), StateError>> {
        if writes.is_empty() {
            return Vec::new();
        }
        let all = || -> Result<Vec<Option<StateError>>, redb::Error> {
            let transaction = self.database.begin_write()?;
            let refused = {
                let mut table = transaction.open_table(ENTRIES)?;
                writes.iter().map(|write| write_one(&mut table, write)).collect::<Result<Vec<_>, _>>()?
            };
            transaction.commit()?;
            Ok(refused)
        };
        match all() {
            Ok(refused) => refused.into_iter().map(|refused| refused.map_or(Ok(()), Err)).collect(),
            Err(error) => writes.iter().map(|_| Err(self.failed(&error))).collect(),
        }
    }

    fn place(&self) -> String {
        format!("`{}`", self.path.display())
    }
}
