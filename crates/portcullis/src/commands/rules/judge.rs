//! What a staged change would open that policies prohibit.

use jiff::Timestamp;
use portcullis_core::finding::Finding;
use portcullis_core::model::{GroupKey, Inventory, Rule};
use portcullis_core::policy::PolicySet;
use portcullis_formats::rules::RuleSet;
use portcullis_rules::{Repository, projected};
use serde_json::{Value, json};

use super::rows::{Cell, Look, Table, cell};

/// A finding, with what it is called.
pub(super) struct Opened {
    pub(super) id: String,
    control: String,
    rule_id: Option<String>,
    pub(super) severity: String,
    pub(super) title: String,
    pub(super) finding: Finding,
    /// The rules that it rests on.
    pub(super) rules: Vec<Rule>,
}

/// What a commit of these parts would open.
pub(super) fn opened(
    repository: &Repository,
    parts: &[RuleSet],
    live: &Inventory,
    policies: &PolicySet,
) -> Vec<Opened> {
    let projected = projected(repository, parts, live);
    let findings = projected.opened(live, policies, Timestamp::now());
    let named = |(group, finding): (GroupKey, Finding)| {
        let control = policies.controls.get(finding.control)?;
        let group = projected.inventory.group(&group)?;
        let places = finding.evidence.iter().flat_map(|evidence| &evidence.rules);
        let rules = places.filter_map(|place| group.rules.get(*place).cloned()).collect();
        Some(Opened {
            id: finding.id.to_string(),
            control: control.id.to_string(),
            rule_id: control.rule_id.as_ref().map(ToString::to_string),
            severity: policies.severity(&finding).as_str().to_owned(),
            title: control.text.title.clone(),
            finding,
            rules,
        })
    };
    findings.into_iter().filter_map(named).collect()
}

impl Opened {
    /// What prohibits it: a policy's rule, or a control.
    pub(super) fn name(&self) -> &str {
        self.rule_id.as_deref().unwrap_or(&self.control)
    }

    /// Whether no broader finding stands for it.
    pub(super) fn is_shown(&self) -> bool {
        self.finding.is_shown()
    }

    /// The traffic, in words.
    pub(super) fn evidence(&self) -> String {
        let preposition = self.finding.direction.map_or("from", |direction| direction.preposition());
        let piece = |evidence: &portcullis_core::finding::Evidence| {
            let peers: Vec<&str> = evidence.peers.iter().map(AsRef::as_ref).collect();
            let more = peers.len().saturating_sub(4);
            let shown = peers.get(..4).unwrap_or(&peers).join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{} {} {preposition} {shown}{more}", evidence.protocol, evidence.ports)
        };
        self.finding.evidence.iter().map(piece).collect::<Vec<_>>().join("; ")
    }

    pub(super) fn json(&self) -> Value {
        let evidence = |evidence: &portcullis_core::finding::Evidence| json!({ "protocol": evidence.protocol, "ports": evidence.ports, "peers": evidence.peers });
        json!({
            "id": self.id,
            "control_id": self.control,
            "rule_id": self.rule_id,
            "severity": self.severity,
            "title": self.title,
            "direction": self.finding.direction.map(|direction| direction.as_str()),
            "evidence": self.finding.evidence.iter().map(evidence).collect::<Vec<_>>(),
            "reason": self.finding.reason,
            "remediation": self.finding.remediation,
        })
    }
}

/// Findings as a table: the broader one stands for those that it implies.
pub(super) fn table(opened: &[Opened]) -> Table {
    let row = |opened: &Opened| -> Vec<Cell> {
        vec![(opened.severity.clone(), Look::Bad), cell(opened.name()), cell(opened.evidence())]
    };
    let shown = opened.iter().filter(|opened| opened.is_shown());
    Table { heads: vec!["Severity", "Prohibited By", "What It Would Open"], rows: shown.map(row).collect() }
}
