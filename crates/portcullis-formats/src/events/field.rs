//! Fields of an event, by their path, with errors that name it.

use jiff::Timestamp;
use serde_json::Value;

use super::EventError;

/// The longest text that is taken from an event; names and ids of AWS are shorter.
const LONGEST: usize = 2_048;

/// An object of an event, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'v> {
    path: &'static str,
    value: Option<&'v Value>,
}

impl<'v> Field<'v> {
    pub(super) fn new(path: &'static str, value: &'v Value) -> Self {
        Self { path, value: Some(value) }
    }

    /// What stands under a key; absent and null are the same.
    pub(super) fn get(&self, key: &str) -> Option<&'v Value> {
        self.value?.get(key).filter(|value| !value.is_null())
    }

    /// The object under a key.
    pub(super) fn at(&self, path: &'static str, key: &str) -> Self {
        Self { path, value: self.get(key) }
    }

    pub(super) fn exists(&self) -> bool {
        self.value.is_some()
    }

    /// The text under a key; empty where there is none.
    pub(super) fn text(&self, key: &str) -> Result<&'v str, EventError> {
        match self.get(key) {
            None => Ok(""),
            Some(Value::String(text)) if text.len() <= LONGEST => Ok(text),
            Some(Value::String(text)) => Err(self.wrong(key, &format!("is too long: {} bytes", text.len()))),
            Some(_) => Err(self.wrong(key, "is no text")),
        }
    }

    /// The texts under a key: one, or a list of them.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<&'v str>, EventError> {
        match self.get(key) {
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().filter(|text| text.len() <= LONGEST))
                .map(|text| text.ok_or_else(|| self.wrong(key, "holds something that is no text")))
                .collect(),
            _ => Ok(Some(self.text(key)?).filter(|text| !text.is_empty()).into_iter().collect()),
        }
    }

    /// The whole number under a key, which CloudTrail may write as text.
    pub(super) fn number(&self, key: &str) -> Result<Option<i64>, EventError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Number(number)) if number.as_i64().is_some() => Ok(number.as_i64()),
            Some(Value::String(text)) if text.parse::<i64>().is_ok() => Ok(text.parse().ok()),
            Some(_) => Err(self.wrong(key, "is no whole number")),
        }
    }

    pub(super) fn time(&self, key: &str) -> Result<Option<Timestamp>, EventError> {
        let text = self.text(key)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| self.wrong(key, "is no time: RFC 3339 is expected"))
    }

    /// The objects of CloudTrail's lists, which are `{"items": […]}`; bare lists and single objects are taken too.
    pub(super) fn items(&self, path: &'static str, key: &str) -> Result<Vec<Field<'v>>, EventError> {
        let Some(list) = self.get(key) else { return Ok(Vec::new()) };
        let list = list.get("items").unwrap_or(list);
        match list {
            Value::Array(items) => Ok(items.iter().map(|item| Self::new(path, item)).collect()),
            // An empty list is `{}`.
            Value::Object(one) if one.is_empty() => Ok(Vec::new()),
            Value::Object(_) => Ok(vec![Self::new(path, list)]),
            Value::Null => Ok(Vec::new()),
            _ => Err(self.wrong(key, "is no list")),
        }
    }

    pub(super) fn wrong(&self, key: &str, why: &str) -> EventError {
        let path = if self.path.is_empty() { String::new() } else { format!("{}.", self.path) };
        EventError(format!("`{path}{key}` of the event {why}"))
    }
}

/// Twelve digits.
pub(super) fn account(text: &str) -> Result<String, EventError> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(EventError(format!("`{}` is no account of an event: twelve digits are expected", short(text))))
    }
}

/// The name of a Region, which goes into names of hosts and files.
pub(super) fn region(text: &str) -> Result<String, EventError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.len() <= 32 && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(EventError(format!("`{}` is no Region of an event: a name such as `eu-west-1` is expected", short(text))))
    }
}

/// An id of EC2: a prefix, and letters or digits.
pub(super) fn id(prefix: &str, text: &str) -> Result<String, EventError> {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    if !rest.is_empty() && rest.len() <= 64 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(text.to_owned())
    } else {
        Err(EventError(format!("`{}` is no id of an event: `{prefix}…` is expected", short(text))))
    }
}

/// A text as messages quote it.
pub(super) fn short(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    if text.chars().count() > 60 { format!("{clean}…") } else { clean }
}
