//! Random groups under all controls: the evaluator and the naive judge say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portcullis_core::evaluate::{Evaluator, Options};
use portcullis_core::finding::{Finding, Status};
use portcullis_core::net::{Family, PeerSet, Symbol};
use portcullis_core::policy::{AllowedPeers, AllowedRule, Control, Scope};
use proptest::prelude::*;
use regex::Regex;

use crate::fixture::{self, SHIPPED, cases, judged, now, policy, service_set};
use crate::naive::{self, At, Both, Cause, Violation};

/// Services that rules are made of, as fixtures write them; what opens everything comes often.
const SERVICES: &[(u32, &str)] = &[
    (6, "all"),
    (3, "tcp all"),
    (3, "tcp 1-65535"),
    (2, "tcp 2-65535"),
    (3, "tcp 0-32767"),
    (3, "tcp 32768-65535"),
    (3, "udp all"),
    (1, "udp 1-40000"),
    (1, "udp 30000-65535"),
    (4, "tcp 22"),
    (2, "tcp 20-25"),
    (2, "tcp 0-22"),
    (2, "tcp 80"),
    (3, "tcp 443"),
    (2, "tcp 80-443"),
    (1, "tcp 0"),
    (1, "udp 0"),
    (2, "tcp 3000-9500"),
    (2, "udp 53-161"),
    (1, "udp 3389"),
    (3, "icmp all"),
    (1, "icmp 3/4"),
    (1, "icmp 3/*"),
    (1, "icmp 8/0"),
    (2, "icmpv6 all"),
    (1, "icmpv6 1/*"),
    (1, "icmpv6 128/0"),
    (1, "47"),
    (1, "0"),
    (1, "255"),
];

/// Peers around every threshold, public, private, mixed and neither.
pub(crate) const PEERS: &[(u32, &str)] = &[
    (6, "0.0.0.0/0"),
    (4, "0.0.0.0/1"),
    (4, "128.0.0.0/1"),
    (1, "64.0.0.0/2"),
    (2, "16.0.0.0/7"),
    (2, "8.0.0.0/7"),
    (2, "17.0.0.0/8"),
    (2, "18.0.0.0/8"),
    (1, "172.0.0.0/8"),
    (1, "192.0.0.0/8"),
    (2, "17.0.0.0/9"),
    (1, "17.128.0.0/9"),
    (2, "44.0.0.0/8"),
    (1, "44.0.0.0/10"),
    (1, "19.0.0.0/15"),
    (2, "19.0.0.0/16"),
    (2, "19.1.0.0/16"),
    (1, "19.2.0.0/17"),
    (2, "52.1.2.3/32"),
    (1, "19.0.0.9/32"),
    (3, "10.0.0.0/8"),
    (1, "192.168.0.0/16"),
    (1, "100.64.0.0/10"),
    (1, "127.0.0.0/8"),
    (1, "127.0.0.1/32"),
    (1, "203.0.113.0/24"),
    (1, "224.0.0.0/3"),
    (6, "::/0"),
    (2, "::/1"),
    (2, "2000::/3"),
    (1, "3000::/4"),
    (1, "2600::/15"),
    (2, "2600::/16"),
    (1, "2601::/16"),
    (1, "2600::/17"),
    (1, "2602:1::/31"),
    (1, "2602:1::/32"),
    (1, "2602:2::/33"),
    (1, "2602:1::7/128"),
    (1, "2001::/16"),
    (1, "2001:db8::/32"),
    (1, "fc00::/7"),
    (1, "fe80::/10"),
    (1, "::1/128"),
    (2, "pl-halves"),
    (1, "pl-mixed"),
    (1, "pl-many"),
    (1, "pl-office"),
    (1, "pl-none"),
    (1, "pl-unread"),
    (1, "pl-unread4"),
    (1, "pl-unread6"),
    (1, "pl-missing"),
    (2, "sg-web"),
    (1, "sg-1"),
    (1, "sg-nameless"),
];

