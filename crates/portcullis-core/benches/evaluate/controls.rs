//! The controls that ship. The traffic controls stand in policy files, which the core cannot read, so the table below says
//! again which services each is about; of their words nothing here depends on.

use std::collections::BTreeSet;
use std::sync::Arc;

use compact_str::CompactString;
use portcullis_core::controls::Hygiene;
use portcullis_core::model::Direction;
use portcullis_core::net::{ALL_SERVICES, Family, Interval, LAST_SERVICE, Protocol, ServiceSet};
use portcullis_core::policy::{
    Control, ControlKind, ControlText, Match, PeerTest, PolicySet, Scope, Settings, Severity, TrafficRule,
};

/// First and last ports.
type Ports = &'static [(u16, u16)];

/// TCP ports, then UDP ports, of the controls about one service each.
const SERVICES: &[(&str, Ports, Ports)] = &[
    ("internet-ssh", &[(22, 22)], &[]),
    ("internet-rdp", &[(3389, 3389)], &[(3389, 3389)]),
    ("internet-winrm", &[(5985, 5986)], &[]),
    ("internet-vnc", &[(5900, 5903)], &[]),
    ("internet-telnet", &[(23, 23)], &[]),
    ("internet-ftp", &[(20, 21)], &[]),
    ("internet-tftp", &[], &[(69, 69)]),
    ("internet-smtp", &[(25, 25)], &[]),
    ("internet-pop3", &[(110, 110)], &[]),
    ("internet-imap", &[(143, 143)], &[]),
    ("internet-rpc", &[(135, 135)], &[]),
    ("internet-smb", &[(139, 139), (445, 445)], &[(137, 138)]),
    ("internet-ldap", &[(389, 389), (636, 636)], &[(389, 389)]),
    ("internet-kerberos", &[(88, 88), (464, 464), (749, 750)], &[(88, 88), (464, 464)]),
    ("internet-dns", &[(53, 53)], &[(53, 53)]),
    ("internet-snmp", &[], &[(161, 161)]),
    ("internet-nfs", &[(2049, 2049)], &[(2049, 2049)]),
    ("internet-rsync", &[(873, 873)], &[]),
    ("internet-mysql", &[(3306, 3306)], &[]),
    ("internet-postgresql", &[(5432, 5432)], &[]),
    ("internet-mssql", &[(1433, 1434)], &[(1434, 1434)]),
    ("internet-oracle", &[(1521, 1521), (2483, 2484)], &[]),
    ("internet-mongodb", &[(27017, 27019)], &[]),
    ("internet-redis", &[(6379, 6379)], &[]),
    ("internet-memcached", &[(11211, 11211)], &[(11211, 11211)]),
    ("internet-cassandra", &[(7000, 7001), (7199, 7199), (9042, 9042), (9160, 9160)], &[]),
    ("internet-elasticsearch", &[(5601, 5601), (9200, 9200), (9300, 9300)], &[]),
    ("internet-kafka", &[(9092, 9092)], &[]),
    ("internet-docker", &[(2375, 2376)], &[]),
    ("internet-kubernetes", &[(6443, 6443), (10250, 10250), (10255, 10255)], &[]),
    ("internet-etcd", &[(2379, 2380)], &[]),
    ("internet-high-risk-port", HIGH_RISK, &[]),
    ("internet-http", &[(80, 80)], &[]),
];

const HIGH_RISK: Ports = &[
    (20, 23),
    (25, 25),
    (110, 110),
    (135, 135),
    (143, 143),
    (445, 445),
    (1433, 1434),
    (3000, 3000),
    (3306, 3306),
    (3389, 3389),
    (4333, 4333),
    (5000, 5000),
    (5432, 5432),
    (5500, 5500),
    (5601, 5601),
    (8080, 8080),
    (8088, 8088),
    (8888, 8888),
    (9200, 9200),
    (9300, 9300),
];

/// What the pack `recommended` leaves out.
const NOT_RECOMMENDED: &[&str] = &[
    "internet-unauthorized-port",
    "internet-high-risk-port",
    "internet-http",
    "internet-icmp",
    "internet-egress-all",
    "duplicate-group",
    "missing-group-description",
    "missing-rule-description",
    "missing-required-tag",
];

/// Every control that ships.
pub(crate) fn all() -> PolicySet {
    chosen(|_| true)
}

