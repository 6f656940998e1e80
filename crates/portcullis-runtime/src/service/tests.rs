//! A scan that many share, over a world in memory.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use portcullis_cloud::api::Cloud;
use portcullis_cloud::model::{Place, World};
use portcullis_formats::policy::assemble::{Request, assemble};
use serde_json::{Value, json};

use super::{Places, ScanSettings, Service, ServiceError, ServiceSettings, Unit};
use crate::ports::{Clock, Holder};
use crate::respond::Settings;

const HUB: &str = "111122223333";
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
/// The groups of a Region: the one that is open, and the VPC's own.
const EACH: usize = 2;
const OPEN: &str = "ingress tcp 22 from 0.0.0.0/0";

/// A clock by which a second goes by whenever somebody looks.
#[derive(Default)]
struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_768_478_400 + self.0.fetch_add(1, Ordering::Relaxed)).unwrap()
    }
}

struct Bench {
    clock: Ticks,
    world: World,
    service: Service,
}

fn bench(disabled: &[&str], accounts: &[&str]) -> Bench {
    let levels: Vec<Value> =
        disabled.iter().map(|id| json!({ "account_id": id, "enforcement_level": "disabled" })).collect();
    let policy =
        json!({ "version": "1", "controls": ["internet-ssh"], "compliance_policies": {}, "accounts_config": levels });
    bench_of(&policy, accounts, false)
}

/// One that puts right at once what it finds.
fn enforcing() -> Bench {
    let settings = json!({ "automatic_remediation": true, "require_manual_approval": false, "grace_period_hours": 0 });
    let policy = json!({
        "version": "1", "controls": ["internet-ssh"],
        "compliance_policies": { "compliance_actions": { "remediation_settings": settings } },
        "accounts_config": [{ "account_id": HUB, "enforcement_level": "enforce" }],
    });
    bench_of(&policy, &[], true)
}

fn bench_of(policy: &Value, accounts: &[&str], enforce: bool) -> Bench {
    let world = World::new();
    for region in REGIONS {
        let mut place = Place::new(HUB, region);
        let group = place.add_group(&format!("web-{region}"), "");
        let _ = place.add_rule(&group, OPEN);
        world.add_place(place);
    }
    world.add_bucket("kept");
    world.add_table("state");
    let handle = crate::live::Handle::paused();
    let policies = vec![("policy.json".to_owned(), policy.to_string().into_bytes())];
    let request = Request { policies, packs: Vec::new(), environment: None };
    let assembled = assemble(&request).map_err(|errors| errors.render(false, 100)).unwrap();
    let settings = ServiceSettings {
        respond: Settings { enforce, ..Settings::new(assembled.set.clone(), &assembled.policies, None) },
        places: Places {
            backup: "s3://kept/backups".to_owned(),
            state: Some("dynamodb://state".to_owned()),
            reports: Some("s3://kept/reports".to_owned()),
            metrics: true,
            ..Places::default()
        },
        policies: assembled.set,
        documents: assembled.policies,
        role: None,
        scan: ScanSettings {
            accounts: accounts.iter().map(|&id| id.to_owned()).collect(),
            accounts_from: None,
            regions: REGIONS.map(str::to_owned).to_vec(),
        },
        tool_version: "0".to_owned(),
    };
    let cloud: Arc<dyn Cloud> = Arc::new(world.clone());
    Bench { clock: Ticks::default(), service: Service::open(cloud, handle, settings).unwrap(), world }
}

impl Bench {
    fn units(&self, run: &str) -> Vec<Unit> {
        let listed = self.service.list_units(run).unwrap();
        let list = &self.world.bucket(&listed.bucket)[&listed.key];
        let units: Vec<Unit> = serde_json::from_slice(list).unwrap();
        assert_eq!(units.len(), listed.units);
        units
    }

    fn is_open(&self, region: &str) -> bool {
        let lines = self.world.place(HUB, region).lines(&format!("sg-web-{region}"));
        lines.iter().any(|line| line == "ingress tcp 22-22 0.0.0.0/0")
    }

    fn object(&self, place: &str) -> Value {
        let key = place.strip_prefix("s3://kept/").unwrap();
        serde_json::from_slice(&self.world.bucket("kept")[key]).unwrap()
    }

    /// The violations that stand, published without dimensions.
    fn violations(&self) -> Vec<f64> {
        let all = self.world.metrics_of("SecurityGroup/Compliance");
        let own = all.iter().filter(|metric| metric.name == "ComplianceViolations" && metric.dimensions.is_empty());
        own.map(|metric| metric.value).collect()
    }
}

#[test]
fn the_parts_of_a_scan_become_one_report_and_one_count() {
    let bench = bench(&[], &[]);
    for unit in bench.units("r1") {
        let outcome = bench.service.scan_unit(&unit, &bench.clock).unwrap();
        assert_eq!((outcome.groups, outcome.stands, outcome.failures.len()), (EACH, true, 0));
    }
    assert!(bench.violations().is_empty(), "parts count nothing");
    let merged = bench.service.merge("r1", None, &bench.clock).unwrap();
    assert_eq!((merged.units, merged.groups, merged.failing, merged.complete), (2, 2 * EACH, 2, true), "{merged:?}");
    assert_eq!(bench.violations(), [2.0]);
    let endings: Vec<&str> = merged.reports.iter().filter_map(|place| place.rsplit('.').next()).collect();
    assert_eq!(endings, ["json", "csv", "md"]);
    let report = bench.object(&merged.reports[0]);
    let rows: Vec<(&str, &str)> = report["coverage"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["region"].as_str().unwrap(), row["status"].as_str().unwrap()))
        .collect();
    assert_eq!(rows, [("eu-west-1", "complete"), ("us-east-1", "complete")]);
    // The same as a scan of one piece.
    let whole = bench.service.scan(&super::accounts::everything(), &bench.clock).unwrap();
    assert_eq!(bench.object(&whole.reports[0])["findings"], report["findings"]);
    let history = bench.world.bucket("kept").keys().filter(|key| key.starts_with("reports/history/")).count();
    assert_eq!(history, 2);
}

