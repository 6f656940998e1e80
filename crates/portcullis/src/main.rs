//! The command-line door of Portcullis.

mod announce;
mod cli;
mod commands;
mod exit;
mod interrupt;
mod live;
mod output;
mod progress;
mod selection;
mod service;
mod workshop;

use std::process::ExitCode;

fn main() -> ExitCode {
    exit::report_panics_as_internal_errors();
    exit::code_of(commands::run(cli::parse()))
}
