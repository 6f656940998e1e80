//! Any port fails once, or the process is gone from some call on: nothing is half reported, and a second run finishes.

use portcullis_core::model::{GroupKey, Inventory, SecurityGroup};
use portcullis_core::remediation::{Plan, Strategy, fingerprint, simulate};

use proptest::prelude::{ProptestConfig, Strategy as _, proptest};
use proptest::sample::select;

use super::memory::{CALM, Fault, Setting, World, apply, on, options, outcomes};
use super::world::{any_world, canonical, example, plan_of, strategies};
use crate::ports::Ports;
use crate::report::{ChangeStep, Outcome, Report, RunError, RunOptions};

fn end(planned: &SecurityGroup, plan: &Plan) -> SecurityGroup {
    let planned = plan.groups.iter().find(|other| other.group.key == planned.key).unwrap();
    simulate(&planned.group, &planned.changes).unwrap()
}

fn same(a: &SecurityGroup, b: &SecurityGroup) -> bool {
    let tags = |group: &SecurityGroup| group.tags.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    fingerprint(a) == fingerprint(b) && tags(a) == tags(b)
}

/// What a report says of a group is so. What a dead process says is of no matter: nobody hears it.
fn check_report(report: &Report, world: &World, before: &Inventory, plan: &Plan, what: &str) {
    assert_eq!(report.groups.len(), plan.groups.len(), "{what}");
    for (reported, planned) in report.groups.iter().zip(&plan.groups) {
        let (now, was) = (world.group(planned.key()), before.group(planned.key()).unwrap());
        let is_at_end = same(now, &end(now, plan));
        match &reported.outcome {
            Outcome::Changed { .. } | Outcome::AlreadyDone => {
                assert!(is_at_end, "{what}: {}", reported.outcome);
                // The journal's loss would have been told.
                let audited = world.count("changed", planned.key());
                assert!(audited > 0 || !report.remarks.is_empty(), "{what}: {}", reported.outcome);
            }
            Outcome::Failed { step: ChangeStep::Audit, .. } => assert!(is_at_end, "{what}"),
            Outcome::Failed { error, .. } if error.contains("it was not changed") => assert_eq!(now, was, "{what}"),
            Outcome::NotReached => {
                assert_eq!(now, was, "{what}");
                assert!(report.stopped.is_some(), "{what}");
            }
            Outcome::Failed { .. } | Outcome::Refused(_) | Outcome::WouldChange { .. } => {}
        }
    }
}

/// Nothing that changed is without a backup of what stood before.
fn check_backups(world: &World, before: &Inventory, what: &str) {
    let kept = world.found();
    for group in &before.groups {
        if world.group(&group.key) != group {
            let backed_up = kept.iter().any(|found| found.backup.group == *group);
            assert!(backed_up, "{what}: {} has no backup of its own", group.key.group_id);
        }
    }
}

fn check_finished(world: &World, report: &Report, before: &Inventory, plan: &Plan, what: &str) {
    assert!(report.is_complete(), "{what}: {:?} {:?}", outcomes(report), report.remarks);
    for planned in &plan.groups {
        let now = world.group(planned.key());
        assert!(same(now, &end(now, plan)), "{what}");
        assert!(world.count("changed", planned.key()) > 0, "{what}: {} has no audit record", planned.key().group_id);
        assert!(world.count("closed", planned.key()) > 0, "{what}");
    }
    check_backups(world, before, what);
}

