//! Worlds and controls from lines of text, as core values.
//!
//! A world is written one thing a line; the rules are those of the group under test, `sg-1`:
//!
//! ```text
//! vpc 10.0.0.0/16, 44.0.0.0/9
//! list pl-halves = 0.0.0.0/1, 128.0.0.0/1
//! list pl-unread ? ipv4                     # entries not known; the family may be left out
//! group sg-web named web
//! tag Environment = production
//! ingress tcp 22 from 0.0.0.0/0, pl-halves  # what comes after is the description
//! egress all to sg-web
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use portcullis_core::evaluate::{Options, evaluate};
use portcullis_core::finding::{Evaluation, Finding, Status};
use portcullis_core::model::{Direction, GroupKey, Inventory, Peer, PrefixList, Rule, SecurityGroup, Tag, Vpc};
use portcullis_core::net::{
    AddressSet, AnyCidr, Family, Interval, PeerSet, Protocol, RuleServices, ServiceSet, Symbol,
};
use portcullis_core::policy::{
    AllowedRule, Control, ControlKind, ControlText, Match, PeerTest, PolicySet, Scope, Settings, Severity, TrafficRule,
};
use proptest::prelude::ProptestConfig;

/// The account of the group under test.
pub(crate) const ACCOUNT: &str = "111122223333";

/// The day of all tests.
pub(crate) fn now() -> Timestamp {
    "2026-01-15T12:00:00Z".parse().unwrap()
}

fn services(text: &str) -> RuleServices {
    let (protocol, ports) = text.trim().split_once(' ').unwrap_or((text.trim(), "all"));
    if matches!(protocol, "all" | "-1") {
        return RuleServices::All;
    }
    let protocol = Protocol::parse(protocol).unwrap_or_else(|| panic!("`{text}` names no protocol"));
    if ports == "all" {
        return RuleServices::whole(protocol);
    }
    if protocol.has_types() {
        let (kind, code) = ports.split_once('/').unwrap_or((ports, "*"));
        let code = if code == "*" { None } else { Some(code.parse().unwrap()) };
        return RuleServices::Icmp(protocol, Some((kind.parse().unwrap(), code)));
    }
    let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
    RuleServices::Ports(protocol, low.parse().unwrap(), high.parse().unwrap())
}

/// Rules from lines such as `ingress tcp 22 from 10.0.0.0/8, sg-b # offices`: one rule a peer.
pub(crate) fn rules(text: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (line, description) = line.split_once('#').unwrap_or((line, ""));
        let (direction, rest) = line.split_once(' ').unwrap_or_else(|| panic!("`{line}` is no rule"));
        let direction = match direction {
            "ingress" => Direction::Ingress,
            "egress" => Direction::Egress,
            _ => panic!("`{line}` has no direction"),
        };
        let word = if direction == Direction::Ingress { " from " } else { " to " };
        let (what, peers) = rest.split_once(word).unwrap_or_else(|| panic!("`{line}` names no peers"));
        for peer in peers.split(',') {
            let peer: Peer = peer.trim().parse().unwrap();
            rules.push(Rule { description: description.trim().into(), ..Rule::new(direction, services(what), peer) });
        }
    }
    rules
}

/// A group of the account of the tests, in `vpc-1`.
pub(crate) fn group(id: &str, text: &str) -> SecurityGroup {
    SecurityGroup {
        key: GroupKey { account_id: ACCOUNT.into(), region: "eu-west-1".into(), group_id: id.into() },
        name: id.trim_start_matches("sg-").into(),
        description: "made by a test".into(),
        vpc_id: "vpc-1".into(),
        rules: rules(text),
        ..SecurityGroup::default()
    }
}

pub(crate) fn addresses(text: &str) -> AddressSet {
    let blocks = text.split(',').map(str::trim).filter(|block| !block.is_empty());
    blocks.map(|block| block.parse::<AnyCidr>().unwrap()).collect()
}

/// Blocks, lists and groups as a set of peers.
pub(crate) fn peers(text: &str) -> PeerSet {
    let mut set = PeerSet::default();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name.parse::<Peer>().unwrap() {
            Peer::PrefixList(id) => _ = set.symbols.insert(Symbol::PrefixList(id)),
            Peer::Group(group) => _ = set.symbols.insert(Symbol::Group { account: group.account, id: group.id }),
            block => set.addresses = set.addresses.union(&block.cidr().into_iter().collect()),
        }
    }
    set
}

