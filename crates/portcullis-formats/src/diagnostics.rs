//! What is wrong with a file, and where: messages with place and excerpt, all of a file's at once.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level as Mark, Origin, Renderer, Snippet};

/// How many messages are written out in full. Beyond that a file is broken in one way, many times over.
const WRITTEN_OUT: usize = 100;

/// How long the lines that are pointed at may be, in bytes, to be shown. Nobody looks for a place in a longer one by eye.
const LONGEST_EXCERPT: usize = 1 << 16;

/// A stretch of a source's text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

impl Span {
    /// From offsets; those beyond 4 GiB, which no source reaches, are cut.
    pub fn new(start: usize, end: usize) -> Self {
        let offset = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        Self { start: offset(start), end: offset(end) }
    }
}

/// A text that people wrote, with the name that they know it by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// As the user would write it: a path, `-`, or the name of a pack.
    pub name: String,
    text: Cow<'static, str>,
}

impl Source {
    /// The longest text that is read, in bytes. Policies and fixtures are written by people.
    pub const MAX_BYTES: usize = 16 << 20;

    /// Takes a text that ships with the program.
    pub fn embedded(name: &str, text: &'static str) -> Self {
        Self { name: name.to_owned(), text: Cow::Borrowed(text) }
    }

    /// Takes bytes that must be UTF-8, with or without a byte order mark.
    ///
    /// # Errors
    ///
    /// When there are too many, or when they are no UTF-8: the place of the first wrong byte.
    pub fn new(name: &str, bytes: &[u8]) -> Result<Self, Diagnostics> {
        let broken = |text: &[u8], message: String, at: usize| {
            let text = Cow::Owned(String::from_utf8_lossy(text).into_owned());
            let source = Arc::new(Self { name: name.to_owned(), text });
            Err(Diagnostics::of(&source, vec![Diagnostic::error(Span::new(at, at), message)]))
        };
        if bytes.len() > Self::MAX_BYTES {
            let most = Self::MAX_BYTES >> 20;
            return broken(
                b"",
                format!("the file is too large: {} bytes, at most {most} MiB are read", bytes.len()),
                0,
            );
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return broken(b"", "the file is UTF-16: save it as UTF-8".to_owned(), 0);
        }
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { name: name.to_owned(), text: Cow::Owned(text.to_owned()) }),
            // The replacement character stands where the wrong byte stood, so the offset still holds.
            Err(error) => broken(bytes, "the text is no UTF-8 here".to_owned(), error.valid_up_to()),
        }
    }

    /// The text, without its byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of an offset, both from 1; columns count characters.
    pub fn position(&self, offset: u32) -> (usize, usize) {
        let before = self.text.get(..offset as usize).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).map_or(0, |line| line.chars().count());
        (before.bytes().filter(|byte| *byte == b'\n').count() + 1, column + 1)
    }

    /// `name:line` of a place.
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.name, self.position(span.start).0)
    }
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing runs until it is put right.
    Error,
    /// Nearly always a mistake.
    Warning,
    /// Worth knowing.
    Note,
}

/// One message about one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub level: Level,
    /// What is wrong, with the user's words in backticks.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to do, where the message does not say it.
    pub help: Option<String>,
    /// Another place of the same source that belongs to it, and what stands there.
    pub related: Option<(Span, &'static str)>,
}

impl Diagnostic {
    /// An error.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self { level: Level::Error, message: message.into(), span, help: None, related: None }
    }

    /// A warning.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(span, message) }
    }

    /// A note.
    pub fn note(span: Span, message: impl Into<String>) -> Self {
        Self { level: Level::Note, ..Self::error(span, message) }
    }

    /// Says what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Points at another place.
    #[must_use]
    pub fn related(self, span: Span, what: &'static str) -> Self {
        Self { related: Some((span, what)), ..self }
    }
}

