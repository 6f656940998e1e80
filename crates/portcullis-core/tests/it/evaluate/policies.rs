//! What policies do with verdicts: accounts, environments, exemptions, and what could not be read.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use portcullis_core::evaluate::{Evaluator, Options, evaluate};
use portcullis_core::finding::Status;
use portcullis_core::model::{Coverage, CoverageStatus, Inventory};
use portcullis_core::policy::{
    Account, AllowedPeers, AllowedRule, EnforcementLevel, ExemptedRules, Exemption, ExemptionTarget, Framework,
    FrameworkItem, PolicySet, Scope,
};

use proptest::prelude::*;

use super::random::{OWN, PEERS, SURROUNDINGS, any_rules, lines, pair};
use crate::fixture::{
    ACCOUNT, SHIPPED, allowing, cases, control, group, judged, now, policy, scoped, service_set, shipped, verdicts,
    world,
};

const SSH: &str = "ssh high ingress tcp:22 any internet";
const OPEN: &str = "ingress tcp 22 from 0.0.0.0/0";

fn environments(names: &[&str]) -> Scope {
    Scope { environments: names.iter().map(|name| (*name).to_owned()).collect(), ..Scope::default() }
}

fn accounts(names: &[&str]) -> BTreeSet<CompactString> {
    names.iter().map(|name| CompactString::from(*name)).collect()
}

fn with_account(policies: PolicySet, account: Account) -> PolicySet {
    PolicySet { accounts: BTreeMap::from([(ACCOUNT.into(), account)]), ..policies }
}

#[test]
fn a_rule_for_an_environment_bears_on_its_groups_and_on_those_of_which_it_is_not_known() {
    let rule = || policy([scoped(control(SSH), environments(&["production"]))]);
    let reason = |text: &str| judged(&world(text), &rule()).findings.first().map(|finding| finding.reason.clone());
    let known = reason(&format!("tag Environment = production\n{OPEN}")).unwrap();
    assert!(known.ends_with("the rule is for `production`, the group's environment"), "{known}");
    assert!(reason(&format!("tag Environment =  Production \n{OPEN}")).is_some(), "names are compared without case");
    assert_eq!(reason(&format!("tag Environment = staging\n{OPEN}")), None);
    let unknown = reason(OPEN).unwrap();
    assert!(unknown.contains("which one the group is of is not known"), "{unknown}");
    assert!(reason(&format!("tag environment = staging\n{OPEN}")).is_some(), "tags are compared with case");
}

#[test]
fn the_users_word_wins_over_the_accounts_and_that_over_the_tag() {
    let rule = || policy([scoped(control(SSH), environments(&["production"]))]);
    let staging = || Account { environment: Some("Staging".to_owned()), ..Account::default() };
    let tagged = world(&format!("tag Environment = production\n{OPEN}"));
    assert_eq!(verdicts(&tagged, &rule()), ["ssh ipv4"]);
    assert!(verdicts(&tagged, &with_account(rule(), staging())).is_empty(), "an owner cannot change the account");
    let told = PolicySet { environment: Some("production".to_owned()), ..with_account(rule(), staging()) };
    assert_eq!(verdicts(&tagged, &told), ["ssh ipv4"]);
}

#[test]
fn an_allowance_for_an_environment_bears_only_where_it_is_sure_to() {
    let allowed = AllowedRule {
        rule_id: "ALLOW".into(),
        direction: portcullis_core::model::Direction::Ingress,
        services: service_set("tcp:22"),
        peers: AllowedPeers::Anyone,
        scope: environments(&["sandbox"]),
    };
    let rule = policy([allowing(control(SSH), vec![allowed])]);
    assert!(verdicts(&world(&format!("tag Environment = sandbox\n{OPEN}")), &rule).is_empty());
    assert_eq!(verdicts(&world(OPEN), &rule), ["ssh ipv4"]);
    assert_eq!(verdicts(&world(&format!("tag Environment = production\n{OPEN}")), &rule), ["ssh ipv4"]);
}

