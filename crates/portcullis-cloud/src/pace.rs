//! How fast calls are made: a rate for each account and Region that follows what AWS allows, and repetition of what
//! may succeed a little later.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::api::Page;
use crate::error::{Error, Kind, Result};

/// A full bucket, and its refill a second, of most `Describe` calls ("Request throttling for the Amazon EC2 API"). AWS
/// counts each call apart; all calls of an account and Region together keep within one of its buckets.
const BURST: f64 = 100.0;
const RATE: f64 = 20.0;
/// The rate never falls below, lest an account is given up in silence; nor rises above.
const LEAST_RATE: f64 = 0.5;
const MOST_RATE: f64 = 50.0;
/// What an answer adds to the rate: about one call a second in each second.
const GROWTH: f64 = 0.05;

/// The first pause is up to this long, and doubles with each failure up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// What making a client is called: it may assume a role, or find that this was done already, so it is not counted.
pub const OPENING: &str = "sts:AssumeRole";

/// Chance for the pauses, from a seed, so that a test can have the same again.
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    /// Chance that begins here.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number from 0 to below 1 (SplitMix64).
    pub fn roll(&self) -> f64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bits = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or_default();
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }
}

/// The rate of one account and Region: a token bucket whose refill is halved when AWS throttles, and grows again slowly.
#[derive(Debug)]
pub struct Pace(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    rate: f64,
    /// Below zero where calls wait already.
    tokens: f64,
    at: Instant,
    /// When the rate was last cut: calls that set out before then are no new reason.
    cut: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        let now = Instant::now();
        Self(Mutex::new(Bucket { rate: RATE, tokens: BURST, at: now, cut: now }))
    }
}

impl Pace {
    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a token, and says how long to wait for it.
    fn take(&self) -> Duration {
        let mut bucket = self.bucket();
        let now = Instant::now();
        bucket.tokens = (bucket.tokens + now.duration_since(bucket.at).as_secs_f64() * bucket.rate).min(BURST);
        bucket.at = now;
        bucket.tokens -= 1.0;
        Duration::from_secs_f64((-bucket.tokens / bucket.rate).max(0.0))
    }

    /// AWS throttled a call that set out at `since`.
    fn slow_down(&self, since: Instant) {
        let mut bucket = self.bucket();
        if since >= bucket.cut {
            bucket.rate = (bucket.rate / 2.0).max(LEAST_RATE);
            bucket.tokens = bucket.tokens.min(0.0);
            bucket.cut = Instant::now();
        }
    }

    fn speed_up(&self) {
        let mut bucket = self.bucket();
        bucket.rate = (bucket.rate + GROWTH).min(MOST_RATE);
    }

    /// Calls a second, as things are.
    pub fn rate(&self) -> f64 {
        self.bucket().rate
    }
}

/// Why something could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A call failed, for good or too often.
    Failed(Error),
    /// The time budget ended.
    TimeUp {
        /// The call that was to be made or answered.
        call: &'static str,
        /// How long the budget was.
        budget: Duration,
    },
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "{error}"),
            Self::TimeUp { call, budget } => {
                write!(f, "the time budget of {} ended before {call} was answered", Span(*budget))?;
                f.write_str("; give more with --time-budget, or read fewer accounts and Regions at a time")
            }
        }
    }
}

/// A duration as people write it: `90 s`, `15 min`.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{} ms", self.0.as_millis()),
            seconds if seconds >= 120 && seconds % 60 == 0 => write!(f, "{} min", seconds / 60),
            seconds => write!(f, "{seconds} s"),
        }
    }
}

/// How long all of a run may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// When it ends.
    pub at: Instant,
    /// How long it was at the beginning.
    pub budget: Duration,
}

impl Deadline {
    /// Ends this long from now.
    pub fn after(budget: Duration) -> Self {
        let now = Instant::now();
        // Far enough, where a budget is longer than a clock can tell.
        let at = now.checked_add(budget).unwrap_or(now + Duration::from_secs(86_400 * 365));
        Self { at, budget }
    }
}

/// What was done so far, for the progress shown.
#[derive(Debug, Default)]
pub struct Counts {
    /// Calls made, repetitions included.
    pub calls: AtomicU64,
    /// Calls that repeat one that failed.
    pub retries: AtomicU64,
    /// Groups read.
    pub groups: AtomicU64,
}

/// What all calls with one account's credentials share: once those are refused, no more are made.
#[derive(Debug, Default)]
pub struct Credentials {
    refused: AtomicBool,
    why: Mutex<Option<Error>>,
}

