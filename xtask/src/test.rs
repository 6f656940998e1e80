//! `cargo xtask test`: every check that a change must pass, the cheap ones first.
//!
//! The first step that fails stops the run. The tests come last, so that the runner's own summary ends the output.

use std::process::Command;

use anyhow::Result;

use crate::deployment::Deployment;
use crate::docs;
use crate::moto::Server;
use crate::process::{heading, run as run_command, step};
use crate::tools::{DENY, NEXTEST};
use crate::workspace::{cargo, root};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Install cargo-deny and cargo-nextest if they are missing (three minutes, once); the rule where CI is set
    #[arg(long, env = "CI", value_parser = clap::builder::FalseyValueParser::new())]
    install: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    step("format", || run_command(cargo().args(["fmt", "--all", "--check"])))?;
    step("clippy", || {
        run_command(cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
    })?;
    step("boundaries, licences and sources", || deny(args.install))?;
    step("generated files", docs::check)?;
    let server = Server::start()?;
    let deployment = Deployment::start(&server)?;
    step("the AWS-like server", || run_command(server.lend_to(&mut python_tests("tests/aws"))))?;
    step("doc tests", || run_command(cargo().args(["test", "--doc", "--workspace", "--quiet"])))?;
    step("deployment", || deployment.finish())?;
    tests(args.install, server)
}

/// The wrappers of deny.toml name planned crates too, so unused ones are no fault. Advisories are left to `cargo deny check advisories`: they change without a change of ours, and need the network.
fn deny(install: bool) -> Result<()> {
    if !DENY.ensure(install) {
        eprintln!("   skipped: cargo-deny is not installed (cargo install --locked cargo-deny, or --install)");
        return Ok(());
    }
    run_command(
        cargo().args(["deny", "--all-features", "check", "-A", "unused-wrapper"]).args(["bans", "licenses", "sources"]),
    )
}

/// The tests in a folder that are written in Python: of what the server promises over plain moto, on which the others rest,
/// and of what is deployed to it.
pub(crate) fn python_tests(folder: &str) -> Command {
    let mut command = Command::new("python");
    command.current_dir(root()).args(["-m", "unittest", "discover", "--start-directory", folder]);
    command
}

/// Every test, the fuzz targets' smoke runs among them. Not a `step`: nothing may follow the runner's summary.
fn tests(install: bool, server: Server) -> Result<()> {
    heading("tests");
    let mut command = cargo();
    if NEXTEST.ensure(install) {
        command.args(["nextest", "run", "--workspace"]);
    } else {
        eprintln!("   cargo-nextest is not installed (cargo install --locked cargo-nextest): using cargo test");
        command.args(["test", "--workspace", "--lib", "--bins", "--tests", "--examples"]);
    }
    let status = server.lend_to(&mut command).status()?;
    drop(server);
    if !status.success() {
        std::process::exit(status.code().unwrap_or(1));
    }
    Ok(())
}
