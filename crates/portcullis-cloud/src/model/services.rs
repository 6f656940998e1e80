//! What may name groups without an interface, in memory.

use async_trait::async_trait;

use super::ec2::Client;
use crate::api::{Page, Users};
use crate::error::Result;
use crate::shapes::{DbInstance, Function, LoadBalancer};

#[async_trait]
impl Users for Client {
    async fn load_balancers(&self, next: Option<String>) -> Result<Page<LoadBalancer>> {
        let call = "elasticloadbalancing:DescribeLoadBalancers";
        self.page(call, next, |place| Ok(place.load_balancers.clone())).await
    }

    async fn functions(&self, next: Option<String>) -> Result<Page<Function>> {
        self.page("lambda:ListFunctions", next, |place| Ok(place.functions.clone())).await
    }

    async fn databases(&self, next: Option<String>) -> Result<Page<DbInstance>> {
        self.page("rds:DescribeDBInstances", next, |place| Ok(place.databases.clone())).await
    }
}
