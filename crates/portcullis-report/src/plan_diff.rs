//! A plan for people at a terminal: per group what goes, what comes and what changes, and the proof in words.

use std::io;

use portcullis_core::model::{Direction, Inventory, Rule};
use portcullis_core::net::Traffic;
use portcullis_core::remediation::{Change, GroupPlan, Plan, Proof};
use portcullis_core::usage::Cut;

use crate::terminal::{BOLD, DIM, GREEN, Label, PLAIN, RED, Screen, Terminal, YELLOW};
use crate::traffic::words;
use crate::words::{count, heading, rule_line, rule_text, shortened, some_of};

const INDENT: usize = 2;
const COLUMN: usize = 13;
/// How many stretches, blocks or names of one line are named one by one.
const MOST_NAMES: usize = 6;
const MOST_DESCRIPTION: usize = 60;

/// How many connections that a change would cut are named one by one.
const MOST_CUTS: usize = 5;

/// Writes the plan.
///
/// # Errors
/// Where `out` fails.
pub fn render(plan: &Plan, terminal: Terminal, out: &mut impl io::Write) -> io::Result<()> {
    render_with_cuts(plan, None, terminal, out)
}

/// Writes the plan, each change with the connections that it would cut; `None` where no flow logs were read.
///
/// # Errors
/// Where `out` fails.
pub fn render_with_cuts(
    plan: &Plan,
    cuts: Option<&[Cut]>,
    terminal: Terminal,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let mut screen = Screen::new(terminal, out);
    for (place, group) in plan.groups.iter().enumerate() {
        screen.text(0, BOLD, &heading(&group.group))?;
        for (number, change) in group.changes.iter().enumerate() {
            self::change(change, &plan.around, &mut screen)?;
            let own = cuts.unwrap_or_default().iter().filter(|cut| (cut.group, cut.change) == (place, number));
            self::cuts(&own.collect::<Vec<_>>(), &mut screen)?;
        }
        if let Some(cuts) = cuts
            && !cuts.iter().any(|cut| cut.group == place)
        {
            let label = Label { text: "cuts", style: DIM };
            screen.labelled(INDENT, label, COLUMN, PLAIN, "nothing that the flow logs show")?;
        }
        proof(group, &mut screen)?;
        screen.blank()?;
    }
    if !plan.unfixable.is_empty() {
        screen.text(0, BOLD, "Not fixed by this plan")?;
    }
    for finding in &plan.unfixable {
        let key = &finding.group;
        let place = [&key.group_id, &key.account_id, &key.region];
        let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).map(|part| part.as_str()).collect();
        screen.text(INDENT, PLAIN, &format!("{} on {}: {}", finding.control_id, place.join(" "), finding.reason))?;
    }
    if !plan.unfixable.is_empty() {
        screen.blank()?;
    }
    screen.text(0, BOLD, &total(plan))
}

/// The connections that a change would cut, most often seen first.
fn cuts<W: io::Write>(cuts: &[&Cut], screen: &mut Screen<'_, W>) -> io::Result<()> {
    for Cut { connection, seen, .. } in cuts.iter().take(MOST_CUTS) {
        let records = count(usize::try_from(seen.sum.flows).unwrap_or(usize::MAX), "record");
        let port = crate::flows::port(connection.protocol, connection.port);
        let last = crate::flows::short_time(seen.last);
        let text =
            format!("{} to {} {port}: {records}, the last {last} UTC", connection.source, connection.destination);
        screen.labelled(INDENT + 2, Label { text: "cuts", style: RED }, 5, PLAIN, &text)?;
    }
    if let Some(more) = cuts.len().checked_sub(MOST_CUTS).filter(|more| *more > 0) {
        screen.text(INDENT + 2, DIM, &format!("cuts {}", count(more, "more connection")))?;
    }
    Ok(())
}

