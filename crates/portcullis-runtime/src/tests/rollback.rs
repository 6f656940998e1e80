//! What rollback does and refuses, and which backups count.

use portcullis_core::model::Tag;
use portcullis_core::remediation::Strategy;

use super::memory::{CALM, World, apply, on, options, outcomes, rollback};
use super::world::{canonical, example, key, plan_of};
use crate::report::{Outcome, RunError, RunOptions};
use crate::rollback::{FoundBackup, Selected, select};

fn applied(strategy: &Strategy) -> (World, String) {
    let inventory = example();
    let plan = plan_of(&inventory, strategy);
    let mut world = World::of(inventory.clone());
    apply(&mut world, &plan, &options()).unwrap();
    (world, canonical(&inventory))
}

#[test]
fn what_stood_before_stands_again_and_running_again_does_nothing() {
    let (mut world, before) = applied(&Strategy::Lockdown);
    let selected = world.selected();
    assert_eq!(rollback(&mut world, &selected).changed(), 3);
    assert_eq!(canonical(&world.inventory), before);
    // The folder now holds the rollback's own backups too; naming it again must not take the rollback back.
    let again = world.selected();
    assert_eq!(again.chosen, selected.chosen);
    let report = rollback(&mut world, &again);
    assert!(report.groups.iter().all(|group| group.outcome == Outcome::AlreadyDone), "{:?}", outcomes(&report));
    assert_eq!(canonical(&world.inventory), before);
}

#[test]
fn a_rollback_can_be_taken_back() {
    let (mut world, _) = applied(&Strategy::Narrow);
    let after = canonical(&world.inventory);
    let (selected, known) = (world.selected(), world.backups.clone());
    rollback(&mut world, &selected);
    assert_ne!(canonical(&world.inventory), after);
    let own = select(world.found().into_iter().filter(|found| !known.contains_key(&found.origin)).collect());
    assert_eq!(own.chosen.len(), 3);
    rollback(&mut world, &own);
    assert_eq!(canonical(&world.inventory), after);
}

#[test]
fn of_several_plans_the_last_one_is_taken_back() {
    let (mut world, first) = applied(&Strategy::Tag);
    let tagged = canonical(&world.inventory);
    let plan = plan_of(&world.inventory, &Strategy::Revoke);
    apply(&mut world, &plan, &options()).unwrap();
    let Selected { chosen, passed_over } = world.selected();
    assert_eq!((chosen.len(), passed_over.len()), (3, 3));
    rollback(&mut world, &Selected { chosen, passed_over: passed_over.clone() });
    assert_eq!(canonical(&world.inventory), tagged);
    // The older state is reached by naming its backups.
    let older = select(world.found().into_iter().filter(|found| passed_over.contains(&found.origin)).collect());
    rollback(&mut world, &older);
    assert_eq!(canonical(&world.inventory), first);
}

#[test]
fn what_others_changed_since_is_put_back_too_and_backed_up() {
    let (mut world, before) = applied(&Strategy::Narrow);
    world.inventory.groups[0].tags.push(Tag { key: "New".into(), value: "1".into() });
    world.inventory.groups[0].rules.clear();
    let (selected, known) = (world.selected(), world.backups.clone());
    rollback(&mut world, &selected);
    assert_eq!(canonical(&world.inventory), before);
    let own: Vec<_> = world.found().into_iter().filter(|found| !known.contains_key(&found.origin)).collect();
    let kept = own.iter().find(|found| found.backup.group.key == key(1)).unwrap();
    assert_eq!(kept.backup.group.tag("New"), Some("1"));
}

#[test]
fn a_group_that_is_gone_is_refused_and_a_runaway_stopped() {
    let (mut world, _) = applied(&Strategy::Narrow);
    let selected = world.selected();
    let few = RunOptions { max_groups: Some(1), ..options() };
    let stopped = on(&mut world, CALM, |ports| crate::rollback(&selected, ports, &few)).result;
    assert_eq!(stopped, Err(RunError::TooManyGroups { groups: 3, most: 1 }));
    world.inventory.groups.remove(0);
    let report = rollback(&mut world, &selected);
    assert_eq!(outcomes(&report)[0], "sg-1: refused: the group does not exist any more");
    assert_eq!(report.changed(), 2);
}

#[test]
fn a_later_plan_counts_although_only_what_an_interrupted_run_left_is_known_of_it() {
    let (world, _) = applied(&Strategy::Narrow);
    let of = |plan: &str, seconds: i64, resumed: bool| {
        let mut found = world.found().remove(0);
        found.origin = format!("{plan} {seconds}");
        found.backup.plan = plan.to_owned();
        found.backup.taken_at += jiff::SignedDuration::from_secs(seconds);
        found.backup.resumed = resumed;
        found
    };
    let check = |given: Vec<FoundBackup>, expected: &str| {
        assert_eq!(select(given).chosen.iter().map(|found| found.origin.as_str()).collect::<Vec<_>>(), [expected]);
    };
    check(vec![of("b", 3, true), of("a", 1, false)], "b 3");
    check(vec![of("b", 3, true), of("a", 1, false), of("b", 2, false)], "b 2");
    // The same plan, carried out again after it was taken back.
    check(vec![of("a", 3, false), of("a", 1, false), of("a", 4, true)], "a 3");
}
