//! Amazon EC2.

mod convert;
mod permissions;

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_ec2::operation::describe_security_groups::builders::DescribeSecurityGroupsFluentBuilder;
use aws_sdk_ec2::types::{Filter, IpPermission, ResourceType, SecurityGroupRuleDescription, TagSpecification};

use self::convert::{into_page, tags};
use super::send::send_in_region;
use super::session::Sessions;
use crate::api::{Ec2, Flow, GroupFilter, Page, Permission, RuleUpdate};
use crate::calls::Call;
use crate::error::{Error, Kind, Result};
use crate::shapes::{
    GroupRule, LaunchTemplateVersion, NetworkInterface, PrefixList, PrefixListEntry, SecurityGroup,
    SecurityGroupReference, StaleSecurityGroup, Tag, Vpc, WholeGroup,
};

// The greatest pages that each call gives. Source: EC2 API Reference, `MaxResults` of each action.
const PAGE: i32 = 1000;
const PAGE_OF_PREFIX_LISTS: i32 = 100;
const PAGE_OF_STALE_GROUPS: i32 = 255;
const PAGE_OF_TEMPLATES: i32 = 200;

/// EC2 in one account and Region.
#[derive(Debug)]
pub(super) struct Door {
    client: aws_sdk_ec2::Client,
    sessions: Arc<Sessions>,
}

impl Door {
    pub(super) fn new(config: &SdkConfig, sessions: Arc<Sessions>) -> Self {
        Self { client: aws_sdk_ec2::Client::new(config), sessions }
    }

    /// The call that asks for these groups.
    fn asked(&self, filter: &GroupFilter, next: Option<String>) -> DescribeSecurityGroupsFluentBuilder {
        let mut request = self.client.describe_security_groups().set_next_token(next);
        if !filter.vpcs.is_empty() {
            request = request.filters(of("vpc-id", &filter.vpcs));
        }
        if !filter.names.is_empty() {
            request = request.filters(of("group-name", &filter.names));
        }
        for filter in by_tags(&filter.tags) {
            request = request.filters(filter);
        }
        // A call that names ids answers with all of them: EC2 refuses a page size beside ids.
        match filter.ids.is_empty() {
            true => request.max_results(PAGE),
            false => request.set_group_ids(Some(filter.ids.clone())),
        }
    }
}

/// Sends a request of EC2.
macro_rules! send {
    ($door:ident, $call:ident, $request:expr) => {
        send_in_region!($door.sessions, $call, $request)
    };
}

#[async_trait]
impl Ec2 for Door {
    async fn regions(&self) -> Result<Vec<String>> {
        // Without `AllRegions` the answer holds the enabled ones alone.
        let answer = send!(self, DescribeRegions, self.client.describe_regions())?;
        Ok(answer.regions.unwrap_or_default().into_iter().filter_map(|region| region.region_name).collect())
    }

    async fn groups(&self, filter: &GroupFilter, next: Option<String>) -> Result<Page<SecurityGroup>> {
        let answer = send!(self, DescribeSecurityGroups, self.asked(filter, next))?;
        into_page(Call::DescribeSecurityGroups, answer.security_groups, answer.next_token, convert::group)
    }

    async fn whole_groups(&self, filter: &GroupFilter, next: Option<String>) -> Result<Page<WholeGroup>> {
        let answer = send!(self, DescribeSecurityGroups, self.asked(filter, next))?;
        into_page(Call::DescribeSecurityGroups, answer.security_groups, answer.next_token, convert::whole_group)
    }

    async fn rules(&self, group_ids: &[String], next: Option<String>) -> Result<Page<GroupRule>> {
        let mut request = self.client.describe_security_group_rules().max_results(PAGE).set_next_token(next);
        if !group_ids.is_empty() {
            request = request.filters(of("group-id", group_ids));
        }
        let answer = send!(self, DescribeSecurityGroupRules, request)?;
        into_page(Call::DescribeSecurityGroupRules, answer.security_group_rules, answer.next_token, convert::rule)
    }

    async fn prefix_lists(&self, ids: &[String], next: Option<String>) -> Result<Page<PrefixList>> {
        let mut request = self.client.describe_managed_prefix_lists().set_next_token(next);
        request = match ids.is_empty() {
            true => request.max_results(PAGE_OF_PREFIX_LISTS),
            false => request.set_prefix_list_ids(Some(ids.to_vec())),
        };
        let answer = send!(self, DescribeManagedPrefixLists, request)?;
        into_page(Call::DescribeManagedPrefixLists, answer.prefix_lists, answer.next_token, convert::prefix_list)
    }