/// A world, of which `sg-1` is the group under test.
pub(crate) fn world(text: &str) -> Inventory {
    let mut inventory = Inventory::default();
    let mut own = group("sg-1", "");
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap_or_else(|| panic!("`{line}` says nothing"));
        let plain = rest.split('#').next().unwrap_or_default().trim();
        match word {
            "vpc" => {
                let vpc = Vpc { id: "vpc-1".into(), addresses: addresses(plain), ..Vpc::default() };
                inventory.vpcs.insert(vpc.id.clone(), vpc);
            }
            "list" => {
                let (id, content) = plain.split_once(' ').unwrap();
                let (entries, family) = match content.split_at(1) {
                    ("=", blocks) => (Some(addresses(blocks)), None),
                    (_, " ipv4") => (None, Some(Family::Ipv4)),
                    (_, " ipv6") => (None, Some(Family::Ipv6)),
                    _ => (None, None),
                };
                let list = PrefixList { id: id.into(), entries, family, ..PrefixList::default() };
                inventory.prefix_lists.insert(id.into(), list);
            }
            "group" => {
                let (id, name) = plain.split_once(" named ").unwrap();
                inventory.groups.push(SecurityGroup { name: name.into(), ..group(id, "") });
            }
            "tag" => {
                let (key, value) = plain.split_once(" = ").unwrap();
                own.tags.push(Tag { key: key.into(), value: value.into() });
            }
            _ => own.rules.extend(rules(line)),
        }
    }
    inventory.groups.push(own);
    inventory.groups.sort_by(|a, b| a.key.cmp(&b.key));
    inventory
}

/// The group under test.
pub(crate) fn tested(inventory: &Inventory) -> &SecurityGroup {
    inventory.groups.iter().find(|group| group.key.group_id == "sg-1").unwrap()
}

/// Services from `tcp:22,80-443`, `icmp:3/4`, `icmp:0-2` (types), `47`, `2-5` (protocols) or `all`, several with blanks between.
pub(crate) fn service_set(text: &str) -> ServiceSet {
    let mut intervals: Vec<Interval<u32>> = Vec::new();
    for part in text.split_whitespace() {
        let (protocol, ports) = part.split_once(':').unwrap_or((part, ""));
        if protocol == "all" {
            intervals.push(portcullis_core::net::ALL_SERVICES);
        } else if let Some((low, high)) = protocol.split_once('-') {
            let of = |text: &str| Protocol(text.parse().unwrap()).services();
            intervals.push(Interval { low: of(low).low, high: of(high).high });
        } else {
            let protocol = Protocol::parse(protocol).unwrap();
            let pieces = if ports.is_empty() { vec!["0-65535"] } else { ports.split(',').collect() };
            for piece in pieces {
                let (low, high) = piece.split_once('-').unwrap_or((piece, piece));
                let number = |text: &str, code: u16| match text.split_once('/') {
                    Some((kind, code)) => kind.parse::<u16>().unwrap() << 8 | code.parse::<u16>().unwrap(),
                    None if protocol.has_types() && !ports.is_empty() => text.parse::<u16>().unwrap() << 8 | code,
                    None => text.parse().unwrap(),
                };
                intervals.push(protocol.ports(number(low, 0), number(high, 255)));
            }
        }
    }
    intervals.into_iter().collect()
}

/// What a control says of peers, as text: `internet`, `ipv4`, `ipv6`, `wide`, `any`, `outside …`, or peers that it prohibits;
/// several with ` | ` between.
pub(crate) fn peer_tests(text: &str) -> Vec<PeerTest> {
    let one = |text: &str| match text {
        "internet" => PeerTest::Internet(BTreeSet::from(Family::ALL)),
        "ipv4" => PeerTest::Internet([Family::Ipv4].into()),
        "ipv6" => PeerTest::Internet([Family::Ipv6].into()),
        "wide" => PeerTest::Wide,
        "any" => PeerTest::Any,
        _ => match text.strip_prefix("outside ") {
            Some(allowed) => PeerTest::Outside(peers(allowed)),
            None => PeerTest::Overlap(peers(text)),
        },
    };
    text.split('|').map(|text| one(text.trim())).collect()
}

/// A traffic control from text: `internet-ssh high ingress tcp:22 any internet`.
///
/// The words are id, severity, direction, services (blanks as `+`), how they match, peers.
pub(crate) fn control(text: &str) -> Control {
    let mut words = text.splitn(6, ' ');
    let mut word = || words.next().unwrap_or_else(|| panic!("`{text}` is no control"));
    let (id, severity, direction) = (word(), word().parse::<Severity>().unwrap(), word());
    let (services, matching, peers) = (service_set(&word().replace('+', " ")), word(), word());
    let matching = match matching {
        "any" => Match::Any,
        "all" => Match::All,
        "everything" => Match::Everything,
        _ => panic!("`{matching}` is no way to match"),
    };
    let direction = if direction == "ingress" { Direction::Ingress } else { Direction::Egress };
    let rule = TrafficRule { direction, services, matching, peers: peer_tests(peers) };
    Control {
        id: id.into(),
        rule_id: None,
        severity,
        text: ControlText { title: id.to_owned(), ..ControlText::default() },
        frameworks: Vec::new(),
        kind: ControlKind::Traffic(rule),
        scope: Scope::default(),
        settings: shared_settings(),
        allowed: Arc::default(),
    }
}

/// All controls share one value, as those of one file do.
fn shared_settings() -> Arc<Settings> {
    thread_local!(static SETTINGS: Arc<Settings> = Arc::default());
    SETTINGS.with(Arc::clone)
}

