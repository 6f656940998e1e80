//! Credentials, accounts and Regions of the world in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::ec2::Client;
use super::stores::{Global, TableClient};
use super::{DEFAULT_REGIONS, World, failure};
use crate::api::{
    AccountAccess, AccountInfo, Caller, Cloud, Ec2, Logs, Metrics, Objects, Organization, Page, Parameters, Stacks,
    Table, Topics, Users,
};
use crate::error::{Kind, Result};

const ASSUME: &str = "sts:AssumeRole";

impl World {
    /// The account that an access leads to.
    async fn enter(&self, access: &AccountAccess) -> Result<String> {
        let Some(role) = &access.role else {
            let own = access.account.is_empty() || access.account == self.home_account;
            let message = format!("the credentials are of account {}, and no role is named", self.home_account);
            return if own {
                Ok(self.home_account.clone())
            } else {
                Err(failure(Kind::Denied, ASSUME, "AccessDenied", message))
            };
        };
        let id = if access.account.is_empty() { &self.home_account } else { &access.account };
        let session = (id.clone(), format!("{role:?}"));
        if self.state().sessions.contains(&session) {
            return Ok(id.clone());
        }
        self.count(id, ASSUME);
        if !self.meter.latency.is_zero() {
            tokio::time::sleep(self.meter.latency).await;
        }
        let mut state = self.state();
        let trusted = state.accounts.get(id).is_some_and(|account| {
            let fits = |(name, external): &(String, Option<String>)| {
                let same = *name == role.name || role.name.ends_with(&format!(":role/{name}"));
                same && (external.is_none() || *external == role.external_id)
            };
            account.roles.is_empty() || account.roles.iter().any(fits)
        });
        if !trusted {
            let message = format!("not authorized to perform: sts:AssumeRole on role {} of account {id}", role.name);
            return Err(failure(Kind::Denied, ASSUME, "AccessDenied", message));
        }
        state.sessions.insert(session);
        Ok(id.clone())
    }

    pub(super) fn enabled(&self, account: &str) -> Vec<String> {
        let state = self.state();
        match state.accounts.get(account).and_then(|account| account.regions.as_ref()) {
            Some(regions) => regions.iter().cloned().collect(),
            None => DEFAULT_REGIONS.iter().map(|&region| region.to_owned()).collect(),
        }
    }

    async fn client(&self, access: &AccountAccess, region: &str) -> Result<Client> {
        let account = self.enter(access).await?;
        let enabled = self.enabled(&account).iter().any(|enabled| enabled == region);
        Ok(Client { world: self.clone(), account, region: region.to_owned(), enabled })
    }

    fn global(&self) -> Arc<Global> {
        Arc::new(Global(self.clone()))
    }
}

#[async_trait]
impl Cloud for World {
    fn home_region(&self) -> Option<String> {
        self.home_region.clone()
    }

    async fn caller(&self, access: &AccountAccess) -> Result<Caller> {
        let account = self.enter(access).await?;
        self.count(&account, "sts:GetCallerIdentity");
        let arn = match &access.role {
            Some(role) => format!("arn:aws:sts::{account}:assumed-role/{}/{}", role.name, role.session_name),
            None => format!("arn:aws:iam::{account}:user/somebody"),
        };
        Ok(Caller { account, arn })
    }

    async fn ec2(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Ec2>> {
        Ok(Arc::new(self.client(access, region).await?))
    }

    async fn users(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Users>> {
        Ok(Arc::new(self.client(access, region).await?))
    }

    async fn stacks(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Stacks>> {
        Ok(Arc::new(self.client(access, region).await?))
    }

    async fn organization(&self) -> Result<Arc<dyn Organization>> {
        Ok(self.global())
    }

    async fn objects(&self) -> Result<Arc<dyn Objects>> {
        Ok(self.global())
    }

    async fn parameters(&self, _region: Option<&str>) -> Result<Arc<dyn Parameters>> {
        Ok(self.global())
    }

    async fn topics(&self, _region: &str) -> Result<Arc<dyn Topics>> {
        Ok(self.global())
    }

    async fn metrics(&self, _region: Option<&str>) -> Result<Arc<dyn Metrics>> {
        Ok(self.global())
    }

    async fn logs(&self, _region: Option<&str>) -> Result<Arc<dyn Logs>> {
        Ok(self.global())
    }

    async fn table(&self, name: &str, _region: Option<&str>) -> Result<Arc<dyn Table>> {
        Ok(Arc::new(TableClient { world: self.clone(), name: name.to_owned() }))
    }
}

#[async_trait]
impl Organization for Global {
    async fn accounts(&self, next: Option<String>) -> Result<Page<AccountInfo>> {
        const CALL: &str = "organizations:ListAccounts";
        self.0.pass(CALL).await?;
        let accounts: Vec<_> = self.0.state().accounts.values().map(|account| account.info.clone()).collect();
        self.0.page_of(CALL, accounts, next.as_deref())
    }

    async fn accounts_of(&self, parent: &str, next: Option<String>) -> Result<Page<AccountInfo>> {
        const CALL: &str = "organizations:ListAccountsForParent";
        self.0.pass(CALL).await?;
        self.known(CALL, parent)?;
        let accounts: Vec<_> = {
            let state = self.0.state();
            let below = state.accounts.values().filter(|account| account.parent == parent);
            below.map(|account| account.info.clone()).collect()
        };
        self.0.page_of(CALL, accounts, next.as_deref())
    }

    async fn units_of(&self, parent: &str, next: Option<String>) -> Result<Page<String>> {
        const CALL: &str = "organizations:ListOrganizationalUnitsForParent";
        self.0.pass(CALL).await?;
        self.known(CALL, parent)?;
        let units = self.0.state().units.get(parent).cloned().unwrap_or_default();
        self.0.page_of(CALL, units, next.as_deref())
    }
}

impl Global {
    fn known(&self, call: &'static str, parent: &str) -> Result<()> {
        let state = self.0.state();
        let known = parent == "r-root" || state.units.values().flatten().any(|unit| unit == parent);
        let message = format!("there is no root or organisational unit {parent}");
        if known { Ok(()) } else { Err(failure(Kind::NotFound, call, "ParentNotFoundException", message)) }
    }
}
