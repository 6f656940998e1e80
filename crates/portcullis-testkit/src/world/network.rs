//! VPCs, groups, prefix lists, interfaces, peerings, tags.

use std::collections::BTreeMap;

use super::World;

impl World {
    /// A VPC with these addresses; its id.
    #[must_use]
    pub fn vpc(&self, cidr: &str) -> String {
        self.query("ec2", "CreateVpc", &[("CidrBlock", cidr)]).at("vpc/vpcId").to_owned()
    }

    /// A security group in a VPC; its id. As on AWS it comes with one rule, `egress -1 all 0.0.0.0/0`.
    #[must_use]
    pub fn group(&self, vpc: &str, name: &str) -> String {
        let parameters = [("GroupName", name), ("GroupDescription", "made by a test"), ("VpcId", vpc)];
        self.query("ec2", "CreateSecurityGroup", &parameters).at("groupId").to_owned()
    }

    /// Deletes a group.
    pub fn delete_group(&self, group: &str) {
        self.query("ec2", "DeleteSecurityGroup", &[("GroupId", group)]);
    }

    /// Every group of the account and Region, default groups among them.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        let answer = self.query("ec2", "DescribeSecurityGroups", &[]);
        answer.items("securityGroupInfo").map(|g| g.at("groupId").to_owned()).collect()
    }

    /// Puts a tag on anything that has an id: a group, a rule, an interface.
    pub fn tag(&self, resource: &str, key: &str, value: &str) {
        self.query("ec2", "CreateTags", &[("ResourceId.1", resource), ("Tag.1.Key", key), ("Tag.1.Value", value)]);
    }

    /// The tags of anything that has an id.
    #[must_use]
    pub fn tags(&self, resource: &str) -> BTreeMap<String, String> {
        let filter = [("Filter.1.Name", "resource-id"), ("Filter.1.Value.1", resource)];
        let answer = self.query("ec2", "DescribeTags", &filter);
        answer.items("tagSet").map(|t| (t.at("key").to_owned(), t.at("value").to_owned())).collect()
    }

    /// A prefix list of one family with its entries; its id.
    #[must_use]
    pub fn prefix_list(&self, name: &str, max_entries: usize, cidrs: &[&str]) -> String {
        let family = if cidrs.iter().any(|c| c.contains(':')) { "IPv6" } else { "IPv4" };
        let (max, keys) = (max_entries.to_string(), numbered("Entry", ".Cidr", cidrs.len()));
        let mut parameters = vec![("PrefixListName", name), ("AddressFamily", family), ("MaxEntries", &max)];
        parameters.extend(keys.iter().map(String::as_str).zip(cidrs.iter().copied()));
        self.query("ec2", "CreateManagedPrefixList", &parameters).at("prefixList/prefixListId").to_owned()
    }

    /// A network interface in a VPC that wears these groups; its id.
    #[must_use]
    pub fn interface(&self, vpc: &str, groups: &[&str]) -> String {
        let subnet = self.subnet(vpc);
        let keys = numbered("SecurityGroupId", "", groups.len());
        let mut parameters = vec![("SubnetId", subnet.as_str())];
        parameters.extend(keys.iter().map(String::as_str).zip(groups.iter().copied()));
        self.query("ec2", "CreateNetworkInterface", &parameters).at("networkInterface/networkInterfaceId").to_owned()
    }

    /// The VPC's first subnet, made as wide as the VPC where it has none.
    fn subnet(&self, vpc: &str) -> String {
        let of_vpc = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc)];
        let answer = self.query("ec2", "DescribeSubnets", &of_vpc);
        if let Some(subnet) = answer.items("subnetSet").next() {
            return subnet.at("subnetId").to_owned();
        }
        let answer = self.query("ec2", "DescribeVpcs", &[("VpcId.1", vpc)]);
        let cidr = answer.items("vpcSet").next().map_or("", |v| v.at("cidrBlock"));
        self.query("ec2", "CreateSubnet", &[("VpcId", vpc), ("CidrBlock", cidr)]).at("subnet/subnetId").to_owned()
    }

    /// A live peering between a VPC of ours and one of another account or our own; its id.
    #[must_use]
    pub fn peering(&self, vpc: &str, other: &World, other_vpc: &str) -> String {
        let parameters = [("VpcId", vpc), ("PeerVpcId", other_vpc), ("PeerOwnerId", other.account())];
        let made = self.query("ec2", "CreateVpcPeeringConnection", &parameters);
        let id = made.at("vpcPeeringConnection/vpcPeeringConnectionId").to_owned();
        other.query("ec2", "AcceptVpcPeeringConnection", &[("VpcPeeringConnectionId", &id)]);
        id
    }

    /// Opts the account in to a Region that is off by default, e.g. `eu-south-1`.
    pub fn enable_region(&self, region: &str) {
        let body = format!("{{\"RegionName\":\"{region}\"}}");
        let headers = [("Content-Type", "application/json")];
        let answer = self.send("account", "POST", "/enableRegion", &headers, body.as_bytes());
        assert!(answer.status() < 300, "enable {region}: {}", answer.text());
    }
}

/// `Name.1Suffix`, `Name.2Suffix`, … as lists are written in the Query protocol.
pub(super) fn numbered(name: &str, suffix: &str, count: usize) -> Vec<String> {
    (1..=count).map(|i| format!("{name}.{i}{suffix}")).collect()
}
