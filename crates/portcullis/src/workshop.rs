//! Where changes on AWS are made: the groups themselves, backups, journal and lock, each in a folder or on S3.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use portcullis_cloud::stores::{self, Folder, Location, S3Location};
use portcullis_runtime::files::{FileJournal, FileLock, FolderBackups};
use portcullis_runtime::live::{LiveBackups, LiveJournal, LiveLock, LiveMetrics, LiveNotifier, LiveRules};
use portcullis_runtime::{
    BackupStore, Clock as _, FoundBackup, Holder, Journal, Lease, Lock, NoLease, Observer, Ports, Report,
    RuleStore as _, RunError, RunOptions, SystemClock,
};

use crate::cli::ChangeArgs;
use crate::exit::{Failure, Result};
use crate::live::{Live, Purpose};

/// How long the calls for one group, one backup or one line of the journal are tried again.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder on this machine, or one on S3.
enum Place {
    Local(PathBuf),
    S3(S3Location),
}

impl Place {
    fn parse(argument: &str, text: &str) -> Result<Self> {
        if !text.contains("://") {
            return Ok(Self::Local(PathBuf::from(text)));
        }
        match text.parse::<Location>() {
            Ok(Location::S3(location)) => Ok(Self::S3(location)),
            Ok(_) => Err(Failure::input(format!("`{argument} {text}`: a folder or `s3://BUCKET/PREFIX` is expected"))),
            Err(error) => Err(Failure::input(format!("`{argument} {text}`: {error}"))),
        }
    }
}

/// Everything that a run on AWS works with.
pub(crate) struct Workshop {
    live: Live,
    rules: LiveRules,
    backups: Box<dyn BackupStore>,
    journal: Box<dyn Journal>,
    lock: Box<dyn Lock>,
}

impl Workshop {
    /// Opens it; nothing is written yet.
    pub(crate) fn open(args: &ChangeArgs) -> Result<Self> {
        let live = Live::open(&args.aws, Purpose::Change)?;
        let backup = Place::parse("--backup", &args.backup)?;
        let state = match &args.state {
            Some(state) => Place::parse("--state", state)?,
            None => Place::parse("--backup", &args.backup)?,
        };
        let budget = args.aws.time_budget.unwrap_or(PATIENCE);
        let folder = |location: S3Location| s3_folder(&live, location, args.kms_key.clone());
        let backups: Box<dyn BackupStore> = match backup {
            Place::Local(folder) => Box::new(FolderBackups::new(folder)),
            Place::S3(location) => Box::new(LiveBackups::new(stores::Backups::new(folder(location)?), live.handle())),
        };
        let (journal, lock): (Box<dyn Journal>, Box<dyn Lock>) = match state {
            Place::Local(folder) => {
                let journal = folder.join("journal");
                if !args.dry_run {
                    fs::create_dir_all(&folder).map_err(|error| {
                        Failure::input(format!("the folder `{}` cannot be made: {error}", folder.display()))
                    })?;
                }
                (Box::new(FileJournal::new(journal.clone())), Box::new(FileLock::of(&journal)))
            }
            Place::S3(location) => {
                let place = folder(location)?;
                let lock = LiveLock::new(stores::Lock::new(place.clone()), live.handle(), &SystemClock);
                (Box::new(LiveJournal::new(stores::Journal::new(place), live.handle())), Box::new(lock))
            }
        };
        let rules = LiveRules::new(Arc::clone(live.cloud()), live.handle(), live.accesses()?, budget);
        Ok(Self { live, rules, backups, journal, lock })
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

    /// Does a run under the lock, with somebody who is told of each group. A dry run takes no lock: it changes nothing.
    pub(crate) fn run(
        &self,
        options: &RunOptions,
        interrupt: &AtomicBool,
        observer: &dyn Observer,
        run: impl FnOnce(&Ports<'_>, &RunOptions) -> std::result::Result<Report, RunError>,
    ) -> std::result::Result<Report, RunError> {
        let lease: Box<dyn Lease + '_> = if options.dry_run {
            Box::new(NoLease)
        } else {
            let who = format!("{}, process {}", self.rules.caller()?, std::process::id());
            let holder = Holder { who, run_id: options.run_id.clone(), since: SystemClock.now(), until: None };
            self.lock.take(&holder)?
        };
        let ports = Ports {
            store: &self.rules,
            backups: self.backups.as_ref(),
            journal: self.journal.as_ref(),
            clock: &SystemClock,
            observer,
            lease: lease.as_ref(),
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

fn s3_folder(live: &Live, location: S3Location, kms_key: Option<String>) -> Result<Folder> {
    let objects = live.handle().block_on(live.cloud().objects());
    let objects = objects.map_err(|error| Failure::Incomplete(error.to_string()))?;
    Ok(Folder::new(objects, location, kms_key, PATIENCE))
}

/// The backups at a place on S3: all below a prefix, or the one of a key.
pub(crate) fn backups_on_s3(args: &ChangeArgs, text: &str) -> Result<Vec<FoundBackup>> {
    let Place::S3(location) = Place::parse("BACKUP", text)? else { return Ok(Vec::new()) };
    let live = Live::open(&args.aws, Purpose::Change)?;
    let (folder, key) = match location.prefix.strip_suffix(".json").map(|_| location.prefix.rsplit_once('/')) {
        Some(Some((prefix, name))) => (prefix.to_owned(), Some(name.to_owned())),
        Some(None) => (String::new(), Some(location.prefix.clone())),
        None => (location.prefix.clone(), None),
    };
    let folder = s3_folder(&live, S3Location { bucket: location.bucket, prefix: folder }, None)?;
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
