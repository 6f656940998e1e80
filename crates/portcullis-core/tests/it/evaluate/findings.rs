//! Findings themselves: their evidence, ids, order, and which implies which.

use std::collections::BTreeMap;

use portcullis_core::evaluate::{Options, evaluate};
use portcullis_core::finding::{Evaluation, Finding, Status};
use portcullis_core::model::Inventory;
use portcullis_core::policy::PolicySet;
use proptest::prelude::*;

use super::random::{OWN, SURROUNDINGS, any_world, lines, pair};
use crate::fixture::{SHIPPED, cases, control, group, judged, now, policy, shipped, world};

/// A finding's evidence, a row a line: protocol, ports, peers, rules, share in per mille.
fn evidence(finding: &Finding) -> Vec<String> {
    let row = |row: &portcullis_core::finding::Evidence| {
        let share = row.internet_share.map_or(String::new(), |share| format!(" {:.0}‰", share * 1000.0));
        format!("{} {} from {} by {:?}{share}", row.protocol, row.ports, row.peers.join(", "), row.rules)
    };
    finding.evidence.iter().map(row).collect()
}

fn check(line: &str, text: &str, expected: &[&str]) {
    let evaluation = judged(&world(text), &policy([pair(line).0]));
    assert_eq!(evaluation.findings.len(), 1, "{line} on\n{text}");
    assert_eq!(evidence(&evaluation.findings[0]), expected, "{line} on\n{text}");
}

#[test]
fn evidence_names_ports_peers_rules_and_share() {
    let ssh = "ssh high ingress tcp:22 any internet";
    check(ssh, "ingress tcp 22 from 0.0.0.0/0", &["tcp 22 from 0.0.0.0/0 by [0] 1000‰"]);
    check(
        ssh,
        "ingress tcp 443 from 10.0.0.0/8\ningress all from 0.0.0.0/1, 128.0.0.0/1",
        &["tcp 22 from 0.0.0.0/0 by [1, 2] 1000‰"],
    );
    // An office beside the internet is not at fault.
    check(ssh, "ingress tcp 22 from 52.1.2.3/32, 0.0.0.0/0, sg-b", &["tcp 22 from 0.0.0.0/0 by [1] 1000‰"]);
    check(
        ssh,
        "ingress tcp 20-30 from 0.0.0.0/2\ningress all from ::/0",
        &["tcp 22 from 0.0.0.0/2 by [0] 281‰", "tcp 22 from ::/0 by [1] 1000‰"],
    );
    check(ssh, "list pl-a = 0.0.0.0/2\ningress tcp 22 from pl-a", &["tcp 22 from 0.0.0.0/2 by [0] 281‰"]);
}

#[test]
fn evidence_is_apart_where_peers_or_rules_are() {
    let range = "range high ingress tcp:20-30 any internet";
    check(
        range,
        "ingress tcp 25-40 from 0.0.0.0/1\ningress tcp 0-26 from 128.0.0.0/1",
        &[
            "tcp 20-24 from 128.0.0.0/1 by [1] 435‰",
            "tcp 25-26 from 0.0.0.0/0 by [0, 1] 1000‰",
            "tcp 27-30 from 0.0.0.0/1 by [0] 565‰",
        ],
    );
    check(
        "everything critical ingress all everything internet",
        "ingress tcp 0-32767 from 0.0.0.0/0\ningress tcp 32768-65535 from 0.0.0.0/0",
        &["tcp 0-32767 from 0.0.0.0/0 by [0] 1000‰", "tcp 32768-65535 from 0.0.0.0/0 by [1] 1000‰"],
    );
    check(
        "everything critical ingress all everything internet",
        "ingress all from 0.0.0.0/0",
        &["-1 all from 0.0.0.0/0 by [0] 1000‰"],
    );
    check(
        "others medium ingress 0-0+2-5+7-16+18-57+59-255 any internet",
        "ingress all from 0.0.0.0/0",
        &["0,2-5,7-16,18-57,59-255 all from 0.0.0.0/0 by [0] 1000‰"],
    );
}

#[test]
fn evidence_of_other_tests_names_exactly_the_offending_peers() {
    let only = "only high ingress tcp:22 any outside 10.0.0.0/8";
    check(only, "ingress tcp 22 from 10.0.0.0/7, sg-b, 127.0.0.0/8", &["tcp 22 from 11.0.0.0/8 by [0]"]);
    check(
        "not high ingress tcp:22 any 17.0.0.0/8, sg-b",
        "ingress tcp 22 from 17.1.0.0/16, sg-b, 18.0.0.0/8",
        &["tcp 22 from 17.1.0.0/16, sg-b by [0, 1]"],
    );
    check(
        "any high ingress tcp:22 any any",
        "ingress tcp 22 from 10.0.0.1/32, 999999999999/sg-b",
        &["tcp 22 from 10.0.0.1/32, 999999999999/sg-b by [0, 1]"],
    );
    check("any high ingress tcp:22 any any", "list pl-u ?\ningress tcp 22 from pl-u", &["tcp 22 from pl-u by [0]"]);
    check(
        "ssh high ingress tcp:22 any internet",
        "list pl-u ?\ningress tcp 22 from pl-u, 18.0.0.0/8",
        &["tcp 22 from pl-u by [0]", "tcp 22 from pl-u by [0]"],
    );
}

