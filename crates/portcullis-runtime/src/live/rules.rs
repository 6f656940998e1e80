//! Groups and their rules on AWS.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use compact_str::CompactString;
use portcullis_cloud::api::{AccountAccess, Cloud, Ec2, GroupFilter, Role};
use portcullis_cloud::change::{Limits, arrange, perform};
use portcullis_cloud::error::{Error, Kind};
use portcullis_cloud::patience::{Backoff, pages, repeated};
use portcullis_core::model::{GroupKey, Inventory, Peer, PrefixList, SecurityGroup};
use portcullis_core::remediation::{Change, needs_gap};
use portcullis_formats::inventory::{ReadOptions, Source, read};

use super::{Handle, told};
use crate::ports::{PortError, RuleStore};

/// How to get into which account.
#[derive(Clone, Debug, Default)]
pub struct Accesses {
    /// Accounts that are got into in a way of their own.
    pub of_accounts: BTreeMap<String, AccountAccess>,
    /// All others, the account filled in: a role's name that is the same everywhere, or the credentials as they are.
    pub others: AccountAccess,
}

impl Accesses {
    /// With this role everywhere; in the credentials' own account the credentials themselves serve where it does not exist.
    ///
    /// # Errors
    /// Where it cannot be told whose the credentials are.
    pub async fn with_role(cloud: &dyn Cloud, role: Option<Role>) -> Result<Self, Error> {
        let others = AccountAccess { account: String::new(), role: role.clone() };
        if role.is_none() {
            return Ok(Self { others, ..Self::default() });
        }
        let caller = cloud.caller(&AccountAccess::default()).await?;
        let own = super::access_to(&caller.account, role, cloud, &caller).await;
        Ok(Self { of_accounts: [(caller.account, own)].into(), others })
    }

    pub(crate) fn of(&self, account: &str) -> AccountAccess {
        let other = || AccountAccess { account: account.to_owned(), ..self.others.clone() };
        self.of_accounts.get(account).cloned().unwrap_or_else(other)
    }
}

/// The pauses between looks at a group that was just changed and does not show it.
const LAG: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1_600),
    Duration::from_millis(3_200),
];

/// Groups of any account and Region.
#[derive(Debug)]
pub struct LiveRules {
    cloud: Arc<dyn Cloud>,
    handle: Handle,
    accesses: Accesses,
    budget: Duration,
    remarks: Mutex<Vec<String>>,
}

impl LiveRules {
    /// In this world. Reading a group may take up to `budget`, and so may changing it: what is throttled, or gets no
    /// answer, is tried again until then.
    pub fn new(cloud: Arc<dyn Cloud>, handle: Handle, accesses: Accesses, budget: Duration) -> Self {
        Self { cloud, handle, accesses, budget, remarks: Mutex::default() }
    }

