//! From what was typed to accounts and Regions of AWS, and what is seen on the terminal while they are read.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portcullis_cloud::accounts::{accounts_from_file, accounts_of_organization};
use portcullis_cloud::api::{AccountAccess, Caller, Cloud, GroupFilter, Role};
use portcullis_cloud::collect::{CONCURRENCY, Regions, Request, TIME_BUDGET, Want};
use portcullis_cloud::stores::{Location, Policies};
use portcullis_core::model::{Coverage, CoverageStatus, Inventory, is_region};
use portcullis_core::policy::{EnforcementLevel, PolicySet};
use portcullis_formats::policy::accounts::{ListedAccount, listed_accounts};
use portcullis_runtime::live::{Accesses, Handle, Reading, Told, access_to, read};

use crate::cli::{AwsArgs, SelectionArgs};
use crate::exit::{Failure, Result};
use crate::output::Console;
use crate::progress::Progress;

/// AWS as the environment and the arguments point at it.
pub(crate) struct Live {
    handle: Handle,
    cloud: Arc<dyn Cloud>,
    role: Option<Role>,
    /// What roles have in common, whatever their names.
    template: Role,
}

/// What AWS is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading alone: sessions are narrowed to that, whatever their roles may.
    Read,
    /// Changing too.
    Change,
    /// Changing too, one call after the other.
    Answer,
}

/// How long a call is tried again where nobody says otherwise.
const PATIENCE: Duration = Duration::from_secs(120);

impl Live {
    /// Opens AWS. Nothing is called yet.
    pub(crate) fn open(args: &AwsArgs, purpose: Purpose) -> Result<Self> {
        Self::open_for(args, purpose, &[])
    }

    /// As [`open`](Self::open), where it is known which Regions are asked for.
    pub(crate) fn open_for(args: &AwsArgs, purpose: Purpose, regions: &[String]) -> Result<Self> {
        let handle = match purpose {
            Purpose::Answer => Handle::turned(),
            Purpose::Read | Purpose::Change => Handle::threads(),
        };
        let handle = handle
            .map_err(|error| Failure::Incomplete(format!("the threads for AWS could not be started: {error}")))?;
        let settings = portcullis_aws::real::Settings {
            profile: args.profile.clone(),
            spare_region: regions.iter().find(|region| is_region(region)).cloned(),
            ..Default::default()
        };
        let cloud = handle.block_on(portcullis_aws::real::connect(settings));
        let cloud = cloud.map_err(|error| Failure::Incomplete(error.to_string()))?;
        let template = Role {
            name: String::new(),
            external_id: args.external_id.clone(),
            session_name: args.session_name.clone(),
            session_policy: (purpose == Purpose::Read).then(portcullis_aws::permissions::scan_session_policy),
        };
        let role = args.role_name.clone().map(|name| Role { name, ..template.clone() });
        Ok(Self { handle, cloud, role, template })
    }

    fn role_called(&self, name: String) -> Role {
        Role { name, ..self.template.clone() }
    }

    /// The role to assume in every account, where one was named.
    pub(crate) fn role(&self) -> Option<Role> {
        self.role.clone()
    }

    /// The world itself.
    pub(crate) fn cloud(&self) -> &Arc<dyn Cloud> {
        &self.cloud
    }

    /// What turns its calls.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// A policy in S3 or in the parameter store.
    pub(crate) fn policy(&self, location: &str) -> Result<Vec<u8>> {
        let place: Location = location.parse().map_err(Failure::input)?;
        let policies = Policies::new(Arc::clone(&self.cloud), copies(), PATIENCE);
        let bytes = self.handle.block_on(policies.read(&place));
        bytes.map_err(|error| Failure::input(format!("the policy `{location}` cannot be read: {error}")))
    }

    /// How to get into each account that is to be changed.
    pub(crate) fn accesses(&self) -> Result<Accesses> {
        let accesses = self.handle.block_on(Accesses::with_role(&*self.cloud, self.role.clone()));
        accesses.map_err(|error| Failure::Incomplete(error.to_string()))
    }

    /// Reads what was asked for; what could not be read stands in the coverage. `told` is given each Region as it is whole.
    pub(crate) fn read(
        &self,
        args: &SelectionArgs,
        policies: &PolicySet,
        want: Want,
        console: &Console,
        mut told: impl FnMut(&Inventory) + Send,
    ) -> Result<Inventory> {
        let regions = self.regions(args)?;
        let (accounts, mut left_out) = self.accounts(args, policies, console)?;
        let own_regions = accounts.iter().filter(|(_, regions)| args.region.is_empty() && !regions.is_empty());
        let own_regions = own_regions.map(|(access, regions)| (access.account.clone(), regions.clone())).collect();
        let mut request = Request::new(accounts.into_iter().map(|(access, _)| access).collect(), regions);
        request.own_regions = own_regions;
        request.want = want;
        request.filter = filter(args);
        let concurrency = args.aws.concurrency.and_then(|n| NonZeroUsize::new(usize::from(n)));
        request.concurrency = concurrency.unwrap_or(CONCURRENCY);
        request.time_budget = args.aws.time_budget.unwrap_or(TIME_BUDGET);
        request.seed = u64::from(std::process::id());
        let progress = Progress::on(console);
        let reading = self.handle.block_on(read(Arc::clone(&self.cloud), request, |news| match news {
            Told::Progress(now) => progress.show(&now),
            Told::Region(inventory) => progress.suspended(|| told(inventory)),
            Told::Remark(remark) => progress.suspended(|| console.remark(&format!("note: {remark}"))),
        }));
        progress.end();
        let Reading { mut inventory, .. } = reading;
        inventory.coverage.append(&mut left_out);
        Ok(inventory)
    }

