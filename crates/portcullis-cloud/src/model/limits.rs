//! Latency, and limits on the rate of calls.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::api::only_reads;

/// Token buckets, one for each account, Region and call: how many calls at once, and how many a second after that.
///
/// [`Limits::default`] has the figures of "Request throttling for the Amazon EC2 API" (Amazon EC2 Developer Guide): 100
/// and 20 a second for calls that only read, 50 and 10 for those of them that neither filter nor page, 50 and 5 for
/// calls that change something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Of calls that only read.
    pub reading: (f64, f64),
    /// Of calls that only read, and neither filter nor page.
    pub unpaged: (f64, f64),
    /// Of calls that change something.
    pub changing: (f64, f64),
}

impl Default for Limits {
    fn default() -> Self {
        Self { reading: (100.0, 20.0), unpaged: (50.0, 10.0), changing: (50.0, 5.0) }
    }
}

impl Limits {
    fn of(&self, call: &str) -> (f64, f64) {
        let name = call.split(':').nth(1).unwrap_or(call);
        if matches!(name, "DescribeRegions" | "DescribeSecurityGroupReferences") {
            self.unpaged
        } else if only_reads(call) {
            self.reading
        } else {
            self.changing
        }
    }
}

/// The tokens of an account, Region and call, and when they were counted.
type Buckets = HashMap<(String, String, &'static str), (f64, Instant)>;

/// What a call waits for, and what it is counted in.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pub(super) latency: Duration,
    pub(super) limits: Option<Limits>,
    buckets: Mutex<Buckets>,
    in_flight: Mutex<BTreeMap<(String, String), usize>>,
    most: AtomicUsize,
    throttled: AtomicU64,
}

impl Meter {
    pub(super) fn new(latency: Duration, limits: Option<Limits>) -> Self {
        Self { latency, limits, ..Self::default() }
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    pub(super) fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// Lets a call through after its time; `false` where it came too fast.
    pub(super) async fn pass(&self, account: &str, region: &str, call: &'static str) -> bool {
        let _flight = Flight::begin(self, account, region);
        if !self.latency.is_zero() {
            sleep(self.latency).await;
        }
        let Some(limits) = self.limits else { return true };
        let (size, refill) = limits.of(call);
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.to_owned(), region.to_owned(), call);
        let (tokens, at) = buckets.get(&key).copied().unwrap_or((size, now));
        let tokens = (tokens + now.duration_since(at).as_secs_f64() * refill).min(size);
        let passes = tokens >= 1.0;
        buckets.insert(key, (if passes { tokens - 1.0 } else { tokens }, now));
        self.throttled.fetch_add(u64::from(!passes), Ordering::Relaxed);
        // Buckets that must be full again tell nothing, and would fill the memory.
        if buckets.len() > 10_000 {
            buckets.retain(|_, (_, at)| now.duration_since(*at).as_secs_f64() < size / refill);
        }
        passes
    }
}

/// A call on its way.
struct Flight<'m> {
    meter: &'m Meter,
    key: (String, String),
}

impl<'m> Flight<'m> {
    fn begin(meter: &'m Meter, account: &str, region: &str) -> Self {
        let key = (account.to_owned(), region.to_owned());
        let mut flights = meter.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        *flights.entry(key.clone()).or_default() += 1;
        meter.most.fetch_max(flights.len(), Ordering::Relaxed);
        Self { meter, key }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut flights = self.meter.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = flights.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                flights.remove(&self.key);
            }
        }
    }
}
