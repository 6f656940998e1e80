//! One rule.

use portcullis_core::model::{GroupReference, Peer, Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::services::decode_rule_services;
use super::{Decoded, TagRecord, decode_direction, decode_tags, shown, tags};

/// A rule: one peer, one protocol, one port range, one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a rule")]
pub(crate) struct RuleRecord {
    /// `ingress` or `egress`.
    pub(crate) direction: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all protocols.
    pub(crate) protocol: String,
    /// `22`, `80-443` or `all`; for ICMP `3/4` (type and code), `3/*` (every code) or `all`.
    pub(crate) ports: String,
    /// The one peer: a CIDR block, `pl-…`, or `sg-…`, the latter with its account before it where that is known.
    pub(crate) peers: [String; 1],
    /// `sgr-…`, or none where it is not known or the rule does not exist yet.
    pub(crate) rule_ids: Vec<String>,
    /// Empty where there is none.
    pub(crate) description: String,
    /// The rule's own tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagRecord>,
    /// What is known of a group that is the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) referenced_group: Option<ReferenceRecord>,
}

/// A security group that a rule names as its peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a referenced group")]
pub(crate) struct ReferenceRecord {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    account_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    group_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    group_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    vpc_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    vpc_peering_connection_id: String,
}

impl RuleRecord {
    pub(crate) fn of(rule: &Rule) -> Self {
        let referenced_group = match &rule.peer {
            Peer::Group(group) => Some(ReferenceRecord {
                account_id: group.account.to_string(),
                group_id: group.id.to_string(),
                group_name: group.name.to_string(),
                vpc_id: group.vpc_id.to_string(),
                vpc_peering_connection_id: group.peering_id.to_string(),
            }),
            Peer::V4(_) | Peer::V6(_) | Peer::PrefixList(_) => None,
        };
        Self {
            direction: rule.direction.to_string(),
            protocol: rule.services.protocol_text(),
            ports: rule.services.ports_text(),
            peers: [rule.peer.to_string()],
            rule_ids: Some(rule.id.to_string()).filter(|id| !id.is_empty()).into_iter().collect(),
            description: rule.description.to_string(),
            tags: tags(&rule.tags),
            referenced_group,
        }
    }

    pub(crate) fn decode(&self) -> Decoded<Rule> {
        let direction = decode_direction(&self.direction)?;
        let services = decode_rule_services(&self.protocol, &self.ports)?;
        let rule = Rule {
            description: self.description.as_str().into(),
            id: self.rule_ids.first().map(String::as_str).unwrap_or_default().into(),
            tags: decode_tags(&self.tags),
            ..Rule::new(direction, services, self.decode_peer()?)
        };
        // An id that is empty, or a second one, would be written otherwise.
        if Self::of(&rule) == *self { Ok(rule) } else { Err(format!("rule `{rule}` is not as this program writes it")) }
    }

    fn decode_peer(&self) -> Decoded<Peer> {
        let [text] = &self.peers;
        let peer = match &self.referenced_group {
            Some(group) => Peer::Group(Box::new(GroupReference {
                account: group.account_id.as_str().into(),
                id: group.group_id.as_str().into(),
                name: group.group_name.as_str().into(),
                vpc_id: group.vpc_id.as_str().into(),
                peering_id: group.vpc_peering_connection_id.as_str().into(),
            })),
            // A list's id is whatever its source says; what is no block can be nothing else.
            None if text.parse::<portcullis_core::net::AnyCidr>().is_err() => Peer::PrefixList(text.as_str().into()),
            None => text.parse().map_err(|error| format!("{error}"))?,
        };
        match peer {
            Peer::PrefixList(id) if id.contains('/') || id.starts_with("sg-") => {
                Err(format!("`{}` is no peer: a CIDR block or `pl-…` is expected", shown(&id)))
            }
            peer if peer.to_string() == *text => Ok(peer),
            peer => Err(format!("`{}` is not how peer `{peer}` is written", shown(text))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use proptest::prelude::*;

    use super::*;
    use crate::record::testing::rule;

    proptest! {
        #[test]
        fn rules_come_back(rule in rule()) {
            let record = RuleRecord::of(&rule);
            let text = serde_json::to_string(&record).unwrap();
            let read: RuleRecord = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read.decode().unwrap(), rule);
        }
    }

    #[test]
    fn a_rule_is_written_in_one_way_only() {
        let good = RuleRecord {
            direction: "ingress".into(),
            protocol: "tcp".into(),
            ports: "22".into(),
            peers: ["10.0.0.0/8".into()],
            ..RuleRecord::default()
        };
        assert!(good.decode().is_ok());
        for peer in ["10.0.0.1/8", "010.0.0.0/8", "sg-1", "111122223333/sg-1", "10.0.0.0/33", "::/129"] {
            assert!(RuleRecord { peers: [peer.into()], ..good.clone() }.decode().is_err(), "{peer}");
        }
        assert!(RuleRecord { rule_ids: vec![String::new()], ..good.clone() }.decode().is_err());
        assert!(RuleRecord { direction: "in".into(), ..good }.decode().is_err());
    }
}