#[test]
fn a_part_that_is_missing_or_damaged_is_unread_and_never_clean() {
    let bench = bench(&[], &[]);
    let units = bench.units("r1");
    bench.service.scan_unit(&units[0], &bench.clock).unwrap();
    let torn = bench.service.merge("r1", None, &bench.clock).unwrap();
    assert_eq!((torn.complete, torn.groups), (false, EACH));
    assert!(torn.failures[0].contains("us-east-1") && torn.failures[0].contains("missing"), "{:?}", torn.failures);
    assert_eq!(bench.object(&torn.reports[0])["coverage"][1]["status"], "unread");

    let units = bench.units("r2");
    units.iter().for_each(|unit| drop(bench.service.scan_unit(unit, &bench.clock).unwrap()));
    let part = format!("reports/runs/r2/parts/{HUB}/us-east-1/inventory.json.gz");
    let other = format!("reports/runs/r2/parts/{HUB}/eu-west-1/inventory.json.gz");
    let whole = bench.world.bucket("kept")[&part].clone();
    // Cut short; none of ours; another part's.
    for bytes in
        [whole[..whole.len() / 2].to_vec(), b"{\"hello\": 1}".to_vec(), bench.world.bucket("kept")[&other].clone()]
    {
        bench.world.put_object("kept", &part, &bytes);
        let merged = bench.service.merge("r2", None, &bench.clock).unwrap();
        assert_eq!((merged.complete, merged.groups), (false, EACH), "{:?}", merged.failures);
    }
    bench.world.put_object("kept", &part, &whole);
    assert!(bench.service.merge("r2", None, &bench.clock).unwrap().complete);
}

#[test]
fn listing_and_scanning_again_is_as_once() {
    let bench = bench(&[], &[]);
    let units = bench.units("r1");
    bench.world.add_place(Place::new("444455556666", "eu-west-1"));
    assert_eq!(bench.units("r1"), units);
    for _ in 0..2 {
        units.iter().for_each(|unit| drop(bench.service.scan_unit(unit, &bench.clock).unwrap()));
    }
    assert!(bench.service.merge("r1", None, &bench.clock).unwrap().complete);
}

#[test]
fn an_account_that_is_disabled_is_no_unit_and_stands_in_a_scans_coverage() {
    let bench = bench(&["444455556666"], &[HUB, "444455556666"]);
    assert!(bench.units("r1").iter().all(|unit| unit.account == HUB));
    let outcome = bench.service.scan(&super::accounts::everything(), &bench.clock).unwrap();
    let report = bench.object(&outcome.reports[0]);
    let disabled: Vec<&Value> =
        report["coverage"].as_array().unwrap().iter().filter(|row| row["status"] == "disabled").collect();
    assert_eq!(disabled.len(), 1);
    assert_eq!(disabled[0]["account_id"], "444455556666");
}

#[test]
fn a_part_waits_for_changes_of_its_own_account_and_region_alone() {
    let bench = enforcing();
    let units = bench.units("r1");
    let lock = &bench.service.stores.lock;
    let own = crate::ports::Place { account_id: units[0].account.clone(), region: units[0].region.clone() };
    let holder = Holder { who: "ada".to_owned(), run_id: "r0".to_owned(), since: bench.clock.now(), until: None };
    let lease = lock.take(&holder, Some(&own)).unwrap();
    let elsewhere = bench.service.scan_unit(&units[1], &bench.clock).unwrap();
    assert_eq!((elsewhere.changed(), elsewhere.failures.len(), elsewhere.stands), (1, 0, false), "{elsewhere:?}");
    let refused = bench.service.scan_unit(&units[0], &bench.clock).unwrap();
    assert_eq!((refused.changed(), refused.stands), (0, true));
    assert!(refused.failures[0].contains("another run (ada, run r0"), "{:?}", refused.failures);
    assert!(bench.is_open(&units[0].region), "it was not touched");
    drop(lease);
    let again = bench.service.scan_unit(&bench.units("r2")[0], &bench.clock).unwrap();
    assert_eq!((again.changed(), again.failures.len()), (1, 0), "{:?}", again.failures);
    assert!(!bench.is_open(&units[0].region));
    assert!(bench.world.bucket("kept").keys().all(|key| !key.contains("lock")), "locks are given back");
}

#[test]
fn a_part_reads_of_the_state_what_is_known_of_its_own_groups() {
    let bench = enforcing();
    let read = |name| bench.world.calls().get(name).copied().unwrap_or_default();
    for unit in bench.units("r1") {
        bench.service.scan_unit(&unit, &bench.clock).unwrap();
    }
    assert_eq!((read("dynamodb:Scan"), read("dynamodb:GetItem")), (0, 2 * EACH as u64));
    assert!(bench.service.merge("r1", None, &bench.clock).unwrap().complete);
    assert_eq!(read("dynamodb:Scan"), 1, "all of it is read once, by who puts the parts together");
}

#[test]
fn the_name_of_a_run_leads_nowhere_else() {
    let bench = bench(&[], &[]);
    for run in ["", "../other", "a/b", "a b", &"x".repeat(129)] {
        assert!(matches!(bench.service.list_units(run), Err(ServiceError::Input(_))), "{run}");
        assert!(bench.service.merge(run, None, &bench.clock).is_err(), "{run}");
    }
}
