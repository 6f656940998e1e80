//! The time that a call has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// So long before its end a call begins nothing new.
const LAST_CALL: Duration = Duration::from_secs(10);
/// No call takes longer. Source: AWS Lambda Developer Guide, "Lambda quotas".
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Sets the flag shortly before a call's time is over. The deadline is in milliseconds since 1970.
pub(crate) async fn near_the_end(deadline: u64, flag: Arc<AtomicBool>) {
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
    let Some(left) = left(deadline, now) else { return };
    tokio::time::sleep(left).await;
    flag.store(true, Ordering::Relaxed);
}

/// How long a call may begin something new. `None` where the deadline tells nothing: one that was over before the call can
/// have begun is no deadline, and some local runtimes give such a one.
fn left(deadline: u64, now: u64) -> Option<Duration> {
    let over = Duration::from_millis(now.saturating_sub(deadline));
    (over < LONGEST).then(|| Duration::from_millis(deadline.saturating_sub(now)).saturating_sub(LAST_CALL))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_287_767_000;

    #[test]
    fn the_last_seconds_begin_nothing_new() {
        assert_eq!(left(NOW + 60_000, NOW), Some(Duration::from_secs(50)));
        assert_eq!(left(NOW + 9_000, NOW), Some(Duration::ZERO));
        assert_eq!(left(NOW - 1_000, NOW), Some(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_a_deadline_is_none() {
        assert_eq!(left(600_000, NOW), None);
    }
}
