//! What uses groups without an interface, and references that AWS calls stale.

use portcullis_core::model::{GroupUser, StaleReference};

use super::*;

fn line(user: &GroupUser) -> String {
    let GroupUser { kind, id, name, group_ids, group_names } = user;
    format!("{kind:?} {id} {name} {group_ids:?} {group_names:?}")
}

fn check(text: &str, expected: &[&str]) {
    let inventory = inventory(text);
    assert_eq!(inventory.users.iter().map(line).collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn users_are_read_as_the_aws_cli_prints_them() {
    check(
        r#"{"LaunchTemplateVersions": [
              {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "fleet", "VersionNumber": 2, "CreatedBy": "arn:aws:iam::1:root",
               "LaunchTemplateData": {"SecurityGroupIds": ["sg-2"], "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": ["sg-3"]}]}},
              {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "fleet", "VersionNumber": 1,
               "LaunchTemplateData": {"SecurityGroupIds": ["sg-1", "sg-2"], "SecurityGroups": ["web"]}}]}"#,
        &[r#"LaunchTemplate lt-1 fleet ["sg-1", "sg-2", "sg-3"] ["web"]"#],
    );
    check(
        r#"{"LoadBalancers": [{"LoadBalancerArn": "arn:lb", "LoadBalancerName": "front", "SecurityGroups": ["sg-1"], "VpcId": "vpc-1"}]}"#,
        &[r#"LoadBalancer arn:lb front ["sg-1"] []"#],
    );
    check(
        r#"{"Functions": [{"FunctionName": "job", "FunctionArn": "arn:fn", "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": ["sg-1"]}},
                          {"FunctionName": "free", "FunctionArn": "arn:free"}, {"FunctionName": "null", "FunctionArn": "arn:null", "VpcConfig": null}]}"#,
        &[r#"Function arn:fn job ["sg-1"] []"#],
    );
    check(
        r#"{"DBInstances": [{"DBInstanceIdentifier": "orders", "DBInstanceArn": "arn:db",
                             "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "active"}]}]}"#,
        &[r#"Database arn:db orders ["sg-1"] []"#],
    );
    check(
        r#"{"SecurityGroupReferenceSet": [
              {"GroupId": "sg-2", "ReferencingVpcId": "vpc-9", "VpcPeeringConnectionId": "pcx-1"},
              {"GroupId": "sg-1", "ReferencingVpcId": "vpc-9", "VpcPeeringConnectionId": "pcx-1"}]}"#,
        &[r#"PeeredVpc vpc-9 pcx-1 ["sg-1", "sg-2"] []"#],
    );
}

#[test]
fn stale_references_are_read_of_both_directions() {
    let inventory = inventory(
        r#"{"StaleSecurityGroupSet": [{"GroupId": "sg-1", "GroupName": "web", "VpcId": "vpc-1", "Description": "",
              "StaleIpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [], "PrefixListIds": [],
                "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": "2", "VpcId": "vpc-2", "VpcPeeringConnectionId": "pcx-1", "PeeringStatus": "deleted"}]}],
              "StaleIpPermissionsEgress": [{"UserIdGroupPairs": [{"GroupId": "sg-8"}, {"GroupId": "sg-9"}]}]}]}"#,
    );
    let pairs: Vec<_> =
        inventory.stale.iter().map(|stale| (stale.group_id.as_str(), stale.referenced_id.as_str())).collect();
    assert_eq!(pairs, [("sg-1", "sg-8"), ("sg-1", "sg-9")]);
    assert_eq!(
        inventory.stale.first(),
        Some(&StaleReference { group_id: "sg-1".into(), referenced_id: "sg-8".into() })
    );
}

#[test]
fn what_is_wrong_with_them_is_told_with_its_place() {
    let check = |text: &str, expected: &str| assert_eq!(read_texts(&[text]).unwrap_err(), expected, "{text}");
    let missing = "a.json:1:20: `LoadBalancerArn` is missing: the ARN of the load balancer is expected";
    check(r#"{"LoadBalancers": [{"LoadBalancerName": "front"}]}"#, missing);
    let text = r#"{"LoadBalancers": [{"LoadBalancerArn": "arn:lb", "SecurityGroups": "sg-1"}]}"#;
    let wrong = |error: &String| error.contains("`SecurityGroups`") && error.contains("a list");
    assert!(read_texts(&[text]).is_err_and(|error| wrong(&error)));
    let group = "a.json:1:32: `GroupId` is missing: the id of the group that is named is expected";
    check(r#"{"SecurityGroupReferenceSet": [{"ReferencingVpcId": "vpc-9"}]}"#, group);
}
