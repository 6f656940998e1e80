//! JSON by RFC 8259, without mercy: no comments, no trailing commas, no key twice.
//!
//! The grammar is small enough that its places are told best by code of our own; strings and numbers are checked by
//! `serde_json`, which has every case of them right.

use serde::de::IgnoredAny;

use super::node::{DEEPEST, Entries, Key, Node, Value, too_deep};
use crate::diagnostics::{Diagnostic, Span, quoted};

/// Reads a document. Errors that leave no doubt how to go on are added to `errors`.
///
/// # Errors
///
/// The first place where the text is no JSON.
pub(super) fn parse(text: &str, errors: &mut Vec<Diagnostic>) -> Result<Node, Diagnostic> {
    let mut parser = Parser { text, at: 0, errors };
    parser.skip_space();
    if parser.at == text.len() {
        return Err(Diagnostic::error(Span::default(), "the file is empty"));
    }
    let node = parser.value(0)?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.unexpected("the end of the file")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    errors: &'a mut Vec<Diagnostic>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The text from `start` to here.
    fn since(&self, start: usize) -> &str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn unexpected(&self, expected: &str) -> Diagnostic {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else {
            // Point behind the last thing that stands there rather than at an empty line.
            let end = self.text.trim_end().len();
            let message = format!("the file ends too early: {expected} is expected");
            return Diagnostic::error(Span::new(end, end), message).help("is the file complete");
        };
        let word = rest.find(|c: char| !c.is_alphanumeric()).and_then(|end| rest.get(..end)).unwrap_or(rest);
        let word = if word.is_empty() { first.to_string() } else { word.to_owned() };
        let error = Diagnostic::error(
            Span::new(self.at, self.at + word.len()),
            format!("{} stands where {expected} is expected", quoted(&word)),
        );
        match first {
            '/' | '#' => error.help("JSON has no comments; a policy in YAML may have them"),
            '\'' => error.help("JSON takes double quotes only"),
            _ => error,
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Diagnostic> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{' | b'[') if depth >= DEEPEST => return Err(too_deep(Span::new(start, start + 1))),
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'a'..=b'z') => self.word()?,
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Node { value, span: Span::new(start, self.at) })
    }

    fn object(&mut self, depth: usize) -> Result<Value, Diagnostic> {
        self.at += 1;
        let mut entries = Entries::default();
        self.skip_space();
        if self.take(b'}') {
            return Ok(entries.into_value());
        }
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in quotes"));
            }
            let text = self.string()?;
            let key = Key { text, span: Span::new(start, self.at) };
            self.skip_space();
            if !self.take(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.skip_space();
            let node = self.value(depth + 1)?;
            self.errors.extend(entries.push(key, node));
            if self.end_of_entry(b'}')? {
                return Ok(entries.into_value());
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Diagnostic> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.end_of_entry(b']')? {
                return Ok(Value::List(items));
            }
        }
    }

    /// Steps over `,` or `close` and tells whether it was the latter.
    fn end_of_entry(&mut self, close: u8) -> Result<bool, Diagnostic> {
        self.skip_space();
        if self.take(close) {
            return Ok(true);
        }
        let comma = self.at;
        if !self.take(b',') {
            return Err(self.unexpected(if close == b'}' { "`,` or `}`" } else { "`,` or `]`" }));
        }
        self.skip_space();
        if self.peek() == Some(close) {
            let message = format!("a comma stands before the closing `{}`", char::from(close));
            return Err(
                Diagnostic::error(Span::new(comma, comma + 1), message).help("JSON allows none after the last entry")
            );
        }
        Ok(false)
    }

    fn string(&mut self) -> Result<String, Diagnostic> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(0..=0x1f) => {
                    let message = "a string holds a control character or a line break";
                    return Err(
                        Diagnostic::error(Span::new(start, self.at), message).help("write it as `\\n` or `\\u00…`")
                    );
                }
                Some(_) => self.at += 1,
                None => {
                    return Err(Diagnostic::error(Span::new(start, self.text.len()), "this string does not end")
                        .help("is the file complete"));
                }
            }
        }
        self.at += 1;
        let token = self.since(start);
        if !token.contains('\\') {
            return Ok(token.trim_matches('"').to_owned());
        }
        let unknown =
            |_| Diagnostic::error(Span::new(start, self.at), "this string holds an escape that JSON does not know");
        serde_json::from_str(token).map_err(unknown)
    }

    fn number(&mut self) -> Result<Value, Diagnostic> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let token = self.since(start);
        // Range is no question of grammar: `1e999` is a number, and whoever wants an integer says that it is none.
        match serde_json::from_str::<IgnoredAny>(token) {
            Ok(_) => Ok(Value::Number(token.to_owned())),
            Err(_) => {
                let message = format!("{} is no number that JSON knows", quoted(token));
                Err(Diagnostic::error(Span::new(start, self.at), message))
            }
        }
    }

    fn word(&mut self) -> Result<Value, Diagnostic> {
        let start = self.at;
        while matches!(self.peek(), Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_')) {
            self.at += 1;
        }
        let value = match self.since(start) {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => {
                self.at = start;
                return Err(self.unexpected("a value"));
            }
        };
        Ok(value)
    }
}
