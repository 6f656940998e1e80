//! JSON, version 1: one document, or one row a line.

use std::io;

use super::{push_address, push_number, sums};
use crate::digest::Digest;
use crate::key::Value;
use crate::rows::Row;

/// Writes the digest as one document.
///
/// # Errors
/// Where `out` fails.
pub fn json(digest: &Digest, out: &mut impl io::Write) -> io::Result<()> {
    let counts = &digest.counts;
    write!(
        out,
        "{{\"schema_version\":\"1\",\"records\":{},\"nodata\":{},\"skipdata\":{},\"malformed\":{},\"rows\":[",
        counts.records, counts.nodata, counts.skipdata, counts.malformed
    )?;
    let keys = keys(digest);
    digest.rows.write(out, b",", |row, text| {
        text.push(b'\n');
        object(row, &keys, text);
    })?;
    out.write_all(b"]}\n")
}

/// Writes one row a line.
///
/// # Errors
/// Where `out` fails.
pub fn ndjson(digest: &Digest, out: &mut impl io::Write) -> io::Result<()> {
    let keys = keys(digest);
    digest.rows.write(out, b"", |row, text| {
        object(row, &keys, text);
        text.push(b'\n');
    })
}

/// The names of the fields as they stand before their values.
fn keys(digest: &Digest) -> Vec<Vec<u8>> {
    let quoted = |name: String| {
        let mut key = Vec::new();
        push_text(&mut key, name.as_bytes());
        key.push(b':');
        key
    };
    digest.rows.fields().iter().map(|field| quoted(field.key())).collect()
}

fn object(row: &Row<'_>, keys: &[Vec<u8>], text: &mut Vec<u8>) {
    text.push(b'{');
    for (key, value) in keys.iter().zip(row.values()) {
        text.extend_from_slice(key);
        match value {
            Value::Absent => text.extend_from_slice(b"null"),
            Value::Number(number) => push_number(text, number),
            Value::Address(address) => {
                text.push(b'"');
                push_address(text, address);
                text.push(b'"');
            }
            Value::Text(value) => push_text(text, value),
        }
        text.push(b',');
    }
    for (index, (name, sum)) in sums(row).into_iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.push(b'"');
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b"\":");
        match sum {
            Some(sum) => push_number(text, sum),
            None => text.extend_from_slice(b"null"),
        }
    }
    text.push(b'}');
}

/// Appends a string. What is not plain ASCII is spelled out, so that nothing in it can act on a terminal.
fn push_text(text: &mut Vec<u8>, value: &[u8]) {
    text.push(b'"');
    for character in String::from_utf8_lossy(value).chars() {
        match character {
            '"' | '\\' => text.extend_from_slice(&[b'\\', character as u8]),
            ' '..='~' => text.push(character as u8),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    text.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }
    text.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_strings_that_do_nothing() {
        let text = |value: &str| {
            let mut text = Vec::new();
            push_text(&mut text, value.as_bytes());
            (String::from_utf8_lossy(&text).into_owned(), serde_json::from_slice::<String>(&text).ok())
        };
        for value in ["eni-0a", "a\"b\\c", "\u{1b}[31m", "\u{202e}x", "🦀", ""] {
            let (json, read) = text(value);
            assert_eq!(read.as_deref(), Some(value));
            assert!(json.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{json}");
        }
    }
}
