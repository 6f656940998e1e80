//! The report as one JSON document.

pub mod v1;

use std::io;

use serde::{Serialize, Serializer};

use crate::report::Report;
use crate::sanitise::pretty_json;

/// Writes the document, indented, with a newline at its end. Findings are written one by one, so that memory does not grow
/// with their text.
///
/// # Errors
/// Where `out` fails.
pub fn render(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let findings = Each(|| report.listed().map(|entry| v1::Finding::of(&entry)));
    write_pretty(&v1::document(report, findings), out)
}

/// Writes a value as an indented document with a newline at its end.
pub(crate) fn write_pretty(value: &impl Serialize, out: &mut impl io::Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, pretty_json());
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// A list whose items are made while it is written.
pub(crate) struct Each<F>(pub(crate) F);

impl<F, I> Serialize for Each<F>
where
    F: Fn() -> I,
    I: Iterator,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}
