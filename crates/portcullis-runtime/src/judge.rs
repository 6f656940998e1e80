//! Judging an inventory on all cores.

use std::num::NonZero;
use std::ops::Range;
use std::thread;

use jiff::Timestamp;
use portcullis_core::evaluate::{Evaluator, Options};
use portcullis_core::finding::Evaluation;
use portcullis_core::model::Inventory;
use portcullis_core::policy::PolicySet;

/// Fewer groups than this are judged on the caller's own thread.
const WORTH_A_THREAD: usize = 2_000;

/// Judges the groups for which `selected` says so (all, where it is `None`), each with everything that was read around it.
pub fn judge(
    inventory: &Inventory,
    policies: &PolicySet,
    now: Timestamp,
    options: Options,
    selected: Option<&[bool]>,
) -> Evaluation {
    let evaluator = Evaluator::new(inventory, policies, now, options);
    let runs = runs(inventory.groups.len(), selected);
    let count: usize = runs.iter().map(ExactSizeIterator::len).sum();
    // Asking for the cores reads files of the system: for a single group that takes longer than judging it.
    let threads = match count / WORTH_A_THREAD {
        0 | 1 => 1,
        most => thread::available_parallelism().map_or(1, NonZero::get).min(most),
    };
    // Several shares a thread, so that one with many findings does not keep the others waiting at the end.
    let share = count.div_ceil(threads * 8).max(1);
    let shares: Vec<Range<usize>> = runs.into_iter().flat_map(|run| split(run, share)).collect();
    if threads == 1 {
        return evaluator.finish(shares.into_iter().map(|share| evaluator.judge(share)));
    }
    let judged = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let (evaluator, shares) = (&evaluator, &shares);
                scope.spawn(move || {
                    let own = shares.iter().skip(worker).step_by(threads);
                    own.map(|share| evaluator.judge(share.clone())).collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(parts) => parts,
                // A panic is a defect and has ended the process already where doors say so; else it goes on to the caller.
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect::<Vec<_>>()
    });
    evaluator.finish(judged)
}

/// Runs of selected groups.
fn runs(groups: usize, selected: Option<&[bool]>) -> Vec<Range<usize>> {
    let Some(selected) = selected else { return std::iter::once(0..groups).collect() };
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, _) in selected.iter().enumerate().filter(|(_, selected)| **selected) {
        match runs.last_mut() {
            Some(run) if run.end == index => run.end += 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

fn split(run: Range<usize>, share: usize) -> impl Iterator<Item = Range<usize>> {
    run.clone().step_by(share).map(move |start| start..(start + share).min(run.end))
}
