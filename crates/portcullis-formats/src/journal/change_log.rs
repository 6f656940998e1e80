//! What a change is in the audit log: the fields that a log of closed rules has had since people keep one, in AWS's own
//! names, and beside them the change as plans write it.

use portcullis_core::model::{Rule, SecurityGroup};
use portcullis_core::net::RuleServices;
use portcullis_core::remediation::Change;
use serde::Serialize;

use crate::record::ChangeRecord;

/// One change. The fields in AWS's names describe the rule as it was; for a new rule, as it is.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ChangeLog<'a> {
    #[serde(rename = "GroupId")]
    group_id: &'a str,
    #[serde(rename = "GroupName")]
    group_name: &'a str,
    /// -1 for all; null where no rule changes.
    #[serde(rename = "FromPort")]
    from_port: Option<i32>,
    #[serde(rename = "ToPort")]
    to_port: Option<i32>,
    #[serde(rename = "IpProtocol")]
    ip_protocol: Option<String>,
    /// The rule's sources or destinations.
    #[serde(rename = "Rules")]
    rules: Vec<String>,
    #[serde(flatten)]
    change: ChangeRecord,
}

pub(super) fn change_log<'a>(group: &'a SecurityGroup, change: &Change) -> ChangeLog<'a> {
    let rule = change.before().or_else(|| change.after());
    let ports = rule.map(|rule| ports(rule.services));
    ChangeLog {
        group_id: &group.key.group_id,
        group_name: &group.name,
        from_port: ports.map(|(from, _)| from),
        to_port: ports.map(|(_, to)| to),
        ip_protocol: rule.map(|rule| rule.services.protocol_text()),
        rules: rule.map(|rule: &Rule| rule.peer.to_string()).into_iter().collect(),
        change: ChangeRecord::of(change),
    }
}

/// Ports as AWS writes them: type and code for ICMP, -1 for all.
fn ports(services: RuleServices) -> (i32, i32) {
    match services {
        RuleServices::All | RuleServices::Protocol(_) | RuleServices::Icmp(_, None) => (-1, -1),
        RuleServices::Ports(_, from, to) => (from.into(), to.into()),
        RuleServices::Icmp(_, Some((kind, code))) => (kind.into(), code.map_or(-1, i32::from)),
    }
}
