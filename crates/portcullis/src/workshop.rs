//! Where changes on AWS are made: the groups themselves, backups, journal and lock, each in a folder or on S3.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use portcullis_cloud::error::Kind;
use portcullis_cloud::stores::{self, S3Location, StoreError};
use portcullis_runtime::live::{LiveBackups, LiveMetrics, LiveNotifier, LiveRules};
use portcullis_runtime::service::{Stores, s3_folder, s3_location};
use portcullis_runtime::{FoundBackup, Observer, Ports, Report, RunError, RunOptions, SystemClock};

use crate::cli::ChangeArgs;
use crate::exit::{Failure, Result};
use crate::live::{Live, Purpose};

/// How long the calls for one group, one backup or one line of the journal are tried again.
const PATIENCE: Duration = Duration::from_secs(120);

/// Everything that a run on AWS works with.
pub(crate) struct Workshop {
    live: Live,
    rules: LiveRules,
    stores: Stores,
}

impl Workshop {
    /// Opens it; nothing is written yet.
    pub(crate) fn open(args: &ChangeArgs) -> Result<Self> {
        let live = Live::open(&args.aws, Purpose::Change)?;
        let budget = args.aws.time_budget.unwrap_or(PATIENCE);
        let (state, kms_key) = (args.state.as_deref(), args.kms_key.as_deref());
        let stores = Stores::open(live.cloud(), &live.handle(), &args.backup, state, kms_key, PATIENCE)?;
        if !args.dry_run {
            stores.prepare().map_err(Failure::input)?;
        }
        let rules = LiveRules::new(Arc::clone(live.cloud()), live.handle(), live.accesses()?, budget);
        Ok(Self { live, rules, stores })
    }

    /// The topic that is to be told, if any.
    pub(crate) fn notifier(&self, topic: Option<&str>) -> Result<Option<LiveNotifier>> {
        let topic = topic.map(|topic| topic.strip_prefix("sns:").unwrap_or(topic));
        let open = |topic| LiveNotifier::open(&**self.live.cloud(), self.live.handle(), topic);
        topic.map(open).transpose().map_err(Failure::input)
    }

    /// Where metrics are published, if they are to be.
    pub(crate) fn metrics(&self, wanted: bool) -> Result<Option<LiveMetrics>> {
        let metrics = wanted.then(|| LiveMetrics::open(&**self.live.cloud(), self.live.handle()));
        metrics.transpose().map_err(|error| Failure::Incomplete(error.to_string()))
    }

    /// Does a run, with somebody who is told of each group.
    pub(crate) fn run(
        &self,
        options: &RunOptions,
        interrupt: &AtomicBool,
        observer: &dyn Observer,
        run: impl FnOnce(&Ports<'_>, &RunOptions) -> std::result::Result<Report, RunError>,
    ) -> std::result::Result<Report, RunError> {
        let ports = Ports {
            store: &self.rules,
            backups: &*self.stores.backups,
            journal: &*self.stores.journal,
            clock: &SystemClock,
            observer,
            lock: &*self.stores.lock,
            interrupt,
        };
        let mut report = run(&ports, options)?;
        report.unsent.extend(self.rules.remarks());
        Ok(report)
    }

    /// AWS itself.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }
}

/// A plan that was kept on S3.
pub(crate) fn plan_on_s3(args: &ChangeArgs, text: &str) -> Result<Vec<u8>> {
    let location = s3_location(text, "PLAN")?.filter(|location| !location.prefix.is_empty());
    let location =
        location.ok_or_else(|| Failure::input(format!("`{text}` names no plan: `s3://BUCKET/KEY` is expected")))?;
    let live = Live::open(&args.aws, Purpose::Read)?;
    let (prefix, name) = location.prefix.rsplit_once('/').unwrap_or(("", &location.prefix));
    let place = S3Location { bucket: location.bucket.clone(), prefix: prefix.to_owned() };
    let folder = s3_folder(live.cloud(), &live.handle(), place, None, PATIENCE)?;
    match live.handle().block_on(folder.read(name)) {
        Ok(object) => Ok(object.bytes),
        Err(StoreError::Call { error, .. }) if error.kind == Kind::NotFound => {
            Err(Failure::input(format!("there is no plan `{text}`: name it as the notice that asks for approval does")))
        }
        Err(error) => Err(Failure::input(format!("the plan {error}"))),
    }
}

/// The backups at a place on S3: all below a prefix, or the one of a key.
pub(crate) fn backups_on_s3(args: &ChangeArgs, text: &str) -> Result<Vec<FoundBackup>> {
    let Some(location) = s3_location(text, "BACKUP")? else { return Ok(Vec::new()) };
    let live = Live::open(&args.aws, Purpose::Change)?;
    let (folder, key) = match location.prefix.strip_suffix(".json").map(|_| location.prefix.rsplit_once('/')) {
        Some(Some((prefix, name))) => (prefix.to_owned(), Some(name.to_owned())),
        Some(None) => (String::new(), Some(location.prefix.clone())),
        None => (location.prefix.clone(), None),
    };
    let place = S3Location { bucket: location.bucket, prefix: folder };
    let folder = s3_folder(live.cloud(), &live.handle(), place, None, PATIENCE)?;
    let backups = LiveBackups::new(stores::Backups::new(folder), live.handle());
    let found = match key {
        Some(key) => backups.found(&key).map(|found| vec![found]),
        None => backups.find(""),
    };
    let found = found.map_err(|error| Failure::input(format!("the backups in `{text}` cannot be read: {error}")))?;
    if found.is_empty() {
        return Err(Failure::input(format!("there is no backup in `{text}`")));
    }
    Ok(found)
}
