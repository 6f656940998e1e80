//! One account and Region, read.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use portcullis_core::model::CoverageStatus;
use tokio::task::JoinSet;

use super::documents::{Collected, Documents, group_arn};
use super::lists::Lists;
use super::pages::{Read, alone, keep};
use super::users::{candidates, look_up};
use super::{Account, Shared};
use crate::api::{Ec2, GroupFilter};
use crate::error::Kind;
use crate::pace::{Lane, OPENING, Stop};
use crate::shapes::{GroupRule, SecurityGroup};

/// How many ids one filter takes ("Values of a filter", Amazon EC2 API Reference).
const FILTER_VALUES: usize = 200;

/// An account and Region on the way to being read.
pub(super) struct Unit {
    pub(super) shared: Arc<Shared>,
    pub(super) account: Arc<Account>,
    pub(super) region: String,
}

impl Unit {
    /// Reads it, as far as that goes.
    pub(super) async fn read(self) -> Collected {
        let lane = self.shared.lane(&self.account);
        let mut collected =
            Collected { account: self.account.id.clone(), region: self.region.clone(), ..Collected::default() };
        let stops = match self.open(&lane).await {
            Ok(ec2) => self.fill(&lane, &ec2, &mut collected).await,
            Err(stop) => {
                collected.status = CoverageStatus::Unread;
                vec![stop]
            }
        };
        if !stops.is_empty() {
            let sentences: BTreeSet<String> = stops.iter().map(ToString::to_string).collect();
            collected.error = Some(sentences.into_iter().collect::<Vec<_>>().join("; "));
        }
        collected
    }

    /// The client. The first of an account goes alone, so that a role which cannot be assumed is asked for only once.
    async fn open(&self, lane: &Lane) -> Result<Arc<dyn Ec2>, Stop> {
        let (cloud, account) = (&self.shared.cloud, &self.account);
        let open = || lane.call(OPENING, || cloud.ec2(&account.access, &self.region));
        if account.opened.initialized() {
            return open().await;
        }
        let mut first = None;
        account
            .opened
            .get_or_try_init(|| async {
                first = Some(open().await?);
                Ok(())
            })
            .await?;
        match first {
            Some(ec2) => Ok(ec2),
            None => open().await,
        }
    }

