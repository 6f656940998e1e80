//! A scan that many share: a list of accounts and Regions, each of them scanned by itself, and one report of all.
//!
//! What one hands to the next lies on S3, below `runs/RUN` where reports are: a state machine's own memory holds 256 KB, some
//! two thousand units. The parts keep what they read, not what they think of it, so that everything is judged together once
//! more: by one policy, at one time, and with the references between Regions' accounts in view. A part that is not there,
//! or cannot be read, stands in the coverage, and nothing of it is shown as clean.

use std::io::Cursor;
use std::sync::Arc;

use jiff::Timestamp;
use portcullis_cloud::stores::{Folder, StoreError};
use portcullis_core::evaluate::Options;
use portcullis_core::model::{Coverage, CoverageStatus, Inventory};
use portcullis_formats::events::ScanRequest;
use portcullis_formats::inventory::{ReadOptions, Source, canonical, read, write_gzip};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::accounts::everything;
use super::results::json;
use super::scan::{Extent, failing, unread};
use super::{ScanOutcome, Service, ServiceError};
use crate::live::wants;
use crate::metrics::{Tally, Tracking, publish};
use crate::ports::Clock;

/// So many parts are fetched at once.
const AT_ONCE: usize = 32;

/// An account and Region that is scanned by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// What is to be done with it: the input of the call that does it.
    task: Task,
    /// The run that it belongs to.
    pub run: String,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
}

/// The one thing that is done with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Task {
    Scan,
}

/// Where the units of a run are listed: a JSON array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnitList {
    /// The run.
    pub run: String,
    /// How many they are.
    pub units: usize,
    /// The bucket of the list.
    pub bucket: String,
    /// Its key.
    pub key: String,
}

/// What a part leaves for the report, beside what it read.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Part {
    changed: usize,
    failures: Vec<String>,
}

/// The report of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// The run.
    pub run: String,
    /// How many units it had.
    pub units: usize,
    /// How many groups were judged.
    pub groups: usize,
    /// Failing findings.
    pub failing: usize,
    /// How many groups the parts changed.
    pub changed: usize,
    /// Whether everything was read, and everything that was to be done was done.
    pub complete: bool,
    /// Where the reports lie, in each format.
    pub reports: Vec<String>,
    /// What went wrong.
    pub failures: Vec<String>,
}