#[test]
fn a_group_of_a_thousand_nested_ranges_has_evidence_of_bounded_size() {
    let nested: String = (0..1000)
        .map(|n| format!("ingress tcp {}-{} from {}.{}.0.0/15\n", 1 + n, 60_000 - n, 17 + n / 128, n % 128 * 2))
        .collect();
    let evaluation = judged(&world(&nested), &policy([control("range high ingress tcp any internet")]));
    let finding = &evaluation.findings[0];
    let names: usize = finding.evidence.iter().map(|row| row.peers.len() + row.rules.len()).sum();
    assert!(names < 1 << 17, "{names}");
    // Nothing is left out: every port that is open is in some row.
    let services = finding.traffic.services();
    let of = |port: u16| services.contains(6 << 16 | u32::from(port));
    // A /15 is 2^17 addresses, so 128 of them are a /8, and 129 more than that.
    assert!(!of(128) && of(129) && of(30_000) && of(60_000 - 128) && !of(60_000 - 127));
    let rows: Vec<&str> = finding.evidence.iter().flat_map(|row| row.ports.split(',')).collect();
    assert!(rows.iter().any(|ports| ports.starts_with("129")), "{rows:?}");
}

#[test]
fn a_broader_finding_implies_those_within_it() {
    let implied = |text: &str| -> BTreeMap<String, String> {
        let (inventory, policies) = (world(text), policy(shipped()));
        let evaluation = judged(&inventory, &policies);
        let name = |finding: &Finding| policies.control(finding).unwrap().id.to_string();
        let by_id: BTreeMap<_, _> =
            evaluation.findings.iter().map(|finding| (finding.id.clone(), name(finding))).collect();
        let broader = |finding: &Finding| finding.implied_by.as_ref().map_or("-".to_owned(), |id| by_id[id].clone());
        evaluation.findings.iter().map(|finding| (name(finding), broader(finding))).collect()
    };
    let of = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<BTreeMap<_, _>>()
    };

    let all = implied("ingress all from 0.0.0.0/0");
    assert!(
        all.iter().all(
            |(id, by)| (id == "internet-all-traffic") == (by == "-") && (by == "-" || by == "internet-all-traffic")
        ),
        "{all:?}"
    );
    assert_eq!(
        implied("ingress tcp 22 from 0.0.0.0/0"),
        of(&[
            ("internet-high-risk-port", "-"),
            ("internet-ssh", "internet-high-risk-port"),
            ("internet-unauthorized-port", "internet-high-risk-port")
        ])
    );
    // Of two that are not within each other neither implies the other.
    assert_eq!(
        implied("ingress tcp 22 from 0.0.0.0/0\ningress tcp 6379 from 0.0.0.0/0"),
        of(&[
            ("internet-high-risk-port", "-"),
            ("internet-ssh", "internet-unauthorized-port"),
            ("internet-redis", "internet-unauthorized-port"),
            ("internet-unauthorized-port", "-"),
        ])
    );
    // Broader in ports, not in families.
    let split = implied("ingress tcp all from 0.0.0.0/0\ningress tcp 22 from ::/0");
    assert_eq!(
        (split["internet-all-traffic"].as_str(), split["internet-telnet"].as_str()),
        ("-", "internet-all-traffic")
    );
    assert_ne!(split["internet-ssh"], "internet-all-traffic");
    // Egress and ingress are apart.
    let both = implied("ingress all from 0.0.0.0/0\negress all to 0.0.0.0/0");
    assert_eq!(both["internet-egress-all"], "-");
}

#[test]
fn only_what_stands_as_the_broader_one_does_is_implied_by_it() {
    let policies = policy(shipped());
    let text = "list pl-u ? ipv4\ningress all from pl-u\ningress tcp 22 from 0.0.0.0/0";
    let evaluation = judged(&world(text), &policies);
    let ssh =
        evaluation.findings.iter().find(|finding| policies.control(finding).unwrap().id == "internet-ssh").unwrap();
    let by = evaluation.findings.iter().find(|finding| Some(&finding.id) == ssh.implied_by.as_ref());
    assert_eq!(ssh.status, Status::Fail);
    assert!(by.is_none_or(|by| by.status == Status::Fail), "what is not known does not imply what is");
}

