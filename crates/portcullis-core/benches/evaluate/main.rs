//! What judging costs, apart from reading and writing: `cargo bench -p portcullis-core`.
//!
//! A program of its own and no harness from elsewhere: what is asked is a rate over many different groups, and how the
//! cost of one group grows, not the change of a nanosecond between two runs.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads clocks and starts threads; the core does not")]
#![expect(clippy::print_stdout, reason = "a program whose purpose is to print a table")]

mod controls;
mod fleet;
mod rules;

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use portcullis_core::evaluate::{Evaluator, Options};
use portcullis_core::model::Inventory;
use portcullis_core::policy::PolicySet;

const GROUPS: usize = 100_000;
/// Of so many runs the fastest counts: what disturbs a run only ever slows it.
const RUNS: usize = 5;
/// So many when only verdicts are looked at.
const PROFILED: usize = 40;
/// Shares of a thread, as the program's own judging has them.
const SHARES: usize = 8;

fn main() {
    // `cargo test --benches` runs this too, without the argument: there is nothing to test.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let groups = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(GROUPS);
    let inventory = fleet::inventory(groups);
    let rules: usize = inventory.groups.iter().map(|group| group.rules.len()).sum();
    let sets = [
        ("all controls", controls::all()),
        ("recommended", controls::recommended()),
        ("traffic controls", controls::traffic_only()),
        ("hygiene controls", controls::hygiene_only()),
    ];
    // `-- verdicts`, and perhaps a number of groups: the first stage alone, for a profiler.
    if std::env::args().any(|arg| arg == "verdicts") {
        let least = (0..PROFILED).map(|_| judge_only(&inventory, &controls::all())).min().unwrap_or_default();
        println!("{groups} groups with {rules} rules, one thread: {:.0} ns a group", 1e9 / rate(groups, least));
        return;
    }
    println!(
        "{groups} groups with {rules} rules; threads judge, one thread begins the indices and puts the parts together"
    );
    println!("processor's time a group of each stage, and groups a second by the clock");
    println!(
        "{:21} | threads | indices  | verdicts | findings | finishing | how many | verdicts/s | all stages/s",
        "controls"
    );
    for (name, policies) in &sets {
        for threads in [1, 2] {
            row(name, &inventory, policies, threads);
        }
    }
    // `-- fleet`, and perhaps a number of groups, is enough for a profiler.
    if std::env::args().any(|arg| arg == "fleet") {
        return;
    }
    println!();
    dearest(&inventory);
    println!();
    rules::growth(&controls::all());
}

/// The controls that cost most by themselves; each also pays for what others would share.
fn dearest(inventory: &Inventory) {
    const SHOWN: usize = 12;
    let mut costs: Vec<_> = controls::each()
        .map(|(id, policies)| {
            let cost = once(inventory, &policies, 1);
            (cost.verdicts.processor, cost.found, id)
        })
        .collect();
    costs.sort_by(|a, b| b.cmp(a));
    println!("a control alone             | findings | verdict");
    for (time, findings, id) in costs.into_iter().take(SHOWN) {
        println!("{id:27} | {findings:8} | {:4.0} ns", 1e9 / rate(inventory.groups.len(), time));
    }
}

/// What the stages of one evaluation took.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    indices: Stage,
    verdicts: Stage,
    findings: Stage,
    finishing: Stage,
    found: usize,
}

/// What a stage took.
#[derive(Clone, Copy, Debug, Default)]
struct Stage {
    wall: Duration,
    /// The processor's time of all threads, which a busy machine does not add to.
    processor: Duration,
}

impl Stage {
    fn least(self, other: Self) -> Self {
        Self { wall: self.wall.min(other.wall), processor: self.processor.min(other.processor) }
    }
}

