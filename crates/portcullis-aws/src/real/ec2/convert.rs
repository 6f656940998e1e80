//! EC2's answers as [`crate::shapes`].

use aws_sdk_ec2::types as sdk;

use crate::api::Page;
use crate::calls::Call;
use crate::error::{Error, Kind, Result};
use crate::shapes::{
    BlockState, CidrBlock, GroupIdentifier, GroupPair, GroupRule, IpPermission, IpRange, Ipv4Prefix, Ipv6Address,
    Ipv6CidrBlock, Ipv6Prefix, Ipv6Range, LaunchTemplateData, LaunchTemplateVersion, ListPeer, NetworkInterface,
    PrefixList, PrefixListEntry, PrivateAddress, PublicAssociation, ReferencedGroup, SecurityGroup,
    SecurityGroupReference, StalePermission, StaleSecurityGroup, Tag, TemplateInterface, Vpc, WholeGroup,
};

/// A page, each of whose items must have what identifies it; an answer without is no answer.
pub(super) fn into_page<A, B>(
    call: Call,
    items: Option<Vec<A>>,
    next: Option<String>,
    convert: impl Fn(A) -> std::result::Result<B, &'static str>,
) -> Result<Page<B>> {
    let lacks = |what| Error::new(Kind::Answer, call.action(), format!("an item of the answer lacks `{what}`"));
    let items = items.unwrap_or_default().into_iter().map(convert).collect::<std::result::Result<_, _>>();
    // EC2 says the end of the pages with an empty token, too.
    Ok(Page { items: items.map_err(lacks)?, next: next.filter(|token| !token.is_empty()) })
}

type Converted<T> = std::result::Result<T, &'static str>;

pub(super) fn group(group: sdk::SecurityGroup) -> Converted<SecurityGroup> {
    Ok(SecurityGroup {
        group_id: group.group_id.ok_or("GroupId")?,
        group_name: group.group_name.unwrap_or_default(),
        description: group.description.unwrap_or_default(),
        owner_id: group.owner_id.unwrap_or_default(),
        vpc_id: group.vpc_id.filter(|id| !id.is_empty()),
        security_group_arn: group.security_group_arn,
        tags: own_tags(group.tags),
    })
}

pub(super) fn whole_group(mut group: sdk::SecurityGroup) -> Converted<WholeGroup> {
    let permissions = |permissions: Option<Vec<sdk::IpPermission>>| {
        permissions.unwrap_or_default().into_iter().map(permission).collect::<Converted<Vec<_>>>()
    };
    let ip_permissions = permissions(group.ip_permissions.take())?;
    let ip_permissions_egress = permissions(group.ip_permissions_egress.take())?;
    Ok(WholeGroup { group: self::group(group)?, ip_permissions, ip_permissions_egress })
}

fn permission(permission: sdk::IpPermission) -> Converted<IpPermission> {
    fn all<A, B>(items: Option<Vec<A>>, convert: impl Fn(A) -> Converted<B>) -> Converted<Vec<B>> {
        items.unwrap_or_default().into_iter().map(convert).collect()
    }
    let text = |text: Option<String>| text.filter(|text| !text.is_empty());
    let v4 = |range: sdk::IpRange| {
        Ok(IpRange { cidr_ip: range.cidr_ip.ok_or("CidrIp")?, description: text(range.description) })
    };
    let v6 = |range: sdk::Ipv6Range| {
        Ok(Ipv6Range { cidr_ipv6: range.cidr_ipv6.ok_or("CidrIpv6")?, description: text(range.description) })
    };
    let list = |list: sdk::PrefixListId| {
        let prefix_list_id = list.prefix_list_id.ok_or("PrefixListId")?;
        Ok(ListPeer { prefix_list_id, description: text(list.description) })
    };
    let pair = |pair: sdk::UserIdGroupPair| {
        let group = ReferencedGroup {
            group_id: pair.group_id.ok_or("UserIdGroupPairs.GroupId")?,
            user_id: pair.user_id,
            vpc_id: pair.vpc_id,
            vpc_peering_connection_id: pair.vpc_peering_connection_id,
            peering_status: pair.peering_status,
        };
        Ok(GroupPair { group, description: text(pair.description) })
    };
    Ok(IpPermission {
        ip_protocol: permission.ip_protocol.ok_or("IpProtocol")?,
        from_port: permission.from_port,
        to_port: permission.to_port,
        ip_ranges: all(permission.ip_ranges, v4)?,
        ipv6_ranges: all(permission.ipv6_ranges, v6)?,
        user_id_group_pairs: all(permission.user_id_group_pairs, pair)?,
        prefix_list_ids: all(permission.prefix_list_ids, list)?,
    })
}

