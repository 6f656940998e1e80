//! Reads the security groups of accounts and Regions, and what is known around them.
//!
//! Accounts × Regions are units, read side by side up to a limit, Region by Region, so that all of a Region can be
//! judged and dropped before the next is whole: references between groups never leave a Region. What fails, fails for
//! its unit alone and is said in its coverage; only credentials that are refused fail all units of their account.

mod documents;
mod lists;
mod pages;
mod unit;
mod users;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis_core::model::CoverageStatus;
use tokio::sync::OnceCell;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use self::lists::Lists;
use self::unit::Unit;
use crate::api::{AccountAccess, Cloud, GroupFilter};
use crate::error::Kind;
use crate::pace::{Counts, Credentials, Deadline, Dice, Lane, OPENING, Pace, Stop};
use crate::tasks::outcome;

pub use self::documents::{Collected, Documents};

/// How many units are read side by side where nobody says otherwise.
pub const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// How long a run may take where nobody says otherwise.
pub const TIME_BUDGET: Duration = Duration::from_secs(30 * 60);

/// How often progress is told, if there is any.
const TICK: Duration = Duration::from_millis(250);

/// Where the enabled Regions are asked for, if the environment names none.
const ANY_REGION: &str = "us-east-1";

/// Which Regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regions {
    /// These, in this order.
    Named(Vec<String>),
    /// Those that each account has enabled.
    All,
}

/// What is read beside groups, rules, VPCs and the prefix lists that rules name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Network interfaces: for `unused-group` and `default-group-in-use`.
    pub interfaces: bool,
    /// All groups, whatever the filter, since their rules name one another, and what is stale over peering connections:
    /// for `unused-group` and `stale-reference`. Whoever wants this selects groups afterwards.
    pub references: bool,
    /// What else may use a group that nothing seems to use: for `unused-group`. Brings the other two with it.
    pub users: bool,
}

/// What is to be read.
#[derive(Clone, Debug)]
pub struct Request {
    /// The accounts. One with an empty id is the one that the environment's credentials are of.
    pub accounts: Vec<AccountAccess>,
    /// The Regions of each.
    pub regions: Regions,
    /// By account id, the Regions of accounts that have others than the rest.
    pub own_regions: BTreeMap<String, Vec<String>>,
    /// Which groups. Here, other than in a single call, a group fits if its id or its name is listed.
    pub filter: GroupFilter,
    /// What else.
    pub want: Want,
    /// How many units are read side by side.
    pub concurrency: NonZeroUsize,
    /// How long all of it may take.
    pub time_budget: Duration,
    /// Where the chance of pauses begins.
    pub seed: u64,
}

impl Request {
    /// All groups of these accounts and Regions with the usual limits.
    pub fn new(accounts: Vec<AccountAccess>, regions: Regions) -> Self {
        let (filter, want) = (GroupFilter::default(), Want::default());
        Self {
            accounts,
            regions,
            own_regions: BTreeMap::new(),
            filter,
            want,
            concurrency: CONCURRENCY,
            time_budget: TIME_BUDGET,
            seed: 0,
        }
    }
}

/// How far the reading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Accounts of which everything was read or given up.
    pub accounts_done: usize,
    /// Accounts in all.
    pub accounts: usize,
    /// Units that were read or given up.
    pub units_done: usize,
    /// Units in all; 0 while the accounts are still asked for their Regions.
    pub units: usize,
    /// Units, or accounts as a whole, that could not be read, or not whole.
    pub failures: usize,
    /// Groups read.
    pub groups: u64,
    /// Calls made, repetitions included.
    pub calls: u64,
    /// Calls that were repetitions.
    pub retries: u64,
}

/// What happens while reading.
#[derive(Debug)]
pub enum Event<T> {
    /// How far it is.
    Progress(Progress),
    /// A unit was read, or given up: what was made of it.
    Unit(T),
    /// All units of a Region were told.
    Region(String),
}

/// What all units share.
struct Shared {
    cloud: Arc<dyn Cloud>,
    filter: GroupFilter,
    want: Want,
    deadline: Deadline,
    dice: Arc<Dice>,
    counts: Arc<Counts>,
    lists: Arc<Lists>,
}

/// An account.
struct Account {
    id: String,
    access: AccountAccess,
    credentials: Arc<Credentials>,
    /// Set once a client could be made.
    opened: OnceCell<()>,
}

impl Shared {
    /// The way to an account and Region, to be used for all of its calls.
    fn lane(&self, account: &Account) -> Lane {
        Lane {
            pace: Arc::new(Pace::default()),
            credentials: Arc::clone(&account.credentials),
            deadline: self.deadline,
            dice: Arc::clone(&self.dice),
            counts: Arc::clone(&self.counts),
        }
    }
}

