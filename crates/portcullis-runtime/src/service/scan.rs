//! Scans that a schedule or a person asks for: everything read and judged, and done what the policies' levels ask.

use std::sync::Arc;

use jiff::Timestamp;
use portcullis_cloud::accounts::{accounts_from_file, accounts_of_organization};
use portcullis_cloud::api::{AccountAccess, Put};
use portcullis_cloud::collect::{Regions, Request, TIME_BUDGET};
use portcullis_cloud::stores::{Location, Policies};
use portcullis_core::evaluate::Options;
use portcullis_core::finding::{Evaluation, Status};
use portcullis_core::model::{GroupKey, Inventory};
use portcullis_core::policy::EnforcementLevel;
use portcullis_core::remediation::{Plan, plan};
use portcullis_formats::events::{Asked, ScanRequest};
use portcullis_report::{Report, json};
use serde::Serialize;

use super::changer::LiveChanger;
use super::{PATIENCE, Service, ServiceError};
use crate::enforce::{
    Batch, Deed, EnforceOptions, EnforcePorts, EnforceReport, Enforcement, PlanShelf, Remediator as _,
};
use crate::live::{read, wants};
use crate::metrics::{MetricsSink, Tracking};
use crate::notices::Notifier;
use crate::ports::{Clock, PortError};
use crate::report::new_run_id;

/// Which accounts and Regions scans read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanSettings {
    /// These accounts; with none, those of `accounts_from`, else the credentials' own.
    pub accounts: Vec<String>,
    /// `org`, a file, or `s3://BUCKET/KEY`.
    pub accounts_from: Option<String>,
    /// These Regions, or `all`; with none, the home Region.
    pub regions: Vec<String>,
}

/// What a scan found and did.
#[derive(Debug, Serialize)]
pub struct ScanOutcome {
    /// What the levels asked, and what was done; what an order by hand did is in `ordered`.
    pub enforcement: Option<EnforceReport>,
    /// What an order by hand did, group by group.
    pub ordered: Vec<(String, Deed)>,
    /// How many groups were judged.
    pub groups: usize,
    /// Failing findings.
    pub failing: usize,
    /// Whether failing findings that count stand.
    pub stands: bool,
    /// What went wrong.
    pub failures: Vec<String>,
    /// What was judged, for whoever renders it.
    #[serde(skip)]
    pub judged: (Inventory, Evaluation),
}

/// Plans wait nowhere: whoever scans by hand keeps them.
struct NoShelf;

impl PlanShelf for NoShelf {
    fn keep(&self, name: &str, _: &Plan) -> Result<String, PortError> {
        Ok(format!("none was kept: `portcullis enforce` makes the plan `{name}`"))
    }
}

