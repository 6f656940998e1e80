//! What settings and state have in common: TOML with a version, and errors with places.

use std::ops::Range;
use std::sync::Arc;

use portcullis_formats::diagnostics::{Diagnostic, Diagnostics, Source, Span};
use serde::de::DeserializeOwned;

use crate::error::Error;

/// The version that is written and read.
pub(crate) const SCHEMA_VERSION: &str = "1";

fn span(range: Option<Range<usize>>) -> Span {
    range.map(|range| Span::new(range.start, range.end)).unwrap_or_default()
}

/// Reads a document, and gives it with its source for further messages.
pub(crate) fn read<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<(T, Arc<Source>), Error> {
    let source = Arc::new(Source::new(name, bytes)?);
    let failed = |error: toml::de::Error| {
        let message = error.message().lines().next().unwrap_or("this is no TOML").to_owned();
        let error = Diagnostic::error(span(error.span()), message);
        let conflict = source.text().lines().any(|line| line.starts_with("<<<<<<< "));
        let help = conflict.then(|| "two versions of the file are to be merged: keep one of each pair".to_owned());
        Error::Files(Diagnostics::of(&source, vec![Diagnostic { help, ..error }]))
    };
    let table: toml::Table = toml::from_str(source.text()).map_err(failed)?;
    // A newer file may have keys that mean nothing here: its version is what is to be said of it.
    let version = table.get("schema_version").map_or_else(|| SCHEMA_VERSION.to_owned(), version_text);
    if version != SCHEMA_VERSION {
        let place = place_of(source.text(), "schema_version");
        let message = format!("`schema_version` is `{version}`, and this program reads `{SCHEMA_VERSION}`");
        let error = Diagnostic::error(place, message).help("a newer portcullis wrote the file: update the program");
        return Err(Error::Files(Diagnostics::of(&source, vec![error])));
    }
    let value = toml::from_str(source.text()).map_err(failed)?;
    Ok((value, source))
}

fn version_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The line on which a key is set, as far as it can be told; else the file's beginning.
pub(crate) fn place_of(text: &str, key: &str) -> Span {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start().strip_prefix(key).or_else(|| {
            line.trim_start()
                .strip_prefix('"')
                .and_then(|line| line.strip_prefix(key))
                .and_then(|line| line.strip_prefix('"'))
        });
        if rest.is_some_and(|rest| rest.trim_start().starts_with('=')) {
            return Span::new(start, start + line.trim_end().len());
        }
        start += line.len();
    }
    Span::default()
}
