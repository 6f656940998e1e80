//! Where a repository's stack and groups are: an account and Region, and how to get there.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_cloud::api::{AccountAccess, Caller, Cloud, Ec2, GroupFilter, Objects, Stacks};
use portcullis_cloud::error::{Error, Kind};
use portcullis_cloud::patience::{Backoff, pages, repeated};
use portcullis_cloud::shapes::{NetworkInterface, PrefixList, WholeGroup};
use portcullis_core::model::{Inventory, SecurityGroup};
use portcullis_formats::inventory::{ReadOptions, Source, read};
use portcullis_rules::{Repository, find_groups};

use super::surroundings::list_of;
use super::{Failure, Result};
use crate::live::Handle;

/// How time passes while a stack is waited for.
pub trait Wait: Send + Sync {
    /// Lets this much time pass.
    fn wait(&self, time: Duration);
}

/// Time as it passes for everybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waiting;

impl Wait for Waiting {
    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// The tag by which CloudFormation names the stack of a resource.
pub(super) const STACK_TAG: &str = "aws:cloudformation:stack-name";

/// How long a failing call is tried again.
const PATIENCE: Duration = Duration::from_secs(60);

/// An account and Region, and how to get there.
#[derive(Clone)]
pub struct Site {
    cloud: Arc<dyn Cloud>,
    handle: Handle,
    access: AccountAccess,
    region: String,
    pub(super) wait: Arc<dyn Wait>,
    /// How long a stack may take.
    pub(super) budget: Duration,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("access", &self.access).field("region", &self.region).finish_non_exhaustive()
    }
}

impl Site {
    /// There. A stack's change may take up to `budget`.
    pub fn new(
        cloud: Arc<dyn Cloud>,
        handle: Handle,
        access: AccountAccess,
        region: &str,
        wait: Arc<dyn Wait>,
        budget: Duration,
    ) -> Self {
        Self { cloud, handle, access, region: region.to_owned(), wait, budget }
    }

    /// The Region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Makes a call, and waits for its answer.
    pub(super) fn ask<T>(
        &self,
        call: impl Future<Output = std::result::Result<T, Error>>,
    ) -> std::result::Result<T, Error> {
        self.handle.block_on(call)
    }

    /// Makes a call that reads, again while its failure may pass.
    pub(super) fn look<T, F>(&self, call: impl Fn() -> F) -> std::result::Result<T, Error>
    where
        F: Future<Output = std::result::Result<T, Error>>,
    {
        self.ask(async { repeated(&mut Backoff::new(PATIENCE), call).await })
    }

    pub(super) fn stacks(&self) -> std::result::Result<Arc<dyn Stacks>, Error> {
        self.look(|| self.cloud.stacks(&self.access, &self.region))
    }

    pub(super) fn ec2(&self) -> std::result::Result<Arc<dyn Ec2>, Error> {
        self.look(|| self.cloud.ec2(&self.access, &self.region))
    }

    pub(super) fn objects(&self) -> std::result::Result<Arc<dyn Objects>, Error> {
        self.look(|| self.cloud.objects())
    }