impl Service {
    /// Does a scan.
    ///
    /// # Errors
    /// Where it cannot be told which accounts and Regions to read.
    pub fn scan(&self, asked: &ScanRequest, clock: &dyn Clock) -> Result<ScanOutcome, ServiceError> {
        let began = clock.now();
        let settings = &self.settings;
        let request = self.request(asked)?;
        let reading = self.handle.block_on(read(Arc::clone(&self.cloud), request, |_| {}));
        let inventory = reading.inventory;
        let evaluation = crate::judge(&inventory, &settings.policies, began, Options::default(), None);
        let changer = LiveChanger { service: self };
        let unread = evaluation.coverage.iter().filter(|row| row.status.is_unread());
        let mut failures: Vec<String> = unread
            .map(|row| {
                let why = row.error.as_deref().unwrap_or("it could not be read whole");
                format!("account {}, Region {}: {why}", row.account_id, row.region)
            })
            .collect();
        let (mut enforcement, mut ordered) = (None, Vec::new());
        let mut right: Vec<GroupKey> = Vec::new();
        if let Some(strategy) = settings.respond.order.as_ref() {
            let plan = plan(&inventory, &settings.policies, &evaluation, strategy, began);
            let deeds = if settings.respond.enforce && !plan.groups.is_empty() {
                changer.carry_out(&plan).unwrap_or_else(|error| {
                    failures.push(error.to_string());
                    Vec::new()
                })
            } else {
                let would = |own: &portcullis_core::remediation::GroupPlan| {
                    (own.key().clone(), Deed::WouldChange { changes: own.changes.len() })
                };
                plan.groups.iter().map(would).collect()
            };
            for (key, deed) in deeds {
                match &deed {
                    Deed::Changed { .. } | Deed::AlreadyDone => right.push(key.clone()),
                    Deed::Failed { why } | Deed::Refused { why } => {
                        failures.push(format!("group `{}`: {why}", key.group_id))
                    }
                    Deed::WouldChange { .. } => {}
                }
                ordered.push((key.group_id.to_string(), deed));
            }
        } else {
            let ports = EnforcePorts {
                state: &*self.state,
                remediator: &changer,
                plans: &NoShelf,
                notifier: self.notifier.as_ref().map(|notifier| notifier as &dyn Notifier),
                metrics: self.metrics.as_ref().map(|metrics| metrics as &dyn MetricsSink),
                log: None,
            };
            let dry_run = !settings.respond.enforce;
            let options = EnforceOptions { run_id: new_run_id(), now: began, dry_run, max_groups: None };
            let mut run = Enforcement::begin(&settings.respond.terms, ports, options)?;
            let whole = asked.accounts.is_empty() && asked.regions.is_empty();
            run.judge(&Batch {
                inventory: &inventory,
                policies: &settings.policies,
                evaluation: &evaluation,
                selected: None,
                whole,
            });
            let report = run.finish(&Tracking::new(&settings.documents), Some(clock.now().duration_since(began)));
            failures.extend(report.failures.iter().filter(|why| !failures.contains(why)).cloned().collect::<Vec<_>>());
            let done = |group: &&crate::enforce::GroupReport| {
                matches!(group.remediation, Some(Deed::Changed { .. } | Deed::AlreadyDone))
                    && group.findings.iter().all(|finding| finding.stays.is_none())
            };
            right.extend(report.groups.iter().filter(done).map(|group| group.key.clone()));
            enforcement = Some(report);
        }
        if let Err(error) = self.keep_result(&inventory, &evaluation, began) {
            failures.push(format!("the result could not be kept: {error}"));
        }
        let failing = |finding: &&portcullis_core::finding::Finding| finding.status == Status::Fail;
        let stands = evaluation.findings.iter().filter(failing).any(|finding| {
            let key = inventory.groups.get(finding.group).map(|group| &group.key);
            let is_right = key.is_some_and(|key| right.contains(key));
            !is_right && settings.policies.severity(finding) >= settings.respond.fail_on
        });
        Ok(ScanOutcome {
            enforcement,
            ordered,
            groups: evaluation.groups,
            failing: evaluation.findings.iter().filter(failing).count(),
            stands,
            failures,
            judged: (inventory, evaluation),
        })
    }

    /// Keeps the result as `portcullis scan --format json` prints it, where a place is named: one object a scan, by day.
    fn keep_result(&self, inventory: &Inventory, evaluation: &Evaluation, at: Timestamp) -> Result<(), ServiceError> {
        let Some(place) = self.settings.places.reports.as_deref() else { return Ok(()) };
        let Some(location) = super::s3_location(place, "PORTCULLIS_REPORTS")? else {
            return Err(ServiceError::Input(format!("`{place}`: `s3://BUCKET/PREFIX` is expected")));
        };
        let report = Report {
            inventory,
            policies: &self.settings.policies,
            evaluation,
            scanned_at: at,
            tool_version: &self.settings.tool_version,
            statuses: &[Status::Fail, Status::Unknown, Status::Exempt],
        };
        let mut bytes = Vec::new();
        json::render(&report, &mut bytes).map_err(|error| ServiceError::Incomplete(error.to_string()))?;
        let name = format!("{}-{}.json", at.strftime("%Y-%m-%d/%H%M%SZ"), new_run_id());
        let how = Put {
            only_new: true,
            kms_key: self.settings.places.kms_key.as_deref(),
            content_type: "application/json",
            ..Put::default()
        };
        self.handle.block_on(async {
            let objects = self.cloud.objects().await?;
            objects.put(&location.bucket, &location.key(&name), bytes, &how).await
        })?;
        Ok(())
    }