    /// What was strange about the changes so far, in sentences: what was found done already. They are told once.
    pub fn remarks(&self) -> Vec<String> {
        std::mem::take(&mut self.remarks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn ec2(&self, key: &GroupKey, patience: &mut Backoff) -> Result<Arc<dyn Ec2>, Error> {
        let access = self.accesses.of(&key.account_id);
        repeated(patience, || self.cloud.ec2(&access, &key.region)).await
    }

    /// How many entries prefix lists may hold, as far as that can be read.
    fn sizes(&self, key: &GroupKey, lists: &[String]) -> BTreeMap<CompactString, PrefixList> {
        let read = async {
            let mut patience = Backoff::new(self.budget);
            let ec2 = self.ec2(key, &mut patience).await?;
            pages(&mut patience, "ec2:DescribeManagedPrefixLists", |next| ec2.prefix_lists(lists, next)).await
        };
        let found = self.handle.block_on(read).unwrap_or_default();
        let sized = found.into_iter().map(|list| {
            let max_entries = list.max_entries.and_then(|most| u32::try_from(most).ok());
            (list.prefix_list_id.into(), PrefixList { max_entries, ..PrefixList::default() })
        });
        sized.collect()
    }

    /// The group as the AWS CLI would print it, and its rules; `None` where there is none.
    async fn described(&self, key: &GroupKey) -> Result<Option<serde_json::Value>, Error> {
        let mut patience = Backoff::new(self.budget);
        let ec2 = self.ec2(key, &mut patience).await?;
        let ids = [key.group_id.to_string()];
        let filter = GroupFilter { ids: ids.to_vec(), ..GroupFilter::default() };
        let groups = match repeated(&mut patience, || ec2.groups(&filter, None)).await {
            Err(error) if error.kind == Kind::NotFound => return Ok(None),
            groups => groups?.items,
        };
        let rules = pages(&mut patience, "ec2:DescribeSecurityGroupRules", |next| ec2.rules(&ids, next)).await?;
        let mut document = serde_json::json!({ "SecurityGroups": groups, "SecurityGroupRules": rules });
        if rules.is_empty()
            && let Some(group) = document.pointer_mut("/SecurityGroups/0").and_then(serde_json::Value::as_object_mut)
        {
            // A group that no rule is of has none, which must be said: where nothing is said its rules are not known.
            for key in ["IpPermissions", "IpPermissionsEgress"] {
                group.insert(key.to_owned(), serde_json::Value::Array(Vec::new()));
            }
        }
        Ok((!groups.is_empty()).then_some(document))
    }
}

impl RuleStore for LiveRules {
    fn caller(&self) -> Result<String, PortError> {
        let caller = async {
            let mut patience = Backoff::new(self.budget);
            let own = AccountAccess::default();
            repeated(&mut patience, || self.cloud.caller(&own)).await
        };
        self.handle.block_on(caller).map(|caller| caller.arn).map_err(told)
    }

    fn read(&self, key: &GroupKey) -> Result<Option<SecurityGroup>, PortError> {
        let Some(document) = self.handle.block_on(self.described(key)).map_err(told)? else { return Ok(None) };
        let bytes = document.to_string();
        let name = format!("the answer of AWS about `{}`", key.group_id);
        let options = ReadOptions { region: Some(key.region.to_string()) };
        let inventory = read([Source::reader(name, bytes.as_bytes())], &options).map_err(told)?;
        let groups = inventory.groups.into_iter();
        let mut found = groups.filter(|group| group.key.group_id == key.group_id);
        let Some(mut group) = found.next() else { return Ok(None) };
        if let Some(why) = &group.unreadable {
            return Err(PortError(format!("group `{}` cannot be read: {why}", key.group_id)));
        }
        if !key.account_id.is_empty() && group.key.account_id != key.account_id {
            return Err(PortError(format!(
                "group `{}` is of account {}, and not of {} as it was planned: check the profile and the role",
                key.group_id, group.key.account_id, key.account_id
            )));
        }
        // What was asked for is what it is called, however the source calls it.
        group.key = key.clone();
        Ok(Some(group))
    }

    /// EC2 may answer for a while as if a change had not been made. Source: Amazon EC2 Developer Guide, "Eventual consistency
    /// in the Amazon EC2 API".
    fn read_changed(
        &self,
        key: &GroupKey,
        is_right: &dyn Fn(&SecurityGroup) -> bool,
    ) -> Result<Option<SecurityGroup>, PortError> {
        for pause in LAG {
            let found = self.read(key)?;
            if found.as_ref().is_some_and(is_right) {
                return Ok(found);
            }
            self.handle.block_on(async { tokio::time::sleep(pause).await });
        }
        self.read(key)
    }

    fn change(&self, group: &SecurityGroup, changes: &[Change]) -> Result<(), PortError> {
        let calls = arrange(group, changes, Limits::default()).map_err(told)?;
        let remarks = self.handle.block_on(async {
            let mut patience = Backoff::new(self.budget);
            let ec2 = self.ec2(&group.key, &mut patience).await.map_err(told)?;
            perform(&*ec2, &calls, &mut patience).await.map_err(told)
        })?;
        self.remarks.lock().unwrap_or_else(PoisonError::into_inner).extend(remarks);
        Ok(())
    }

    /// Prefix lists count as many rules as they may hold. One whose size cannot be read counts as one rule: the quota's own
    /// answer then decides, before anything is revoked.
    fn needs_gap(&self, group: &SecurityGroup, changes: &[Change]) -> bool {
        let added = changes.iter().filter_map(|change| match change {
            Change::Authorize(rule) => Some(rule),
            _ => None,
        });
        let mut lists: Vec<String> = Vec::new();
        for rule in group.rules.iter().chain(added) {
            if let Peer::PrefixList(id) = &rule.peer {
                lists.push(id.to_string());
            }
        }
        lists.sort_unstable();
        lists.dedup();
        let prefix_lists = if lists.is_empty() { BTreeMap::new() } else { self.sizes(&group.key, &lists) };
        needs_gap(group, &Inventory { prefix_lists, ..Inventory::default() }, changes)
    }

    fn calls(&self, group: &SecurityGroup, changes: &[Change]) -> Vec<String> {
        match arrange(group, changes, Limits::default()) {
            Ok(calls) => calls.iter().map(ToString::to_string).collect(),
            Err(error) => vec![format!("no call: {error}")],
        }
    }
}
