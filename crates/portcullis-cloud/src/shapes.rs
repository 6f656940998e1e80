//! What AWS describes, with AWS's own names. They serialise to what the AWS CLI prints, so that a live inventory and an
//! offline one take the same way from here.

use serde::{Deserialize, Serialize};

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

/// A security group without its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SecurityGroup {
    /// `sg-…`
    pub group_id: String,
    /// Its name.
    pub group_name: String,
    /// Its description.
    pub description: String,
    /// Its account.
    pub owner_id: String,
    /// Its VPC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// Tells the Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_group_arn: Option<String>,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// A security group with its rules, as `describe-security-groups` gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WholeGroup {
    /// All but its rules.
    #[serde(flatten)]
    pub group: SecurityGroup,
    /// Its rules inbound.
    pub ip_permissions: Vec<IpPermission>,
    /// Its rules outbound.
    pub ip_permissions_egress: Vec<IpPermission>,
}

/// Rules of one direction, protocol and port range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpPermission {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `-1`, or a number.
    pub ip_protocol: String,
    /// First port, or ICMP type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// Last port, or ICMP code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// Peers that are IPv4 blocks.
    pub ip_ranges: Vec<IpRange>,
    /// Peers that are IPv6 blocks.
    pub ipv6_ranges: Vec<Ipv6Range>,
    /// Peers that are groups.
    pub user_id_group_pairs: Vec<GroupPair>,
    /// Peers that are prefix lists.
    pub prefix_list_ids: Vec<ListPeer>,
}

/// An IPv4 block as a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpRange {
    /// The block.
    pub cidr_ip: String,
    /// The rule's description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// An IPv6 block as a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv6Range {
    /// The block.
    pub cidr_ipv6: String,
    /// The rule's description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A group as a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupPair {
    /// The group.
    #[serde(flatten)]
    pub group: ReferencedGroup,
    /// The rule's description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A prefix list as a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListPeer {
    /// `pl-…`
    pub prefix_list_id: String,
    /// The rule's description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A rule of `describe-security-group-rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupRule {
    /// `sgr-…`
    pub security_group_rule_id: String,
    /// Its group.
    pub group_id: String,
    /// The group's account.
    pub group_owner_id: String,
    /// Which way.
    pub is_egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `-1`, or a number.
    pub ip_protocol: String,
    /// First port, or ICMP type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// Last port, or ICMP code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// An IPv4 block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cidr_ipv4: Option<String>,
    /// An IPv6 block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cidr_ipv6: Option<String>,
    /// A prefix list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_list_id: Option<String>,
    /// A security group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referenced_group_info: Option<ReferencedGroup>,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// A group that a rule names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReferencedGroup {
    /// `sg-…`
    pub group_id: String,
    /// Its account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Its VPC, where it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// The connection that leads there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_peering_connection_id: Option<String>,
    /// What has become of the connection: `active`, `deleted`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peering_status: Option<String>,
}

/// A managed prefix list, with its entries where they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PrefixList {
    /// `pl-…`
    pub prefix_list_id: String,
    /// Its name.
    pub prefix_list_name: String,
    /// `IPv4` or `IPv6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_family: Option<String>,
    /// What it counts against the quota of a group that names it; lists of AWS have a weight of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_entries: Option<i32>,
    /// The owner, or `AWS`.
    pub owner_id: String,
    /// Tells the Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_list_arn: Option<String>,
    /// Its entries; `None` where they were not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<PrefixListEntry>>,
}

/// An entry of a prefix list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PrefixListEntry {
    /// The block.
    pub cidr: String,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Vpc {
    /// `vpc-…`
    pub vpc_id: String,
    /// Its account.
    pub owner_id: String,
    /// Its first block.
    pub cidr_block: String,
    /// All its IPv4 blocks.
    pub cidr_block_association_set: Vec<CidrBlock>,
    /// All its IPv6 blocks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ipv6_cidr_block_association_set: Vec<Ipv6CidrBlock>,
    /// Whether it is the Region's default VPC.
    pub is_default: bool,
}

/// An IPv4 block of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CidrBlock {
    /// The block.
    pub cidr_block: String,
    /// Whether it is in force.
    pub cidr_block_state: BlockState,
}

/// An IPv6 block of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv6CidrBlock {
    /// The block.
    pub ipv6_cidr_block: String,
    /// Whether it is in force.
    pub ipv6_cidr_block_state: BlockState,
}