#[test]
fn accounts_are_in_or_out_of_scope() {
    let only = |names: &[&str]| policy([scoped(control(SSH), Scope { accounts: accounts(names), ..Scope::default() })]);
    let but =
        |names: &[&str]| policy([scoped(control(SSH), Scope { except_accounts: accounts(names), ..Scope::default() })]);
    assert_eq!(verdicts(&world(OPEN), &only(&[ACCOUNT])), ["ssh ipv4"]);
    assert!(verdicts(&world(OPEN), &only(&["999999999999"])).is_empty());
    assert!(verdicts(&world(OPEN), &but(&[ACCOUNT])).is_empty());
    assert_eq!(verdicts(&world(OPEN), &but(&["999999999999"])), ["ssh ipv4"]);
}

#[test]
fn a_disabled_account_is_not_judged_and_coverage_says_so() {
    let disabled = Account { level: Some(EnforcementLevel::Disabled), ..Account::default() };
    let evaluation = judged(&world(OPEN), &with_account(policy([control(SSH)]), disabled));
    assert!(evaluation.findings.is_empty());
    assert_eq!(evaluation.groups, 0);
    let statuses: Vec<_> = evaluation.coverage.iter().map(|row| (row.status, row.groups)).collect();
    assert_eq!(statuses, [(CoverageStatus::Disabled, 0)]);
}

fn exemption(target: ExemptionTarget, rules: ExemptedRules, expires: Option<&str>) -> Exemption {
    Exemption {
        target,
        rules,
        reason: "a bastion".to_owned(),
        approved_by: "security".to_owned(),
        expires: expires.map(|day| day.parse().unwrap()),
        place: "policy.yaml:1".to_owned(),
    }
}

fn only(ids: &[&str]) -> ExemptedRules {
    ExemptedRules::Only(ids.iter().map(|id| CompactString::from(*id)).collect())
}

#[test]
fn exemptions_exempt_while_they_last_and_say_when_they_do_not() {
    let (group, account) = (|| ExemptionTarget::Group("sg-1".into()), || ExemptionTarget::Account(ACCOUNT.into()));
    let telnet = "telnet high ingress tcp:23 any internet";
    let check = |exemptions: Vec<Exemption>, expected: &[&str], expired: &[usize], unused: &[usize]| {
        let policies = PolicySet { exemptions, ..policy([control(SSH), control(telnet)]) };
        let inventory = world("ingress tcp 22-23 from 0.0.0.0/0");
        assert_eq!(verdicts(&inventory, &policies), expected);
        let evaluation = judged(&inventory, &policies);
        assert_eq!((&evaluation.expired_exemptions[..], &evaluation.unused_exemptions[..]), (expired, unused));
    };
    let both = ["ssh ipv4", "telnet ipv4"];
    check(vec![exemption(group(), only(&["ssh"]), None)], &["(ssh) ipv4", "telnet ipv4"], &[], &[]);
    check(vec![exemption(group(), ExemptedRules::All, None)], &["(ssh) ipv4", "(telnet) ipv4"], &[], &[]);
    check(vec![exemption(account(), only(&["telnet"]), None)], &["(telnet) ipv4", "ssh ipv4"], &[], &[]);
    check(
        vec![exemption(group(), only(&["ssh"]), Some("2026-01-15T12:00:01Z"))],
        &["(ssh) ipv4", "telnet ipv4"],
        &[],
        &[],
    );
    check(vec![exemption(group(), only(&["ssh"]), Some("2026-01-15T12:00:00Z"))], &both, &[0], &[]);
    check(vec![exemption(ExemptionTarget::Group("sg-2".into()), ExemptedRules::All, None)], &both, &[], &[0]);
    check(vec![exemption(group(), only(&["rdp"]), None)], &both, &[], &[0]);
    let two = vec![exemption(group(), only(&["ssh"]), None), exemption(account(), ExemptedRules::All, None)];
    check(two, &["(ssh) ipv4", "(telnet) ipv4"], &[], &[]);
    let lapsed = vec![
        exemption(group(), only(&["ssh"]), Some("2025-01-01T00:00:00Z")),
        exemption(group(), only(&["ssh"]), Some("2027-01-01T00:00:00Z")),
    ];
    check(lapsed, &["(ssh) ipv4", "telnet ipv4"], &[0], &[]);
}

