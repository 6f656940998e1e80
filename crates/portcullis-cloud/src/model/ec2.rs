//! EC2 in memory: what is asked. What is changed stands in [`super::changes`].

use async_trait::async_trait;

use super::{Place, World, failure};
use crate::api::{Ec2, Flow, GroupFilter, Page, Permission, RuleUpdate};
use crate::error::{Kind, Result};
use crate::shapes::{
    GroupRule, LaunchTemplateVersion, NetworkInterface, PrefixList, PrefixListEntry, SecurityGroup,
    SecurityGroupReference, StaleSecurityGroup, Tag, Vpc, WholeGroup,
};

/// An account and Region as a client sees it.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) world: World,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) enabled: bool,
}

impl Client {
    /// A call begins: it takes its time, and may be refused.
    pub(super) async fn begin(&self, call: &'static str) -> Result<()> {
        let Self { world, account, region, .. } = self;
        world.count(account, call);
        if !world.meter.pass(account, region, call).await {
            return Err(failure(Kind::Throttled, call, "RequestLimitExceeded", "Request limit exceeded."));
        }
        if !self.enabled {
            let message = "AWS was not able to validate the provided access credentials";
            return Err(failure(Kind::RegionDisabled, call, "AuthFailure", message));
        }
        Ok(())
    }

    /// One page of what is there.
    pub(super) async fn page<T: Clone>(
        &self,
        call: &'static str,
        next: Option<String>,
        look: impl FnOnce(&Place) -> Result<Vec<T>> + Send,
    ) -> Result<Page<T>> {
        self.begin(call).await?;
        let all = self.world.see(&self.account, &self.region, look)?;
        self.world.page_of(call, all, next.as_deref())
    }

    pub(super) async fn change<T>(
        &self,
        call: &'static str,
        change: impl FnOnce(&mut Place) -> Result<T> + Send,
    ) -> Result<T> {
        self.begin(call).await?;
        self.world.change(&self.account, &self.region, change)
    }
}

/// Refuses ids that do not exist, as a call does that names them.
pub(super) fn all_exist<'a>(
    call: &'static str,
    code: &str,
    ids: &'a [String],
    exists: impl Fn(&'a str) -> bool,
) -> Result<()> {
    match ids.iter().find(|id| !exists(id)) {
        Some(id) => Err(failure(Kind::NotFound, call, code, format!("The id '{id}' does not exist"))),
        None => Ok(()),
    }
}

fn matches(filter: &GroupFilter, group: &SecurityGroup) -> bool {
    let among = |list: &[String], value: &str| list.is_empty() || list.iter().any(|wanted| wanted == value);
    let has = |(key, value): &(String, String)| group.tags.iter().any(|tag| tag.key == *key && tag.value == *value);
    among(&filter.ids, &group.group_id)
        && among(&filter.names, &group.group_name)
        && among(&filter.vpcs, group.vpc_id.as_deref().unwrap_or_default())
        && filter.tags.iter().all(has)
}

#[async_trait]
impl Ec2 for Client {
    async fn regions(&self) -> Result<Vec<String>> {
        self.begin("ec2:DescribeRegions").await?;
        Ok(self.world.enabled(&self.account))
    }

    async fn groups(&self, filter: &GroupFilter, next: Option<String>) -> Result<Page<SecurityGroup>> {
        const CALL: &str = "ec2:DescribeSecurityGroups";
        self.page(CALL, next, |place| {
            all_exist(CALL, "InvalidGroup.NotFound", &filter.ids, |id| place.groups.contains_key(id))?;
            Ok(place.groups.values().filter(|group| matches(filter, group)).cloned().collect())
        })
        .await
    }

    async fn whole_groups(&self, filter: &GroupFilter, next: Option<String>) -> Result<Page<WholeGroup>> {
        const CALL: &str = "ec2:DescribeSecurityGroups";
        self.page(CALL, next, |place| {
            all_exist(CALL, "InvalidGroup.NotFound", &filter.ids, |id| place.groups.contains_key(id))?;
            let found = place.groups.values().filter(|group| matches(filter, group));
            Ok(found.map(|group| place.whole(group)).collect())
        })
        .await
    }

    async fn rules(&self, group_ids: &[String], next: Option<String>) -> Result<Page<GroupRule>> {
        let wanted = |rule: &&GroupRule| group_ids.is_empty() || group_ids.contains(&rule.group_id);
        self.page("ec2:DescribeSecurityGroupRules", next, |place| {
            Ok(place.rules.values().filter(wanted).cloned().collect())
        })
        .await
    }

    async fn prefix_lists(&self, ids: &[String], next: Option<String>) -> Result<Page<PrefixList>> {
        const CALL: &str = "ec2:DescribeManagedPrefixLists";
        self.page(CALL, next, |place| {
            all_exist(CALL, "InvalidPrefixListID.NotFound", ids, |id| place.prefix_lists.contains_key(id))?;
            let wanted = |list: &&PrefixList| ids.is_empty() || ids.contains(&list.prefix_list_id);
            let shown = |list: &PrefixList| PrefixList { entries: None, ..list.clone() };
            Ok(place.prefix_lists.values().filter(wanted).map(shown).collect())
        })
        .await
    }

