//! Reading and assembling policies.

use std::path::PathBuf;

use portcullis_formats::policy::assemble::{Assembled, Request, assemble};

use crate::cli::PolicyArgs;
use crate::exit::{Failure, Result};
use crate::output::Console;

/// The files, read.
pub(crate) fn read(files: &[PathBuf]) -> Result<Vec<(String, Vec<u8>)>> {
    let read = |path: &PathBuf| {
        let bytes = std::fs::read(path)
            .map_err(|error| Failure::input(format!("the policy `{}` cannot be read: {error}", path.display())))?;
        Ok((path.display().to_string(), bytes))
    };
    files.iter().map(read).collect()
}

/// What was asked for, valid; nothing runs on a policy that does not parse.
pub(crate) fn assembled(args: &PolicyArgs, console: &Console) -> Result<Assembled> {
    let (packs, environment) = (args.pack.clone(), args.environment.clone());
    let request = Request { policies: read(&args.policy)?, packs, environment };
    assemble(&request).map_err(|errors| console.diagnostics(&errors))
}
