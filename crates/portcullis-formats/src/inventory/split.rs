//! Cuts a stream of JSON documents into elements that can be understood one by one, on any thread, in bounded memory.
//!
//! A small document is one element. Of a large one, the entries of each list at its top are. Here only brackets and
//! strings are looked at; whether an element is JSON at all is for the one who reads it to say.

use std::io::{self, Read};
use std::ops::Range;

use super::element::{EXPECTED, Kind};
use super::error::{Place, ReadErrors};
use super::json::{MAX_DEPTH, TOO_DEEP, blanks, string_stop};
use crate::diagnostics::io_message;

/// How much is read at a time, and about how much one worker is given.
const CHUNK: usize = 1 << 20;

/// Up to this size a document is one element.
const SMALL: usize = 1 << 20;

/// No element may be larger. A group with 10,000 rules is some 3 MB.
const LARGEST: usize = 64 << 20;

/// Some elements, and the text that they stand in.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The text; it may go on after the last element.
    pub(super) text: Vec<u8>,
    /// Kind and place of each element, ascending.
    pub(super) elements: Vec<(Kind, Range<usize>)>,
    /// Where the text begins.
    pub(super) start: Place,
}

/// Where a place is that lies `text` further on.
pub(super) fn advance(from: Place, text: &[u8]) -> Place {
    match memchr::memrchr(b'\n', text) {
        None => Place { column: from.column + characters(text), ..from },
        Some(last) => {
            let lines = memchr::memchr_iter(b'\n', text).count() as u64;
            let column = 1 + characters(text.get(last + 1..).unwrap_or_default());
            Place { line: from.line + lines, column, ..from }
        }
    }
}

/// How many characters a text has: each has one byte that continues none. Counted in bytes' worth at a time, which the
/// compiler turns into vector instructions.
fn characters(text: &[u8]) -> u64 {
    let count = |part: &[u8]| part.iter().map(|b| u8::from(b & 0xc0 != 0x80)).sum::<u8>();
    text.chunks(255).map(|part| u64::from(count(part))).sum()
}

/// Why a source cannot be cut further.
#[derive(Debug)]
enum Stop {
    /// What stands at the current place is wrong.
    Fault(String),
    /// The stream itself failed.
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The end of a value.
enum End {
    At(usize),
    /// The text ends first.
    Beyond,
    /// It nests too deep here.
    TooDeep(usize),
}

/// Where the value that begins at `start` ends. A number or literal ends at the next byte that cannot belong to it.
fn value_end(text: &[u8], start: usize) -> End {
    let (mut at, mut depth) = (start, 0u32);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at += 1;
                loop {
                    at = string_stop(text, at);
                    match text.get(at) {
                        None => return End::Beyond,
                        Some(b'"') => break,
                        Some(b'\\') => at += 2,
                        Some(_) => at += 1,
                    }
                }
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return End::TooDeep(at);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b' ' | b'\n' | b'\r' | b'\t' => {
                at += blanks(text.get(at..).unwrap_or_default());
                continue;
            }
            b',' | b':' => {
                at += 1;
                continue;
            }
            _ if depth == 0 => {
                let length = text.get(at..).unwrap_or_default().iter().position(|b| b",]}: \n\r\t\"{[".contains(b));
                return length.map_or(End::Beyond, |length| End::At(at + length.max(1)));
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return End::At(at);
        }
    }
    End::Beyond
}

/// Reads one source and hands batches of elements on.
pub(super) struct Splitter<'a, R, F> {
    reader: R,
    /// Takes a batch and gives a buffer that is no longer needed.
    submit: F,
    errors: &'a mut ReadErrors,
    batch: Batch,
    at: usize,
    ended: bool,
    /// Whether the source ends within an element, which the one who reads that element says.
    cut_off: bool,
    documents: usize,
}

impl<'a, R: Read, F: FnMut(Batch) -> Vec<u8>> Splitter<'a, R, F> {
    pub(super) fn new(source: u32, reader: R, errors: &'a mut ReadErrors, submit: F) -> Self {
        let start = Place { source, line: 1, column: 1 };
        let batch = Batch { start, ..Batch::default() };
        Self { reader, submit, errors, batch, at: 0, ended: false, cut_off: false, documents: 0 }
    }

