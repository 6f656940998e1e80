#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use portcullis_core::model::{GroupKey, GroupReference, Peer};
use portcullis_core::net::{Cidr, Protocol};
use portcullis_formats::rules::parse;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn set(text: &str) -> RuleSet {
    parse([("rules.pysec", text.as_bytes())]).unwrap().set
}

/// A live group that holds what lines say.
fn live(text: &str) -> SecurityGroup {
    let key = GroupKey { account_id: "111122223333".into(), region: "us-east-1".into(), group_id: "sg-0a".into() };
    SecurityGroup { key, rules: set(text).as_held(), ..SecurityGroup::default() }
}

fn told(changes: &[Change]) -> Vec<String> {
    let line = |change: &Change| {
        let part = if change.in_part { " in part" } else { "" };
        format!("{} {}{part}", change.action.as_str(), portcullis_formats::rules::line_of(&change.rule))
    };
    changes.iter().map(line).collect()
}

fn check(file: &str, group: &str, committed: Option<&str>, changes: &[&str], drift: &[&str]) {
    let plan = difference(&set(file), &[&live(group)], committed.map(set).as_ref());
    assert_eq!(
        (told(&plan.changes), told(&plan.drift)),
        (changes.iter().map(ToString::to_string).collect(), drift.iter().map(ToString::to_string).collect())
    );
}

#[test]
fn reordering_splitting_and_merging_is_no_change() {
    check("10.0.0.0/8:80\n10.0.0.0/8:22\n", "10.0.0.0/8:22\n10.0.0.0/8:80\n", None, &[], &[]);
    check("10.0.0.0/24:80\n", "10.0.0.0/25:80\n10.0.0.128/25:80\n", None, &[], &[]);
    check("10.0.0.0/24:80-90\n", "10.0.0.0/24:80-85\n10.0.0.0/24:86-90\n", None, &[], &[]);
    check("0.0.0.0/1:22\n128.0.0.0/1:22\n", "0.0.0.0/0:22\n", None, &[], &[]);
    check("10.0.0.0/8:22\n10.1.0.0/16:22\n", "10.0.0.0/8:22\n", None, &[], &[]);
}

#[test]
fn what_the_files_ask_for_beyond_the_live_group_and_less_than_it() {
    check(
        "10.0.0.0/8:22\n10.0.0.0/8:80\n",
        "10.0.0.0/8:22\n9.9.9.9/32:22\n",
        None,
        &["addition 10.0.0.0/8:80^tcp", "removal 9.9.9.9/32:22^tcp"],
        &[],
    );
    check("10.0.0.0/24:80\n", "10.0.0.0/25:80\n", None, &["addition 10.0.0.128/25:80^tcp"], &[]);
    check("10.0.0.0/25:80\n", "10.0.0.0/24:80\n", None, &["removal 10.0.0.128/25:80^tcp"], &[]);
    check("10.0.0.0/8:80-443\n", "10.0.0.0/8:80\n", None, &["addition 10.0.0.0/8:81-443^tcp"], &[]);
    check("0.0.0.0/0:22\n", "10.9.8.7/32:22\n", None, &["addition 0.0.0.0/0:22^tcp in part"], &[]);
    check("sg-0b:22\npl-0c:22\n", "", None, &["addition sg-0b:22^tcp", "addition pl-0c:22^tcp"], &[]);
}

#[test]
fn what_somebody_else_did_is_told_apart() {
    let committed = Some("10.0.0.0/8:22\n10.0.0.0/8:80\n");
    // Port 80 was taken away by hand, 9.9.9.9 put there by hand; the files ask for 443 in addition.
    let file = "10.0.0.0/8:22\n10.0.0.0/8:80\n10.0.0.0/8:443\n";
    check(
        file,
        "10.0.0.0/8:22\n9.9.9.9/32:22\n",
        committed,
        &["addition 10.0.0.0/8:443^tcp"],
        &["removal 10.0.0.0/8:80^tcp", "addition 9.9.9.9/32:22^tcp"],
    );
    // What was committed and is no longer in the files goes because the files ask for it.
    check("10.0.0.0/8:22\n", "10.0.0.0/8:22\n10.0.0.0/8:80\n", committed, &["removal 10.0.0.0/8:80^tcp"], &[]);
    // What somebody did by hand and the files say too is no difference.
    check(file, file, committed, &[], &[]);
    // A rule that was in the console widened: only what is beyond the commit is drift.
    check("10.0.0.0/24:80\n", "10.0.0.0/23:80\n", Some("10.0.0.0/24:80\n"), &[], &["addition 10.0.1.0/24:80^tcp"]);
}

#[test]
fn egress_is_aws_default_where_the_files_say_nothing() {
    check("", "", None, &[], &[]);
    check("", "egress 10.0.0.0/8:80\n", None, &["addition egress 0.0.0.0/0:*^all in part"], &[]);
    check("egress none\n", "", None, &["removal egress 0.0.0.0/0:*^all"], &[]);
    check("egress none\n", "egress none\n", None, &[], &[]);
    check("egress none\n", "egress 127.0.0.1/32:*^all\n", None, &[], &[]);
    // AWS adds the IPv6 half in VPCs with IPv6.
    check("", "egress 0.0.0.0/0:*^all\negress [::/0]:*^all\n", None, &[], &[]);
    check(
        "egress 0.0.0.0/0:*^all\n",
        "egress 0.0.0.0/0:*^all\negress [::/0]:*^all\n",
        None,
        &["removal egress [::/0]:*^all"],
        &[],
    );
}