    async fn fill(&self, lane: &Lane, ec2: &Arc<dyn Ec2>, collected: &mut Collected) -> Vec<Stop> {
        let (want, filter) = (self.shared.want, &self.shared.filter);
        let mut stops = Vec::new();
        let documents = &mut collected.documents;
        let whole = if filter.is_empty() || want.references {
            self.everything(lane, ec2, documents, &mut stops).await
        } else {
            self.selected(lane, ec2, documents, &mut stops).await
        };
        if whole.is_err() && documents.groups.is_empty() {
            collected.status = CoverageStatus::Unread;
            *documents = Documents::default();
            // Why the groups could not be read; what else failed beside them is of no use to anybody.
            stops.truncate(1);
            return stops;
        }
        for group in &mut documents.groups {
            let (id, owner) = (&group.group_id, &group.owner_id);
            group.security_group_arn.get_or_insert_with(|| group_arn(&self.region, owner, id));
        }
        self.shared
            .counts
            .groups
            .fetch_add(u64::try_from(documents.groups.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.around(lane, ec2, collected, &mut stops).await;
        collected.status = if stops.is_empty() { CoverageStatus::Complete } else { CoverageStatus::Partial };
        stops
    }

    /// Groups, rules, VPCs and interfaces, side by side. Fails where the groups could not be read whole.
    async fn everything(
        &self,
        lane: &Lane,
        ec2: &Arc<dyn Ec2>,
        documents: &mut Documents,
        stops: &mut Vec<Stop>,
    ) -> Result<(), ()> {
        let wanted = self.shared.want.interfaces;
        let interfaces = async {
            match wanted {
                true => Some(
                    alone(lane, ec2, "ec2:DescribeNetworkInterfaces", |ec2, next| async move {
                        ec2.interfaces(&[], next).await
                    })
                    .await,
                ),
                false => None,
            }
        };
        let ((groups, end), rules, vpcs, interfaces) = tokio::join!(
            alone(lane, ec2, "ec2:DescribeSecurityGroups", |ec2, next| async move {
                ec2.groups(&GroupFilter::default(), next).await
            }),
            alone(lane, ec2, "ec2:DescribeSecurityGroupRules", |ec2, next| async move { ec2.rules(&[], next).await }),
            alone(lane, ec2, "ec2:DescribeVpcs", |ec2, next| async move { ec2.vpcs(next).await }),
            interfaces,
        );
        documents.groups = groups;
        let whole = end.map_err(|stop| stops.push(stop));
        documents.rules = whole_rules(rules, stops);
        documents.vpcs = keep(vpcs, stops);
        documents.interfaces = interfaces.and_then(|interfaces| keep(interfaces, stops));
        whole
    }

    /// The groups that are asked for, and then their rules, their interfaces, and the VPCs.
    async fn selected(
        &self,
        lane: &Lane,
        ec2: &Arc<dyn Ec2>,
        documents: &mut Documents,
        stops: &mut Vec<Stop>,
    ) -> Result<(), ()> {
        let (groups, end) = self.selection(lane, ec2).await;
        let whole = end.map_err(|stop| stops.push(stop));
        documents.groups = groups;
        if documents.groups.is_empty() {
            return whole;
        }
        let ec2 = ec2.as_ref();
        let ids: Vec<String> = documents.groups.iter().map(|group| group.group_id.clone()).collect();
        let rules = async {
            let mut all = Vec::new();
            for batch in ids.chunks(FILTER_VALUES) {
                let (some, end) = lane.pages("ec2:DescribeSecurityGroupRules", |next| ec2.rules(batch, next)).await;
                all.extend(some);
                if end.is_err() {
                    return (all, end);
                }
            }
            (all, Ok(()))
        };
        let interfaces = async {
            let (mut all, mut seen) = (Vec::new(), HashSet::new());
            for batch in ids.chunks(FILTER_VALUES).filter(|_| self.shared.want.interfaces) {
                let (some, end) = lane.pages("ec2:DescribeNetworkInterfaces", |next| ec2.interfaces(batch, next)).await;
                // One interface may carry groups of two batches.
                all.extend(some.into_iter().filter(|interface| seen.insert(interface.network_interface_id.clone())));
                if end.is_err() {
                    return (all, end);
                }
            }
            (all, Ok(()))
        };
        let (rules, vpcs, interfaces) =
            tokio::join!(rules, lane.pages("ec2:DescribeVpcs", |next| ec2.vpcs(next)), interfaces);
        documents.rules = whole_rules(rules, stops);
        documents.vpcs = keep(vpcs, stops);
        documents.interfaces = keep(interfaces, stops).filter(|_| self.shared.want.interfaces);
        whole
    }

    /// The groups of the filter. Ids and names are alternatives, though AWS would want both to hold.
    async fn selection(&self, lane: &Lane, ec2: &Arc<dyn Ec2>) -> (Vec<SecurityGroup>, Result<(), Stop>) {
        let filter = &self.shared.filter;
        let mut wanted = Vec::new();
        if !filter.ids.is_empty() && !filter.names.is_empty() {
            wanted.push(GroupFilter { names: Vec::new(), ..filter.clone() });
            wanted.push(GroupFilter { ids: Vec::new(), ..filter.clone() });
        } else {
            wanted.push(filter.clone());
        }
        let (mut groups, mut end, mut seen) = (Vec::new(), Ok(()), HashSet::new());
        let mut waiting = wanted;
        while !waiting.is_empty() {
            let mut reading = JoinSet::new();
            for filter in waiting.drain(..) {
                let (lane, ec2) = (lane.clone(), Arc::clone(ec2));
                reading.spawn(async move {
                    let read = lane.pages("ec2:DescribeSecurityGroups", |next| ec2.groups(&filter, next)).await;
                    (filter, read)
                });
            }
            for (filter, (some, stop)) in reading.join_all().await {
                groups.extend(some.into_iter().filter(|group| seen.insert(group.group_id.clone())));
                match stop {
                    // One id that is not here fails the call for those that are.
                    Err(Stop::Failed(error)) if error.kind == Kind::NotFound && !filter.ids.is_empty() => {
                        if filter.ids.len() > 1 {
                            let alone = |id: &String| GroupFilter { ids: vec![id.clone()], ..filter.clone() };
                            waiting.extend(filter.ids.iter().map(alone));
                        }
                    }
                    stop => end = end.and(stop),
                }
            }
        }
        groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        (groups, end)
    }

    /// What stands around the groups: the lists that their rules name, stale rules, and what else may use them.
    async fn around(&self, lane: &Lane, ec2: &Arc<dyn Ec2>, collected: &mut Collected, stops: &mut Vec<Stop>) {
        let want = self.shared.want;
        let Collected { documents, remarks, .. } = collected;
        let rules = documents.rules.as_deref().unwrap_or_default();
        let list_ids: BTreeSet<String> = rules.iter().filter_map(|rule| rule.prefix_list_id.clone()).collect();
        let vpcs = if want.references { vpcs_that_look_over(rules, &documents.groups) } else { BTreeSet::new() };
        let idle = match (want.users, &documents.rules, &documents.interfaces, stops.is_empty()) {
            (true, Some(_), Some(_), true) => candidates(documents),
            _ => Vec::new(),
        };
        let users = async {
            if idle.is_empty() {
                return Vec::new();
            }
            let cloud = &self.shared.cloud;
            match lane.call(OPENING, || cloud.users(&self.account.access, &self.region)).await {
                Ok(users) => look_up(lane, ec2, &users, &idle, documents).await,
                Err(stop) => vec![stop],
            }
        };
        let (lists, stale, of_users) = tokio::join!(
            read_lists(lane, ec2, &self.shared.lists, &self.region, list_ids),
            read_stale(lane, ec2, vpcs),
            users
        );
        stops.extend(of_users);
        for (id, list) in lists {
            match list {
                Ok(list) => documents.prefix_lists.push(list),
                // Only what the list decides stays open; the account and Region was read all the same.
                Err(Stop::Failed(error)) if !error.kind.is_about_credentials() => {
                    remarks.push(format!("the entries of `{id}` are not known: {error}"));
                }
                Err(stop) => stops.push(stop),
            }
        }
        documents.stale = stale.and_then(|stale| keep(stale, stops));
    }
}

/// Rules count only as a whole: a group that is judged by some of its rules may pass where it should not.
fn whole_rules((rules, end): Read<GroupRule>, stops: &mut Vec<Stop>) -> Option<Vec<GroupRule>> {
    end.map_err(|stop| stops.push(stop)).ok().map(|()| rules)
}

/// The VPCs of the groups that name groups over a peering connection.
fn vpcs_that_look_over(rules: &[GroupRule], groups: &[SecurityGroup]) -> BTreeSet<String> {
    let over = |rule: &&GroupRule| {
        rule.referenced_group_info.as_ref().is_some_and(|group| group.vpc_peering_connection_id.is_some())
    };
    let ids: HashSet<&str> = rules.iter().filter(over).map(|rule| rule.group_id.as_str()).collect();
    groups
        .iter()
        .filter(|group| ids.contains(group.group_id.as_str()))
        .filter_map(|group| group.vpc_id.clone())
        .collect()
}

async fn read_stale(
    lane: &Lane,
    ec2: &Arc<dyn Ec2>,
    vpcs: BTreeSet<String>,
) -> Option<Read<crate::shapes::StaleSecurityGroup>> {
    let mut reading = JoinSet::new();
    for vpc in vpcs {
        let (lane, ec2) = (lane.clone(), Arc::clone(ec2));
        reading.spawn(async move {
            lane.pages("ec2:DescribeStaleSecurityGroups", |next| ec2.stale_groups(&vpc, next)).await
        });
    }
    if reading.is_empty() {
        return None;
    }
    let (mut all, mut end) = (Vec::new(), Ok(()));
    for (some, stop) in reading.join_all().await {
        all.extend(some);
        end = end.and(stop);
    }
    all.sort_by(|a, b| a.group_id.cmp(&b.group_id));
    Some((all, end))
}

async fn read_lists(
    lane: &Lane,
    ec2: &Arc<dyn Ec2>,
    lists: &Arc<Lists>,
    region: &str,
    ids: BTreeSet<String>,
) -> Vec<(String, Result<crate::shapes::PrefixList, Stop>)> {
    let mut reading = JoinSet::new();
    for id in ids {
        let (lane, ec2, lists, region) = (lane.clone(), Arc::clone(ec2), Arc::clone(lists), region.to_owned());
        reading.spawn(async move {
            let list = lists.get(&lane, ec2.as_ref(), &region, &id).await;
            (id, list)
        });
    }
    let mut all = reading.join_all().await;
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}