#[test]
fn an_exemption_may_name_the_rule_as_its_author_wrote_it() {
    let written = portcullis_core::policy::Control {
        rule_id: Some("PROHIBIT_SSH".into()),
        ..control("prohibit-ssh high ingress tcp:22 any internet")
    };
    for name in ["PROHIBIT_SSH", "prohibit-ssh"] {
        let exemptions = vec![exemption(ExemptionTarget::Group("sg-1".into()), only(&[name]), None)];
        let policies = PolicySet { exemptions, ..policy([written.clone()]) };
        assert_eq!(verdicts(&world(OPEN), &policies), ["(prohibit-ssh) ipv4"]);
    }
}

#[test]
fn an_exemption_covers_what_is_not_known_too_and_nothing_that_passes() {
    let exempt = |text: &str| {
        let exemptions = vec![exemption(ExemptionTarget::Group("sg-1".into()), ExemptedRules::All, None)];
        let policies = PolicySet { exemptions, ..policy([control(SSH)]) };
        let evaluation = evaluate(&world(text), &policies, now(), Options { passes: true });
        let statuses: Vec<Status> = evaluation.findings.iter().map(|finding| finding.status).collect();
        (statuses, evaluation.unused_exemptions)
    };
    assert_eq!(exempt("list pl-a ? ipv4\ningress tcp 22 from pl-a"), (vec![Status::Exempt], vec![]));
    assert_eq!(exempt("ingress tcp 22 from 10.0.0.0/8"), (vec![Status::Pass], vec![0]));
}

#[test]
fn a_group_that_cannot_be_read_is_unknown_to_all_and_the_others_are_judged() {
    let mut inventory = world(OPEN);
    let mut broken = group("sg-0", OPEN);
    broken.unreadable = Some("`a.json` and `b.json` tell different things of it".into());
    inventory.groups.insert(0, broken);
    let evaluation = judged(&inventory, &policy(shipped()));
    let of =
        |place: usize| evaluation.findings.iter().filter(move |finding| finding.group == place).collect::<Vec<_>>();
    let unread = of(0);
    assert_eq!(unread.len(), shipped().len());
    assert!(unread.iter().all(|finding| finding.status == Status::Unknown && finding.reason.contains("`a.json`")));
    // One speaks for all of them.
    let shown: Vec<_> = unread.iter().filter(|finding| finding.is_shown()).collect();
    assert_eq!(shown.len(), 1);
    assert!(unread.iter().all(|finding| finding.is_shown() || finding.implied_by.as_ref() == Some(&shown[0].id)));
    assert_eq!(of(1).len(), 3);
    assert!(of(1).iter().all(|finding| finding.status == Status::Fail));
    let row = &evaluation.coverage[0];
    assert_eq!((row.status, row.groups), (CoverageStatus::Partial, 2));
}

#[test]
fn an_unreadable_group_that_is_exempt_from_one_rule_is_shown_once_for_the_others() {
    let mut inventory = world("");
    inventory.groups[0].unreadable = Some("it contradicts itself".into());
    let exemptions = vec![exemption(ExemptionTarget::Group("sg-1".into()), only(&["internet-all-traffic"]), None)];
    let evaluation = judged(&inventory, &PolicySet { exemptions, ..policy(shipped()) });
    let shown =
        |status| evaluation.findings.iter().filter(|finding| finding.status == status && finding.is_shown()).count();
    assert_eq!((shown(Status::Unknown), shown(Status::Exempt)), (1, 1));
}

#[test]
fn coverage_counts_groups_and_keeps_what_the_sources_say() {
    let mut inventory = world(OPEN);
    let unread = Coverage {
        account_id: "999999999999".into(),
        region: "us-east-1".into(),
        status: CoverageStatus::Unread,
        error: Some("access denied".to_owned()),
        ..Coverage::default()
    };
    inventory.coverage.push(unread.clone());
    let evaluation = judged(&inventory, &policy([control(SSH)]));
    let own = Coverage { account_id: ACCOUNT.into(), region: "eu-west-1".into(), groups: 1, ..Coverage::default() };
    assert_eq!(evaluation.coverage, [own, unread]);
}

fn item(id: &str, controls: &[&str], families: &[portcullis_core::net::Family]) -> FrameworkItem {
    FrameworkItem {
        id: id.to_owned(),
        title: id.to_owned(),
        controls: controls.iter().map(|id| CompactString::from(*id)).collect(),
        families: families.to_vec(),
    }
}

