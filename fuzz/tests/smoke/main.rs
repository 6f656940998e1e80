//! A short run of every target on every test run: the seeds, then seeded mutations of them, the same ones each time.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod mutate;
mod signed;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use mutate::Mutator;
use portcullis_fuzz::TARGETS;

#[test]
fn algebra() {
    smoke("algebra");
}

#[test]
fn inventory() {
    smoke("inventory");
}

#[test]
fn policy() {
    smoke("policy");
}

#[test]
fn fixture() {
    smoke("fixture");
}

#[test]
fn flows() {
    smoke("flows");
}

#[test]
fn plan() {
    smoke("plan");
}

#[test]
fn backup() {
    smoke("backup");
}

/// The list, the binaries, the seeds and the tests above name the same targets.
#[test]
fn every_target_is_wired() {
    let (manifest, tests) = (include_str!("../../Cargo.toml"), include_str!("main.rs"));
    for target in TARGETS {
        let name = target.name;
        assert!(manifest.contains(&format!("name = \"{name}\"")), "`{name}` has no [[bin]] in Cargo.toml");
        assert!(tests.contains(&format!("smoke(\"{name}\")")), "`{name}` has no smoke test in tests/smoke/main.rs");
        assert!(!seeds(name).is_empty(), "`{name}` has no seed in seeds/{name}/");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len(), "a [[bin]] in Cargo.toml is not in TARGETS");
}

fn smoke(name: &str) {
    let Some(target) = TARGETS.iter().find(|t| t.name == name) else { panic!("`{name}` is not in TARGETS") };
    let seeds = seeds(name);
    for seed in &seeds {
        judge(target.body, seed);
    }
    let mut mutator = Mutator::new(&seeds, target.words);
    for _ in 0..target.mutations {
        judge(target.body, &mutator.next_input());
    }
}

/// Shows the input that broke a promise, so that it can be kept as a seed or a test.
fn judge(body: fn(&[u8]), input: &[u8]) {
    if let Err(cause) = catch_unwind(AssertUnwindSafe(|| body(input))) {
        let shown = input.escape_ascii().to_string();
        let path = std::env::temp_dir().join(format!("portcullis-fuzz-{}", std::process::id()));
        let kept = fs::write(&path, input).map_or_else(|e| e.to_string(), |()| path.display().to_string());
        println_err(&format!("broken by ({kept}): {}", shown.get(..2_000).unwrap_or(&shown)));
        resume_unwind(cause);
    }
}

#[expect(clippy::print_stderr, reason = "the only way for a test to say more than its panic")]
fn println_err(text: &str) {
    eprintln!("{text}");
}

/// Where the seeds of a target lie.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name)
}

/// The seeds of a target, sorted by name so that every run sees them in the same order.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder(name)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|e| e.path()).filter(|p| p.is_file()).collect();
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).collect()
}
