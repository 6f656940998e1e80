//! `portcullis apply`

use portcullis_formats::plan;
use portcullis_runtime::files;

use super::change::{carry_out, confirm};
use crate::cli::ApplyArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;
use crate::workshop::plan_on_s3;

pub(crate) fn run(args: &ApplyArgs, console: &Console) -> Result<Outcome> {
    let name = &args.plan;
    let bytes = match name.starts_with("s3://") {
        true => plan_on_s3(&args.change, name)?,
        false => {
            std::fs::read(name).map_err(|error| Failure::io(format!("the plan `{name}` cannot be read"), &error))?
        }
    };
    // Reading a plan proves it again; one that does not hold is not carried out.
    let plan = plan::read(&bytes).map_err(|error| Failure::input(format!("the plan `{name}` is refused: {error}")))?;
    let changes: usize = plan.groups.iter().map(|group| group.changes.len()).sum();
    confirm(&args.change, &format!("{changes} changes in {} groups", plan.groups.len()))?;
    carry_out(
        &args.change,
        args.allow_gap,
        console,
        |places, options, interrupt| files::apply(&plan, places, options, interrupt),
        |ports, options| portcullis_runtime::apply(&plan, ports, options),
    )
}
