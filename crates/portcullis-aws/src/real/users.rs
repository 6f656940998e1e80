//! Services that name groups without an interface to show for it.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_elasticloadbalancingv2 as elb;
use aws_sdk_lambda as lambda;
use aws_sdk_rds as rds;

use super::send::send_in_region;
use super::session::Sessions;
use crate::api::{Page, Users};
use crate::error::Result;
use crate::shapes::{DbInstance, Function, LoadBalancer, VpcConfig, VpcSecurityGroup};

// The greatest pages that each call gives. Source: the services' API References.
const PAGE_OF_LOAD_BALANCERS: i32 = 400;
const PAGE_OF_FUNCTIONS: i32 = 50;
const PAGE_OF_DATABASES: i32 = 100;

/// Three services in one account and Region.
#[derive(Debug)]
pub(super) struct Doors {
    load_balancing: elb::Client,
    lambda: lambda::Client,
    rds: rds::Client,
    sessions: Arc<Sessions>,
}

impl Doors {
    pub(super) fn new(config: &SdkConfig, sessions: Arc<Sessions>) -> Self {
        let load_balancing = elb::Client::new(config);
        Self { load_balancing, lambda: lambda::Client::new(config), rds: rds::Client::new(config), sessions }
    }
}

#[async_trait]
impl Users for Doors {
    async fn load_balancers(&self, next: Option<String>) -> Result<Page<LoadBalancer>> {
        let request = self.load_balancing.describe_load_balancers();
        let request = request.page_size(PAGE_OF_LOAD_BALANCERS).set_marker(next);
        let answer = send_in_region!(self.sessions, DescribeLoadBalancers, request)?;
        let balancer = |balancer: elb::types::LoadBalancer| LoadBalancer {
            load_balancer_arn: balancer.load_balancer_arn.unwrap_or_default(),
            load_balancer_name: balancer.load_balancer_name.unwrap_or_default(),
            security_groups: balancer.security_groups.unwrap_or_default(),
        };
        Ok(page(answer.load_balancers, answer.next_marker, balancer))
    }

    async fn functions(&self, next: Option<String>) -> Result<Page<Function>> {
        let request = self.lambda.list_functions().max_items(PAGE_OF_FUNCTIONS).set_marker(next);
        let answer = send_in_region!(self.sessions, ListFunctions, request)?;
        let function = |function: lambda::types::FunctionConfiguration| Function {
            function_arn: function.function_arn.unwrap_or_default(),
            function_name: function.function_name.unwrap_or_default(),
            vpc_config: VpcConfig {
                security_group_ids: function.vpc_config.and_then(|vpc| vpc.security_group_ids).unwrap_or_default(),
            },
        };
        Ok(page(answer.functions, answer.next_marker, function))
    }

    async fn databases(&self, next: Option<String>) -> Result<Page<DbInstance>> {
        let request = self.rds.describe_db_instances().max_records(PAGE_OF_DATABASES).set_marker(next);
        let answer = send_in_region!(self.sessions, DescribeDbInstances, request)?;
        let group = |group: rds::types::VpcSecurityGroupMembership| {
            group.vpc_security_group_id.map(|vpc_security_group_id| VpcSecurityGroup { vpc_security_group_id })
        };
        let database = |database: rds::types::DbInstance| DbInstance {
            db_instance_arn: database.db_instance_arn.unwrap_or_default(),
            db_instance_identifier: database.db_instance_identifier.unwrap_or_default(),
            vpc_security_groups: database.vpc_security_groups.into_iter().flatten().filter_map(group).collect(),
        };
        Ok(page(answer.db_instances, answer.marker, database))
    }
}

fn page<A, B>(items: Option<Vec<A>>, next: Option<String>, convert: impl Fn(A) -> B) -> Page<B> {
    let items = items.unwrap_or_default().into_iter().map(convert).collect();
    Page { items, next: next.filter(|marker| !marker.is_empty()) }
}
