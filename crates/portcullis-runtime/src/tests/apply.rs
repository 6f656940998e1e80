//! What apply does and refuses where nothing fails.

use portcullis_core::model::{Direction, Rule, Tag};
use portcullis_core::net::{Protocol, RuleServices};
use portcullis_core::remediation::{Strategy, fingerprint, simulate};

use super::memory::{World, apply, options, outcomes};
use super::world::{example, key, plan_of};
use crate::report::{Outcome, RunOptions};

#[test]
fn groups_become_what_was_planned_and_running_again_does_nothing() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let mut world = World::of(inventory.clone());
    let report = apply(&mut world, &plan, &options()).unwrap();
    assert_eq!((report.changed(), report.is_complete()), (3, true), "{:?}", outcomes(&report));
    for planned in &plan.groups {
        let end = simulate(&planned.group, &planned.changes).unwrap();
        assert_eq!(fingerprint(world.group(planned.key())), fingerprint(&end));
        assert_eq!(world.count("changed", planned.key()), 1);
    }
    assert_eq!(world.group(&key(4)), inventory.group(&key(4)).unwrap());
    let before: Vec<_> = world.found().into_iter().map(|found| found.backup.group).collect();
    assert_eq!(before, inventory.groups[..3]);

    let (backups, audit) = (world.backups.clone(), world.count("changed", &key(1)));
    let again = apply(&mut world, &plan, &options()).unwrap();
    assert!(again.groups.iter().all(|group| group.outcome == Outcome::AlreadyDone));
    assert_eq!((world.backups.clone(), world.count("changed", &key(1))), (backups, audit));
}

#[test]
fn a_group_that_changed_since_is_refused_and_the_others_go_on() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let check = |change: &dyn Fn(&mut World), expected: &str| {
        let mut world = World::of(inventory.clone());
        change(&mut world);
        let touched = world.group(&key(1)).clone();
        let report = apply(&mut world, &plan, &options()).unwrap();
        assert_eq!(outcomes(&report)[0], format!("sg-1: refused: {expected}"));
        assert_eq!((report.changed(), report.is_complete()), (2, false));
        assert_eq!(world.group(&key(1)), &touched);
        assert_eq!(world.count("refused", &key(1)), 1);
    };
    let advice = "make the plan anew; if a run of this plan was interrupted, give the `--backup` folder of that run";
    let rules = |world: &mut World| std::mem::take(&mut world.inventory.groups[0].rules);
    check(
        &|world| {
            let new = Rule::new(
                Direction::Ingress,
                RuleServices::Ports(Protocol::TCP, 23, 23),
                "10.0.0.0/8".parse().unwrap(),
            );
            world.inventory.groups[0].rules.push(new);
        },
        &format!("it changed since the plan was made (`ingress tcp 23 from 10.0.0.0/8` is new): {advice}"),
    );
    check(
        &|world| {
            let mut all = rules(world);
            all.pop();
            world.inventory.groups[0].rules = all;
        },
        &format!("it changed since the plan was made (`ingress tcp 443 from 0.0.0.0/0` is gone): {advice}"),
    );
    check(
        &|world| world.inventory.groups[0].rules[1].description = "other".into(),
        &format!(
            "it changed since the plan was made (the description of `ingress tcp 22 from 52.94.76.10/32` is another): {advice}"
        ),
    );
    check(
        &|world| world.inventory.groups[0].unreadable = Some("two files differ".into()),
        "its rules cannot be read: two files differ",
    );
}

#[test]
fn a_group_that_is_gone_is_refused() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Revoke);
    let mut world = World::of(inventory);
    world.inventory.groups.remove(0);
    let report = apply(&mut world, &plan, &options()).unwrap();
    assert_eq!(outcomes(&report)[0], "sg-1: refused: the group does not exist any more");
}

#[test]
fn ids_and_tags_of_rules_and_other_tags_are_no_change() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let mut world = World::of(inventory);
    for group in &mut world.inventory.groups {
        group.tags.push(Tag { key: "Seen".into(), value: "yes".into() });
        group.rules.iter_mut().enumerate().for_each(|(place, rule)| rule.id = format!("sgr-new{place}").into());
    }
    let report = apply(&mut world, &plan, &options()).unwrap();
    assert!(report.is_complete(), "{:?}", outcomes(&report));
    assert_eq!(world.group(&key(1)).tag("Seen"), Some("yes"));
}

#[test]
fn a_tag_that_is_another_is_refused_and_one_that_is_there_is_done() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Tag);
    let mut world = World::of(inventory);
    let status = |value: &str| Tag { key: "COMPLIANCE_STATUS".into(), value: value.into() };
    world.inventory.groups[0].tags.push(status("SOMETHING"));
    let report = apply(&mut world, &plan, &options()).unwrap();
    assert!(matches!(report.groups[0].outcome, Outcome::Refused(_)), "{:?}", outcomes(&report));
    let again = apply(&mut world, &plan, &options()).unwrap();
    assert_eq!(again.groups[1].outcome, Outcome::AlreadyDone);
}

#[test]
fn a_gap_is_made_only_where_it_is_allowed() {
    let inventory = example();
    let mut plan = plan_of(&inventory, &Strategy::Narrow);
    plan.groups[1].needs_gap = true;
    let mut world = World::of(inventory);
    let strict = RunOptions { allow_gap: false, ..options() };
    let report = apply(&mut world, &plan, &strict).unwrap();
    assert_eq!(
        outcomes(&report)[1],
        "sg-2: refused: the quota of rules leaves no room to authorise before revoking: `--allow-gap` lets it revoke first"
    );
    assert_eq!(report.changed(), 2);
    let report = apply(&mut world, &plan, &options()).unwrap();
    assert_eq!(report.changed(), 1);
    let last = world.found().into_iter().max_by_key(|found| found.backup.taken_at).unwrap();
    let kinds: Vec<&str> = last.backup.changes.iter().map(|change| change.action()).collect();
    let first_new = kinds.iter().position(|kind| *kind == "authorize").unwrap();
    assert!(
        kinds.iter().rposition(|kind| *kind == "revoke").is_none_or(|last_gone| last_gone < first_new),
        "{kinds:?}"
    );
}
