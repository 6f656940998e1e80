//! `portcullis apply`

use std::collections::BTreeMap;

use portcullis_core::remediation::simulate;
use portcullis_formats::plan;

use super::change::{confirm, offline};
use crate::cli::ApplyArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::output::Console;

pub(crate) fn run(args: &ApplyArgs, console: &Console) -> Result<Outcome> {
    let name = args.plan.display();
    let bytes = std::fs::read(&args.plan)
        .map_err(|error| Failure::input(format!("the plan `{name}` cannot be read: {error}")))?;
    // Reading a plan proves it again; one that does not hold is not carried out.
    let plan = plan::read(&bytes).map_err(|error| Failure::input(format!("the plan `{name}` is refused: {error}")))?;
    let changes: usize = plan.groups.iter().map(|group| group.changes.len()).sum();
    confirm(&args.change, &format!("{changes} changes in {} groups", plan.groups.len()))?;
    let end = |planned: &portcullis_core::remediation::GroupPlan| {
        Some((planned.key().clone(), simulate(&planned.group, &planned.changes).ok()?))
    };
    let ends: BTreeMap<_, _> = plan.groups.iter().filter_map(end).collect();
    offline(&args.change, &ends, args.allow_gap, console, |ports, options| {
        portcullis_runtime::apply(&plan, ports, options, env!("CARGO_PKG_VERSION"))
    })
}
