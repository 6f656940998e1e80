//! AWS Organizations.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::Account;

use super::send::send;
use crate::api::{AccountInfo, Organization, Page};
use crate::error::Result;

/// The greatest page. Source: AWS Organizations API Reference, `MaxResults`.
const PAGE: i32 = 20;

/// The organisation that the environment's credentials belong to.
#[derive(Debug)]
pub(super) struct Door {
    client: Client,
}

impl Door {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

#[async_trait]
impl Organization for Door {
    async fn accounts(&self, next: Option<String>) -> Result<Page<AccountInfo>> {
        let request = self.client.list_accounts().max_results(PAGE).set_next_token(next);
        let answer = send!(ListAccounts, request)?;
        Ok(page(answer.accounts, answer.next_token))
    }

    async fn accounts_of(&self, parent: &str, next: Option<String>) -> Result<Page<AccountInfo>> {
        let request = self.client.list_accounts_for_parent().parent_id(parent).max_results(PAGE).set_next_token(next);
        let answer = send!(ListAccountsForParent, request)?;
        Ok(page(answer.accounts, answer.next_token))
    }

    async fn units_of(&self, parent: &str, next: Option<String>) -> Result<Page<String>> {
        let request = self.client.list_organizational_units_for_parent().parent_id(parent);
        let request = request.max_results(PAGE).set_next_token(next);
        let answer = send!(ListOrganizationalUnitsForParent, request)?;
        let items = answer.organizational_units.unwrap_or_default().into_iter().filter_map(|unit| unit.id).collect();
        Ok(Page { items, next: answer.next_token.filter(|token| !token.is_empty()) })
    }
}

fn page(accounts: Option<Vec<Account>>, next: Option<String>) -> Page<AccountInfo> {
    let items = accounts.unwrap_or_default().into_iter().filter_map(account).collect();
    Page { items, next: next.filter(|token| !token.is_empty()) }
}

/// `State` is what AWS gives since 2025, and `Status` what it gave before, with other words for the same.
fn account(account: Account) -> Option<AccountInfo> {
    let status = account.status.map(|status| status.as_str().to_owned());
    let state = account.state.map(|state| state.as_str().to_owned());
    Some(AccountInfo {
        id: account.id?,
        name: account.name.unwrap_or_default(),
        status: state.or(status).unwrap_or_default(),
    })
}