    async fn prefix_list_entries(&self, id: &str, next: Option<String>) -> Result<Page<PrefixListEntry>> {
        let request = self.client.get_managed_prefix_list_entries().prefix_list_id(id);
        let request = request.max_results(PAGE_OF_PREFIX_LISTS).set_next_token(next);
        let answer = send!(self, GetManagedPrefixListEntries, request)?;
        into_page(Call::GetManagedPrefixListEntries, answer.entries, answer.next_token, convert::entry)
    }

    async fn vpcs(&self, next: Option<String>) -> Result<Page<Vpc>> {
        let answer = send!(self, DescribeVpcs, self.client.describe_vpcs().max_results(PAGE).set_next_token(next))?;
        into_page(Call::DescribeVpcs, answer.vpcs, answer.next_token, convert::vpc)
    }

    async fn interfaces(&self, group_ids: &[String], next: Option<String>) -> Result<Page<NetworkInterface>> {
        let mut request = self.client.describe_network_interfaces().max_results(PAGE).set_next_token(next);
        if !group_ids.is_empty() {
            request = request.filters(of("group-id", group_ids));
        }
        let answer = send!(self, DescribeNetworkInterfaces, request)?;
        into_page(Call::DescribeNetworkInterfaces, answer.network_interfaces, answer.next_token, convert::interface)
    }

    async fn stale_groups(&self, vpc_id: &str, next: Option<String>) -> Result<Page<StaleSecurityGroup>> {
        let request = self.client.describe_stale_security_groups().vpc_id(vpc_id);
        let request = request.max_results(PAGE_OF_STALE_GROUPS).set_next_token(next);
        let answer = send!(self, DescribeStaleSecurityGroups, request)?;
        into_page(
            Call::DescribeStaleSecurityGroups,
            answer.stale_security_group_set,
            answer.next_token,
            convert::stale_group,
        )
    }

    async fn references(&self, group_ids: &[String]) -> Result<Vec<SecurityGroupReference>> {
        let request = self.client.describe_security_group_references().set_group_id(Some(group_ids.to_vec()));
        let answer = send!(self, DescribeSecurityGroupReferences, request)?;
        let set = answer.security_group_reference_set;
        Ok(into_page(Call::DescribeSecurityGroupReferences, set, None, convert::reference)?.items)
    }

    async fn launch_templates(&self, next: Option<String>) -> Result<Page<LaunchTemplateVersion>> {
        let request = self.client.describe_launch_template_versions().versions("$Latest").versions("$Default");
        let request = request.max_results(PAGE_OF_TEMPLATES).set_next_token(next);
        let answer = send!(self, DescribeLaunchTemplateVersions, request)?;
        let versions = answer.launch_template_versions;
        into_page(Call::DescribeLaunchTemplateVersions, versions, answer.next_token, convert::launch_template)
    }

    async fn authorize(&self, group_id: &str, flow: Flow, rules: &[Permission]) -> Result<Vec<GroupRule>> {
        let permissions = permissions::ip_permissions(rules);
        let tagging = rule_tags(flow, rules)?;
        let (call, made) = match flow {
            Flow::Ingress => {
                let request = self.client.authorize_security_group_ingress().group_id(group_id);
                let request = request.set_ip_permissions(Some(permissions)).set_tag_specifications(tagging);
                let answer = send!(self, AuthorizeSecurityGroupIngress, request)?;
                (Call::AuthorizeSecurityGroupIngress, answer.security_group_rules)
            }
            Flow::Egress => {
                let request = self.client.authorize_security_group_egress().group_id(group_id);
                let request = request.set_ip_permissions(Some(permissions)).set_tag_specifications(tagging);
                let answer = send!(self, AuthorizeSecurityGroupEgress, request)?;
                (Call::AuthorizeSecurityGroupEgress, answer.security_group_rules)
            }
        };
        Ok(into_page(call, made, None, convert::rule)?.items)
    }

