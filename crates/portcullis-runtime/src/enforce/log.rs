//! Structured logs: one JSON object a line.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use portcullis_core::finding::Finding;
use portcullis_core::model::SecurityGroup;
use portcullis_core::policy::Control;
use serde::Serialize;

use super::decide::Decision;
use crate::PortError;

/// The mark that log filters look for. It stands in lines about violations, and in no other.
pub const VIOLATION: &str = "COMPLIANCE_VIOLATION";

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'static str,
    event: &'static str,
    run_id: &'a str,
    dry_run: bool,
    account_id: &'a str,
    region: &'a str,
    vpc_id: &'a str,
    group_id: &'a str,
    group_name: &'a str,
    finding_id: &'a str,
    control_id: &'a str,
    rule_id: Option<&'a str>,
    severity: &'static str,
    reason: &'a str,
    implied_by: Option<&'a str>,
    action: super::decide::Action,
    why: &'a str,
}

/// Where violations are logged.
pub trait ViolationLog: Send + Sync {
    /// Writes the line of one violation.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn violation(&self, violation: &Violation<'_>) -> Result<(), PortError>;
}

/// One violation, as a run meets it.
#[derive(Clone, Copy, Debug)]
pub struct Violation<'a> {
    /// When.
    pub at: Timestamp,
    /// In which run.
    pub run_id: &'a str,
    /// Whether the run changes nothing.
    pub dry_run: bool,
    /// Whose group.
    pub group: &'a SecurityGroup,
    /// What of.
    pub control: &'a Control,
    /// The finding.
    pub finding: &'a Finding,
    /// What is done about it.
    pub decision: &'a Decision,
}

/// A log that writes lines.
#[derive(Debug)]
pub struct ComplianceLog<W> {
    out: Mutex<W>,
}

impl<W: Write> ComplianceLog<W> {
    /// Writes to `out`, a line at a time.
    pub fn new(out: W) -> Self {
        Self { out: Mutex::new(out) }
    }

    /// What it wrote to.
    pub fn into_inner(self) -> W {
        self.out.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write + Send> ViolationLog for ComplianceLog<W> {
    fn violation(&self, violation: &Violation<'_>) -> Result<(), PortError> {
        let Violation { group, control, finding, decision, .. } = violation;
        let line = Line {
            timestamp: violation.at.to_string(),
            level: "WARN",
            event: VIOLATION,
            run_id: violation.run_id,
            dry_run: violation.dry_run,
            account_id: &group.key.account_id,
            region: &group.key.region,
            vpc_id: &group.vpc_id,
            group_id: &group.key.group_id,
            group_name: &group.name,
            finding_id: &finding.id,
            control_id: &control.id,
            rule_id: control.rule_id.as_deref(),
            severity: control.severity.as_str(),
            reason: &finding.reason,
            implied_by: finding.implied_by.as_deref(),
            action: decision.action,
            why: &decision.why,
        };
        // Control characters that JSON lets stand, such as C1 and marks of the reading direction, are escaped too.
        let text = serde_json::to_string(&line).map_err(|error| PortError(error.to_string()))?;
        let mut safe = String::with_capacity(text.len() + 1);
        for character in text.chars() {
            if portcullis_report::sanitise::is_active(character) {
                let mut units = [0; 2];
                let units = character.encode_utf16(&mut units);
                units.iter().for_each(|unit| safe.push_str(&format!("\\u{unit:04x}")));
            } else {
                safe.push(character);
            }
        }
        safe.push('\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(safe.as_bytes()).map_err(|error| PortError(format!("the log cannot be written: {error}")))
    }
}
