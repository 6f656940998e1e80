//! What is known around the groups of a plan, and what decides their environments.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_core::model::{GroupKey, Inventory, NetworkInterface, PrefixList, SecurityGroup, Vpc};
use portcullis_core::net::{AddressSet, AnyCidr, Family};
use portcullis_core::remediation::Environments;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{Decoded, decode_text, shown};

/// What is known around the groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "what is around the groups")]
pub(super) struct AroundRecord {
    /// Prefix lists that rules or controls name.
    prefix_lists: Vec<ListRecord>,
    /// The groups' VPCs.
    vpcs: Vec<VpcRecord>,
    /// Names of groups that rules refer to, where a control goes by names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<NameRecord>,
    /// The addresses of groups that take the place of addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<MembersRecord>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the addresses of a group's members")]
struct MembersRecord {
    group_id: String,
    /// As the least list of blocks.
    cidrs: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a prefix list")]
struct ListRecord {
    prefix_list_id: String,
    name: String,
    /// `ipv4` or `ipv6`; null where it is not known.
    family: Option<String>,
    /// Its entries as the least list of blocks; null where they are not known.
    entries: Option<Vec<String>>,
    max_entries: Option<u32>,
    owner_id: String,
    region: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a VPC")]
struct VpcRecord {
    vpc_id: String,
    /// Its blocks of both families.
    cidrs: Vec<String>,
    owner_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a group's name")]
struct NameRecord {
    account_id: String,
    region: String,
    group_id: String,
    group_name: String,
}

/// What decides which environment a group is of, beside its own tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "environments")]
pub(super) struct EnvironmentsRecord {
    /// That of all groups, where the user gave one.
    given: Option<String>,
    /// Those of accounts, by their ids.
    accounts: BTreeMap<String, String>,
}

fn blocks(addresses: &AddressSet) -> Vec<String> {
    addresses.cidrs().iter().map(ToString::to_string).collect()
}

fn decode_blocks(texts: &[String]) -> Decoded<AddressSet> {
    texts.iter().map(|text| decode_text::<AnyCidr>(text, "CIDR block")).collect()
}

impl AroundRecord {
    pub(super) fn of(around: &Inventory) -> Self {
        Self {
            prefix_lists: around.prefix_lists.values().map(ListRecord::of).collect(),
            vpcs: around.vpcs.values().map(VpcRecord::of).collect(),
            groups: around.groups.iter().map(NameRecord::of).collect(),
            members: around.interfaces.iter().flatten().map(MembersRecord::of).collect(),
        }
    }

    pub(super) fn decode(&self) -> Decoded<Inventory> {
        let lists: BTreeSet<&str> = self.prefix_lists.iter().map(|list| list.prefix_list_id.as_str()).collect();
        let vpcs: BTreeSet<&str> = self.vpcs.iter().map(|vpc| vpc.vpc_id.as_str()).collect();
        if lists.len() < self.prefix_lists.len() || vpcs.len() < self.vpcs.len() {
            return Err("a prefix list or VPC stands in it twice".to_owned());
        }
        let mut around = Inventory::default();
        for list in &self.prefix_lists {
            around.prefix_lists.insert(list.prefix_list_id.as_str().into(), list.decode()?);
        }
        for vpc in &self.vpcs {
            around.vpcs.insert(vpc.vpc_id.as_str().into(), vpc.decode()?);
        }
        around.groups = self.groups.iter().map(NameRecord::decode).collect();
        around.groups.sort_by(|a, b| a.key.cmp(&b.key));
        if !self.members.is_empty() {
            around.interfaces = Some(self.members.iter().map(MembersRecord::decode).collect::<Decoded<_>>()?);
        }
        Ok(around)
    }
}

impl MembersRecord {
    /// Of the one interface that stands for all of a group's members.
    fn of(members: &NetworkInterface) -> Self {
        let group_id = members.group_ids.first().map(ToString::to_string).unwrap_or_default();
        Self { group_id, cidrs: members.prefixes.iter().map(ToString::to_string).collect() }
    }

    fn decode(&self) -> Decoded<NetworkInterface> {
        Ok(NetworkInterface {
            group_ids: vec![self.group_id.as_str().into()],
            prefixes: blocks(&decode_blocks(&self.cidrs)?).iter().map(|block| block.as_str().into()).collect(),
            ..NetworkInterface::default()
        })
    }
}

impl ListRecord {
    fn of(list: &PrefixList) -> Self {
        Self {
            prefix_list_id: list.id.to_string(),
            name: list.name.to_string(),
            family: list.family.map(|family| family.to_string()),
            entries: list.entries.as_ref().map(blocks),
            max_entries: list.max_entries,
            owner_id: list.owner_id.to_string(),
            region: list.region.to_string(),
        }
    }

    fn decode(&self) -> Decoded<PrefixList> {
        let family = |text: &String| {
            let known = Family::ALL.into_iter().find(|family| family.as_str() == text);
            known.ok_or_else(|| format!("`{}` is no family: `ipv4` or `ipv6` is expected", shown(text)))
        };
        Ok(PrefixList {
            id: self.prefix_list_id.as_str().into(),
            name: self.name.as_str().into(),
            family: self.family.as_ref().map(family).transpose()?,
            entries: self.entries.as_deref().map(decode_blocks).transpose()?,
            max_entries: self.max_entries,
            owner_id: self.owner_id.as_str().into(),
            region: self.region.as_str().into(),
        })
    }
}

impl VpcRecord {
    fn of(vpc: &Vpc) -> Self {
        Self { vpc_id: vpc.id.to_string(), cidrs: blocks(&vpc.addresses), owner_id: vpc.owner_id.to_string() }
    }

    fn decode(&self) -> Decoded<Vpc> {
        Ok(Vpc {
            id: self.vpc_id.as_str().into(),
            addresses: decode_blocks(&self.cidrs)?,
            owner_id: self.owner_id.as_str().into(),
        })
    }
}

impl NameRecord {
    fn of(group: &SecurityGroup) -> Self {
        Self {
            account_id: group.key.account_id.to_string(),
            region: group.key.region.to_string(),
            group_id: group.key.group_id.to_string(),
            group_name: group.name.to_string(),
        }
    }

    fn decode(&self) -> SecurityGroup {
        SecurityGroup {
            key: GroupKey {
                account_id: self.account_id.as_str().into(),
                region: self.region.as_str().into(),
                group_id: self.group_id.as_str().into(),
            },
            name: self.group_name.as_str().into(),
            ..SecurityGroup::default()
        }
    }
}

impl EnvironmentsRecord {
    pub(super) fn of(environments: &Environments) -> Self {
        Self {
            given: environments.given.clone(),
            accounts: environments.of_accounts.iter().map(|(id, name)| (id.to_string(), name.clone())).collect(),
        }
    }

    pub(super) fn decode(&self) -> Environments {
        Environments {
            given: self.given.clone(),
            of_accounts: self.accounts.iter().map(|(id, name)| (id.as_str().into(), name.clone())).collect(),
        }
    }
}
