//! Amazon EC2, as far as security groups are concerned.

use std::fmt::Debug;

use async_trait::async_trait;

use super::Page;
use crate::error::Result;
use crate::shapes::{
    GroupRule, LaunchTemplateVersion, NetworkInterface, PrefixList, PrefixListEntry, SecurityGroup,
    SecurityGroupReference, StaleSecurityGroup, Tag, Vpc, WholeGroup,
};

/// Which way a rule goes, which decides which call changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flow {
    /// `…Ingress`
    Ingress,
    /// `…Egress`
    Egress,
}

/// Which groups are asked for; everything, where all of it is empty. Values of one list are alternatives, lists hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// By id. An id that does not exist fails the whole call with `NotFound`.
    pub ids: Vec<String>,
    /// By name, exactly; names repeat from VPC to VPC.
    pub names: Vec<String>,
    /// By VPC.
    pub vpcs: Vec<String>,
    /// By tag: key and value.
    pub tags: Vec<(String, String)>,
}

impl GroupFilter {
    /// Whether every group is asked for.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.names.is_empty() && self.vpcs.is_empty() && self.tags.is_empty()
    }
}

/// One rule that is to be made: one protocol, one port range, one peer. Exactly one of the peers is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `-1`, or a number.
    pub protocol: String,
    /// First port, or ICMP type (-1: all); `None` where the protocol has none.
    pub from_port: Option<i32>,
    /// Last port, or ICMP code (-1: all).
    pub to_port: Option<i32>,
    /// An IPv4 block.
    pub cidr_ipv4: Option<String>,
    /// An IPv6 block.
    pub cidr_ipv6: Option<String>,
    /// A prefix list.
    pub prefix_list_id: Option<String>,
    /// A security group.
    pub group_id: Option<String>,
    /// Its account, where it is another's.
    pub group_account: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// Tags of the new rule; calls take them only where all rules of a call have the same.
    pub tags: Vec<Tag>,
}

/// A rule that becomes another of the same kind of peer, in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleUpdate {
    /// `sgr-…`
    pub rule_id: String,
    /// What it becomes.
    pub rule: Permission,
}

/// Amazon EC2 in one account and Region. Pages hold up to 1,000 items.
#[async_trait]
pub trait Ec2: Send + Sync + Debug {
    /// `ec2:DescribeRegions`: the enabled ones (opted in, or not in need of it).
    async fn regions(&self) -> Result<Vec<String>>;

    /// `ec2:DescribeSecurityGroups`, without their rules, which come with their ids from [`Ec2::rules`].
    async fn groups(&self, filter: &GroupFilter, next: Option<String>) -> Result<Page<SecurityGroup>>;

    /// `ec2:DescribeSecurityGroups`, with their rules, but without those rules' ids and tags: one call for all of a group.
    async fn whole_groups(&self, filter: &GroupFilter, next: Option<String>) -> Result<Page<WholeGroup>>;

    /// `ec2:DescribeSecurityGroupRules`, of these groups or of all.
    async fn rules(&self, group_ids: &[String], next: Option<String>) -> Result<Page<GroupRule>>;

    /// `ec2:DescribeManagedPrefixLists`, those of AWS included; of these ids, or of all.
    async fn prefix_lists(&self, ids: &[String], next: Option<String>) -> Result<Page<PrefixList>>;

    /// `ec2:GetManagedPrefixListEntries`
    async fn prefix_list_entries(&self, id: &str, next: Option<String>) -> Result<Page<PrefixListEntry>>;

    /// `ec2:DescribeVpcs`
    async fn vpcs(&self, next: Option<String>) -> Result<Page<Vpc>>;

    /// `ec2:DescribeNetworkInterfaces`; those that carry one of these groups, or all.
    async fn interfaces(&self, group_ids: &[String], next: Option<String>) -> Result<Page<NetworkInterface>>;

    /// `ec2:DescribeStaleSecurityGroups` of a VPC: rules that name groups which are gone, over peering connections too.
    async fn stale_groups(&self, vpc_id: &str, next: Option<String>) -> Result<Page<StaleSecurityGroup>>;

    /// `ec2:DescribeSecurityGroupReferences`: which peered VPCs' groups name these groups.
    async fn references(&self, group_ids: &[String]) -> Result<Vec<SecurityGroupReference>>;

    /// `ec2:DescribeLaunchTemplateVersions` with `$Latest` and `$Default` of all templates.
    async fn launch_templates(&self, next: Option<String>) -> Result<Page<LaunchTemplateVersion>>;

    /// `ec2:AuthorizeSecurityGroupIngress`/`Egress`: one call, all or nothing.
    async fn authorize(&self, group_id: &str, flow: Flow, rules: &[Permission]) -> Result<Vec<GroupRule>>;

    /// `ec2:RevokeSecurityGroupIngress`/`Egress` by rule ids: one call, all or nothing.
    async fn revoke(&self, group_id: &str, flow: Flow, rule_ids: &[String]) -> Result<()>;

    /// `ec2:ModifySecurityGroupRules`: one call.
    async fn modify(&self, group_id: &str, updates: &[RuleUpdate]) -> Result<()>;

    /// `ec2:UpdateSecurityGroupRuleDescriptionsIngress`/`Egress` by rule ids; an empty description takes it away.
    async fn describe(&self, group_id: &str, flow: Flow, descriptions: &[(String, String)]) -> Result<()>;

    /// `ec2:CreateTags` on groups or rules.
    async fn tag(&self, ids: &[String], tags: &[Tag]) -> Result<()>;

    /// `ec2:DeleteTags` on groups or rules, by key.
    async fn untag(&self, ids: &[String], keys: &[String]) -> Result<()>;
}