/// The least that each stage took in several runs.
fn least(inventory: &Inventory, policies: &PolicySet, threads: usize) -> Cost {
    let runs = (0..RUNS).map(|_| once(inventory, policies, threads));
    let least = |a: Cost, b: Cost| Cost {
        indices: a.indices.least(b.indices),
        verdicts: a.verdicts.least(b.verdicts),
        findings: a.findings.least(b.findings),
        finishing: a.finishing.least(b.finishing),
        found: b.found,
    };
    runs.reduce(least).unwrap_or_default()
}

fn row(name: &str, inventory: &Inventory, policies: &PolicySet, threads: usize) {
    let Cost { indices, verdicts, findings, finishing, found } = least(inventory, policies, threads);
    let groups = inventory.groups.len();
    let each = |stage: Stage| 1e9 / rate(groups, stage.processor);
    println!(
        "{:21} | {threads:7} | {:5.0} ns | {:5.0} ns | {:5.0} ns | {:6.0} ns | {found:8} | {:10.0} | {:10.0}",
        format!("{name} ({})", policies.controls.len()),
        each(indices),
        each(verdicts),
        each(findings),
        each(finishing),
        // From the inventory as it was read: what verdicts need of all groups is part of them.
        rate(groups, indices.wall + verdicts.wall),
        rate(groups, indices.wall + verdicts.wall + findings.wall + finishing.wall),
    );
}

fn once(inventory: &Inventory, policies: &PolicySet, threads: usize) -> Cost {
    let (evaluator, indices) = alone(|| Evaluator::new(inventory, policies, Timestamp::UNIX_EPOCH, Options::default()));
    let groups = inventory.groups.len();
    let share = groups.div_ceil(threads * SHARES).max(1);
    let shares = (0..groups).step_by(share).map(|start| start..(start + share).min(groups));
    let (judged, verdicts) = on_threads(shares.collect(), threads, |share| evaluator.verdicts(share));
    black_box(&judged);
    let (parts, findings) = on_threads(judged, threads, |verdicts| evaluator.findings(&verdicts));
    let (evaluation, finishing) = alone(|| evaluator.finish(parts));
    let found = black_box(&evaluation).findings.len();
    Cost { indices, verdicts, findings, finishing, found }
}

/// The processor's time of all verdicts.
fn judge_only(inventory: &Inventory, policies: &PolicySet) -> Duration {
    let judge = || {
        let evaluator = Evaluator::new(inventory, policies, Timestamp::UNIX_EPOCH, Options::default());
        black_box(evaluator.verdicts(0..inventory.groups.len()));
    };
    alone(judge).1.processor
}

/// Does what is done on one thread only.
fn alone<R>(work: impl FnOnce() -> R) -> (R, Stage) {
    let (start, before) = (Instant::now(), processor_time());
    let done = work();
    let stage = Stage { wall: start.elapsed(), processor: processor_time().saturating_sub(before) };
    (done, stage)
}

/// Does a piece of work for each share, on so many threads.
fn on_threads<S: Send, R: Send>(shares: Vec<S>, threads: usize, work: impl Fn(S) -> R + Sync) -> (Vec<R>, Stage) {
    let mut own: Vec<Vec<S>> = (0..threads).map(|_| Vec::new()).collect();
    for (share, worker) in shares.into_iter().zip((0..threads).cycle()) {
        if let Some(own) = own.get_mut(worker) {
            own.push(share);
        }
    }
    let work = &work;
    let start = Instant::now();
    let done: Vec<(Vec<R>, Duration)> = thread::scope(|scope| {
        let workers = own.into_iter().map(|own| {
            scope.spawn(move || {
                let before = processor_time();
                let done: Vec<R> = own.into_iter().map(work).collect();
                (done, processor_time().saturating_sub(before))
            })
        });
        let workers: Vec<_> = workers.collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let stage = Stage { wall: start.elapsed(), processor: done.iter().map(|(_, time)| *time).sum() };
    (done.into_iter().flat_map(|(done, _)| done).collect(), stage)
}

/// What this thread has had of a processor; nothing where the system is not Linux.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "a figure of three digits for people")]
fn rate(amount: usize, time: Duration) -> f64 {
    amount as f64 / time.as_secs_f64()
}
