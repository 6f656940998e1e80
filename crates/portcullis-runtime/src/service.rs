//! The service: events answered on AWS, whoever brings them: the command line, a queue, a Lambda.
//!
//! [`Service::open`] takes places as people write them (`s3://…`, `dynamodb://…`, folders, files) and opens everything once;
//! nothing is called for that but, with a role to assume, who the credentials are.

mod accounts;
mod bad_ports;
mod changer;
mod groups;
mod parts;
mod principals;
mod results;
mod scan;
mod stores;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use portcullis_cloud::api::{Cloud, Role};
use portcullis_core::policy::PolicySet;
use portcullis_formats::events::{Delivery, Event};
use portcullis_formats::policy::Policy;

use crate::enforce::BackupShelf;
use crate::live::{Accesses, Handle, LiveMetrics, LiveNotifier, LiveRules};
use crate::metrics::MetricsSink;
use crate::notices::Notifier;
use crate::ports::{Clock, PortError, RuleStore as _};
use crate::respond::{OwnIdentity, RespondPorts, Responder, Response, Settings, prune};
use crate::state::{KeyValue, StateError};
pub use accounts::ScanSettings;
pub use bad_ports::bad_ports_policy;
use changer::LiveChanger;
use groups::LiveGroups;
pub use parts::{Merged, Unit, UnitList};
pub use principals::LivePrincipals;
pub use scan::ScanOutcome;
pub use stores::{Stores, s3_folder, s3_location};

/// How long the calls for one group, one backup or one line of the journal are tried again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the service cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// What was asked for cannot be.
    #[error("{0}")]
    Input(String),
    /// The world could not do its part.
    #[error("{0}")]
    Incomplete(String),
}

impl From<StateError> for ServiceError {
    fn from(error: StateError) -> Self {
        Self::Incomplete(error.to_string())
    }
}

impl From<portcullis_cloud::error::Error> for ServiceError {
    fn from(error: portcullis_cloud::error::Error) -> Self {
        Self::Incomplete(error.to_string())
    }
}

/// Where things are kept, and whom to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Backups, journal and lock: a folder, or `s3://BUCKET/PREFIX`.
    pub backup: String,
    /// What is remembered: a file, or `dynamodb://TABLE`; `None` is memory.
    pub state: Option<String>,
    /// The key of AWS KMS for what goes to S3.
    pub kms_key: Option<String>,
    /// A topic of Amazon SNS, with or without `sns:` before its ARN.
    pub notify: Option<String>,
    /// Whether metrics are published.
    pub metrics: bool,
    /// Where results of scans go: `s3://BUCKET/PREFIX`.
    pub reports: Option<String>,
}

/// All that the service goes by.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// How events are answered.
    pub respond: Settings,
    /// Where things are kept.
    pub places: Places,
    /// What scans judge by: as events, and the controls that rest on a whole account.
    pub policies: PolicySet,
    /// The policies themselves.
    pub documents: Vec<Policy>,
    /// The role to assume in every account.
    pub role: Option<Role>,
    /// Which accounts and Regions scans read.
    pub scan: ScanSettings,
    /// The version of the program, for what it writes.
    pub tool_version: String,
}

/// The service, opened.
pub struct Service {
    cloud: Arc<dyn Cloud>,
    handle: Handle,
    settings: ServiceSettings,
    accesses: Accesses,
    rules: LiveRules,
    stores: Stores,
    state: Box<dyn KeyValue>,
    notifier: Option<LiveNotifier>,
    metrics: Option<LiveMetrics>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("places", &self.settings.places).finish_non_exhaustive()
    }
}

