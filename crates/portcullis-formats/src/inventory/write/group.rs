//! The shapes of groups and rules.

use portcullis_core::model::{Direction, GroupKey, GroupReference, Peer, Rule, SecurityGroup, Tag};
use portcullis_core::net::RuleServices;
use serde::Serialize;

use super::sorted;
use crate::inventory::UNKNOWN_REGION;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagShape<'a> {
    key: &'a str,
    value: &'a str,
}

pub(super) fn tags(tags: &[Tag]) -> Vec<TagShape<'_>> {
    sorted(tags, Tag::cmp).into_iter().map(|tag| TagShape { key: &tag.key, value: &tag.value }).collect()
}

pub(super) fn skip(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GroupShape<'a> {
    description: &'a str,
    group_name: &'a str,
    ip_permissions: Vec<PermissionShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<&'a str>,
    group_id: &'a str,
    ip_permissions_egress: Vec<PermissionShape<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<TagShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_group_arn: Option<String>,
    /// Ours: why nothing can be said of the group.
    #[serde(rename = "unreadable", skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'a str>,
}

pub(super) fn group_shape(group: &SecurityGroup) -> GroupShape<'_> {
    GroupShape {
        description: &group.description,
        group_name: &group.name,
        ip_permissions: permissions(group, Direction::Ingress),
        owner_id: skip(&group.key.account_id),
        group_id: &group.key.group_id,
        ip_permissions_egress: permissions(group, Direction::Egress),
        tags: tags(&group.tags),
        vpc_id: skip(&group.vpc_id),
        security_group_arn: arn(&group.key, "security-group", &group.key.group_id),
        unreadable: group.unreadable.as_deref(),
    }
}

/// The ARN of a resource of a group's account and Region, where the Region is known.
pub(super) fn arn(key: &GroupKey, kind: &str, id: &str) -> Option<String> {
    if key.region == UNKNOWN_REGION || key.region.is_empty() {
        return None;
    }
    // The partitions of the ARN format, by the Regions that they hold.
    let partition = match key.region.split('-').collect::<Vec<_>>().as_slice() {
        ["cn", ..] => "aws-cn",
        ["us", "gov", ..] => "aws-us-gov",
        ["us", "iso", ..] => "aws-iso",
        ["us", "isob", ..] => "aws-iso-b",
        ["us", "isof", ..] => "aws-iso-f",
        ["eu", "isoe", ..] => "aws-iso-e",
        ["eusc", ..] => "aws-eusc",
        _ => "aws",
    };
    Some(format!("arn:{partition}:ec2:{}:{}:{kind}/{id}", key.region, key.account_id))
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PermissionShape<'a> {
    ip_protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_port: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_port: Option<i32>,
    ip_ranges: Vec<RangeShape<'a>>,
    ipv6_ranges: Vec<RangeShape<'a>>,
    prefix_list_ids: Vec<RangeShape<'a>>,
    user_id_group_pairs: Vec<PairShape<'a>>,
}

/// A block or prefix list as a permission holds it.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RangeShape<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_ipv6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_list_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PairShape<'a> {
    #[serde(flatten)]
    group: ReferenceShape<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ReferenceShape<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_peering_connection_id: Option<&'a str>,
}

fn reference_shape(group: &GroupReference) -> ReferenceShape<'_> {
    ReferenceShape {
        user_id: skip(&group.account),
        group_id: skip(&group.id),
        vpc_id: skip(&group.vpc_id),
        vpc_peering_connection_id: skip(&group.peering_id),
    }
}

/// `FromPort` and `ToPort` as AWS answers them.
fn port_pair(services: RuleServices) -> (Option<i32>, Option<i32>) {
    match services {
        RuleServices::All | RuleServices::Protocol(_) => (None, None),
        RuleServices::Ports(_, from, to) => (Some(from.into()), Some(to.into())),
        RuleServices::Icmp(_, None) => (Some(-1), Some(-1)),
        RuleServices::Icmp(_, Some((kind, code))) => (Some(kind.into()), Some(code.map_or(-1, i32::from))),
    }
}

/// The rules of one direction, sorted, one permission for each protocol and port range.
fn permissions(group: &SecurityGroup, direction: Direction) -> Vec<PermissionShape<'_>> {
    let mut rules: Vec<&Rule> = group.rules_of(direction).map(|(_, rule)| rule).collect();
    rules.sort();
    let same_services = rules.chunk_by(|a, b| a.services == b.services);
    same_services.filter_map(|rules| Some(permission(rules.first()?.services, rules))).collect()
}

fn permission<'a>(services: RuleServices, rules: &[&'a Rule]) -> PermissionShape<'a> {
    let (from_port, to_port) = port_pair(services);
    let ip_protocol = services.protocol_text();
    let mut shape = PermissionShape { ip_protocol, from_port, to_port, ..PermissionShape::default() };
    for rule in rules {
        let range = RangeShape { description: skip(&rule.description), ..RangeShape::default() };
        match &rule.peer {
            Peer::V4(block) => shape.ip_ranges.push(RangeShape { cidr_ip: Some(block.to_string()), ..range }),
            Peer::V6(block) => shape.ipv6_ranges.push(RangeShape { cidr_ipv6: Some(block.to_string()), ..range }),
            Peer::PrefixList(id) => shape.prefix_list_ids.push(RangeShape { prefix_list_id: Some(id), ..range }),
            Peer::Group(group) => shape.user_id_group_pairs.push(PairShape {
                group: reference_shape(group),
                group_name: skip(&group.name),
                description: range.description,
            }),
        }
    }
    shape
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RuleShape<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    security_group_rule_id: Option<&'a str>,
    group_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_owner_id: Option<&'a str>,
    is_egress: bool,
    ip_protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_port: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_port: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_ipv4: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_ipv6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_list_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referenced_group_info: Option<PairShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<TagShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_group_rule_arn: Option<String>,
}

pub(super) fn rule_shape<'a>(key: &'a GroupKey, rule: &'a Rule) -> RuleShape<'a> {
    let (from_port, to_port) = match rule.services {
        // Here AWS answers -1 where a permission has no ports.
        RuleServices::All | RuleServices::Protocol(_) => (Some(-1), Some(-1)),
        services => port_pair(services),
    };
    let (mut cidr_ipv4, mut cidr_ipv6, mut prefix_list_id, mut referenced_group_info) = (None, None, None, None);
    match &rule.peer {
        Peer::V4(block) => cidr_ipv4 = Some(block.to_string()),
        Peer::V6(block) => cidr_ipv6 = Some(block.to_string()),
        Peer::PrefixList(id) => prefix_list_id = Some(id.as_str()),
        Peer::Group(group) => {
            // AWS tells a name only for EC2-Classic, where there is no id.
            let group_name = if group.id.is_empty() { skip(&group.name) } else { None };
            referenced_group_info = Some(PairShape { group: reference_shape(group), group_name, description: None });
        }
    }
    RuleShape {
        security_group_rule_id: skip(&rule.id),
        group_id: &key.group_id,
        group_owner_id: skip(&key.account_id),
        is_egress: rule.direction == Direction::Egress,
        ip_protocol: rule.services.protocol_text(),
        from_port,
        to_port,
        cidr_ipv4,
        cidr_ipv6,
        prefix_list_id,
        referenced_group_info,
        description: skip(&rule.description),
        tags: tags(&rule.tags),
        security_group_rule_arn: skip(&rule.id).and_then(|id| arn(key, "security-group-rule", id)),
    }
}
