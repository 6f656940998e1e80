//! Cases one by one: what a dry run prints, which calls are made, and what is said when they fail.

use portcullis_core::model::{Direction, Rule, SecurityGroup, Tag};
use portcullis_core::remediation::{Change, difference};

use super::bench::{Bench, Tries, bare};
use crate::change::{Call, Limits, Planned, arrange, permission, rule};
use crate::error::Kind;
use crate::faults::Fate;
use crate::shapes::GroupRule;

/// `ID DIRECTION SERVICES PEER [DESCRIPTION]`, services as `tcp/22`, `tcp/1-5`, `icmp/8`, `47/`, `-1/`.
fn one(text: &str) -> Rule {
    let mut words = text.splitn(5, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (id, direction, services, peer, description) = (word(), word(), word(), word(), word());
    let (protocol, ports) = services.split_once('/').unwrap();
    let (from, to) = ports.split_once('-').unwrap_or((ports, if protocol.starts_with("icmp") { "-1" } else { ports }));
    let described = GroupRule {
        is_egress: direction == "egress",
        ip_protocol: protocol.to_owned(),
        from_port: from.parse().ok(),
        to_port: to.parse().ok(),
        cidr_ipv4: Some("0.0.0.0/0".to_owned()),
        ..GroupRule::default()
    };
    let peer = peer.parse().unwrap();
    let id = if id == "new" { "" } else { id };
    Rule { id: id.into(), description: description.into(), peer, ..rule(&described).unwrap() }
}

fn group(rules: &[&str]) -> SecurityGroup {
    SecurityGroup { rules: rules.iter().map(|text| one(text)).collect(), ..bare() }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: value.into() }
}

fn lines(calls: &[Planned]) -> Vec<String> {
    calls.iter().map(Planned::to_string).collect()
}

#[test]
fn a_dry_run_prints_a_line_a_call() {
    let mut from = group(&[
        "sgr-1 ingress tcp/22 0.0.0.0/0 ssh",
        "sgr-2 ingress udp/53 pl-1",
        "sgr-3 ingress tcp/80 ::/0",
        "sgr-4 egress -1/ 0.0.0.0/0",
    ]);
    from.rules[2].tags = [tag("old", "1"), tag("same", "1")].into();
    from.tags = [tag("gone", ""), tag("aws:x", "1")].into();
    let mut to = group(&[
        "sgr-1 ingress tcp/22 10.0.0.0/8 ssh",
        "sgr-3 ingress tcp/80 ::/0 web",
        "new ingress icmp/8 10.0.0.0/8",
        "new ingress tcp/443 111122223333/sg-9 it's \u{1b} web",
    ]);
    to.rules[1].tags = [tag("new", "a\u{1b}b"), tag("same", "1")].into();
    to.rules[2].tags = [tag("owner", "me")].into();
    to.rules[3].description = "web".into();
    to.tags = [tag("STATUS", "BAD")].into();
    let calls = arrange(&from, &difference(&from, &to), Limits::default()).unwrap();
    assert_eq!(
        lines(&calls),
        [
            r#"AuthorizeSecurityGroupIngress sg-1: icmp 8/* from 10.0.0.0/8; tags "owner"="me""#,
            r#"AuthorizeSecurityGroupIngress sg-1: tcp 443 from 111122223333/sg-9 "web""#,
            r#"ModifySecurityGroupRules sg-1: sgr-1 tcp 22 from 0.0.0.0/0 becomes tcp 22 from 10.0.0.0/8 "ssh""#,
            r#"UpdateSecurityGroupRuleDescriptionsIngress sg-1: sgr-3 tcp 80 from ::/0: "web""#,
            r#"DeleteTags sg-1: sgr-3 tcp 80 from ::/0; keys "old""#,
            r#"CreateTags sg-1: sgr-3 tcp 80 from ::/0; tags "new"="a\u{1b}b""#,
            r#"RevokeSecurityGroupIngress sg-1: sgr-2 udp 53 from pl-1"#,
            r#"RevokeSecurityGroupEgress sg-1: sgr-4 all traffic to 0.0.0.0/0"#,
            r#"DeleteTags sg-1: "gone""#,
            r#"CreateTags sg-1: "STATUS"="BAD""#,
        ]
    );
}

