//! What a commit would open, in SARIF 2.1.0, beside the lines of the rules files that would open it.

use portcullis_core::model::Rule;
use portcullis_report::sanitise::sarif_text;
use portcullis_rules::{Repository, RuleSet};
use serde_json::{Value, json};

use super::judge::Opened;

/// A repository, its rules, and what they would open.
pub(super) struct Judged<'a> {
    pub(super) repository: &'a Repository,
    pub(super) rules: &'a RuleSet,
    pub(super) opened: &'a [Opened],
    /// For each change that would cut observed connections, the rule that goes and a sentence.
    pub(super) cuts: Vec<(String, String)>,
}

/// The rule of results on connections that a commit would cut.
const CHANGE_RISK: (&str, &str) = ("change-risk", "A commit would cut connections that flow logs show");

/// One run with a result for each finding that is shown.
pub(super) fn log(judged: &[Judged<'_>]) -> Value {
    let shown = || {
        judged
            .iter()
            .flat_map(|one| one.opened.iter().filter(|opened| opened.is_shown()).map(move |opened| (one, opened)))
    };
    let mut rules: Vec<(&str, &str)> = shown().map(|(_, opened)| (opened.name(), opened.title.as_str())).collect();
    if judged.iter().any(|one| !one.cuts.is_empty()) {
        rules.push(CHANGE_RISK);
    }
    rules.sort_unstable();
    rules.dedup();
    let risks = judged.iter().flat_map(|one| one.cuts.iter().map(move |cut| risk(one, cut)));
    let rule = |(id, title): &(&str, &str)| json!({ "id": id, "shortDescription": { "text": title } });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Portcullis",
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "utf16CodeUnits",
            "results": shown().map(|(one, opened)| result(one, opened)).chain(risks).collect::<Vec<_>>(),
        }],
    })
}

fn result(one: &Judged<'_>, opened: &Opened) -> Value {
    let level = match opened.severity.as_str() {
        "critical" | "high" => "error",
        "medium" => "warning",
        _ => "note",
    };
    let text = format!("{}: a commit would open {}. {}", opened.title, opened.evidence(), opened.finding.remediation);
    json!({
        "ruleId": opened.name(),
        "level": level,
        "message": { "text": sarif_text(&text) },
        "locations": places(one, opened).into_iter().map(|(file, line)| json!({
            "physicalLocation": { "artifactLocation": { "uri": file }, "region": { "startLine": line } },
        })).collect::<Vec<_>>(),
        "partialFingerprints": { "portcullisFindingId/v1": opened.id },
    })
}

/// A change that would cut connections. The rule that goes stands in no file any more, so the first file is pointed at.
fn risk(one: &Judged<'_>, (rule, text): &(String, String)) -> Value {
    let file = one.repository.files().next().unwrap_or(portcullis_rules::SETTINGS_FILE);
    let file = uri(&one.repository.path_of(file));
    json!({
        "ruleId": CHANGE_RISK.0,
        "level": "warning",
        "message": { "text": sarif_text(text) },
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": file }, "region": { "startLine": 1 } },
        }],
        "partialFingerprints": { "portcullisChange/v1": format!("{} {rule}", one.repository.group_name()) },
    })
}

/// File and line of each rule that the finding rests on; a finding on what no line says stands at the settings.
fn places(one: &Judged<'_>, opened: &Opened) -> Vec<(String, u32)> {
    let place = |rule: &Rule| {
        let number = one.rules.rules.iter().position(|own| own.identity() == rule.identity())?;
        Some((uri(one.rules.file_of(number)?), one.rules.rules.get(number)?.line))
    };
    let mut places: Vec<(String, u32)> = opened.rules.iter().filter_map(place).collect();
    places.sort();
    places.dedup();
    if places.is_empty() {
        places.push((uri(&one.repository.path_of(portcullis_rules::SETTINGS_FILE)), 1));
    }
    places
}

/// A path as a URI reference: relative where the path is.
fn uri(path: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encode = |byte: u8| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    path.replace('\\', "/").bytes().map(encode).collect()
}
