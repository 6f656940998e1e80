//! Small worlds in which much is open.

use std::sync::OnceLock;

use jiff::Timestamp;
use portcullis_core::evaluate::{Options, evaluate};
use portcullis_core::model::{Direction, GroupKey, Inventory, Peer, PrefixList, Rule, SecurityGroup, Tag, Vpc};
use portcullis_core::net::{AddressSet, AnyCidr, Family, Protocol, RuleServices};
use portcullis_core::policy::PolicySet;
use portcullis_core::remediation::{Plan, Strategy, plan};
use proptest::collection::vec;
use proptest::prelude::Strategy as Generator;
use proptest::sample::select;

use crate::policy::assemble::{Request, assemble};

pub(super) fn now() -> Timestamp {
    "2026-01-15T12:00:00Z".parse().unwrap()
}

/// Rules of every kind: names, environments, overrides, lists that controls name and rules do not.
const POLICY: &str = r#"
version: "1.0"
compliance_policies:
  global_rules:
    max_rules_per_sg: 4
    required_tags: [Owner]
  prohibited_rules:
    inbound:
      - rule_id: NO_PARTNER
        description: partners come in over the VPN
        protocol: tcp
        port_range: "8000-9000"
        source: [pl-partner, 52.94.0.0/16]
        severity: high
        reason: partners use the VPN
      - rule_id: NO_GROUPS_ON_LDAP
        description: nobody but the directory's own groups
        protocol: tcp
        port_range: "389"
        severity: medium
        reason: the directory is for itself
  restricted_rules:
    inbound:
      - rule_id: SSH_FROM_OFFICE
        description: SSH from the office alone
        protocol: tcp
        port_range: "22"
        allowed_sources: [10.0.0.0/8, pl-office]
        environments: [production]
        severity: critical
        reason: the office is where people sit
  allowed_rules:
    inbound:
      - rule_id: DIRECTORY
        description: the directory's groups
        protocol: tcp
        port_range: "389"
        source_type: security_group
        source_pattern: "web.*"
"#;

pub(super) fn policies() -> &'static PolicySet {
    static POLICIES: OnceLock<PolicySet> = OnceLock::new();
    POLICIES.get_or_init(|| {
        let policies = vec![("policy.yaml".to_owned(), POLICY.as_bytes().to_vec())];
        let request = Request { policies, packs: vec!["all".to_owned()], environment: None };
        assemble(&request).unwrap_or_else(|errors| panic!("{errors:?}")).set
    })
}

/// Some of them, one of each sort: enough where every leaf of a plan is looked at.
pub(super) fn few_policies() -> &'static PolicySet {
    static POLICIES: OnceLock<PolicySet> = OnceLock::new();
    let wanted = [
        "internet-all-traffic",
        "internet-ssh",
        "wide-public-source",
        "default-group-not-closed",
        "too-many-rules",
        "missing-required-tag",
        "no-partner",
        "no-groups-on-ldap",
        "ssh-from-office",
    ];
    POLICIES.get_or_init(|| {
        let mut policies = policies().clone();
        policies.controls.retain(|control| wanted.contains(&control.id.as_str()));
        assert_eq!(policies.controls.len(), wanted.len());
        policies
    })
}

pub(super) fn strategies() -> Vec<Strategy> {
    let with = ["10.0.0.0/8", "198.51.100.0/24", "fc00::/7"];
    let replace = Strategy::Replace(with.iter().map(|text| text.parse().unwrap()).collect());
    vec![Strategy::Narrow, Strategy::Revoke, replace, Strategy::Lockdown, Strategy::Tag]
}

pub(super) fn plan_of(inventory: &Inventory, policies: &PolicySet, strategy: &Strategy) -> Plan {
    let evaluation = evaluate(inventory, policies, now(), Options::default());
    plan(inventory, policies, &evaluation, strategy, now())
}

const PEERS: [&str; 16] = [
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "52.0.0.0/8",
    "52.94.76.10/32",
    "10.0.0.0/8",
    "44.0.0.0/9",
    "127.0.0.0/8",
    "::/0",
    "2000::/3",
    "fc00::/7",
    "pl-halves",
    "pl-unread",
    "pl-office",
    "111122223333/sg-1",
    "sg-elsewhere",
];

fn services() -> Vec<RuleServices> {
    use RuleServices::{All, Icmp, Ports, Protocol as Whole};
    let (tcp, udp) = (Protocol::TCP, Protocol::UDP);
    vec![
        All,
        Ports(tcp, 22, 22),
        Ports(tcp, 80, 443),
        Ports(tcp, 389, 389),
        Ports(tcp, 0, 65535),
        Ports(tcp, 0, 32767),
        Ports(tcp, 32768, 65535),
        Ports(tcp, 8500, 9500),
        Ports(udp, 11211, 11211),
        Ports(udp, 0, 65535),
        Icmp(Protocol::ICMP, None),
        Icmp(Protocol::ICMPV6, Some((128, None))),
        Whole(Protocol(47)),
    ]
}