/// Those of the pack that is used when nothing is said.
pub(crate) fn recommended() -> PolicySet {
    chosen(|control| !NOT_RECOMMENDED.contains(&control.id.as_str()))
}

pub(crate) fn traffic_only() -> PolicySet {
    chosen(|control| matches!(control.kind, ControlKind::Traffic(_)))
}

pub(crate) fn hygiene_only() -> PolicySet {
    chosen(|control| matches!(control.kind, ControlKind::Hygiene(_)))
}

/// Each control by itself.
pub(crate) fn each() -> impl Iterator<Item = (CompactString, PolicySet)> {
    all().controls.into_iter().map(|control| {
        let id = control.id.clone();
        (id, PolicySet { controls: vec![control], ..PolicySet::default() })
    })
}

fn chosen(wanted: impl Fn(&Control) -> bool) -> PolicySet {
    let settings = Arc::new(Settings::default());
    let controls = traffic(&settings).into_iter().chain(hygiene(&settings)).filter(wanted).collect();
    PolicySet { controls, ..PolicySet::default() }
}

fn traffic(settings: &Arc<Settings>) -> Vec<Control> {
    let internet = || PeerTest::Internet(BTreeSet::from([Family::Ipv4, Family::Ipv6]));
    let control = |id: &str, direction, services: ServiceSet, matching, peer| {
        let rule = TrafficRule { direction, services, matching, peers: vec![peer] };
        control(id, Severity::High, ControlKind::Traffic(rule), settings)
    };
    let into = |id: &str, services: ServiceSet, peer| control(id, Direction::Ingress, services, Match::Any, peer);
    let everything =
        |id: &str, direction| control(id, direction, ServiceSet::from(ALL_SERVICES), Match::Everything, internet());

    let mut controls = vec![everything("internet-all-traffic", Direction::Ingress)];
    for (id, tcp, udp) in SERVICES {
        let tcp = tcp.iter().map(|(from, to)| Protocol::TCP.ports(*from, *to));
        let services = tcp.chain(udp.iter().map(|(from, to)| Protocol::UDP.ports(*from, *to))).collect();
        controls.push(into(id, services, internet()));
    }
    let ports: ServiceSet = [Protocol::TCP.services(), Protocol::UDP.services()].into_iter().collect();
    let unauthorized = ports.difference(&settings.authorized());
    controls.push(into("internet-unauthorized-port", unauthorized.clone(), internet()));
    // Type 3 code 4, path-MTU discovery; ICMPv6 types 1 to 4.
    let harmless = [Protocol::ICMP.ports(0x0304, 0x0304), Protocol::ICMPV6.ports(0x0100, 0x04ff)].into_iter().collect();
    let icmp: ServiceSet = [Protocol::ICMP.services(), Protocol::ICMPV6.services()].into_iter().collect();
    controls.push(into("internet-icmp", icmp.difference(&harmless), internet()));
    let portless = ServiceSet::from(Interval::new(0, LAST_SERVICE)).difference(&icmp.union(&ports));
    controls.push(into("internet-other-protocol", portless, internet()));
    controls.push(into("wide-public-source", unauthorized, PeerTest::Wide));
    controls.push(everything("internet-egress-all", Direction::Egress));
    controls
}

fn hygiene(settings: &Arc<Settings>) -> Vec<Control> {
    let kinds = Hygiene::all().into_iter().map(|kind| match kind {
        // Without keys it is not judged at all.
        Hygiene::MissingRequiredTag(_) => {
            Hygiene::MissingRequiredTag(vec!["Environment".to_owned(), "Owner".to_owned()])
        }
        kind => kind,
    });
    kinds
        .map(|kind| {
            let metadata = kind.metadata();
            control(metadata.id, metadata.severity, ControlKind::Hygiene(kind), settings)
        })
        .collect()
}

fn control(id: &str, severity: Severity, kind: ControlKind, settings: &Arc<Settings>) -> Control {
    // As long as the real ones, since findings take their remediation from here.
    let remediation = "Admit the port only from the security groups of the applications that use it.".to_owned();
    Control {
        id: CompactString::from(id),
        rule_id: None,
        severity,
        text: ControlText { title: id.to_owned(), remediation, ..ControlText::default() },
        frameworks: Vec::new(),
        kind,
        scope: Scope::default(),
        settings: Arc::clone(settings),
        allowed: Arc::default(),
    }
}
