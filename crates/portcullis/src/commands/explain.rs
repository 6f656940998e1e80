//! `portcullis explain`

use jiff::Timestamp;
use portcullis_formats::catalogue;
use portcullis_report::{Report, explain};

use super::documents::control_doc;
use crate::cli::ExplainArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::output::{Console, to_stdout};
use crate::selection::{Selection, no_such_control, read_policies};

pub(crate) fn run(args: &ExplainArgs, console: &Console) -> Result<Outcome> {
    let subject = args.subject.as_str();
    let policies = read_policies(&args.selection.policies, &args.selection.aws, console)?;
    let own = policies.controls.iter().find(|c| c.id == subject || c.rule_id.as_deref() == Some(subject));
    let shipped =
        || catalogue::control(subject).map(|shipped| shipped.control(&std::sync::Arc::new(policies.settings.clone())));
    if let Some(control) = own.cloned().or_else(shipped) {
        to_stdout(|out| explain::render_control(&control_doc(&control), console.stdout(), out))?;
        return Ok(Outcome::Done);
    }
    // A mistyped control is no reason to read an account.
    if args.selection.inputs.is_empty() && !subject.starts_with("sg-") {
        return Err(Failure::input(format!(
            "{}; to explain a group, give its id, or name the inventory that holds it: \
             `portcullis explain {subject} INPUT`",
            no_such_control(subject)
        )));
    }
    let selection = Selection::read(&args.selection, console)?;
    let groups = selection.inventory.groups.iter().enumerate();
    let found: Vec<usize> = groups
        .filter(|(_, group)| group.key.group_id == subject || group.name == subject)
        .map(|(index, _)| index)
        .collect();
    if found.is_empty() {
        return Err(Failure::input(format!("no group and no control is called `{subject}`")));
    }
    let now = Timestamp::now();
    let evaluation = selection.judge(now, false);
    let report = Report::new(&selection.inventory, &selection.policies, &evaluation, now, env!("CARGO_PKG_VERSION"));
    to_stdout(|out| {
        for (place, index) in found.into_iter().enumerate() {
            if place > 0 {
                std::io::Write::write_all(out, b"\n")?;
            }
            explain::render_group(&report, index, console.stdout(), out)?;
        }
        Ok(())
    })?;
    Ok(Outcome::Done)
}