    /// Reads the source to its end, or to where it cannot be understood, which is noted.
    pub(super) fn run(mut self) {
        let stopped = self.documents();
        let here = advance(self.batch.start, self.batch.text.get(..self.at).unwrap_or_default());
        let whole = Place { line: 0, column: 0, ..here };
        match stopped {
            Ok(()) if self.documents == 0 => self.errors.add(|| whole, &format!("holds nothing: {EXPECTED} expected")),
            Ok(()) => {}
            Err(Stop::Fault(_)) if self.cut_off => {}
            Err(Stop::Fault(message)) => self.errors.add(|| here, &message),
            Err(Stop::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.errors.add(|| here, "the compressed data ends early, so the file seems cut off");
            }
            Err(Stop::Io(error)) => {
                self.errors.add(|| here, &format!("cannot be read further: {}", io_message(&error)))
            }
        }
        if !self.batch.elements.is_empty() {
            (self.submit)(self.batch);
        }
    }

    /// Any number of documents, each an object or a list of objects.
    fn documents(&mut self) -> Result<(), Stop> {
        self.byte_order_mark()?;
        while let Some(byte) = self.peek()? {
            match byte {
                b'{' => self.document()?,
                b'[' => self.list(Kind::Document, Self::document)?,
                _ => return Err(self.unexpected("a JSON object")),
            }
        }
        Ok(())
    }

