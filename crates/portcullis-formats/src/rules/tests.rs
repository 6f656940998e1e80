#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod bad_input;
mod errors;
mod forms;
mod round_trip;

use portcullis_core::model::Rule;

use super::{Read, parse};

/// Reads one file called `rules.pysec`.
fn read(text: &str) -> Read {
    parse([("rules.pysec", text.as_bytes())]).unwrap()
}

/// What a line means, as sentences.
fn meaning(text: &str) -> Vec<String> {
    read(text).set.rules.iter().map(Rule::to_string).collect()
}

/// What is said of a text that is wrong, or only unusual.
fn said(text: &str) -> String {
    match parse([("rules.pysec", text.as_bytes())]) {
        Ok(read) => read.warnings.to_string(),
        Err(errors) => errors.to_string(),
    }
}
