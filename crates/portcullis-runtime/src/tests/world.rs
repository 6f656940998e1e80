//! Small worlds in which much is open.

use std::sync::OnceLock;

use jiff::Timestamp;
use portcullis_core::evaluate::{Options, evaluate};
use portcullis_core::finding::Status;
use portcullis_core::model::{Direction, GroupKey, Inventory, PrefixList, Rule, SecurityGroup, Tag, Vpc};
use portcullis_core::net::{AddressSet, AnyCidr, Family, Protocol, RuleServices};
use portcullis_core::policy::PolicySet;
use portcullis_core::remediation::{Plan, Strategy, plan};
use portcullis_formats::policy::assemble::{Request, assemble};
use proptest::collection::vec;
use proptest::prelude::Strategy as Generator;
use proptest::sample::select;

pub(super) fn now() -> Timestamp {
    "2026-01-15T12:00:00Z".parse().unwrap()
}

/// A few controls of each sort: the others are judged and cut alike.
pub(super) fn policies() -> &'static PolicySet {
    static POLICIES: OnceLock<PolicySet> = OnceLock::new();
    let wanted = [
        "internet-all-traffic",
        "internet-ssh",
        "internet-rdp",
        "internet-memcached",
        "internet-egress-all",
        "internet-other-protocol",
        "wide-public-source",
        "default-group-not-closed",
        "too-many-rules",
        "redundant-rule",
        "stale-reference",
        "duplicate-group",
    ];
    POLICIES.get_or_init(|| {
        let request = Request { packs: vec!["all".to_owned()], ..Request::default() };
        let mut set = assemble(&request).unwrap_or_else(|errors| panic!("{errors:?}")).set;
        set.controls.retain(|control| wanted.contains(&control.id.as_str()));
        assert_eq!(set.controls.len(), wanted.len());
        set
    })
}

pub(super) fn strategies() -> Vec<Strategy> {
    let with = ["10.0.0.0/8", "198.51.100.0/24", "fc00::/7"];
    let replace = Strategy::Replace(with.iter().map(|text| text.parse().unwrap()).collect());
    vec![Strategy::Narrow, Strategy::Revoke, replace, Strategy::Lockdown, Strategy::Tag]
}

pub(super) fn plan_of(inventory: &Inventory, strategy: &Strategy) -> Plan {
    let evaluation = evaluate(inventory, policies(), now(), Options::default());
    plan(inventory, policies(), &evaluation, strategy, now())
}

/// The controls that fail, with their groups.
pub(super) fn failing(inventory: &Inventory) -> Vec<(GroupKey, String)> {
    let evaluation = evaluate(inventory, policies(), now(), Options::default());
    let failing = evaluation.findings.iter().filter(|finding| finding.status == Status::Fail);
    let named = |finding| {
        let control = policies().control(finding).unwrap();
        (inventory.groups[finding.group].key.clone(), control.id.to_string())
    };
    failing.map(named).collect()
}

const PEERS: [&str; 15] = [
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "52.0.0.0/8",
    "52.94.76.10/32",
    "10.0.0.0/8",
    "44.0.0.0/9",
    "::/0",
    "2000::/3",
    "fc00::/7",
    "pl-halves",
    "pl-unread",
    "111122223333/sg-1",
    "sg-2",
    "sg-gone",
];

fn services() -> Vec<RuleServices> {
    use RuleServices::{All, Icmp, Ports, Protocol as Whole};
    let (tcp, udp) = (Protocol::TCP, Protocol::UDP);
    vec![
        All,
        Ports(tcp, 22, 22),
        Ports(tcp, 80, 443),
        Ports(tcp, 0, 65535),
        Ports(tcp, 0, 32767),
        Ports(tcp, 32768, 65535),
        Ports(tcp, 3000, 4000),
        Ports(udp, 11211, 11211),
        Icmp(Protocol::ICMP, None),
        Whole(Protocol(47)),
    ]
}

fn any_rule() -> impl Generator<Value = Rule> {
    let direction = select(vec![Direction::Ingress, Direction::Ingress, Direction::Ingress, Direction::Egress]);
    let description = select(vec!["", "agreed on", "for \"now\""]);
    (direction, select(services()), select(PEERS.to_vec()), description).prop_map(
        |(direction, services, peer, description)| Rule {
            description: description.into(),
            ..Rule::new(direction, services, peer.parse().unwrap())
        },
    )
}