    async fn revoke(&self, group_id: &str, flow: Flow, rule_ids: &[String]) -> Result<()> {
        let ids = Some(rule_ids.to_vec());
        match flow {
            Flow::Ingress => {
                let request = self.client.revoke_security_group_ingress().group_id(group_id);
                let answer = send!(self, RevokeSecurityGroupIngress, request.set_security_group_rule_ids(ids))?;
                revoked(Call::RevokeSecurityGroupIngress, answer.r#return, answer.unknown_ip_permissions)
            }
            Flow::Egress => {
                let request = self.client.revoke_security_group_egress().group_id(group_id);
                let answer = send!(self, RevokeSecurityGroupEgress, request.set_security_group_rule_ids(ids))?;
                revoked(Call::RevokeSecurityGroupEgress, answer.r#return, answer.unknown_ip_permissions)
            }
        }
    }

    async fn modify(&self, group_id: &str, updates: &[RuleUpdate]) -> Result<()> {
        let updates = updates.iter().map(permissions::update).collect();
        let request = self.client.modify_security_group_rules().group_id(group_id);
        let answer = send!(self, ModifySecurityGroupRules, request.set_security_group_rules(Some(updates)))?;
        done(Call::ModifySecurityGroupRules, answer.r#return)
    }

    async fn describe(&self, group_id: &str, flow: Flow, descriptions: &[(String, String)]) -> Result<()> {
        let described = |(id, text): &(String, String)| {
            SecurityGroupRuleDescription::builder().security_group_rule_id(id).description(text).build()
        };
        let descriptions = Some(descriptions.iter().map(described).collect());
        match flow {
            Flow::Ingress => {
                let request = self.client.update_security_group_rule_descriptions_ingress().group_id(group_id);
                let request = request.set_security_group_rule_descriptions(descriptions);
                let answer = send!(self, UpdateSecurityGroupRuleDescriptionsIngress, request)?;
                done(Call::UpdateSecurityGroupRuleDescriptionsIngress, answer.r#return)
            }
            Flow::Egress => {
                let request = self.client.update_security_group_rule_descriptions_egress().group_id(group_id);
                let request = request.set_security_group_rule_descriptions(descriptions);
                let answer = send!(self, UpdateSecurityGroupRuleDescriptionsEgress, request)?;
                done(Call::UpdateSecurityGroupRuleDescriptionsEgress, answer.r#return)
            }
        }
    }

    async fn tag(&self, ids: &[String], new: &[Tag]) -> Result<()> {
        let request = self.client.create_tags().set_resources(Some(ids.to_vec())).set_tags(Some(tags(new)));
        send!(self, CreateTags, request).map(drop)
    }

    async fn untag(&self, ids: &[String], keys: &[String]) -> Result<()> {
        // A key without a value: the tag goes whatever its value.
        let keys = keys.iter().map(|key| aws_sdk_ec2::types::Tag::builder().key(key).build()).collect();
        let request = self.client.delete_tags().set_resources(Some(ids.to_vec())).set_tags(Some(keys));
        send!(self, DeleteTags, request).map(drop)
    }
}

/// Things whose attribute is one of these values.
fn of(name: &str, values: &[String]) -> Filter {
    Filter::builder().name(name).set_values(Some(values.to_vec())).build()
}

/// One filter for each key: values of one key are alternatives, keys hold together.
fn by_tags(tags: &[(String, String)]) -> Vec<Filter> {
    let mut keys: Vec<&String> = tags.iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.dedup();
    let values = |key: &String| {
        tags.iter().filter(move |tag| tag.0 == *key).map(|(_, value)| literal(value)).collect::<Vec<String>>()
    };
    keys.into_iter().map(|key| of(&format!("tag:{key}"), &values(key))).collect()
}

/// A value without the meaning that EC2's filters give to some characters.
/// Source: EC2 User Guide, "Filter resources": `*` and `?` are wildcards, `\` takes their meaning away.
fn literal(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '*' | '?' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// The tags of the rules of one call, which must be the same for all.
fn rule_tags(flow: Flow, rules: &[Permission]) -> Result<Option<Vec<TagSpecification>>> {
    let Some(first) = rules.first() else { return Ok(None) };
    if rules.iter().any(|rule| rule.tags != first.tags) {
        let call = match flow {
            Flow::Ingress => Call::AuthorizeSecurityGroupIngress,
            Flow::Egress => Call::AuthorizeSecurityGroupEgress,
        };
        return Err(Error::new(Kind::Invalid, call.action(), "all rules of one call must have the same tags"));
    }
    let specification =
        TagSpecification::builder().resource_type(ResourceType::SecurityGroupRule).set_tags(Some(tags(&first.tags)));
    Ok((!first.tags.is_empty()).then(|| vec![specification.build()]))
}

/// In a default VPC EC2 reports rules that were not there, and calls that success.
fn revoked(call: Call, answer: Option<bool>, unknown: Option<Vec<IpPermission>>) -> Result<()> {
    match unknown.unwrap_or_default().len() {
        0 => done(call, answer),
        some => Err(Error::new(Kind::NotFound, call.action(), format!("{some} of the rules are not in the group"))),
    }
}

/// EC2's `Return`, which is always `true` where there is no error.
fn done(call: Call, answer: Option<bool>) -> Result<()> {
    match answer {
        Some(false) => Err(Error::new(Kind::Server, call.action(), "EC2 answered that it did not do it")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
