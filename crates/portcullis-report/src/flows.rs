//! What flow logs say of rules: what a change would cut, which rules are used, what would be enough.

pub mod risk;
pub mod suggest;
pub mod usage;

use std::io;

use jiff::Timestamp;
use portcullis_core::net::Protocol;

use crate::sanitise::{cell, neutral};

/// The version of the JSON of these reports.
const SCHEMA_VERSION: &str = "1";

/// A time as programs read it; null of what no clock says.
fn time(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

/// A time as people read it.
pub(crate) fn short_time(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).ok();
    time.map(|time| time.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}

/// `443/tcp`; a protocol without ports by its name or number alone.
pub(crate) fn port(protocol: u8, port: u16) -> String {
    let protocol = Protocol(protocol);
    if protocol.has_ports() { format!("{port}/{protocol}") } else { protocol.to_string() }
}

/// Lines of cells under headings, as reports of flow logs have always looked. Numbers stand at the right.
fn columns(heads: &[&str], numbers: usize, lines: &[Vec<String>], out: &mut impl io::Write) -> io::Result<()> {
    let lines: Vec<Vec<String>> =
        lines.iter().map(|line| line.iter().map(|cell| neutral(cell).into_owned()).collect()).collect();
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(index, head)| {
            let cells = lines.iter().filter_map(|line| line.get(index)).map(|cell| cell.chars().count());
            cells.max().unwrap_or_default().max(head.chars().count() + 2)
        })
        .collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).enumerate().map(|(index, (cell, width))| {
            if index < numbers { format!("{cell:>width$}") } else { format!("{cell:width$}") }
        });
        writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    line(&mut heads.iter().copied())?;
    line(&mut rules.iter().map(String::as_str))?;
    lines.iter().try_for_each(|cells| line(&mut cells.iter().map(String::as_str)))
}

/// A header and rows; no cell can be a formula or carry a control character.
fn csv(heads: &[&str], rows: impl Iterator<Item = Vec<String>>, out: &mut impl io::Write) -> io::Result<()> {
    let mut writer = ::csv::Writer::from_writer(out);
    let failed = |error: ::csv::Error| match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    };
    writer.write_record(heads).map_err(failed)?;
    for row in rows {
        let cells: Vec<_> = row.iter().map(|text| cell(text)).collect();
        writer.write_record(cells.iter().map(|text| text.as_bytes())).map_err(failed)?;
    }
    writer.flush()
}

/// The span of time that logs cover, in words: `3 days`, `5 hours`.
pub fn span(from: i64, to: i64) -> String {
    let seconds = to.saturating_sub(from).max(0);
    let (number, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}