/// Controls of a kind that only policies have. After ` ; ` come allowances of the same file.
pub(crate) const OWN: &str = "
    any-22 high ingress tcp:22 any any
    any-everything high ingress all everything any
    any-icmp low ingress icmp+icmpv6 any any
    all-of-ftp high ingress tcp:20-21 all internet
    all-of-web low ingress tcp:80,443 all ipv4
    all-over-udp low ingress udp all internet
    only-ipv6 high ingress tcp:22,443 any ipv6
    tcp-everything high ingress tcp everything ipv4
    udp-everything high ingress udp everything internet
    all-any high ingress all any internet
    wide-443 medium ingress tcp:443 any wide
    internet-or-wide high ingress tcp:22-25 any internet | wide
    all-wide low ingress tcp:20-22 all wide
    not-from-ten high ingress all any 10.0.0.0/8
    not-from-44 high ingress tcp:22-3389 any 44.0.0.0/9
    not-from-six high ingress icmpv6+tcp:443 any 2602:1::/32
    not-from-mixed high ingress icmp+icmpv6 any 19.0.0.0/15, 2600::/16
    everything-from-44 high ingress all everything 44.0.0.0/9, 2600::/16
    not-from-web high ingress tcp:22-443 any sg-web
    not-from-office high ingress tcp:22 any pl-office
    not-from-unread high ingress tcp:22 any pl-unread
    not-from-unread6 high ingress tcp:22 any pl-unread6
    not-from-missing high ingress tcp:22 any pl-missing, 19.0.0.0/16
    not-from-none high ingress tcp:22 any pl-none
    all-from-44 high ingress tcp:20-22 all 44.0.0.0/9
    private-only high ingress tcp:22-3389+icmp any outside 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16, fc00::/7
    private-everything high ingress all everything outside 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16, fc00::/7
    from-office-only high ingress tcp:22 any outside 19.0.0.0/15, 52.1.2.3/32
    from-list-only high ingress tcp:22 any outside pl-office
    from-unread-only high ingress tcp:22 any outside pl-unread
    from-unread4-only high ingress tcp:22 any outside pl-unread4, 2602:1::/32
    half-only high ingress tcp:22 any outside 0.0.0.0/1, ::/1
    nobody-at-all high ingress tcp:21-23 any outside sg-web
    all-outside high ingress tcp:20-22 all outside 10.0.0.0/8
    out-any high egress tcp:25 any any
    out-everything low egress all everything internet
    out-outside medium egress tcp any outside 10.0.0.0/8
    ssh-but-half high ingress tcp:22 any internet ; tcp:22 0.0.0.0/1
    ssh-but-private high ingress tcp any internet ; tcp:22-443 0.0.0.0/2, 128.0.0.0/1, ::/0
    ssh-but-list high ingress tcp:22 any internet ; tcp:22 pl-halves
    ssh-but-unread high ingress tcp:22 any internet ; tcp:22 pl-unread
    ssh-but-unread6 high ingress tcp:22 any internet ; tcp pl-unread6
    ssh-but-all high ingress tcp:22 any internet ; tcp:22 0.0.0.0/0
    any-but-web high ingress tcp:22 any any ; tcp:1-100 named web
    any-but-web-and-office high ingress tcp any any ; tcp:22-443 named web ; tcp pl-office, sg-1
    any-but-port high ingress tcp:20-25 any any ; tcp:22 anyone
    everything-but-443 critical ingress all everything internet ; tcp:443 anyone
    office-but-44 high ingress tcp:22-443 any outside 19.0.0.0/16 ; tcp:22 44.0.0.0/8, ::/0 ; tcp:443 anyone
    wide-but-44 high ingress tcp any wide ; tcp 44.0.0.0/8
";

/// What stands around the rules.
pub(crate) const SURROUNDINGS: &str = "group sg-web named web-servers
        list pl-halves = 0.0.0.0/1, 128.0.0.0/1
        list pl-mixed = 17.0.0.0/9, 10.0.0.0/8, 2600::/17
        list pl-many = 60.0.0.0/8, 61.0.0.0/11, 61.32.0.0/13, 61.40.0.0/14
        list pl-office = 19.0.0.0/16, 52.1.2.3/32
        list pl-none =
        list pl-unread ?
        list pl-unread4 ? ipv4
        list pl-unread6 ? ipv6\n";

fn weighted(table: &'static [(u32, &'static str)]) -> impl Strategy<Value = &'static str> {
    prop::strategy::Union::new_weighted(table.iter().map(|(weight, text)| (*weight, Just(*text))).collect())
}

/// Lines of rules; which peers there are to choose from is few, so that rules meet.
pub(crate) fn any_rules(most: usize) -> impl Strategy<Value = String> {
    let lines = prop::collection::vec((weighted(SERVICES), weighted(PEERS), prop::bool::weighted(0.85)), 1..=most);
    lines.prop_map(|lines| {
        let lines = lines.into_iter().map(|(services, peer, ingress)| {
            if ingress { format!("ingress {services} from {peer}\n") } else { format!("egress {services} to {peer}\n") }
        });
        // A group cannot hold the same rule twice.
        lines.collect::<BTreeSet<String>>().into_iter().collect()
    })
}

