//! How long a failing call is tried again, and calls that read and may so be made again without harm.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use crate::api::Page;
use crate::error::{Error, Kind, Result};

/// Decides whether a call that failed for a passing reason is tried again, and waits until then.
#[async_trait]
pub trait Patience: Send + Debug {
    /// Waits, then says yes; or says no at once.
    async fn again(&mut self, error: &Error) -> bool;
}

/// Waits twice as long each time, with jitter, until the time is up.
#[derive(Clone, Debug)]
pub struct Backoff {
    until: Instant,
    pause: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(20);

    /// Begins now and ends after `budget`.
    pub fn new(budget: Duration) -> Self {
        Self { until: Instant::now() + budget, pause: Self::FIRST }
    }
}

#[async_trait]
impl Patience for Backoff {
    async fn again(&mut self, _: &Error) -> bool {
        // Jitter: many that were refused together do not come back together.
        let pause = self.pause.mul_f64(0.5 + random_share() / 2.0);
        if Instant::now() + pause > self.until {
            return false;
        }
        sleep(pause).await;
        self.pause = (self.pause * 2).min(Self::LONGEST);
        true
    }
}

/// Makes a call that reads, and again while its failure may pass and there is patience.
///
/// # Errors
/// The last failure.
pub async fn repeated<T, F>(patience: &mut dyn Patience, call: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    loop {
        match call().await {
            Err(error) if error.kind.may_read_again() && patience.again(&error).await => {}
            answer => return answer,
        }
    }
}

/// Reads all pages of a list, each as [`repeated`] does; `name` is what the call is called.
///
/// # Errors
/// The last failure, or that the pages have no end.
pub async fn pages<T, F>(
    patience: &mut dyn Patience,
    name: &'static str,
    fetch: impl Fn(Option<String>) -> F,
) -> Result<Vec<T>>
where
    F: Future<Output = Result<Page<T>>>,
{
    let (mut items, mut next, mut seen) = (Vec::new(), None::<String>, HashSet::new());
    loop {
        let page = repeated(patience, || fetch(next.clone())).await?;
        items.extend(page.items);
        let Some(token) = page.next else { return Ok(items) };
        if !seen.insert(token.clone()) {
            return Err(Error::new(Kind::Answer, name, "the next page begins where an earlier one did"));
        }
        next = Some(token);
    }
}

/// Between 0 and 1. The hasher's keys are random; nothing here needs more than that.
fn random_share() -> f64 {
    let bits = RandomState::new().hash_one(0_u8);
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}
