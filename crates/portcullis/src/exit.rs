//! Exit codes, and how failures are told.

use std::io::Write as _;
use std::process::ExitCode;

use portcullis_formats::diagnostics::io_message;

/// How a command ended, apart from failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Clean, or done.
    Done,
    /// Findings at or above `--fail-on`.
    Findings,
    /// Something could not be read or changed, or, with `--strict`, a verdict is unknown.
    Incomplete,
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad usage or input; nothing was done.
    Input(String),
    /// Something could not be read or changed.
    Incomplete(String),
    /// A defect of the program.
    Internal(anyhow::Error),
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// Bad usage or input.
    pub(crate) fn input(message: impl std::fmt::Display) -> Self {
        Self::Input(message.to_string())
    }

    /// Bad input, with what the operating system says of it.
    pub(crate) fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::Input(format!("{what}: {}", io_message(error)))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

/// Turns an end into the process's exit code, after telling failures on stderr.
pub(crate) fn code_of(end: Result<Outcome>) -> ExitCode {
    let (code, message) = match end {
        Ok(Outcome::Done) => (0, None),
        Ok(Outcome::Findings) => (1, None),
        Err(Failure::Input(message)) => (2, Some(message)),
        Ok(Outcome::Incomplete) => (3, None),
        Err(Failure::Incomplete(message)) => (3, Some(message)),
        Err(Failure::Internal(error)) => (4, Some(format!("internal error: {error:#}"))),
    };
    if let Some(message) = message {
        say(&format!("error: {}", message.trim_start_matches("error: ")));
    }
    ExitCode::from(code)
}

/// Writes a line to stderr; a stderr that is gone is no reason to fail.
pub(crate) fn say(message: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "{}", message.trim_end());
}

/// A panic is a defect: one line and exit code 4, no backtrace.
pub(crate) fn report_panics_as_internal_errors() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        say(&format!("internal error{place}: this is a defect of portcullis, please report it"));
        std::process::exit(4);
    }));
}