#[test]
fn the_own_account_of_a_referenced_group_is_nothing_to_tell() {
    let mut group = live("");
    let peer = |account: &str| {
        Peer::Group(Box::new(GroupReference {
            account: account.into(),
            id: "sg-0b".into(),
            ..GroupReference::default()
        }))
    };
    group.rules.push(Rule::new(Direction::Ingress, RuleServices::Ports(Protocol::TCP, 22, 22), peer("111122223333")));
    for same in ["sg-0b:22", "111122223333/sg-0b:22"] {
        assert!(difference(&set(same), &[&group], None).is_empty(), "{same}");
    }
    assert!(!difference(&set("444455556666/sg-0b:22"), &[&group], None).is_empty());
}

#[test]
fn a_group_that_does_not_exist_yet_brings_default_egress_by_itself() {
    assert_eq!(told(&difference(&set("10.0.0.0/8:22"), &[], None).changes), ["addition 10.0.0.0/8:22^tcp"]);
    assert!(difference(&set("egress none"), &[], None).is_empty());
}

#[test]
fn another_description_is_told_and_is_no_traffic() {
    let plan = difference(&set("10.0.0.0/8:22 # new\n"), &[&live("10.0.0.0/8:22 # old\n")], None);
    assert_eq!(told(&plan.changes), ["description 10.0.0.0/8:22^tcp"]);
    assert_eq!(plan.changes[0].before, "old");
    assert!(plan.is_same_traffic() && !plan.is_empty());
}

#[test]
fn several_groups_that_share_the_rules_are_one() {
    let (one, other) = (live("10.0.0.0/8:22\n"), live("10.0.0.0/8:80\n"));
    let plan = difference(&set("10.0.0.0/8:80\n10.0.0.0/8:22\n"), &[&one, &other], None);
    assert!(plan.is_empty(), "{plan:?}");
}

/// A small world: four addresses, four ports.
fn small_rule() -> impl Strategy<Value = Rule> {
    (0u32..4, 30u8..=32, 0u16..4, 0u16..4).prop_filter_map("a block", |(address, prefix, a, b)| {
        let block = Cidr::new(address, prefix)?;
        Some(Rule::new(Direction::Ingress, RuleServices::Ports(Protocol::TCP, a.min(b), a.max(b)), Peer::V4(block)))
    })
}

/// Which (address, port) of the small world some rules admit: the naive model.
fn admitted(rules: &[Rule]) -> BTreeSet<(u32, u16)> {
    let mut all = BTreeSet::new();
    for rule in rules {
        let (RuleServices::Ports(_, from, to), Peer::V4(block)) = (rule.services, &rule.peer) else { continue };
        let size = 1u32 << (32 - block.prefix());
        all.extend(
            (block.address()..block.address() + size).flat_map(|address| (from..=to).map(move |port| (address, port))),
        );
    }
    all
}

fn group_of(rules: &[Rule]) -> SecurityGroup {
    SecurityGroup { rules: [rules, &RuleSet::default().as_held()].concat(), ..SecurityGroup::default() }
}

/// A set that says nothing of egress.
fn set_of(rules: &[Rule]) -> RuleSet {
    let mut set = set("");
    set.rules = rules.to_vec();
    set
}

proptest! {
    #[test]
    fn the_difference_is_that_of_the_naive_model(
        file in vec(small_rule(), 0..5), live in vec(small_rule(), 0..5), committed in prop::option::of(vec(small_rule(), 0..5)),
    ) {
        let plan = difference(&set_of(&file), &[&group_of(&live)], committed.as_deref().map(set_of).as_ref());
        let of = |changes: &[Change], action| -> BTreeSet<(u32, u16)> {
            let rules: Vec<Rule> = changes.iter().filter(|change| change.action == action && !change.in_part).map(|change| change.rule.clone()).collect();
            admitted(&rules)
        };
        let (file, live) = (admitted(&file), admitted(&live));
        let missing: BTreeSet<_> = &file - &live;
        let extra: BTreeSet<_> = &live - &file;
        let (lost, new, foreign, gone): (BTreeSet<_>, BTreeSet<_>, BTreeSet<_>, BTreeSet<_>) = match &committed {
            Some(committed) => {
                let committed = admitted(committed);
                (&missing & &committed, &missing - &committed, &extra - &committed, &extra & &committed)
            }
            None => (BTreeSet::new(), missing.clone(), BTreeSet::new(), extra.clone()),
        };
        prop_assert_eq!(plan.is_empty(), file == live);
        if plan.changes.iter().chain(&plan.drift).all(|change| !change.in_part) {
            prop_assert_eq!(of(&plan.changes, Action::Addition), new);
            prop_assert_eq!(of(&plan.changes, Action::Removal), gone);
            prop_assert_eq!(of(&plan.drift, Action::Removal), lost);
            prop_assert_eq!(of(&plan.drift, Action::Addition), foreign);
        }
    }
}
