//! What a notice says, before it is cut to the bytes that it may have.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use portcullis_core::policy::Severity;
use portcullis_report::sanitise::neutral;
use serde::Serialize;

use super::fit::{MOST_BYTES, cut, most, published_bytes, subject};
use super::{Cause, Level, Notice, moment};

/// The form of the JSON.
const SCHEMA_VERSION: &str = "1";
/// The longest text of one field.
const FIELD: usize = 1_024;
/// The most rows of a list within one finding or group.
const ROWS: usize = 10;

/// One finding, as a notice names it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindingNote {
    /// Its id.
    pub id: String,
    /// Its control.
    pub control_id: String,
    /// The policy's rule, if it is one.
    pub rule_id: Option<String>,
    /// `critical`, `high`, …
    pub severity: &'static str,
    /// The control's headline; empty where only the state knows of the finding.
    pub title: String,
    /// Why it fails.
    pub reason: String,
    /// The traffic or the rules that it rests on.
    pub evidence: Vec<String>,
    /// What to do.
    pub remediation: String,
    /// When it was seen first.
    pub first_seen: String,
    /// When it will be put right, where it will be.
    pub due: Option<String>,
    /// The controls that fail for the same traffic.
    pub implies: Vec<String>,
}

/// One group, as a notice names it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GroupNote {
    /// The account.
    pub account_id: String,
    /// Its name, where the policy tells it.
    pub account_name: String,
    /// The Region.
    pub region: String,
    /// The group.
    pub group_id: String,
    /// Its name.
    pub group_name: String,
    /// Its VPC.
    pub vpc_id: String,
    /// What is told of it, the worst first.
    pub findings: Vec<FindingNote>,
    /// Who changed it, where an event tells that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<String>,
    /// What was done, and what failed.
    pub done: Vec<String>,
    /// How to take it back.
    pub undo: Option<String>,
    /// The plan that waits for somebody to agree.
    pub plan: Option<String>,
    /// Who must agree.
    pub approvers: Vec<String>,
}

/// What a notice says.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// How urgent it is.
    pub level: Level,
    /// What it is about.
    pub cause: Cause,
    /// When.
    pub at: Timestamp,
    /// The groups.
    pub groups: Vec<GroupNote>,
    /// What went wrong in the run itself.
    pub errors: Vec<String>,
    /// Channels to the security team.
    pub channels: Vec<String>,
}

/// The JSON.
#[derive(Serialize)]
struct Document<'a> {
    schema_version: &'static str,
    tool: &'static str,
    level: Level,
    cause: Cause,
    time: String,
    severity: Option<&'static str>,
    findings: usize,
    groups: &'a [GroupNote],
    omitted_findings: usize,
    omitted_groups: usize,
    errors: &'a [String],
    omitted_errors: usize,
}

impl Message {
    fn findings(&self) -> impl Iterator<Item = &FindingNote> {
        self.groups.iter().flat_map(|group| &group.findings)
    }

    fn worst(&self) -> Option<Severity> {
        self.findings().filter_map(|finding| finding.severity.parse().ok()).max()
    }

    /// The notice: as much of it as fits, with the number of what was left out.
    pub fn notice(&self) -> Notice {
        self.notice_within(MOST_BYTES)
    }

    /// As [`Message::notice`], within so many bytes. The first group and the first error are always there.
    pub fn notice_within(&self, bytes: usize) -> Notice {
        let clean = self.cleaned();
        let all = clean.groups.iter().map(|group| group.findings.len().max(1)).sum::<usize>() + clean.errors.len();
        let fits = |count: usize| published_bytes(&clean.render(count)) <= bytes;
        clean.render(most(all, fits).max(1))
    }

