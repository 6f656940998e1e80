//! AWS in memory: deterministic, fast, and as strict as the real one where it matters to us. Pages with tokens, ids that
//! do not exist, duplicates, quotas, calls that do all or nothing, conditional writes, disabled Regions, roles that cannot
//! be assumed; on request latency and EC2's limits on the rate of calls, by tokio's clock.
//!
//! A [`World`] is made and changed with plain methods, and handed to the code under test as a [`Cloud`]:
//!
//! ```
//! use portcullis_cloud::model::{Place, World};
//!
//! let world = World::new();
//! let mut place = Place::new("111122223333", "eu-west-1");
//! let web = place.add_group("web", "the shop");
//! place.add_rule(&web, "ingress tcp 443 from 0.0.0.0/0");
//! world.add_place(place);
//! assert_eq!(world.place("111122223333", "eu-west-1").groups[&web].group_name, "web");
//! ```

mod changes;
mod cloud;
mod ec2;
mod limits;
mod logs;
mod place;
mod principals;
mod queues;
mod services;
mod stacks;
mod stores;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::api::{AccountInfo, Item, LogEvent, Metric, Notice, Object, PrincipalName};
use crate::error::{Error, Kind, Result};

pub use self::limits::Limits;
pub use self::place::{Place, prefix_list};
pub use self::stacks::KeptStack;

use self::limits::Meter;

/// The Regions that a new account has, as AWS enables them by default ("Enable or disable AWS Regions in your account").
pub const DEFAULT_REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// What a page holds at most, where the API has its say ("Amazon EC2 API Reference": 1,000 for most calls).
const PAGE: usize = 1000;

/// An account of the world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) info: AccountInfo,
    /// The root or unit right above it.
    pub(crate) parent: String,
    /// Its enabled Regions; `None` for the default ones.
    pub(crate) regions: Option<BTreeSet<String>>,
    /// The roles that can be assumed, with the external id that they ask for; empty for any role.
    pub(crate) roles: Vec<(String, Option<String>)>,
}

/// Makes a place when it is asked for, so that a world of any size fits into memory.
type Maker = Arc<dyn Fn(&str, &str) -> Place + Send + Sync>;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) units: BTreeMap<String, Vec<String>>,
    pub(crate) places: BTreeMap<(String, String), Place>,
    /// What a place was before its changes, and how many more pages still show that.
    pub(crate) earlier: BTreeMap<(String, String), (Place, u32)>,
    pub(crate) maker: Option<Maker>,
    pub(crate) sessions: BTreeSet<(String, String)>,
    pub(crate) objects: BTreeMap<String, BTreeMap<String, Object>>,
    /// The keys that objects were encrypted with, by bucket and key.
    pub(crate) kms_keys: BTreeMap<(String, String), String>,
    pub(crate) parameters: BTreeMap<String, Object>,
    pub(crate) topics: BTreeMap<String, Vec<Notice>>,
    pub(crate) metrics: BTreeMap<String, Vec<Metric>>,
    pub(crate) tables: BTreeMap<String, BTreeMap<String, Item>>,
    /// Events of streams of log groups.
    pub(crate) logs: BTreeMap<String, BTreeMap<String, Vec<LogEvent>>>,
    pub(crate) queues: BTreeMap<String, Vec<queues::Kept>>,
    pub(crate) inline_policies: BTreeMap<(String, PrincipalName, String), String>,
    pub(crate) calls: BTreeMap<(String, &'static str), u64>,
    pub(crate) made: u64,
}

