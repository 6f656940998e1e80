//! EC2 in memory, as far as rules go: one group, calls that are made whole or not at all, and AWS's refusals.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use portcullis_core::model::{Direction, GroupKey, Peer, Rule, SecurityGroup, Tag, Tags};

use crate::api::{Ec2, Flow, GroupFilter, Page, Permission, RuleUpdate};
use crate::change::{permission, rule};
use crate::error::{Error, Kind, Result};
use crate::patience::Patience;
use crate::shapes::{self, GroupRule, LaunchTemplateVersion, NetworkInterface, PrefixList, PrefixListEntry};
use crate::shapes::{ReferencedGroup, SecurityGroupReference, StaleSecurityGroup, Vpc};

pub(super) const GROUP: &str = "sg-1";
pub(super) const ACCOUNT: &str = "111122223333";

/// What becomes of a call that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is made and answered.
    Fine,
    /// Refused for its rate.
    Throttled,
    /// It does not arrive.
    Lost,
    /// It is made, and its answer does not arrive.
    AnswerLost,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) rules: BTreeMap<String, Rule>,
    pub(super) tags: Tags,
    ids: usize,
    /// Every state that the rules were in.
    pub(super) history: Vec<Vec<Rule>>,
    pub(super) calls: usize,
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) state: Mutex<State>,
    /// What becomes of the next calls; of those after them, all is fine.
    pub(super) fates: Mutex<Vec<Fate>>,
    pub(super) quota: Option<usize>,
}

fn no(kind: Kind, code: &str) -> Error {
    Error { code: code.to_owned(), ..Error::new(kind, "ec2:Test", "refused") }
}

impl Memory {
    pub(super) fn of(group: &SecurityGroup) -> Self {
        let rules = group.rules.iter().map(|rule| (rule.id.to_string(), rule.clone())).collect();
        let state = State { rules, tags: group.tags.clone(), ..State::default() };
        Self { state: Mutex::new(state), ..Self::default() }
    }

    pub(super) fn group(&self) -> SecurityGroup {
        let state = self.state.lock().unwrap();
        SecurityGroup {
            key: GroupKey { account_id: ACCOUNT.into(), region: "eu-west-1".into(), group_id: GROUP.into() },
            tags: state.tags.clone(),
            rules: state.rules.values().cloned().collect(),
            ..SecurityGroup::default()
        }
    }

    /// Makes a change if its fate lets it, whole or not at all.
    fn change<T>(
        &self,
        act: impl FnOnce(&mut BTreeMap<String, Rule>, &mut Tags, &mut usize) -> Result<T>,
    ) -> Result<T> {
        let fate = self.fates.lock().unwrap().pop().unwrap_or(Fate::Fine);
        let mut state = self.state.lock().unwrap();
        state.calls += 1;
        match fate {
            Fate::Throttled => return Err(no(Kind::Throttled, "RequestLimitExceeded")),
            Fate::Lost => return Err(no(Kind::Unreachable, "")),
            Fate::Fine | Fate::AnswerLost => {}
        }
        let (mut rules, mut tags, mut ids) = (state.rules.clone(), state.tags.clone(), state.ids);
        let answer = act(&mut rules, &mut tags, &mut ids)?;
        let all: Vec<&Rule> = rules.values().collect();
        for (place, one) in all.iter().enumerate() {
            if all[..place].iter().any(|other| other.identity() == one.identity()) {
                return Err(no(Kind::Duplicate, "InvalidPermission.Duplicate"));
            }
        }
        for direction in Direction::ALL {
            let of = |v4: bool| {
                let counts = |rule: &&&Rule| match rule.peer {
                    Peer::V4(_) => v4,
                    Peer::V6(_) => !v4,
                    Peer::PrefixList(_) | Peer::Group(_) => true,
                };
                all.iter().filter(|rule| rule.direction == direction).filter(counts).count()
            };
            if self.quota.is_some_and(|quota| of(true).max(of(false)) > quota) {
                return Err(no(Kind::Quota, "RulesPerSecurityGroupLimitExceeded"));
            }
        }
        let standing: Vec<Rule> = rules.values().cloned().collect();
        state.history.push(standing);
        (state.rules, state.tags, state.ids) = (rules, tags, ids);
        if fate == Fate::AnswerLost { Err(no(Kind::Server, "InternalError")) } else { Ok(answer) }
    }

    fn tags_of<'s>(id: &str, rules: &'s mut BTreeMap<String, Rule>, group: &'s mut Tags) -> Result<&'s mut Tags> {
        if id == GROUP {
            return Ok(group);
        }
        let rule = rules.get_mut(id).ok_or_else(|| no(Kind::NotFound, "InvalidSecurityGroupRuleId.NotFound"))?;
        Ok(&mut rule.tags)
    }
}

/// A rule as EC2 describes it.
fn described(id: &str, flow: Flow, new: &Permission) -> GroupRule {
    let group = new.group_id.as_ref().map(|id| ReferencedGroup {
        group_id: id.clone(),
        user_id: Some(new.group_account.clone().unwrap_or_else(|| ACCOUNT.to_owned())),
        ..ReferencedGroup::default()
    });
    GroupRule {
        security_group_rule_id: id.to_owned(),
        group_id: GROUP.to_owned(),
        is_egress: flow == Flow::Egress,
        ip_protocol: new.protocol.clone(),
        from_port: new.from_port.or(Some(-1)),
        to_port: new.to_port.or(Some(-1)),
        cidr_ipv4: new.cidr_ipv4.clone(),
        cidr_ipv6: new.cidr_ipv6.clone(),
        prefix_list_id: new.prefix_list_id.clone(),
        referenced_group_info: group,
        description: new.description.clone(),
        tags: new.tags.clone(),
        ..GroupRule::default()
    }
}