#[test]
fn items_of_a_framework_that_split_the_families_are_judged_apart() {
    use portcullis_core::net::Family::{Ipv4, Ipv6};
    let items = vec![item("5.3", &["ssh"], &[Ipv4]), item("5.4", &["ssh"], &[Ipv6]), item("5.5", &["nothing"], &[])];
    let framework = Framework {
        pack: "cis".to_owned(),
        name: "CIS".to_owned(),
        label: "CIS".to_owned(),
        version: "5".to_owned(),
        document: String::new(),
        items,
    };
    let policies = PolicySet { frameworks: vec![framework], ..policy([control(SSH)]) };
    let statuses = |inventory: &Inventory| {
        judged(inventory, &policies).items.iter().map(|item| (item.status, item.groups)).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&world(OPEN)), [(Some(Status::Fail), 1), (Some(Status::Pass), 1), (None, 0)]);
    assert_eq!(
        statuses(&world("ingress tcp 22 from ::/0")),
        [(Some(Status::Pass), 1), (Some(Status::Fail), 1), (None, 0)]
    );
    let unknown = world("list pl-a ? ipv4\ningress tcp 22 from pl-a");
    assert_eq!(statuses(&unknown), [(Some(Status::Unknown), 1), (Some(Status::Pass), 1), (None, 0)]);
    // Where something was not read, nothing is sure to be clean.
    let mut partly = world(OPEN);
    let status = CoverageStatus::Unread;
    partly.coverage.push(Coverage { account_id: "9".into(), region: "r".into(), status, ..Coverage::default() });
    assert_eq!(statuses(&partly), [(Some(Status::Fail), 1), (Some(Status::Unknown), 0), (None, 0)]);
}

#[test]
fn parts_come_to_the_same_as_the_whole() {
    let mut inventory = world(OPEN);
    for number in 2..9 {
        let text =
            ["ingress all from 0.0.0.0/0", "ingress tcp 443 from 0.0.0.0/0", "ingress tcp 22 from pl-a"][number % 3];
        inventory.groups.push(group(&format!("sg-{number}"), text));
    }
    let policies = policy(shipped());
    let whole = judged(&inventory, &policies);
    let evaluator = Evaluator::new(&inventory, &policies, now(), Options::default());
    let parts = [evaluator.judge(5..8), evaluator.judge(0..3), evaluator.judge(3..5)];
    assert_eq!(evaluator.finish(parts), whole);
}

/// Judges groups with these rules together and one by one: what is remembered of one is never told of another that it
/// does not fit.
fn check_together(rules: &[String]) -> Result<(), TestCaseError> {
    let mut inventory = world(SURROUNDINGS);
    let made = rules.iter().enumerate().map(|(number, text)| group(&format!("sg-t{number:03}"), text));
    inventory.groups.extend(made);
    inventory.groups.sort_by(|a, b| a.key.cmp(&b.key));
    let policies = policy(lines(SHIPPED).chain(lines(OWN)).map(|line| pair(line).0));
    let evaluator = Evaluator::new(&inventory, &policies, now(), Options::default());
    let groups = inventory.groups.len();
    let together = evaluator.verdicts(0..groups);
    for index in 0..groups {
        let alone = evaluator.verdicts(index..index + 1);
        prop_assert!(together.of_group(index).eq(alone.of_group(index)), "{:?}", inventory.groups[index].rules);
    }
    let parts = (0..groups).map(|index| evaluator.judge(index..index + 1));
    prop_assert_eq!(evaluator.finish(parts), evaluator.finish([evaluator.judge(0..groups)]));
    Ok(())
}

#[test]
fn peers_are_told_apart_by_groups_judged_together() {
    for services in ["all", "tcp 22"] {
        let rules: Vec<String> = PEERS.iter().map(|(_, peer)| format!("ingress {services} from {peer}")).collect();
        check_together(&rules).unwrap();
    }
}

proptest! {
    #![proptest_config(cases(50))]

    #[test]
    fn groups_come_to_the_same_together_and_one_by_one(rules in prop::collection::vec(any_rules(3), 2..12)) {
        check_together(&rules)?;
    }
}
