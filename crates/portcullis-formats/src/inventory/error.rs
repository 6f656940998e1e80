//! What is wrong with the files that were given.

use std::fmt;

/// How many errors are told one by one.
pub(super) const MAX_ERRORS: usize = 20;

/// How long a message may be: a hostile file can hold a name of any length.
const MAX_MESSAGE: usize = 400;

/// One thing that is wrong with one source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct ReadError {
    /// Which input, counted as they were read.
    pub(super) place: Place,
    /// The input's name as the user would write it.
    pub source_name: String,
    /// What is wrong and what was expected, without control characters.
    pub message: String,
}

/// A place in the inputs. Ordered as a reader would come upon them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index of the source.
    pub(super) source: u32,
    /// From 1; 0 where the fault is of the file as a whole.
    pub(super) line: u64,
    /// In characters, from 1.
    pub(super) column: u64,
}

impl ReadError {
    /// The line, from 1; 0 where the fault is of the file as a whole.
    pub fn line(&self) -> u64 {
        self.place.line
    }

    /// The column in characters, from 1; 0 where the fault is of the file as a whole.
    pub fn column(&self) -> u64 {
        self.place.column
    }
}

impl fmt::Display for ReadError {
    /// `inventory.json:12:7: what is wrong`, as editors and terminals recognise it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.source_name))?;
        if self.place.line > 0 {
            write!(f, ":{}:{}", self.place.line, self.place.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Everything that is wrong with the sources; nothing was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct ReadErrors {
    /// The first ones, in the order of the files.
    pub errors: Vec<ReadError>,
    /// How many more there are.
    pub more: usize,
}

impl fmt::Display for ReadErrors {
    /// One error a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "\n" })?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl ReadErrors {
    /// Adds one. Those of one reader come in the order of the file, so the ones kept are the first; the place of the
    /// others is not even looked for.
    pub(super) fn add(&mut self, place: impl FnOnce() -> Place, message: &str) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(ReadError { place: place(), source_name: String::new(), message: printable(message) });
        } else {
            self.more += 1;
        }
    }

    /// Takes over those of another reader.
    pub(super) fn merge(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.more += other.more;
    }

    /// Puts them in order, names their sources and keeps the first.
    pub(super) fn finish(mut self, sources: &[String]) -> Self {
        self.errors.sort();
        self.more += self.errors.len().saturating_sub(MAX_ERRORS);
        self.errors.truncate(MAX_ERRORS);
        for error in &mut self.errors {
            let source = sources.get(error.place.source as usize);
            error.source_name = source.cloned().unwrap_or_default();
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }
}

/// What a terminal may be given of a text from outside: no control characters, no endless names.
fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut shown = String::with_capacity(text.len().min(MAX_MESSAGE));
    for c in text.chars() {
        if shown.len() >= MAX_MESSAGE {
            shown.push('…');
            break;
        }
        if hidden(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}
