//! Reports: what the core found, as text for people and programs.
//!
//! Every renderer takes core values and writes to an [`io::Write`]; none reads a file, a clock or the environment. What is
//! written for programs goes through versioned structs of its own, so that the domain can change without breaking a reader.

use std::fmt;
use std::io;
use std::str::FromStr;

pub mod controls;
pub mod csv;
pub mod explain;
pub mod flows;
pub mod json;
pub mod markdown;
pub mod ndjson;
pub mod plan_diff;
pub mod report;
pub mod sanitise;
pub mod sarif;
pub mod table;
pub mod terminal;
mod traffic;
mod words;

pub use controls::{ControlDoc, PackDoc};
pub use report::Report;
pub use terminal::Terminal;

/// A format of a scan's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// For people at a terminal.
    Table,
    /// One document, versioned.
    Json,
    /// One finding a line, in the document's form.
    Ndjson,
    /// One finding a row.
    Csv,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// For a comment on a pull request.
    Markdown,
}

impl Format {
    /// All, the default first.
    pub const ALL: [Self; 6] = [Self::Table, Self::Json, Self::Ndjson, Self::Csv, Self::Sarif, Self::Markdown];

    /// The word of the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Sarif => "sarif",
            Self::Markdown => "markdown",
        }
    }

    /// Writes the report in this format. Only the table looks at `terminal`.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn render(self, report: &Report<'_>, terminal: Terminal, out: &mut impl io::Write) -> io::Result<()> {
        match self {
            Self::Table => table::render(report, terminal, out),
            Self::Json => json::render(report, out),
            Self::Ndjson => ndjson::render(report, out),
            Self::Csv => csv::render(report, out),
            Self::Sarif => sarif::render(report, out),
            Self::Markdown => markdown::render(report, out),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|format| format.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is no format: table, json, ndjson, csv, sarif or markdown is expected"))
    }
}
