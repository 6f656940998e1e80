//! AWS IAM in memory: inline policies of users and roles.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{World, failure};
use crate::api::{PrincipalName, Principals};
use crate::error::{Kind, Result};

/// A client in one account.
#[derive(Clone, Debug)]
pub(super) struct PrincipalsClient {
    pub(super) world: World,
    pub(super) account: String,
}

impl World {
    /// The inline policies of an account's users and roles: who and the policy's name, to its document.
    pub fn inline_policies(&self, account: &str) -> BTreeMap<(PrincipalName, String), String> {
        let state = self.state();
        let own = state.inline_policies.iter().filter(|((of, ..), _)| of == account);
        own.map(|((_, who, name), document)| ((who.clone(), name.clone()), document.clone())).collect()
    }
}

#[async_trait]
impl Principals for PrincipalsClient {
    async fn put_policy(&self, principal: &PrincipalName, name: &str, document: &str) -> Result<()> {
        self.world.pass("iam:PutUserPolicy").await?;
        let key = (self.account.clone(), principal.clone(), name.to_owned());
        self.world.state().inline_policies.insert(key, document.to_owned());
        Ok(())
    }

    async fn delete_policy(&self, principal: &PrincipalName, name: &str) -> Result<()> {
        const CALL: &str = "iam:DeleteUserPolicy";
        self.world.pass(CALL).await?;
        let key = (self.account.clone(), principal.clone(), name.to_owned());
        match self.world.state().inline_policies.remove(&key) {
            Some(_) => Ok(()),
            None => Err(failure(Kind::NotFound, CALL, "NoSuchEntity", format!("there is no policy {name}"))),
        }
    }
}
