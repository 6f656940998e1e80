//! `cargo xtask docs`: files that the program writes about itself. They live in git; `--check` finds drift.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{run as run_command, shown};
use crate::workspace::{Workspace, cargo, root};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if a file is not what the code says
    #[arg(long)]
    check: bool,
}

/// One file and the arguments of `portcullis` that print it.
struct Generated {
    file: &'static str,
    args: &'static [&'static str],
}

/// Every generated file. To add one, add a line.
const GENERATED: &[Generated] = &[
    Generated { file: "deploy/iam/flow-logs.json", args: &["docs", "iam-flow-logs"] },
    Generated { file: "deploy/iam/block-principals.json", args: &["docs", "iam-block-principals"] },
    Generated { file: "deploy/iam/hub.json", args: &["docs", "iam-hub"] },
    Generated { file: "deploy/iam/organization-read.json", args: &["docs", "iam-organization-read"] },
    Generated { file: "deploy/iam/remediate-member.json", args: &["docs", "iam-remediate-member"] },
    Generated { file: "deploy/iam/remediate.json", args: &["docs", "iam-remediate"] },
    Generated { file: "deploy/iam/rules.json", args: &["docs", "iam-rules"] },
    Generated { file: "deploy/iam/scan-only.json", args: &["docs", "iam-scan-only"] },
    Generated { file: "deploy/iam/trust-policy.json", args: &["docs", "iam-trust-policy"] },
    Generated { file: "docs/controls.md", args: &["docs", "controls"] },
    Generated { file: "docs/plan.schema.json", args: &["docs", "plan-schema"] },
    Generated { file: "docs/policy.schema.json", args: &["policy", "schema"] },
    Generated { file: "docs/rules.schema.json", args: &["docs", "rules-schema"] },
];

pub(crate) fn run(args: &Args) -> Result<()> {
    if args.check { check() } else { write() }
}

fn write() -> Result<()> {
    let program = program()?;
    for generated in GENERATED {
        let path = root().join(generated.file);
        let text = generated.text(&program)?;
        if fs::read(&path).is_ok_and(|present| present == text) {
            eprintln!("   {}: unchanged", generated.file);
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        eprintln!("   {}: written", generated.file);
    }
    Ok(())
}

/// Compares every file before it fails, so that one run names all that drifted.
pub(crate) fn check() -> Result<()> {
    let (program, mut drifted) = (program()?, 0);
    for generated in GENERATED {
        if let Some(difference) = drift(&root().join(generated.file), &generated.text(&program)?) {
            eprintln!("   {}: {difference}", generated.file);
            drifted += 1;
        }
    }
    ensure!(drifted == 0, "{drifted} generated file(s) differ from the code: run `cargo xtask docs` and commit them");
    Ok(())
}

/// The program, built as the tests build it: by itself it would have other features, and the AWS SDK be compiled once more.
fn program() -> Result<PathBuf> {
    run_command(cargo().args(["test", "--workspace", "--no-run", "--quiet"]))?;
    Ok(Workspace::load()?.debug("portcullis"))
}

impl Generated {
    fn text(&self, program: &Path) -> Result<Vec<u8>> {
        let mut command = Command::new(program);
        command.args(self.args);
        let output = command.output().with_context(|| format!("cannot run `{}`", shown(&command)))?;
        if !output.status.success() {
            bail!("`{}`: {}\n{}", shown(&command), output.status, String::from_utf8_lossy(&output.stderr));
        }
        ensure!(!output.stdout.is_empty(), "`{}` printed nothing", shown(&command));
        Ok(output.stdout)
    }
}

/// Says how the file in git differs from what it should be.
fn drift(path: &Path, expected: &[u8]) -> Option<String> {
    let Ok(present) = fs::read(path) else { return Some("is missing".to_owned()) };
    if present == expected {
        return None;
    }
    let (present, expected) = (String::from_utf8_lossy(&present), String::from_utf8_lossy(expected));
    let same = present.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count();
    let line = |text: &str| text.lines().nth(same).map_or_else(|| "the end".to_owned(), |l| format!("`{l}`"));
    Some(format!("line {}: holds {}, the code says {}", same + 1, line(&present), line(&expected)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The text of every Rust file below a folder, build output apart.
    fn sources(folder: &Path, all: &mut String) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                sources(&path, all)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all.push_str(&fs::read_to_string(&path)?);
            }
        }
        Ok(())
    }

    /// A claim of these pages is as good as its test: each is a line of a list that ends in the names of tests.
    #[test]
    fn every_claim_of_the_semantics_names_a_test_that_exists() -> Result<()> {
        let mut code = String::new();
        sources(&root().join("crates"), &mut code)?;
        let functions: BTreeSet<&str> = code
            .split("fn ")
            .skip(1)
            .filter_map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next())
            .collect();
        let mut claims = Vec::new();
        for (page, least) in [("docs/semantics.md", 40), ("docs/enforcement.md", 30)] {
            let text = fs::read_to_string(root().join(page))?;
            let own = text.split("\n- ").skip(1).map(|claim| claim.split("\n\n").next().unwrap_or(claim).to_owned());
            let before = claims.len();
            claims.extend(own);
            assert!(claims.len() - before > least, "only {} claims in {page}", claims.len() - before);
        }
        for claim in &claims {
            let names = claim.rsplit_once(" —").map(|(_, names)| names);
            let named: Vec<&str> = names.into_iter().flat_map(|names| names.split('`').skip(1).step_by(2)).collect();
            assert!(!named.is_empty(), "the claim names no test: {claim}");
            for name in named.into_iter().filter(|name| !name.contains('/')) {
                assert!(functions.contains(name), "there is no test `{name}`, which this names: {claim}");
            }
        }
        Ok(())
    }
}
