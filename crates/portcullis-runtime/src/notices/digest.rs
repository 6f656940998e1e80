//! When digests went out last, kept in the state: at most one in its period, by whichever run finds it due.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state::{KeyValue, StateError, Write};

/// Before every key.
const PREFIX: &str = "notices/";
/// The form of the records that this program writes.
const SCHEMA_VERSION: &str = "1";

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    schema_version: String,
    last: Timestamp,
    /// What it said, where the same is not to be said again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    said: String,
}

/// The right to send one digest, taken in the state before it is sent.
#[derive(Debug)]
#[must_use = "a turn that is neither used nor given back makes the digest wait for its next period"]
pub struct Turn {
    key: String,
    before: Option<String>,
    version: i64,
}

/// When digests went out last.
#[derive(Clone, Copy)]
pub struct Clocks<'a> {
    state: &'a dyn KeyValue,
}

impl<'a> Clocks<'a> {
    /// As this state knows it.
    pub fn new(state: &'a dyn KeyValue) -> Self {
        Self { state }
    }

    /// Takes the turn of a digest, if it is due: if none went out within the period, or, with something to `say`, if that is
    /// not what the last one said. Of two runs at once one gets it.
    ///
    /// # Errors
    /// Where the state fails.
    pub fn take(
        &self,
        name: &str,
        period: SignedDuration,
        say: &str,
        now: Timestamp,
    ) -> Result<Option<Turn>, StateError> {
        let key = format!("{PREFIX}{name}");
        let old = self.state.get(&key)?;
        if let Some(entry) = &old {
            let damaged = |why: String| {
                StateError::Damaged(format!("`{key}` in the state {} cannot be understood: {why}", self.state.place()))
            };
            let record: Record = serde_json::from_str(&entry.value).map_err(|error| damaged(error.to_string()))?;
            if record.schema_version != SCHEMA_VERSION {
                return Err(damaged(format!(
                    "it has schema version {}, and this program knows {SCHEMA_VERSION}: use the newer program",
                    record.schema_version
                )));
            }
            // A run that is due each day does not begin to the second: a 24th of the period is given. A moment in the
            // future, which a wrong clock left, holds nothing up.
            let least = period - SignedDuration::from_secs(period.as_secs() / 24);
            let since = now.duration_since(record.last);
            if record.said == say && since >= SignedDuration::ZERO && since < least {
                return Ok(None);
            }
        }
        let record = Record { schema_version: SCHEMA_VERSION.to_owned(), last: now, said: say.to_owned() };
        let value = serde_json::to_string(&record).map_err(|error| StateError::Failed(error.to_string()))?;
        let on = old.as_ref().map(|entry| entry.version);
        match self.put(&key, value, on) {
            Ok(()) => Ok(Some(Turn { key, before: old.map(|entry| entry.value), version: on.unwrap_or(0) + 1 })),
            // Another run sends it.
            Err(StateError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a turn back whose digest could not be sent, so that the next run tries again.
    ///
    /// # Errors
    /// Where the state fails; the digest then waits for its next period.
    pub fn give_back(&self, turn: Turn) -> Result<(), StateError> {
        match turn.before {
            Some(value) => self.put(&turn.key, value, Some(turn.version)),
            None => self.one(Write::Delete { key: turn.key }),
        }
    }

    fn put(&self, key: &str, value: String, on: Option<i64>) -> Result<(), StateError> {
        self.one(Write::Put { key: key.to_owned(), value, on })
    }

    fn one(&self, write: Write) -> Result<(), StateError> {
        self.state.write(&[write]).into_iter().collect()
    }
}
