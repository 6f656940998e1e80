//! Where results and remarks go.

use std::fs;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use portcullis_formats::diagnostics::{Diagnostics, io_message};
use portcullis_report::Terminal;

use crate::cli::{TerminalArgs, When};
use crate::exit::{Failure, Outcome, Result, say};

/// What stdout and stderr are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    quiet: bool,
    color: When,
}

/// Columns of a terminal that does not tell its width, and of what is not a terminal.
const DEFAULT_WIDTH: usize = 80;

impl Console {
    pub(crate) fn new(args: &TerminalArgs) -> Self {
        Self { quiet: args.quiet, color: args.color }
    }

    /// The same without remarks, for what was remarked once already.
    pub(crate) fn without_remarks(self) -> Self {
        Self { quiet: true, ..self }
    }

    /// Whether the user wants to hear of errors alone.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A remark on stderr, unless the user wants none.
    pub(crate) fn remark(&self, message: &str) {
        if !self.quiet {
            say(message);
        }
    }

    /// What went wrong with a part of the work, which `--quiet` does not hide.
    pub(crate) fn warn(&self, message: &str) {
        say(message);
    }

    fn colors(&self, is_terminal: bool) -> bool {
        match self.color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                is_terminal && !dumb && !unwanted
            }
        }
    }

    /// What stdout is laid out for.
    pub(crate) fn stdout(&self) -> Terminal {
        let is_terminal = io::stdout().is_terminal();
        // COLUMNS lets a user who pipes choose; a terminal knows its own width best.
        let asked = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
        let own = is_terminal.then(terminal_size::terminal_size).flatten().map(|(width, _)| usize::from(width.0));
        Terminal { width: own.or_else(asked).unwrap_or(DEFAULT_WIDTH), color: self.colors(is_terminal) }
    }

    /// What is wrong with files that the user wrote, with excerpts, as the end of a command.
    pub(crate) fn diagnostics(&self, diagnostics: &Diagnostics) -> Failure {
        Failure::Input(self.excerpts(diagnostics))
    }

    /// Messages about files with excerpts, laid out for stderr.
    pub(crate) fn excerpts(&self, diagnostics: &Diagnostics) -> String {
        let width =
            terminal_size::terminal_size_of(io::stderr()).map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0));
        diagnostics.render(self.colors(io::stderr().is_terminal()), width.max(DEFAULT_WIDTH))
    }
}

/// Writes a result to stdout. A reader that has seen enough is no failure.
pub(crate) fn to_stdout(write: impl FnOnce(&mut BufWriter<io::StdoutLock<'static>>) -> io::Result<()>) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = write(&mut out).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            Err(Failure::Incomplete(format!("the result could not be written to stdout: {}", io_message(&error))))
        }
        Ok(()) => Ok(()),
    }
}

/// Writes a whole file in the place of an old one, so that nobody sees half of it.
pub(crate) fn to_file(path: &Path, write: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<()>) -> Result<()> {
    portcullis_runtime::replace(path, write)
        .map_err(|error| Failure::io(format!("`{}` could not be written", path.display()), &error))
}

/// The end of a command that only prints.
pub(crate) fn finish(written: io::Result<()>) -> Result<Outcome> {
    to_stdout(|_| written).map(|()| Outcome::Done)
}
