//! Our rules as EC2 takes them.

use aws_sdk_ec2::types::{
    IpPermission, IpRange, Ipv6Range, PrefixListId, SecurityGroupRuleRequest, SecurityGroupRuleUpdate, UserIdGroupPair,
};

use crate::api::{Permission, RuleUpdate};

/// One `IpPermission` for each rule: EC2 takes as many as there are rules in the quota, and no grouping can go wrong.
pub(super) fn ip_permissions(rules: &[Permission]) -> Vec<IpPermission> {
    rules.iter().map(ip_permission).collect()
}

fn ip_permission(rule: &Permission) -> IpPermission {
    let description = rule.description.clone();
    let v4 = rule
        .cidr_ipv4
        .as_ref()
        .map(|block| IpRange::builder().cidr_ip(block).set_description(description.clone()).build());
    let v6 = rule
        .cidr_ipv6
        .as_ref()
        .map(|block| Ipv6Range::builder().cidr_ipv6(block).set_description(description.clone()).build());
    let list = rule
        .prefix_list_id
        .as_ref()
        .map(|id| PrefixListId::builder().prefix_list_id(id).set_description(description.clone()).build());
    let group = rule.group_id.as_ref().map(|id| {
        let account = rule.group_account.clone();
        UserIdGroupPair::builder().group_id(id).set_user_id(account).set_description(description.clone()).build()
    });
    IpPermission::builder()
        .ip_protocol(&rule.protocol)
        .set_from_port(rule.from_port)
        .set_to_port(rule.to_port)
        .set_ip_ranges(v4.map(|range| vec![range]))
        .set_ipv6_ranges(v6.map(|range| vec![range]))
        .set_prefix_list_ids(list.map(|list| vec![list]))
        .set_user_id_group_pairs(group.map(|group| vec![group]))
        .build()
}

/// What a rule becomes in place. The account of a group is not said here: EC2 knows it by the id.
pub(super) fn update(update: &RuleUpdate) -> SecurityGroupRuleUpdate {
    let rule = &update.rule;
    let request = SecurityGroupRuleRequest::builder()
        .ip_protocol(&rule.protocol)
        .set_from_port(rule.from_port)
        .set_to_port(rule.to_port)
        .set_cidr_ipv4(rule.cidr_ipv4.clone())
        .set_cidr_ipv6(rule.cidr_ipv6.clone())
        .set_prefix_list_id(rule.prefix_list_id.clone())
        .set_referenced_group_id(rule.group_id.clone())
        .set_description(rule.description.clone());
    SecurityGroupRuleUpdate::builder()
        .security_group_rule_id(&update.rule_id)
        .security_group_rule(request.build())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_peer_keeps_its_description() {
        let rule = |set: fn(&mut Permission)| {
            let mut rule = Permission { description: Some("why".to_owned()), ..Permission::default() };
            set(&mut rule);
            ip_permission(&rule)
        };
        let v4 = rule(|rule| rule.cidr_ipv4 = Some("10.0.0.0/8".to_owned()));
        let expected = IpRange::builder().cidr_ip("10.0.0.0/8").description("why").build();
        assert_eq!(v4.ip_ranges(), [expected]);
        let v6 = rule(|rule| rule.cidr_ipv6 = Some("fc00::/7".to_owned()));
        let expected = Ipv6Range::builder().cidr_ipv6("fc00::/7").description("why").build();
        assert_eq!(v6.ipv6_ranges(), [expected]);
        let list = rule(|rule| rule.prefix_list_id = Some("pl-1".to_owned()));
        let expected = PrefixListId::builder().prefix_list_id("pl-1").description("why").build();
        assert_eq!(list.prefix_list_ids(), [expected]);
        let group = rule(|rule| {
            rule.group_id = Some("sg-1".to_owned());
            rule.group_account = Some("111122223333".to_owned());
        });
        let expected = UserIdGroupPair::builder().group_id("sg-1").user_id("111122223333").description("why").build();
        assert_eq!(group.user_id_group_pairs(), [expected]);
        assert!(group.ip_ranges().is_empty());
    }

    #[test]
    fn ports_are_left_out_where_the_protocol_has_none() {
        let all = ip_permission(&Permission { protocol: "-1".to_owned(), ..Permission::default() });
        assert_eq!((all.ip_protocol(), all.from_port(), all.to_port()), (Some("-1"), None, None));
    }
}
