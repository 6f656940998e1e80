//! The whole-process benchmarks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::FlowLogs;
use super::measure::{Compared, Cost, by_turns, compare};
use super::table::{each, megabytes, rate, table, time, times};
use crate::generate::VERSION;
use crate::process::run;
use crate::workspace::Workspace;

/// Quick programs are run this often: a start takes about a millisecond, and its noise is of the same size.
const QUICK_RUNS: usize = 41;

/// The programs and where the inventories are kept.
pub(super) struct Bench {
    pub(super) portcullis: String,
    /// The program of the Lambda function.
    pub(super) function: String,
    pub(super) generator: PathBuf,
    /// `serde_json::from_slice` into typed owned structs, and nothing else.
    bare_parse: String,
    /// A program that prints a line.
    bare_main: String,
    /// Unpacks a file and forgets it.
    pub(super) bare_inflate: String,
    pub(super) folder: PathBuf,
    pub(super) quick: bool,
    pub(super) runs: usize,
    pub(super) flows: FlowLogs,
}

/// A generated file.
struct Inventory {
    path: String,
    size: u64,
}

impl Bench {
    /// With the programs of a folder, else those of the release build.
    pub(super) fn new(
        workspace: &Workspace,
        programs: Option<&Path>,
        quick: bool,
        runs: usize,
        flows: FlowLogs,
    ) -> Result<Self> {
        let place = |name: &str| programs.map_or_else(|| workspace.release(name), |folder| folder.join(name));
        let program = |name: &str| place(name).display().to_string();
        let folder = workspace.target_directory.join("bench-data");
        fs::create_dir_all(&folder)?;
        Ok(Self {
            portcullis: program("portcullis"),
            function: program("portcullis-lambda"),
            generator: place("xtask"),
            bare_parse: program("examples/bare_parse"),
            bare_main: program("examples/bare_main"),
            bare_inflate: program("examples/bare_inflate"),
            folder,
            quick,
            runs,
            flows,
        })
    }

    /// The inventory, generated unless an earlier run left it.
    fn inventory(&self, groups: u64, rules: Option<u64>) -> Result<Inventory> {
        let rules_name = rules.map_or_else(String::new, |rules| format!("-{rules}-rules"));
        let path = self.folder.join(format!("v{VERSION}-{groups}-groups{rules_name}.json"));
        if !path.exists() {
            eprintln!("   generating {}", path.display());
            let unfinished = path.with_extension("unfinished");
            let mut command = Command::new(&self.generator);
            command.args(["generate", "--groups", &groups.to_string(), "--out"]).arg(&unfinished);
            if let Some(rules) = rules {
                command.args(["--rules", &rules.to_string()]);
            }
            run(&mut command)?;
            fs::rename(&unfinished, &path)?;
        }
        let size = fs::metadata(&path).with_context(|| format!("cannot read `{}`", path.display()))?.len();
        Ok(Inventory { path: path.display().to_string(), size })
    }

    pub(super) fn by_turns<const N: usize>(&self, runs: usize, programs: [&[&str]; N]) -> Result<[Cost; N]> {
        by_turns(runs, &self.stderr(), programs)
    }

    pub(super) fn compare(&self, runs: usize, one: &[&str], other: &[&str]) -> Result<Compared> {
        compare(runs, &self.stderr(), one, other)
    }

    /// Where what a program says last is kept, to be shown if it fails.
    pub(super) fn stderr(&self) -> PathBuf {
        self.folder.join("stderr.txt")
    }

    /// A scan as a script would run it, with the recommended pack.
    fn scan<'a>(&'a self, inventory: &'a Inventory) -> [&'a str; 5] {
        [&self.portcullis, "scan", &inventory.path, "--format", "json"]
    }
}

pub(super) fn scan_against_parse(bench: &Bench) -> Result<String> {
    let groups = 100_000;
    let inventory = bench.inventory(groups, None)?;
    let [parse, scan] = bench.by_turns(bench.runs, [&[&bench.bare_parse, &inventory.path], &bench.scan(&inventory)])?;
    let row = |name: &str, cost: Cost| {
        [
            name.to_owned(),
            time(cost.wall),
            format!("{:.0} MB/s", rate(inventory.size, cost.wall) / 1e6),
            format!("{:.2}", cost.wall.as_secs_f64() / parse.wall.as_secs_f64()),
            megabytes(cost.peak),
            times(cost.peak, inventory.size),
        ]
    };
    Ok(table(
        &format!("{groups} groups ({}), recommended pack, against a bare typed parse", megabytes(inventory.size)),
        ["program", "wall time", "throughput", "of the bare parse", "peak memory", "of the file"],
        &[row("serde_json::from_slice", parse), row("portcullis scan", scan)],
    ))
}

pub(super) fn groups(bench: &Bench) -> Result<String> {
    let sizes: &[u64] = if bench.quick { &[1_000, 10_000, 100_000] } else { &[1_000, 10_000, 100_000, 1_000_000] };
    let mut rows = Vec::new();
    for &groups in sizes {
        let inventory = bench.inventory(groups, None)?;
        let runs = if groups > 100_000 { bench.runs.min(3) } else { bench.runs };
        let [scan] = bench.by_turns(runs, [&bench.scan(&inventory)])?;
        rows.push([
            groups.to_string(),
            megabytes(inventory.size),
            time(scan.wall),
            time(each(scan.wall, groups)),
            megabytes(scan.peak),
            times(scan.peak, inventory.size),
        ]);
    }
    Ok(table(
        "Cost by number of groups",
        ["groups", "file", "wall time", "a group", "peak memory", "of the file"],
        &rows,
    ))
}

pub(super) fn rules(bench: &Bench) -> Result<String> {
    let start = bench.inventory(1, Some(1))?;
    let mut rows = Vec::new();
    for rules in [10_u64, 100, 1_000, 10_000] {
        let inventory = bench.inventory(1, Some(rules))?;
        let [one, scan] = bench.by_turns(QUICK_RUNS, [&bench.scan(&start), &bench.scan(&inventory)])?;
        let over = scan.wall.saturating_sub(one.wall);
        rows.push([rules.to_string(), time(scan.wall), time(over), time(each(over, rules)), megabytes(scan.peak)]);
    }
    Ok(table("One group by number of rules", ["rules", "wall time", "over one rule", "a rule", "peak memory"], &rows))
}

pub(super) fn start_up(bench: &Bench) -> Result<String> {
    let inventory = bench.inventory(1, Some(1))?;
    let [bare, version, scan] = bench
        .by_turns(QUICK_RUNS, [&[&bench.bare_main], &[&bench.portcullis, "--version"], &bench.scan(&inventory)])?;
    let row = |name: &str, cost: Cost| {
        [name.to_owned(), time(cost.wall), time(cost.wall.saturating_sub(bare.wall)), megabytes(cost.peak)]
    };
    Ok(table(
        "Start-up",
        ["program", "wall time", "over a bare binary", "peak memory"],
        &[
            row("a bare Rust binary", bare),
            row("portcullis --version", version),
            row("portcullis scan (one group)", scan),
        ],
    ))
}