#[test]
fn revocations_come_first_only_where_they_were_ordered_first() {
    let from = group(&["sgr-1 ingress tcp/22 0.0.0.0/0"]);
    let revoke = Change::Revoke(from.rules[0].clone());
    let authorize = Change::Authorize(one("new ingress tcp/22 ::/0"));
    let check = |changes: &[Change], expected: &[&str]| {
        let calls = arrange(&from, changes, Limits::default()).unwrap();
        let actions: Vec<&str> = calls.iter().map(|planned| planned.call.action()).collect();
        assert_eq!(actions, expected);
    };
    let (authorized, revoked) = ("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress");
    check(&[authorize.clone(), revoke.clone()], &[authorized, revoked]);
    check(&[revoke.clone(), authorize], &[revoked, authorized]);
    check(&[revoke], &[revoked]);
}

#[test]
fn a_rule_that_one_change_leaves_and_another_enters_stays() {
    let from = group(&["sgr-1 ingress tcp/1 10.0.0.0/8 a", "sgr-2 ingress tcp/2 10.0.0.0/8 b"]);
    let changes = [
        Change::Modify { before: from.rules[1].clone(), after: one("sgr-2 ingress tcp/3 10.0.0.0/8 b") },
        Change::Modify { before: from.rules[0].clone(), after: one("sgr-1 ingress tcp/2 10.0.0.0/8 a") },
    ];
    let calls = arrange(&from, &changes, Limits::default()).unwrap();
    assert_eq!(
        lines(&calls),
        [
            r#"AuthorizeSecurityGroupIngress sg-1: tcp 3 from 10.0.0.0/8 "b""#,
            r#"UpdateSecurityGroupRuleDescriptionsIngress sg-1: sgr-2 tcp 2 from 10.0.0.0/8: "a""#,
            "RevokeSecurityGroupIngress sg-1: sgr-1 tcp 1 from 10.0.0.0/8",
        ]
    );
}

#[test]
fn what_the_call_for_changes_in_place_cannot_say_comes_anew() {
    let from = group(&["sgr-1 ingress tcp/1 444455556666/sg-3 a", "sgr-2 ingress tcp/1 111122223333/sg-2 described"]);
    let to = group(&["sgr-1 ingress tcp/2 444455556666/sg-3 a", "sgr-2 ingress tcp/2 111122223333/sg-2"]);
    let mut to = to;
    to.rules[0].tags = [tag("a", "b")].into();
    let calls = arrange(&from, &difference(&from, &to), Limits::default()).unwrap();
    assert_eq!(
        lines(&calls),
        [
            r#"AuthorizeSecurityGroupIngress sg-1: tcp 2 from 444455556666/sg-3 "a"; tags "a"="b""#,
            "ModifySecurityGroupRules sg-1: sgr-2 tcp 1 from 111122223333/sg-2 becomes tcp 2 from 111122223333/sg-2",
            r#"UpdateSecurityGroupRuleDescriptionsIngress sg-1: sgr-2 tcp 2 from 111122223333/sg-2: """#,
            "RevokeSecurityGroupIngress sg-1: sgr-1 tcp 1 from 444455556666/sg-3",
        ]
    );
}

