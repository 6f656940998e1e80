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
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use portcullis_core::evaluate::{Evaluator, Options, Part};
use portcullis_core::model::Inventory;
use portcullis_core::policy::PolicySet;

const GROUPS: usize = 100_000;
/// Of so many runs the fastest counts: what disturbs a run only ever slows it.
const RUNS: usize = 3;
/// Shares of a thread, as the program's own judging has them.
const SHARES: usize = 8;

fn main() {
    // `cargo test --benches` runs this too, without the argument: there is nothing to test.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let inventory = fleet::inventory(GROUPS);
    let rules: usize = inventory.groups.iter().map(|group| group.rules.len()).sum();
    let sets = [
        ("all controls", controls::all()),
        ("recommended", controls::recommended()),
        ("traffic controls", controls::traffic_only()),
        ("hygiene controls", controls::hygiene_only()),
    ];
    println!(
        "{GROUPS} groups with {rules} rules; threads judge, one thread makes the indices and puts the parts together"
    );
    println!(
        "controls                | threads | findings |   indices |   judging | finishing |  groups/s judged | groups/s in all"
    );
    for (name, policies) in &sets {
        for threads in [1, 2] {
            row(name, &inventory, policies, threads);
        }
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
            (cost.processor, cost.findings, id)
        })
        .collect();
    costs.sort_by(|a, b| b.cmp(a));
    println!("a control alone             | findings | a group");
    for (time, findings, id) in costs.into_iter().take(SHOWN) {
        println!("{id:27} | {findings:8} | {:4.0} ns", 1e9 / rate(inventory.groups.len(), time));
    }
}

/// What the parts of one evaluation took.
#[derive(Clone, Copy)]
struct Cost {
    indices: Duration,
    judging: Duration,
    finishing: Duration,
    /// The processor's time of all judging threads, which a busy machine does not add to.
    processor: Duration,
    findings: usize,
}

impl Cost {
    fn total(&self) -> Duration {
        self.indices + self.judging + self.finishing
    }
}

fn row(name: &str, inventory: &Inventory, policies: &PolicySet, threads: usize) {
    let costs: Vec<Cost> = (0..RUNS).map(|_| once(inventory, policies, threads)).collect();
    let Some(best) = costs.iter().min_by_key(|cost| cost.total()) else { return };
    let judging = costs.iter().map(|cost| cost.judging).min().unwrap_or_default();
    let processor = costs.iter().map(|cost| cost.processor).min().unwrap_or_default();
    println!(
        "{:21} | {threads:7} | {:8} | {:6.1} ms | {:6.1} ms | {:6.1} ms | {:8.0} | {:8.0} | {:5.0} ns",
        format!("{name} ({})", policies.controls.len()),
        best.findings,
        milliseconds(best.indices),
        milliseconds(judging),
        milliseconds(best.finishing),
        rate(inventory.groups.len(), judging),
        rate(inventory.groups.len(), best.total()),
        1e9 / rate(inventory.groups.len(), processor),
    );
}

fn once(inventory: &Inventory, policies: &PolicySet, threads: usize) -> Cost {
    let start = Instant::now();
    let evaluator = Evaluator::new(inventory, policies, Timestamp::UNIX_EPOCH, Options::default());
    let indices = start.elapsed();

    let start = Instant::now();
    let (parts, processor) = judge(&evaluator, inventory.groups.len(), threads);
    let judging = start.elapsed();

    let start = Instant::now();
    let evaluation = evaluator.finish(parts);
    let finishing = start.elapsed();
    let findings = black_box(&evaluation).findings.len();
    Cost { indices, judging, finishing, processor, findings }
}

fn judge(evaluator: &Evaluator<'_>, groups: usize, threads: usize) -> (Vec<Part>, Duration) {
    let share = groups.div_ceil(threads * SHARES).max(1);
    let shares: Vec<Range<usize>> =
        (0..groups).step_by(share).map(|start| start..(start + share).min(groups)).collect();
    let work = |worker: usize| {
        let before = processor_time();
        let own = shares.iter().skip(worker).step_by(threads);
        let parts: Vec<Part> = own.map(|share| evaluator.judge(share.clone())).collect();
        (parts, processor_time().saturating_sub(before))
    };
    thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..threads).map(|worker| scope.spawn(move || work(worker))).collect();
        let done = workers.into_iter().filter_map(|worker| worker.join().ok());
        done.fold((Vec::new(), Duration::ZERO), |(mut all, time), (parts, own)| {
            all.extend(parts);
            (all, time + own)
        })
    })
}

/// What this thread has had of a processor; nothing where the system is not Linux.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or_default())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "a figure of three digits for people")]
fn rate(amount: usize, time: Duration) -> f64 {
    amount as f64 / time.as_secs_f64()
}
