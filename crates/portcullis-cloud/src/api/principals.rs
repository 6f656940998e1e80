//! Users and roles of IAM, as far as they are kept from going on.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::Result;

/// A user or a role, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalName {
    /// A user.
    User(String),
    /// A role.
    Role(String),
}

/// AWS IAM in one account.
#[async_trait]
pub trait Principals: Send + Sync + Debug {
    /// `iam:PutUserPolicy`/`PutRolePolicy`: writes an inline policy, or writes it anew.
    async fn put_policy(&self, principal: &PrincipalName, name: &str, document: &str) -> Result<()>;

    /// `iam:DeleteUserPolicy`/`DeleteRolePolicy`; `Kind::NotFound` where there is none.
    async fn delete_policy(&self, principal: &PrincipalName, name: &str) -> Result<()>;
}
