//! What a run is told beside its plan: how many groups at most, to stop, to say what it would do, and whom to tell.

use portcullis_core::remediation::Strategy;

use super::memory::{CALM, Fault, Setting, World, apply, on, options, outcomes};
use super::world::{canonical, example, key, plan_of};
use crate::ports::Ports;
use crate::report::{Outcome, RunError, RunOptions};

#[test]
fn a_runaway_is_stopped_before_anything() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let mut world = World::of(inventory.clone());
    let two = RunOptions { max_groups: Some(2), ..options() };
    for options in
        [two.clone(), RunOptions { dry_run: true, ..two.clone() }, RunOptions { concurrency: 4, ..two.clone() }]
    {
        assert_eq!(apply(&mut world, &plan, &options), Err(RunError::TooManyGroups { groups: 3, most: 2 }));
        assert_eq!((&world.inventory, world.journal.len(), world.backups.len()), (&inventory, 0, 0));
    }
    let three = RunOptions { max_groups: Some(3), ..options() };
    assert!(apply(&mut world, &plan, &three).unwrap().is_complete());
}

#[test]
fn groups_that_would_not_change_count_for_nothing() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let one = RunOptions { max_groups: Some(1), ..options() };
    let mut world = World::of(inventory);
    // One group is done already, one is refused: one is left.
    world.inventory.groups[1].rules.clear();
    let mut first = plan.clone();
    first.groups.truncate(1);
    assert_eq!(apply(&mut world, &first, &one).unwrap().changed(), 1);
    let report = apply(&mut world, &plan, &one).unwrap();
    assert_eq!((report.changed(), report.not_good()), (1, 1), "{:?}", outcomes(&report));
    // What cannot be read may be the one too many.
    let mut world = World::of(example());
    let unreadable = Setting { fault: Fault::Once(3), ..CALM };
    let two = RunOptions { max_groups: Some(2), ..options() };
    let stopped = on(&mut world, unreadable, |ports| crate::apply(&plan, ports, &two)).result;
    assert_eq!(stopped, Err(RunError::TooManyGroups { groups: 3, most: 2 }));
}

#[test]
fn a_dry_run_says_what_would_be_called_and_leaves_no_trace() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let mut world = World::of(inventory.clone());
    let dry = RunOptions { dry_run: true, ..options() };
    let ran = on(&mut world, CALM, |ports| crate::apply(&plan, ports, &dry));
    assert!(ran.told.is_empty());
    let report = ran.result.unwrap();
    for (group, planned) in report.groups.iter().zip(&plan.groups) {
        let Outcome::WouldChange { changes, calls } = &group.outcome else { panic!("{}", group.outcome) };
        assert_eq!((*changes, calls.len()), (planned.changes.len(), planned.changes.len()));
    }
    let Outcome::WouldChange { calls, .. } = &report.groups[0].outcome else { return };
    assert_eq!(calls.last().unwrap(), "modify ingress tcp 22 from 0.0.0.0/0 into ingress tcp 22 from 10.0.0.0/8");
    assert_eq!((world.inventory.clone(), world.journal.len(), world.backups.len()), (inventory, 0, 0));
}

/// An interrupt at any call: what was begun is finished, the rest is not touched, and a second run does the rest.
#[test]
fn an_interrupt_finishes_the_group_in_hand() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    for (immediate, workers) in [(true, 1), (true, 2), (false, 1)] {
        let run = |ports: &Ports<'_>| crate::apply(&plan, ports, &RunOptions { concurrency: workers, ..options() });
        let calm = Setting { immediate, ..CALM };
        let calls = on(&mut World::of(inventory.clone()), calm, run).calls;
        let mut stopped = 0;
        for at in (0..calls).step_by(2) {
            let what = format!("{immediate} {workers} {at}");
            let mut world = World::of(inventory.clone());
            let ran = on(&mut world, Setting { interrupt: Some(at), ..calm }, run);
            let report = ran.result.unwrap();
            assert_eq!(report.changed() + report.not_reached(), 3, "{what}: {:?}", outcomes(&report));
            assert_eq!(report.stopped.is_some(), report.not_reached() > 0, "{what}");
            assert_eq!(report.is_complete(), report.not_reached() == 0, "{what}");
            for group in report.groups.iter().filter(|group| group.outcome == Outcome::NotReached) {
                assert_eq!(Some(world.group(&group.group)), inventory.group(&group.group), "{what}");
            }
            assert_eq!(ran.told.len(), report.changed(), "{what}");
            stopped += report.not_reached();
            let again = on(&mut world, calm, run).result.unwrap();
            assert!(again.is_complete(), "{what}");
            let selected = world.selected();
            super::memory::rollback(&mut world, &selected);
            assert_eq!(canonical(&world.inventory), canonical(&inventory), "{what}");
        }
        assert!(stopped > 0);
    }
}

#[test]
fn a_run_that_loses_its_lock_touches_nothing_more() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let run = |ports: &Ports<'_>| crate::apply(&plan, ports, &options());
    let calls = on(&mut World::of(inventory.clone()), CALM, run).calls;
    let mut lost = 0;
    for at in 0..calls {
        let mut world = World::of(inventory.clone());
        let Ok(report) = on(&mut world, Setting { fault: Fault::Once(at), ..CALM }, run).result else { continue };
        let Some(why) = &report.stopped else { continue };
        assert_eq!(why, "it may not be the only run any more: renewing the lock failed");
        // Each group is asked for twice: before it is read and before it is changed.
        assert_eq!(report.changed(), lost / 2);
        lost += 1;
    }
    assert_eq!(lost, 6);
}

#[test]
fn a_notice_that_fails_is_remarked_and_changes_nothing() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let run = |ports: &Ports<'_>| crate::apply(&plan, ports, &options());
    let mut world = World::of(inventory.clone());
    world.inventory.groups[2].rules.clear();
    let changed = |groups: &[usize]| groups.iter().map(|group| key(*group)).collect::<Vec<_>>();
    let ran = on(&mut world.clone(), CALM, run);
    assert_eq!(ran.told.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), changed(&[1, 2, 3]));
    assert!(matches!(ran.told[2].1, Outcome::Refused(_)));
    let mut unsent = 0;
    for at in 0..ran.calls {
        let mut world = World::of(inventory.clone());
        let Ok(report) = on(&mut world, Setting { fault: Fault::Once(at), ..CALM }, run).result else { continue };
        if let Some(what) = report.unsent.first() {
            assert!(what.ends_with("could not be passed on: notice failed"), "{what}");
            assert_eq!((report.changed(), report.is_complete()), (3, true));
            unsent += 1;
        }
    }
    assert!(unsent > 1, "{unsent}");
    // Nothing is told where nothing is done.
    let mut done = World::of(inventory);
    apply(&mut done, &plan, &options()).unwrap();
    assert!(on(&mut done, CALM, run).told.is_empty());
}
