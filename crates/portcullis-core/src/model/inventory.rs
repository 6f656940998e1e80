//! Everything that was read: groups of one or many accounts and Regions, and what is known around them.

use std::collections::{BTreeMap, HashMap};

use compact_str::CompactString;

use super::group::{GroupKey, SecurityGroup};
use super::rule::Tags;
use crate::net::{AddressSet, Family};

/// A managed prefix list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixList {
    /// The id, `pl-…`.
    pub id: CompactString,
    /// Its name.
    pub name: CompactString,
    /// Its family, where known.
    pub family: Option<Family>,
    /// Its entries as one set; `None` where they were not read, which makes verdicts unknown.
    pub entries: Option<AddressSet>,
    /// What it counts against the quota of a group that names it.
    pub max_entries: Option<u32>,
    /// The owner's account, or `AWS`.
    pub owner_id: CompactString,
    /// Its Region, where known.
    pub region: CompactString,
}

/// A VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpc {
    /// The id, `vpc-…`.
    pub id: CompactString,
    /// All its blocks of both families: addresses that are not the internet to its groups.
    pub addresses: AddressSet,
    /// The owner's account, where known.
    pub owner_id: CompactString,
}

/// A public IPv4 address that is translated to a private one of an interface, both as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicAddress {
    /// The public address.
    pub public: CompactString,
    /// The private one; empty where it is not told.
    pub private: CompactString,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkInterface {
    /// The id, `eni-…`.
    pub id: CompactString,
    /// The ids of the groups on it.
    pub group_ids: Vec<CompactString>,
    /// What AWS says it is for.
    pub description: Box<str>,
    /// Its private addresses, as written.
    pub addresses: Vec<CompactString>,
    /// The blocks that are delegated to it, as written: what runs on it has addresses in them.
    pub prefixes: Vec<CompactString>,
    /// Its public addresses.
    pub public_addresses: Vec<PublicAddress>,
    /// Its VPC.
    pub vpc_id: CompactString,
    /// The owner's account, where known.
    pub owner_id: CompactString,
    /// Its tags.
    pub tags: Tags,
}

/// What kind of thing uses a group without an interface to show for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserKind {
    /// A launch template, in its newest or default version.
    LaunchTemplate,
    /// A load balancer.
    LoadBalancer,
    /// A function, which has an interface only while it is used.
    Function,
    /// A database, which has none while it is stopped.
    Database,
    /// A peered VPC, whose groups' rules name the group.
    PeeredVpc,
}

/// What uses groups without an interface to show for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupUser {
    /// What it is.
    pub kind: UserKind,
    /// Its id: `lt-…`, an ARN, or `vpc-…`.
    pub id: CompactString,
    /// Its name; of a peered VPC the connection between.
    pub name: CompactString,
    /// The groups that it uses, by id, sorted.
    pub group_ids: Vec<CompactString>,
    /// The groups that it uses, by name, which launch templates may; sorted.
    pub group_names: Vec<CompactString>,
}

/// A reference from one group to another that AWS calls stale: the other is gone, or the peering connection to it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaleReference {
    /// The group whose rules are stale.
    pub group_id: CompactString,
    /// The group that they name.
    pub referenced_id: CompactString,
}

/// How far an account and Region could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoverageStatus {
    /// All of it.
    #[default]
    Complete,
    /// Some of it; `error` says why not the rest.
    Partial,
    /// None of it.
    Unread,
    /// Left out because the policy's `accounts_config` says `disabled`.
    Disabled,
}

impl CoverageStatus {
    /// All.
    pub const ALL: [Self; 4] = [Self::Complete, Self::Partial, Self::Unread, Self::Disabled];

    /// The word of snapshots and reports: `complete`, `partial`, `unread`, `disabled`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Unread => "unread",
            Self::Disabled => "disabled",
        }
    }

    /// Whether something may be there that was not read: nothing that was found clean is sure to be.
    pub const fn is_unread(self) -> bool {
        match self {
            Self::Partial | Self::Unread => true,
            Self::Complete | Self::Disabled => false,
        }
    }
}

/// What was read of one account and Region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The account.
    pub account_id: CompactString,
    /// The Region.
    pub region: CompactString,
    /// How far.
    pub status: CoverageStatus,
    /// How many groups.
    pub groups: usize,
    /// What went wrong.
    pub error: Option<String>,
}

/// Everything that was read. Groups are sorted by key, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The groups.
    pub groups: Vec<SecurityGroup>,
    /// Prefix lists by id.
    pub prefix_lists: BTreeMap<CompactString, PrefixList>,
    /// VPCs by id.
    pub vpcs: BTreeMap<CompactString, Vpc>,
    /// The interfaces; `None` where no source had them, so that controls that need them are not judged.
    pub interfaces: Option<Vec<NetworkInterface>>,
    /// What uses groups beside interfaces and rules, as far as that was looked up; only what uses any. Sorted.
    pub users: Vec<GroupUser>,
    /// References that AWS calls stale, over peering connections above all. Sorted.
    pub stale: Vec<StaleReference>,
    /// What the sources themselves say of what they could not read; accounts and Regions not named here were read whole.
    pub coverage: Vec<Coverage>,
    /// Where it came from: file names as the user would write them. Groups point here.
    pub sources: Vec<String>,
    /// Whether the sources told rule ids, so that a difference of ids means something.
    pub has_rule_ids: bool,
}

impl Inventory {
    /// The group with this key.
    pub fn group(&self, key: &GroupKey) -> Option<&SecurityGroup> {
        self.groups.iter().find(|group| group.key == *key)
    }

    /// Several inventories of different accounts or Regions as one.
    pub fn merged(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = Self { has_rule_ids: true, ..Self::default() };
        for part in parts {
            let Self {
                mut groups,
                prefix_lists,
                vpcs,
                interfaces,
                mut users,
                mut stale,
                mut coverage,
                mut sources,
                has_rule_ids,
            } = part;
            let offset = u32::try_from(whole.sources.len()).unwrap_or(u32::MAX);
            groups.iter_mut().for_each(|group| group.source = group.source.saturating_add(offset));
            whole.has_rule_ids &= has_rule_ids || groups.is_empty();
            whole.groups.append(&mut groups);
            whole.prefix_lists.extend(prefix_lists);
            whole.vpcs.extend(vpcs);
            if let Some(mut interfaces) = interfaces {
                whole.interfaces.get_or_insert_default().append(&mut interfaces);
            }
            whole.users.append(&mut users);
            whole.stale.append(&mut stale);
            whole.coverage.append(&mut coverage);
            whole.sources.append(&mut sources);
        }
        whole.has_rule_ids &= !whole.groups.is_empty();
        whole.groups.sort_by(|a, b| a.key.cmp(&b.key));
        whole.users.sort();
        whole.stale.sort();
        whole
    }

    /// Names of groups by account and id, for rules that refer to them.
    pub fn names(&self) -> HashMap<(&str, &str), &str> {
        let groups = self.groups.iter();
        groups
            .map(|group| ((group.key.account_id.as_str(), group.key.group_id.as_str()), group.name.as_str()))
            .collect()
    }
}