/// A group; with ids its rules have ids and tags of their own.
fn group(number: usize, rules: Vec<Rule>, ids: bool, tags: usize) -> SecurityGroup {
    let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
    let mut group = SecurityGroup {
        key: key(number),
        name: if number == 0 { "default".into() } else { format!("web-{number}").into() },
        description: "made by a test".into(),
        vpc_id: "vpc-1".into(),
        tags: vec![tag("Owner", "ops"), tag("COMPLIANCE_STATUS", "UNKNOWN")].into_iter().take(tags).collect(),
        ..SecurityGroup::default()
    };
    for (place, rule) in rules.into_iter().enumerate() {
        if group.rules.iter().all(|other| other.identity() != rule.identity()) {
            let (id, tags) =
                if ids { (format!("sgr-{number}{place}"), [tag("Team", "a")].into()) } else { Default::default() };
            group.rules.push(Rule { id: id.into(), tags, ..rule });
        }
    }
    group
}

pub(super) fn key(number: usize) -> GroupKey {
    GroupKey { account_id: "111122223333".into(), region: "eu-west-1".into(), group_id: format!("sg-{number}").into() }
}

pub(super) fn world(groups: Vec<SecurityGroup>) -> Inventory {
    let set = |texts: &[&str]| texts.iter().map(|text| text.parse::<AnyCidr>().unwrap()).collect::<AddressSet>();
    let list = |id: &str, entries: Option<AddressSet>| PrefixList {
        id: id.into(),
        entries,
        family: Some(Family::Ipv4),
        max_entries: Some(20),
        ..PrefixList::default()
    };
    let lists = [list("pl-halves", Some(set(&["0.0.0.0/1", "128.0.0.0/1"]))), list("pl-unread", None)];
    let vpc = Vpc { id: "vpc-1".into(), addresses: set(&["10.1.0.0/16", "44.0.0.0/16"]), owner_id: "".into() };
    Inventory {
        groups,
        prefix_lists: lists.into_iter().map(|list| (list.id.clone(), list)).collect(),
        vpcs: [(vpc.id.clone(), vpc)].into(),
        ..Inventory::default()
    }
}

pub(super) fn any_world() -> impl Generator<Value = Inventory> {
    let group = (vec(any_rule(), 0..7), proptest::bool::ANY, 0..3_usize);
    vec(group, 1..5).prop_map(|groups| {
        let made =
            groups.into_iter().enumerate().map(|(number, (rules, ids, tags))| self::group(number, rules, ids, tags));
        world(made.collect())
    })
}

/// Rules from lines such as `tcp 22 0.0.0.0/0 the words`; all inbound.
fn lines(text: &str) -> Vec<Rule> {
    let rule = |line: &str| {
        let mut words = line.trim().splitn(4, ' ');
        let mut word = || words.next().unwrap();
        let (protocol, ports, peer) = (word(), word(), word());
        let services = match (Protocol::parse(protocol), ports.split_once('-')) {
            (None, _) => RuleServices::All,
            (Some(protocol), Some((from, to))) => {
                RuleServices::Ports(protocol, from.parse().unwrap(), to.parse().unwrap())
            }
            (Some(protocol), None) => {
                let port = ports.parse().unwrap();
                RuleServices::Ports(protocol, port, port)
            }
        };
        let description = words.next().unwrap_or_default();
        Rule { description: description.into(), ..Rule::new(Direction::Ingress, services, peer.parse().unwrap()) }
    };
    text.split(';').map(rule).collect()
}

/// Three groups that a plan changes, each in several steps, and one that it leaves.
pub(super) fn example() -> Inventory {
    world(vec![
        group(1, lines("tcp 22 0.0.0.0/0 everybody;tcp 22 52.94.76.10/32 office;tcp 443 0.0.0.0/0"), false, 1),
        group(2, lines("tcp 20-25 0.0.0.0/0;tcp 3389 ::/0;udp 11211 pl-halves"), true, 2),
        group(3, lines("-1 all 0.0.0.0/0 all"), false, 0),
        group(4, lines("tcp 443 0.0.0.0/0 web"), false, 1),
    ])
}

/// The bytes that an inventory is written as.
pub(super) fn canonical(inventory: &Inventory) -> String {
    let mut bytes = Vec::new();
    portcullis_formats::inventory::write(inventory, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}