    async fn prefix_list_entries(&self, id: &str, next: Option<String>) -> Result<Page<PrefixListEntry>> {
        const CALL: &str = "ec2:GetManagedPrefixListEntries";
        self.page(CALL, next, |place| match place.prefix_lists.get(id) {
            Some(PrefixList { entries: Some(entries), .. }) => Ok(entries.clone()),
            Some(_) => {
                let message = "You are not authorized to perform this operation.";
                Err(failure(Kind::Denied, CALL, "UnauthorizedOperation", message))
            }
            None => {
                let message = format!("The prefix list '{id}' does not exist");
                Err(failure(Kind::NotFound, CALL, "InvalidPrefixListID.NotFound", message))
            }
        })
        .await
    }

    async fn vpcs(&self, next: Option<String>) -> Result<Page<Vpc>> {
        self.page("ec2:DescribeVpcs", next, |place| Ok(place.vpcs.clone())).await
    }

    async fn interfaces(&self, group_ids: &[String], next: Option<String>) -> Result<Page<NetworkInterface>> {
        let wanted = |interface: &&NetworkInterface| {
            group_ids.is_empty() || interface.groups.iter().any(|group| group_ids.contains(&group.group_id))
        };
        self.page("ec2:DescribeNetworkInterfaces", next, |place| {
            Ok(place.interfaces.iter().filter(wanted).cloned().collect())
        })
        .await
    }

    async fn stale_groups(&self, vpc_id: &str, next: Option<String>) -> Result<Page<StaleSecurityGroup>> {
        const CALL: &str = "ec2:DescribeStaleSecurityGroups";
        self.page(CALL, next, |place| {
            let ids = [vpc_id.to_owned()];
            let exists = |id: &str| place.vpcs.iter().any(|vpc| vpc.vpc_id == id);
            if !ids.iter().all(|id| exists(id)) {
                let message = format!("The vpc ID '{vpc_id}' does not exist");
                return Err(failure(Kind::NotFound, CALL, "InvalidVpcID.NotFound", message));
            }
            Ok(place.stale.iter().filter(|group| group.vpc_id.as_deref() == Some(vpc_id)).cloned().collect())
        })
        .await
    }

    async fn references(&self, group_ids: &[String]) -> Result<Vec<SecurityGroupReference>> {
        const CALL: &str = "ec2:DescribeSecurityGroupReferences";
        self.begin(CALL).await?;
        self.world.see(&self.account, &self.region, |place| {
            all_exist(CALL, "InvalidGroup.NotFound", group_ids, |id| place.groups.contains_key(id))?;
            let wanted = |reference: &&SecurityGroupReference| group_ids.contains(&reference.group_id);
            Ok(place.references.iter().filter(wanted).cloned().collect())
        })
    }

    async fn launch_templates(&self, next: Option<String>) -> Result<Page<LaunchTemplateVersion>> {
        self.page("ec2:DescribeLaunchTemplateVersions", next, |place| Ok(place.launch_templates.clone())).await
    }

    async fn authorize(&self, group_id: &str, flow: Flow, rules: &[Permission]) -> Result<Vec<GroupRule>> {
        let call = match flow {
            Flow::Ingress => "ec2:AuthorizeSecurityGroupIngress",
            Flow::Egress => "ec2:AuthorizeSecurityGroupEgress",
        };
        self.change(call, |place| place.authorize(call, group_id, flow, rules)).await
    }

    async fn revoke(&self, group_id: &str, flow: Flow, rule_ids: &[String]) -> Result<()> {
        let call = match flow {
            Flow::Ingress => "ec2:RevokeSecurityGroupIngress",
            Flow::Egress => "ec2:RevokeSecurityGroupEgress",
        };
        self.change(call, |place| place.revoke(call, group_id, flow, rule_ids)).await
    }

    async fn modify(&self, group_id: &str, updates: &[RuleUpdate]) -> Result<()> {
        self.change("ec2:ModifySecurityGroupRules", |place| place.modify(group_id, updates)).await
    }

    async fn describe(&self, group_id: &str, flow: Flow, descriptions: &[(String, String)]) -> Result<()> {
        let call = match flow {
            Flow::Ingress => "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            Flow::Egress => "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
        };
        self.change(call, |place| place.describe(call, group_id, flow, descriptions)).await
    }

    async fn tag(&self, ids: &[String], tags: &[Tag]) -> Result<()> {
        self.change("ec2:CreateTags", |place| place.tag("ec2:CreateTags", ids, tags, &[])).await
    }

    async fn untag(&self, ids: &[String], keys: &[String]) -> Result<()> {
        self.change("ec2:DeleteTags", |place| place.tag("ec2:DeleteTags", ids, &[], keys)).await
    }
}
