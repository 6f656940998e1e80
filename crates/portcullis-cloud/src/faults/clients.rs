//! Every trait, led through the script.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Door, Faults};
use crate::api::{
    AccountAccess, AccountInfo, Below, Caller, ChangeSet, Cloud, Conditional, Ec2, Flow, GroupFilter, Item, LogEvent,
    LogWindow, Logs, Made, Metric, Metrics, NewChangeSet, Notice, Object, Objects, Organization, Page, Parameters,
    Part, Permission, Put, RuleUpdate, Stack, StackEvent, Stacks, Table, Topics, Users,
};
use crate::error::Result;
use crate::shapes::{
    DbInstance, Function, GroupRule, LaunchTemplateVersion, LoadBalancer, NetworkInterface, PrefixList,
    PrefixListEntry, SecurityGroup, SecurityGroupReference, StaleSecurityGroup, Tag, Vpc, WholeGroup,
};

/// A client behind a door.
#[derive(Debug)]
struct Client<T: ?Sized> {
    door: Door,
    inner: Arc<T>,
}

impl Faults {
    fn door(&self, account: &str, region: &str) -> Door {
        Door { script: Arc::clone(&self.script), account: account.to_owned(), region: region.to_owned() }
    }

    fn client<T: ?Sized>(&self, account: &str, region: &str, inner: Arc<T>) -> Arc<Client<T>> {
        Arc::new(Client { door: self.door(account, region), inner })
    }
}

#[async_trait]
impl Cloud for Faults {
    fn home_region(&self) -> Option<String> {
        self.inner.home_region()
    }

    async fn caller(&self, access: &AccountAccess) -> Result<Caller> {
        let door = self.door(&access.account, "");
        door.through("sts:GetCallerIdentity", self.inner.caller(access)).await
    }

