//! `portcullis plan`

use jiff::Timestamp;
use portcullis_core::model::CoverageStatus;
use portcullis_core::remediation::{Plan, Strategy, plan};
use portcullis_report::plan_diff;

use crate::cli::{PlanArgs, PlanFormat, StrategyName};
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_file, to_stdout};
use crate::selection::{Selection, remark_on};

pub(crate) fn run(args: &PlanArgs, console: &Console) -> Result<Outcome> {
    let strategy = strategy(args)?;
    let selection = Selection::read(&args.selection, console)?;
    let now = Timestamp::now();
    let evaluation = selection.judge(now, false);
    remark_on(&selection, &evaluation, console);
    let plan: Plan = plan(&selection.inventory, &selection.policies, &evaluation, &strategy, now);

    let about = portcullis_formats::plan::About { created_at: now, tool_version: env!("CARGO_PKG_VERSION") };
    if let Some(path) = &args.out {
        to_file(path, |out| portcullis_formats::plan::write(&plan, &about, out))?;
    }
    match args.format {
        PlanFormat::Text => to_stdout(|out| plan_diff::render(&plan, console.stdout(), out))?,
        PlanFormat::Json => to_stdout(|out| portcullis_formats::plan::write(&plan, &about, out))?,
    }
    if let Some(path) = &args.out {
        console.remark(&format!("the plan is in `{0}`: `portcullis apply {0}` carries it out", path.display()));
    }
    let unread =
        evaluation.coverage.iter().any(|row| matches!(row.status, CoverageStatus::Partial | CoverageStatus::Unread));
    Ok(if unread { Outcome::Incomplete } else { Outcome::Done })
}

fn strategy(args: &PlanArgs) -> Result<Strategy> {
    let replaces = !args.replace_with.is_empty();
    match args.strategy {
        None if replaces => Ok(Strategy::Replace(args.replace_with.clone())),
        Some(StrategyName::Replace) if replaces => Ok(Strategy::Replace(args.replace_with.clone())),
        Some(StrategyName::Replace) => {
            Err(Failure::input("`--strategy replace` needs `--replace-with CIDR[,CIDR]`: the sources to put in place"))
        }
        Some(_) if replaces => Err(Failure::input("`--replace-with` goes with `--strategy replace` only")),
        None | Some(StrategyName::Narrow) => Ok(Strategy::Narrow),
        Some(StrategyName::Revoke) => Ok(Strategy::Revoke),
        Some(StrategyName::Lockdown) => Ok(Strategy::Lockdown),
        Some(StrategyName::Tag) => Ok(Strategy::Tag),
    }
}
