//! What every report of a run says of a finding.

use portcullis_core::finding::Finding;
use portcullis_core::policy::PolicySet;
use serde::Serialize;

/// Which finding it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Its id.
    pub id: String,
    /// Its control.
    pub control_id: String,
    /// The policy's rule, if it is one.
    pub rule_id: Option<String>,
    /// `critical`, `high`, …
    pub severity: &'static str,
    /// `fail`, `unknown` or `exempt`.
    pub status: &'static str,
}

impl Judged {
    /// `None` where the finding is not of these policies.
    pub(crate) fn of(finding: &Finding, policies: &PolicySet) -> Option<Self> {
        let control = policies.control(finding)?;
        Some(Self {
            id: finding.id.to_string(),
            control_id: control.id.to_string(),
            rule_id: control.rule_id.as_ref().map(ToString::to_string),
            severity: control.severity.as_str(),
            status: finding.status.as_str(),
        })
    }
}