/// One run with a fault, a second without, and a rollback.
fn with_fault(inventory: &Inventory, plan: &Plan, setting: Setting, workers: usize) {
    let what = format!("{} {setting:?} {workers}", plan.strategy.as_str());
    let options = || RunOptions { concurrency: workers, ..options() };
    let run = |ports: &Ports<'_>| crate::apply(plan, ports, &options());
    let calm = Setting { immediate: setting.immediate, ..CALM };
    let mut world = World::of(inventory.clone());
    let first = on(&mut world, setting, run);
    match (&first.result, setting.fault) {
        (Ok(report), Fault::Once(_)) => check_report(report, &world, inventory, plan, &what),
        (Ok(_), _) => {}
        // A run that does not begin has done nothing.
        (Err(RunError::Port(_)), _) => assert_eq!(world.inventory, *inventory, "{what}"),
        (Err(error), _) => panic!("{what}: {error}"),
    }
    check_backups(&world, inventory, &what);
    let again = on(&mut world, calm, run);
    check_finished(&world, &again.result.unwrap(), inventory, plan, &what);
    if first.result.is_ok_and(|report| report.unsent.is_empty()) {
        check_told(&[first.told, again.told].concat(), plan, &what);
    }

    // However the plan came to its end, one rollback leads back.
    let selected = world.selected();
    let back = on(&mut world, calm, |ports| crate::rollback(&selected, ports, &options()));
    assert!(back.result.unwrap().is_complete(), "{what}");
    assert_eq!(canonical(&world.inventory), canonical(inventory), "{what}");
}

/// Whoever wants to know was told of every change at least once, by the run that made it or by the next one.
fn check_told(told: &[(GroupKey, Outcome)], plan: &Plan, what: &str) {
    for planned in &plan.groups {
        let heard =
            |(key, outcome): &(GroupKey, Outcome)| key == planned.key() && matches!(outcome, Outcome::Changed { .. });
        assert!(told.iter().any(heard), "{what}: nobody heard of {}", planned.key().group_id);
    }
}

/// A fault at each call in turn for one worker; for several, who makes which call is chance anyway, and some do.
fn every_fault(setting: Setting, strategy: &Strategy, workers: usize, of: fn(usize) -> Fault) {
    let inventory = example();
    let plan = plan_of(&inventory, strategy);
    let calls = on(&mut World::of(inventory.clone()), setting, |ports| crate::apply(&plan, ports, &options())).calls;
    assert!(calls > 20);
    for at in (0..calls).step_by(workers.min(3)) {
        with_fault(&inventory, &plan, Setting { fault: of(at), ..setting }, workers);
    }
}

const AT_ONCE: Setting = CALM;
const IN_BATCHES: Setting = Setting { immediate: false, ..CALM };

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whichever_step_fails_a_second_run_finishes_and_it_can_still_be_taken_back(
        inventory in any_world(),
        strategy in select(strategies()),
        immediate in proptest::bool::ANY,
        workers in 1..5_usize,
        fault in (0..80_usize, proptest::bool::ANY).prop_map(|(at, once)| if once { Fault::Once(at) } else { Fault::From(at) }),
    ) {
        let setting = Setting { immediate, fault, ..CALM };
        with_fault(&inventory, &plan_of(&inventory, &strategy), setting, workers);
    }
}

#[test]
fn each_step_may_fail_once() {
    every_fault(AT_ONCE, &Strategy::Narrow, 1, Fault::Once);
    every_fault(IN_BATCHES, &Strategy::Narrow, 1, Fault::Once);
}

#[test]
fn each_step_of_a_tagging_may_fail_once() {
    every_fault(AT_ONCE, &Strategy::Tag, 1, Fault::Once);
}

#[test]
fn the_process_may_be_gone_at_each_step() {
    every_fault(AT_ONCE, &Strategy::Narrow, 1, Fault::From);
    every_fault(IN_BATCHES, &Strategy::Narrow, 1, Fault::From);
}

#[test]
fn the_process_may_be_gone_at_each_step_of_a_tagging() {
    every_fault(AT_ONCE, &Strategy::Tag, 1, Fault::From);
}

#[test]
fn several_workers_may_fail_and_be_gone_at_any_step() {
    for strategy in [Strategy::Narrow, Strategy::Lockdown, Strategy::Tag] {
        every_fault(AT_ONCE, &strategy, 4, Fault::Once);
        every_fault(AT_ONCE, &strategy, 4, Fault::From);
    }
}

