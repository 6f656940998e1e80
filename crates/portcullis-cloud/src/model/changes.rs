//! EC2 in memory: what is changed. Each call does all of it or nothing.

use super::ec2::all_exist;
use super::{Place, failure};
use crate::api::{Flow, Permission, RuleUpdate};
use crate::error::{Kind, Result};
use crate::shapes::{GroupRule, Tag};

const NOT_FOUND: &str = "InvalidSecurityGroupRuleId.NotFound";

/// What makes two rules of a group one: everything but id, description and tags.
fn identity(rule: &GroupRule) -> impl PartialEq + use<> {
    let group = rule.referenced_group_info.as_ref().map(|group| group.group_id.clone());
    let peer = (rule.cidr_ipv4.clone(), rule.cidr_ipv6.clone(), rule.prefix_list_id.clone(), group);
    (rule.is_egress, rule.ip_protocol.clone(), rule.from_port, rule.to_port, peer)
}

/// Which kind of peer a rule has, which no change can alter.
fn kind_of_peer(rule: &GroupRule) -> [bool; 4] {
    let group = rule.referenced_group_info.is_some();
    [rule.cidr_ipv4.is_some(), rule.cidr_ipv6.is_some(), rule.prefix_list_id.is_some(), group]
}

/// "Security group rules" (Amazon VPC User Guide): up to 255 characters of this set.
fn check_description(call: &'static str, text: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.len() <= 255 && text.chars().all(allowed) {
        return Ok(());
    }
    let message = "Invalid rule description. Valid descriptions are strings less than 256 characters from the following \
                   set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
    Err(failure(Kind::Invalid, call, "InvalidParameterValue", message))
}

impl Place {
    fn group_exists(&self, call: &'static str, group_id: &str) -> Result<()> {
        if self.groups.contains_key(group_id) {
            return Ok(());
        }
        let message = format!("The security group '{group_id}' does not exist");
        Err(failure(Kind::NotFound, call, "InvalidGroup.NotFound", message))
    }

    fn rule_exists(&self, call: &'static str, group_id: &str, flow: Option<Flow>, id: &str) -> Result<()> {
        let fits = |rule: &GroupRule| {
            let direction = flow.is_none_or(|flow| rule.is_egress == (flow == Flow::Egress));
            rule.group_id == group_id && direction
        };
        if self.rules.get(id).is_some_and(fits) {
            return Ok(());
        }
        let message = format!("The security group rule ID '{id}' does not exist");
        Err(failure(Kind::NotFound, call, NOT_FOUND, message))
    }

    fn check_permission(&self, call: &'static str, permission: &Permission) -> Result<()> {
        let peers = [&permission.cidr_ipv4, &permission.cidr_ipv6, &permission.prefix_list_id, &permission.group_id];
        if peers.into_iter().flatten().count() != 1 {
            return Err(failure(Kind::Invalid, call, "MissingParameter", "exactly one peer must be given"));
        }
        let own = |account: &Option<String>| account.as_ref().is_none_or(|account| *account == self.account);
        if let Some(id) = &permission.group_id
            && own(&permission.group_account)
        {
            self.group_exists(call, id)?;
        }
        if let Some(id) = &permission.prefix_list_id
            && !self.prefix_lists.contains_key(id)
        {
            let message = format!("The prefix list ID '{id}' does not exist");
            return Err(failure(Kind::NotFound, call, "InvalidPrefixListID.NotFound", message));
        }
        check_description(call, permission.description.as_deref().unwrap_or_default())
    }

    /// The quota holds for each direction and family; a prefix list counts its size, a group for both.
    fn check_quota(&self, call: &'static str, group_id: &str, is_egress: bool) -> Result<()> {
        let (mut v4, mut v6) = (0, 0);
        for rule in self.rules.values().filter(|rule| rule.group_id == group_id && rule.is_egress == is_egress) {
            let list = rule.prefix_list_id.as_ref().and_then(|id| self.prefix_lists.get(id));
            match (list, rule) {
                (Some(list), _) => {
                    let size = usize::try_from(list.max_entries.unwrap_or(1)).unwrap_or(1);
                    let six = list.address_family.as_deref() == Some("IPv6");
                    *(if six { &mut v6 } else { &mut v4 }) += size;
                }
                (None, GroupRule { cidr_ipv4: Some(_), .. }) => v4 += 1,
                (None, GroupRule { cidr_ipv6: Some(_), .. }) => v6 += 1,
                (None, _) => (v4, v6) = (v4 + 1, v6 + 1),
            }
        }
        if v4.max(v6) <= self.quota {
            return Ok(());
        }
        let message = "The maximum number of rules per security group has been reached.";
        Err(failure(Kind::Quota, call, "RulesPerSecurityGroupLimitExceeded", message))
    }

    /// Changes a copy, which takes the place of this only if all went well.
    fn at_once<T>(&mut self, change: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let mut copy = self.clone();
        let done = change(&mut copy)?;
        *self = copy;
        Ok(done)
    }

