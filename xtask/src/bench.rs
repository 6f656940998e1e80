//! `cargo xtask bench`: the crates' own benchmarks, then whole processes with their wall time and peak memory.
//!
//! Whole processes, because that is what a user waits for and what the machine must hold. Two programs that are
//! compared run by turns, so that both see the same noise.

mod flows;
mod live;
mod measure;
mod repositories;
mod schedule;
mod service;
mod table;
mod whole;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::process::{heading, run as run_command};
use crate::workspace::{Workspace, cargo};
use whole::Bench;

/// Measures and prints one table.
type Part = fn(&Bench) -> Result<String>;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the parts whose name contains this: crates, scan-against-parse, groups, rules, repositories, start-up, live,
    /// flows, service
    filter: Option<String>,
    /// Leave out the million groups (1 GB); a million records of flow logs instead of ten
    #[arg(long)]
    quick: bool,
    /// Runs of each slow program; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Take the programs of this folder as they are, and build none: those of a build with `--release`
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// How many records of flow logs [default: 10,000,000]; ten times as many are streamed
    #[arg(long)]
    records: Option<u64>,
    /// Keep the flow logs (2 GB for each number of keys), for the next time
    #[arg(long)]
    keep: bool,
}

/// What is asked of the flow logs.
struct FlowLogs {
    records: u64,
    keep: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let wanted = |name: &str| args.filter.as_deref().is_none_or(|filter| name.contains(filter));
    let parts: [(&str, Part); 8] = [
        ("scan-against-parse", whole::scan_against_parse),
        ("groups", whole::groups),
        ("rules", whole::rules),
        ("repositories", repositories::repositories),
        ("start-up", whole::start_up),
        ("live", live::organisation),
        ("flows", flows::digest),
        ("service", service::service),
    ];
    let chosen: Vec<_> = parts.into_iter().filter(|(name, _)| wanted(name)).collect();
    ensure!(wanted("crates") || !chosen.is_empty(), "no benchmark of that name: see `cargo xtask bench --help`");

    let workspace = Workspace::load()?;
    if wanted("crates") {
        crates(&workspace)?;
    }
    if chosen.is_empty() {
        return Ok(());
    }
    if args.programs.is_none() {
        heading("release build");
        let ours = ["-p", "portcullis", "-p", "portcullis-lambda", "-p", "xtask"];
        run_command(cargo().args(["build", "--release"]).args(ours).arg("--bins"))?;
        run_command(cargo().args(["build", "--release", "-p", "xtask", "--examples"]))?;
    }
    let records = args.records.unwrap_or(if args.quick { 1_000_000 } else { 10_000_000 });
    let flows = FlowLogs { records, keep: args.keep };
    let bench = Bench::new(&workspace, args.programs.as_deref(), args.quick, args.runs, flows)?;
    println!("{}\n", measure::machine());
    for (name, part) in chosen {
        heading(name);
        println!("{}", part(&bench)?);
    }
    Ok(())
}

fn crates(workspace: &Workspace) -> Result<()> {
    heading("benchmarks of the crates");
    if !workspace.has_any("bench") {
        eprintln!("   no crate has any");
        return Ok(());
    }
    run_command(cargo().args(["bench", "--workspace", "--bench", "*"]))
}
