//! Running one step: a heading, the program's own output, the time it took.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Runs one step and says how long it took. Everything goes to stderr, where cargo and nextest write, so that the
/// order stands in a log too.
pub(crate) fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    heading(name);
    let start = Instant::now();
    work().with_context(|| format!("step `{name}` failed"))?;
    eprintln!("   {name}: {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

pub(crate) fn heading(name: &str) {
    eprintln!("\n== {name}");
}

/// Runs a program with our own stdout and stderr; an exit code other than zero is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}`: {status}", shown(command));
    }
    Ok(())
}

/// The command as somebody would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let args = command.get_args().map(|a| a.to_string_lossy());
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}
