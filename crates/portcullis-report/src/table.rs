//! The report for people at a terminal: group by group, the worst first, then a summary.

mod summary;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;

use jiff::Timestamp;
use portcullis_core::finding::{Finding, Status};
use portcullis_core::model::{Direction, Rule};

use crate::report::{Entry, Report, Shown};
use crate::terminal::{BOLD, DIM, Label, PLAIN, Screen, Terminal, severity_style, status_style};
use crate::words::{and, count, evidence_text, family_name, heading, internet_words, rule_line, some_of};

/// How many rules of one finding are named one by one.
const MOST_RULES: usize = 6;
/// Where labels stand, and how much further the texts beside them.
pub(crate) const INDENT: usize = 2;
pub(crate) const COLUMN: usize = 10;

/// Writes the table. Findings within broader ones are named in the broader ones' lines.
///
/// # Errors
/// Where `out` fails.
pub fn render(report: &Report<'_>, terminal: Terminal, out: &mut impl io::Write) -> io::Result<()> {
    let mut screen = Screen::new(terminal, out);
    let shown = by_group(report.shown());
    for findings in shown.chunk_by(|a, b| a.entry.finding.group == b.entry.finding.group) {
        if let Some(first) = findings.first() {
            screen.text(0, BOLD, &heading(first.entry.group))?;
        }
        for shown in findings {
            finding(report, shown, &mut screen)?;
        }
        screen.blank()?;
    }
    summary::render(report, &shown, &mut screen)
}

/// Groups by their worst finding, then by name; within a group what fails, what is unknown, what is exempt.
fn by_group(mut shown: Vec<Shown<'_>>) -> Vec<Shown<'_>> {
    let mut worst: HashMap<usize, _> = HashMap::new();
    for shown in &shown {
        let finding = shown.entry.finding;
        let grade = (!finding.is_used(), finding.status, Reverse(shown.entry.control.severity));
        let known = worst.entry(shown.entry.finding.group).or_insert(grade);
        *known = grade.min(*known);
    }
    shown.sort_by_cached_key(|shown| {
        let finding = shown.entry.finding;
        (worst.get(&finding.group).copied(), finding.group, finding.status, Reverse(shown.entry.control.severity))
    });
    shown
}

fn finding<W: io::Write>(report: &Report<'_>, shown: &Shown<'_>, screen: &mut Screen<'_, W>) -> io::Result<()> {
    let entry = &shown.entry;
    let status = entry.finding.status;
    let severity = entry.control.severity;
    let label = match status {
        Status::Fail => Label { text: severity.as_str(), style: severity_style(severity) },
        _ => Label { text: status.as_str(), style: status_style(status) },
    };
    screen.labelled(INDENT, label, COLUMN, PLAIN, &headline(entry))?;
    if status == Status::Pass {
        return Ok(());
    }
    let internet = internet_words(entry);
    if (internet.is_none() || status == Status::Unknown) && !entry.finding.reason.is_empty() {
        detail(screen, &entry.finding.reason)?;
    }
    let rules = entry.rules();
    for rule in rules.iter().take(MOST_RULES) {
        detail(screen, &rule_line(rule, report.inventory))?;
    }
    if rules.len() > MOST_RULES {
        detail(screen, &format!("and {}", count(rules.len() - MOST_RULES, "more rule")))?;
    }
    if internet.is_none() {
        excess(entry, &rules, screen)?;
    }
    if let Some(internet) = internet.filter(|_| status != Status::Unknown) {
        let together = if rules.len() > 1 { "together " } else { "" };
        let verb = match (entry.finding.direction, rules.len() > 1) {
            (Some(Direction::Egress), false) => "reaches",
            (Some(Direction::Egress), true) => "reach",
            (_, false) => "lets in",
            (_, true) => "let in",
        };
        detail(screen, &format!("{together}{verb} {internet}"))?;
    }
    if let Some(used) = used_words(entry.finding) {
        detail(screen, &used)?;
    }
    if let Some(exemption) = entry.exemption.filter(|_| status == Status::Exempt) {
        detail(screen, &format!("exempt {}", exemption_words(exemption)))?;
    } else if !entry.finding.remediation.is_empty() {
        detail(screen, &format!("fix: {}", entry.finding.remediation))?;
    }
    if !shown.implies.is_empty() {
        let text = format!("also: {}", some_of(&shown.implied_ids()));
        screen.text(text_column(screen), DIM, &text)?;
    }
    Ok(())
}

/// Whether anybody used the opening from the internet, where flow logs were asked.
pub(crate) fn used_words(finding: &Finding) -> Option<String> {
    let used = finding.used?;
    if used.flows == 0 {
        return Some("used by nobody from the internet, as far as the flow logs tell".to_owned());
    }
    let last = Timestamp::from_second(used.last).ok().map(|last| last.strftime("%Y-%m-%d %H:%M").to_string());
    let records = count(usize::try_from(used.flows).unwrap_or(usize::MAX), "record");
    Some(format!("used from the internet: {records}, the last {} UTC", last.unwrap_or_default()))
}

/// What exactly violates, where that is not simply what the rules say.
fn excess<W: io::Write>(entry: &Entry<'_>, rules: &[&Rule], screen: &mut Screen<'_, W>) -> io::Result<()> {
    const MOST_EVIDENCE: usize = 3;
    const MOST_PEERS: usize = 6;
    let direction = entry.finding.direction;
    let says =
        |rule: &&Rule, text: &str| rule.to_string().strip_prefix(rule.direction.as_str()).map(str::trim) == Some(text);
    let texts = entry.finding.evidence.iter().filter(|evidence| !evidence.protocol.is_empty());
    let texts = texts.map(|evidence| evidence_text(evidence, direction, MOST_PEERS));
    let texts = texts.filter(|text| !rules.iter().any(|rule| says(rule, text)));
    for text in texts.take(MOST_EVIDENCE) {
        detail(screen, &format!("at issue: {text}"))?;
    }
    Ok(())
}

fn text_column<W: io::Write>(screen: &Screen<'_, W>) -> usize {
    if screen.is_roomy() { INDENT + COLUMN } else { INDENT + 2 }
}

fn detail<W: io::Write>(screen: &mut Screen<'_, W>, text: &str) -> io::Result<()> {
    screen.text(text_column(screen), PLAIN, text)
}

/// The control's headline, its id, and what the status' label does not say.
pub(crate) fn headline(entry: &Entry<'_>) -> String {
    let mut notes = Vec::new();
    if entry.title() != entry.control.id {
        notes.push(entry.control.id.to_string());
    }
    if !matches!(entry.finding.status, Status::Fail | Status::Pass) {
        notes.push(entry.control.severity.to_string());
    }
    if !entry.measures_the_internet() && !entry.finding.families.is_empty() {
        let names: Vec<String> = entry.finding.families.iter().map(|family| family_name(*family).to_owned()).collect();
        notes.push(and(&names));
    }
    if notes.is_empty() { entry.title().to_owned() } else { format!("{} ({})", entry.title(), notes.join(", ")) }
}

/// Until when, why, and who agreed.
pub(crate) fn exemption_words(exemption: &portcullis_core::policy::Exemption) -> String {
    let until = match exemption.expires {
        Some(end) => format!("until {}", end.strftime("%Y-%m-%d")),
        None => "for good".to_owned(),
    };
    let approved = if exemption.approved_by.is_empty() {
        String::new()
    } else {
        format!(" (approved by {})", exemption.approved_by)
    };
    format!("{until}: {}{approved}", exemption.reason)
}
