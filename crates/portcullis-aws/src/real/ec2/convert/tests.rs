#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn pair(id: &str) -> sdk::UserIdGroupPair {
    sdk::UserIdGroupPair::builder().group_id(id).build()
}

#[test]
fn a_rule_keeps_all_that_tells_who_it_lets_in() {
    let other =
        sdk::ReferencedSecurityGroup::builder().group_id("sg-2").user_id("111122223333").peering_status("active");
    let answer = sdk::SecurityGroupRule::builder()
        .security_group_rule_id("sgr-1")
        .group_id("sg-1")
        .group_owner_id("444455556666")
        .is_egress(true)
        .ip_protocol("tcp")
        .from_port(22)
        .to_port(23)
        .referenced_group_info(other.build())
        .description("")
        .tags(sdk::Tag::builder().key("k").value("v").build());
    let expected = serde_json::json!({
        "SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "GroupOwnerId": "444455556666", "IsEgress": true,
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 23,
        "ReferencedGroupInfo": {"GroupId": "sg-2", "UserId": "111122223333", "PeeringStatus": "active"},
        "Tags": [{"Key": "k", "Value": "v"}],
    });
    assert_eq!(serde_json::to_value(rule(answer.build()).unwrap()).unwrap(), expected);
}

#[test]
fn groups_that_are_gone_are_named_in_each_direction() {
    let permission = |ids: &[&str]| {
        let pairs = ids.iter().map(|id| pair(id)).collect();
        sdk::StaleIpPermission::builder().set_user_id_group_pairs(Some(pairs)).build()
    };
    let answer = sdk::StaleSecurityGroup::builder()
        .group_id("sg-1")
        .stale_ip_permissions(permission(&["sg-9", "sg-7"]))
        .stale_ip_permissions(sdk::StaleIpPermission::builder().build())
        .stale_ip_permissions_egress(permission(&["sg-7", "sg-8"]));
    let group = stale_group(answer.build()).unwrap();
    let ids = |permissions: &[crate::shapes::StalePermission]| -> Vec<String> {
        permissions.iter().flat_map(|one| &one.user_id_group_pairs).map(|pair| pair.group_id.clone()).collect()
    };
    assert_eq!(ids(&group.stale_ip_permissions), ["sg-9", "sg-7"]);
    assert_eq!(ids(&group.stale_ip_permissions_egress), ["sg-7", "sg-8"]);
}

#[test]
fn an_answer_that_does_not_say_which_thing_it_is_about_is_no_answer() {
    let answer = Some(vec![sdk::SecurityGroup::builder().build()]);
    let error = into_page(Call::DescribeSecurityGroups, answer, None, group).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Answer, "an item of the answer lacks `GroupId`"));
}

#[test]
fn an_empty_token_ends_the_pages() {
    let next = |token: &str| into_page(Call::DescribeVpcs, None, Some(token.to_owned()), vpc).unwrap().next;
    assert_eq!(next(""), None);
    assert_eq!(next("t"), Some("t".to_owned()));
}

#[test]
fn a_vpc_says_which_blocks_are_in_force() {
    let state = sdk::VpcCidrBlockState::builder().state(sdk::VpcCidrBlockStateCode::Associated).build();
    let block = sdk::VpcCidrBlockAssociation::builder().cidr_block("10.0.0.0/16").cidr_block_state(state.clone());
    let six = sdk::VpcIpv6CidrBlockAssociation::builder().ipv6_cidr_block("2001:db8::/56").ipv6_cidr_block_state(state);
    let answer = sdk::Vpc::builder()
        .vpc_id("vpc-1")
        .owner_id("111122223333")
        .cidr_block("10.0.0.0/16")
        .is_default(true)
        .cidr_block_association_set(block.build())
        .ipv6_cidr_block_association_set(six.build());
    let expected = serde_json::json!({
        "VpcId": "vpc-1", "OwnerId": "111122223333", "CidrBlock": "10.0.0.0/16", "IsDefault": true,
        "CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}}],
        "Ipv6CidrBlockAssociationSet":
            [{"Ipv6CidrBlock": "2001:db8::/56", "Ipv6CidrBlockState": {"State": "associated"}}],
    });
    assert_eq!(serde_json::to_value(vpc(answer.build()).unwrap()).unwrap(), expected);
}

#[test]
fn a_launch_template_names_groups_in_three_places() {
    let interface = sdk::LaunchTemplateInstanceNetworkInterfaceSpecification::builder().groups("sg-3").build();
    let data = sdk::ResponseLaunchTemplateData::builder()
        .security_group_ids("sg-1")
        .security_groups("by-name")
        .network_interfaces(interface);
    let answer = sdk::LaunchTemplateVersion::builder().launch_template_id("lt-1").launch_template_data(data.build());
    let data = launch_template(answer.build()).unwrap().launch_template_data;
    assert_eq!((data.security_group_ids, data.security_groups), (vec!["sg-1".to_owned()], vec!["by-name".to_owned()]));
    assert_eq!(data.network_interfaces, [TemplateInterface { groups: vec!["sg-3".to_owned()] }]);
}
