//! Once: an event is noted in the state before anything is done for it, and marked as done afterwards.
//!
//! One that is marked is not answered again. One that is only noted was begun by a run that came to no end, or is in the
//! hands of another at this moment: it is answered again, which does no harm, since groups are judged as they are and the
//! lock lets only one run change them.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use portcullis_formats::events::ApiCall;
use serde::{Deserialize, Serialize};

use super::{Handled, Run};
use crate::state::{KeyValue, StateError, Write};

const SCHEMA_VERSION: &str = "1";
/// Before every key.
const PREFIX: &str = "events/";
/// For so long an event is known again. SQS keeps messages for 14 days at most.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(24 * 15);

/// An event as it is noted.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    schema_version: String,
    at: Timestamp,
    done: bool,
    /// When it may be forgotten, in Unix seconds: what tables call their TTL attribute.
    expires: i64,
}

/// Dry runs keep notes of their own: an event that was only looked at is still to be acted upon.
fn key(enforce: bool, id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic();
    let id: String = id.bytes().take(200).map(|byte| if plain(byte) { char::from(byte) } else { '_' }).collect();
    format!("{PREFIX}{}{id}", if enforce { "" } else { "dry/" })
}

impl Run<'_> {
    /// Notes the events, and answers the places of those that were answered before.
    pub(super) fn claim(&mut self, calls: &[(usize, &ApiCall)]) -> BTreeSet<usize> {
        let mut repeated = BTreeSet::new();
        let mut ids: BTreeSet<&str> = BTreeSet::new();
        let mut new: Vec<usize> = Vec::new();
        let mut writes = Vec::new();
        for (place, call) in calls {
            if ids.insert(&call.id) {
                new.push(*place);
                let key = key(self.settings.enforce, &call.id);
                writes.push(Write::Put { key, value: self.record(false), on: None });
            } else {
                self.handled(*place, Handled::Repeated);
                repeated.insert(*place);
            }
        }
        let answers = self.ports.state.write(&writes);
        for ((place, write), answer) in new.into_iter().zip(&writes).zip(answers) {
            match answer {
                Ok(()) => {}
                Err(StateError::Conflict { .. }) => match is_done(self.ports.state, write.key()) {
                    // Of a dry run's second look nothing is told again, and the verdict is given again.
                    Ok(true) if !self.settings.enforce => {
                        self.told.insert(place);
                        self.counted.insert(place);
                    }
                    Ok(true) => {
                        self.handled(place, Handled::Repeated);
                        repeated.insert(place);
                    }
                    Ok(false) => _ = self.counted.insert(place),
                    Err(error) => self.forget(&error),
                },
                Err(error) => self.forget(&error),
            }
        }
        repeated
    }

    /// Goes on without a memory: what is judged on the present state alone can still be done.
    pub(super) fn forget(&mut self, error: &StateError) {
        self.remembers = false;
        self.fail(format!("the state {} cannot be used: {error}", self.ports.state.place()));
    }

    /// Marks as done what was answered; what failed is left for another try.
    pub(super) fn finish(&mut self, calls: &[(usize, &ApiCall)]) {
        if !self.remembers {
            for (place, _) in calls {
                let judged = self.response.events.get(*place).is_some_and(|event| event.handled == Handled::Judged);
                if judged {
                    let why = "what was done could not be remembered".to_owned();
                    self.handled(*place, Handled::Failed { why });
                }
            }
            return;
        }
        let failed = |place: &usize| {
            let event = self.response.events.get(*place);
            event.is_some_and(|event| matches!(event.handled, Handled::Failed { .. }))
        };
        let done = calls.iter().filter(|(place, _)| !failed(place));
        let keys: Vec<String> = done.map(|(_, call)| key(self.settings.enforce, &call.id)).collect();
        let puts = keys.into_iter().map(|key| Write::Put { key, value: self.record(true), on: Some(1) });
        for answer in self.ports.state.write(&puts.collect::<Vec<_>>()) {
            match answer {
                // Another run marked it meanwhile, or it was marked by an earlier dry run.
                Ok(()) | Err(StateError::Conflict { .. }) => {}
                Err(error) => self.fail(error.to_string()),
            }
        }
    }

    fn record(&self, done: bool) -> String {
        let expires = self.now.checked_add(KNOWN_FOR).unwrap_or(Timestamp::MAX).as_second();
        let record = Record { schema_version: SCHEMA_VERSION.to_owned(), at: self.now, done, expires };
        serde_json::to_string(&record).unwrap_or_default()
    }
}

fn is_done(state: &dyn KeyValue, key: &str) -> Result<bool, StateError> {
    let Some(entry) = state.get(key)? else { return Ok(false) };
    let record: Record = serde_json::from_str(&entry.value).map_err(|error| {
        StateError::Damaged(format!("`{key}` in the state {} cannot be understood: {error}", state.place()))
    })?;
    Ok(record.done)
}

/// Forgets events that nobody delivers any more. A table does it by itself.
///
/// # Errors
/// Where the state fails.
pub fn prune(state: &dyn KeyValue, now: Timestamp) -> Result<(), StateError> {
    let is_old =
        |value: &str| serde_json::from_str::<Record>(value).is_ok_and(|record| record.expires < now.as_second());
    let old = state.scan(PREFIX)?.into_iter().filter(|(_, entry)| is_old(&entry.value));
    let writes: Vec<Write> = old.map(|(key, _)| Write::Delete { key }).collect();
    state.write(&writes).into_iter().collect()
}