pub(super) fn rule(rule: sdk::SecurityGroupRule) -> Converted<GroupRule> {
    Ok(GroupRule {
        security_group_rule_id: rule.security_group_rule_id.ok_or("SecurityGroupRuleId")?,
        group_id: rule.group_id.ok_or("GroupId")?,
        group_owner_id: rule.group_owner_id.unwrap_or_default(),
        is_egress: rule.is_egress.ok_or("IsEgress")?,
        ip_protocol: rule.ip_protocol.ok_or("IpProtocol")?,
        from_port: rule.from_port,
        to_port: rule.to_port,
        cidr_ipv4: rule.cidr_ipv4,
        cidr_ipv6: rule.cidr_ipv6,
        prefix_list_id: rule.prefix_list_id,
        referenced_group_info: rule.referenced_group_info.map(referenced).transpose()?,
        description: rule.description.filter(|text| !text.is_empty()),
        tags: own_tags(rule.tags),
    })
}

fn referenced(group: sdk::ReferencedSecurityGroup) -> Converted<ReferencedGroup> {
    Ok(ReferencedGroup {
        group_id: group.group_id.ok_or("ReferencedGroupInfo.GroupId")?,
        user_id: group.user_id,
        vpc_id: group.vpc_id,
        vpc_peering_connection_id: group.vpc_peering_connection_id,
        peering_status: group.peering_status,
    })
}

pub(super) fn prefix_list(list: sdk::ManagedPrefixList) -> Converted<PrefixList> {
    Ok(PrefixList {
        prefix_list_id: list.prefix_list_id.ok_or("PrefixListId")?,
        prefix_list_name: list.prefix_list_name.unwrap_or_default(),
        address_family: list.address_family,
        max_entries: list.max_entries,
        owner_id: list.owner_id.unwrap_or_default(),
        prefix_list_arn: list.prefix_list_arn,
        entries: None,
    })
}

pub(super) fn entry(entry: sdk::PrefixListEntry) -> Converted<PrefixListEntry> {
    Ok(PrefixListEntry { cidr: entry.cidr.ok_or("Cidr")?, description: entry.description })
}

pub(super) fn vpc(vpc: sdk::Vpc) -> Converted<Vpc> {
    let state = |state: Option<sdk::VpcCidrBlockState>| BlockState {
        state: state.and_then(|state| state.state).map(|code| code.as_str().to_owned()).unwrap_or_default(),
    };
    let v4 = |block: sdk::VpcCidrBlockAssociation| CidrBlock {
        cidr_block: block.cidr_block.unwrap_or_default(),
        cidr_block_state: state(block.cidr_block_state),
    };
    let v6 = |block: sdk::VpcIpv6CidrBlockAssociation| Ipv6CidrBlock {
        ipv6_cidr_block: block.ipv6_cidr_block.unwrap_or_default(),
        ipv6_cidr_block_state: state(block.ipv6_cidr_block_state),
    };
    Ok(Vpc {
        vpc_id: vpc.vpc_id.ok_or("VpcId")?,
        owner_id: vpc.owner_id.unwrap_or_default(),
        cidr_block: vpc.cidr_block.unwrap_or_default(),
        cidr_block_association_set: each(vpc.cidr_block_association_set, v4),
        ipv6_cidr_block_association_set: each(vpc.ipv6_cidr_block_association_set, v6),
        is_default: vpc.is_default.unwrap_or_default(),
    })
}