impl Service {
    /// Lists the accounts and Regions of a run where those find it who share the work out. A second call for the same run
    /// answers what the first one listed.
    ///
    /// # Errors
    /// Where it cannot be told what is to be scanned, or cannot be written.
    pub fn list_units(&self, run: &str) -> Result<UnitList, ServiceError> {
        let folder = self.run_folder(run)?;
        let units = self.units()?.into_iter();
        let units: Vec<Unit> =
            units.map(|(account, region)| Unit { task: Task::Scan, run: run.to_owned(), account, region }).collect();
        let name = list(run);
        let count = match self.handle.block_on(folder.create(&name, &json(&units)?, "application/json")) {
            Ok(_) => units.len(),
            Err(StoreError::Exists(_)) => self.listed(&folder, run)?.len(),
            Err(error) => return Err(error.into()),
        };
        let place = folder.place(&name);
        let (bucket, key) = place.trim_start_matches("s3://").split_once('/').unwrap_or_default();
        Ok(UnitList { run: run.to_owned(), units: count, bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// Scans a unit, and keeps what it read for the report. What it counts is left to the report: alarms are about the whole.
    ///
    /// # Errors
    /// Where it cannot be scanned, or the result not be kept.
    pub fn scan_unit(&self, unit: &Unit, clock: &dyn Clock) -> Result<ScanOutcome, ServiceError> {
        let folder = self.run_folder(&unit.run)?;
        let asked =
            ScanRequest { accounts: vec![unit.account.clone()], regions: vec![unit.region.clone()], ..everything() };
        let mut outcome = self.scan_with(&asked, Extent::Part, None, clock)?;
        canonical(&mut outcome.judged.0);
        let mut bytes = Vec::new();
        write_gzip(&outcome.judged.0, &mut bytes).map_err(|error| ServiceError::Incomplete(error.to_string()))?;
        let part = Part { changed: outcome.changed(), failures: outcome.failures.clone() };
        let keep = async |name: String, bytes: &[u8], media: &str| match folder.create(&name, bytes, media).await {
            // Another try of this unit came so far; what it read holds.
            Ok(_) | Err(StoreError::Exists(_)) => Ok(()),
            Err(error) => Err(error),
        };
        self.handle.block_on(async {
            keep(read_by(unit), &bytes, "application/gzip").await?;
            keep(done_by(unit), &json(&part)?, "application/json").await?;
            Ok::<(), ServiceError>(())
        })?;
        Ok(outcome)
    }

    /// Puts the parts of a run together: one report in each format, one page of history, one count for the metrics.
    ///
    /// # Errors
    /// Where the run's list cannot be read, or the report not be kept.
    pub fn merge(&self, run: &str, began: Option<Timestamp>, clock: &dyn Clock) -> Result<Merged, ServiceError> {
        let now = clock.now();
        let policies = &self.settings.policies;
        let folder = self.run_folder(run)?;
        let units = self.listed(&folder, run)?;
        let (mut parts, mut changed, mut failures) = (Vec::new(), 0, Vec::new());
        for (unit, fetched) in self.handle.block_on(fetched(&folder, &units)) {
            match fetched.and_then(|(bytes, part)| Ok((inventory_of(&unit, bytes)?, part))) {
                Ok((inventory, part)) => {
                    parts.push(inventory);
                    changed += part.changed;
                    failures.extend(part.failures);
                }
                Err(why) => parts.push(missing(&unit, why)),
            }
        }
        let mut inventory = Inventory::merged(parts);
        let want = wants(policies);
        if want.interfaces || want.users {
            // They were asked for, as in a scan of one piece.
            inventory.interfaces.get_or_insert_default();
        }
        let evaluation = crate::judge(&inventory, policies, now, Options::default(), None);
        let known = failures.clone();
        failures.extend(unread(&evaluation).into_iter().filter(|why| !known.contains(why)));
        match self.conclude(run, (&inventory, &evaluation), &failures, now) {
            Ok(more) => failures.extend(more),
            Err(error) => failures.push(error.to_string()),
        }
        let reports = self.keep_reports(run, &inventory, &evaluation, None, now)?;
        if let Some(metrics) = self.metrics.as_ref() {
            let mut tally = Tally::default();
            tally.add(&inventory, policies, &evaluation, now);
            (tally.remediations, tally.errors) = (changed, failures.len());
            let took = began.map(|began| now.duration_since(began));
            let tracking = Tracking::new(&self.settings.documents);
            if let Err(error) = publish(metrics, &tally.metrics(&tracking, took, now)) {
                failures.push(format!("the metrics could not be published: {error}"));
            }
        }
        Ok(Merged {
            run: run.to_owned(),
            units: units.len(),
            groups: evaluation.groups,
            failing: failing(&evaluation).count(),
            changed,
            complete: failures.is_empty(),
            reports,
            failures,
        })
    }

    /// Where reports are, for a run whose name can be part of a key.
    fn run_folder(&self, run: &str) -> Result<Folder, ServiceError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if run.is_empty() || run.len() > 128 || !run.bytes().all(fits) {
            let wanted = "letters, digits, `-` and `_` are expected, 128 at most";
            return Err(ServiceError::Input(format!("`{run}` cannot be the name of a run: {wanted}")));
        }
        let missing = "PORTCULLIS_REPORTS is not set: the parts of a scan meet there";
        self.reports()?.ok_or_else(|| ServiceError::Input(missing.to_owned()))
    }

    fn listed(&self, folder: &Folder, run: &str) -> Result<Vec<Unit>, ServiceError> {
        let list = list(run);
        let object = self.handle.block_on(folder.read(&list))?;
        serde_json::from_slice(&object.bytes).map_err(|error| {
            ServiceError::Incomplete(format!("`{}` is no list of units: {error}", folder.place(&list)))
        })
    }
}

fn list(run: &str) -> String {
    format!("runs/{run}/units.json")
}

fn read_by(unit: &Unit) -> String {
    format!("runs/{}/parts/{}/{}/inventory.json.gz", unit.run, unit.account, unit.region)
}

/// Written last: where it is, the part is whole.
fn done_by(unit: &Unit) -> String {
    format!("runs/{}/parts/{}/{}/done.json", unit.run, unit.account, unit.region)
}

type Fetched = Result<(Vec<u8>, Part), String>;

/// What the parts left, in the order of the units.
async fn fetched(folder: &Folder, units: &[Unit]) -> Vec<(Unit, Fetched)> {
    let turn = Arc::new(Semaphore::new(AT_ONCE));
    let mut calls = JoinSet::new();
    for (place, unit) in units.iter().cloned().enumerate() {
        let (folder, turn) = (folder.clone(), Arc::clone(&turn));
        calls.spawn(async move {
            let _turn = turn.acquire_owned().await;
            let read = async {
                let part = folder.read(&done_by(&unit)).await.map_err(|error| error.to_string())?;
                let part = serde_json::from_slice(&part.bytes).map_err(|error| error.to_string())?;
                let read = folder.read(&read_by(&unit)).await.map_err(|error| error.to_string())?;
                Ok((read.bytes, part))
            };
            let fetched = read.await;
            (place, unit, fetched)
        });
    }
    let mut all = calls.join_all().await;
    all.sort_by_key(|(place, ..)| *place);
    all.into_iter().map(|(_, unit, fetched)| (unit, fetched)).collect()
}

/// What a part read. What it holds of other accounts and Regions does not count: a part speaks for itself alone.
fn inventory_of(unit: &Unit, bytes: Vec<u8>) -> Result<Inventory, String> {
    let source = Source::reader(read_by(unit), Cursor::new(bytes));
    let mut inventory = read([source], &ReadOptions::default()).map_err(|errors| errors.to_string())?;
    let own = |account: &str, region: &str| account == unit.account && region == unit.region;
    // An account that could not be entered has no Region.
    let closed = |row: &Coverage| row.account_id == unit.account && row.region.is_empty() && row.status.is_unread();
    inventory.groups.retain(|group| own(&group.key.account_id, &group.key.region));
    inventory.coverage.retain(|row| own(&row.account_id, &row.region) || closed(row));
    if inventory.coverage.is_empty() {
        return Err("it does not say that it was read".to_owned());
    }
    Ok(inventory)
}

fn missing(unit: &Unit, why: String) -> Inventory {
    let coverage = Coverage {
        account_id: unit.account.as_str().into(),
        region: unit.region.as_str().into(),
        status: CoverageStatus::Unread,
        groups: 0,
        error: Some(format!("its part of the scan is missing: {why}")),
    };
    Inventory { coverage: vec![coverage], ..Inventory::default() }
}