    pub(super) fn authorize(
        &mut self,
        call: &'static str,
        group_id: &str,
        flow: Flow,
        permissions: &[Permission],
    ) -> Result<Vec<GroupRule>> {
        self.at_once(|place| {
            place.group_exists(call, group_id)?;
            if permissions.iter().zip(permissions.iter().skip(1)).any(|(one, next)| one.tags != next.tags) {
                let message = "the rules of one call cannot have different tags";
                return Err(failure(Kind::Invalid, call, "InvalidParameterCombination", message));
            }
            let is_egress = flow == Flow::Egress;
            let mut made = Vec::new();
            for permission in permissions {
                place.check_permission(call, permission)?;
                let new = GroupRule { is_egress, ..place.shape(permission) };
                let same = |rule: &&GroupRule| rule.group_id == group_id && identity(rule) == identity(&new);
                if place.rules.values().any(|rule| same(&rule)) {
                    let message = "the specified rule already exists";
                    return Err(failure(Kind::Duplicate, call, "InvalidPermission.Duplicate", message));
                }
                made.push(place.put_rule(group_id, is_egress, permission));
            }
            place.check_quota(call, group_id, is_egress)?;
            Ok(made)
        })
    }

    pub(super) fn revoke(&mut self, call: &'static str, group_id: &str, flow: Flow, ids: &[String]) -> Result<()> {
        self.group_exists(call, group_id)?;
        for id in ids {
            self.rule_exists(call, group_id, Some(flow), id)?;
        }
        for id in ids {
            self.rules.remove(id);
        }
        Ok(())
    }

    pub(super) fn modify(&mut self, group_id: &str, updates: &[RuleUpdate]) -> Result<()> {
        const CALL: &str = "ec2:ModifySecurityGroupRules";
        self.at_once(|place| {
            place.group_exists(CALL, group_id)?;
            for RuleUpdate { rule_id, rule: permission } in updates {
                place.rule_exists(CALL, group_id, None, rule_id)?;
                place.check_permission(CALL, permission)?;
                let shape = place.shape(permission);
                let Some(rule) = place.rules.get_mut(rule_id) else { continue };
                if kind_of_peer(rule) != kind_of_peer(&shape) {
                    let message = "a rule cannot change from one kind of peer to another";
                    return Err(failure(Kind::Invalid, CALL, "InvalidParameterCombination", message));
                }
                let kept = rule.description.take().filter(|_| place.keeps_descriptions);
                *rule = GroupRule {
                    security_group_rule_id: rule_id.clone(),
                    group_id: rule.group_id.clone(),
                    group_owner_id: rule.group_owner_id.clone(),
                    is_egress: rule.is_egress,
                    tags: std::mem::take(&mut rule.tags),
                    description: permission.description.clone().or(kept).filter(|text| !text.is_empty()),
                    ..shape
                };
            }
            let rules: Vec<&GroupRule> = place.rules.values().filter(|rule| rule.group_id == group_id).collect();
            for (place, rule) in rules.iter().enumerate() {
                if rules.iter().take(place).any(|other| identity(other) == identity(rule)) {
                    let message = "two rules would become the same";
                    return Err(failure(Kind::Duplicate, CALL, "InvalidPermission.Duplicate", message));
                }
            }
            place.check_quota(CALL, group_id, false)?;
            place.check_quota(CALL, group_id, true)
        })
    }

    pub(super) fn describe(
        &mut self,
        call: &'static str,
        group_id: &str,
        flow: Flow,
        descriptions: &[(String, String)],
    ) -> Result<()> {
        self.group_exists(call, group_id)?;
        for (id, text) in descriptions {
            self.rule_exists(call, group_id, Some(flow), id)?;
            check_description(call, text)?;
        }
        for (id, text) in descriptions {
            if let Some(rule) = self.rules.get_mut(id) {
                rule.description = Some(text.clone()).filter(|text| !text.is_empty());
            }
        }
        Ok(())
    }

    /// Sets tags of groups or rules, and takes keys away.
    pub(super) fn tag(&mut self, call: &'static str, ids: &[String], tags: &[Tag], gone: &[String]) -> Result<()> {
        all_exist(call, "InvalidID", ids, |id| self.groups.contains_key(id) || self.rules.contains_key(id))?;
        for id in ids {
            let of_group = self.groups.get_mut(id).map(|group| &mut group.tags);
            let of_rule = self.rules.get_mut(id).map(|rule| &mut rule.tags);
            let Some(all) = of_group.or(of_rule) else { continue };
            all.retain(|tag| !gone.contains(&tag.key) && tags.iter().all(|new| new.key != tag.key));
            all.extend(tags.iter().cloned());
            all.sort();
            if all.len() > 50 {
                return Err(failure(Kind::Quota, call, "TagLimitExceeded", "more than 50 tags on one resource"));
            }
        }
        Ok(())
    }
}
