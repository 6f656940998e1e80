//! A scene small enough to read: four groups, a handful of controls, and findings of every kind, made by hand so that a
//! change of the evaluator does not change what reports are tested on.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use portcullis_core::controls::Hygiene;
use portcullis_core::finding::{Evaluation, Evidence, Finding, ItemStatus, NotJudged, Status};
use portcullis_core::model::{
    Coverage, CoverageStatus, Direction, GroupKey, Inventory, PrefixList, Rule, SecurityGroup,
};
use portcullis_core::net::{Family, PeerSet, Protocol, RuleServices, Traffic};
use portcullis_core::policy::{
    Control, ControlKind, ControlText, ExemptedRules, Exemption, ExemptionTarget, Framework, FrameworkItem,
    FrameworkReference, Match, PeerTest, PolicySet, Scope, Settings, Severity, TrafficRule,
};
use portcullis_report::Report;

/// An inventory, what it is judged by, and what came of it.
#[derive(Clone, Default)]
pub(crate) struct Scene {
    pub(crate) inventory: Inventory,
    pub(crate) policies: PolicySet,
    pub(crate) evaluation: Evaluation,
}

impl Scene {
    pub(crate) fn report(&self) -> Report<'_> {
        let scanned_at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        Report::new(&self.inventory, &self.policies, &self.evaluation, scanned_at, "0.1.0")
    }

    /// The text that a renderer writes.
    pub(crate) fn text(&self, render: impl FnOnce(&Report<'_>, &mut Vec<u8>) -> std::io::Result<()>) -> String {
        let mut out = Vec::new();
        render(&self.report(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}

/// Reads `ingress tcp 22 from 0.0.0.0/0`, with `-1` for everything and a number for a protocol without ports.
pub(crate) fn rule(text: &str) -> Rule {
    let words: Vec<&str> = text.split(' ').collect();
    let [direction, protocol, ports, _, peer] = words[..] else { panic!("`{text}` is no rule") };
    let direction = if direction == "ingress" { Direction::Ingress } else { Direction::Egress };
    let services = match (Protocol::parse(protocol), ports) {
        (None, _) => RuleServices::All,
        (Some(protocol), "all") => RuleServices::whole(protocol),
        (Some(protocol), ports) => {
            let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
            RuleServices::Ports(protocol, from.parse().unwrap(), to.parse().unwrap())
        }
    };
    Rule::new(direction, services, peer.parse().unwrap())
}

pub(crate) fn group(id: &str, name: &str, rules: &[&str]) -> SecurityGroup {
    let key = GroupKey { account_id: "111122223333".into(), region: "us-east-1".into(), group_id: id.into() };
    let rules = rules.iter().enumerate().map(|(index, text)| Rule { line: 10 + index as u32, ..rule(text) });
    SecurityGroup {
        key,
        name: name.into(),
        description: "made for a test".into(),
        vpc_id: "vpc-0aaa".into(),
        rules: rules.collect(),
        line: 7,
        ..SecurityGroup::default()
    }
}

pub(crate) fn internet(id: &str, severity: Severity, title: &str, services: &[(Protocol, u16, u16)]) -> Control {
    let services = services.iter().map(|(protocol, from, to)| protocol.ports(*from, *to)).collect();
    let peers = vec![PeerTest::Internet(BTreeSet::from(Family::ALL))];
    let rule = TrafficRule { direction: Direction::Ingress, services, matching: Match::Any, peers };
    control(id, severity, title, ControlKind::Traffic(rule))
}

pub(crate) fn control(id: &str, severity: Severity, title: &str, kind: ControlKind) -> Control {
    Control {
        id: id.into(),
        rule_id: None,
        severity,
        text: ControlText {
            title: title.to_owned(),
            description: format!("{title}."),
            reason: "Everybody can try.".to_owned(),
            remediation: "Admit only those who need it.".to_owned(),
        },
        frameworks: Vec::new(),
        kind,
        scope: Scope::default(),
        settings: Arc::new(Settings::default()),
        allowed: Arc::new(Vec::new()),
    }
}

pub(crate) fn evidence(protocol: &str, ports: &str, peers: &[&str], rules: &[usize], share: Option<f64>) -> Evidence {
    Evidence {
        protocol: protocol.into(),
        ports: ports.into(),
        peers: peers.iter().map(|peer| (*peer).into()).collect(),
        rules: rules.to_vec(),
        internet_share: share,
    }
}

pub(crate) fn finding(id: &str, control: usize, group: usize, status: Status) -> Finding {
    Finding {
        id: id.into(),
        control,
        group,
        status,
        direction: Some(Direction::Ingress),
        families: Vec::new(),
        evidence: Vec::new(),
        traffic: Traffic::none(),
        reason: String::new(),
        remediation: String::new(),
        implied_by: None,
        exemption: None,
        used: None,
    }
}

/// What a rule admits.
pub(crate) fn admitted(text: &str) -> Traffic {
    let rule = rule(text);
    let peers: PeerSet = [rule.peer.cidr().unwrap()].into_iter().collect::<portcullis_core::net::AddressSet>().into();
    Traffic::from_boxes([(rule.services.interval(), peers)])
}

fn policies() -> PolicySet {
    let (tcp, udp) = (Protocol::TCP, Protocol::UDP);
    let mut all = internet(
        "internet-all-traffic",
        Severity::Critical,
        "All traffic open to the internet",
        &[(tcp, 1, 65535), (udp, 1, 65535)],
    );
    all.frameworks.push(FrameworkReference { label: "CIS 5.0 5.3".to_owned(), families: vec![Family::Ipv4] });
    let mut ssh = internet("internet-ssh", Severity::High, "SSH open to the internet", &[(tcp, 22, 22)]);
    ssh.frameworks = vec![
        FrameworkReference { label: "CIS 5.0 5.3".to_owned(), families: vec![Family::Ipv4] },
        FrameworkReference { label: "CIS 5.0 5.4".to_owned(), families: vec![Family::Ipv6] },
    ];
    let rdp =
        internet("internet-rdp", Severity::High, "RDP open to the internet", &[(tcp, 3389, 3389), (udp, 3389, 3389)]);
    let redundant =
        control("redundant-rule", Severity::Low, "Redundant rule", ControlKind::Hygiene(Hygiene::RedundantRule));
    let unused = control("unused-group", Severity::Low, "Unused group", ControlKind::Hygiene(Hygiene::UnusedGroup));
    let mut own = internet("prohibit-db", Severity::Medium, "Databases stay inside", &[(tcp, 5432, 5432)]);
    own.rule_id = Some("PROHIBIT_DB".into());
    let item = |id: &str, title: &str, controls: &[&str], families: Vec<Family>| FrameworkItem {
        id: id.to_owned(),
        title: title.to_owned(),
        controls: controls.iter().map(|id| (*id).into()).collect(),
        families,
    };
    let framework = Framework {
        pack: "cis-aws-5.0".to_owned(),
        name: "CIS Amazon Web Services Foundations Benchmark".to_owned(),
        label: "CIS 5.0".to_owned(),
        version: "5.0.0".to_owned(),
        document: "CIS Amazon Web Services Foundations Benchmark v5.0.0".to_owned(),
        items: vec![
            item(
                "5.3",
                "Ensure no security groups allow ingress from 0.0.0.0/0 to remote server administration ports",
                &["internet-ssh", "internet-all-traffic"],
                vec![Family::Ipv4],
            ),
            item(
                "5.4",
                "Ensure no security groups allow ingress from ::/0 to remote server administration ports",
                &["internet-ssh"],
                vec![Family::Ipv6],
            ),
            item("5.9", "An item that nothing judges", &["nothing"], Vec::new()),
        ],
    };
    let exemption = |target: ExemptionTarget, expires: Option<&str>, place: &str| Exemption {
        target,
        rules: ExemptedRules::Only(BTreeSet::from(["internet-rdp".into()])),
        reason: "migration until the new VPN is up".to_owned(),
        approved_by: "ciso@example.com".to_owned(),
        expires: expires.map(|end| end.parse().unwrap()),
        place: place.to_owned(),
    };
    PolicySet {
        controls: vec![all, ssh, rdp, redundant, unused, own],
        frameworks: vec![framework],
        exemptions: vec![
            exemption(ExemptionTarget::Group("sg-0003".into()), Some("2026-12-31T00:00:00Z"), "policy.yaml:12"),
            exemption(ExemptionTarget::Account("999900001111".into()), None, "policy.yaml:20"),
            exemption(ExemptionTarget::Group("sg-0001".into()), Some("2025-01-01T00:00:00Z"), "policy.yaml:28"),
        ],
        ..PolicySet::default()
    }
}

fn inventory() -> Inventory {
    let mut web = group(
        "sg-0001",
        "web-frontend",
        &[
            "ingress tcp 443-443 from 0.0.0.0/0",
            "ingress tcp 22 from 0.0.0.0/1",
            "ingress tcp 22 from 128.0.0.0/1",
            "egress -1 all to 0.0.0.0/0",
        ],
    );
    web.rules[1].id = "sgr-0a1b2c3d4e5f60001".into();
    web.rules[1].description = "temporary access for the contractor, please remove after the launch".into();
    let everything = group(
        "sg-0002",
        "legacy",
        &["ingress -1 all from 0.0.0.0/0", "ingress -1 all from ::/0", "ingress tcp 22 from 203.0.113.0/24"],
    );
    let lists = group("sg-0003", "batch", &["ingress tcp 3389 from 0.0.0.0/0", "ingress tcp 22 from pl-0abc"]);
    let clean = group("sg-0004", "private", &["ingress tcp 5432 from sg-0001", "ingress tcp 5432 from 10.0.0.0/8"]);
    let list = PrefixList { id: "pl-0abc".into(), name: "offices".into(), ..PrefixList::default() };
    Inventory {
        groups: vec![web, everything, lists, clean],
        prefix_lists: [("pl-0abc".into(), list)].into(),
        sources: vec!["examples/scene/groups.json".to_owned()],
        ..Inventory::default()
    }
}

/// Findings of every status; `internet-ssh` and `internet-rdp` on `sg-0002` lie within `internet-all-traffic`.
pub(crate) fn scene() -> Scene {
    let all = Finding {
        families: Family::ALL.to_vec(),
        evidence: vec![
            evidence("-1", "all", &["0.0.0.0/0"], &[0], Some(1.0)),
            evidence("-1", "all", &["::/0"], &[1], Some(1.0)),
        ],
        traffic: admitted("ingress -1 all from 0.0.0.0/0").union(&admitted("ingress -1 all from ::/0")),
        reason: "every port is open to all of the IPv4 and IPv6 internet".to_owned(),
        remediation: "admit only the ports that are served".to_owned(),
        ..finding("00000000000000a1", 0, 1, Status::Fail)
    };
    let halves = Finding {
        families: vec![Family::Ipv4],
        evidence: vec![evidence("tcp", "22", &["0.0.0.0/0"], &[1, 2], Some(1.0))],
        traffic: admitted("ingress tcp 22 from 0.0.0.0/0"),
        reason: "tcp 22 is open to all of the IPv4 internet".to_owned(),
        remediation: "admit port 22 only from the addresses of a VPN or bastion".to_owned(),
        ..finding("00000000000000b1", 1, 0, Status::Fail)
    };
    let within = |id: &str, control: usize, ports: &str| Finding {
        families: vec![Family::Ipv4],
        evidence: vec![evidence("tcp", ports, &["0.0.0.0/0"], &[0], Some(1.0))],
        reason: format!("tcp {ports} is open to all of the IPv4 internet"),
        implied_by: Some("00000000000000a1".into()),
        ..finding(id, control, 1, Status::Fail)
    };
    let own = Finding {
        families: vec![Family::Ipv4],
        evidence: vec![evidence("tcp", "5432", &["16.0.0.0/12"], &[1], None)],
        reason: "tcp 5432 is admitted from outside the allowed sources".to_owned(),
        ..finding("00000000000000c1", 5, 3, Status::Fail)
    };
    let redundant = Finding {
        evidence: vec![evidence("", "", &[], &[2], None)],
        reason: "`ingress tcp 22 from 203.0.113.0/24` is covered by other rules".to_owned(),
        remediation: "revoke it".to_owned(),
        ..finding("00000000000000d1", 3, 1, Status::Fail)
    };
    let unknown = Finding {
        evidence: vec![evidence("tcp", "22", &["pl-0abc"], &[1], None)],
        reason: "the entries of prefix list `pl-0abc` are not known".to_owned(),
        remediation: "add its entries to the inventory".to_owned(),
        ..finding("00000000000000e1", 1, 2, Status::Unknown)
    };
    let exempt = Finding {
        families: vec![Family::Ipv4],
        evidence: vec![evidence("tcp", "3389", &["0.0.0.0/0"], &[0], Some(1.0))],
        reason: "tcp 3389 is open to all of the IPv4 internet".to_owned(),
        remediation: "use Fleet Manager".to_owned(),
        exemption: Some(0),
        ..finding("00000000000000f1", 2, 2, Status::Exempt)
    };
    let pass = finding("00000000000000f2", 1, 3, Status::Pass);
    let findings = vec![
        all,
        halves,
        within("00000000000000a2", 1, "22"),
        within("00000000000000a3", 2, "3389"),
        exempt,
        unknown,
        pass,
        own,
        redundant,
    ];
    let covered = |account: &str, status: CoverageStatus, groups: usize, error: Option<&str>| Coverage {
        account_id: account.into(),
        region: "us-east-1".into(),
        status,
        groups,
        error: error.map(str::to_owned),
    };
    let status = |item: usize, status: Option<Status>, groups: usize| ItemStatus { framework: 0, item, status, groups };
    let evaluation = Evaluation {
        findings,
        groups: 4,
        coverage: vec![
            covered("111122223333", CoverageStatus::Complete, 4, None),
            covered(
                "444455556666",
                CoverageStatus::Unread,
                0,
                Some("access denied: `ec2:DescribeSecurityGroups` is not allowed"),
            ),
        ],
        not_judged: vec![NotJudged {
            control_id: "unused-group".into(),
            reason: "the inventory holds no `NetworkInterfaces`".to_owned(),
        }],
        expired_exemptions: vec![2],
        unused_exemptions: vec![1],
        items: vec![status(0, Some(Status::Fail), 2), status(1, Some(Status::Unknown), 1), status(2, None, 0)],
    };
    Scene { inventory: inventory(), policies: policies(), evaluation }
}

/// The same groups with nothing found.
pub(crate) fn clean() -> Scene {
    let mut scene = scene();
    scene.evaluation = Evaluation { groups: 4, ..Evaluation::default() };
    scene
}
