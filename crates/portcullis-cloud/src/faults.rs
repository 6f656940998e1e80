//! Faults on purpose: a [`Cloud`] around another that fails, dawdles, loses answers or repeats page tokens where a
//! script says so.
//!
//! ```
//! use std::sync::Arc;
//! use portcullis_cloud::error::Kind;
//! use portcullis_cloud::faults::{Fault, Faults};
//! use portcullis_cloud::model::World;
//!
//! let script = [
//!     Fault::fail("ec2:DescribeVpcs", Kind::Denied).in_account("111122223333"),
//!     Fault::fail("ec2:DescribeSecurityGroups", Kind::Throttled).first(3),
//! ];
//! let cloud = Faults::around(Arc::new(World::new()), script);
//! assert_eq!(cloud.done(), 0);
//! ```

mod clients;
#[cfg(test)]
mod fates;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::api::{Cloud, Page, only_reads};
use crate::error::{Error, Kind, Result};
#[cfg(test)]
pub(crate) use fates::Fate;

/// The page token that stands for the first page, where a fault sends the reader back to it.
const AGAIN: &str = "again";

/// The name that stands for every call that changes something.
pub const CHANGES: &str = "changes";

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Effect {
    /// The call fails and is not made.
    Fail(Error),
    /// The call is made, and its answer lost on the way.
    Lose,
    /// The call is made this much later.
    Slow(Duration),
    /// The page's token is the one that led to it.
    Repeat,
}

/// One fault: which calls, and what goes wrong with them.
#[derive(Clone, Debug)]
pub struct Fault {
    call: &'static str,
    account: Option<String>,
    region: Option<String>,
    /// Calls that fit are let through before the first that goes wrong.
    after: u64,
    /// How many go wrong.
    times: u64,
    effect: Effect,
}

impl Fault {
    fn new(call: &'static str, effect: Effect) -> Self {
        Self { call, account: None, region: None, after: 0, times: u64::MAX, effect }
    }

    /// All calls of this name (as IAM writes it; `*` for every call, [`CHANGES`] for those that change something) fail, and
    /// are not made.
    pub fn fail(call: &'static str, kind: Kind) -> Self {
        let code = match kind {
            Kind::Denied => "UnauthorizedOperation",
            Kind::Throttled => "RequestLimitExceeded",
            Kind::Expired => "ExpiredToken",
            Kind::Server => "InternalError",
            _ => "",
        };
        let error = Error { code: code.to_owned(), ..Error::new(kind, call, "made to fail") };
        Self::new(call, Effect::Fail(error))
    }

    /// All calls of this name fail with this error.
    pub fn fail_with(error: Error) -> Self {
        Self::new(error.call, Effect::Fail(error))
    }

    /// All calls of this name are made, but their answers are cut short on the way: what a change did is done.
    pub fn lose(call: &'static str) -> Self {
        Self::new(call, Effect::Lose)
    }

    /// All calls of this name are made this much later, by tokio's clock.
    pub fn slow(call: &'static str, by: Duration) -> Self {
        Self::new(call, Effect::Slow(by))
    }

    /// All pages of this call name themselves as the next page.
    pub fn repeat_token(call: &'static str) -> Self {
        Self::new(call, Effect::Repeat)
    }

    /// Only with the credentials of this account.
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Only in this Region.
    #[must_use]
    pub fn in_region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// Only the first so many that fit.
    #[must_use]
    pub fn first(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Only after so many that fit went well.
    #[must_use]
    pub fn after(mut self, calls: u64) -> Self {
        self.after = calls;
        self
    }
}

/// A world with faults.
#[derive(Clone, Debug)]
pub struct Faults {
    inner: Arc<dyn Cloud>,
    script: Arc<Script>,
}

#[derive(Debug, Default)]
struct Script {
    /// Each with how many calls fitted it so far.
    faults: Mutex<Vec<(Fault, u64)>>,
    done: AtomicU64,
}

impl Faults {
    /// Another world with these faults. Where several fit a call, all delays and then the first other effect hold.
    pub fn around(inner: Arc<dyn Cloud>, script: impl IntoIterator<Item = Fault>) -> Self {
        let faults = Mutex::new(script.into_iter().map(|fault| (fault, 0)).collect());
        Self { inner, script: Arc::new(Script { faults, done: AtomicU64::new(0) }) }
    }

    /// How many calls went wrong so far.
    pub fn done(&self) -> u64 {
        self.script.done.load(Ordering::Relaxed)
    }

    /// Adds a fault from here on.
    pub fn add(&self, fault: Fault) {
        self.script.faults.lock().unwrap_or_else(PoisonError::into_inner).push((fault, 0));
    }

    /// Ends all faults.
    pub fn clear(&self) {
        self.script.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Where calls of one account and Region go wrong.
#[derive(Clone, Debug)]
struct Door {
    script: Arc<Script>,
    account: String,
    region: String,
}

/// What is left to do once the call was made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    Lose,
    Repeat,
}

impl Door {
    fn effects(&self, call: &str) -> Vec<Effect> {
        let mut faults = self.script.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
        let mut effects = Vec::new();
        for (fault, fitted) in faults.iter_mut() {
            let of_place = same(&fault.account, &self.account) && same(&fault.region, &self.region);
            let of_name = fault.call == call || fault.call == "*" || (fault.call == CHANGES && !only_reads(call));
            if of_name && of_place {
                *fitted += 1;
                if *fitted > fault.after && *fitted - fault.after <= fault.times {
                    effects.push(fault.effect.clone());
                }
            }
        }
        effects
    }

    async fn before(&self, call: &'static str) -> Result<After> {
        let effects = self.effects(call);
        if !effects.is_empty() {
            self.script.done.fetch_add(1, Ordering::Relaxed);
        }
        let mut after = After::Nothing;
        for effect in effects {
            match effect {
                Effect::Slow(by) => sleep(by).await,
                Effect::Fail(error) => return Err(Error { call, ..error }),
                Effect::Lose => after = After::Lose,
                Effect::Repeat => after = After::Repeat,
            }
        }
        Ok(after)
    }

    /// Makes a call through the script.
    async fn through<T>(&self, call: &'static str, made: impl Future<Output = Result<T>>) -> Result<T> {
        let after = self.before(call).await?;
        let answer = made.await?;
        if after == After::Lose {
            return Err(Error::new(Kind::Unreachable, call, "the answer was cut short"));
        }
        Ok(answer)
    }

    /// Makes a call for a page through the script.
    async fn page<T, F: Future<Output = Result<Page<T>>>>(
        &self,
        call: &'static str,
        next: Option<String>,
        make: impl FnOnce(Option<String>) -> F,
    ) -> Result<Page<T>> {
        let after = self.before(call).await?;
        let token = next.clone().unwrap_or_else(|| AGAIN.to_owned());
        let mut page = make(next.filter(|token| token != AGAIN)).await?;
        match after {
            After::Nothing => {}
            After::Lose => return Err(Error::new(Kind::Unreachable, call, "the answer was cut short")),
            After::Repeat => page.next = Some(token),
        }
        Ok(page)
    }
}
