//! What names security groups without an interface to show for it.

use std::fmt::Debug;

use async_trait::async_trait;

use super::Page;
use crate::error::Result;
use crate::shapes::{DbInstance, Function, LoadBalancer};

/// Services that may name a group in one account and Region: idle functions, stopped databases, load balancers.
#[async_trait]
pub trait Users: Send + Sync + Debug {
    /// `elasticloadbalancing:DescribeLoadBalancers`
    async fn load_balancers(&self, next: Option<String>) -> Result<Page<LoadBalancer>>;

    /// `lambda:ListFunctions`
    async fn functions(&self, next: Option<String>) -> Result<Page<Function>>;

    /// `rds:DescribeDBInstances`
    async fn databases(&self, next: Option<String>) -> Result<Page<DbInstance>>;
}
