//! `portcullis rollback`

use std::path::PathBuf;

use portcullis_runtime::{files, select};

use super::change::{carry_out, confirm};
use crate::cli::RollbackArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;
use crate::workshop::backups_on_s3;

pub(crate) fn run(args: &RollbackArgs, console: &Console) -> Result<Outcome> {
    let (on_s3, local): (Vec<&String>, Vec<&String>) =
        args.backups.iter().partition(|backup| backup.starts_with("s3://"));
    let mut found = Vec::new();
    for place in on_s3 {
        found.extend(backups_on_s3(&args.change, place)?);
    }
    if !local.is_empty() {
        let local: Vec<PathBuf> = local.into_iter().map(PathBuf::from).collect();
        found.extend(files::find_backups(&local).map_err(Failure::input)?);
    }
    let selected = select(found);
    confirm(&args.change, &format!("{} groups would be put back", selected.chosen.len()))?;
    // What stood before was within the quota; a moment without some rules is the price of putting it back.
    carry_out(
        &args.change,
        true,
        console,
        |places, options, interrupt| files::rollback(&selected, places, options, interrupt),
        |ports, options| portcullis_runtime::rollback(&selected, ports, options),
    )
}