/// One message with the source that it is about; without one it is about the request itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    source: Option<Arc<Source>>,
    diagnostic: Diagnostic,
}

/// Messages about any number of sources. As an error it holds at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    entries: Vec<Entry>,
}

impl Diagnostics {
    /// Messages about one source, in the order of their places.
    pub fn of(source: &Arc<Source>, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.level));
        let source = Some(Arc::clone(source));
        let entry = |diagnostic| Entry { source: source.clone(), diagnostic };
        Self { entries: diagnostics.into_iter().map(entry).collect() }
    }

    /// Adds an error that is about no source, such as a pack that does not exist.
    pub fn push_request_error(&mut self, message: impl Into<String>, help: Option<String>) {
        let diagnostic = Diagnostic { help, ..Diagnostic::error(Span::default(), message) };
        self.entries.push(Entry { source: None, diagnostic });
    }

    /// Adds those of another source.
    pub fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Each message with `name:line:column` of its place, where it has one.
    pub fn iter(&self) -> impl Iterator<Item = (Option<String>, &Diagnostic)> {
        self.entries.iter().map(|entry| {
            let place = entry.source.as_ref().map(|source| {
                let (line, column) = source.position(entry.diagnostic.span.start);
                format!("{}:{line}:{column}", source.name)
            });
            (place, &entry.diagnostic)
        })
    }

    /// `Ok` when there are none.
    ///
    /// # Errors
    ///
    /// Itself, when there are any.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Writes them out with excerpts, in colour for terminals that take it.
    pub fn render(&self, colour: bool, width: usize) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.term_width(width);
        let mut texts: Vec<String> =
            self.entries.iter().take(WRITTEN_OUT).map(|entry| entry.render(&renderer)).collect();
        if let Some(more) = self.entries.len().checked_sub(WRITTEN_OUT).filter(|more| *more > 0) {
            texts.push(format!("and {more} more"));
        }
        texts.join("\n\n")
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false, 120))
    }
}

impl std::error::Error for Diagnostics {}

impl Entry {
    fn render(&self, renderer: &Renderer) -> String {
        let diagnostic = &self.diagnostic;
        let mark = match diagnostic.level {
            Level::Error => Mark::ERROR,
            Level::Warning => Mark::WARNING,
            Level::Note => Mark::NOTE,
        };
        let message = printable(&diagnostic.message);
        let help = diagnostic.help.as_deref().map(printable);
        let title = mark.primary_title(message);
        let mut group = match &self.source {
            Some(source) => group(title, source, diagnostic),
            None => Group::with_title(title),
        };
        if let Some(help) = help {
            group = group.element(Mark::HELP.message(help));
        }
        renderer.render(&[group])
    }
}

fn group<'a>(title: annotate_snippets::Title<'a>, source: &'a Source, diagnostic: &Diagnostic) -> Group<'a> {
    let text = source.text();
    let primary = range(text, diagnostic.span);
    let related = diagnostic.related.map(|(span, what)| (range(text, span), what));
    // The lines that are pointed at, and what lies between them: the renderer goes through all that it is given.
    let first = related.iter().map(|(range, _)| range.start).fold(primary.start, usize::min);
    let last = related.iter().map(|(range, _)| range.end).fold(primary.end, usize::max);
    let start = text.get(..first).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let end = text.get(last..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| last + at);
    if end - start > LONGEST_EXCERPT {
        let (line, column) = source.position(diagnostic.span.start);
        return Group::with_title(title).element(Origin::path(printable(&source.name)).line(line).char_column(column));
    }
    let line = source.position(Span::new(start, start).start).0;
    let within = |range: Range<usize>| range.start.saturating_sub(start)..range.end.saturating_sub(start);
    let snippet =
        Snippet::source(text.get(start..end).unwrap_or_default()).line_start(line).path(printable(&source.name));
    let snippet = snippet.annotation(AnnotationKind::Primary.span(within(primary)));
    let snippet = match related {
        Some((range, what)) => snippet.annotation(AnnotationKind::Context.span(within(range)).label(what)),
        None => snippet,
    };
    Group::with_title(title).element(snippet)
}

