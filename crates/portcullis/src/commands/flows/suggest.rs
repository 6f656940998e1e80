//! `portcullis flows suggest`

use std::collections::BTreeSet;
use std::io;

use anyhow::anyhow;
use jiff::Timestamp;
use portcullis_core::usage::{Attribution, Members, Observed, Rulebook, Suggester, Suggestion, Tally, suggest};
use portcullis_formats::rules::{RuleSet, write};
use portcullis_report::flows::span;
use portcullis_report::flows::suggest::{RARE, Report};
use portcullis_report::sanitise::neutral;

use super::seen::{needed, places, read, remark_on_unattributed, told};
use crate::cli::flows::{SuggestArgs, SuggestFormat};
use crate::exit::{Outcome, Result};
use crate::output::{Console, to_file, to_stdout};

/// What is used once a month is not in logs of fewer days.
const ENOUGH_DAYS: i64 = 30;

pub(crate) fn run(args: &SuggestArgs, console: &Console) -> Result<Outcome> {
    let observed = read(&args.input, console)?;
    let inventory = needed(observed.inventory, "suggest")?;
    let members = Members::of(&inventory);
    let rulebook = Rulebook::new(&inventory.groups, &members);
    let places = places(&inventory, &observed.flows, &rulebook, console);
    let attribution = Attribution { rulebook: &rulebook, places: &places, flows: &observed.flows };
    let begin = || (Observed::new(), Tally::new(&rulebook));
    let (parts, seen) = portcullis_runtime::attribute(&attribution, begin, |(points, tally), used| {
        points.add(&used);
        tally.add(&used);
    });
    let (mut points, mut tally) = begin();
    for (own_points, own_tally) in parts {
        points.merge(own_points);
        tally.merge(own_tally);
    }
    remark_on_unattributed(tally.unattributed, console);
    let watched: BTreeSet<u32> = attribution.watched(&seen).into_iter().collect();
    let asked = told(&args.input, rulebook.groups());
    let groups: Vec<u32> = asked.iter().copied().filter(|group| watched.contains(group)).collect();
    let suggester = Suggester {
        inventory: &inventory,
        members: &members,
        rulebook: &rulebook,
        lengths: args.generalise.unwrap_or_default(),
    };
    let suggestions = portcullis_runtime::suggest(&suggester, &points.sorted(), &groups);

    if let Some(path) = &args.out {
        let plan = suggest::plan(&inventory, &rulebook, &suggestions);
        // Whoever reads the plan would refuse it.
        if let Some(wrong) = plan.groups.iter().find(|planned| !planned.proof.opens.is_empty()) {
            return Err(anyhow!("the suggestion for `{}` would open something", wrong.group.key.group_id).into());
        }
        let about =
            portcullis_formats::plan::About { created_at: Timestamp::now(), tool_version: env!("CARGO_PKG_VERSION") };
        to_file(path, |out| portcullis_formats::plan::write(&plan, &about, out))?;
        console.remark(&format!("the plan is in `{0}`: `portcullis apply {0}` carries it out", path.display()));
    }
    let report = Report { rulebook: &rulebook, suggestions: &suggestions };
    match args.format {
        SuggestFormat::Table => to_stdout(|out| report.table(out))?,
        SuggestFormat::Json => to_stdout(|out| report.json(out))?,
        SuggestFormat::Rules => to_stdout(|out| rules(&rulebook, &suggestions, out))?,
    }
    doubts(&suggestions, asked.len(), observed.covered, console);
    Ok(observed.outcome)
}

/// Rules files one after the other, each under the name of its group.
fn rules(rulebook: &Rulebook<'_>, suggestions: &[Suggestion], out: &mut impl io::Write) -> io::Result<()> {
    for (number, suggestion) in suggestions.iter().enumerate() {
        let Some(group) = rulebook.group(suggestion.group) else { continue };
        if number > 0 {
            writeln!(out)?;
        }
        writeln!(out, "# {} {}", group.key.group_id, neutral(&group.name))?;
        let set = RuleSet::of(suggestion.rules.iter().map(|suggested| suggested.rule.clone()));
        out.write_all(write(&set).as_bytes())?;
    }
    Ok(())
}

/// What the suggestion rests on, and what speaks against relying on it.
fn doubts(suggestions: &[Suggestion], asked: usize, covered: Option<(i64, i64)>, console: &Console) {
    if let Some((from, to)) = covered {
        let short = to.saturating_sub(from) < ENOUGH_DAYS * 86_400;
        let doubt = if short { ": what is used less often, such as once a month, may be missing" } else { "" };
        console.remark(&format!("note: the logs cover {}{doubt}", span(from, to)));
    }
    let rules = suggestions.iter().flat_map(|suggestion| &suggestion.rules);
    let rare = rules.filter(|suggested| suggested.seen.flows < RARE).count();
    if rare > 0 {
        let rest = if rare == 1 { "1 rule rests".to_owned() } else { format!("{rare} rules rest") };
        console.remark(&format!("note: {rest} on fewer than {RARE} records"));
    }
    let silent = asked.saturating_sub(suggestions.len());
    if silent > 0 {
        let groups = if silent == 1 { "1 group is".to_owned() } else { format!("{silent} groups are") };
        console.remark(&format!("note: {groups} left as they are: the logs have no record of their interfaces"));
    }
}
