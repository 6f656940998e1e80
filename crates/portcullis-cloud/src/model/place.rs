//! What is in one account and Region.

use std::collections::BTreeMap;

use super::KeptStack;
use crate::api::Permission;
use crate::shapes::{
    CidrBlock, DbInstance, Function, GroupIdentifier, GroupPair, GroupRule, IpPermission, IpRange, Ipv6Range,
    LaunchTemplateData, LaunchTemplateVersion, ListPeer, LoadBalancer, NetworkInterface, PrefixList, PrefixListEntry,
    ReferencedGroup, SecurityGroup, SecurityGroupReference, StaleSecurityGroup, Tag, Vpc, VpcConfig, VpcSecurityGroup,
    WholeGroup,
};

/// An account and Region, and what is in it. A new one has a default VPC, as AWS makes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// Groups by id.
    pub groups: BTreeMap<String, SecurityGroup>,
    /// Rules by id.
    pub rules: BTreeMap<String, GroupRule>,
    /// VPCs.
    pub vpcs: Vec<Vpc>,
    /// Interfaces.
    pub interfaces: Vec<NetworkInterface>,
    /// Prefix lists that can be seen from here, with their entries; `None` for entries that cannot be read.
    pub prefix_lists: BTreeMap<String, PrefixList>,
    /// The newest and default versions of launch templates.
    pub launch_templates: Vec<LaunchTemplateVersion>,
    /// Load balancers.
    pub load_balancers: Vec<LoadBalancer>,
    /// Functions.
    pub functions: Vec<Function>,
    /// Databases.
    pub databases: Vec<DbInstance>,
    /// Which peered VPCs name groups of this place.
    pub references: Vec<SecurityGroupReference>,
    /// Groups of this place with stale rules.
    pub stale: Vec<StaleSecurityGroup>,
    /// Stacks, those that are gone included.
    pub stacks: Vec<KeptStack>,
    /// Rules of a group and direction at most, counted apart for the families (60 by default, as AWS has it).
    pub quota: usize,
    /// Whether a rule that is changed in place keeps its description where the call gives none. AWS documents neither.
    pub keeps_descriptions: bool,
    made: u64,
}

/// A prefix list with these entries.
pub fn prefix_list(id: &str, owner: &str, entries: &[&str]) -> PrefixList {
    PrefixList {
        prefix_list_id: id.to_owned(),
        prefix_list_name: format!("list-{id}"),
        address_family: Some("IPv4".to_owned()),
        max_entries: i32::try_from(entries.len()).ok(),
        owner_id: owner.to_owned(),
        entries: Some(
            entries.iter().map(|cidr| PrefixListEntry { cidr: (*cidr).to_owned(), description: None }).collect(),
        ),
        ..PrefixList::default()
    }
}

impl Place {
    /// An account and Region with a VPC `vpc-1` and its default group `sg-default`, and nothing else.
    pub fn new(account: &str, region: &str) -> Self {
        let mut place = Self { account: account.to_owned(), region: region.to_owned(), quota: 60, ..Self::default() };
        place.add_vpc("vpc-1", "172.31.0.0/16");
        place.add_group_as("sg-default", "default", "default VPC security group");
        place
    }

    /// Adds a VPC.
    pub fn add_vpc(&mut self, id: &str, block: &str) {
        self.vpcs.push(Vpc {
            vpc_id: id.to_owned(),
            owner_id: self.account.clone(),
            cidr_block: block.to_owned(),
            cidr_block_association_set: vec![CidrBlock {
                cidr_block: block.to_owned(),
                cidr_block_state: crate::shapes::BlockState { state: "associated".to_owned() },
            }],
            is_default: self.vpcs.is_empty(),
            ..Vpc::default()
        });
    }

    /// Adds a group `sg-NAME` of the first VPC, without rules; its id.
    pub fn add_group(&mut self, name: &str, description: &str) -> String {
        let id = format!("sg-{name}");
        self.add_group_as(&id, name, description);
        id
    }

    /// Adds a group of the first VPC with an id of its own.
    pub fn add_group_as(&mut self, id: &str, name: &str, description: &str) {
        let group = SecurityGroup {
            group_id: id.to_owned(),
            group_name: name.to_owned(),
            description: description.to_owned(),
            owner_id: self.account.clone(),
            vpc_id: self.vpcs.first().map(|vpc| vpc.vpc_id.clone()),
            ..SecurityGroup::default()
        };
        self.groups.insert(id.to_owned(), group);
    }