fn total(plan: &Plan) -> String {
    let left = match plan.unfixable.len() {
        0 => String::new(),
        left => format!(", {} left", count(left, "finding")),
    };
    if plan.groups.is_empty() {
        return format!("nothing to change{left}");
    }
    let changes = plan.groups.iter().map(|group| group.changes.len()).sum();
    let gone: usize = plan.groups.iter().map(|group| group.findings.len()).sum();
    let findings = if gone == 0 { String::new() } else { format!(" for {}", count(gone, "finding")) };
    let (groups, changes) = (count(plan.groups.len(), "group"), count(changes, "change"));
    format!("{}: {changes} in {groups}{findings}{left}", plan.strategy.as_str())
}

fn change<W: io::Write>(change: &Change, around: &Inventory, screen: &mut Screen<'_, W>) -> io::Result<()> {
    let mut line = |sign: &str, style, text: &str| {
        let label = Label { text: sign, style };
        screen.labelled(INDENT, label, 2, style, text)
    };
    match change {
        Change::Revoke(before) => line("-", RED, &rule_line(before, around)),
        Change::Authorize(after) => line("+", GREEN, &rule_line(after, around)),
        Change::Modify { before, after } => {
            line("~", YELLOW, &rule_line(before, around))?;
            line(" ", YELLOW, &format!("→ {}", described(before, after, around)))
        }
        Change::Describe { before, after } => {
            line("~", YELLOW, &format!("{before}: description \"{}\" → \"{}\"", before.description, after.description))
        }
        Change::Tag { key, before, after } => match (before, after) {
            (None, Some(after)) => line("+", GREEN, &format!("tag {key} = {after}")),
            (Some(before), None) => line("-", RED, &format!("tag {key} = {before}")),
            (Some(before), Some(after)) => line("~", YELLOW, &format!("tag {key} = {before} → {after}")),
            (None, None) => Ok(()),
        },
    }
}

/// The rule after a change in place, with its description only where that changes too.
fn described(before: &Rule, after: &Rule, around: &Inventory) -> String {
    let text = rule_text(after, around);
    if before.description == after.description {
        return text;
    }
    format!("{text}  \"{}\"", shortened(&after.description, MOST_DESCRIPTION))
}

fn proof<W: io::Write>(group: &GroupPlan, screen: &mut Screen<'_, W>) -> io::Result<()> {
    let Proof { findings_gone, opens, closes, also_closes } = &group.proof;
    let mut controls: Vec<&str> = Vec::new();
    for finding in &group.findings {
        if !controls.contains(&finding.control_id.as_str()) {
            controls.push(&finding.control_id);
        }
    }
    let controls = some_of(&controls);
    let mut lines: Vec<(&str, anstyle::Style, String)> = Vec::new();
    match findings_gone {
        Some(true) => lines.push(("gone", GREEN, controls)),
        Some(false) => lines.push(("stays", RED, format!("some of {controls}"))),
        None if group.findings.is_empty() => {}
        None => lines.push(("traffic", DIM, format!("stays as it is; for {controls}"))),
    }
    if findings_gone.is_some() || !closes.is_empty() || group.findings.is_empty() {
        lines.extend(traffic_lines(closes, None).map(|text| ("closes", DIM, text)));
        lines.extend(traffic_lines(also_closes, None).map(|text| ("also closes", YELLOW, text)));
        lines.extend(traffic_lines(opens, Some("nothing")).map(|text| ("opens", DIM, text)));
    }
    if group.needs_gap {
        let text = "the quota of rules leaves no room to authorise before revoking: `--allow-gap` is needed";
        lines.push(("gap", YELLOW, text.to_owned()));
    }
    for (name, style, text) in lines {
        screen.labelled(INDENT, Label { text: name, style }, COLUMN, PLAIN, &text)?;
    }
    Ok(())
}

fn traffic_lines<'a>(
    parts: &'a [(Direction, Traffic)],
    nothing: Option<&'static str>,
) -> impl Iterator<Item = String> + 'a {
    let empty = parts.iter().all(|(_, traffic)| traffic.is_empty());
    let lines = parts.iter().filter(|(_, traffic)| !traffic.is_empty());
    let lines = lines.map(|(direction, traffic)| format!("{direction} {}", words(traffic, *direction, MOST_NAMES)));
    nothing.filter(|_| empty).map(str::to_owned).into_iter().chain(lines)
}
