//! Attributing flows, and suggesting by them, on all cores.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use portcullis_core::usage::{Attribution, Namer, Point, Seen, Suggester, Suggestion, Use, Weight};

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
    let attributed = side_by_side(parts, |part| {
        let mut made = begin();
        let doubtful = attribution.attribute(&seen, part, parts, |used| visit(&mut made, used));
        (Mutex::new(made), doubtful)
    });
    let (made, doubtful): (Vec<_>, Vec<_>) = attributed.into_iter().unzip();
    let evidence = side_by_side(parts, |part| attribution.gather(&seen, &doubtful, part, parts));
    side_by_side(parts, |part| {
        let Some((made, doubtful)) = made.get(part).zip(doubtful.get(part)) else { return };
        // Each part locks its own alone.
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        attribution.settle(&seen, doubtful, &evidence, |used| visit(&mut made, used));
    });
    let made = made.into_iter().map(|made| made.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    (made, seen)
}

/// What would be enough for each of some groups, in their order, on all cores; `points` in order.
pub fn suggest(suggester: &Suggester<'_>, points: &[(Point, Weight)], groups: &[u32]) -> Vec<Suggestion> {
    let namer = Namer::new(suggester.inventory, suggester.members);
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    // Some groups take much longer than others, so each core takes whatever is next.
    let next = AtomicUsize::new(0);
    let made = side_by_side(cores.min(groups.len()).max(1), |_| {
        let mut made = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(group) = groups.get(place) else { return made };
            made.push((place, suggester.suggest_group(&namer, *group, points)));
        }
    });
    let mut made: Vec<(usize, Option<Suggestion>)> = made.into_iter().flatten().collect();
    made.sort_unstable_by_key(|(place, _)| *place);
    made.into_iter().filter_map(|(_, suggestion)| suggestion).collect()
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
