//! What parsing and comparing many repositories costs, apart from reading them, on one thread and as the program does it:
//! `cargo bench -p portcullis-rules`.
//!
//! A program of its own and no harness from elsewhere: what is asked is the time of a whole tree, not the change of a
//! nanosecond between two runs.

#![expect(clippy::print_stdout, reason = "a program whose purpose is to print a table")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use portcullis_core::model::SecurityGroup;
use portcullis_formats::rules::{Read, parse};
use portcullis_rules::{difference, side_by_side};

const REPOSITORIES: usize = 1_000;
const RULES: usize = 60;
/// Of so many runs the fastest counts: what disturbs a run only ever slows it.
const RUNS: usize = 7;

/// A file of one repository, and the text that its group was made from.
struct Case {
    file: String,
    live: SecurityGroup,
}

fn main() {
    // `cargo test --benches` runs this too, without the argument: there is nothing to test.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    println!("{REPOSITORIES} repositories with {RULES} rules each");
    println!("{:28} | parsing  | comparing | together  | both on all cores", "the files are");
    for (name, rewrite) in [
        ("as the live groups", unchanged as fn(usize, &[String]) -> Vec<String>),
        ("reordered", reordered),
        ("split, each block in halves", halved),
        ("ten rules changed", ten_changed),
        ("all rules changed", all_changed),
    ] {
        let cases: Vec<Case> = (0..REPOSITORIES).map(|number| case(number, rewrite)).collect();
        let (mut parsing, mut comparing, mut cores) = (Duration::MAX, Duration::MAX, Duration::MAX);
        for _ in 0..RUNS {
            let start = Instant::now();
            let read: Vec<Read> =
                cases.iter().filter_map(|case| parse([("rules.pysec", case.file.as_bytes())]).ok()).collect();
            parsing = parsing.min(start.elapsed());
            assert_eq!(read.len(), cases.len(), "every file is right");
            let start = Instant::now();
            for (case, read) in cases.iter().zip(&read) {
                black_box(difference(&read.set, &[&case.live], None));
            }
            comparing = comparing.min(start.elapsed());
            drop(read);
            let start = Instant::now();
            let both = side_by_side(cases.iter().collect(), |case: &Case| {
                let read = parse([("rules.pysec", case.file.as_bytes())]).ok()?;
                Some(difference(&read.set, &[&case.live], None).is_empty())
            });
            cores = cores.min(start.elapsed());
            assert_eq!(both.into_iter().flatten().count(), cases.len(), "every file is right");
        }
        let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        println!("{name:28} | {:8} | {:9} | {:9} | {}", ms(parsing), ms(comparing), ms(parsing + comparing), ms(cores));
    }
}

/// The live group's rules as lines, and the repository's file made from them.
fn case(number: usize, rewrite: fn(usize, &[String]) -> Vec<String>) -> Case {
    let lines: Vec<String> = (0..RULES).map(|rule| line(number, rule, 24)).collect();
    let live = parse([("live", lines.join("\n").as_bytes())]).map(|read| read.set.as_held()).unwrap_or_default();
    let mut file = String::new();
    for (place, line) in rewrite(number, &lines).iter().enumerate() {
        let _ = writeln!(file, "{line}{}", if place % 2 == 0 { "  # an office of ours" } else { "" });
    }
    Case { file, live: SecurityGroup { rules: live, ..SecurityGroup::default() } }
}

fn line(repository: usize, rule: usize, length: usize) -> String {
    let (a, b) = (repository % 250, repository / 250 * RULES + rule);
    match rule % 3 {
        0 => format!("10.{a}.{b}.0/{length}:443^tcp"),
        1 => format!("10.{a}.{b}.0/{length}:8000-8100^tcp"),
        _ => format!("10.{a}.{b}.0/{length}:53^udp"),
    }
}

fn unchanged(_: usize, lines: &[String]) -> Vec<String> {
    lines.to_vec()
}

fn reordered(_: usize, lines: &[String]) -> Vec<String> {
    lines.iter().rev().cloned().collect()
}

fn halved(_: usize, lines: &[String]) -> Vec<String> {
    let halves = lines.iter().flat_map(|line| [line.replace(".0/24", ".0/25"), line.replace(".0/24", ".128/25")]);
    halves.collect()
}

fn ten_changed(number: usize, lines: &[String]) -> Vec<String> {
    let new = (0..10).map(|rule| line(number, rule, 23));
    new.chain(lines.iter().skip(10).cloned()).collect()
}

fn all_changed(_: usize, lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| line.replacen("10.", "11.", 1)).collect()
}