#[test]
fn the_process_may_be_gone_twice() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let run = |ports: &Ports<'_>| crate::apply(&plan, ports, &options());
    let calls = on(&mut World::of(inventory.clone()), AT_ONCE, run).calls;
    let gone = |from: usize| Setting { fault: Fault::From(from), ..AT_ONCE };
    for first in (0..calls).step_by(5) {
        for second in (0..calls).step_by(7) {
            let what = format!("{first}, {second}");
            let mut world = World::of(inventory.clone());
            let _ = on(&mut world, gone(first), run);
            let _ = on(&mut world, gone(second), run);
            let again = on(&mut world, CALM, run).result;
            check_finished(&world, &again.unwrap(), &inventory, &plan, &what);
        }
    }
}

#[test]
fn a_rollback_may_fail_at_each_step() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let mut applied = World::of(inventory.clone());
    apply(&mut applied, &plan, &options()).unwrap();
    let selected = applied.selected();
    for (of, workers) in [(Fault::Once as fn(usize) -> Fault, 1), (Fault::From, 1), (Fault::Once, 4), (Fault::From, 4)]
    {
        let run =
            |ports: &Ports<'_>| crate::rollback(&selected, ports, &RunOptions { concurrency: workers, ..options() });
        for at in 0..on(&mut applied.clone(), CALM, run).calls {
            let mut world = applied.clone();
            let _ = on(&mut world, Setting { fault: of(at), ..CALM }, run);
            let again = on(&mut world, CALM, run).result.unwrap();
            assert!(again.is_complete(), "{at}: {:?}", outcomes(&again));
            assert_eq!(canonical(&world.inventory), canonical(&inventory), "{at}");
        }
    }
}

#[test]
fn half_a_change_of_somebody_else_is_not_finished() {
    // The same state as an interrupted run would leave, but nothing says that one began.
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let planned = &plan.groups[1];
    assert!(planned.changes.len() > 1);
    let mut world = World::of(inventory);
    let half = simulate(&planned.group, &planned.changes[..1]).unwrap();
    *world.inventory.groups.iter_mut().find(|group| group.key == *planned.key()).unwrap() = half.clone();
    let report = apply(&mut world, &plan, &options()).unwrap();
    assert!(matches!(report.groups[1].outcome, Outcome::Refused(_)), "{:?}", outcomes(&report));
    assert_eq!(world.group(planned.key()), &half);
}

#[test]
fn nothing_changes_whose_backup_does_not_read_back() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    for (setting, workers) in [(AT_ONCE, 1), (AT_ONCE, 4), (IN_BATCHES, 1)] {
        let mut world = World::of(inventory.clone());
        let ran = on(&mut world, Setting { forgetful: true, ..setting }, |ports| {
            crate::apply(&plan, ports, &RunOptions { concurrency: workers, ..options() })
        });
        let report = ran.result.unwrap();
        for outcome in outcomes(&report) {
            assert!(outcome.ends_with("is not what was written; it was not changed"), "{outcome}");
        }
        assert_eq!((world.inventory, report.is_complete()), (inventory.clone(), false));
    }
}

#[test]
fn what_a_killed_run_changed_is_audited_by_the_next_one() {
    let inventory = example();
    let plan = plan_of(&inventory, &Strategy::Narrow);
    let planned = &plan.groups[1];
    let run = |ports: &Ports<'_>| crate::apply(&plan, ports, &options());
    let calls = on(&mut World::of(inventory.clone()), AT_ONCE, run).calls;
    let mut halves = 0;
    for at in 0..calls {
        let mut world = World::of(inventory.clone());
        let _ = on(&mut world, Setting { fault: Fault::From(at), ..AT_ONCE }, run);
        let left = world.group(planned.key()).clone();
        let is_half = !same(&left, &planned.group) && !same(&left, &end(&left, &plan));
        apply(&mut world, &plan, &options()).unwrap();
        assert_eq!(world.count("changed-in-part", planned.key()), usize::from(is_half), "{at}");
        halves += usize::from(is_half);
    }
    assert!(halves > 0);
}
