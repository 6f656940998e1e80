//! Plan, apply, scan clean of what was planned, roll back to the byte: for every strategy, over random worlds.

use portcullis_core::remediation::Strategy;
use proptest::prelude::*;

use super::memory::{CALM, Setting, World, on, options, outcomes};
use super::world::{any_world, canonical, failing, plan_of, strategies};
use crate::report::RunOptions;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_can_be_applied_leaves_none_of_its_findings_and_is_taken_back_to_the_byte(inventory in any_world(), immediate in proptest::bool::ANY, workers in 1..5_usize) {
        let (setting, options) = (Setting { immediate, ..CALM }, || RunOptions { concurrency: workers, ..options() });
        let before = canonical(&inventory);
        for strategy in strategies() {
            let plan = plan_of(&inventory, &strategy);
            let mut world = World::of(inventory.clone());
            let report = on(&mut world, setting, |ports| crate::apply(&plan, ports, &options())).result.unwrap();
            prop_assert!(report.is_complete(), "{}: {:?}", strategy.as_str(), outcomes(&report));
            prop_assert_eq!(report.changed(), plan.groups.len());
            let order: Vec<_> = report.groups.iter().map(|group| &group.group).collect();
            prop_assert_eq!(order, plan.groups.iter().map(|planned| planned.key()).collect::<Vec<_>>());
            if strategy != Strategy::Tag {
                let left = failing(&world.inventory);
                for planned in &plan.groups {
                    for finding in &planned.findings {
                        let finding = (planned.key().clone(), finding.control_id.to_string());
                        prop_assert!(!left.contains(&finding), "{}: {:?} is left", strategy.as_str(), finding);
                    }
                }
            }
            let selected = world.selected();
            let back = on(&mut world, setting, |ports| crate::rollback(&selected, ports, &options())).result;
            prop_assert!(back.unwrap().is_complete());
            prop_assert_eq!(canonical(&world.inventory), before.clone(), "{}", strategy.as_str());
        }
    }
}