/// A control with allowances of its file.
pub(crate) fn allowing(control: Control, allowed: Vec<AllowedRule>) -> Control {
    Control { allowed: Arc::new(allowed), ..control }
}

/// A control that bears on the groups of a scope only.
pub(crate) fn scoped(control: Control, scope: Scope) -> Control {
    Control { scope, ..control }
}

/// A policy of these controls.
pub(crate) fn policy(controls: impl IntoIterator<Item = Control>) -> PolicySet {
    PolicySet { controls: controls.into_iter().collect(), ..PolicySet::default() }
}

/// The ports of the contract's table of controls, each a line for [`control`].
pub(crate) const SHIPPED: &str = "
    internet-all-traffic critical ingress all everything internet
    internet-ssh high ingress tcp:22 any internet
    internet-rdp high ingress tcp:3389+udp:3389 any internet
    internet-winrm high ingress tcp:5985-5986 any internet
    internet-vnc high ingress tcp:5900-5903 any internet
    internet-telnet high ingress tcp:23 any internet
    internet-ftp high ingress tcp:20-21 any internet
    internet-tftp high ingress udp:69 any internet
    internet-smtp medium ingress tcp:25 any internet
    internet-pop3 medium ingress tcp:110 any internet
    internet-imap medium ingress tcp:143 any internet
    internet-rpc high ingress tcp:135 any internet
    internet-smb high ingress tcp:139,445+udp:137-138 any internet
    internet-ldap high ingress tcp:389,636+udp:389 any internet
    internet-kerberos medium ingress tcp:88,464,749-750+udp:88,464 any internet
    internet-dns medium ingress tcp:53+udp:53 any internet
    internet-snmp high ingress udp:161 any internet
    internet-nfs high ingress tcp:2049+udp:2049 any internet
    internet-rsync high ingress tcp:873 any internet
    internet-mysql high ingress tcp:3306 any internet
    internet-postgresql high ingress tcp:5432 any internet
    internet-mssql high ingress tcp:1433-1434+udp:1434 any internet
    internet-oracle high ingress tcp:1521,2483-2484 any internet
    internet-mongodb high ingress tcp:27017-27019 any internet
    internet-redis high ingress tcp:6379 any internet
    internet-memcached high ingress tcp:11211+udp:11211 any internet
    internet-cassandra high ingress tcp:7000-7001,7199,9042,9160 any internet
    internet-elasticsearch high ingress tcp:9200,9300,5601 any internet
    internet-kafka high ingress tcp:9092 any internet
    internet-docker high ingress tcp:2375-2376 any internet
    internet-kubernetes high ingress tcp:6443,10250,10255 any internet
    internet-etcd high ingress tcp:2379-2380 any internet
    internet-high-risk-port critical ingress tcp:20-23,25,110,135,143,445,1433-1434,3000,3306,3389,4333,5000,5432,5500,5601,8080,8088,8888,9200,9300 any internet
    internet-unauthorized-port high ingress tcp:0-79,81-442,444-65535+udp any internet
    internet-http low ingress tcp:80 any internet
    internet-icmp low ingress icmp:0/0-3/3,3/5-255/255+icmpv6:0,5-255 any internet
    internet-other-protocol medium ingress 0-0+2-5+7-16+18-57+59-255 any internet
    wide-public-source medium ingress tcp:0-79,81-442,444-65535+udp any wide
    internet-egress-all low egress all everything internet
";

/// All traffic controls that ship.
pub(crate) fn shipped() -> Vec<Control> {
    SHIPPED.lines().map(str::trim).filter(|line| !line.is_empty()).map(control).collect()
}

/// Everything that comes of judging a world.
pub(crate) fn judged(inventory: &Inventory, policies: &PolicySet) -> Evaluation {
    evaluate(inventory, policies, now(), Options::default())
}

/// The findings on a world, each as `id`, `id?` where unknown, `(id)` where exempt, with ` ipv4`, ` ipv6` or ` ipv4+ipv6`.
pub(crate) fn verdicts(inventory: &Inventory, policies: &PolicySet) -> Vec<String> {
    let evaluation = judged(inventory, policies);
    let mut texts: Vec<String> = evaluation.findings.iter().map(|finding| verdict(finding, policies)).collect();
    texts.sort();
    texts
}

fn verdict(finding: &Finding, policies: &PolicySet) -> String {
    let id = &policies.control(finding).unwrap().id;
    let id = match finding.status {
        Status::Fail => id.to_string(),
        Status::Unknown => format!("{id}?"),
        Status::Exempt => format!("({id})"),
        Status::Pass => format!("no {id}"),
    };
    let families: Vec<&str> = finding.families.iter().map(|family| family.as_str()).collect();
    if families.is_empty() { id } else { format!("{id} {}", families.join("+")) }
}

/// How many cases a property is tried with, unless `PROPTEST_CASES` says it.
pub(crate) fn cases(usual: u32) -> ProptestConfig {
    let standard = ProptestConfig::default();
    let cases = if standard.cases == 256 { usual } else { standard.cases };
    ProptestConfig { cases, failure_persistence: None, ..standard }
}
