//! Credentials, accounts and Regions: from where every other client comes.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Ec2, Logs, Metrics, Objects, Page, Parameters, Stacks, Table, Topics, Users};
use crate::error::Result;

/// Who the credentials are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The account, twelve digits.
    pub account: String,
    /// The identity: `arn:aws:sts::111122223333:assumed-role/…`.
    pub arn: String,
}

/// A role to be assumed in an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Role {
    /// Its name, with its path if it has one; or a whole ARN.
    pub name: String,
    /// The external id that its trust policy asks for.
    pub external_id: Option<String>,
    /// The name of the session, which CloudTrail shows.
    pub session_name: String,
    /// A policy that narrows what the session may do, as JSON: a scan can then change nothing whatever the role may.
    pub session_policy: Option<String>,
}

/// An account, and how to get into it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AccountAccess {
    /// The account, twelve digits; empty for the one that the credentials are of.
    pub account: String,
    /// The role to assume there; `None` where the credentials themselves serve.
    pub role: Option<Role>,
}

/// An account of an organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountInfo {
    /// Twelve digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE`, …
    pub status: String,
}

/// A world of AWS: credentials, and clients made with them.
///
/// Clients are cheap to make and to clone; those of one account and Region share their connections.
#[async_trait]
pub trait Cloud: Send + Sync + Debug {
    /// The Region that the environment names, if it does.
    fn home_region(&self) -> Option<String>;

    /// `sts:GetCallerIdentity` with the credentials of an account.
    async fn caller(&self, access: &AccountAccess) -> Result<Caller>;

    /// EC2 in an account and Region. Assumes the role where that was not done yet, or its session is about to end.
    async fn ec2(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Ec2>>;

    /// What else may name a group, in an account and Region.
    async fn users(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Users>>;

    /// AWS CloudFormation, in an account and Region.
    async fn stacks(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Stacks>>;

    /// AWS Organizations, with the environment's own credentials.
    async fn organization(&self) -> Result<Arc<dyn Organization>>;

    /// Amazon S3, with the environment's own credentials.
    async fn objects(&self) -> Result<Arc<dyn Objects>>;

    /// The SSM parameter store, with the environment's own credentials; in `region`, else the home Region.
    async fn parameters(&self, region: Option<&str>) -> Result<Arc<dyn Parameters>>;

    /// Amazon SNS, in the topic's Region.
    async fn topics(&self, region: &str) -> Result<Arc<dyn Topics>>;

    /// Amazon CloudWatch metrics, in `region`, else the home Region.
    async fn metrics(&self, region: Option<&str>) -> Result<Arc<dyn Metrics>>;

    /// Amazon CloudWatch Logs, in `region`, else the home Region.
    async fn logs(&self, region: Option<&str>) -> Result<Arc<dyn Logs>>;

    /// A DynamoDB table, in `region`, else the home Region.
    async fn table(&self, name: &str, region: Option<&str>) -> Result<Arc<dyn Table>>;
}

/// AWS Organizations.
#[async_trait]
pub trait Organization: Send + Sync + Debug {
    /// `organizations:ListAccounts`
    async fn accounts(&self, next: Option<String>) -> Result<Page<AccountInfo>>;

    /// `organizations:ListAccountsForParent`: the accounts right below a root or organisational unit.
    async fn accounts_of(&self, parent: &str, next: Option<String>) -> Result<Page<AccountInfo>>;

    /// `organizations:ListOrganizationalUnitsForParent`: ids of the units right below a root or organisational unit.
    async fn units_of(&self, parent: &str, next: Option<String>) -> Result<Page<String>>;
}