impl Service {
    /// Opens it on these threads; see [`crate::live`] for which those may be.
    ///
    /// # Errors
    /// Where a place cannot be understood or opened.
    pub fn open(cloud: Arc<dyn Cloud>, handle: Handle, settings: ServiceSettings) -> Result<Self, ServiceError> {
        let accesses = handle.block_on(Accesses::with_role(&*cloud, settings.role.clone()))?;
        let rules = LiveRules::new(Arc::clone(&cloud), handle.clone(), accesses.clone(), PATIENCE);
        let places = &settings.places;
        let stores = Stores::open(&cloud, &handle, &places.backup, None, places.kms_key.as_deref(), PATIENCE)?;
        let state = stores::state(&*cloud, &handle, places.state.as_deref(), settings.respond.enforce)?;
        let topic = places.notify.as_deref().map(|topic| topic.strip_prefix("sns:").unwrap_or(topic));
        let notifier = topic.map(|topic| LiveNotifier::open(&*cloud, handle.clone(), topic)).transpose();
        let notifier = notifier.map_err(|error: PortError| ServiceError::Input(error.to_string()))?;
        let metrics = places.metrics.then(|| LiveMetrics::open(&*cloud, handle.clone())).transpose();
        let metrics = metrics.map_err(|error: PortError| ServiceError::Incomplete(error.to_string()))?;
        Ok(Self { cloud, handle, settings, accesses, rules, stores, state, notifier, metrics })
    }

    /// Answers events, and does what has become due meanwhile.
    pub fn respond(&self, deliveries: &[Delivery], clock: &dyn Clock, interrupt: &AtomicBool) -> Response {
        let by_us = |delivery: &Delivery| match &delivery.event {
            Ok(Event::Call(call)) => OwnIdentity::may_have_made(call),
            _ => false,
        };
        if !deliveries.iter().any(by_us) {
            return self.with_ports(clock, interrupt, |responder| responder.respond(deliveries));
        }
        // Who our credentials are is asked only where it decides something.
        let mut settings = self.settings.respond.clone();
        settings.own.arn = self.rules.caller().ok();
        self.with_ports(clock, interrupt, |responder| {
            Responder { settings: &settings, ..responder }.respond(deliveries)
        })
    }

    /// When something that waits falls due next.
    pub fn next_due(&self, clock: &dyn Clock) -> Option<Timestamp> {
        self.with_ports(clock, &AtomicBool::new(false), |responder| responder.next_due())
    }

    /// Forgets what nobody asks for any more, where the state does not do that by itself.
    ///
    /// # Errors
    /// Where the state fails.
    pub fn tidy(&self, clock: &dyn Clock) -> Result<(), StateError> {
        prune(&*self.state, clock.now())
    }

    /// The world that it works in.
    pub fn cloud(&self) -> &Arc<dyn Cloud> {
        &self.cloud
    }

    /// The threads that it works on.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Who blocks principals.
    pub fn principals(&self) -> LivePrincipals {
        LivePrincipals::new(Arc::clone(&self.cloud), self.handle.clone(), self.accesses.clone())
    }

    /// Where plans wait until somebody agrees.
    fn shelf(&self) -> BackupShelf<'_> {
        let Self { stores, settings, .. } = self;
        BackupShelf { backups: &*stores.backups, place: &settings.places.backup, tool_version: &settings.tool_version }
    }

    fn with_ports<T>(&self, clock: &dyn Clock, interrupt: &AtomicBool, run: impl FnOnce(Responder<'_>) -> T) -> T {
        let groups = LiveGroups { cloud: &self.cloud, handle: &self.handle, accesses: &self.accesses };
        let changer = LiveChanger::new(self, interrupt);
        let principals = self.principals();
        let ports = RespondPorts {
            state: &*self.state,
            groups: &groups,
            changer: &changer,
            plans: &self.shelf(),
            blocker: &principals,
            notifier: self.notifier.as_ref().map(|notifier| notifier as &dyn Notifier),
            metrics: self.metrics.as_ref().map(|metrics| metrics as &dyn MetricsSink),
            clock,
            interrupt,
        };
        run(Responder { settings: &self.settings.respond, ports })
    }
}
