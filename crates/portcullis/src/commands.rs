//! One file a command.

mod apply;
mod change;
mod docs;
mod documents;
mod enforce;
mod explain;
pub(crate) mod flows;
mod handle_event;
mod plan;
mod policy;
pub(crate) mod policy_files;
mod policy_test;
mod rollback;
mod rules;
mod scan;
mod snapshot;
mod unblock;
mod watch;

use std::io::Write as _;

use crate::cli::{Cli, Command};
use crate::exit::{Outcome, Result};
use crate::output::{Console, finish};

/// Does what was typed.
pub(crate) fn run(cli: Cli) -> Result<Outcome> {
    let console = Console::new(&cli.terminal);
    match cli.command {
        Command::Scan(args) => scan::run(&args, &console),
        Command::Plan(args) => plan::run(&args, &console),
        Command::Apply(args) => apply::run(&args, &console),
        Command::Rollback(args) => rollback::run(&args, &console),
        Command::Enforce(args) => enforce::run(&args, &console),
        Command::Snapshot(args) => snapshot::run(&args, &console),
        Command::Explain(args) => explain::run(&args, &console),
        Command::Flows(command) => flows::run(&command, &console),
        Command::Watch(args) => watch::run(&args, &console),
        Command::HandleEvent(args) => handle_event::run(&args, &console),
        Command::Unblock(args) => unblock::run(&args),
        Command::Policy(command) => policy::run(&command, &console),
        Command::Rules(args) => rules::run(&args, &console),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut crate::cli::command(), "portcullis", &mut script);
            finish(std::io::stdout().lock().write_all(&script))
        }
        Command::Man => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(crate::cli::command()).render(&mut page);
            finish(rendered.and_then(|()| std::io::stdout().lock().write_all(&page)))
        }
        Command::Docs { document } => docs::run(document),
    }
}