    /// The same without anything that acts on a reader, and no field or list of a length that nobody reads.
    fn cleaned(&self) -> Self {
        let text = |text: &str| cut(&neutral(text), FIELD);
        let list = |list: &[String]| {
            let mut rows: Vec<String> = list.iter().take(ROWS).map(|row| text(row)).collect();
            if list.len() > ROWS {
                rows.push(format!("and {} more", list.len() - ROWS));
            }
            rows
        };
        let finding = |finding: &FindingNote| FindingNote {
            id: text(&finding.id),
            control_id: text(&finding.control_id),
            rule_id: finding.rule_id.as_deref().map(text),
            title: text(&finding.title),
            reason: text(&finding.reason),
            evidence: list(&finding.evidence),
            remediation: text(&finding.remediation),
            implies: list(&finding.implies),
            ..finding.clone()
        };
        let group = |group: &GroupNote| GroupNote {
            account_id: text(&group.account_id),
            account_name: text(&group.account_name),
            region: text(&group.region),
            group_id: text(&group.group_id),
            group_name: text(&group.group_name),
            vpc_id: text(&group.vpc_id),
            findings: group.findings.iter().map(finding).collect(),
            principals: list(&group.principals),
            done: list(&group.done),
            undo: group.undo.as_deref().map(text),
            plan: group.plan.as_deref().map(text),
            approvers: list(&group.approvers),
        };
        Self {
            groups: self.groups.iter().map(group).collect(),
            errors: self.errors.iter().map(|error| text(error)).collect(),
            channels: self.channels.iter().map(|channel| text(channel)).collect(),
            ..self.clone()
        }
    }

    /// The notice with so many findings and errors.
    fn render(&self, count: usize) -> Notice {
        let mut left = count;
        let mut groups: Vec<GroupNote> = Vec::new();
        for group in &self.groups {
            if left == 0 {
                break;
            }
            let findings: Vec<FindingNote> = group.findings.iter().take(left).cloned().collect();
            left -= findings.len().max(1);
            groups.push(GroupNote { findings, ..group.clone() });
        }
        let errors = self.errors.get(..left.min(self.errors.len())).unwrap_or_default();
        let shown: usize = groups.iter().map(|group| group.findings.len()).sum();
        let document = Document {
            schema_version: SCHEMA_VERSION,
            tool: "portcullis",
            level: self.level,
            cause: self.cause,
            time: self.at.to_string(),
            severity: self.worst().map(Severity::as_str),
            findings: self.findings().count(),
            omitted_findings: self.findings().count() - shown,
            omitted_groups: self.groups.len() - groups.len(),
            groups: &groups,
            errors,
            omitted_errors: self.errors.len() - errors.len(),
        };
        Notice {
            subject: subject(&self.headline()),
            text: self.text(&document),
            json: serde_json::to_string(&document).unwrap_or_default(),
            attributes: self.attributes(),
        }
    }