    /// Tags a group.
    pub fn tag_group(&mut self, id: &str, key: &str, value: &str) {
        if let Some(group) = self.groups.get_mut(id) {
            group.tags.push(Tag { key: key.to_owned(), value: value.to_owned() });
        }
    }

    /// Adds a rule from a line: `ingress tcp 22 from 10.0.0.0/8`, `egress tcp 22-25 to sg-b`, `ingress -1 from pl-x`,
    /// `ingress icmp from ::/0`, with `# DESCRIPTION` behind it if it has one; its id. A line that is none adds a rule
    /// that nothing can be made of.
    pub fn add_rule(&mut self, group_id: &str, line: &str) -> String {
        let (line, description) = line.split_once('#').unwrap_or((line, ""));
        let words: Vec<&str> = line.split_whitespace().collect();
        let word = |place: usize| words.get(place).copied().unwrap_or_default();
        let ports = if words.len() > 4 { word(2) } else { "" };
        let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
        let number = |text: &str| text.parse::<i32>().ok();
        let (all_from, all_to) = match word(1) {
            "tcp" | "udp" => (Some(0), Some(65535)),
            "icmp" | "icmpv6" => (Some(-1), Some(-1)),
            _ => (None, None),
        };
        let peer = words.last().copied().unwrap_or_default().to_owned();
        let mut permission = Permission {
            protocol: word(1).to_owned(),
            from_port: number(from).or(all_from),
            to_port: number(to).or(all_to),
            description: Some(description.trim().to_owned()).filter(|text| !text.is_empty()),
            ..Permission::default()
        };
        let field = match &peer {
            peer if peer.starts_with("pl-") => &mut permission.prefix_list_id,
            peer if peer.starts_with("sg-") => &mut permission.group_id,
            peer if peer.contains(':') => &mut permission.cidr_ipv6,
            _ => &mut permission.cidr_ipv4,
        };
        *field = Some(peer);
        self.put_rule(group_id, word(0) == "egress", &permission).security_group_rule_id
    }

    /// Adds a rule, past all limits.
    pub(crate) fn put_rule(&mut self, group_id: &str, is_egress: bool, permission: &Permission) -> GroupRule {
        self.made += 1;
        let rule = GroupRule {
            security_group_rule_id: format!("sgr-{}{:04}", group_id.trim_start_matches("sg-"), self.made),
            group_id: group_id.to_owned(),
            group_owner_id: self.account.clone(),
            is_egress,
            tags: permission.tags.clone(),
            description: permission.description.clone().filter(|text| !text.is_empty()),
            ..self.shape(permission)
        };
        self.rules.insert(rule.security_group_rule_id.clone(), rule.clone());
        rule
    }

    /// What a permission says of protocol, ports and peer.
    pub(super) fn shape(&self, permission: &Permission) -> GroupRule {
        GroupRule {
            ip_protocol: permission.protocol.clone(),
            from_port: permission.from_port,
            to_port: permission.to_port,
            cidr_ipv4: permission.cidr_ipv4.clone(),
            cidr_ipv6: permission.cidr_ipv6.clone(),
            prefix_list_id: permission.prefix_list_id.clone(),
            referenced_group_info: permission.group_id.clone().map(|group_id| ReferencedGroup {
                group_id,
                user_id: Some(permission.group_account.clone().unwrap_or_else(|| self.account.clone())),
                ..ReferencedGroup::default()
            }),
            ..GroupRule::default()
        }
    }

    /// A group with its rules, each a permission of its own.
    pub(super) fn whole(&self, group: &SecurityGroup) -> WholeGroup {
        let permissions = |is_egress: bool| {
            let own = |rule: &&GroupRule| rule.group_id == group.group_id && rule.is_egress == is_egress;
            self.rules.values().filter(own).map(permission).collect()
        };
        let (ip_permissions, ip_permissions_egress) = (permissions(false), permissions(true));
        WholeGroup { group: group.clone(), ip_permissions, ip_permissions_egress }
    }

    /// Adds an interface with these groups on it.
    pub fn add_interface(&mut self, groups: &[&str]) {
        let number = self.interfaces.len() + 1;
        self.interfaces.push(NetworkInterface {
            network_interface_id: format!("eni-{number}"),
            owner_id: self.account.clone(),
            vpc_id: self.vpcs.first().map(|vpc| vpc.vpc_id.clone()).unwrap_or_default(),
            interface_type: "interface".to_owned(),
            groups: groups.iter().map(|&id| GroupIdentifier { group_id: id.to_owned(), group_name: None }).collect(),
            ..NetworkInterface::default()
        });
    }