pub(super) fn interface(interface: sdk::NetworkInterface) -> Converted<NetworkInterface> {
    let group = |group: sdk::GroupIdentifier| {
        let group_id = group.group_id.ok_or("Groups.GroupId")?;
        Ok(GroupIdentifier { group_id, group_name: group.group_name })
    };
    let v4 = |address: sdk::NetworkInterfacePrivateIpAddress| PrivateAddress {
        private_ip_address: address.private_ip_address.unwrap_or_default(),
        association: address.association.and_then(|of| of.public_ip).map(|public_ip| PublicAssociation { public_ip }),
    };
    let v6 = |address: sdk::NetworkInterfaceIpv6Address| Ipv6Address {
        ipv6_address: address.ipv6_address.unwrap_or_default(),
    };
    let v4_prefix =
        |block: sdk::Ipv4PrefixSpecification| Ipv4Prefix { ipv4_prefix: block.ipv4_prefix.unwrap_or_default() };
    let v6_prefix =
        |block: sdk::Ipv6PrefixSpecification| Ipv6Prefix { ipv6_prefix: block.ipv6_prefix.unwrap_or_default() };
    Ok(NetworkInterface {
        network_interface_id: interface.network_interface_id.ok_or("NetworkInterfaceId")?,
        owner_id: interface.owner_id.unwrap_or_default(),
        vpc_id: interface.vpc_id.unwrap_or_default(),
        description: interface.description.unwrap_or_default(),
        interface_type: interface.interface_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        groups: interface.groups.unwrap_or_default().into_iter().map(group).collect::<Converted<_>>()?,
        private_ip_addresses: each(interface.private_ip_addresses, v4),
        ipv6_addresses: each(interface.ipv6_addresses, v6),
        ipv4_prefixes: each(interface.ipv4_prefixes, v4_prefix),
        ipv6_prefixes: each(interface.ipv6_prefixes, v6_prefix),
        tag_set: own_tags(interface.tag_set),
    })
}

pub(super) fn stale_group(group: sdk::StaleSecurityGroup) -> Converted<StaleSecurityGroup> {
    Ok(StaleSecurityGroup {
        group_id: group.group_id.ok_or("GroupId")?,
        vpc_id: group.vpc_id,
        stale_ip_permissions: stale_permissions(group.stale_ip_permissions)?,
        stale_ip_permissions_egress: stale_permissions(group.stale_ip_permissions_egress)?,
    })
}

fn stale_permissions(permissions: Option<Vec<sdk::StaleIpPermission>>) -> Converted<Vec<StalePermission>> {
    let pair = |pair: sdk::UserIdGroupPair| {
        Ok(ReferencedGroup {
            group_id: pair.group_id.ok_or("UserIdGroupPairs.GroupId")?,
            user_id: pair.user_id,
            vpc_id: pair.vpc_id,
            vpc_peering_connection_id: pair.vpc_peering_connection_id,
            peering_status: pair.peering_status,
        })
    };
    let permission = |permission: sdk::StaleIpPermission| {
        let pairs = permission.user_id_group_pairs.unwrap_or_default().into_iter();
        Ok(StalePermission { user_id_group_pairs: pairs.map(pair).collect::<Converted<_>>()? })
    };
    permissions.unwrap_or_default().into_iter().map(permission).collect()
}

pub(super) fn reference(reference: sdk::SecurityGroupReference) -> Converted<SecurityGroupReference> {
    Ok(SecurityGroupReference {
        group_id: reference.group_id.ok_or("GroupId")?,
        referencing_vpc_id: reference.referencing_vpc_id.unwrap_or_default(),
        vpc_peering_connection_id: reference.vpc_peering_connection_id,
    })
}

pub(super) fn launch_template(version: sdk::LaunchTemplateVersion) -> Converted<LaunchTemplateVersion> {
    let interface = |interface: sdk::LaunchTemplateInstanceNetworkInterfaceSpecification| TemplateInterface {
        groups: interface.groups.unwrap_or_default(),
    };
    let data = version.launch_template_data.map(|data| LaunchTemplateData {
        security_group_ids: data.security_group_ids.unwrap_or_default(),
        security_groups: data.security_groups.unwrap_or_default(),
        network_interfaces: each(data.network_interfaces, interface),
    });
    Ok(LaunchTemplateVersion {
        launch_template_id: version.launch_template_id.ok_or("LaunchTemplateId")?,
        launch_template_name: version.launch_template_name.unwrap_or_default(),
        version_number: version.version_number.unwrap_or_default(),
        launch_template_data: data.unwrap_or_default(),
    })
}

/// Our tags as EC2 takes them.
pub(super) fn tags(tags: &[Tag]) -> Vec<sdk::Tag> {
    tags.iter().map(|tag| sdk::Tag::builder().key(&tag.key).value(&tag.value).build()).collect()
}

fn own_tags(tags: Option<Vec<sdk::Tag>>) -> Vec<Tag> {
    each(tags, |tag| Tag { key: tag.key.unwrap_or_default(), value: tag.value.unwrap_or_default() })
}

fn each<A, B>(items: Option<Vec<A>>, convert: impl Fn(A) -> B) -> Vec<B> {
    items.unwrap_or_default().into_iter().map(convert).collect()
}

#[cfg(test)]
mod tests;