/// Rules, and sometimes a VPC around them.
pub(crate) fn any_world(most: usize) -> impl Strategy<Value = String> {
    let vpc = prop_oneof![
        3 => Just(""),
        1 => Just("vpc 10.0.0.0/16"),
        1 => Just("vpc 10.0.0.0/16, 44.0.0.0/9, 2600::/17"),
    ];
    (vpc, any_rules(most)).prop_map(|(vpc, rules)| format!("{vpc}\n{rules}"))
}

/// A control both as a core value and as the naive judge reads it.
pub(crate) fn pair(line: &str) -> (Control, naive::Control) {
    let mut parts = line.split(" ; ");
    let own = parts.next().unwrap();
    let (mut real, mut model) = (fixture::control(own), naive::control(own));
    let mut allowed = Vec::new();
    for text in parts {
        model.allowed.push(naive::allowed(text));
        let (services, who) = text.split_once(' ').unwrap();
        let peers = match who.strip_prefix("named ") {
            Some(start) => AllowedPeers::GroupsNamed(Regex::new(&format!("^{start}.*$")).unwrap()),
            None if who == "anyone" => AllowedPeers::Anyone,
            None => AllowedPeers::Only(fixture::peers(who)),
        };
        let (services, scope) = (service_set(&services.replace('+', " ")), Scope::default());
        let direction = if model.ingress {
            portcullis_core::model::Direction::Ingress
        } else {
            portcullis_core::model::Direction::Egress
        };
        allowed.push(AllowedRule { rule_id: "ALLOWED".into(), direction, services, peers, scope });
    }
    real.allowed = Arc::new(allowed);
    (real, model)
}

pub(crate) fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// The services of a row of evidence, read back.
fn row_covers(protocols: &str, ports: &str, at: At) -> bool {
    let protocol = protocols.split(',').any(|text| match text.split_once('-') {
        Some(("", "1")) => true,
        Some((low, high)) => (low.parse::<u16>().unwrap()..=high.parse().unwrap()).contains(&at.0),
        None => naive::protocol(text) == at.0,
    });
    let icmp = at.0 == 1 || at.0 == 58;
    let number = |text: &str, code: u32| match text.split_once('/') {
        Some((kind, code)) => kind.parse::<u32>().unwrap() * 256 + code.parse::<u32>().unwrap(),
        None if icmp => text.parse::<u32>().unwrap() * 256 + code,
        None => text.parse().unwrap(),
    };
    protocol
        && (ports == "all"
            || ports.split(',').any(|text| {
                let (low, high) = text.split_once('-').unwrap_or((text, text));
                (number(low, 0)..=number(high, 255)).contains(&at.1)
            }))
}

fn spans(peers: Option<&PeerSet>) -> (Both, BTreeSet<String>) {
    let Some(peers) = peers else { return Default::default() };
    let v4 = peers.addresses.v4.intervals().iter().map(|span| (span.low.into(), span.high.into()));
    let v6 = peers.addresses.v6.intervals().iter().map(|span| (span.low, span.high));
    let names = peers.symbols.iter().map(|symbol| match symbol {
        Symbol::Group { account, id } if account.is_empty() => id.to_string(),
        Symbol::Group { account, id } => format!("{account}/{id}"),
        Symbol::PrefixList(id) => id.to_string(),
    });
    ([v4.collect(), v6.collect()], names.collect())
}

/// Compares one control's finding with the naive judge's violations.
fn compare(
    model: &naive::World,
    control: &naive::Control,
    points: &[At],
    finding: Option<&Finding>,
) -> Result<(), TestCaseError> {
    let id = &control.id;
    let best = model.violations(control, points, false);
    let (expected, violations) = match &best[..] {
        [] => {
            let worst = model.violations(control, points, true);
            if worst.is_empty() { (None, worst) } else { (Some(Status::Unknown), worst) }
        }
        _ => (Some(Status::Fail), best),
    };
    prop_assert_eq!(finding.map(|finding| finding.status), expected, "status of {}", id);
    let Some(finding) = finding else { return Ok(()) };

    let measures = violations.iter().all(|violation| violation.family.is_some());
    let mut families: BTreeSet<usize> = violations.iter().filter_map(|violation| violation.family).collect();
    for cause in violations.iter().flat_map(|violation| violation.points.values()) {
        families.extend((0..2).filter(|family| !cause.spans[*family].is_empty()));
    }
    let found: BTreeSet<usize> = finding.families.iter().map(|family| usize::from(*family == Family::Ipv6)).collect();
    if measures || expected == Some(Status::Fail) {
        prop_assert_eq!(&found, &families, "families of {}", id);
    }
    if expected == Some(Status::Fail) {
        for at in points {
            evidence(model, control, *at, &violations, finding)?;
        }
    }
    Ok(())
}