/// AWS in memory. Copies are the same world.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    meter: Arc<Meter>,
    home_account: String,
    home_region: Option<String>,
    page: usize,
    lag: u32,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("home_account", &self.home_account).finish_non_exhaustive()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A world with one account, `111122223333`, of which the environment's credentials are, at home in `eu-west-1`.
    pub fn new() -> Self {
        let world = Self {
            state: Arc::default(),
            meter: Arc::default(),
            home_account: "111122223333".to_owned(),
            home_region: Some("eu-west-1".to_owned()),
            page: PAGE,
            lag: 0,
        };
        world.add_account("111122223333", "home");
        world
    }

    /// With pages of at most this many items.
    #[must_use]
    pub fn with_pages_of(mut self, items: usize) -> Self {
        self.page = items.max(1);
        self
    }

    /// Where every call takes this long, by tokio's clock.
    #[must_use]
    pub fn with_latency(mut self, latency: Duration) -> Self {
        self.meter = Arc::new(Meter::new(latency, self.meter.limits));
        self
    }

    /// Where each account and Region has limits on the rate of calls, by tokio's clock.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.meter = Arc::new(Meter::new(self.meter.latency, Some(limits)));
        self
    }

    /// Where so many pages read after a change still show what was there before it, as EC2's eventual consistency has it.
    #[must_use]
    pub fn with_lag(mut self, pages: u32) -> Self {
        self.lag = pages;
        self
    }

    /// Where the environment names another home Region, or none.
    #[must_use]
    pub fn with_home_region(mut self, region: Option<&str>) -> Self {
        self.home_region = region.map(str::to_owned);
        self
    }

    /// Where places that were not added are made when they are asked for. A change to one makes it stay.
    #[must_use]
    pub fn with_places(self, make: impl Fn(&str, &str) -> Place + Send + Sync + 'static) -> Self {
        self.state().maker = Some(Arc::new(make));
        self
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_account(&self, id: &str, change: impl FnOnce(&mut Account)) {
        let mut state = self.state();
        let account = state.accounts.entry(id.to_owned()).or_insert_with(|| Account {
            info: AccountInfo { id: id.to_owned(), name: id.to_owned(), status: "ACTIVE".to_owned() },
            parent: "r-root".to_owned(),
            ..Account::default()
        });
        change(account);
    }

    /// Adds an active account right below the root `r-root`, or names one.
    pub fn add_account(&self, id: &str, name: &str) {
        self.with_account(id, |account| account.info.name = name.to_owned());
    }

    /// Puts an account right below a root or unit.
    pub fn put_account(&self, id: &str, parent: &str) {
        self.with_account(id, |account| account.parent = parent.to_owned());
    }

    /// Sets an account's status: `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE`, ….
    pub fn set_status(&self, id: &str, status: &str) {
        self.with_account(id, |account| account.info.status = status.to_owned());
    }

    /// Sets an account's enabled Regions, which are [`DEFAULT_REGIONS`] otherwise.
    pub fn set_regions(&self, id: &str, regions: &[&str]) {
        self.with_account(id, |account| {
            account.regions = Some(regions.iter().map(|&region| region.to_owned()).collect())
        });
    }

    /// Adds a role that can be assumed in an account, with the external id that it asks for. From then on no other can;
    /// an account for which this was never called takes any role.
    pub fn add_role(&self, id: &str, name: &str, external_id: Option<&str>) {
        self.with_account(id, |account| account.roles.push((name.to_owned(), external_id.map(str::to_owned))));
    }

    /// Adds a unit right below a root or unit.
    pub fn add_unit(&self, id: &str, parent: &str) {
        self.state().units.entry(parent.to_owned()).or_default().push(id.to_owned());
    }

    /// Adds an account and Region with what is in it, in the place of what was there.
    pub fn add_place(&self, place: Place) {
        self.with_account(&place.account, |_| {});
        self.state().places.insert((place.account.clone(), place.region.clone()), place);
    }

    /// What is in an account and Region.
    pub fn place(&self, account: &str, region: &str) -> Place {
        self.see(account, region, Place::clone)
    }

    /// Changes what is in an account and Region, past all rules: what somebody else does meanwhile.
    pub fn change<T>(&self, account: &str, region: &str, change: impl FnOnce(&mut Place) -> T) -> T {
        let mut state = self.state();
        let maker = state.maker.clone();
        let key = (account.to_owned(), region.to_owned());
        let place = state.places.entry(key).or_insert_with(|| match maker {
            Some(make) => make(account, region),
            None => Place::new(account, region),
        });
        change(place)
    }

    /// What is there now is what will be shown for a while yet, whatever is changed.
    pub(crate) fn linger(&self, account: &str, region: &str) {
        if self.lag > 0 {
            let place = self.place(account, region);
            let key = (account.to_owned(), region.to_owned());
            self.state().earlier.entry(key).or_insert((place, self.lag));
        }
    }

    /// Looks at an account and Region as a page of an answer shows it.
    pub(crate) fn shown<T>(&self, account: &str, region: &str, look: impl FnOnce(&Place) -> T) -> T {
        let key = (account.to_owned(), region.to_owned());
        let mut state = self.state();
        let Some((place, left)) = state.earlier.get_mut(&key) else {
            drop(state);
            return self.see(account, region, look);
        };
        *left -= 1;
        let (place, left) = (place.clone(), *left);
        if left == 0 {
            state.earlier.remove(&key);
        }
        look(&place)
    }

    /// Looks at an account and Region.
    pub(crate) fn see<T>(&self, account: &str, region: &str, look: impl FnOnce(&Place) -> T) -> T {
        let maker = {
            let state = self.state();
            if let Some(place) = state.places.get(&(account.to_owned(), region.to_owned())) {
                return look(place);
            }
            state.maker.clone()
        };
        match maker {
            Some(make) => look(&make(account, region)),
            None => look(&Place::new(account, region)),
        }
    }

    /// How often each call was made, by its name in IAM.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        let mut all = BTreeMap::new();
        for ((_, call), count) in &self.state().calls {
            *all.entry(*call).or_default() += count;
        }
        all
    }

    /// How often each call was made in an account.
    pub fn calls_of(&self, account: &str) -> BTreeMap<&'static str, u64> {
        let state = self.state();
        let of_account = state.calls.iter().filter(|((of, _), _)| of == account);
        of_account.map(|((_, call), count)| (*call, *count)).collect()
    }

    /// How many accounts and Regions were asked something at one moment, at most.
    pub fn most_at_once(&self) -> usize {
        self.meter.most_at_once()
    }

    /// How many calls were refused for coming too fast.
    pub fn throttled(&self) -> u64 {
        self.meter.throttled()
    }

    fn count(&self, account: &str, call: &'static str) {
        *self.state().calls.entry((account.to_owned(), call)).or_default() += 1;
    }

    /// A number that no other thing of this world has, so that ids are the same in every run.
    pub(crate) fn next_number(&self) -> u64 {
        let mut state = self.state();
        state.made += 1;
        state.made
    }

    /// One page of a list.
    fn page_of<T: Clone>(
        &self,
        call: &'static str,
        items: impl IntoIterator<Item = T>,
        next: Option<&str>,
    ) -> Result<crate::api::Page<T>> {
        let start = match next.map(|token| token.strip_prefix("after-").and_then(|place| place.parse::<usize>().ok())) {
            None => 0,
            Some(Some(start)) => start,
            Some(None) => return Err(failure(Kind::Invalid, call, "InvalidNextToken", "the token is not valid")),
        };
        let mut rest = items.into_iter().skip(start);
        let items: Vec<T> = rest.by_ref().take(self.page).collect();
        let next = rest.next().map(|_| format!("after-{}", start + items.len()));
        Ok(crate::api::Page { items, next })
    }
}

/// A failure with AWS's code.
pub(crate) fn failure(kind: Kind, call: &'static str, code: &str, message: impl Into<String>) -> Error {
    Error { code: code.to_owned(), ..Error::new(kind, call, message) }
}