/// A place as a range of the text, of its first line at most: that is enough to find a long value.
fn range(text: &str, span: Span) -> Range<usize> {
    // Offsets of ours lie on borders of characters; those of a text repaired on reading may not.
    let snap = |at: u32| (0..=(at as usize).min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (start, end) = (snap(span.start), snap(span.end));
    let line_end = text.get(start..).and_then(|rest| rest.find(['\n', '\r'])).map_or(text.len(), |at| start + at);
    start..end.min(line_end).max(start)
}

/// The text with control characters spelled out, so that nothing that a file says reaches a terminal as a command.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        if character.is_control() || is_reordering(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
        out
    })
}

/// Characters that make a terminal show text in another order than it has.
fn is_reordering(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// The candidate that was probably meant, if one is near: a third of the letters may differ, two at least.
pub(crate) fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let shortened: String = word.chars().take(80).collect::<String>().to_lowercase();
    let most = (shortened.chars().count() / 3).clamp(1, 5);
    let measured = candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&shortened, &candidate.to_lowercase()), candidate));
    measured
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean `…``, if something is near.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    near(word, candidates).map(|candidate| format!("did you mean `{candidate}`"))
}

/// What the operating system says, without its number and in lower case.
pub fn io_message(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// A user's word in backticks, cut where it is very long.
pub(crate) fn quoted(word: &str) -> String {
    const LONGEST: usize = 80;
    match word.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", word.get(..end).unwrap_or(word)),
        None => format!("`{word}`"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source::new("x.yaml", text.as_bytes()).unwrap_or_default())
    }

    #[test]
    fn a_position_counts_lines_and_characters() {
        let source = source("é: 1\nb: ü x\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(11), (2, 5));
        assert_eq!(source.position(9999), (3, 1));
    }

    #[test]
    fn an_escape_sequence_of_a_file_never_reaches_the_output() {
        let source = source("a: \"\u{1b}[31mred\u{202e}\"\n");
        let message = format!("{} is no severity", quoted("\u{1b}[31m\u{202e}\r\n"));
        let rendered = Diagnostics::of(&source, vec![Diagnostic::error(Span::new(3, 12), message)]).to_string();
        let allowed = |character: char| character == '\n' || (!character.is_control() && !is_reordering(character));
        assert!(rendered.chars().all(allowed), "{rendered:?}");
    }

    #[test]
    fn bytes_that_are_no_utf8_are_pointed_at() {
        let error = Source::new("x.json", b"{\n  \"a\": \"\xff\"}").unwrap_err();
        insta::assert_snapshot!(error, @r#"
        error: the text is no UTF-8 here
         --> x.json:2:9
          |
        2 |   "a": "�"}
          |         ^
        "#);
    }

    #[test]
    fn a_thousand_messages_are_counted_and_not_all_written_out() {
        let source = source("a\n");
        let many = vec![Diagnostic::error(Span::new(0, 1), "wrong"); 1000];
        assert!(Diagnostics::of(&source, many).to_string().ends_with("and 900 more"));
    }

    #[test]
    fn a_very_long_line_is_named_and_not_shown() {
        let source = source(&format!("x\n{}", "y".repeat(1 << 20)));
        let rendered = Diagnostics::of(&source, vec![Diagnostic::error(Span::new(1002, 1003), "wrong")]).to_string();
        assert_eq!(rendered, "error: wrong\n--> x.yaml:2:1001");
    }

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        assert_eq!(near("prohibted_rules", ["prohibited_rules", "allowed_rules"]), Some("prohibited_rules"));
        assert_eq!(near("HIGH", ["critical", "high"]), Some("high"));
        assert_eq!(near("include", ["version", "controls"]), None);
    }
}
