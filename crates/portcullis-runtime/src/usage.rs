//! Attributing flows on all cores.

use std::num::NonZero;
use std::thread;

use portcullis_core::usage::{Attribution, Seen, Use};

/// Fewer flows than this are attributed on the caller's own thread.
const WORTH_A_THREAD: usize = 20_000;

/// Attributes flows on all cores: each core makes something of its share with `begin`, and `visit` adds to it each flow
/// that began a connection. Gives what was made, one a core, and where the flows were seen.
pub fn attribute<T: Send>(
    attribution: &Attribution<'_>,
    begin: impl Fn() -> T + Sync,
    visit: impl Fn(&mut T, Use<'_>) + Sync,
) -> (Vec<T>, Vec<Seen>) {
    let count = attribution.flows.len();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let parts = cores.min(count / WORTH_A_THREAD).max(1);
    let share = count.div_ceil(parts).max(1);
    let seen = side_by_side(parts, |part| attribution.look((part * share).min(count)..((part + 1) * share).min(count)));
    let seen: Vec<Seen> = seen.into_iter().flatten().collect();
    let evidence = side_by_side(parts, |part| attribution.gather(&seen, part, parts));
    let made = side_by_side(parts, |part| {
        let mut made = begin();
        attribution.attribute(&seen, &evidence, part, parts, |used| visit(&mut made, used));
        made
    });
    (made, seen)
}

/// Calls `work` for each part at the same time, and gives the answers in order.
fn side_by_side<T: Send>(parts: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    if parts == 1 {
        return vec![work(0)];
    }
    thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..parts).map(|part| scope.spawn(move || work(part))).collect();
        let answers = workers.into_iter().map(|worker| match worker.join() {
            Ok(answer) => answer,
            // A panic is a defect and has ended the process already where doors say so; else it goes on to the caller.
            Err(panic) => std::panic::resume_unwind(panic),
        });
        answers.collect()
    })
}