#[test]
fn calls_hold_no_more_than_they_may() {
    let rules: Vec<String> = (1..=5).map(|port| format!("new ingress tcp/{port} 0.0.0.0/0")).collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let (from, to) = (group(&[]), group(&rules));
    let calls = arrange(&from, &difference(&from, &to), Limits { rules: 2, tags: 2 }).unwrap();
    let sizes = calls.iter().map(|planned| match &planned.call {
        Call::Authorize(Direction::Ingress, rules) => rules.len(),
        _ => 0,
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [2, 2, 1]);
}

#[test]
fn what_aws_would_not_take_is_refused_before_anything_is_done() {
    let check = |from: &[&str], change: Change, expected: &str| {
        let error = arrange(&group(from), &[change], Limits::default()).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let revoke = Change::Revoke(one("new ingress tcp/22 ::/0"));
    check(
        &["new ingress tcp/22 ::/0"],
        revoke.clone(),
        "rule `ingress tcp 22 from ::/0` has no id: read the group's rules with `ec2:DescribeSecurityGroupRules`",
    );
    check(&[], revoke, "the group has no rule `ingress tcp 22 from ::/0`");
    check(
        &[],
        Change::Authorize(one("new ingress tcp/22 ::/0 a\"b")),
        "the description \"a\\\"b\" of rule `ingress tcp 22 from ::/0` is not one that AWS takes: at most 255 of letters, \
         digits, spaces and ._-:/()#,@[]+=&;{}!$*",
    );
    let long = "x".repeat(255);
    assert!(
        arrange(&group(&[]), &[Change::Authorize(one(&format!("new ingress tcp/22 ::/0 {long}")))], Limits::default())
            .is_ok()
    );
    let long = Change::Authorize(one(&format!("new ingress tcp/22 ::/0 {long}x")));
    assert!(arrange(&group(&[]), &[long], Limits::default()).is_err());
}

#[test]
fn a_rule_says_the_same_to_aws_and_back() {
    for text in ["tcp/22", "udp/0-65535", "icmp/8", "icmpv6/3-4", "icmp/-1--1", "47/", "0/", "-1/"] {
        let there = one(&format!("new egress {text} 10.0.0.0/8 x"));
        let sent = permission(&there);
        let back = GroupRule {
            is_egress: true,
            ip_protocol: sent.protocol,
            from_port: sent.from_port,
            to_port: sent.to_port,
            cidr_ipv4: sent.cidr_ipv4,
            description: sent.description,
            ..GroupRule::default()
        };
        assert_eq!(rule(&back), Some(there), "{text}");
    }
    let icmp = permission(&one("new ingress icmp/-1--1 ::/0"));
    assert_eq!((icmp.from_port, icmp.to_port), (Some(-1), Some(-1)));
    let impossible = GroupRule { ip_protocol: "tcp".into(), from_port: Some(70_000), ..GroupRule::default() };
    assert_eq!(rule(&impossible), None);
}

/// What performing the changes from `from` to `to` says, on a group that stands as `now`.
fn performed(from: &[&str], now: &[&str], to: &[&str], fates: &[Fate], tries: usize, quota: Option<usize>) -> Said {
    let (from, to) = (group(from), group(to));
    let calls = arrange(&from, &difference(&from, &to), Limits::default()).unwrap();
    let bench = Bench::of(&group(now));
    bench.change(|place| place.quota = quota.unwrap_or(place.quota));
    bench.fate(fates);
    let said = bench.perform(&calls, &mut Tries(tries)).map_err(|failure| failure.to_string());
    Said { arrived: bench.arrived(), wrong: bench.faults.done(), said }
}

#[derive(Debug, PartialEq, Eq)]
struct Said {
    /// Calls that change something, as far as they reached AWS.
    arrived: u64,
    /// Calls that went wrong on the way there or back.
    wrong: u64,
    said: Result<Vec<String>, String>,
}

const OLD: &str = "sgr-1 ingress tcp/22 0.0.0.0/0";
const NEW: &str = "new ingress tcp/22 ::/0";
const MADE: &str = "sgr-7 ingress tcp/22 ::/0";

#[test]
fn a_call_without_an_answer_is_not_made_twice() {
    let check = |fates: &[Fate], tries, wrong| {
        let said = performed(&[OLD], &[OLD], &[NEW], fates, tries, None);
        assert_eq!(said, Said { arrived: 2, wrong, said: Ok(Vec::new()) }, "{fates:?}");
    };
    check(&[Fate::AnswerLost, Fate::AnswerLost], 0, 2);
    check(&[Fate::Lost, Fate::Fine, Fate::Lost], 2, 2);
    check(&[Fate::Throttled, Fate::Throttled], 2, 2);
}

#[test]
fn what_somebody_else_did_already_is_told_and_the_rest_is_done() {
    let Said { said, .. } = performed(&[OLD], &[OLD, MADE], &[NEW], &[], 0, None);
    let authorized = "AuthorizeSecurityGroupIngress sg-1: tcp 22 from ::/0";
    assert_eq!(
        said,
        Ok(vec![format!("all of it was done already by somebody else or by an earlier run: {authorized}")])
    );
    let other = "sgr-2 ingress tcp/23 0.0.0.0/0";
    let Said { said, arrived, .. } = performed(&[OLD, other], &[other], &[], &[], 0, None);
    let revoked = "RevokeSecurityGroupIngress sg-1: sgr-1 tcp 22 from 0.0.0.0/0, sgr-2 tcp 23 from 0.0.0.0/0";
    assert_eq!(
        said,
        Ok(vec![format!("a part of it was done already by somebody else or by an earlier run: {revoked}")])
    );
    assert_eq!(arrived, 2);
}

#[test]
fn a_conflict_ends_it_and_says_with_what() {
    let described = "sgr-7 ingress tcp/22 ::/0 mine";
    let Said { said, .. } = performed(&[OLD], &[OLD, described], &[NEW], &[], 0, None);
    let not_made = "not made: AuthorizeSecurityGroupIngress sg-1: tcp 22 from ::/0; \
                    RevokeSecurityGroupIngress sg-1: sgr-1 tcp 22 from 0.0.0.0/0";
    let conflict = "somebody else made rule sgr-7 (ingress tcp 22 from ::/0) meanwhile, described as \"mine\"";
    assert_eq!(said, Err(format!("{conflict}; {not_made}")));
    let narrowed = "sgr-1 ingress tcp/22 10.0.0.0/8";
    let Said { said, .. } = performed(&[OLD], &[], &[narrowed], &[], 0, None);
    let why = "somebody else took rule sgr-1 (ingress tcp 22 from 0.0.0.0/0) away meanwhile; not made: \
               ModifySecurityGroupRules sg-1: sgr-1 tcp 22 from 0.0.0.0/0 becomes tcp 22 from 10.0.0.0/8";
    assert_eq!(said, Err(why.to_owned()));
}

#[test]
fn a_failure_says_what_was_done_and_what_was_not() {
    let other = "sgr-2 ingress tcp/22 10.0.0.0/8";
    let narrowed = "sgr-2 ingress tcp/22 10.0.0.0/9";
    let Said { said, .. } =
        performed(&[OLD, other], &[OLD, other], &[NEW, narrowed], &[Fate::Fine, Fate::Throttled], 0, None);
    let why = "ec2:ModifySecurityGroupRules failed with RequestLimitExceeded: made to fail; AWS asks for fewer calls: lower \
               --concurrency, or give more time with --time-budget; not made: ModifySecurityGroupRules sg-1: sgr-2 tcp \
               22 from 10.0.0.0/8 becomes tcp 22 from 10.0.0.0/9; RevokeSecurityGroupIngress sg-1: sgr-1 tcp 22 from 0.0.0.0/0; made before \
               it: AuthorizeSecurityGroupIngress sg-1: tcp 22 from ::/0";
    assert_eq!(said, Err(why.to_owned()));
}

#[test]
fn the_quota_ends_it_with_nothing_of_the_call_done() {
    let Said { said, arrived, .. } = performed(&[OLD], &[OLD], &[OLD, "new ingress tcp/23 0.0.0.0/0"], &[], 5, Some(1));
    let why = said.unwrap_err();
    assert!(
        why.starts_with("ec2:AuthorizeSecurityGroupIngress failed with RulesPerSecurityGroupLimitExceeded"),
        "{why}"
    );
    assert_eq!(arrived, 1);
    assert!(!Kind::Quota.is_passing());
}
