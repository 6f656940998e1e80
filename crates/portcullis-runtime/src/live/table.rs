//! State in a table of Amazon DynamoDB, which several machines share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portcullis_cloud::api::{Cloud, Conditional, Datum, Item, Table};
use portcullis_cloud::error::{Error, Kind};
use portcullis_cloud::patience::{Backoff, repeated};
use portcullis_cloud::tasks::outcome;
use tokio::task::JoinSet;

use super::Handle;
use crate::state::{KeyValue, StateError, Versioned, Write};

/// So many items are read at once.
const AT_ONCE: usize = 32;
/// How long reading one of many items is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A table with the text hash key `pk`. An item holds `value` and `version`, and `expires` where its value says
/// when it may be forgotten.
#[derive(Debug)]
pub struct TableState {
    table: Arc<dyn Table>,
    name: String,
    handle: Handle,
}

impl TableState {
    /// The table of this name in the home Region.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn open(cloud: &dyn Cloud, handle: Handle, name: &str) -> Result<Self, StateError> {
        let table = handle.block_on(cloud.table(name, None)).map_err(|error| StateError::Failed(error.to_string()))?;
        Ok(Self { table, name: name.to_owned(), handle })
    }

    fn versioned(&self, item: &Item) -> Result<(String, Versioned), StateError> {
        match (item.get("pk"), item.get("value"), item.get("version")) {
            (Some(Datum::Text(key)), Some(Datum::Text(value)), Some(Datum::Number(version))) => {
                Ok((key.clone(), Versioned { value: value.clone(), version: *version }))
            }
            _ => Err(StateError::Damaged(format!(
                "an item of {} has no `value` and `version`: give `--state` a table of its own",
                self.place()
            ))),
        }
    }
}

/// When a value may be forgotten, where it says so itself: a number `expires` in Unix seconds, for the table's TTL.
fn expires(value: &str) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Expiring {
        expires: i64,
    }
    serde_json::from_str::<Expiring>(value).ok().map(|value| value.expires)
}

fn failed(error: &Error) -> StateError {
    StateError::Failed(error.to_string())
}

impl KeyValue for TableState {
    fn get(&self, key: &str) -> Result<Option<Versioned>, StateError> {
        let item = self.handle.block_on(self.table.get(key)).map_err(|error| failed(&error))?;
        item.map(|item| self.versioned(&item).map(|(_, value)| value)).transpose()
    }

    /// Item by item, side by side: the keys of one account and Region have no order in the table.
    fn get_all(&self, keys: &[String]) -> Result<BTreeMap<String, Versioned>, StateError> {
        let read = async {
            let (mut items, mut reading, mut keys) = (Vec::new(), JoinSet::new(), keys.iter().cloned());
            loop {
                for key in keys.by_ref().take(AT_ONCE - reading.len()) {
                    let table = Arc::clone(&self.table);
                    reading.spawn(async move { repeated(&mut Backoff::new(PATIENCE), || table.get(&key)).await });
                }
                match reading.join_next().await {
                    Some(ended) => items.extend(outcome(ended).await?),
                    None => return Ok::<_, Error>(items),
                }
            }
        };
        let items = self.handle.block_on(read).map_err(|error| failed(&error))?;
        items.iter().map(|item| self.versioned(item)).collect()
    }

    fn scan(&self, prefix: &str) -> Result<BTreeMap<String, Versioned>, StateError> {
        let (mut found, mut next) = (BTreeMap::new(), None);
        loop {
            let page = self.handle.block_on(self.table.scan(prefix, next.clone())).map_err(|error| failed(&error))?;
            for item in &page.items {
                let (key, value) = self.versioned(item)?;
                found.insert(key, value);
            }
            match page.next {
                Some(after) if Some(&after) != next.as_ref() => next = Some(after),
                Some(_) => return Err(StateError::Failed(format!("the pages of {} have no end", self.place()))),
                None => return Ok(found),
            }
        }
    }

    fn write(&self, writes: &[Write]) -> Vec<Result<(), StateError>> {
        let write = |write: &Write| match write {
            Write::Put { key, value, on } => {
                let only = on.map_or(Conditional::New, Conditional::Version);
                let mut item = Item::from([
                    ("pk".to_owned(), Datum::Text(key.clone())),
                    ("value".to_owned(), Datum::Text(value.clone())),
                    ("version".to_owned(), Datum::Number(on.unwrap_or(0).saturating_add(1))),
                ]);
                item.extend(expires(value).map(|at| ("expires".to_owned(), Datum::Number(at))));
                let put = self.handle.block_on(self.table.put(&item, &only));
                put.map_err(|error| match error.kind {
                    Kind::Condition => StateError::Conflict { key: key.clone() },
                    _ => failed(&error),
                })
            }
            Write::Delete { key } => self.handle.block_on(self.table.delete(key)).map_err(|error| failed(&error)),
        };
        writes.iter().map(write).collect()
    }

    fn place(&self) -> String {
        format!("`dynamodb://{}`", self.name)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use portcullis_cloud::model::World;

    use super::*;

    #[test]
    fn of_two_writes_on_one_version_the_second_is_told() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let cloud = World::new();
        cloud.add_table("portcullis");
        let state = TableState::open(&cloud, runtime.handle().clone().into(), "portcullis").unwrap();
        let put = |value: &str, on| Write::Put { key: "sight/a".to_owned(), value: value.to_owned(), on };
        let conflict = || Err(StateError::Conflict { key: "sight/a".to_owned() });
        assert_eq!(state.write(&[put("1", None), put("2", None)]), [Ok(()), conflict()]);
        assert_eq!(state.write(&[put("3", Some(1)), put("4", Some(1))]), [Ok(()), conflict()]);
        let expected = Versioned { value: "3".to_owned(), version: 2 };
        assert_eq!(state.get("sight/a").unwrap(), Some(expected.clone()));
        assert_eq!(state.scan("sight/").unwrap(), BTreeMap::from([("sight/a".to_owned(), expected)]));
        assert_eq!(state.scan("other/").unwrap(), BTreeMap::new());
        let more: Vec<Write> = (0..70)
            .map(|number| Write::Put { key: format!("more/{number}"), value: number.to_string(), on: None })
            .collect();
        assert!(state.write(&more).iter().all(Result::is_ok));
        let keys: Vec<String> = (0..100).map(|number| format!("more/{number}")).collect();
        assert_eq!(state.get_all(&keys).unwrap(), state.scan("more/").unwrap());
        let delete = Write::Delete { key: "sight/a".to_owned() };
        assert_eq!(state.write(&[delete.clone(), delete]), [Ok(()), Ok(())]);
        assert_eq!(state.get("sight/a").unwrap(), None);
    }
}
