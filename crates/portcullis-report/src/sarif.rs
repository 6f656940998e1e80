//! SARIF 2.1.0 (OASIS Standard, "Static Analysis Results Interchange Format"), so that findings appear beside the lines of
//! the input file that cause them.

mod place;
mod wire;

use std::collections::HashMap;
use std::io;

use portcullis_core::finding::Status;
use portcullis_core::model::CoverageStatus;
use portcullis_core::policy::{Control, PolicySet, Severity};

use crate::json::{Each, write_pretty};
use crate::report::{Report, Shown};
use crate::sanitise::sarif_text;
use crate::table::used_words;
use crate::words::{internet_words, rule_text};

/// Where the documentation of controls that ship stands; the control's id is the anchor.
const CONTROLS_PAGE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/controls.md");

/// Writes one run. A finding within a broader one is named in the broader one's message and has no result of its own.
///
/// # Errors
/// Where `out` fails.
pub fn render(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let (rules, places) = rules(report.policies);
    let shown = report.shown();
    let results = Each(|| shown.iter().map(|shown| result(report, shown, &places)));
    let driver = wire::Driver {
        name: "Portcullis",
        information_uri: env!("CARGO_PKG_REPOSITORY"),
        version: report.tool_version,
        rules,
    };
    let run = wire::Run {
        tool: wire::Tool { driver },
        invocations: [invocation(report)],
        column_kind: "utf16CodeUnits",
        results,
    };
    write_pretty(&wire::Log { schema: wire::SCHEMA, version: "2.1.0", runs: [run] }, out)
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// A number in the range that code scanning gives this severity: over 9.0 critical, 7.0 high, 4.0 medium, 0.1 low.
const fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info => "1.0",
    }
}

/// The controls, each id once, and where each control of the policies stands among them.
fn rules(policies: &PolicySet) -> (Vec<wire::Rule>, Vec<usize>) {
    let mut rules = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut places = Vec::with_capacity(policies.controls.len());
    for control in &policies.controls {
        let place = *known.entry(&control.id).or_insert_with(|| {
            rules.push(rule(control));
            rules.len() - 1
        });
        places.push(place);
    }
    (rules, places)
}

fn rule(control: &Control) -> wire::Rule {
    let text = &control.text;
    let or_id = |text: &str| sarif_text(if text.is_empty() { &control.id } else { text });
    let description = if text.description.is_empty() { &text.title } else { &text.description };
    let help = [&text.description, &text.reason, &text.remediation];
    let help: Vec<String> = help.into_iter().filter(|part| !part.is_empty()).map(|part| sarif_text(part)).collect();
    let mut tags = vec!["security".to_owned(), "aws".to_owned(), "network".to_owned()];
    for reference in &control.frameworks {
        if !tags.contains(&reference.label) {
            tags.push(reference.label.clone());
        }
    }
    wire::Rule {
        id: control.id.to_string(),
        short_description: wire::Text { text: or_id(&text.title) },
        full_description: wire::Text { text: or_id(description) },
        help: wire::Text { text: if help.is_empty() { or_id(&text.title) } else { help.join("\n\n") } },
        help_uri: control.rule_id.is_none().then(|| format!("{CONTROLS_PAGE}#{}", control.id)),
        default_configuration: wire::Configuration { level: level(control.severity) },
        properties: wire::RuleProperties { security_severity: security_severity(control.severity), tags },
    }
}

fn result<'a>(report: &Report<'a>, shown: &Shown<'a>, places: &[usize]) -> wire::SarifResult<'a> {
    let entry = &shown.entry;
    let (finding, control) = (entry.finding, entry.control);
    // A verdict other than a failure has no level (section 3.27.10).
    let (kind, level) = match finding.status {
        Status::Fail | Status::Exempt => ("fail", level(control.severity)),
        Status::Unknown => ("open", "none"),
        Status::Pass => ("pass", "none"),
    };
    let suppressions = match (finding.status, entry.exemption) {
        (Status::Exempt, exemption) => vec![wire::Suppression {
            kind: "external",
            status: "accepted",
            justification: exemption.map(|exemption| sarif_text(&exemption.reason)).unwrap_or_default(),
        }],
        // All results have the property or none has (section 3.27.23); the empty list says that nothing is suppressed.
        _ => Vec::new(),
    };
    wire::SarifResult {
        rule_id: &control.id,
        rule_index: places.get(finding.control).copied().unwrap_or_default(),
        kind,
        level,
        message: wire::Text { text: sarif_text(&message(report, shown)) },
        locations: place::locations(report, entry),
        partial_fingerprints: wire::Fingerprints { finding: &finding.id },
        suppressions,
        properties: wire::ResultProperties {
            account_id: &entry.group.key.account_id,
            region: &entry.group.key.region,
            vpc_id: &entry.group.vpc_id,
            group_id: &entry.group.key.group_id,
            severity: control.severity.as_str(),
            status: finding.status.as_str(),
        },
    }
}

fn message(report: &Report<'_>, shown: &Shown<'_>) -> String {
    const MOST_RULES: usize = 5;
    let entry = &shown.entry;
    let group = entry.group;
    let name = if group.name.is_empty() { String::new() } else { format!(" ({})", group.name) };
    let reason = if entry.finding.reason.is_empty() { entry.title() } else { &entry.finding.reason };
    let mut message = format!("{}{name}: {}.", group.key.group_id, reason.trim_end_matches('.'));
    let rules = entry.rules();
    if !rules.is_empty() {
        let texts: Vec<String> = rules.iter().take(MOST_RULES).map(|rule| rule_text(rule, report.inventory)).collect();
        let more =
            if rules.len() > MOST_RULES { format!(" and {} more", rules.len() - MOST_RULES) } else { String::new() };
        message += &format!(" Rules: {}{more}.", texts.join("; "));
    }
    if let Some(internet) = internet_words(entry) {
        message += &format!(" Admits {internet}.");
    }
    if let Some(used) = used_words(entry.finding) {
        message += &format!(
            " {}{}.",
            used.chars().take(1).flat_map(char::to_uppercase).collect::<String>(),
            used.get(1..).unwrap_or_default()
        );
    }
    if !entry.finding.remediation.is_empty() {
        message += &format!(" Fix: {}.", entry.finding.remediation.trim_end_matches('.'));
    }
    if !shown.implies.is_empty() {
        message += &format!(" Also: {}.", shown.implied_ids().join(", "));
    }
    message
}

/// How the run went: what could not be read or judged is told here, so that its silence is not taken for a pass.
fn invocation(report: &Report<'_>) -> wire::Invocation {
    let evaluation = report.evaluation;
    let mut notifications = Vec::new();
    for entry in evaluation.coverage.iter().filter(|entry| entry.status != CoverageStatus::Complete) {
        let word = entry.status.as_str();
        let error = entry.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
        let level = if entry.status == CoverageStatus::Disabled { "note" } else { "error" };
        let text = sarif_text(&format!("account {} {}: {word}{error}", entry.account_id, entry.region));
        notifications.push(wire::Notification { level, message: wire::Text { text } });
    }
    for control in &evaluation.not_judged {
        let text = sarif_text(&format!("{} was not judged: {}", control.control_id, control.reason));
        notifications.push(wire::Notification { level: "warning", message: wire::Text { text } });
    }
    let read = |status| matches!(status, CoverageStatus::Complete | CoverageStatus::Disabled);
    wire::Invocation {
        execution_successful: evaluation.coverage.iter().all(|entry| read(entry.status)),
        end_time_utc: report.scanned_at,
        tool_execution_notifications: notifications,
    }
}
