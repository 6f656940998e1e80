//! The project's own tasks. `cargo xtask test` is what a change must pass.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program whose purpose is to print how its steps went"
)]

mod bench;
mod docs;
mod flows_data;
mod fuzz;
mod generate;
mod moto;
mod process;
mod test;
mod tools;
mod workspace;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The project's own tasks.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check that a change must pass
    Test(test::Args),
    /// Write the files that are generated from the code, or compare them
    Docs(docs::Args),
    /// Measure time and memory, and print tables for docs/performance.md
    Bench(bench::Args),
    /// Write an inventory of realistic shape, the same for the same seed
    Generate(generate::Args),
    /// Write flow logs of realistic shape, the same for the same seed
    FlowsData(flows_data::Args),
    /// Fuzz one target, or each in turn
    Fuzz(fuzz::Args),
    /// Serve an AWS-like endpoint on a free loopback port: for one command, or until stopped
    Moto(moto::Args),
}

fn main() -> Result<()> {
    match Args::parse().task {
        Task::Test(args) => test::run(&args),
        Task::Docs(args) => docs::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Generate(args) => generate::run(&args),
        Task::FlowsData(args) => flows_data::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Moto(args) => moto::run(&args),
    }
}
