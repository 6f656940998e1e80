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
    /// Processor time, of all cores.
    pub(super) processor: Duration,
    /// Peak resident memory, in bytes.
    pub(super) peak: u64,
}

/// Runs each program `runs` times by turns, after one turn that does not count: it warms the file cache.
///
/// Exit codes 0 and 1 are fine: 1 says that a scan has findings.
pub(super) fn by_turns<const N: usize>(runs: usize, stderr: &Path, programs: [&[&str]; N]) -> Result<[Cost; N]> {
    Ok(all_turns(runs, stderr, programs)?.map(summary))
}

/// Two programs that do the same.
pub(super) struct Compared {
    pub(super) one: Cost,
    pub(super) other: Cost,
    /// How many times as long the other takes: the median of the ratios turn by turn, in which both saw the same noise.
    pub(super) ratio: f64,
}

pub(super) fn compare(runs: usize, stderr: &Path, one: &[&str], other: &[&str]) -> Result<Compared> {
    let [one, other] = all_turns(runs, stderr, [one, other])?;
    let pairs = one.iter().zip(&other);
    let mut ratios: Vec<f64> = pairs.map(|(one, other)| other.wall.as_secs_f64() / one.wall.as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    Ok(Compared { one: summary(one), other: summary(other), ratio })
}

fn all_turns<const N: usize>(runs: usize, stderr: &Path, programs: [&[&str]; N]) -> Result<[Vec<Cost>; N]> {
    let mut costs: [Vec<Cost>; N] = std::array::from_fn(|_| Vec::with_capacity(runs));
    for turn in 0..=runs {
        for (program, costs) in programs.iter().zip(&mut costs) {
            let cost = once(program, stderr)?;
            if turn > 0 {
                costs.push(cost);
            }
        }
    }
    Ok(costs)
}

/// The kernel counts into a child's peak what the parent held when it started it. We hold a few megabytes, which no
/// figure here is near; whoever makes this program hold more must start a small one in between.
fn once(program: &[&str], stderr: &Path) -> Result<Cost> {
    of(program, Stdio::null(), stderr)
}

/// What a program takes for what another one writes to it, while it is written.
pub(super) fn piped(mut writer: Command, program: &[&str], stderr: &Path) -> Result<Cost> {
    let mut child = writer.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let child = child.as_mut().map_err(|error| anyhow::anyhow!("cannot run `{}`: {error}", shown(&writer)))?;
    let text = child.stdout.take().context("a program without an output")?;
    let cost = of(program, text.into(), stderr);
    // Where the reader failed the writer has nobody to write to and ends too.
    let status = child.wait()?;
    let cost = cost?;
    ensure!(status.success(), "`{}`: {status}", shown(&writer));
    Ok(cost)
}

fn of(program: &[&str], stdin: Stdio, stderr: &Path) -> Result<Cost> {
    let (name, args) = program.split_first().context("no program to measure")?;
    let mut command = Command::new(name);
    command.args(args).stdin(stdin).stdout(Stdio::null()).stderr(File::create(stderr)?);
    let start = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot run `{}`", shown(&command)))?;
    let used = child.wait4()?;
    let wall = start.elapsed();
    let processor = used.rusage.utime + used.rusage.stime;
    ensure!(
        matches!(used.status.code(), Some(0 | 1)),
        "`{}`: {}\n{}",
        shown(&command),
        used.status,
        fs::read_to_string(stderr).unwrap_or_default()
    );
    Ok(Cost { wall, processor, peak: used.rusage.maxrss })
}

fn summary(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|cost| cost.wall);
    let peak = costs.iter().map(|cost| cost.peak).max().unwrap_or_default();
    let middle = costs.get(costs.len() / 2);
    let [wall, processor] =
        [middle.map(|cost| cost.wall), middle.map(|cost| cost.processor)].map(Option::unwrap_or_default);
    Cost { wall, processor, peak }
}

/// The processor's time of this process so far, all threads together, in steps of ten milliseconds; zero where the system
/// does not tell. Source: proc_pid_stat(5), fields 14 and 15 in ticks of 1/100 s.
pub(super) fn own_processor() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name, in brackets, which may hold blanks.
    let fields = text.rsplit_once(") ").map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
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
