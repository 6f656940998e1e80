//! What was read of one account and Region, in the shapes that the AWS CLI prints.

use std::collections::HashSet;

use portcullis_core::model::CoverageStatus;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use crate::shapes::{
    DbInstance, Function, GroupRule, LaunchTemplateVersion, LoadBalancer, NetworkInterface, PrefixList, SecurityGroup,
    SecurityGroupReference, StaleSecurityGroup, Vpc,
};

/// What was read of one account and Region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// The account.
    pub account: String,
    /// The Region; empty where it is the account as a whole that could not be read.
    pub region: String,
    /// How far.
    pub status: CoverageStatus,
    /// What went wrong, as sentences in one line.
    pub error: Option<String>,
    /// What a person may want to know though nothing went wrong with the account and Region: lists that cannot be read.
    pub remarks: Vec<String>,
    /// What was read. Serialises to one JSON object with a key for each kind, and a row of `coverage`.
    pub documents: Documents,
}

/// What was read, by kind; `None` for what was not asked for, or not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// The groups.
    pub groups: Vec<SecurityGroup>,
    /// Their rules; `None` where they could not be read whole, since a group must not be judged by some of its rules.
    pub rules: Option<Vec<GroupRule>>,
    /// The VPCs.
    pub vpcs: Option<Vec<Vpc>>,
    /// The prefix lists that rules name, as far as they can be read.
    pub prefix_lists: Vec<PrefixList>,
    /// The network interfaces.
    pub interfaces: Option<Vec<NetworkInterface>>,
    /// The newest and the default version of each launch template.
    pub launch_templates: Option<Vec<LaunchTemplateVersion>>,
    /// The load balancers.
    pub load_balancers: Option<Vec<LoadBalancer>>,
    /// The functions.
    pub functions: Option<Vec<Function>>,
    /// The databases.
    pub databases: Option<Vec<DbInstance>>,
    /// Which peered VPCs name the groups that nothing else uses.
    pub references: Option<Vec<SecurityGroupReference>>,
    /// Groups with rules that name groups which are gone, over peering connections.
    pub stale: Option<Vec<StaleSecurityGroup>>,
}

impl Serialize for Collected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let documents = &self.documents;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("SecurityGroups", &Groups(documents))?;
        let mut entry = Entries(&mut map);
        entry.some("SecurityGroupRules", documents.rules.as_ref())?;
        entry.some("ManagedPrefixLists", Some(&documents.prefix_lists).filter(|lists| !lists.is_empty()))?;
        entry.some("Vpcs", documents.vpcs.as_ref())?;
        entry.some("NetworkInterfaces", documents.interfaces.as_ref())?;
        entry.some("LaunchTemplateVersions", documents.launch_templates.as_ref())?;
        entry.some("LoadBalancers", documents.load_balancers.as_ref())?;
        entry.some("Functions", documents.functions.as_ref())?;
        entry.some("DBInstances", documents.databases.as_ref())?;
        entry.some("SecurityGroupReferenceSet", documents.references.as_ref())?;
        entry.some("StaleSecurityGroupSet", documents.stale.as_ref())?;
        map.serialize_entry("coverage", &[Row::of(self)])?;
        map.end()
    }
}

struct Entries<'m, M>(&'m mut M);

impl<M: SerializeMap> Entries<'_, M> {
    fn some<T: Serialize>(&mut self, key: &'static str, list: Option<&Vec<T>>) -> Result<(), M::Error> {
        list.map_or(Ok(()), |list| self.0.serialize_entry(key, list))
    }
}

/// The groups. One that no rule is of has none, which must be said: where nothing is said its rules are not known.
struct Groups<'a>(&'a Documents);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GroupShape<'a> {
    #[serde(flatten)]
    group: &'a SecurityGroup,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_permissions: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_permissions_egress: Option<[(); 0]>,
}

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Documents { groups, rules, .. } = self.0;
        let with_rules: Option<HashSet<&str>> =
            rules.as_ref().map(|rules| rules.iter().map(|rule| rule.group_id.as_str()).collect());
        let mut list = serializer.serialize_seq(Some(groups.len()))?;
        for group in groups {
            let empty = with_rules.as_ref().filter(|ids| !ids.contains(group.group_id.as_str())).map(|_| []);
            list.serialize_element(&GroupShape { group, ip_permissions: empty, ip_permissions_egress: empty })?;
        }
        list.end()
    }
}

/// A row of `coverage`, as snapshots have it.
#[derive(Serialize)]
struct Row<'a> {
    account_id: &'a str,
    region: &'a str,
    status: &'static str,
    groups: usize,
    error: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(collected: &'a Collected) -> Self {
        let Collected { account, region, status, error, documents, .. } = collected;
        Self {
            account_id: account,
            region,
            status: status.as_str(),
            groups: documents.groups.len(),
            error: error.as_deref(),
        }
    }
}

/// The ARN of a group, which tells its Region where AWS's answer does not.
pub(super) fn group_arn(region: &str, account: &str, id: &str) -> String {
    let partition = match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:ec2:{region}:{account}:security-group/{id}")
}