/// Whether a block of a VPC is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct BlockState {
    /// `associated`, `disassociated`, …
    pub state: String,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkInterface {
    /// `eni-…`
    pub network_interface_id: String,
    /// Its account.
    pub owner_id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// What AWS says it is for.
    pub description: String,
    /// `interface`, `lambda`, `nat_gateway`, …
    pub interface_type: String,
    /// The groups on it.
    pub groups: Vec<GroupIdentifier>,
    /// Its IPv4 addresses.
    pub private_ip_addresses: Vec<PrivateAddress>,
    /// Its IPv6 addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ipv6_addresses: Vec<Ipv6Address>,
    /// IPv4 blocks that are delegated to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ipv4_prefixes: Vec<Ipv4Prefix>,
    /// IPv6 blocks that are delegated to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ipv6_prefixes: Vec<Ipv6Prefix>,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tag_set: Vec<Tag>,
}

/// A group on an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupIdentifier {
    /// `sg-…`
    pub group_id: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
}

/// An IPv4 address of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PrivateAddress {
    /// The address.
    pub private_ip_address: String,
    /// The public address that is translated to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association: Option<PublicAssociation>,
}

/// A public address of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PublicAssociation {
    /// The address.
    pub public_ip: String,
}

/// An IPv4 block that is delegated to an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv4Prefix {
    /// The block.
    pub ipv4_prefix: String,
}

/// An IPv6 block that is delegated to an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv6Prefix {
    /// The block.
    pub ipv6_prefix: String,
}

/// An IPv6 address of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv6Address {
    /// The address.
    pub ipv6_address: String,
}

/// A group whose rules name groups that are gone, of `describe-stale-security-groups`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StaleSecurityGroup {
    /// The group whose rules are stale.
    pub group_id: String,
    /// Its VPC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// Its stale rules, inbound.
    pub stale_ip_permissions: Vec<StalePermission>,
    /// Its stale rules, outbound.
    pub stale_ip_permissions_egress: Vec<StalePermission>,
}

/// A stale rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StalePermission {
    /// The groups that are gone, or cannot be reached any more.
    pub user_id_group_pairs: Vec<ReferencedGroup>,
}

/// A peered VPC whose groups name one of ours, of `describe-security-group-references`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SecurityGroupReference {
    /// Our group.
    pub group_id: String,
    /// The VPC that names it.
    pub referencing_vpc_id: String,
    /// The connection between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_peering_connection_id: Option<String>,
}

/// A version of a launch template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LaunchTemplateVersion {
    /// `lt-…`
    pub launch_template_id: String,
    /// Its name.
    pub launch_template_name: String,
    /// Which version.
    pub version_number: i64,
    /// What it launches.
    pub launch_template_data: LaunchTemplateData,
}

/// What a launch template launches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LaunchTemplateData {
    /// Groups by id.
    pub security_group_ids: Vec<String>,
    /// Groups by name.
    pub security_groups: Vec<String>,
    /// Interfaces with groups of their own.
    pub network_interfaces: Vec<TemplateInterface>,
}

/// An interface that a launch template makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TemplateInterface {
    /// Groups by id.
    pub groups: Vec<String>,
}

/// A load balancer of `elbv2 describe-load-balancers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LoadBalancer {
    /// Its ARN.
    pub load_balancer_arn: String,
    /// Its name.
    pub load_balancer_name: String,
    /// Groups by id.
    pub security_groups: Vec<String>,
}

/// A function of `lambda list-functions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Function {
    /// Its ARN.
    pub function_arn: String,
    /// Its name.
    pub function_name: String,
    /// Where it runs, if in a VPC.
    pub vpc_config: VpcConfig,
}

/// Where a function runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VpcConfig {
    /// Groups by id.
    pub security_group_ids: Vec<String>,
}

/// A database of `rds describe-db-instances`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DbInstance {
    /// Its ARN.
    #[serde(rename = "DBInstanceArn")]
    pub db_instance_arn: String,
    /// Its name.
    #[serde(rename = "DBInstanceIdentifier")]
    pub db_instance_identifier: String,
    /// Its groups.
    pub vpc_security_groups: Vec<VpcSecurityGroup>,
}

/// A group of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VpcSecurityGroup {
    /// `sg-…`
    pub vpc_security_group_id: String,
}