    async fn ec2(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Ec2>> {
        let door = self.door(&access.account, region);
        let inner = match access.role {
            Some(_) => door.through("sts:AssumeRole", self.inner.ec2(access, region)).await?,
            None => self.inner.ec2(access, region).await?,
        };
        Ok(self.client(&access.account, region, inner))
    }

    async fn users(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Users>> {
        let inner = self.inner.users(access, region).await?;
        Ok(self.client(&access.account, region, inner))
    }

    async fn stacks(&self, access: &AccountAccess, region: &str) -> Result<Arc<dyn Stacks>> {
        let inner = self.inner.stacks(access, region).await?;
        Ok(self.client(&access.account, region, inner))
    }

    async fn organization(&self) -> Result<Arc<dyn Organization>> {
        Ok(self.client("", "", self.inner.organization().await?))
    }

    async fn objects(&self) -> Result<Arc<dyn Objects>> {
        Ok(self.client("", "", self.inner.objects().await?))
    }

    async fn parameters(&self, region: Option<&str>) -> Result<Arc<dyn Parameters>> {
        Ok(self.client("", region.unwrap_or_default(), self.inner.parameters(region).await?))
    }

    async fn topics(&self, region: &str) -> Result<Arc<dyn Topics>> {
        Ok(self.client("", region, self.inner.topics(region).await?))
    }

    async fn metrics(&self, region: Option<&str>) -> Result<Arc<dyn Metrics>> {
        Ok(self.client("", region.unwrap_or_default(), self.inner.metrics(region).await?))
    }

    async fn logs(&self, region: Option<&str>) -> Result<Arc<dyn Logs>> {
        Ok(self.client("", region.unwrap_or_default(), self.inner.logs(region).await?))
    }

    async fn table(&self, name: &str, region: Option<&str>) -> Result<Arc<dyn Table>> {
        Ok(self.client("", region.unwrap_or_default(), self.inner.table(name, region).await?))
    }
}

#[async_trait]
impl Ec2 for Client<dyn Ec2> {
    async fn regions(&self) -> Result<Vec<String>> {
        self.door.through("ec2:DescribeRegions", self.inner.regions()).await
    }

    async fn groups(&self, filter: &GroupFilter, next: Option<String>) -> Result<Page<SecurityGroup>> {
        self.door.page("ec2:DescribeSecurityGroups", next, |next| self.inner.groups(filter, next)).await
    }

    async fn whole_groups(&self, filter: &GroupFilter, next: Option<String>) -> Result<Page<WholeGroup>> {
        self.door.page("ec2:DescribeSecurityGroups", next, |next| self.inner.whole_groups(filter, next)).await
    }

    async fn rules(&self, group_ids: &[String], next: Option<String>) -> Result<Page<GroupRule>> {
        self.door.page("ec2:DescribeSecurityGroupRules", next, |next| self.inner.rules(group_ids, next)).await
    }

    async fn prefix_lists(&self, ids: &[String], next: Option<String>) -> Result<Page<PrefixList>> {
        self.door.page("ec2:DescribeManagedPrefixLists", next, |next| self.inner.prefix_lists(ids, next)).await
    }

    async fn prefix_list_entries(&self, id: &str, next: Option<String>) -> Result<Page<PrefixListEntry>> {
        self.door.page("ec2:GetManagedPrefixListEntries", next, |next| self.inner.prefix_list_entries(id, next)).await
    }

    async fn vpcs(&self, next: Option<String>) -> Result<Page<Vpc>> {
        self.door.page("ec2:DescribeVpcs", next, |next| self.inner.vpcs(next)).await
    }

    async fn interfaces(&self, group_ids: &[String], next: Option<String>) -> Result<Page<NetworkInterface>> {
        self.door.page("ec2:DescribeNetworkInterfaces", next, |next| self.inner.interfaces(group_ids, next)).await
    }

    async fn stale_groups(&self, vpc_id: &str, next: Option<String>) -> Result<Page<StaleSecurityGroup>> {
        self.door.page("ec2:DescribeStaleSecurityGroups", next, |next| self.inner.stale_groups(vpc_id, next)).await
    }

    async fn references(&self, group_ids: &[String]) -> Result<Vec<SecurityGroupReference>> {
        self.door.through("ec2:DescribeSecurityGroupReferences", self.inner.references(group_ids)).await
    }

    async fn launch_templates(&self, next: Option<String>) -> Result<Page<LaunchTemplateVersion>> {
        self.door.page("ec2:DescribeLaunchTemplateVersions", next, |next| self.inner.launch_templates(next)).await
    }

    async fn authorize(&self, group_id: &str, flow: Flow, rules: &[Permission]) -> Result<Vec<GroupRule>> {
        let call = match flow {
            Flow::Ingress => "ec2:AuthorizeSecurityGroupIngress",
            Flow::Egress => "ec2:AuthorizeSecurityGroupEgress",
        };
        self.door.through(call, self.inner.authorize(group_id, flow, rules)).await
    }

    async fn revoke(&self, group_id: &str, flow: Flow, rule_ids: &[String]) -> Result<()> {
        let call = match flow {
            Flow::Ingress => "ec2:RevokeSecurityGroupIngress",
            Flow::Egress => "ec2:RevokeSecurityGroupEgress",
        };
        self.door.through(call, self.inner.revoke(group_id, flow, rule_ids)).await
    }

    async fn modify(&self, group_id: &str, updates: &[RuleUpdate]) -> Result<()> {
        self.door.through("ec2:ModifySecurityGroupRules", self.inner.modify(group_id, updates)).await
    }

    async fn describe(&self, group_id: &str, flow: Flow, descriptions: &[(String, String)]) -> Result<()> {
        let call = match flow {
            Flow::Ingress => "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            Flow::Egress => "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
        };
        self.door.through(call, self.inner.describe(group_id, flow, descriptions)).await
    }

    async fn tag(&self, ids: &[String], tags: &[Tag]) -> Result<()> {
        self.door.through("ec2:CreateTags", self.inner.tag(ids, tags)).await
    }

    async fn untag(&self, ids: &[String], keys: &[String]) -> Result<()> {
        self.door.through("ec2:DeleteTags", self.inner.untag(ids, keys)).await
    }
}

#[async_trait]
impl Users for Client<dyn Users> {
    async fn load_balancers(&self, next: Option<String>) -> Result<Page<LoadBalancer>> {
        let call = "elasticloadbalancing:DescribeLoadBalancers";
        self.door.page(call, next, |next| self.inner.load_balancers(next)).await
    }

    async fn functions(&self, next: Option<String>) -> Result<Page<Function>> {
        self.door.page("lambda:ListFunctions", next, |next| self.inner.functions(next)).await
    }

    async fn databases(&self, next: Option<String>) -> Result<Page<DbInstance>> {
        self.door.page("rds:DescribeDBInstances", next, |next| self.inner.databases(next)).await
    }
}

#[async_trait]
impl Stacks for Client<dyn Stacks> {
    async fn stack(&self, stack: &str) -> Result<Stack> {
        self.door.through("cloudformation:DescribeStacks", self.inner.stack(stack)).await
    }

    async fn create_change_set(&self, new: &NewChangeSet) -> Result<Made> {
        self.door.through("cloudformation:CreateChangeSet", self.inner.create_change_set(new)).await
    }

    async fn change_set(&self, id: &str, next: Option<String>) -> Result<ChangeSet> {
        self.door.through("cloudformation:DescribeChangeSet", self.inner.change_set(id, next)).await
    }

    async fn execute_change_set(&self, id: &str) -> Result<()> {
        self.door.through("cloudformation:ExecuteChangeSet", self.inner.execute_change_set(id)).await
    }

    async fn delete_change_set(&self, id: &str) -> Result<()> {
        self.door.through("cloudformation:DeleteChangeSet", self.inner.delete_change_set(id)).await
    }

    async fn events(&self, stack: &str, next: Option<String>) -> Result<Page<StackEvent>> {
        self.door.page("cloudformation:DescribeStackEvents", next, |next| self.inner.events(stack, next)).await
    }

    async fn delete_stack(&self, stack: &str) -> Result<()> {
        self.door.through("cloudformation:DeleteStack", self.inner.delete_stack(stack)).await
    }

    async fn template(&self, stack: &str) -> Result<String> {
        self.door.through("cloudformation:GetTemplate", self.inner.template(stack)).await
    }
}

#[async_trait]
impl Organization for Client<dyn Organization> {
    async fn accounts(&self, next: Option<String>) -> Result<Page<AccountInfo>> {
        self.door.page("organizations:ListAccounts", next, |next| self.inner.accounts(next)).await
    }

    async fn accounts_of(&self, parent: &str, next: Option<String>) -> Result<Page<AccountInfo>> {
        let call = "organizations:ListAccountsForParent";
        self.door.page(call, next, |next| self.inner.accounts_of(parent, next)).await
    }

    async fn units_of(&self, parent: &str, next: Option<String>) -> Result<Page<String>> {
        let call = "organizations:ListOrganizationalUnitsForParent";
        self.door.page(call, next, |next| self.inner.units_of(parent, next)).await
    }
}

#[async_trait]
impl Objects for Client<dyn Objects> {
    async fn get(&self, bucket: &str, key: &str, known: Option<&str>) -> Result<Option<Object>> {
        self.door.through("s3:GetObject", self.inner.get(bucket, key, known)).await
    }

    async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>, how: &Put<'_>) -> Result<String> {
        self.door.through("s3:PutObject", self.inner.put(bucket, key, bytes, how)).await
    }

    async fn list(&self, bucket: &str, prefix: &str, next: Option<String>) -> Result<Page<String>> {
        self.door.page("s3:ListBucket", next, |next| self.inner.list(bucket, prefix, next)).await
    }

    async fn part(&self, bucket: &str, key: &str, start: u64, length: u64, only_if: Option<&str>) -> Result<Part> {
        self.door.through("s3:GetObject", self.inner.part(bucket, key, start, length, only_if)).await
    }

    async fn below(&self, bucket: &str, prefix: &str, folders: bool, next: Option<String>) -> Result<Page<Below>> {
        self.door.page("s3:ListBucket", next, |next| self.inner.below(bucket, prefix, folders, next)).await
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<()> {
        self.door.through("s3:DeleteObject", self.inner.delete(bucket, key)).await
    }
}

#[async_trait]
impl Logs for Client<dyn Logs> {
    async fn events(&self, window: &LogWindow, next: Option<String>) -> Result<Page<LogEvent>> {
        self.door.page("logs:FilterLogEvents", next, |next| self.inner.events(window, next)).await
    }
}

#[async_trait]
impl Parameters for Client<dyn Parameters> {
    async fn get(&self, name: &str) -> Result<Object> {
        self.door.through("ssm:GetParameter", self.inner.get(name)).await
    }
}

#[async_trait]
impl Topics for Client<dyn Topics> {
    async fn publish(&self, topic: &str, notice: &Notice) -> Result<String> {
        self.door.through("sns:Publish", self.inner.publish(topic, notice)).await
    }
}

#[async_trait]
impl Metrics for Client<dyn Metrics> {
    async fn put(&self, namespace: &str, metrics: &[Metric]) -> Result<()> {
        self.door.through("cloudwatch:PutMetricData", self.inner.put(namespace, metrics)).await
    }
}

#[async_trait]
impl Table for Client<dyn Table> {
    async fn get(&self, key: &str) -> Result<Option<Item>> {
        self.door.through("dynamodb:GetItem", self.inner.get(key)).await
    }

    async fn put(&self, item: &Item, only: &Conditional) -> Result<()> {
        self.door.through("dynamodb:PutItem", self.inner.put(item, only)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.door.through("dynamodb:DeleteItem", self.inner.delete(key)).await
    }

    async fn scan(&self, prefix: &str, next: Option<String>) -> Result<Page<Item>> {
        self.door.page("dynamodb:Scan", next, |next| self.inner.scan(prefix, next)).await
    }
}
