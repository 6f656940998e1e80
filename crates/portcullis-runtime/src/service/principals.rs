//! Keeping principals from going on, by inline policies of IAM.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use portcullis_cloud::api::{AccountAccess, Cloud, PrincipalName, Principals};
use portcullis_cloud::error::Kind;
use portcullis_cloud::patience::{Backoff, repeated};
use portcullis_formats::events::{Principal, PrincipalKind};
use serde_json::json;

use crate::live::{Accesses, Handle};
use crate::ports::PortError;
use crate::respond::Blocker;

/// The name of the policy that blocks.
const BLOCK: &str = "PortcullisBlock";
const BUDGET: Duration = Duration::from_secs(30);

/// Users and roles of any account.
#[derive(Clone, Debug)]
pub struct LivePrincipals {
    cloud: Arc<dyn Cloud>,
    handle: Handle,
    accesses: Accesses,
}

impl LivePrincipals {
    /// In this world.
    pub fn new(cloud: Arc<dyn Cloud>, handle: Handle, accesses: Accesses) -> Self {
        Self { cloud, handle, accesses }
    }

    fn door(&self, principal: &Principal) -> Result<(Arc<dyn Principals>, PrincipalName), PortError> {
        let name = match principal.kind {
            PrincipalKind::User => PrincipalName::User(principal.name.clone()),
            PrincipalKind::Role => PrincipalName::Role(principal.name.clone()),
            PrincipalKind::Root | PrincipalKind::Other => {
                return Err(PortError(format!("`{}` is neither a user nor a role", principal.arn)));
            }
        };
        // The ARN decides: it is what CloudTrail itself made.
        let account = principal.arn.split(':').nth(4).filter(|account| !account.is_empty());
        let access = self.accesses.of(account.unwrap_or(&principal.account_id));
        let door = self.handle.block_on(async {
            let mut patience = Backoff::new(BUDGET);
            repeated(&mut patience, || self.cloud.principals(&access)).await
        });
        Ok((door.map_err(|error| PortError(error.to_string()))?, name))
    }
}

/// The policy that denies a user everything, or ends a role's sessions of until now.
/// Source: IAM User Guide, "Revoking IAM role temporary security credentials".
fn document(principal: &Principal, now: Timestamp) -> String {
    let mut statement = json!({ "Sid": BLOCK, "Effect": "Deny", "Action": "*", "Resource": "*" });
    if principal.kind == PrincipalKind::Role {
        let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let condition = json!({ "DateLessThan": { "aws:TokenIssueTime": now } });
        if let Some(statement) = statement.as_object_mut() {
            statement.insert("Condition".to_owned(), condition);
        }
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

impl Blocker for LivePrincipals {
    fn own_arn(&self) -> Result<String, PortError> {
        let own = AccountAccess::default();
        let caller = self.handle.block_on(async {
            let mut patience = Backoff::new(BUDGET);
            repeated(&mut patience, || self.cloud.caller(&own)).await
        });
        caller.map(|caller| caller.arn).map_err(|error| PortError(error.to_string()))
    }

    fn block(&self, principal: &Principal, now: Timestamp) -> Result<(), PortError> {
        let (door, name) = self.door(principal)?;
        let document = document(principal, now);
        let put = self.handle.block_on(async {
            let mut patience = Backoff::new(BUDGET);
            repeated(&mut patience, || door.put_policy(&name, BLOCK, &document)).await
        });
        put.map_err(|error| PortError(error.to_string()))
    }

    fn unblock(&self, principal: &Principal) -> Result<bool, PortError> {
        let (door, name) = self.door(principal)?;
        let deleted = self.handle.block_on(async {
            let mut patience = Backoff::new(BUDGET);
            repeated(&mut patience, || door.delete_policy(&name, BLOCK)).await
        });
        match deleted {
            Ok(()) => Ok(true),
            Err(error) if error.kind == Kind::NotFound => Ok(false),
            Err(error) => Err(PortError(error.to_string())),
        }
    }
}
