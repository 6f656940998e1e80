//! The shape that `aws ec2 describe-security-groups` prints, its keys in the CLI's order.

use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Group {
    pub(super) group_id: String,
    pub(super) ip_permissions_egress: Vec<Permission>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<Tag>,
    pub(super) vpc_id: String,
    pub(super) security_group_arn: String,
    pub(super) owner_id: String,
    pub(super) group_name: String,
    pub(super) description: String,
    pub(super) ip_permissions: Vec<Permission>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: &'static str,
    pub(super) value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Permission {
    pub(super) ip_protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_port: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_port: Option<i32>,
    pub(super) user_id_group_pairs: Vec<Peer>,
    pub(super) ip_ranges: Vec<Peer>,
    pub(super) ipv6_ranges: Vec<Peer>,
    pub(super) prefix_list_ids: Vec<Peer>,
}

/// An entry of any of the four lists, by the keys that it has.
#[derive(Serialize, Default)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Peer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cidr_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cidr_ipv6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prefix_list_id: Option<String>,
}
