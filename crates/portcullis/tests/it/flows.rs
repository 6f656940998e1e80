//! `flows`: forms, columns, selection, what is wrong with inputs, exit codes.

mod aws;
mod ddl;
mod digest;
mod duckdb;
mod inputs;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::harness::{Place, Run};

pub(crate) const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                                 start end action log-status";

/// A record of version 2.
pub(crate) fn record(source: &str, destination: &str, action: &str, start: u64) -> String {
    let end = start + 60;
    format!("2 111122223333 eni-0a {source} {destination} 40000 443 6 10 840 {start} {end} {action} OK")
}

/// A window without traffic, or of which records were lost.
pub(crate) fn window(status: &str) -> String {
    format!("2 111122223333 eni-0a - - - - - - - 1700000000 1700000060 - {status}")
}

/// Lines with their ends.
pub(crate) fn text(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes.as_ref()).unwrap();
    out.finish().unwrap()
}

/// Runs `flows digest --format json`.
pub(crate) fn digest(place: &Place, args: &[&str]) -> (Run, Value) {
    let mut all = vec!["flows", "digest", "--format", "json"];
    all.extend_from_slice(args);
    let run = place.run(&all);
    let document = serde_json::from_str(&run.stdout).unwrap_or(Value::Null);
    (run, document)
}

/// The rows as `flows srcaddr dstaddr action`.
pub(crate) fn rows(document: &Value) -> Vec<String> {
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or("null").to_owned();
    let rows = document["rows"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            format!("{} {} {} {}", row["flows"], word(row, "srcaddr"), word(row, "dstaddr"), word(row, "action"))
        })
        .collect()
}

/// The words of a command line; single quotes hold blanks together.
pub(crate) fn words(line: &str) -> Vec<String> {
    let pieces = line.split('\'').enumerate();
    pieces
        .flat_map(|(index, piece)| match index % 2 {
            0 => piece.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
            _ => vec![piece.to_owned()],
        })
        .collect()
}
