//! Rules of groups, written and read as one line: `ingress tcp 22 0.0.0.0/0`.

use std::collections::BTreeMap;
use std::fmt;

use super::World;
use crate::xml::Element;

/// A rule as it stands on the server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// `sgr-…`
    pub id: String,
    /// The rule in one line, as [`World::authorise`] takes it.
    pub shape: String,
    /// Empty where there is none.
    pub description: String,
    /// The rule's own tags.
    pub tags: BTreeMap<String, String>,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shape)
    }
}

impl World {
    /// Adds a rule; its id. A rule is `DIRECTION PROTOCOL PORTS PEER`: ports are `22`, `80-90`, `all`, or for ICMP
    /// `TYPE/CODE`; a peer is a CIDR of either family, `sg-…`, `ACCOUNT/sg-…` or `pl-…`. No description where it is empty.
    ///
    /// # Panics
    /// Where the server refuses.
    pub fn authorise(&self, group: &str, rule: &str, description: &str) -> String {
        let (action, parameters) = request("Authorize", group, rule, description);
        let answer = self.query("ec2", &action, &borrowed(&parameters));
        answer.items("securityGroupRuleSet").next().map_or_else(String::new, |r| r.at("securityGroupRuleId").to_owned())
    }

    /// Takes a rule away, as somebody else might between a plan and its use.
    ///
    /// # Panics
    /// Where the server refuses.
    pub fn revoke(&self, group: &str, rule: &str) {
        let (action, parameters) = request("Revoke", group, rule, "");
        self.query("ec2", &action, &borrowed(&parameters));
    }

    /// Every rule of a group as it stands now, sorted by shape.
    #[must_use]
    pub fn rules(&self, group: &str) -> Vec<Rule> {
        let filter = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", group)];
        let answer = self.query("ec2", "DescribeSecurityGroupRules", &filter);
        let mut rules: Vec<_> = answer.items("securityGroupRuleSet").map(|item| self.rule(item)).collect();
        rules.sort_by(|a, b| a.shape.cmp(&b.shape));
        rules
    }

    /// The shapes of [`rules`](Self::rules): what a test compares with when ids do not matter.
    #[must_use]
    pub fn shapes(&self, group: &str) -> Vec<String> {
        self.rules(group).into_iter().map(|r| r.shape).collect()
    }

    fn rule(&self, item: &Element) -> Rule {
        let direction = if item.at("isEgress") == "true" { "egress" } else { "ingress" };
        let protocol = item.at("ipProtocol");
        let ports = match (item.at("fromPort"), item.at("toPort")) {
            ("-1", "-1") => "all".to_owned(),
            (from, to) if protocol.starts_with("icmp") => format!("{from}/{to}"),
            (from, to) if from == to => from.to_owned(),
            (from, to) => format!("{from}-{to}"),
        };
        let named = ["cidrIpv4", "cidrIpv6", "prefixListId"].map(|n| item.at(n)).into_iter().find(|p| !p.is_empty());
        let owner = item.at("referencedGroupInfo/userId");
        let peer = named.map_or_else(
            || {
                let group = item.at("referencedGroupInfo/groupId");
                if owner == self.account() { group.to_owned() } else { format!("{owner}/{group}") }
            },
            str::to_owned,
        );
        Rule {
            id: item.at("securityGroupRuleId").to_owned(),
            shape: format!("{direction} {protocol} {ports} {peer}"),
            description: item.at("description").to_owned(),
            tags: item.items("tagSet").map(|t| (t.at("key").to_owned(), t.at("value").to_owned())).collect(),
        }
    }
}

fn borrowed<'a>(parameters: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    parameters.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// The action and parameters for one rule of one group.
fn request(verb: &str, group: &str, rule: &str, description: &str) -> (String, Vec<(&'static str, String)>) {
    let words: Vec<_> = rule.split_whitespace().collect();
    let [direction, protocol, ports, peer] = words[..] else { panic!("not `DIRECTION PROTOCOL PORTS PEER`: `{rule}`") };
    let action = match direction {
        "ingress" => format!("{verb}SecurityGroupIngress"),
        "egress" => format!("{verb}SecurityGroupEgress"),
        other => panic!("`{other}` is neither ingress nor egress"),
    };
    let mut parameters = vec![("GroupId", group.to_owned()), ("IpPermissions.1.IpProtocol", protocol.to_owned())];
    let range = ports.split_once('/').or_else(|| ports.split_once('-')).unwrap_or((ports, ports));
    if ports != "all" {
        parameters.push(("IpPermissions.1.FromPort", range.0.to_owned()));
        parameters.push(("IpPermissions.1.ToPort", range.1.to_owned()));
    }
    let (owner, id) = peer.split_once("/sg-").map_or(("", peer.to_owned()), |(o, id)| (o, format!("sg-{id}")));
    let (name, text) = if id.starts_with("sg-") {
        ("IpPermissions.1.Groups.1.GroupId", "IpPermissions.1.Groups.1.Description")
    } else if id.starts_with("pl-") {
        ("IpPermissions.1.PrefixListIds.1.PrefixListId", "IpPermissions.1.PrefixListIds.1.Description")
    } else if id.contains(':') {
        ("IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "IpPermissions.1.Ipv6Ranges.1.Description")
    } else {
        ("IpPermissions.1.IpRanges.1.CidrIp", "IpPermissions.1.IpRanges.1.Description")
    };
    parameters.push((name, id));
    if !owner.is_empty() {
        parameters.push(("IpPermissions.1.Groups.1.UserId", owner.to_owned()));
    }
    if !description.is_empty() {
        parameters.push((text, description.to_owned()));
    }
    (action, parameters)
}
