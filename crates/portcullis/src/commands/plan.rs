//! `portcullis plan`

use jiff::Timestamp;
use portcullis_core::remediation::{Plan, Strategy, plan};
use portcullis_report::plan_diff;

use crate::cli::flows::InputArgs;
use crate::cli::{PlanArgs, PlanFormat, StrategyName};
use crate::commands::flows::{risk::Change, seen};
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_file, to_stdout};
use crate::selection::{Selection, is_unread, remark_on};

pub(crate) fn run(args: &PlanArgs, console: &Console) -> Result<Outcome> {
    let asked = strategy(args)?;
    let selection = Selection::read(&args.selection, console)?;
    let strategy = asked.or_else(|| selection.strategy.clone()).unwrap_or(Strategy::Narrow);
    let now = Timestamp::now();
    let evaluation = selection.judge(now, false);
    remark_on(&selection, &evaluation, console);
    let plan: Plan = plan(&selection.inventory, &selection.policies, &evaluation, &strategy, now);

    let seen = if args.flows.is_empty() { None } else { Some(seen::read(&InputArgs::of(&args.flows), console)?) };
    let cuts = seen
        .as_ref()
        .map(|seen| Change::of_plan(&plan, Some(selection.inventory.clone()))?.cuts(&plan, &seen.flows, console));
    let cuts = cuts.transpose()?;
    let cuts = cuts.as_deref();
    let about = portcullis_formats::plan::About { created_at: now, tool_version: env!("CARGO_PKG_VERSION") };
    if let Some(path) = &args.out {
        to_file(path, |out| portcullis_formats::plan::write_with_cuts(&plan, &about, cuts, out))?;
    }
    match args.format {
        PlanFormat::Text => to_stdout(|out| plan_diff::render_with_cuts(&plan, cuts, console.stdout(), out))?,
        PlanFormat::Json => to_stdout(|out| portcullis_formats::plan::write_with_cuts(&plan, &about, cuts, out))?,
    }
    if let Some(path) = &args.out {
        console.remark(&format!("the plan is in `{0}`: `portcullis apply {0}` carries it out", path.display()));
    }
    let unread = is_unread(&evaluation) || seen.is_some_and(|seen| seen.outcome != Outcome::Done);
    Ok(if unread { Outcome::Incomplete } else { Outcome::Done })
}

/// What was asked for on the command line; without a word the policies decide.
fn strategy(args: &PlanArgs) -> Result<Option<Strategy>> {
    let replaces = !args.replace_with.is_empty();
    Ok(match args.strategy {
        None | Some(StrategyName::Replace) if replaces => Some(Strategy::Replace(args.replace_with.clone())),
        Some(StrategyName::Replace) => {
            let why = "`--strategy replace` needs `--replace-with CIDR[,CIDR]`: the sources to put in place";
            return Err(Failure::input(why));
        }
        Some(_) if replaces => return Err(Failure::input("`--replace-with` goes with `--strategy replace` only")),
        None => None,
        Some(StrategyName::Narrow) => Some(Strategy::Narrow),
        Some(StrategyName::Revoke) => Some(Strategy::Revoke),
        Some(StrategyName::Lockdown) => Some(Strategy::Lockdown),
        Some(StrategyName::Tag) => Some(Strategy::Tag),
    })
}
