//! The shapes of what uses groups without an interface, and of stale references.

use portcullis_core::model::{GroupUser, StaleReference, UserKind};
use serde::Serialize;
use serde_json::{Value, json};

/// The key under which users of a kind stand.
pub(super) const KEYS: [(UserKind, &str); 5] = [
    (UserKind::LaunchTemplate, "LaunchTemplateVersions"),
    (UserKind::LoadBalancer, "LoadBalancers"),
    (UserKind::Function, "Functions"),
    (UserKind::Database, "DBInstances"),
    (UserKind::PeeredVpc, "SecurityGroupReferenceSet"),
];

/// The entries of a user: one, save for a peered VPC, which AWS tells once for each group that it names.
pub(super) fn user_shapes(user: &GroupUser) -> Vec<Value> {
    let GroupUser { kind, id, name, group_ids, group_names } = user;
    match kind {
        UserKind::LaunchTemplate => {
            let data = json!({ "SecurityGroupIds": group_ids, "SecurityGroups": group_names });
            vec![json!({ "LaunchTemplateId": id, "LaunchTemplateName": name, "LaunchTemplateData": data })]
        }
        UserKind::LoadBalancer => {
            vec![json!({ "LoadBalancerArn": id, "LoadBalancerName": name, "SecurityGroups": group_ids })]
        }
        UserKind::Function => {
            vec![json!({ "FunctionArn": id, "FunctionName": name, "VpcConfig": { "SecurityGroupIds": group_ids } })]
        }
        UserKind::Database => {
            let groups: Vec<Value> = group_ids.iter().map(|id| json!({ "VpcSecurityGroupId": id })).collect();
            vec![json!({ "DBInstanceArn": id, "DBInstanceIdentifier": name, "VpcSecurityGroups": groups })]
        }
        UserKind::PeeredVpc => {
            let entry = |group| json!({ "GroupId": group, "ReferencingVpcId": id, "VpcPeeringConnectionId": name });
            group_ids.iter().map(entry).collect()
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StaleShape<'a> {
    group_id: &'a str,
    stale_ip_permissions: [PermissionShape<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PermissionShape<'a> {
    user_id_group_pairs: Vec<PairShape<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PairShape<'a> {
    group_id: &'a str,
}

/// The stale references of one group. Which way its rules go is not kept, since it decides nothing.
pub(super) fn stale_shape<'a>(references: &[&'a StaleReference]) -> Option<StaleShape<'a>> {
    let group_id = references.first()?.group_id.as_str();
    let user_id_group_pairs =
        references.iter().map(|reference| PairShape { group_id: &reference.referenced_id }).collect();
    Some(StaleShape { group_id, stale_ip_permissions: [PermissionShape { user_id_group_pairs }] })
}
