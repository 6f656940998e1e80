//! What scans read: the accounts and Regions that the settings name, or that are asked for.

use std::sync::Arc;

use portcullis_cloud::accounts::{accounts_from_file, accounts_of_organization};
use portcullis_cloud::api::AccountAccess;
use portcullis_cloud::collect::{Regions, Request, TIME_BUDGET};
use portcullis_cloud::stores::{Location, Policies};
use portcullis_core::model::{Coverage, CoverageStatus};
use portcullis_core::policy::EnforcementLevel;
use portcullis_formats::diagnostics::io_message;
use portcullis_formats::events::{Asked, ScanRequest};

use super::{PATIENCE, Service, ServiceError};
use crate::live::wants;

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

/// What is asked for where nothing is named: everything.
pub(super) fn everything() -> ScanRequest {
    ScanRequest { id: String::new(), asked: Asked::Manually, accounts: Vec::new(), regions: Vec::new(), time: None }
}

impl Service {
    /// The accounts and Regions that a scan of everything reads, one by one, for whoever shares the work out.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub(super) fn units(&self) -> Result<Vec<(String, String)>, ServiceError> {
        let (request, _) = self.request(&everything())?;
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

    /// What is to be read, and the accounts that are not to be, for the coverage.
    pub(super) fn request(&self, asked: &ScanRequest) -> Result<(Request, Vec<Coverage>), ServiceError> {
        let own = &self.settings.scan;
        let (accounts, disabled) = self.accounts(asked)?;
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
        Ok((request, disabled))
    }

    fn accounts(&self, asked: &ScanRequest) -> Result<(Vec<AccountAccess>, Vec<Coverage>), ServiceError> {
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
            return Ok((vec![AccountAccess { role: self.own_role(), ..AccountAccess::default() }], Vec::new()));
        }
        let disabled = |id: &String| self.settings.respond.terms.account(id).level == EnforcementLevel::Disabled;
        let (disabled, read): (Vec<&String>, Vec<&String>) = listed.iter().partition(|id| disabled(id));
        let row = |id: &String| Coverage {
            account_id: id.as_str().into(),
            status: CoverageStatus::Disabled,
            ..Coverage::default()
        };
        Ok((read.into_iter().map(|id| self.accesses.of(id)).collect(), disabled.into_iter().map(row).collect()))
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
            return std::fs::read(place).map_err(|error| unreadable(&io_message(&error)));
        }
        let location: Location =
            place.parse().map_err(|error: portcullis_cloud::stores::LocationError| unreadable(&error))?;
        let policies = Policies::new(Arc::clone(&self.cloud), None, PATIENCE);
        self.handle.block_on(policies.read(&location)).map_err(|error| unreadable(&error))
    }
}