    /// The accounts and Regions that a scan of everything reads, one by one, for whoever shares the work out.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub fn units(&self) -> Result<Vec<(String, String)>, ServiceError> {
        let everything = ScanRequest {
            id: String::new(),
            asked: Asked::Manually,
            accounts: Vec::new(),
            regions: Vec::new(),
            time: None,
        };
        let request = self.request(&everything)?;
        let mut units = Vec::new();
        for access in request.accounts {
            let account = match access.account.is_empty() {
                true => self.handle.block_on(self.cloud.caller(&access))?.account,
                false => access.account.clone(),
            };
            let regions = match &request.regions {
                Regions::Named(named) => named.clone(),
                Regions::All => {
                    let home = self.cloud.home_region().unwrap_or_else(|| "us-east-1".to_owned());
                    self.handle.block_on(async { self.cloud.ec2(&access, &home).await?.regions().await })?
                }
            };
            units.extend(regions.into_iter().map(|region| (account.clone(), region)));
        }
        Ok(units)
    }

    fn request(&self, asked: &ScanRequest) -> Result<Request, ServiceError> {
        let own = &self.settings.scan;
        let accounts = self.accounts(asked)?;
        let regions = if asked.regions.is_empty() { &own.regions } else { &asked.regions };
        let regions = if regions.iter().any(|region| region == "all") {
            Regions::All
        } else if regions.is_empty() {
            let home = self.cloud.home_region().map(|region| Regions::Named(vec![region]));
            home.ok_or_else(|| ServiceError::Input("no Region: set AWS_REGION, or name the Regions".to_owned()))?
        } else {
            Regions::Named(regions.clone())
        };
        let mut request = Request::new(accounts, regions);
        request.want = wants(&self.settings.policies);
        Ok(request)
    }

    fn accounts(&self, asked: &ScanRequest) -> Result<Vec<AccountAccess>, ServiceError> {
        let own = &self.settings.scan;
        let listed = if !asked.accounts.is_empty() {
            asked.accounts.clone()
        } else if !own.accounts.is_empty() {
            own.accounts.clone()
        } else {
            match own.accounts_from.as_deref() {
                None => Vec::new(),
                Some("org") => {
                    let found = accounts_of_organization(&*self.cloud, &[], TIME_BUDGET, 0);
                    let found = self.handle.block_on(found).map_err(|error| {
                        let what = "the accounts of the organisation could not be listed";
                        ServiceError::Incomplete(format!("{what}: {error}"))
                    })?;
                    found.into_iter().map(|account| account.id).collect()
                }
                Some(place) => {
                    let text = self.text(place)?;
                    let listed = accounts_from_file(place, &String::from_utf8_lossy(&text));
                    listed.map_err(ServiceError::Input)?.accounts
                }
            }
        };
        if listed.is_empty() {
            return Ok(vec![AccountAccess { role: self.own_role(), ..AccountAccess::default() }]);
        }
        let disabled = |id: &String| self.settings.respond.terms.account(id).level == EnforcementLevel::Disabled;
        Ok(listed.iter().filter(|id| !disabled(id)).map(|id| self.accesses.of(id)).collect())
    }

    /// The role in the credentials' own account, where it exists there.
    fn own_role(&self) -> Option<portcullis_cloud::api::Role> {
        self.accesses.of_accounts.values().next().and_then(|access| access.role.clone())
    }

    fn text(&self, place: &str) -> Result<Vec<u8>, ServiceError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            ServiceError::Input(format!("the accounts `{place}` cannot be read: {error}"))
        };
        if !place.contains("://") {
            return std::fs::read(place).map_err(|error| unreadable(&error));
        }
        let location: Location =
            place.parse().map_err(|error: portcullis_cloud::stores::LocationError| unreadable(&error))?;
        let policies = Policies::new(Arc::clone(&self.cloud), None, PATIENCE);
        self.handle.block_on(policies.read(&location)).map_err(|error| unreadable(&error))
    }
}
