//! The journal of a run: one JSON object a line, one line a step, written before the next step begins.

use jiff::Timestamp;
use portcullis_core::model::{GroupKey, Rule};
use portcullis_core::net::RuleServices;
use portcullis_core::remediation::Change;
use serde::Serialize;

/// How far a group has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It was read, and is what was planned on.
    Read,
    /// What stood before is backed up and was read back.
    BackedUp,
    /// The changes were made.
    Changed,
    /// What stands now is what was planned.
    Verified,
    /// Nothing more is to be done.
    Done,
    /// It was left as it is.
    Refused,
    /// A step failed.
    Failed,
}

/// One line.
#[derive(Clone, Debug, Serialize)]
pub struct Entry<'a> {
    schema_version: &'static str,
    time: String,
    run_id: &'a str,
    action: &'a str,
    step: Step,
    caller: &'a str,
    account_id: &'a str,
    region: &'a str,
    group_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    /// For each rule that changed, the fields of the change log that tools of this kind keep.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Logged<'a>>,
}

/// A rule in the change log.
#[derive(Clone, Debug, Serialize)]
struct Logged<'a> {
    action: &'static str,
    #[serde(rename = "GroupId")]
    group_id: &'a str,
    #[serde(rename = "GroupName")]
    group_name: &'a str,
    #[serde(rename = "FromPort")]
    from_port: Option<i32>,
    #[serde(rename = "ToPort")]
    to_port: Option<i32>,
    #[serde(rename = "IpProtocol")]
    protocol: String,
    #[serde(rename = "Rules")]
    rules: Vec<String>,
}

/// What a line is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) run_id: &'a str,
    pub(crate) action: &'a str,
    pub(crate) caller: &'a str,
    pub(crate) key: &'a GroupKey,
    pub(crate) group_name: &'a str,
}

impl<'a> Subject<'a> {
    /// A line about a step.
    pub(crate) fn entry(&self, time: Timestamp, step: Step, detail: Option<&'a str>) -> Entry<'a> {
        Entry {
            schema_version: "1",
            time: time.to_string(),
            run_id: self.run_id,
            action: self.action,
            step,
            caller: self.caller,
            account_id: &self.key.account_id,
            region: &self.key.region,
            group_id: &self.key.group_id,
            detail,
            changes: Vec::new(),
        }
    }

    /// The line of the audit: what changed.
    pub(crate) fn audit(&self, time: Timestamp, changes: &'a [Change]) -> Entry<'a> {
        let logged = changes.iter().filter_map(|change| self.logged(change));
        Entry { changes: logged.collect(), ..self.entry(time, Step::Changed, None) }
    }

    fn logged(&self, change: &'a Change) -> Option<Logged<'a>> {
        let rule = change.before().or(change.after())?;
        let rules = change.before().into_iter().chain(change.after()).map(Rule::to_string).collect();
        let (from_port, to_port) = ports(rule.services);
        Some(Logged {
            action: change.action(),
            group_id: &self.key.group_id,
            group_name: self.group_name,
            from_port,
            to_port,
            protocol: rule.services.protocol_text(),
            rules,
        })
    }
}

/// Ports, or type and code, as AWS writes them: -1 is every type or code, nothing where a protocol has none.
fn ports(services: RuleServices) -> (Option<i32>, Option<i32>) {
    match services {
        RuleServices::Ports(_, from, to) => (Some(i32::from(from)), Some(i32::from(to))),
        RuleServices::Icmp(_, None) => (Some(-1), Some(-1)),
        RuleServices::Icmp(_, Some((kind, code))) => (Some(i32::from(kind)), Some(code.map_or(-1, i32::from))),
        RuleServices::All | RuleServices::Protocol(_) => (None, None),
    }
}
