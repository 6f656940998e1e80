//! One row a line, for spreadsheets.

use std::borrow::Cow;
use std::io;

use super::{push_address, push_number, sums};
use crate::digest::Digest;
use crate::key::Value;

/// Writes a line of names and the rows. What is absent is empty; texts pass through `clean`, which keeps a spreadsheet
/// from taking them for formulas.
///
/// # Errors
/// Where `out` fails.
pub fn csv(digest: &Digest, clean: impl Fn(&str) -> Cow<'_, str> + Sync, out: &mut impl io::Write) -> io::Result<()> {
    let mut head = ::csv::WriterBuilder::new().from_writer(Vec::new());
    let sums_names = ["flows", "packets", "bytes", "first", "last"].map(str::to_owned);
    let names = digest.rows.fields().iter().map(|field| clean(&field.key()).into_owned()).chain(sums_names);
    head.write_record(names).map_err(io::Error::other)?;
    out.write_all(&head.into_inner().map_err(|error| io::Error::other(error.to_string()))?)?;
    digest.rows.write(out, b"", |row, text| {
        for value in row.values() {
            match value {
                Value::Absent => {}
                Value::Number(number) => push_number(text, number),
                Value::Address(address) => push_address(text, address),
                Value::Text(value) => quoted(&clean(&String::from_utf8_lossy(value)), text),
            }
            text.push(b',');
        }
        for (index, (_, sum)) in sums(row).into_iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            if let Some(sum) = sum {
                push_number(text, sum);
            }
        }
        text.push(b'\n');
    })
}

/// Appends a text, in quotes where it needs them (RFC 4180).
fn quoted(value: &str, text: &mut Vec<u8>) {
    if !value.contains([',', '"', '\n', '\r']) {
        text.extend_from_slice(value.as_bytes());
        return;
    }
    text.push(b'"');
    text.extend_from_slice(value.replace('"', "\"\"").as_bytes());
    text.push(b'"');
}
