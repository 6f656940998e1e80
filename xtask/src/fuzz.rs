//! `cargo xtask fuzz`: long runs under libFuzzer. The short run of every target is an ordinary test of fuzz/.

use std::fs;

use anyhow::{Result, ensure};

use crate::process::{run as run_command, step};
use crate::tools::FUZZ;
use crate::workspace::{Workspace, cargo};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The target (default: each in turn)
    target: Option<String>,
    /// How long to fuzz each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Install cargo-fuzz if it is missing
    #[arg(long)]
    install: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::load()?;
    let known = workspace.targets("portcullis-fuzz", "bin");
    let wanted: Vec<_> = known.iter().filter(|name| args.target.as_deref().is_none_or(|t| t == **name)).collect();
    ensure!(
        !wanted.is_empty(),
        "no fuzz target `{}`: there are {}",
        args.target.as_deref().unwrap_or_default(),
        known.join(", ")
    );
    ensure!(
        FUZZ.ensure(args.install),
        "cargo-fuzz is not installed: `cargo install --locked cargo-fuzz`, or --install"
    );

    for target in wanted {
        step(&format!("fuzz {target}"), || fuzz(&workspace, target, args.seconds))?;
    }
    Ok(())
}

fn fuzz(workspace: &Workspace, target: &str, seconds: u32) -> Result<()> {
    // What libFuzzer finds goes to the first folder, which git ignores; the seeds kept in git are only read.
    let corpus = workspace.workspace_root.join("fuzz/corpus").join(target);
    fs::create_dir_all(&corpus)?;
    let mut command = cargo();
    command
        // The sanitizer is asked for by an unstable flag; this lets the pinned stable compiler take it.
        .env("RUSTC_BOOTSTRAP", "1")
        // Instrumented code takes minutes a target to optimise across crates, and gains nothing that fuzzing needs.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .args(["fuzz", "run", "--features", "libfuzzer", "--target-dir"])
        // Other compiler flags, so a folder of its own: the usual one would be rebuilt after every run.
        .arg(workspace.target_directory.join("fuzz"))
        .arg(target)
        .arg(corpus)
        .arg(workspace.workspace_root.join("fuzz/seeds").join(target))
        .args(["--", &format!("-max_total_time={seconds}"), "-timeout=10", "-max_len=65536"]);
    run_command(&mut command)
}
