//! The report for a comment on a pull request: GitHub Flavored Markdown. What comes from the account stands in code, so
//! that no name can become markup, a link or a mention.

use std::io;

use portcullis_core::finding::Status;
use portcullis_core::model::CoverageStatus;
use portcullis_core::policy::Severity;

use crate::report::{Entry, Report, Shown, Tally};
use crate::sanitise::{markdown_code as code, markdown_text as text};
use crate::table::{exemption_words, used_words};
use crate::words::{count, internet_words, rule_text, severities};

/// How many rules of one finding are named one by one.
const MOST_RULES: usize = 4;

/// Writes a summary line, a table for each severity, and the rest folded away.
///
/// # Errors
/// Where `out` fails.
pub fn render(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let shown = report.shown();
    let tally = report.tally(&shown);
    writeln!(out, "### Portcullis: {}\n", verdict(report, &tally))?;
    writeln!(out, "{}\n", facts(report, &tally))?;
    let with = |status: Status| shown.iter().filter(move |shown| shown.entry.finding.status == status);
    for severity in Severity::ALL {
        let failing: Vec<_> = with(Status::Fail).filter(|shown| shown.entry.control.severity == severity).collect();
        if failing.is_empty() {
            continue;
        }
        writeln!(out, "#### {} ({})\n", capital(severity.as_str()), failing.len())?;
        writeln!(out, "| Group | Finding | At fault | Fix |\n|---|---|---|---|")?;
        for shown in &failing {
            writeln!(
                out,
                "| {} | {} | {} | {} |",
                group(&shown.entry),
                finding(shown),
                fault(report, &shown.entry),
                text(&shown.entry.finding.remediation)
            )?;
        }
        writeln!(out)?;
    }
    for status in [Status::Unknown, Status::Exempt, Status::Pass] {
        let others: Vec<_> = with(status).collect();
        if others.is_empty() {
            continue;
        }
        writeln!(out, "<details><summary>{} ({})</summary>\n", capital(status.as_str()), others.len())?;
        writeln!(out, "| Group | Control | Severity | Why |\n|---|---|---|---|")?;
        for shown in others {
            let entry = &shown.entry;
            let why = match entry.exemption.filter(|_| status == Status::Exempt) {
                Some(exemption) => format!("exempt {}", exemption_words(exemption)),
                None => match used_words(entry.finding) {
                    Some(used) => format!("{}; {used}", entry.finding.reason),
                    None => entry.finding.reason.clone(),
                },
            };
            writeln!(out, "| {} | {} | {} | {} |", group(entry), finding(shown), entry.control.severity, text(&why))?;
        }
        writeln!(out, "\n</details>\n")?;
    }
    frameworks(report, out)?;
    gaps(report, out)
}

fn verdict(report: &Report<'_>, tally: &Tally) -> String {
    let groups = count(report.evaluation.groups, "security group");
    match (tally.fails(), tally.unknown) {
        (0, 0) => format!("nothing found in {groups}"),
        (0, unknown) => format!("no findings in {groups}, {unknown} unknown"),
        (1, _) => format!("{} finding in {groups}", severities(tally)),
        _ => format!("{} findings in {} of {groups}", severities(tally), tally.failing_groups),
    }
}

fn facts(report: &Report<'_>, tally: &Tally) -> String {
    let mut facts = vec![format!("**Score {} of 100**", report.score())];
    if tally.unknown > 0 {
        facts.push(format!("{} unknown", tally.unknown));
    }
    if tally.exempt > 0 {
        facts.push(format!("{} exempt", tally.exempt));
    }
    facts.push(format!("scanned {}", report.scanned_at.strftime("%Y-%m-%d %H:%M UTC")));
    facts.join(" · ")
}

fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn group(entry: &Entry<'_>) -> String {
    let key = &entry.group.key;
    let place: Vec<&str> =
        [key.account_id.as_str(), key.region.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
    let parts = [code(&key.group_id), code(&entry.group.name), text(&place.join(" "))];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("<br>")
}

fn finding(shown: &Shown<'_>) -> String {
    let entry = &shown.entry;
    let mut lines = vec![text(entry.title()), code(&entry.control.id)];
    lines.dedup();
    let frameworks = entry.finding.frameworks(entry.control);
    if !frameworks.is_empty() {
        lines.push(text(&frameworks.join(", ")));
    }
    if !shown.implies.is_empty() {
        let ids: Vec<String> = shown.implied_ids().into_iter().map(code).collect();
        lines.push(format!("also {}", ids.join(", ")));
    }
    lines.join("<br>")
}

fn fault(report: &Report<'_>, entry: &Entry<'_>) -> String {
    let rules = entry.rules();
    let mut lines: Vec<String> = Vec::new();
    for rule in rules.iter().take(MOST_RULES) {
        let id = if rule.id.is_empty() { String::new() } else { format!(" {}", code(&rule.id)) };
        lines.push(format!("{}{id}", code(&rule_text(rule, report.inventory))));
    }
    if rules.len() > MOST_RULES {
        lines.push(format!("and {}", count(rules.len() - MOST_RULES, "more rule")));
    }
    lines.push(internet_words(entry).unwrap_or_else(|| text(&entry.finding.reason)));
    lines.extend(used_words(entry.finding));
    lines.retain(|line| !line.is_empty());
    lines.join("<br>")
}

fn frameworks(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    for items in report.evaluation.items.chunk_by(|a, b| a.framework == b.framework) {
        let framework = items.first().and_then(|item| report.policies.frameworks.get(item.framework));
        let Some(framework) = framework else { continue };
        writeln!(out, "#### {} {}\n", text(&framework.name), text(&framework.version))?;
        writeln!(out, "| Item | Title | Status | Groups |\n|---|---|---|---|")?;
        for judged in items {
            let Some(item) = framework.items.get(judged.item) else { continue };
            let status = judged.status.map_or("not judged", Status::as_str);
            writeln!(out, "| {} | {} | {status} | {} |", text(&item.id), text(&item.title), judged.groups)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn gaps(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let evaluation = report.evaluation;
    let mut lines = Vec::new();
    for entry in
        evaluation.coverage.iter().filter(|entry| entry.status != CoverageStatus::Complete || entry.error.is_some())
    {
        let word = entry.status.as_str();
        let error = entry.error.as_deref().map(|error| format!(": {}", text(error))).unwrap_or_default();
        lines.push(format!("- {} {} {word}{error}", code(&entry.account_id), code(&entry.region)));
    }
    for control in &evaluation.not_judged {
        lines.push(format!("- {} not judged: {}", code(&control.control_id), text(&control.reason)));
    }
    for (word, indices) in [("expired", &evaluation.expired_exemptions), ("unused", &evaluation.unused_exemptions)] {
        for exemption in indices.iter().filter_map(|index| report.policies.exemptions.get(*index)) {
            lines.push(format!("- {word} exemption {}: {}", code(&exemption.place), text(&exemption.reason)));
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "#### Not read, not judged, not used\n\n{}", lines.join("\n"))
}
