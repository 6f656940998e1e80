//! Bodies of the fuzz targets. Each takes any bytes and panics when a promise is broken.
//!
//! A body is an ordinary function, so that two drivers share it: `tests/smoke/` runs it on every test run over
//! seeded mutations of `seeds/<target>/`, and `fuzz_targets/<target>.rs` hands it to libFuzzer
//! (`cargo xtask fuzz`).
//!
//! To add a target: a module here and its line in [`TARGETS`], a file in `fuzz_targets/` with its `[[bin]]` in
//! `Cargo.toml`, at least one seed in `seeds/<target>/`, and a line in `tests/smoke/`. The tests say what is missing.
//!
//! What a target of a parser promises: no panic on any bytes, and what was read and written again reads the same.

mod algebra;
mod backup;
mod fixture;
mod flows;
mod inventory;
mod judging;
mod plan;
mod policy;
mod signed;

pub use algebra::algebra;
pub use backup::backup;
pub use fixture::fixture;
pub use flows::flows;
pub use inventory::inventory;
pub use plan::plan;
pub use policy::policy;

/// One fuzz target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: that of the binary and of the folder of seeds.
    pub name: &'static str,
    /// Judges one input. Panics when a promise is broken.
    pub body: fn(&[u8]),
    /// Pieces that a mutation may insert: the words of the target's language.
    pub words: &'static [&'static str],
    /// Mutations of the short run, of all seeds together: a second or two of unoptimised code.
    pub mutations: usize,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "algebra", body: algebra, words: &[], mutations: 3_000 },
    Target { name: "inventory", body: inventory, words: inventory::WORDS, mutations: 1_500 },
    Target { name: "policy", body: policy, words: policy::WORDS, mutations: 1_500 },
    Target { name: "fixture", body: fixture, words: fixture::WORDS, mutations: 1_500 },
    Target { name: "flows", body: flows, words: flows::WORDS, mutations: 600 },
    Target { name: "plan", body: plan, words: plan::WORDS, mutations: 600 },
    Target { name: "backup", body: backup, words: backup::WORDS, mutations: 1_500 },
];
