//! One finding a line, each in the form that the JSON document gives it.

use std::io;

use serde::Serialize as _;

use crate::json::v1::Finding;
use crate::report::Report;
use crate::sanitise::compact_json;

/// Writes the listed findings.
///
/// # Errors
/// Where `out` fails.
pub fn render(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    for entry in report.listed() {
        let mut serializer = serde_json::Serializer::with_formatter(&mut *out, compact_json());
        Finding::of(&entry).serialize(&mut serializer)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