    /// Adds a prefix list that can be seen from here.
    pub fn add_prefix_list(&mut self, list: PrefixList) {
        self.prefix_lists.insert(list.prefix_list_id.clone(), list);
    }

    /// Adds a launch template that names groups by id.
    pub fn add_launch_template(&mut self, name: &str, groups: &[&str]) {
        let security_group_ids = groups.iter().map(|&id| id.to_owned()).collect();
        self.launch_templates.push(LaunchTemplateVersion {
            launch_template_id: format!("lt-{name}"),
            launch_template_name: name.to_owned(),
            version_number: 1,
            launch_template_data: LaunchTemplateData { security_group_ids, ..LaunchTemplateData::default() },
        });
    }

    fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account)
    }

    /// Adds a load balancer with these groups.
    pub fn add_load_balancer(&mut self, name: &str, groups: &[&str]) {
        self.load_balancers.push(LoadBalancer {
            load_balancer_arn: self.arn("elasticloadbalancing", &format!("loadbalancer/app/{name}/1")),
            load_balancer_name: name.to_owned(),
            security_groups: groups.iter().map(|&id| id.to_owned()).collect(),
        });
    }

    /// Adds a function with these groups.
    pub fn add_function(&mut self, name: &str, groups: &[&str]) {
        self.functions.push(Function {
            function_arn: self.arn("lambda", &format!("function:{name}")),
            function_name: name.to_owned(),
            vpc_config: VpcConfig { security_group_ids: groups.iter().map(|&id| id.to_owned()).collect() },
        });
    }

    /// Adds a database with these groups.
    pub fn add_database(&mut self, name: &str, groups: &[&str]) {
        let group = |id: &&str| VpcSecurityGroup { vpc_security_group_id: (*id).to_owned() };
        self.databases.push(DbInstance {
            db_instance_arn: self.arn("rds", &format!("db:{name}")),
            db_instance_identifier: name.to_owned(),
            vpc_security_groups: groups.iter().map(group).collect(),
        });
    }

    /// The rules of a group as one line each, sorted: `ingress tcp 22-22 10.0.0.0/8 # offices`.
    pub fn lines(&self, group_id: &str) -> Vec<String> {
        let mut lines: Vec<String> = self.rules.values().filter(|rule| rule.group_id == group_id).map(line).collect();
        lines.sort();
        lines
    }
}

fn permission(rule: &GroupRule) -> IpPermission {
    let description = rule.description.clone();
    let (v4, v6, list) = (rule.cidr_ipv4.clone(), rule.cidr_ipv6.clone(), rule.prefix_list_id.clone());
    let group = rule.referenced_group_info.clone();
    IpPermission {
        ip_protocol: rule.ip_protocol.clone(),
        from_port: rule.from_port,
        to_port: rule.to_port,
        ip_ranges: v4.map(|cidr_ip| IpRange { cidr_ip, description: description.clone() }).into_iter().collect(),
        ipv6_ranges: v6
            .map(|cidr_ipv6| Ipv6Range { cidr_ipv6, description: description.clone() })
            .into_iter()
            .collect(),
        user_id_group_pairs: group
            .map(|group| GroupPair { group, description: description.clone() })
            .into_iter()
            .collect(),
        prefix_list_ids: list.map(|prefix_list_id| ListPeer { prefix_list_id, description }).into_iter().collect(),
    }
}

fn line(rule: &GroupRule) -> String {
    let flow = if rule.is_egress { "egress" } else { "ingress" };
    let ports = match (rule.from_port, rule.to_port) {
        (Some(from), Some(to)) => format!(" {from}-{to}"),
        _ => String::new(),
    };
    let group = rule.referenced_group_info.as_ref().map(|group| &group.group_id);
    let peers = [rule.cidr_ipv4.as_ref(), rule.cidr_ipv6.as_ref(), rule.prefix_list_id.as_ref(), group];
    let peer = peers.into_iter().flatten().next().map_or("", String::as_str);
    let description = rule.description.as_ref().map(|text| format!(" # {text}")).unwrap_or_default();
    format!("{flow} {}{ports} {peer}{description}", rule.ip_protocol)
}
