//! `flows digest` against DuckDB, which reads the same files on the same cores and gives the same answer, and against
//! flowlogs-reader and bare readers of bytes; and how much memory it takes.
//!
//! The files of one number of keys are made, read and removed before those of the next are made: with 10 million records
//! they take 2 GB.

mod data;

use std::process::Command;

use anyhow::Result;

use super::measure::{Cost, piped};
use super::table::{megabytes, table, time};
use super::whole::Bench;
use data::{Files, Form};

/// Few keys stay in the processor's caches.
const FEW_KEYS: u64 = 7_000;

/// A million do not.
const MANY_KEYS: u64 = 1_200_000;

/// A read of seconds is run less often than others: its noise is less, beside its length.
const RUNS: usize = 3;

/// The most memory that a million keys may take, however many records there are.
const MEMORY: u64 = 300_000_000;

/// How many times as many records are streamed.
const STREAMED: u64 = 10;

pub(super) fn digest(bench: &Bench) -> Result<String> {
    let mut answer = String::new();
    let result = measure(bench, &mut answer);
    if result.is_err() {
        // It took minutes.
        println!("{answer}");
    }
    result.map(|()| answer)
}

fn measure(bench: &Bench, answer: &mut String) -> Result<()> {
    let python = crate::moto::python()?.display().to_string();
    let mut add = |table: String| {
        answer.push_str(&table);
        answer.push('\n');
    };
    for keys in [FEW_KEYS, MANY_KEYS] {
        let files = Files::make(bench, keys, &python)?;
        add(against_duckdb(bench, &files, &python)?);
        if keys == FEW_KEYS {
            add(floors(bench, &files, &python)?);
        }
        if !bench.flows.keep {
            files.remove()?;
        }
    }
    add(streamed(bench)?);
    Ok(())
}

fn ours<'a>(bench: &'a Bench, input: &'a str) -> [&'a str; 7] {
    [&bench.portcullis, "flows", "digest", input, "--format", "json", "--quiet"]
}

fn against_duckdb(bench: &Bench, files: &Files, python: &str) -> Result<String> {
    let script = files.script("digest.py", include_str!("flows/digest.py"))?;
    let mut rows = Vec::new();
    for (form, path) in files.forms() {
        eprintln!("   {} keys, {}", files.keys, form.name());
        let path = path.display().to_string();
        let own = ours(bench, &path);
        let compared = bench.compare(bench.runs.min(RUNS), &own, &[python, &script, &path])?;
        let target = form.target();
        let verdict = if compared.ratio >= target { "met" } else { "missed" };
        rows.push([
            form.name().to_owned(),
            time(compared.one.wall),
            time(compared.one.processor),
            rate(files.records, compared.one),
            megabytes(compared.one.peak),
            time(compared.other.wall),
            time(compared.other.processor),
            rate(files.records, compared.other),
            megabytes(compared.other.peak),
            format!("{:.2} ×", compared.ratio),
            format!("{target} ×, {verdict}"),
        ]);
    }
    Ok(table(
        &format!("Digest of {} records, {} keys", files.records, files.keys),
        [
            "form",
            "portcullis",
            "CPU",
            "records/s",
            "memory",
            "DuckDB",
            "CPU",
            "records/s",
            "memory",
            "DuckDB / ours",
            "target",
        ],
        &rows,
    ))
}

#[expect(clippy::cast_precision_loss, reason = "a rate of three digits for people")]
fn rate(records: u64, cost: Cost) -> String {
    format!("{:.1} M", records as f64 / cost.wall.as_secs_f64() / 1e6)
}

/// What nobody who reads all bytes can be quicker than; and the usual reader in Python, on a part of the records.
fn floors(bench: &Bench, files: &Files, python: &str) -> Result<String> {
    eprintln!("   floors");
    let reader = files.script("reader.py", include_str!("flows/reader.py"))?;
    let text = |form: Form| files.path(form).display().to_string();
    let (plain, gzip, few) = (text(Form::Text), text(Form::Gzip), files.few()?.display().to_string());
    let runs = bench.runs.min(RUNS);
    let [cat, wc, own] = bench.by_turns(runs, [&["cat", &plain], &["wc", "-l", &plain], &ours(bench, &plain)])?;
    let unpackers: [&[&str]; 3] = [&["gzip", "-dc", &gzip], &[&bench.bare_inflate, &gzip], &ours(bench, &gzip)];
    let [unpack, inflate, own_gzip] = bench.by_turns(runs, unpackers)?;
    let [slow, quick] = bench.by_turns(runs, [&[python, &reader, &few], &ours(bench, &few)])?;
    let row = |name: &str, cost: Cost, ours: Cost| {
        let ratio = |ours: f64, theirs: f64| format!("{:.3} ×", ours / theirs);
        [
            name.to_owned(),
            time(cost.wall),
            time(cost.processor),
            time(ours.wall),
            ratio(ours.wall.as_secs_f64(), cost.wall.as_secs_f64()),
            ratio(ours.processor.as_secs_f64(), cost.processor.as_secs_f64()),
        ]
    };
    Ok(table(
        "Floors, and the usual reader",
        ["program", "wall time", "CPU", "portcullis", "ours / it", "of CPU"],
        &[
            row("cat, text", cat, own),
            row("wc -l, text", wc, own),
            row("gzip -dc, one file", unpack, own_gzip),
            row("bare inflate, one file", inflate, own_gzip),
            row(&format!("flowlogs-reader, {} records", files.few_records()), slow, quick),
        ],
    ))
}

/// Many more records through stdin, which are nowhere on disk.
fn streamed(bench: &Bench) -> Result<String> {
    let mut rows = Vec::new();
    for records in [bench.flows.records, bench.flows.records * STREAMED] {
        eprintln!("   {records} records through stdin");
        let [records_text, keys] = [records, MANY_KEYS].map(|number| number.to_string());
        let args = ["flows-data", "--records", &records_text, "--keys", &keys, "--out", "-"];
        let mut generator = Command::new(&bench.generator);
        generator.args(args);
        let cost = piped(generator, &ours(bench, "-"), &bench.stderr())?;
        let verdict = if cost.peak <= MEMORY { "met" } else { "missed" };
        let target = format!("{}, {verdict}", megabytes(MEMORY));
        rows.push([records_text, keys, time(cost.wall), time(cost.processor), megabytes(cost.peak), target]);
    }
    Ok(table(
        "Memory of records that are made while they are read (the time is mostly that of making them)",
        ["records", "keys", "wall time", "CPU", "memory", "target"],
        &rows,
    ))
}
