//! Seeds of the formats that carry a digest: nobody can write them by hand, so they are made here.

use std::fs;

use portcullis_core::evaluate::{Options, evaluate};
use portcullis_core::model::Inventory;
use portcullis_core::remediation::{GroupPlan, Plan, Strategy, plan};
use portcullis_formats::backup::{Backup, Purpose};
use portcullis_formats::inventory::{ReadOptions, Source, read};
use portcullis_formats::plan as plan_file;
use portcullis_formats::policy::assemble::{Request, assemble};

use super::{folder, seeds};

const NOW: &str = "2026-01-02T03:04:05Z";
const VERSION: &str = "0.1.0";
const AGAIN: &str = "after a change of the format: cargo test -p portcullis-fuzz --test smoke -- --ignored write_seeds";

/// A seed that is refused would leave everything behind the digest untried.
#[test]
fn the_seeds_of_plans_and_backups_are_taken() {
    for seed in seeds("plan") {
        assert!(plan_file::read(&seed).is_ok(), "{AGAIN}: {:?}", plan_file::read(&seed).err());
    }
    for seed in seeds("backup") {
        assert!(Backup::read(&seed).is_ok(), "{AGAIN}: {:?}", Backup::read(&seed).err());
    }
}

#[test]
#[ignore = "writes seeds/plan and seeds/backup anew"]
fn write_seeds() {
    let block = "198.51.100.0/24".parse().unwrap();
    let made = [
        ("two-halves", Strategy::Narrow),
        ("prefix-list-two-halves", Strategy::Narrow),
        ("both-families", Strategy::Revoke),
        ("two-halves", Strategy::Lockdown),
        ("both-families", Strategy::Tag),
        ("two-halves", Strategy::Replace(vec![block])),
    ];
    for (inventory, strategy) in made {
        let plan = planned(&inventory_of(inventory), &strategy);
        let name = format!("{}-{inventory}.json", strategy.as_str());
        write_plan(&plan, &name);
        for (planned, number) in plan.groups.iter().zip(1..) {
            write_backup(&plan, planned, &format!("{number}-{name}"));
        }
    }
}

fn inventory_of(name: &str) -> Inventory {
    let path = folder("inventory").join(format!("{name}.json"));
    read([Source::path(path)], &ReadOptions::default()).unwrap()
}

fn planned(inventory: &Inventory, strategy: &Strategy) -> Plan {
    let request = Request { packs: vec!["recommended".to_owned()], ..Request::default() };
    let policies = assemble(&request).unwrap().set;
    let now = NOW.parse().unwrap();
    let evaluation = evaluate(inventory, &policies, now, Options::default());
    plan(inventory, &policies, &evaluation, strategy, now)
}

fn write_plan(plan: &Plan, name: &str) {
    let mut bytes = Vec::new();
    plan_file::write(plan, &plan_file::About { created_at: NOW.parse().unwrap(), tool_version: VERSION }, &mut bytes)
        .unwrap();
    keep("plan", name, &bytes);
}

fn write_backup(plan: &Plan, planned: &GroupPlan, name: &str) {
    let backup = Backup {
        taken_at: NOW.parse().unwrap(),
        run_id: "0a1b2c3d".to_owned(),
        caller: "somebody".to_owned(),
        tool_version: VERSION.to_owned(),
        purpose: Purpose::Apply,
        plan: plan_file::identity(plan),
        planned_on: planned.fingerprint.clone(),
        resumed: false,
        group: planned.group.clone(),
        changes: planned.changes.clone(),
    };
    let mut bytes = Vec::new();
    backup.write(&mut bytes).unwrap();
    keep("backup", name, &bytes);
}

fn keep(target: &str, name: &str, bytes: &[u8]) {
    fs::create_dir_all(folder(target)).unwrap();
    fs::write(folder(target).join(name), bytes).unwrap();
}
