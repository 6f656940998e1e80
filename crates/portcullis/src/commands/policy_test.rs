//! `portcullis policy test`: a policy's own cases, so that it can be developed test-first.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use portcullis_core::evaluate::Options;
use portcullis_core::policy::{ControlKind, PolicySet};
use portcullis_formats::policy::assemble::{Request, assemble};
use portcullis_formats::policy::fixture::{self, Case};

use super::policy_files;
use crate::cli::AwsArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_stdout};

pub(crate) fn run(policy: &Path, files: &[PathBuf], packs: &[String], console: &Console) -> Result<Outcome> {
    let request = Request {
        policies: policy_files::read(&[policy.display().to_string()], &AwsArgs::default(), None)?,
        packs: packs.to_vec(),
        environment: None,
    };
    let policies = assemble(&request).map_err(|errors| console.diagnostics(&errors))?.set;
    let beside = [policy.with_extension("test.txt")];
    let files = if files.is_empty() { &beside[..] } else { files };
    let (mut cases, mut failed) = (0, 0);
    for file in files {
        let bytes = std::fs::read(file)
            .map_err(|error| Failure::io(format!("the cases `{}` cannot be read", file.display()), &error))?;
        let parsed = fixture::parse(&file.display().to_string(), &bytes);
        for case in parsed.map_err(|errors| console.diagnostics(&errors))? {
            cases += 1;
            failed += usize::from(!passes(&case, &policies, console)?);
        }
    }
    if cases == 0 {
        return Err(Failure::input("there are no cases: write one rule a line, the expectation in its comment"));
    }
    to_stdout(|out| match failed {
        0 => writeln!(out, "{cases} cases pass"),
        _ => writeln!(out, "{failed} of {cases} cases fail"),
    })?;
    Ok(if failed == 0 { Outcome::Done } else { Outcome::Findings })
}

/// Judges one case, and prints how it differs from what is expected.
fn passes(case: &Case, policies: &PolicySet, console: &Console) -> Result<bool> {
    // A line of a case speaks of traffic. A habit, such as a missing tag, is judged only where the case expects it.
    let expected = |id: &str| case.expectations.iter().any(|expectation| expectation.id == id);
    let mut own = policies.clone();
    own.controls.retain(|control| matches!(control.kind, ControlKind::Traffic(_)) || expected(&control.id));
    let evaluation = portcullis_runtime::judge(&case.inventory, &own, Timestamp::now(), Options::default(), None);
    let mismatches = fixture::check(case, &evaluation, &own);
    if mismatches.is_empty() {
        return Ok(true);
    }
    let text = console.excerpts(&case.diagnostics(&mismatches));
    to_stdout(|out| writeln!(out, "case {}\n{text}\n", portcullis_report::sanitise::neutral(&case.name)))?;
    Ok(false)
}
