//! YAML of templates: block style, and quotes where a plain word would be read as something else.

use serde_json::Value;

/// Writes a value as a document.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                indent(depth, out);
                out.push_str(&scalar(key));
                out.push(':');
                nested(value, depth + 1, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                indent(depth, out);
                match item {
                    Value::Object(fields) if !fields.is_empty() => {
                        // The first field stands behind the dash, the others below it.
                        let mut text = String::new();
                        block(item, depth + 1, &mut text);
                        out.push_str("- ");
                        out.push_str(text.trim_start_matches(' '));
                    }
                    other => {
                        out.push('-');
                        nested(other, depth + 1, out);
                    }
                }
            }
        }
        other => {
            out.push_str(&plain(other));
            out.push('\n');
        }
    }
}

/// What stands behind a key or a dash.
fn nested(value: &Value, depth: usize, out: &mut String) {
    let is_block = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        out.push('\n');
        block(value, depth, out);
    } else {
        out.push(' ');
        out.push_str(&plain(value));
        out.push('\n');
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// A string as a plain word where every YAML parser reads it as that string, else in double quotes as JSON has it.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let first = text.chars().next().unwrap_or(' ');
    // A plain word begins with a letter, or is a block of addresses: nothing that a parser would take for a number.
    let begins = first.is_ascii_alphabetic() || first.is_ascii_digit() && is_ipv4_block(text);
    let goes_on = text.chars().all(|c| c.is_ascii_alphanumeric() || " -_./()=+@:".contains(c));
    // A colon that a space follows makes a key.
    let ends = !text.ends_with([' ', ':']) && !text.contains(": ");
    let word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if begins && goes_on && ends && !word { text.to_owned() } else { Value::from(text).to_string() }
}

fn is_ipv4_block(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, _)| address.bytes().filter(|byte| *byte == b'.').count() == 3)
}