    fn byte_order_mark(&mut self) -> Result<(), Stop> {
        self.more()?;
        let text = &self.batch.text;
        if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
            return Err(Stop::Fault("this is UTF-16: save it as UTF-8".to_owned()));
        }
        if text.starts_with("\u{feff}".as_bytes()) {
            // Taken out, so that columns are those that an editor shows.
            self.batch.text.drain(..3);
        }
        Ok(())
    }

    /// One object: whole if it is small, else taken apart.
    fn document(&mut self) -> Result<(), Stop> {
        if self.peek()? != Some(b'{') {
            return Err(self.unexpected("a JSON object"));
        }
        self.documents += 1;
        match self.value(SMALL)? {
            Some(end) => {
                self.push(Kind::Document, end);
                Ok(())
            }
            None => self.large_document(),
        }
    }

    fn large_document(&mut self) -> Result<(), Stop> {
        let start = advance(self.batch.start, self.batch.text.get(..self.at).unwrap_or_default());
        self.at += 1;
        let mut seen: Vec<(Kind, String)> = Vec::new();
        while self.peek()? == Some(b'"') {
            let end = self.whole_value()?;
            let key = self.batch.text.get(self.at + 1..end - 1).unwrap_or_default();
            let key = str::from_utf8(key).map_err(|_| Stop::Fault("this key is not UTF-8".to_owned()))?.to_owned();
            let kind = Kind::of_key(&key).unwrap_or(Kind::Ignored);
            if kind != Kind::Ignored && seen.iter().any(|(_, other)| *other == key) {
                return Err(Stop::Fault(format!(
                    "the key `{key}` stands twice in one object: only one of them can be meant"
                )));
            }
            self.at = end;
            if self.peek()? != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.at += 1;
            match self.peek()? {
                Some(b'[') => {
                    if kind == Kind::Interface {
                        // Known to be told even where the list is empty.
                        self.push(Kind::Interfaces, self.at);
                    }
                    self.list(kind, |splitter| {
                        let end = splitter.whole_value()?;
                        splitter.push(kind, end);
                        Ok(())
                    })?;
                }
                Some(_) if kind.is_list() => return Err(self.unexpected(&format!("a list after `{key}`"))),
                _ => {
                    let end = self.whole_value()?;
                    self.push(kind, end);
                }
            }
            if kind != Kind::Ignored {
                seen.push((kind, key));
            }
            match self.peek()? {
                Some(b',') => {
                    self.at += 1;
                    if self.peek()? != Some(b'"') {
                        return Err(self.unexpected("a key in double quotes"));
                    }
                }
                _ => break,
            }
        }
        if self.peek()? != Some(b'}') {
            return Err(self.unexpected("`,` or `}`"));
        }
        self.at += 1;
        if !seen.iter().any(|(kind, _)| kind.is_data()) {
            self.errors.add(|| start, &format!("this object holds nothing that is read: {EXPECTED} expected"));
        }
        Ok(())
    }

    fn list(&mut self, kind: Kind, mut each: impl FnMut(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        self.at += 1;
        if self.peek()? == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if kind == Kind::Document && self.peek()? != Some(b'{') {
                return Err(self.unexpected("a JSON object"));
            }
            each(self)?;
            match self.peek()? {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.unexpected("`,` or `]`")),
            }
        }
    }

    /// Notes an element from here to `end`, and goes there.
    fn push(&mut self, kind: Kind, end: usize) {
        self.batch.elements.push((kind, self.at..end));
        self.at = end;
    }

    /// The next byte that is no white space, if there is one.
    fn peek(&mut self) -> Result<Option<u8>, Stop> {
        loop {
            let rest = self.batch.text.get(self.at..).unwrap_or_default();
            let blanks = blanks(rest);
            let byte = rest.get(blanks).copied();
            self.at += blanks;
            if byte.is_some() || !self.more()? {
                return Ok(byte);
            }
        }
    }

    /// The end of the value that begins here, of which at most `limit` bytes are read to find it.
    fn value(&mut self, limit: usize) -> Result<Option<usize>, Stop> {
        loop {
            match value_end(&self.batch.text, self.at) {
                End::At(end) => return Ok(Some(end)),
                End::TooDeep(at) => {
                    self.at = at;
                    return Err(Stop::Fault(TOO_DEEP.to_owned()));
                }
                End::Beyond if self.batch.text.len() - self.at >= limit => return Ok(None),
                End::Beyond if !self.more()? => {
                    self.cut_off = self.batch.text.get(self.at).is_some_and(|first| b"{[\"".contains(first));
                    return Ok(Some(self.batch.text.len()));
                }
                End::Beyond => {}
            }
        }
    }

    fn whole_value(&mut self) -> Result<usize, Stop> {
        match self.peek()? {
            Some(b',' | b':' | b']' | b'}') | None => return Err(self.unexpected("a value")),
            Some(_) => {}
        }
        let size = LARGEST >> 20;
        let too_large =
            || Stop::Fault(format!("this value does not end within {size} MB: no security group is that large"));
        self.value(LARGEST)?.ok_or_else(too_large)
    }

    /// Reads on; `false` at the end of the source. What was cut so far is handed on, and the text then begins here.
    fn more(&mut self) -> Result<bool, Stop> {
        if self.ended {
            return Ok(false);
        }
        if self.at > 0 {
            let done = self.batch.text.get(..self.at).unwrap_or_default();
            let start = advance(self.batch.start, done);
            let rest = self.batch.text.get(self.at..).unwrap_or_default();
            if self.batch.elements.is_empty() {
                self.batch.text.drain(..self.at);
            } else {
                let mut next = Batch { start, ..Batch::default() };
                next.text.reserve(CHUNK + rest.len());
                next.text.extend_from_slice(rest);
                let batch = std::mem::replace(&mut self.batch, next);
                let mut spare = (self.submit)(batch);
                if spare.capacity() > self.batch.text.capacity() {
                    spare.clear();
                    spare.extend_from_slice(&self.batch.text);
                    self.batch.text = spare;
                }
            }
            self.batch.start = start;
            self.at = 0;
        }
        // As much again as there is, so that looking for the end of a large element takes linear time in all.
        let wanted = self.batch.text.len().max(CHUNK);
        let read = self.reader.by_ref().take(wanted as u64).read_to_end(&mut self.batch.text)?;
        self.ended = read < wanted;
        Ok(read > 0)
    }

    fn unexpected(&mut self, expected: &str) -> Stop {
        let rest = self.batch.text.get(self.at..).unwrap_or_default();
        let first = String::from_utf8_lossy(rest.get(..rest.len().min(4)).unwrap_or_default()).chars().next();
        Stop::Fault(match first {
            None => format!("the text ends in the middle: {expected} is expected, so it seems cut off"),
            Some('\0') => format!("a byte of zero stands here: {expected} is expected, so this seems to be no text"),
            Some(c) => format!("`{c}` stands here: {expected} is expected"),
        })
    }
}
