//! A rule of the model as the API takes it, and one of the API as the model has it.

use portcullis_core::model::{Direction, GroupReference, Peer, Rule, Tag, Tags};
use portcullis_core::net::{AnyCidr, Protocol, RuleServices};

use crate::api::Permission;
use crate::shapes;

/// What the API takes to make a rule, or to change one into it.
pub fn permission(rule: &Rule) -> Permission {
    let (from_port, to_port) = ports(rule.services);
    let base = Permission {
        protocol: rule.services.protocol_text(),
        from_port,
        to_port,
        description: (!rule.description.is_empty()).then(|| rule.description.to_string()),
        tags: rule.tags.iter().map(tag).collect(),
        ..Permission::default()
    };
    match &rule.peer {
        Peer::V4(block) => Permission { cidr_ipv4: Some(block.to_string()), ..base },
        Peer::V6(block) => Permission { cidr_ipv6: Some(block.to_string()), ..base },
        Peer::PrefixList(id) => Permission { prefix_list_id: Some(id.to_string()), ..base },
        Peer::Group(group) => {
            let account = (!group.account.is_empty()).then(|| group.account.to_string());
            Permission { group_id: Some(group.id.to_string()), group_account: account, ..base }
        }
    }
}

/// Ports, or type and code: -1 is every type or code, and a protocol that has none has none.
fn ports(services: RuleServices) -> (Option<i32>, Option<i32>) {
    match services {
        RuleServices::Ports(_, from, to) => (Some(i32::from(from)), Some(i32::from(to))),
        RuleServices::Icmp(_, None) => (Some(-1), Some(-1)),
        RuleServices::Icmp(_, Some((kind, code))) => (Some(i32::from(kind)), Some(code.map_or(-1, i32::from))),
        RuleServices::All | RuleServices::Protocol(_) => (None, None),
    }
}

pub(super) fn tag(tag: &Tag) -> shapes::Tag {
    shapes::Tag { key: tag.key.to_string(), value: tag.value.to_string() }
}

/// A rule that the API describes; `None` where it says something that no rule can.
pub fn rule(described: &shapes::GroupRule) -> Option<Rule> {
    let direction = if described.is_egress { Direction::Egress } else { Direction::Ingress };
    let tags = described.tags.iter();
    let mut tags: Tags = tags.map(|tag| Tag { key: (&*tag.key).into(), value: (&*tag.value).into() }).collect();
    tags.sort();
    Some(Rule {
        description: described.description.as_deref().unwrap_or_default().into(),
        id: (&*described.security_group_rule_id).into(),
        tags,
        ..Rule::new(direction, services(described)?, peer(described)?)
    })
}

fn services(described: &shapes::GroupRule) -> Option<RuleServices> {
    if described.ip_protocol == "-1" {
        return Some(RuleServices::All);
    }
    let protocol = Protocol::parse(&described.ip_protocol)?;
    let (from, to) = (described.from_port.unwrap_or(-1), described.to_port.unwrap_or(-1));
    if from == -1 || !(protocol.has_ports() || protocol.has_types()) {
        return Some(RuleServices::whole(protocol));
    }
    if protocol.has_ports() {
        return Some(RuleServices::Ports(protocol, from.try_into().ok()?, to.try_into().ok()?));
    }
    let code = if to == -1 { None } else { Some(to.try_into().ok()?) };
    Some(RuleServices::Icmp(protocol, Some((from.try_into().ok()?, code))))
}

fn peer(described: &shapes::GroupRule) -> Option<Peer> {
    if let Some(block) = described.cidr_ipv4.as_ref().or(described.cidr_ipv6.as_ref()) {
        return Some(block.parse::<AnyCidr>().ok()?.into());
    }
    if let Some(id) = &described.prefix_list_id {
        return Some(Peer::PrefixList(id.as_str().into()));
    }
    let group = described.referenced_group_info.as_ref()?;
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
    Some(Peer::Group(Box::new(GroupReference {
        account: text(&group.user_id),
        id: group.group_id.as_str().into(),
        vpc_id: text(&group.vpc_id),
        peering_id: text(&group.vpc_peering_connection_id),
        ..GroupReference::default()
    })))
}

/// Whether AWS would call the second a duplicate of the first. An account that one of them leaves out is no difference.
pub(super) fn alike(a: &Rule, b: &Rule) -> bool {
    let same_peer = match (&a.peer, &b.peer) {
        (Peer::Group(a), Peer::Group(b)) => {
            a.id == b.id && (a.account == b.account || a.account.is_empty() || b.account.is_empty())
        }
        (a, b) => a.identity() == b.identity(),
    };
    a.direction == b.direction && a.services == b.services && same_peer
}