    /// The Regions that were asked for, else that of the environment.
    fn regions(&self, args: &SelectionArgs) -> Result<Regions> {
        if args.region.iter().any(|region| region == "all") {
            return Ok(Regions::All);
        }
        for region in &args.region {
            if !is_region(region) {
                return Err(Failure::input(format!(
                    "`--region {region}` is no Region: a name such as `eu-west-1`, or `all`, is expected"
                )));
            }
        }
        if !args.region.is_empty() {
            return Ok(Regions::Named(args.region.clone()));
        }
        let home = self.cloud.home_region().map(|region| Regions::Named(vec![region]));
        home.ok_or_else(|| {
            Failure::input(
                "no Region: give `--region` (a name, or `all`), or set AWS_REGION or the profile's `region`; \
                 to judge files, name them: what `aws ec2 describe-security-groups` prints",
            )
        })
    }

    /// How to get into each account, and what is said of those that are left out.
    fn accounts(
        &self,
        args: &SelectionArgs,
        policies: &PolicySet,
        console: &Console,
    ) -> Result<(Vec<Account>, Vec<Coverage>)> {
        for id in &args.account {
            if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Failure::input(format!("`--account {id}` is no account id: twelve digits are expected")));
            }
        }
        let of = |id: &String| ListedAccount { id: id.clone(), ..ListedAccount::default() };
        let mut listed = match self.listed(args, console)? {
            Some(listed) => listed,
            None => args.account.iter().map(of).collect(),
        };
        if !args.account.is_empty() {
            listed.retain(|account| args.account.contains(&account.id));
        }
        if listed.is_empty()
            && let Some(from) = &args.aws.accounts_from
        {
            return Err(Failure::Incomplete(match from.as_str() {
                "org" => "the organisation has no active account there that was asked for: nothing was read".to_owned(),
                file => format!("no account of `{file}` was asked for with --account: nothing was read"),
            }));
        }
        let disabled = |level: Option<EnforcementLevel>| level == Some(EnforcementLevel::Disabled);
        let any_disabled = policies.accounts.values().any(|account| disabled(account.level));
        if listed.is_empty() && self.role.is_none() && !any_disabled {
            return Ok((vec![(AccountAccess::default(), Vec::new())], Vec::new()));
        }
        let caller = self.caller()?;
        if listed.is_empty() {
            listed.push(of(&caller.account));
        }
        let is_disabled = |account: &ListedAccount| {
            let known = policies.accounts.get(account.id.as_str()).and_then(|known| known.level);
            disabled(known.or(account.level))
        };
        let (left_out, listed): (Vec<_>, Vec<_>) = listed.into_iter().partition(is_disabled);
        let row = |account: ListedAccount| Coverage {
            account_id: account.id.into(),
            status: CoverageStatus::Disabled,
            ..Coverage::default()
        };
        let left_out: Vec<Coverage> = left_out.into_iter().map(row).collect();
        let mut accounts = Vec::new();
        for account in listed {
            let role = account.role.map(|name| self.role_called(name)).or_else(|| self.role.clone());
            let access = self.handle.block_on(access_to(&account.id, role, &*self.cloud, &caller));
            accounts.push((access, account.regions));
        }
        Ok((accounts, left_out))
    }

    /// Who the credentials are.
    pub(crate) fn caller(&self) -> Result<Caller> {
        let caller = self.handle.block_on(self.cloud.caller(&AccountAccess::default()));
        caller.map_err(|error| Failure::Incomplete(error.to_string()))
    }

    /// The accounts of `--accounts-from`.
    fn listed(&self, args: &SelectionArgs, console: &Console) -> Result<Option<Vec<ListedAccount>>> {
        let of =
            |ids: Vec<String>| ids.into_iter().map(|id| ListedAccount { id, ..ListedAccount::default() }).collect();
        let from = match args.aws.accounts_from.as_deref() {
            None if args.aws.ou.is_empty() => return Ok(None),
            Some(file) if file != "org" && args.aws.ou.is_empty() => file,
            Some("org") => {
                let budget = args.aws.time_budget.unwrap_or(TIME_BUDGET);
                let found = accounts_of_organization(&*self.cloud, &args.aws.ou, budget, u64::from(std::process::id()));
                let found = self.handle.block_on(found).map_err(|error| {
                    Failure::Incomplete(format!("the accounts of the organisation could not be listed: {error}"))
                })?;
                return Ok(Some(of(found.into_iter().map(|account| account.id).collect())));
            }
            _ => return Err(Failure::input("`--ou` goes with `--accounts-from org`")),
        };
        let bytes = std::fs::read(from)
            .map_err(|error| Failure::io(format!("the accounts `{from}` cannot be read"), &error))?;
        if let Some(accounts) = listed_accounts(from, &bytes).map_err(|errors| console.diagnostics(&errors))? {
            return Ok(Some(accounts));
        }
        let listed = accounts_from_file(from, &String::from_utf8_lossy(&bytes)).map_err(Failure::input)?;
        listed.remarks.iter().for_each(|remark| console.remark(&format!("note: {remark}")));
        Ok(Some(of(listed.accounts)))
    }
}

/// An account, and the Regions that a list names for it alone.
type Account = (AccountAccess, Vec<String>);

/// Where copies of policies are kept that have not changed since.
fn copies() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    cache.map(|cache| cache.join("portcullis/policies"))
}

/// What AWS itself can leave out. Groups are chosen again afterwards, by the same arguments.
fn filter(args: &SelectionArgs) -> GroupFilter {
    let tag = |text: &String| text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let (ids, names) = args.group.iter().cloned().partition(|group| group.starts_with("sg-"));
    GroupFilter { ids, names, vpcs: args.vpc.clone(), tags: args.tag.iter().filter_map(tag).collect() }
}
