//! A table of Amazon DynamoDB.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;

use super::send::send;
use crate::api::{Conditional, Datum, Item, Page, Table};
use crate::calls::Call;
use crate::error::{Error, Kind, Result};

/// The hash key.
const KEY: &str = "pk";

/// One table.
#[derive(Debug)]
pub(super) struct Door {
    client: aws_sdk_dynamodb::Client,
    name: String,
}

impl Door {
    pub(super) fn new(config: &SdkConfig, name: &str) -> Self {
        Self { client: aws_sdk_dynamodb::Client::new(config), name: name.to_owned() }
    }
}

#[async_trait]
impl Table for Door {
    async fn get(&self, key: &str) -> Result<Option<Item>> {
        let request = self.client.get_item().table_name(&self.name).key(KEY, text(key)).consistent_read(true);
        let answer = send!(GetItem, request)?;
        answer.item.map(|item| ours(Call::GetItem, item)).transpose()
    }

    async fn put(&self, item: &Item, only: &Conditional) -> Result<()> {
        let request = self.client.put_item().table_name(&self.name).set_item(Some(theirs(item)));
        // Names stand behind `#` since some of them are words of DynamoDB's own language.
        let request = match only {
            Conditional::Always => request,
            Conditional::New => {
                request.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", KEY)
            }
            Conditional::Version(version) => request
                .condition_expression("#v = :v")
                .expression_attribute_names("#v", "version")
                .expression_attribute_values(":v", number(*version)),
        };
        send!(PutItem, request).map(drop)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let request = self.client.delete_item().table_name(&self.name).key(KEY, text(key));
        send!(DeleteItem, request).map(drop)
    }

    async fn scan(&self, prefix: &str, next: Option<String>) -> Result<Page<Item>> {
        let mut request = self.client.scan().table_name(&self.name).consistent_read(true);
        if !prefix.is_empty() {
            request = request
                .filter_expression("begins_with(#k, :p)")
                .expression_attribute_names("#k", KEY)
                .expression_attribute_values(":p", text(prefix));
        }
        if let Some(next) = next {
            request = request.exclusive_start_key(KEY, AttributeValue::S(next));
        }
        let answer = send!(ScanTable, request)?;
        let items = answer.items.unwrap_or_default().into_iter().map(|item| ours(Call::ScanTable, item));
        let next = answer.last_evaluated_key.and_then(|mut key| match key.remove(KEY) {
            Some(AttributeValue::S(key)) => Some(key),
            _ => None,
        });
        Ok(Page { items: items.collect::<Result<_>>()?, next })
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn theirs(item: &Item) -> HashMap<String, AttributeValue> {
    let value = |datum: &Datum| match datum {
        Datum::Text(value) => text(value),
        Datum::Number(value) => number(*value),
    };
    item.iter().map(|(name, datum)| (name.clone(), value(datum))).collect()
}

/// An item as we know them. One that somebody else wrote in other types cannot be understood, and is not ours to drop.
fn ours(call: Call, item: HashMap<String, AttributeValue>) -> Result<Item> {
    let datum = |name: String, value| {
        let datum = match value {
            AttributeValue::S(text) => Some(Datum::Text(text)),
            AttributeValue::N(number) => number.parse().ok().map(Datum::Number),
            _ => None,
        };
        let strange = || Error::new(Kind::Answer, call.action(), format!("attribute `{name}` is of another type"));
        Ok((name.clone(), datum.ok_or_else(strange)?))
    };
    item.into_iter().map(|(name, value)| datum(name, value)).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn an_item_goes_and_comes_back_the_same() {
        let item =
            Item::from([("pk".to_owned(), Datum::Text("a".to_owned())), ("version".to_owned(), Datum::Number(-7))]);
        assert_eq!(ours(Call::GetItem, theirs(&item)).unwrap(), item);
    }

    #[test]
    fn an_item_of_somebody_else_is_an_error() {
        for value in [AttributeValue::Bool(true), AttributeValue::N("1.5".to_owned())] {
            let item = HashMap::from([("x".to_owned(), value)]);
            assert_eq!(ours(Call::GetItem, item).unwrap_err().kind, Kind::Answer);
        }
    }
}