    fn attributes(&self) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::from([
            ("level".to_owned(), self.level.as_str().to_owned()),
            ("cause".to_owned(), self.cause.as_str().to_owned()),
        ]);
        attributes.extend(self.worst().map(|worst| ("severity".to_owned(), worst.as_str().to_owned())));
        // One account or Region can be filtered by; of a digest over several none is the right one.
        let same = |of: fn(&GroupNote) -> &String| {
            let first = self.groups.first().map(of).filter(|first| !first.is_empty())?;
            self.groups.iter().all(|group| of(group) == first).then(|| first.clone())
        };
        attributes.extend(same(|group| &group.account_id).map(|account| ("account_id".to_owned(), account)));
        attributes.extend(same(|group| &group.region).map(|region| ("region".to_owned(), region)));
        if !self.channels.is_empty() {
            attributes.insert("channels".to_owned(), cut(&self.channels.join(","), FIELD));
        }
        attributes
    }

    /// What it is about in a line.
    fn headline(&self) -> String {
        let worst = self.worst().map_or("", Severity::as_str).to_uppercase();
        let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (findings, groups) = (self.findings().count(), self.groups.len());
        let whole = match self.cause {
            Cause::Digest => {
                let digest = self.level.as_str().replace('_', " ");
                return format!(
                    "Portcullis {digest}: {} in {}",
                    many(findings, "violation"),
                    many(groups, "security group")
                );
            }
            Cause::Report => {
                let account = self.groups.first().map_or("", |group| group.account_id.as_str());
                return format!("Portcullis report {account}: {} open", many(findings, "violation"));
            }
            Cause::Errors => return format!("Portcullis: {} in this run", many(self.errors.len(), "error")),
            Cause::Found => format!("Portcullis {worst}"),
            Cause::Escalated => format!("Portcullis ESCALATED {worst}"),
            Cause::Approval => "Portcullis APPROVAL needed".to_owned(),
            Cause::Remediated => "Portcullis remediation".to_owned(),
        };
        match self.groups.as_slice() {
            [group] => {
                let rule = group.findings.first().map_or("", |finding| name(finding));
                let (id, account, region) = (&group.group_id, &group.account_id, &group.region);
                format!("{whole}: {rule} on {id} in {account} {region}")
            }
            groups => format!("{whole}: {} in {}", many(findings, "violation"), many(groups.len(), "security group")),
        }
    }

    /// What people read.
    fn text(&self, document: &Document<'_>) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{}\n{}", self.headline(), moment(self.at));
        for group in document.groups {
            group_text(group, &mut text);
        }
        if document.omitted_findings > 0 || document.omitted_groups > 0 {
            let _ = writeln!(
                text,
                "\nand {} more violations, {} more security groups: they do not fit into one message; \
                 `portcullis scan` shows all",
                document.omitted_findings, document.omitted_groups
            );
        }
        if !document.errors.is_empty() {
            text.push_str("\nWhat went wrong:\n");
            rows("- ", document.errors, &mut text);
        }
        if document.omitted_errors > 0 {
            let _ = writeln!(text, "- and {} more", document.omitted_errors);
        }
        text
    }
}

/// The name of what is violated, as its author knows it.
fn name(finding: &FindingNote) -> &str {
    finding.rule_id.as_deref().unwrap_or(&finding.control_id)
}

fn rows(before: &str, rows: &[String], text: &mut String) {
    for row in rows {
        let _ = writeln!(text, "{before}{row}");
    }
}

fn group_text(group: &GroupNote, text: &mut String) {
    let named = |name: &str| if name.is_empty() { String::new() } else { format!(" ({name})") };
    let _ = writeln!(
        text,
        "\nSecurity group {}{}, account {}{}, Region {}",
        group.group_id,
        named(&group.group_name),
        group.account_id,
        named(&group.account_name),
        group.region
    );
    rows("  changed by: ", &group.principals, text);
    for finding in &group.findings {
        let title = if finding.title.is_empty() { String::new() } else { format!(": {}", finding.title) };
        let _ = writeln!(text, "  {} {}{title}", finding.severity.to_uppercase(), name(finding));
        let _ = writeln!(text, "    why: {}", finding.reason);
        rows("    seen: ", &finding.evidence, text);
        if !finding.remediation.is_empty() {
            let _ = writeln!(text, "    what to do: {}", finding.remediation);
        }
        let _ = writeln!(text, "    first seen: {}", finding.first_seen);
        if let Some(due) = &finding.due {
            let _ = writeln!(text, "    will be put right: {due}");
        }
        if !finding.implies.is_empty() {
            let _ = writeln!(text, "    also fails: {}", finding.implies.join(", "));
        }
    }
    rows("  done: ", &group.done, text);
    if let Some(undo) = &group.undo {
        let _ = writeln!(text, "  to undo: {undo}");
    }
    if let Some(plan) = &group.plan {
        let who = if group.approvers.is_empty() {
            String::new()
        } else {
            format!(" once {} agree", group.approvers.join(" and "))
        };
        let _ = writeln!(text, "  to carry it out{who}: portcullis apply {plan}");
    }
}
