//! YAML 1.2 with the core schema, as far as a policy needs it: no aliases, no tags, one document.
//!
//! An alias would let a short file stand for an endless one and a value stand in two places at once, which errors could not
//! point at.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::node::{DEEPEST, Entries, Key, Node, Value, too_deep};
use crate::diagnostics::{Diagnostic, Span};

/// Reads a document. Errors that leave no doubt how to go on are added to `errors`.
///
/// # Errors
///
/// The first place where the text is no YAML, or YAML that a policy may not use.
pub(super) fn parse(text: &str, errors: &mut Vec<Diagnostic>) -> Result<Node, Diagnostic> {
    // The scanner takes a NUL for the end of its input and would pass over the rest in silence.
    let unprintable =
        |character: &(usize, char)| character.1.is_control() && !matches!(character.1, '\t' | '\n' | '\r' | '\u{85}');
    if let Some((at, character)) = text.char_indices().find(unprintable) {
        let message = format!("YAML allows no control character such as `{}`", character.escape_unicode());
        return Err(Diagnostic::error(Span::new(at, at + character.len_utf8()), message));
    }
    let offsets = Offsets::of(text);
    let mut builder = Builder { text, errors, open: Vec::new(), root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = offsets.byte(error.marker().index()).min(text.trim_end().len());
            Diagnostic::error(Span::new(at, at), format!("this is no YAML: {}", error.info()))
        })?;
        let span = Span::new(offsets.byte(span.start.index()), offsets.byte(span.end.index()));
        builder.take(event, span)?;
    }
    builder.root.ok_or_else(|| Diagnostic::error(Span::default(), "the file is empty"))
}

/// From the scanner's offsets, which count characters, to ours, which count bytes.
struct Offsets(Option<Vec<u32>>, usize);

impl Offsets {
    fn of(text: &str) -> Self {
        let table = || text.char_indices().map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect();
        Self((!text.is_ascii()).then(table), text.len())
    }

    fn byte(&self, character: usize) -> usize {
        match &self.0 {
            Some(table) => table.get(character).map_or(self.1, |at| *at as usize),
            None => character.min(self.1),
        }
    }
}

/// A list or an object whose end has not been reached.
struct Open {
    start: Span,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Object { entries: Entries, key: Option<Key> },
}

struct Builder<'a> {
    text: &'a str,
    errors: &'a mut Vec<Diagnostic>,
    open: Vec<Open>,
    root: Option<Node>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        match event {
            Event::Alias(_) => {
                Err(Diagnostic::error(span, "a policy has no aliases").help("write the value out in each place"))
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Diagnostic::error(span, "a second document begins here").help("a policy is one document"))
            }
            Event::Scalar(_, _, _, Some(tag))
            | Event::SequenceStart(_, Some(tag))
            | Event::MappingStart(_, Some(tag)) => {
                let help = "quotes make a text of anything";
                Err(Diagnostic::error(span, format!("a policy has no tags such as `{tag}`")).help(help))
            }
            Event::Scalar(text, style, _, None) => self.scalar(&text, style, span),
            Event::SequenceStart(_, None) => self.begin(span, Content::List(Vec::new())),
            Event::MappingStart(_, None) => {
                self.begin(span, Content::Object { entries: Entries::default(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn begin(&mut self, start: Span, content: Content) -> Result<(), Diagnostic> {
        self.refuse_as_key(start)?;
        if self.open.len() >= DEEPEST {
            return Err(too_deep(start));
        }
        self.open.push(Open { start, content });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Diagnostic> {
        let Some(Open { start, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Object { entries, .. } => entries.into_value(),
        };
        // A block ends where the next thing begins; what it holds ends before the space between.
        let inside = self.text.get(start.start as usize..span.end as usize).unwrap_or_default();
        let end = start.start as usize + inside.trim_end().len();
        self.value(Node { value, span: Span::new(start.start as usize, end) });
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Result<(), Diagnostic> {
        let span = self.clipped(style, span);
        if let Some(Open { content: Content::Object { key: key @ None, .. }, .. }) = self.open.last_mut() {
            *key = Some(Key { text: text.to_owned(), span });
            return Ok(());
        }
        let value = if style == ScalarStyle::Plain { plain(text) } else { Value::Text(text.to_owned()) };
        self.value(Node { value, span });
        Ok(())
    }

    /// The place of a scalar without what the scanner read behind it: its span ends where the next token begins.
    fn clipped(&self, style: ScalarStyle, span: Span) -> Span {
        let start = span.start as usize;
        let text = self.text.get(start..span.end as usize).unwrap_or_default();
        let quote = match style {
            ScalarStyle::SingleQuoted => '\'',
            ScalarStyle::DoubleQuoted => '"',
            _ => return Span::new(start, start + text.trim_end().len()),
        };
        // The scanner has already seen that the quotes are right; an anchor may stand before them.
        let open = text.find(quote).unwrap_or(0);
        let mut rest = text.char_indices().skip_while(|(at, _)| *at <= open).peekable();
        while let Some((at, character)) = rest.next() {
            let escapes = quote == '"' && character == '\\';
            let doubled = quote == '\'' && character == '\'' && rest.peek().is_some_and(|(_, next)| *next == '\'');
            if escapes || doubled {
                rest.next();
            } else if character == quote {
                return Span::new(start, start + at + 1);
            }
        }
        span
    }

    fn refuse_as_key(&self, span: Span) -> Result<(), Diagnostic> {
        match self.open.last() {
            Some(Open { content: Content::Object { key: None, .. }, .. }) => {
                Err(Diagnostic::error(span, "a key is a word, not a list or an object"))
            }
            _ => Ok(()),
        }
    }

    /// Puts a whole value where it belongs.
    fn value(&mut self, node: Node) {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Object { entries, key }) => {
                let Some(key) = key.take() else { return };
                self.errors.extend(entries.push(key, node));
            }
        }
    }
}

/// What a scalar without quotes means, by YAML 1.2.2 §10.3.2, "Tag Resolution". `yes`, `no` and `0x1F` stay texts.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}
