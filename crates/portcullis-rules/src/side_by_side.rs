//! Many repositories on all cores.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many items a thread takes at a time: few enough that none is left with all the slow ones, enough that threads do
/// not wait for each other.
const SHARE: usize = 16;

/// Does the same with each of many items on all cores, and gives the results in the order of the items. A few are done on
/// the caller's own thread.
///
/// ```
/// let squares = portcullis_rules::side_by_side((0..100).collect(), |number: u32| number * number);
/// assert_eq!(squares[..4], [0, 1, 4, 9]);
/// ```
pub fn side_by_side<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let count = items.len();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(count.div_ceil(SHARE));
    if threads < 2 {
        return items.into_iter().map(work).collect();
    }
    let waiting = Mutex::new(items.into_iter().enumerate());
    let worker = || {
        let mut done: Vec<(usize, R)> = Vec::with_capacity(count / threads + SHARE);
        loop {
            let share: Vec<(usize, T)> =
                waiting.lock().unwrap_or_else(PoisonError::into_inner).by_ref().take(SHARE).collect();
            if share.is_empty() {
                return done;
            }
            done.extend(share.into_iter().map(|(place, item)| (place, work(item))));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        // The caller's thread is one of them.
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let own = worker();
        let others = others.into_iter().flat_map(|other| match other.join() {
            Ok(done) => done,
            // A panic is a defect and has ended the process already where doors say so; else it goes on to the caller.
            Err(panic) => std::panic::resume_unwind(panic),
        });
        own.into_iter().chain(others).collect()
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}
