//! Wall time and peak memory of one process.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use wait4::Wait4;

use crate::process::shown;

/// What a program took: the median time of its runs, the highest memory of any.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) wall: Duration,
    /// Peak resident memory, in bytes.
    pub(super) peak: u64,
}

/// Runs each program `runs` times by turns, after one turn that does not count: it warms the file cache.
///
/// Exit codes 0 and 1 are fine: 1 says that a scan has findings.
pub(super) fn by_turns<const N: usize>(runs: usize, stderr: &Path, programs: [&[&str]; N]) -> Result<[Cost; N]> {
    let mut costs: [Vec<Cost>; N] = std::array::from_fn(|_| Vec::with_capacity(runs));
    for turn in 0..=runs {
        for (program, costs) in programs.iter().zip(&mut costs) {
            let cost = once(program, stderr)?;
            if turn > 0 {
                costs.push(cost);
            }
        }
    }
    Ok(costs.map(summary))
}

/// The kernel counts into a child's peak what the parent held when it started it. We hold a few megabytes, which no
/// figure here is near; whoever makes this program hold more must start a small one in between.
fn once(program: &[&str], stderr: &Path) -> Result<Cost> {
    let (name, args) = program.split_first().context("no program to measure")?;
    let mut command = Command::new(name);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(stderr)?);
    let start = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot run `{}`", shown(&command)))?;
    let used = child.wait4()?;
    let wall = start.elapsed();
    ensure!(
        matches!(used.status.code(), Some(0 | 1)),
        "`{}`: {}\n{}",
        shown(&command),
        used.status,
        fs::read_to_string(stderr).unwrap_or_default()
    );
    Ok(Cost { wall, peak: used.rusage.maxrss })
}

fn summary(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|cost| cost.wall);
    let peak = costs.iter().map(|cost| cost.peak).max().unwrap_or_default();
    let wall = costs.get(costs.len() / 2).map_or(Duration::ZERO, |cost| cost.wall);
    Cost { wall, peak }
}

/// One line on the machine, to stand above the figures.
pub(super) fn machine() -> String {
    let info = |path: &str, key: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_once(':').map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "Machine: {}, {cores} cores, {} of memory, {}.",
        info("/proc/cpuinfo", "model name"),
        info("/proc/meminfo", "MemTotal"),
        std::env::consts::OS
    )
}