/// Reads what is asked for, and tells of each unit once, as soon as it was read. Nothing is kept.
///
/// What is told of a unit is what `make` makes of it, on a thread of its own, so that it keeps no call waiting; several
/// units may be made at once.
///
/// Dropping the future ends the reading; calls that are on their way are abandoned.
pub async fn collect<T: Send + 'static>(
    cloud: Arc<dyn Cloud>,
    request: Request,
    make: impl Fn(Collected) -> T + Send + Sync + 'static,
    mut sink: impl FnMut(Event<T>) + Send,
) -> Progress {
    let mut want = request.want;
    want.interfaces |= want.users;
    want.references |= want.users;
    let shared = Arc::new(Shared {
        cloud,
        filter: request.filter,
        want,
        deadline: Deadline::after(request.time_budget),
        dice: Arc::new(Dice::new(request.seed)),
        counts: Arc::default(),
        lists: Arc::default(),
    });
    let (limit, make) = (request.concurrency.get(), Arc::new(make));
    let mut run = Run { told: Progress::default(), shared, limit, make, sink: &mut sink };
    run.told.accounts = request.accounts.len();
    let found = run.discover(request.accounts, &request.regions).await;
    let accounts = found.into_iter().map(|(account, enabled)| {
        let own = request.own_regions.get(&account.id).cloned().or(enabled);
        let regions = own.unwrap_or_else(|| match &request.regions {
            Regions::Named(named) => named.clone(),
            Regions::All => Vec::new(),
        });
        (account, regions)
    });
    let accounts = accounts.collect();
    run.units(accounts, &request.regions).await;
    run.tell();
    run.told
}

/// What makes something of each unit.
type Make<T> = dyn Fn(Collected) -> T + Send + Sync;

/// A reading under way.
struct Run<'s, T, S> {
    told: Progress,
    shared: Arc<Shared>,
    limit: usize,
    make: Arc<Make<T>>,
    sink: &'s mut S,
}

impl<T: Send + 'static, S: FnMut(Event<T>) + Send> Run<'_, T, S> {
    fn tell(&mut self) {
        let counts = &self.shared.counts;
        let now = Progress {
            groups: counts.groups.load(Ordering::Relaxed),
            calls: counts.calls.load(Ordering::Relaxed),
            retries: counts.retries.load(Ordering::Relaxed),
            ..self.told
        };
        self.told = now;
        (self.sink)(Event::Progress(now));
    }

    /// Does tasks side by side, up to the limit, and gives each result to `done`; tells progress now and then.
    async fn side_by_side<R: Send + 'static, F: Future<Output = R> + Send + 'static>(
        &mut self,
        mut tasks: impl Iterator<Item = F>,
        mut done: impl FnMut(&mut Self, R),
    ) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut running, mut last) = (JoinSet::new(), None);
        loop {
            while running.len() < self.limit
                && let Some(task) = tasks.next()
            {
                running.spawn(task);
            }
            // Only now that the next one is under way: whoever is told may judge and print a whole Region.
            if let Some(result) = last.take() {
                done(self, result);
            }
            tokio::select! {
                biased;
                ended = running.join_next() => match ended {
                    Some(ended) => last = Some(outcome(ended).await),
                    None => return,
                },
                _ = ticks.tick() => self.tell(),
            }
        }
    }

    /// Asks who the accounts are and which Regions they have, as far as that is not known.
    async fn discover(
        &mut self,
        accounts: Vec<AccountAccess>,
        regions: &Regions,
    ) -> Vec<(Arc<Account>, Option<Vec<String>>)> {
        let all = *regions == Regions::All;
        let shared = Arc::clone(&self.shared);
        let tasks = accounts.into_iter().enumerate().map(move |(place, access)| {
            let shared = Arc::clone(&shared);
            async move { (place, discover(&shared, access, all).await) }
        });
        let mut found = BTreeMap::new();
        self.side_by_side(tasks, |run, (place, (account, regions))| match regions {
            Ok(regions) => {
                found.insert(place, (account, regions));
            }
            Err(stop) => {
                run.told.accounts_done += 1;
                run.told.failures += 1;
                let made = (run.make)(Collected {
                    account: account.id.clone(),
                    status: CoverageStatus::Unread,
                    error: Some(stop.to_string()),
                    ..Collected::default()
                });
                (run.sink)(Event::Unit(made));
                run.tell();
            }
        })
        .await;
        found.into_values().collect()
    }

    /// Reads all units, Region by Region.
    async fn units(&mut self, accounts: Vec<(Arc<Account>, Vec<String>)>, regions: &Regions) {
        let mut by_region = regions_of(&accounts, regions);
        let (mut left, mut left_of_account) = (BTreeMap::new(), BTreeMap::<String, usize>::new());
        for (region, accounts) in &by_region {
            self.told.units += accounts.len();
            left.insert(region.clone(), accounts.len());
            for account in accounts {
                *left_of_account.entry(account.id.clone()).or_default() += 1;
            }
        }
        self.tell();
        let (shared, make) = (Arc::clone(&self.shared), Arc::clone(&self.make));
        let tasks = std::iter::from_fn(move || {
            loop {
                let (region, accounts) = by_region.front_mut()?;
                if let Some(account) = accounts.pop_front() {
                    let (shared, make, region) = (Arc::clone(&shared), Arc::clone(&make), region.clone());
                    return Some(Done::of(Unit { shared, account, region }, make));
                }
                by_region.pop_front();
            }
        });
        let ended = |left: &mut BTreeMap<String, usize>, key: &str| {
            let ended = left.get_mut(key).is_some_and(|count| {
                *count = count.saturating_sub(1);
                *count == 0
            });
            ended && left.remove(key).is_some()
        };
        self.side_by_side(tasks, |run, Done { account, region, status, made }| {
            run.told.units_done += 1;
            run.told.failures += usize::from(status != CoverageStatus::Complete);
            run.told.accounts_done += usize::from(ended(&mut left_of_account, &account));
            (run.sink)(Event::Unit(made));
            if ended(&mut left, &region) {
                run.shared.lists.forget(&region);
                (run.sink)(Event::Region(region));
            }
        })
        .await;
    }
}

