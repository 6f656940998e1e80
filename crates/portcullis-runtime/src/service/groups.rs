//! The groups that events name, read where they are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use portcullis_cloud::api::{Cloud, GroupFilter};
use portcullis_cloud::collect::{Regions, Request};
use portcullis_cloud::error::Error;
use portcullis_cloud::patience::{Backoff, pages, repeated};
use portcullis_core::model::{Coverage, CoverageStatus, Inventory, Peer, SecurityGroup};

use crate::live::{Accesses, Handle, read};
use crate::ports::Place;
use crate::respond::{GroupReader, Wanted};

/// How long reading may take: an event is about seconds.
const BUDGET: Duration = Duration::from_secs(60);

/// Groups of any account and Region.
pub(super) struct LiveGroups<'a> {
    pub(super) cloud: &'a Arc<dyn Cloud>,
    pub(super) handle: &'a Handle,
    pub(super) accesses: &'a Accesses,
}

impl LiveGroups<'_> {
    /// The ids of groups that are known by name: of those in the default VPC, where there are several.
    async fn named(&self, place: &Place, names: &[String]) -> Result<Vec<String>, Error> {
        let mut patience = Backoff::new(BUDGET);
        let access = self.accesses.of(&place.account_id);
        let ec2 = repeated(&mut patience, || self.cloud.ec2(&access, &place.region)).await?;
        let filter = GroupFilter { names: names.to_vec(), ..GroupFilter::default() };
        let groups = pages(&mut patience, "ec2:DescribeSecurityGroups", |next| ec2.groups(&filter, next)).await?;
        let default: BTreeSet<String> = if groups.len() > names.len() {
            let vpcs = pages(&mut patience, "ec2:DescribeVpcs", |next| ec2.vpcs(next)).await?;
            vpcs.into_iter().filter(|vpc| vpc.is_default).map(|vpc| vpc.vpc_id).collect()
        } else {
            BTreeSet::new()
        };
        let fits = |vpc: Option<&String>| default.is_empty() || vpc.is_some_and(|vpc| default.contains(vpc));
        Ok(groups.into_iter().filter(|group| fits(group.vpc_id.as_ref())).map(|group| group.group_id).collect())
    }

    async fn inventory(&self, place: &Place, wanted: &Wanted) -> Inventory {
        let mut ids = wanted.group_ids.clone();
        if !wanted.group_names.is_empty() {
            match self.named(place, &wanted.group_names).await {
                Ok(named) => ids.extend(named),
                Err(error) => return unread(place, &error),
            }
        }
        let whole = !wanted.rule_ids.is_empty() || !wanted.prefix_lists.is_empty();
        if ids.is_empty() && !whole {
            return Inventory::default();
        }
        let access = self.accesses.of(&place.account_id);
        let mut request = Request::new(vec![access], Regions::Named(vec![place.region.clone()]));
        request.time_budget = BUDGET;
        if !whole {
            request.filter = GroupFilter { ids: ids.clone(), ..GroupFilter::default() };
        }
        let mut inventory = read(Arc::clone(self.cloud), request, |_| {}).await.inventory;
        if whole {
            inventory.groups.retain(|group| is_wanted(group, &ids, wanted));
        }
        inventory
    }
}

impl GroupReader for LiveGroups<'_> {
    fn read(&self, place: &Place, wanted: &Wanted) -> Inventory {
        self.handle.block_on(self.inventory(place, wanted))
    }
}

fn is_wanted(group: &SecurityGroup, ids: &[String], wanted: &Wanted) -> bool {
    let among = |list: &[String], id: &str| list.iter().any(|wanted| wanted == id);
    among(ids, &group.key.group_id)
        || group.rules.iter().any(|rule| {
            let list = match &rule.peer {
                Peer::PrefixList(id) => among(&wanted.prefix_lists, id),
                _ => false,
            };
            list || among(&wanted.rule_ids, &rule.id)
        })
}

fn unread(place: &Place, error: &Error) -> Inventory {
    let coverage = Coverage {
        account_id: place.account_id.as_str().into(),
        region: place.region.as_str().into(),
        status: CoverageStatus::Unread,
        groups: 0,
        error: Some(error.to_string()),
    };
    Inventory { coverage: vec![coverage], ..Inventory::default() }
}
