//! The shapes of what stands around the groups.

use portcullis_core::model::{Coverage, GroupKey, NetworkInterface, PrefixList, Vpc};
use portcullis_core::net::Family;
use serde::Serialize;

use super::group::{TagShape, arn, skip, tags};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PrefixListShape<'a> {
    prefix_list_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_list_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_family: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_list_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_entries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<EntryShape>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EntryShape {
    cidr: String,
}

pub(super) fn prefix_list_shape(list: &PrefixList) -> PrefixListShape<'_> {
    let key = GroupKey { account_id: list.owner_id.clone(), region: list.region.clone(), ..GroupKey::default() };
    PrefixListShape {
        prefix_list_id: &list.id,
        prefix_list_name: skip(&list.name),
        address_family: list.family.map(|family| match family {
            Family::Ipv4 => "IPv4",
            Family::Ipv6 => "IPv6",
        }),
        prefix_list_arn: arn(&key, "prefix-list", &list.id),
        max_entries: list.max_entries,
        owner_id: skip(&list.owner_id),
        entries: list
            .entries
            .as_ref()
            .map(|entries| entries.cidrs().into_iter().map(|cidr| EntryShape { cidr: cidr.to_string() }).collect()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VpcShape<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_block: Option<String>,
    cidr_block_association_set: Vec<AssociationShape>,
    ipv6_cidr_block_association_set: Vec<AssociationShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<&'a str>,
    vpc_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssociationShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_block: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_cidr_block: Option<String>,
}

pub(super) fn vpc_shape(vpc: &Vpc) -> VpcShape<'_> {
    let v4: Vec<String> = vpc.addresses.v4.cidrs().into_iter().map(|block| block.to_string()).collect();
    let v6 = vpc.addresses.v6.cidrs().into_iter().map(|block| Some(block.to_string()));
    VpcShape {
        cidr_block: v4.first().cloned(),
        cidr_block_association_set: v4
            .into_iter()
            .map(|block| AssociationShape { cidr_block: Some(block), ipv6_cidr_block: None })
            .collect(),
        ipv6_cidr_block_association_set: v6
            .map(|ipv6_cidr_block| AssociationShape { cidr_block: None, ipv6_cidr_block })
            .collect(),
        owner_id: skip(&vpc.owner_id),
        vpc_id: &vpc.id,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InterfaceShape<'a> {
    description: &'a str,
    groups: Vec<InterfaceGroupShape<'a>>,
    network_interface_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    association: Option<AssociatedShape<'a>>,
    private_ip_addresses: Vec<AddressShape<'a>>,
    ipv6_addresses: Vec<AddressShape<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ipv4_prefixes: Vec<PrefixShape<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ipv6_prefixes: Vec<PrefixShape<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tag_set: Vec<TagShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InterfaceGroupShape<'a> {
    group_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssociatedShape<'a> {
    public_ip: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PrefixShape<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4_prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_prefix: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AddressShape<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    association: Option<AssociatedShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_ip_address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_address: Option<&'a str>,
}

pub(super) fn interface_shape(interface: &NetworkInterface) -> InterfaceShape<'_> {
    let addresses =
        |v6: bool| interface.addresses.iter().map(|text| text.as_str()).filter(move |text| text.contains(':') == v6);
    let prefixes =
        |v6: bool| interface.prefixes.iter().map(|text| text.as_str()).filter(move |text| text.contains(':') == v6);
    let public = |private: &str| {
        let of_private = interface.public_addresses.iter().find(|address| address.private == private);
        of_private.map(|address| AssociatedShape { public_ip: &address.public })
    };
    InterfaceShape {
        description: &interface.description,
        groups: interface.group_ids.iter().map(|group_id| InterfaceGroupShape { group_id }).collect(),
        network_interface_id: &interface.id,
        owner_id: skip(&interface.owner_id),
        association: public(""),
        private_ip_addresses: addresses(false)
            .map(|text| AddressShape { association: public(text), private_ip_address: Some(text), ipv6_address: None })
            .collect(),
        ipv6_addresses: addresses(true)
            .map(|text| AddressShape { association: None, private_ip_address: None, ipv6_address: Some(text) })
            .collect(),
        ipv4_prefixes: prefixes(false).map(|text| PrefixShape { ipv4_prefix: Some(text), ipv6_prefix: None }).collect(),
        ipv6_prefixes: prefixes(true).map(|text| PrefixShape { ipv4_prefix: None, ipv6_prefix: Some(text) }).collect(),
        tag_set: tags(&interface.tags),
        vpc_id: skip(&interface.vpc_id),
    }
}

#[derive(Serialize)]
pub(super) struct CoverageShape<'a> {
    account_id: &'a str,
    region: &'a str,
    status: &'static str,
    groups: usize,
    error: Option<&'a str>,
}

pub(super) fn coverage_shape(coverage: &Coverage) -> CoverageShape<'_> {
    let status = coverage.status.as_str();
    CoverageShape {
        account_id: &coverage.account_id,
        region: &coverage.region,
        status,
        groups: coverage.groups,
        error: coverage.error.as_deref(),
    }
}
