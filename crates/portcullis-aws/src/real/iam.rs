//! AWS IAM: inline policies of users and roles.

use async_trait::async_trait;
use aws_config::SdkConfig;

use super::send::send;
use crate::api::{PrincipalName, Principals};
use crate::error::Result;

/// IAM in one account.
#[derive(Debug)]
pub(super) struct Door {
    client: aws_sdk_iam::Client,
}

impl Door {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { client: aws_sdk_iam::Client::new(config) }
    }
}

#[async_trait]
impl Principals for Door {
    async fn put_policy(&self, principal: &PrincipalName, name: &str, document: &str) -> Result<()> {
        match principal {
            PrincipalName::User(user) => {
                let request = self.client.put_user_policy().user_name(user).policy_name(name).policy_document(document);
                send!(PutUserPolicy, request).map(drop)
            }
            PrincipalName::Role(role) => {
                let request = self.client.put_role_policy().role_name(role).policy_name(name).policy_document(document);
                send!(PutRolePolicy, request).map(drop)
            }
        }
    }

    async fn delete_policy(&self, principal: &PrincipalName, name: &str) -> Result<()> {
        match principal {
            PrincipalName::User(user) => {
                send!(DeleteUserPolicy, self.client.delete_user_policy().user_name(user).policy_name(name)).map(drop)
            }
            PrincipalName::Role(role) => {
                send!(DeleteRolePolicy, self.client.delete_role_policy().role_name(role).policy_name(name)).map(drop)
            }
        }
    }
}