fn core(described: &GroupRule) -> Result<Rule> {
    rule(described).ok_or_else(|| no(Kind::Invalid, "InvalidParameterValue"))
}

fn missing() -> Error {
    no(Kind::NotFound, "InvalidSecurityGroupRuleId.NotFound")
}

fn flow(rule: &Rule) -> Flow {
    if rule.direction == Direction::Egress { Flow::Egress } else { Flow::Ingress }
}

#[async_trait]
impl Ec2 for Memory {
    async fn regions(&self) -> Result<Vec<String>> {
        unimplemented!()
    }
    async fn groups(&self, _: &GroupFilter, _: Option<String>) -> Result<Page<shapes::SecurityGroup>> {
        let tags = self.state.lock().unwrap().tags.clone();
        let tags =
            tags.iter().map(|tag| shapes::Tag { key: tag.key.to_string(), value: tag.value.to_string() }).collect();
        Ok(Page { items: vec![shapes::SecurityGroup { tags, ..shapes::SecurityGroup::default() }], next: None })
    }
    async fn whole_groups(&self, _: &GroupFilter, _: Option<String>) -> Result<Page<shapes::WholeGroup>> {
        unimplemented!()
    }
    /// Two a page.
    async fn rules(&self, _: &[String], next: Option<String>) -> Result<Page<GroupRule>> {
        let state = self.state.lock().unwrap();
        let from: usize = next.map_or(0, |next| next.parse().unwrap());
        let rules = state.rules.values().skip(from).take(2);
        let items = rules.map(|rule| described(&rule.id, flow(rule), &permission(rule))).collect();
        Ok(Page { items, next: (from + 2 < state.rules.len()).then(|| (from + 2).to_string()) })
    }
    async fn prefix_lists(&self, _: &[String], _: Option<String>) -> Result<Page<PrefixList>> {
        unimplemented!()
    }
    async fn prefix_list_entries(&self, _: &str, _: Option<String>) -> Result<Page<PrefixListEntry>> {
        unimplemented!()
    }
    async fn vpcs(&self, _: Option<String>) -> Result<Page<Vpc>> {
        unimplemented!()
    }
    async fn interfaces(&self, _: &[String], _: Option<String>) -> Result<Page<NetworkInterface>> {
        unimplemented!()
    }
    async fn stale_groups(&self, _: &str, _: Option<String>) -> Result<Page<StaleSecurityGroup>> {
        unimplemented!()
    }
    async fn references(&self, _: &[String]) -> Result<Vec<SecurityGroupReference>> {
        unimplemented!()
    }
    async fn launch_templates(&self, _: Option<String>) -> Result<Page<LaunchTemplateVersion>> {
        unimplemented!()
    }

    async fn authorize(&self, _: &str, flow: Flow, new: &[Permission]) -> Result<Vec<GroupRule>> {
        assert!(new.iter().all(|one| one.tags == new[0].tags), "rules of one call have the same tags");
        self.change(|rules, _, ids| {
            let mut answer = Vec::new();
            for one in new {
                *ids += 1;
                let made = described(&format!("sgr-new{ids}"), flow, one);
                rules.insert(made.security_group_rule_id.clone(), core(&made)?);
                answer.push(made);
            }
            Ok(answer)
        })
    }
    async fn revoke(&self, _: &str, flow_: Flow, gone: &[String]) -> Result<()> {
        self.change(|rules, _, _| {
            for id in gone {
                let rule = rules.remove(id).ok_or_else(missing)?;
                assert_eq!(flow(&rule), flow_);
            }
            Ok(())
        })
    }
    async fn modify(&self, _: &str, updates: &[RuleUpdate]) -> Result<()> {
        self.change(|rules, _, _| {
            for update in updates {
                let old = rules.get_mut(&update.rule_id).ok_or_else(missing)?;
                let mut new = core(&described(&update.rule_id, flow(old), &update.rule))?;
                assert_eq!(new.peer.kind(), old.peer.kind());
                // That an omitted description goes is not documented of this call.
                if update.rule.description.is_none() {
                    new.description = old.description.clone();
                }
                new.tags = old.tags.clone();
                *old = new;
            }
            Ok(())
        })
    }
    async fn describe(&self, _: &str, flow_: Flow, descriptions: &[(String, String)]) -> Result<()> {
        self.change(|rules, _, _| {
            for (id, text) in descriptions {
                let rule = rules.get_mut(id).ok_or_else(missing)?;
                assert_eq!(flow(rule), flow_);
                rule.description = text.as_str().into();
            }
            Ok(())
        })
    }
    async fn tag(&self, ids: &[String], tags: &[shapes::Tag]) -> Result<()> {
        self.change(|rules, group, _| {
            for id in ids {
                let own = Self::tags_of(id, rules, group)?;
                own.retain(|old| !tags.iter().any(|tag| tag.key == old.key));
                own.extend(tags.iter().map(|tag| Tag { key: (&*tag.key).into(), value: (&*tag.value).into() }));
                own.sort();
            }
            Ok(())
        })
    }
    async fn untag(&self, ids: &[String], keys: &[String]) -> Result<()> {
        self.change(|rules, group, _| {
            for id in ids {
                Self::tags_of(id, rules, group)?.retain(|tag| !keys.iter().any(|key| tag.key == key.as_str()));
            }
            Ok(())
        })
    }
}

/// So many more tries, without waiting.
#[derive(Debug)]
pub(super) struct Tries(pub(super) usize);

#[async_trait]
impl Patience for Tries {
    async fn again(&mut self, _: &Error) -> bool {
        let more = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        more
    }
}