fn evidence(
    model: &naive::World,
    control: &naive::Control,
    at: At,
    violations: &[Violation],
    finding: &Finding,
) -> Result<(), TestCaseError> {
    let id = &control.id;
    let causes: Vec<&Cause> = violations.iter().filter_map(|violation| violation.points.get(&at)).collect();
    let service = u32::from(at.0) << 16 | at.1;
    let (mut have, names) = spans(finding.traffic.peers_at(service));
    // What carries no traffic may be named beside what does, and decides nothing.
    (0..2).filter(|family| naive::void(at, *family)).for_each(|family| have[family].clear());
    if naive::void(at, 0) && naive::void(at, 1) {
        return Ok(());
    }
    let mut want = causes.iter().fold(Both::default(), |all, cause| naive::union(&all, &cause.spans));
    (0..2).filter(|family| naive::void(at, *family)).for_each(|family| want[family].clear());
    prop_assert_eq!(&have, &want, "traffic of {} at {:?}", id, at);
    let want: BTreeSet<String> = causes.iter().flat_map(|cause| cause.names.clone()).collect();
    prop_assert_eq!(&names, &want, "names in the traffic of {} at {:?}", id, at);

    let exact = !naive::void(at, 0) && !naive::void(at, 1);
    let rows: Vec<_> = finding.evidence.iter().filter(|row| row_covers(&row.protocol, &row.ports, at)).collect();
    for violation in violations {
        let Some(cause) = violation.points.get(&at) else { continue };
        let rules: Vec<usize> = cause.rules.iter().copied().collect();
        let share = |public: u128| {
            #[expect(clippy::cast_precision_loss, reason = "a share is compared roughly")]
            let share = public as f64 / naive::size(&model.public()[violation.family.unwrap()]) as f64;
            share
        };
        let fits = |row: &&&portcullis_core::finding::Evidence| {
            let shares = match (cause.public, row.internet_share) {
                (Some(public), Some(found)) => (share(public) - found).abs() < 1e-9,
                (None, None) => true,
                _ => false,
            };
            let blocks = row.peers.iter().filter_map(|text| naive::cidr(text));
            let blocks = blocks.fold(Both::default(), |all, one| naive::union(&all, &one));
            // Where one family carries nothing, its rules may be named beside.
            let same_rules = row.rules == rules || (!exact && rules.iter().all(|rule| row.rules.contains(rule)));
            same_rules && shares && (0..2).all(|f| naive::void(at, f) || blocks[f] == cause.spans[f])
        };
        let count = rows.iter().filter(fits).count();
        prop_assert_eq!(count, 1, "rows for {} at {:?}: {:?}, wanted {:?}", id, at, &rows, cause);
    }
    // One row for each test and family that is violated there, and none beside.
    prop_assert!(rows.len() == causes.len() || !exact, "rows for {} at {:?}: {:?}", id, at, rows);
    Ok(())
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn every_verdict_is_what_the_contract_says(world in any_world(5)) {
        let (real, model): (Vec<_>, Vec<_>) = lines(SHIPPED).chain(lines(OWN)).map(pair).unzip();
        let world = format!("{SURROUNDINGS}{world}");
        let (inventory, policies) = (fixture::world(&world), policy(real));
        let naive = naive::world(&world);
        let points = naive.points(&model);
        let evaluation = judged(&inventory, &policies);
        let sg_1 = inventory.groups.iter().position(|group| group.key.group_id == "sg-1").unwrap();
        let own: Vec<&Finding> = evaluation.findings.iter().filter(|finding| finding.group == sg_1).collect();
        // The first stage says no more and no less than the findings.
        let verdicts = Evaluator::new(&inventory, &policies, now(), Options::default()).verdicts(sg_1..sg_1 + 1);
        let found: BTreeMap<usize, Status> = own.iter().map(|finding| (finding.control, finding.status)).collect();
        prop_assert_eq!(verdicts.of_group(sg_1).collect::<BTreeMap<_, _>>(), found);
        for (place, control) in model.iter().enumerate() {
            let mut findings = own.iter().filter(|finding| finding.control == place);
            compare(&naive, control, &points, findings.next().copied())?;
            prop_assert!(findings.next().is_none(), "two findings of {}", control.id);
        }
    }
}