fn rule(direction: Direction, services: RuleServices, peer: &str, described: bool) -> Rule {
    let description = if described { "agreed on" } else { "" };
    Rule { description: description.into(), ..Rule::new(direction, services, peer.parse().unwrap()) }
}

fn any_rule() -> impl Generator<Value = Rule> {
    let direction = select(vec![Direction::Ingress, Direction::Ingress, Direction::Ingress, Direction::Egress]);
    (direction, select(services()), select(PEERS.to_vec()), proptest::bool::ANY)
        .prop_map(|(direction, services, peer, described)| rule(direction, services, peer, described))
}

fn group(number: usize, rules: Vec<Rule>, environment: Option<&str>) -> SecurityGroup {
    let mut group = SecurityGroup {
        key: GroupKey {
            account_id: "111122223333".into(),
            region: "eu-west-1".into(),
            group_id: format!("sg-{number}").into(),
        },
        name: if number == 0 { "default".into() } else { format!("web-{number}").into() },
        description: "made by a test".into(),
        vpc_id: "vpc-1".into(),
        line: 7,
        ..SecurityGroup::default()
    };
    group.tags.extend(environment.map(|name| Tag { key: "Environment".into(), value: name.into() }));
    for (place, rule) in rules.into_iter().enumerate() {
        if group.rules.iter().all(|other| other.identity() != rule.identity()) {
            let id = if number == 2 { format!("sgr-{place}").into() } else { "".into() };
            group.rules.push(Rule { id, line: 9, ..rule });
        }
    }
    group
}

fn world(groups: Vec<SecurityGroup>) -> Inventory {
    let set = |texts: &[&str]| texts.iter().map(|text| text.parse::<AnyCidr>().unwrap()).collect::<AddressSet>();
    let list = |id: &str, entries: Option<&[&str]>| PrefixList {
        id: id.into(),
        entries: entries.map(set),
        family: Some(Family::Ipv4),
        max_entries: Some(20),
        ..PrefixList::default()
    };
    let lists = [
        list("pl-halves", Some(&["0.0.0.0/1", "128.0.0.0/1"])),
        list("pl-unread", None),
        list("pl-office", Some(&["203.0.113.0/24"])),
        list("pl-partner", Some(&["52.0.0.0/8"])),
    ];
    let vpc = Vpc { id: "vpc-1".into(), addresses: set(&["10.1.0.0/16", "44.0.0.0/16"]), owner_id: "".into() };
    Inventory {
        groups,
        prefix_lists: lists.into_iter().map(|list| (list.id.clone(), list)).collect(),
        vpcs: [(vpc.id.clone(), vpc)].into(),
        interfaces: Some(Vec::new()),
        sources: vec!["world.json".to_owned()],
        ..Inventory::default()
    }
}

pub(super) fn any_world() -> impl Generator<Value = Inventory> {
    let environment = select(vec![None, Some("production"), Some("staging")]);
    let group = (vec(any_rule(), 0..7), environment);
    vec(group, 1..4).prop_map(|groups| {
        world(groups.into_iter().enumerate().map(|(number, (rules, name))| self::group(number, rules, name)).collect())
    })
}

/// A world in which every part of a plan file has something to say.
pub(super) fn example() -> Inventory {
    let tcp = |from, to| RuleServices::Ports(Protocol::TCP, from, to);
    let ingress = |services, peer: &str| rule(Direction::Ingress, services, peer, true);
    let first = vec![
        ingress(tcp(22, 22), "0.0.0.0/0"),
        ingress(tcp(80, 443), "pl-halves"),
        ingress(tcp(389, 389), "111122223333/sg-1"),
        ingress(tcp(389, 389), "sg-elsewhere"),
    ];
    let second = vec![
        ingress(RuleServices::All, "::/0"),
        ingress(tcp(8500, 9500), "52.0.0.0/8"),
        ingress(tcp(22, 22), "pl-unread"),
        rule(Direction::Egress, RuleServices::All, "0.0.0.0/0", false),
    ];
    let third = vec![ingress(RuleServices::All, "0.0.0.0/0"), ingress(tcp(3389, 3389), "52.94.76.10/32")];
    world(vec![group(0, first, Some("production")), group(1, second, None), group(2, third, Some("staging"))])
}

#[test]
fn peers_parse() {
    assert!(PEERS.iter().all(|peer| peer.parse::<Peer>().is_ok()));
}