    /// Who the credentials are there.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub fn caller(&self) -> Result<Caller> {
        Ok(self.look(|| self.cloud.caller(&self.access))?)
    }

    /// All pages of a list.
    pub(super) fn all<T, F>(
        &self,
        name: &'static str,
        fetch: impl Fn(Option<String>) -> F,
    ) -> std::result::Result<Vec<T>, Error>
    where
        F: Future<Output = std::result::Result<portcullis_cloud::api::Page<T>, Error>>,
    {
        self.ask(async { pages(&mut Backoff::new(PATIENCE), name, fetch).await })
    }

    pub(super) fn described(&self, filter: &GroupFilter) -> std::result::Result<Vec<WholeGroup>, Error> {
        let ec2 = self.ec2()?;
        match self.all("ec2:DescribeSecurityGroups", |next| ec2.whole_groups(filter, next)) {
            // One that is gone makes the whole call fail; the others are asked for by themselves.
            Err(error) if error.kind == Kind::NotFound && filter.ids.len() > 1 => {
                let one =
                    |id: &String| self.described(&GroupFilter { ids: vec![id.clone()], ..GroupFilter::default() });
                Ok(filter
                    .ids
                    .iter()
                    .map(one)
                    .collect::<std::result::Result<Vec<_>, _>>()?
                    .into_iter()
                    .flatten()
                    .collect())
            }
            Err(error) if error.kind == Kind::NotFound && !filter.ids.is_empty() => Ok(Vec::new()),
            found => found,
        }
    }

    /// The repository's groups: those that its state names; else those of its stack, else the one with its name.
    fn groups_of(&self, repository: &Repository) -> std::result::Result<Vec<WholeGroup>, Error> {
        let known = repository.state.stack.as_ref().map(|stack| stack.group_ids.clone()).unwrap_or_default();
        if !known.is_empty() {
            return self.described(&GroupFilter { ids: known, ..GroupFilter::default() });
        }
        let settings = &repository.settings;
        let vpcs: Vec<String> = settings.vpc_id.iter().cloned().collect();
        let tags = vec![(STACK_TAG.to_owned(), repository.stack_name())];
        let of_stack = self.described(&GroupFilter { vpcs: vpcs.clone(), tags, ..GroupFilter::default() })?;
        if !of_stack.is_empty() || settings.generated_name {
            return Ok(of_stack);
        }
        let names: Vec<String> = settings.group_name.iter().cloned().collect();
        if names.is_empty() {
            Ok(Vec::new())
        } else {
            self.described(&GroupFilter { vpcs, names, ..GroupFilter::default() })
        }
    }

    /// The repository's groups as an inventory, with the prefix lists that its rules name. A repository whose files are
    /// what was committed costs one call for its groups, unless `thorough` asks for the lists all the same.
    ///
    /// # Errors
    /// Where the groups cannot be read.
    pub fn inventory(&self, repository: &Repository, thorough: bool) -> Result<Inventory> {
        let groups = self.groups_of(repository)?;
        let unchanged = repository.state.committed.is_some() && !repository.status().iter().any(|file| file.differs());
        let lists = if unchanged && !thorough { Vec::new() } else { self.prefix_lists(&lists_of(repository))? };
        self.understood(&groups, &lists, None)
    }

    /// The groups of this id or name.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn named(&self, wanted: &str) -> Result<Vec<SecurityGroup>> {
        let one = vec![wanted.to_owned()];
        self.groups(&match wanted.starts_with("sg-") {
            true => GroupFilter { ids: one, ..GroupFilter::default() },
            false => GroupFilter { names: one, ..GroupFilter::default() },
        })
    }

    /// These groups, by ids, or by names and VPC.
    pub(super) fn groups(&self, filter: &GroupFilter) -> Result<Vec<SecurityGroup>> {
        let groups = self.described(filter)?;
        Ok(self.understood(&groups, &[], None)?.groups)
    }

    /// A repository's groups, in the order of its template.
    pub(super) fn live(&self, repository: &Repository, inventory: &Inventory) -> Vec<SecurityGroup> {
        find_groups(repository, inventory).into_iter().cloned().collect()
    }

    /// Prefix lists with as many of their entries as can be read: without them a verdict is unknown, and no more.
    pub(super) fn prefix_lists(&self, ids: &[String]) -> Result<Vec<PrefixList>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ec2 = self.ec2()?;
        let mut lists = match self.all("ec2:DescribeManagedPrefixLists", |next| ec2.prefix_lists(ids, next)) {
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::Denied | Kind::Invalid) => Vec::new(),
            lists => lists?,
        };
        for list in &mut lists {
            let id = list.prefix_list_id.clone();
            list.entries = self.all("ec2:GetManagedPrefixListEntries", |next| ec2.prefix_list_entries(&id, next)).ok();
        }
        Ok(lists)
    }

    /// What AWS describes, read as a file is. Interfaces are known to be none only where they were asked for.
    pub(super) fn understood(
        &self,
        groups: &[WholeGroup],
        lists: &[PrefixList],
        interfaces: Option<&[NetworkInterface]>,
    ) -> Result<Inventory> {
        if groups.is_empty() && lists.is_empty() && interfaces.is_none() {
            return Ok(Inventory::default());
        }
        let mut document = serde_json::json!({ "SecurityGroups": groups, "ManagedPrefixLists": lists });
        if let (Some(interfaces), Some(keys)) = (interfaces, document.as_object_mut()) {
            keys.insert("NetworkInterfaces".to_owned(), serde_json::json!(interfaces));
        }
        let document = document.to_string();
        let options = ReadOptions { region: Some(self.region.clone()) };
        let source = Source::reader(format!("the answer of AWS in {}", self.region), document.as_bytes());
        let mut inventory = read([source], &options).map_err(|error| Failure::World(error.to_string()))?;
        for group in &mut inventory.groups {
            // What was asked for is in the Region that was asked, whatever its ARN says or does not say.
            group.key.region = self.region.as_str().into();
            if let Some(why) = &group.unreadable {
                return Err(Failure::World(format!("group `{}` cannot be read: {why}", group.key.group_id)));
            }
        }
        Ok(inventory)
    }
}

/// The prefix lists that a repository's rules name. Files that cannot be read name none: whoever needs them says so.
fn lists_of(repository: &Repository) -> Vec<String> {
    let Ok(rules) = repository.load() else { return Vec::new() };
    let ids: BTreeSet<String> = rules.rules().rules.iter().filter_map(list_of).collect();
    ids.into_iter().collect()
}
