//! What the tests of this crate share: groups and inventories from lines of text, and verdicts as text.

#![expect(clippy::panic, reason = "a fixture that does not parse is a mistake of the test")]

use crate::controls::{Context, Hygiene};
use crate::evaluate::surroundings::Surroundings;
use crate::finding::Status;
use crate::model::{
    Coverage, CoverageStatus, Direction, GroupKey, Inventory, NetworkInterface, Peer, PrefixList, Rule,
};
use crate::model::{SecurityGroup, Tag};
use crate::net::{AnyCidr, Protocol, RuleServices};

/// The account of groups that tests do not place elsewhere.
pub(crate) const ACCOUNT: &str = "111122223333";
/// The Region of groups that tests do not place elsewhere.
pub(crate) const REGION: &str = "eu-west-1";

fn services(text: &str) -> Option<RuleServices> {
    let (protocol, ports) = text.split_once(' ').unwrap_or((text, "all"));
    if matches!(protocol, "all" | "-1") {
        return Some(RuleServices::All);
    }
    if protocol == "protocol" {
        return Protocol::parse(ports).map(RuleServices::whole);
    }
    let protocol = Protocol::parse(protocol)?;
    if ports.starts_with("all") {
        return Some(RuleServices::whole(protocol));
    }
    if protocol.has_types() {
        let (kind, code) = ports.split_once('/').unwrap_or((ports, "*"));
        let code = if code == "*" { None } else { Some(code.parse().ok()?) };
        return Some(RuleServices::Icmp(protocol, Some((kind.parse().ok()?, code))));
    }
    let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
    Some(RuleServices::Ports(protocol, from.parse().ok()?, to.parse().ok()?))
}

fn line_rules(line: &str) -> Option<Vec<Rule>> {
    let (line, description) = line.split_once('#').unwrap_or((line, ""));
    let (direction, rest) = line.trim().split_once(' ')?;
    let direction = Direction::ALL.into_iter().find(|known| known.as_str() == direction)?;
    let (what, peers) = rest.split_once(&format!(" {} ", direction.preposition()))?;
    let services = services(what.trim())?;
    let rule = |peer: &str| {
        let peer: Peer = peer.trim().parse().ok()?;
        Some(Rule { description: description.trim().into(), ..Rule::new(direction, services, peer) })
    };
    peers.split(',').map(rule).collect()
}

/// Rules from lines such as `ingress tcp 22 from 10.0.0.0/8, sg-b # the offices`: one rule for each peer.
///
/// Services are written as a rule prints them: `tcp 22`, `udp 53-54`, `tcp all`, `icmp 3/4`, `protocol 47`, `all`.
pub(crate) fn rules(text: &str) -> Vec<Rule> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let of_line = |line: &str| line_rules(line).unwrap_or_else(|| panic!("`{line}` is no line of a fixture"));
    lines.flat_map(of_line).collect()
}

/// A group with these rules, named after its id, in [`ACCOUNT`], [`REGION`] and `vpc-1`.
pub(crate) fn group(id: &str, text: &str) -> SecurityGroup {
    SecurityGroup {
        key: GroupKey { account_id: ACCOUNT.into(), region: REGION.into(), group_id: id.into() },
        name: id.trim_start_matches("sg-").into(),
        description: "made by a test".into(),
        vpc_id: "vpc-1".into(),
        rules: rules(text),
        ..SecurityGroup::default()
    }
}

impl SecurityGroup {
    pub(crate) fn called(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    pub(crate) fn described(mut self, description: &str) -> Self {
        self.description = description.into();
        self
    }

    pub(crate) fn owned_by(mut self, account: &str) -> Self {
        self.key.account_id = account.into();
        self
    }

    pub(crate) fn in_region(mut self, region: &str) -> Self {
        self.key.region = region.into();
        self
    }

    pub(crate) fn in_vpc(mut self, vpc: &str) -> Self {
        self.vpc_id = vpc.into();
        self
    }

    pub(crate) fn tagged(mut self, key: &str, value: &str) -> Self {
        self.tags.push(Tag { key: key.into(), value: value.into() });
        self
    }
}

/// An inventory of these groups, sorted as every inventory is.
pub(crate) fn inventory(groups: impl IntoIterator<Item = SecurityGroup>) -> Inventory {
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|a, b| a.key.cmp(&b.key));
    Inventory { groups, ..Inventory::default() }
}

impl Inventory {
    /// With a prefix list of these entries; `None` for entries that were not read.
    pub(crate) fn with_list(mut self, id: &str, entries: Option<&[&str]>) -> Self {
        let block = |text: &&str| text.parse::<AnyCidr>().unwrap_or_else(|error| panic!("{error}"));
        let entries = entries.map(|entries| entries.iter().map(block).collect());
        self.prefix_lists.insert(id.into(), PrefixList { id: id.into(), entries, ..PrefixList::default() });
        self
    }

    /// With the interfaces known, and one more with these groups on it.
    pub(crate) fn with_interface(mut self, groups: &[&str]) -> Self {
        let group_ids = groups.iter().map(|id| (*id).into()).collect();
        self.interfaces.get_or_insert_default().push(NetworkInterface { group_ids, ..NetworkInterface::default() });
        self
    }

    /// With an account and Region that could not be read whole.
    pub(crate) fn with_coverage(mut self, account: &str, region: &str, status: CoverageStatus) -> Self {
        let error = Some("access denied".to_owned());
        let row = Coverage { account_id: account.into(), region: region.into(), status, error, ..Coverage::default() };
        self.coverage.push(row);
        self
    }
}

/// What a hygiene control says of the group with this id: `pass`, or `fail: REASON`, then `[PLACES OF RULES]` and
/// `{DETAIL}` where there are any.
pub(crate) fn judge(control: &Hygiene, inventory: &Inventory, id: &str) -> String {
    let surroundings = Surroundings::of(inventory, std::slice::from_ref(control));
    let mut places = inventory.groups.iter().enumerate();
    let Some((index, group)) = places.find(|(_, group)| group.key.group_id == id) else { panic!("no group `{id}`") };
    let context = Context { group, index, inventory, surroundings: &surroundings };
    let status = control.status(context);
    if status == Status::Pass {
        return status.to_string();
    }
    let fault = control.fault(context);
    let rules = if fault.rules.is_empty() { String::new() } else { format!(" {:?}", fault.rules) };
    let detail = if fault.detail.is_empty() { String::new() } else { format!(" {{{}}}", fault.detail) };
    format!("{status}: {}{rules}{detail}", fault.reason)
}
