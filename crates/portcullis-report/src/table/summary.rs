//! The end of the table: counts, framework items, and what was not read or judged.

use std::io;

use portcullis_core::finding::{ItemStatus, Status};
use portcullis_core::model::CoverageStatus;

use super::{COLUMN, INDENT};
use crate::report::{Report, Shown, Tally};
use crate::terminal::{BOLD, DIM, Label, PLAIN, Screen, YELLOW, status_style};
use crate::words::{count, severities};

pub(super) fn render<'a, W: io::Write>(
    report: &Report<'a>,
    shown: &[Shown<'a>],
    screen: &mut Screen<'_, W>,
) -> io::Result<()> {
    let tally = report.tally(shown);
    if shown.is_empty() && tally.fails() + tally.unknown + tally.exempt == 0 {
        screen.text(0, PLAIN, &all_clear(report))?;
    } else {
        counts(report, &tally, screen)?;
    }
    frameworks(report, screen)?;
    gaps(report, screen)?;
    exemptions(report, screen)
}

/// One calm line.
fn all_clear(report: &Report<'_>) -> String {
    match report.evaluation.groups {
        0 => "no security group was judged".to_owned(),
        groups => format!("{} judged, nothing found, score {} of 100", count(groups, "group"), report.score()),
    }
}

fn counts<W: io::Write>(report: &Report<'_>, tally: &Tally, screen: &mut Screen<'_, W>) -> io::Result<()> {
    screen.text(0, BOLD, "Summary")?;
    let mut line =
        |name: &str, text: &str| screen.labelled(INDENT, Label { text: name, style: DIM }, COLUMN, PLAIN, text);
    let groups = report.evaluation.groups;
    line("groups", &format!("{} judged, {} with findings", groups, tally.failing_groups))?;
    line("findings", &if tally.failed.is_empty() { "none".to_owned() } else { severities(tally) })?;
    if tally.unknown > 0 {
        line("unknown", &tally.unknown.to_string())?;
    }
    if tally.exempt > 0 {
        line("exempt", &tally.exempt.to_string())?;
    }
    line("score", &format!("{} of 100", report.score()))
}

fn frameworks<W: io::Write>(report: &Report<'_>, screen: &mut Screen<'_, W>) -> io::Result<()> {
    for items in report.evaluation.items.chunk_by(|a, b| a.framework == b.framework) {
        let framework = items.first().and_then(|item| report.policies.frameworks.get(item.framework));
        let Some(framework) = framework else { continue };
        screen.blank()?;
        screen.text(0, BOLD, &format!("{} {}", framework.name, framework.version))?;
        for judged in items {
            let Some(item) = framework.items.get(judged.item) else { continue };
            let text = format!("{}  {}{}", item.id, item.title, groups_note(judged));
            let label = match judged.status {
                Some(status) => Label { text: status.as_str(), style: status_style(status) },
                None => Label { text: "unjudged", style: DIM },
            };
            screen.labelled(INDENT, label, COLUMN, PLAIN, &text)?;
        }
    }
    Ok(())
}

fn groups_note(judged: &ItemStatus) -> String {
    match judged.status {
        Some(Status::Fail | Status::Unknown | Status::Exempt) => format!(" ({})", count(judged.groups, "group")),
        Some(Status::Pass) | None => String::new(),
    }
}

/// What was not read whole, and which controls could not be judged.
fn gaps<W: io::Write>(report: &Report<'_>, screen: &mut Screen<'_, W>) -> io::Result<()> {
    let evaluation = report.evaluation;
    let unread: Vec<_> = evaluation
        .coverage
        .iter()
        .filter(|entry| entry.status != CoverageStatus::Complete || entry.error.is_some())
        .collect();
    if !unread.is_empty() {
        screen.blank()?;
        screen.text(0, BOLD, "Not read whole")?;
    }
    for entry in unread {
        let account = if entry.account_id.is_empty() { "unknown account" } else { &entry.account_id };
        let error = entry.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        let groups = if entry.groups > 0 { format!(", {} read", count(entry.groups, "group")) } else { String::new() };
        let style = if entry.status == CoverageStatus::Disabled { DIM } else { YELLOW };
        let label = Label { text: entry.status.as_str(), style };
        screen.labelled(INDENT, label, COLUMN, PLAIN, &format!("{account} {}{groups}{error}", entry.region))?;
    }
    if !evaluation.not_judged.is_empty() {
        screen.blank()?;
        screen.text(0, BOLD, "Not judged")?;
    }
    for control in &evaluation.not_judged {
        screen.text(INDENT, PLAIN, &format!("{}: {}", control.control_id, control.reason))?;
    }
    Ok(())
}

fn exemptions<W: io::Write>(report: &Report<'_>, screen: &mut Screen<'_, W>) -> io::Result<()> {
    let evaluation = report.evaluation;
    if evaluation.expired_exemptions.is_empty() && evaluation.unused_exemptions.is_empty() {
        return Ok(());
    }
    screen.blank()?;
    screen.text(0, BOLD, "Exemptions that do nothing")?;
    let idle = [("expired", &evaluation.expired_exemptions), ("unused", &evaluation.unused_exemptions)];
    for (word, indices) in idle {
        for exemption in indices.iter().filter_map(|index| report.policies.exemptions.get(*index)) {
            let label = Label { text: word, style: YELLOW };
            let text = format!("{}: {}", exemption.place, exemption.reason);
            screen.labelled(INDENT, label, COLUMN, PLAIN, &text)?;
        }
    }
    Ok(())
}