impl Credentials {
    /// Why they are of no use, if they are.
    pub fn refusal(&self) -> Option<Error> {
        if !self.refused.load(Ordering::Acquire) {
            return None;
        }
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, error: &Error) {
        // A role that cannot be assumed is as good as no credentials.
        let of_role = error.call.starts_with("sts:") && !error.kind.is_passing();
        if error.kind.is_about_credentials() || of_role {
            let mut why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
            why.get_or_insert_with(|| error.clone());
            self.refused.store(true, Ordering::Release);
        }
    }
}

/// The way that calls to one account and Region take.
#[derive(Clone, Debug)]
pub struct Lane {
    /// How fast.
    pub pace: Arc<Pace>,
    /// With what.
    pub credentials: Arc<Credentials>,
    /// How long.
    pub deadline: Deadline,
    /// Chance for the pauses.
    pub dice: Arc<Dice>,
    /// What was done.
    pub counts: Arc<Counts>,
}

impl Lane {
    /// Makes a call, and again while its failure is one that passes and there is time.
    ///
    /// # Errors
    ///
    /// The last failure; or that the time is up, or the account's credentials were refused meanwhile.
    pub async fn call<T, F>(&self, name: &'static str, call: impl Fn() -> F) -> std::result::Result<T, Stop>
    where
        F: Future<Output = Result<T>>,
    {
        let time_up = || Stop::TimeUp { call: name, budget: self.deadline.budget };
        let counted = name != OPENING;
        for failures in 1.. {
            let wait = if counted { self.pace.take() } else { Duration::ZERO };
            if !wait.is_zero() {
                self.pause(wait).await.ok_or_else(time_up)?;
            }
            if let Some(error) = self.credentials.refusal() {
                return Err(Stop::Failed(error));
            }
            if Instant::now() >= self.deadline.at {
                return Err(time_up());
            }
            self.counts.calls.fetch_add(u64::from(counted), Ordering::Relaxed);
            let since = Instant::now();
            let error = match timeout_at(self.deadline.at, call()).await {
                Ok(Ok(answer)) => {
                    self.pace.speed_up();
                    return Ok(answer);
                }
                Ok(Err(error)) => error,
                Err(_) => return Err(time_up()),
            };
            if error.kind == Kind::Throttled {
                self.pace.slow_down(since);
            }
            self.credentials.note(&error);
            if !error.kind.is_passing() || failures >= most_failures(error.kind) {
                return Err(Stop::Failed(error));
            }
            // Full jitter: what was refused together does not come again together.
            let pause = FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(10)).min(LONGEST_PAUSE);
            self.pause(pause.mul_f64(self.dice.roll())).await.ok_or_else(time_up)?;
            self.counts.retries.fetch_add(1, Ordering::Relaxed);
        }
        Err(time_up())
    }

    /// Waits, unless that would outlast the time that there is.
    async fn pause(&self, time: Duration) -> Option<()> {
        let now = Instant::now();
        if now.checked_add(time)? >= self.deadline.at {
            return None;
        }
        sleep(time).await;
        Some(())
    }

    /// Reads pages to the last. What was read before a failure is given as well.
    pub async fn pages<T, F>(
        &self,
        name: &'static str,
        fetch: impl Fn(Option<String>) -> F,
    ) -> (Vec<T>, std::result::Result<(), Stop>)
    where
        F: Future<Output = Result<Page<T>>>,
    {
        let (mut items, mut next, mut seen) = (Vec::new(), None::<String>, HashSet::new());
        loop {
            let page = match self.call(name, || fetch(next.clone())).await {
                Ok(page) => page,
                Err(stop) => return (items, Err(stop)),
            };
            if items.is_empty() {
                items = page.items;
            } else {
                items.extend(page.items);
            }
            let Some(token) = page.next else { return (items, Ok(())) };
            if !seen.insert(token.clone()) {
                let message = "AWS gave the same page token twice, so the rest cannot be read";
                return (items, Err(Stop::Failed(Error::new(Kind::Answer, name, message))));
            }
            next = Some(token);
        }
    }
}

/// How often a call may fail in a row before it is given up. Throttling ends by itself, and is waited for as long as
/// there is time; a network that does not answer would only hold up the others.
const fn most_failures(kind: Kind) -> u32 {
    match kind {
        Kind::Throttled => u32::MAX,
        Kind::Server => 8,
        _ => 5,
    }
}
