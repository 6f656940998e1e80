//! Everything that was read: groups of one or many accounts and Regions, and what is known around them.

use std::collections::{BTreeMap, HashMap};

use compact_str::CompactString;

use super::group::{GroupKey, SecurityGroup};
use super::rule::Tag;
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
    /// Its VPC.
    pub vpc_id: CompactString,
    /// The owner's account, where known.
    pub owner_id: CompactString,
    /// Its tags.
    pub tags: Vec<Tag>,
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

    /// Names of groups by account and id, for rules that refer to them.
    pub fn names(&self) -> HashMap<(&str, &str), &str> {
        let groups = self.groups.iter();
        groups
            .map(|group| ((group.key.account_id.as_str(), group.key.group_id.as_str()), group.name.as_str()))
            .collect()
    }
}
