//! Text that fits a terminal: wrapped by words, coloured only when asked, and never able to act on the terminal.

use std::io;

use anstyle::{AnsiColor, Style};
use portcullis_core::finding::Status;
use portcullis_core::policy::Severity;
use textwrap::{Options, WordSeparator, WordSplitter};
use unicode_width::UnicodeWidthStr;

use crate::sanitise::{is_plain, neutral};

/// What text is laid out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Columns that no line exceeds; fewer than [`Terminal::NARROWEST`] count as that many.
    pub width: usize,
    /// Whether colours are wanted.
    pub color: bool,
}

impl Terminal {
    /// The fewest columns that a table can be laid out for.
    pub const NARROWEST: usize = 20;

    /// Eighty columns without colour: what a pipe gets.
    pub const PLAIN: Self = Self { width: 80, color: false };
}

/// No style.
pub(crate) const PLAIN: Style = Style::new();
/// For headings.
pub(crate) const BOLD: Style = Style::new().bold();
/// For what may be overlooked.
pub(crate) const DIM: Style = Style::new().dimmed();
/// For what goes, or is wrong.
pub(crate) const RED: Style = AnsiColor::Red.on_default();
/// For what comes, or is right.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// For what changes, or wants a look.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// For what is neither good nor bad.
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();

/// The style of a severity's word.
pub(crate) const fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => RED.bold(),
        Severity::High => RED,
        Severity::Medium => YELLOW,
        Severity::Low => CYAN,
        Severity::Info => DIM,
    }
}

/// The style of a status' word.
pub(crate) const fn status_style(status: Status) -> Style {
    match status {
        Status::Fail => RED,
        Status::Unknown => YELLOW,
        Status::Exempt => DIM,
        Status::Pass => GREEN,
    }
}

/// A word in a column of its own, before a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label<'a> {
    pub(crate) text: &'a str,
    pub(crate) style: Style,
}

/// Where text is written. Everything passes through here, and loses what could act on the terminal.
#[derive(Debug)]
pub(crate) struct Screen<'w, W> {
    out: &'w mut W,
    width: usize,
    color: bool,
}

impl<'w, W: io::Write> Screen<'w, W> {
    pub(crate) fn new(terminal: Terminal, out: &'w mut W) -> Self {
        Self { out, width: terminal.width.max(Terminal::NARROWEST), color: terminal.color }
    }

    /// Whether there is room for a column of labels.
    pub(crate) fn is_roomy(&self) -> bool {
        self.width >= 60
    }

    /// An empty line.
    pub(crate) fn blank(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// A text from column `indent` on, its further lines two columns deeper.
    pub(crate) fn text(&mut self, indent: usize, style: Style, text: &str) -> io::Result<()> {
        // Most lines fit as they are, and a large report has millions of them.
        if is_plain(text) && indent + text.len() <= self.width {
            write!(self.out, "{:indent$}", "")?;
            self.styled(style, text.trim_end())?;
            return self.blank();
        }
        for line in self.wrap(indent, indent + 2, text) {
            self.styled(style, &line)?;
            self.blank()?;
        }
        Ok(())
    }

    /// A label at column `indent`, and beside it a text whose lines all begin `column` columns further on.
    ///
    /// On a narrow terminal the column gives way: the text follows its label, and its further lines are indented by two.
    pub(crate) fn labelled(
        &mut self,
        indent: usize,
        label: Label<'_>,
        column: usize,
        style: Style,
        text: &str,
    ) -> io::Result<()> {
        let word = neutral(label.text);
        let end = indent + word.width() + 1;
        let (first, rest) =
            if self.is_roomy() { (end.max(indent + column), indent + column) } else { (end, indent + 2) };
        let lines = self.wrap(first, rest, text);
        for (number, line) in lines.iter().enumerate() {
            if number == 0 {
                write!(self.out, "{:indent$}", "")?;
                self.styled(label.style, &word)?;
                // The wrapped line brings the blanks that stand in for the label.
                let body = line.get(end - 1..).unwrap_or_default();
                self.styled(style, body.trim_end())?;
            } else {
                self.styled(style, line)?;
            }
            self.blank()?;
        }
        Ok(())
    }

    fn wrap(&self, first: usize, rest: usize, text: &str) -> Vec<String> {
        let text = neutral(text);
        // Room for one short word is always left.
        let most = self.width - 8;
        let (first, rest) = (" ".repeat(first.min(most)), " ".repeat(rest.min(most)));
        let options = Options::new(self.width)
            .initial_indent(&first)
            .subsequent_indent(&rest)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation)
            .break_words(true);
        textwrap::wrap(&text, options).into_iter().map(std::borrow::Cow::into_owned).collect()
    }

    fn styled(&mut self, style: Style, text: &str) -> io::Result<()> {
        let body = text.trim_start_matches(' ');
        let blanks = text.len() - body.len();
        if !self.color || style == PLAIN || body.is_empty() {
            return self.out.write_all(text.as_bytes());
        }
        write!(self.out, "{:blanks$}{style}{body}{style:#}", "")
    }
}
