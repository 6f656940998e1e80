//! Answers that fit: a state machine takes 256 KB, an event of a log 256 KB, and whoever calls a function 6 MB.
//! Source: AWS Step Functions and AWS Lambda Developer Guides, "Quotas"; Amazon CloudWatch Logs User Guide, "quotas".

use std::io::Write as _;

use serde_json::{Value, json};

/// The longest answer, with room for what the one who asks puts around it.
const MOST_BYTES: usize = 200 * 1024;
/// So many rows of a list are tried, the most first.
const ROWS: [usize; 4] = [1_000, 100, 10, 1];
/// The longest text where nothing else helps.
const TEXT: usize = 1_000;

/// The answer, or as much of it as fits: lists are cut, and each says how many rows were left out.
pub(crate) fn fitted(document: Value) -> Value {
    let fits = |document: &Value| document.to_string().len() <= MOST_BYTES;
    if fits(&document) {
        return document;
    }
    let cut = ROWS.into_iter().map(|rows| shortened(&document, rows)).find(fits);
    cut.unwrap_or_else(|| json!({ "truncated": "the answer is too long: the function's reports and notices tell it" }))
}

fn shortened(value: &Value, rows: usize) -> Value {
    match value {
        Value::Array(all) => {
            let mut cut: Vec<Value> = all.iter().take(rows).map(|row| shortened(row, rows)).collect();
            if all.len() > rows {
                cut.push(json!(format!("and {} more", all.len() - rows)));
            }
            Value::Array(cut)
        }
        Value::Object(all) => all.iter().map(|(key, value)| (key.clone(), shortened(value, rows))).collect(),
        Value::String(text) => Value::String(cut(text)),
        other => other.clone(),
    }
}

/// A text of a length that somebody reads.
pub(crate) fn cut(text: &str) -> String {
    if text.len() <= TEXT { text.to_owned() } else { text.chars().take(TEXT).chain(['…']).collect() }
}

/// One line of JSON, for the function's log.
pub(crate) fn log(document: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{document}");
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn what_fits_is_left_as_it_is() {
        let document = json!({ "groups": [1, 2, 3], "failures": [] });
        assert_eq!(fitted(document.clone()), document);
    }

    #[test]
    fn what_does_not_fit_says_what_was_left_out() {
        let rows: Vec<String> = (0..50_000).map(|row| format!("group {row} in an account")).collect();
        let cut = fitted(json!({ "complete": false, "groups": 50_000, "failures": rows }));
        assert!(cut.to_string().len() <= MOST_BYTES);
        assert_eq!((&cut["complete"], &cut["groups"]), (&json!(false), &json!(50_000)));
        let failures = cut["failures"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(failures.last(), Some(&json!("and 49000 more")));
        // One that is nothing but long.
        let long = fitted(json!({ "why": "é".repeat(300_000) }));
        assert!(long.to_string().len() < 10_000 && long["why"].as_str().is_some_and(|why| why.ends_with('…')));
    }
}