#[test]
fn findings_are_sorted_by_severity_then_account_region_group_control() {
    let mut inventory = Inventory::default();
    for (account, region, id) in [("2", "b", "sg-1"), ("2", "a", "sg-2"), ("1", "b", "sg-3"), ("1", "b", "sg-2")] {
        let mut group = group(id, "ingress tcp 22-23 from 0.0.0.0/0\negress all to 0.0.0.0/0");
        (group.key.account_id, group.key.region) = (account.into(), region.into());
        inventory.groups.push(group);
    }
    inventory.groups.sort_by(|a, b| a.key.cmp(&b.key));
    let policies = policy(shipped().into_iter().rev());
    let evaluation = judged(&inventory, &policies);
    let key = |finding: &Finding| {
        let control = policies.control(finding).unwrap();
        (std::cmp::Reverse(control.severity), inventory.groups[finding.group].key.clone(), control.id.clone())
    };
    let keys: Vec<_> = evaluation.findings.iter().map(key).collect();
    assert_eq!(keys.len(), 20);
    assert!(keys.is_sorted(), "{keys:?}");
}

#[test]
fn passes_are_listed_where_they_are_wanted() {
    let policies = policy(shipped());
    let evaluation = evaluate(&world("ingress tcp 22 from 0.0.0.0/0"), &policies, now(), Options { passes: true });
    assert_eq!(evaluation.findings.len(), policies.controls.len());
    assert_eq!(evaluation.with_status(Status::Pass), policies.controls.len() - 3);
    let ids: std::collections::BTreeSet<_> = evaluation.findings.iter().map(|finding| finding.id.clone()).collect();
    assert_eq!(ids.len(), policies.controls.len(), "each has an id of its own");
}

#[test]
fn the_score_counts_the_broader_finding_only() {
    let policies = policy(shipped());
    let score = |text: &str| judged(&world(text), &policies).score(&policies);
    assert_eq!(score("ingress tcp 443 from 0.0.0.0/0"), 100);
    assert_eq!(score("ingress all from 0.0.0.0/0"), 75);
    assert_eq!(score("ingress tcp 80 from 0.0.0.0/0"), 99);
    assert_eq!(score("ingress tcp 8443 from 104.16.0.0/13"), 95);
}

/// What tells findings apart to a user: everything but the places of rules, which depend on their order.
#[expect(clippy::type_complexity, reason = "one row of a table, compared and printed whole")]
fn told(
    evaluation: &Evaluation,
    policies: &PolicySet,
) -> Vec<(String, String, Status, String, Vec<String>, Option<String>)> {
    let row = |row: &portcullis_core::finding::Evidence| {
        format!("{} {} {:?} {:?}", row.protocol, row.ports, row.peers, row.internet_share)
    };
    let tell = |finding: &Finding| {
        let id = policies.control(finding).unwrap().id.to_string();
        let rows = finding.evidence.iter().map(row).collect();
        (
            id,
            finding.id.to_string(),
            finding.status,
            finding.reason.clone(),
            rows,
            finding.implied_by.as_ref().map(ToString::to_string),
        )
    };
    evaluation.findings.iter().map(tell).collect()
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn findings_are_the_same_in_any_order_of_rules_and_with_any_ids(rules in any_world(6), seed in any::<u64>()) {
        let policies = policy(lines(SHIPPED).chain(lines(OWN)).map(|line| pair(line).0));
        let mut inventory = world(&format!("{SURROUNDINGS}{rules}"));
        let before = told(&judged(&inventory, &policies), &policies);
        for group in &mut inventory.groups {
            let turn = usize::try_from(seed % 7).unwrap() % group.rules.len().max(1);
            group.rules.rotate_left(turn);
            if seed.is_multiple_of(2) {
                group.rules.reverse();
            }
            group.key.region = "elsewhere".into();
            for (place, rule) in group.rules.iter_mut().enumerate() {
                rule.id = format!("sgr-{place}").into();
                rule.line = 7;
                rule.description = "new".into();
            }
        }
        prop_assert_eq!(before, told(&judged(&inventory, &policies), &policies));
    }

    #[test]
    fn no_verdict_depends_on_which_other_controls_ran(rules in any_world(4)) {
        let all: Vec<_> = lines(SHIPPED).chain(lines(OWN)).map(|line| pair(line).0).collect();
        let inventory = world(&format!("{SURROUNDINGS}{rules}"));
        let policies = policy(all.clone());
        let together = told(&judged(&inventory, &policies), &policies);
        for control in all {
            let alone = policy([control]);
            for (id, finding, status, reason, rows, _) in told(&judged(&inventory, &alone), &alone) {
                let same = together.iter().any(|(i, f, s, r, e, _)| (i, f, s, r, e) == (&id, &finding, &status, &reason, &rows));
                prop_assert!(same, "{} alone", id);
            }
        }
    }
}