/// A unit that was read or given up, and what was made of it.
struct Done<T> {
    account: String,
    region: String,
    status: CoverageStatus,
    made: T,
}

impl<T: Send + 'static> Done<T> {
    async fn of(unit: Unit, make: Arc<Make<T>>) -> Self {
        let collected = unit.read().await;
        let (account, region, status) = (collected.account.clone(), collected.region.clone(), collected.status);
        // On a thread for work that does not wait, or the threads that answers arrive on would stand still meanwhile.
        let made = outcome(spawn_blocking(move || make(collected)).await).await;
        Self { account, region, status, made }
    }
}

/// The accounts of each Region, in the order in which they are read: as they are named, else by name.
fn regions_of(
    accounts: &[(Arc<Account>, Vec<String>)],
    regions: &Regions,
) -> VecDeque<(String, VecDeque<Arc<Account>>)> {
    let named: &[String] = match regions {
        Regions::Named(named) => named,
        Regions::All => &[],
    };
    let others: BTreeSet<&String> = accounts.iter().flat_map(|(_, regions)| regions).collect();
    let mut by_region = VecDeque::<(String, VecDeque<Arc<Account>>)>::new();
    for region in named.iter().chain(others) {
        if by_region.iter().any(|(known, _)| known == region) {
            continue;
        }
        let of_region = accounts.iter().filter(|(_, regions)| regions.contains(region));
        let of_region: VecDeque<_> = of_region.map(|(account, _)| Arc::clone(account)).collect();
        if !of_region.is_empty() {
            by_region.push_back((region.clone(), of_region));
        }
    }
    by_region
}

/// Who an account is, and its enabled Regions if they are asked for.
async fn discover(
    shared: &Shared,
    access: AccountAccess,
    all: bool,
) -> (Arc<Account>, Result<Option<Vec<String>>, Stop>) {
    let account = |id: String, access: AccountAccess| Account {
        id,
        access,
        credentials: Arc::default(),
        opened: OnceCell::new(),
    };
    let mut account = account(access.account.clone(), access);
    let lane = shared.lane(&account);
    let cloud = &shared.cloud;
    if account.id.is_empty() {
        match lane.call("sts:GetCallerIdentity", || cloud.caller(&account.access)).await {
            Ok(caller) => account.id = caller.account,
            Err(stop) => return (Arc::new(account), Err(stop)),
        }
    }
    let regions = async {
        if !all {
            return Ok(None);
        }
        let home = cloud.home_region().unwrap_or_else(|| ANY_REGION.to_owned());
        match regions_by(&lane, cloud.as_ref(), &account.access, &home).await {
            // The home Region of whoever asks need not be enabled in every account.
            Err(Stop::Failed(error)) if error.kind == Kind::RegionDisabled && home != ANY_REGION => {
                regions_by(&lane, cloud.as_ref(), &account.access, ANY_REGION).await.map(Some)
            }
            regions => regions.map(Some),
        }
    };
    let regions = regions.await;
    (Arc::new(account), regions)
}

/// The enabled Regions of an account, asked for in this one.
async fn regions_by(lane: &Lane, cloud: &dyn Cloud, access: &AccountAccess, region: &str) -> Result<Vec<String>, Stop> {
    let ec2 = lane.call(OPENING, || cloud.ec2(access, region)).await?;
    lane.call("ec2:DescribeRegions", || ec2.regions()).await
}
