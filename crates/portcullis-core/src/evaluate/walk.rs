//! One walk over the inventory for all that is judged: the rules of many groups are more than the processor keeps at hand,
//! so bringing them from memory is what costs most, and it is done once.
//!
//! The walk goes in stretches. Each is walked once, by whichever caller comes first; callers that need what all groups tell
//! walk the stretches that nobody has begun, then wait for the others. So the walk takes as many threads as judge.

use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Evaluator;
use super::measured::Memo;
use super::summary::is_disabled;
use super::surroundings::Surroundings;
use super::verdicts::Verdicts;
use crate::model::{Peer, SecurityGroup};

/// So many groups are walked at a time.
const STRETCH: usize = 256;
/// The rules of so many groups are asked for before the first of them is looked at: they about fit the first cache.
const AHEAD: usize = 16;

/// What was walked so far.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    surroundings: Surroundings<'a>,
    /// For each stretch the verdicts of the controls that look at nothing but the group itself.
    stretches: Vec<OnceLock<Verdicts>>,
    /// What nobody has begun: 0 for the interfaces, then the stretches.
    next: AtomicUsize,
    is_done: AtomicBool,
    /// What is remembered from group to group, for as many callers as there were at once.
    memos: Mutex<Vec<Memo>>,
}

impl<'a> Walk<'a> {
    pub(super) fn of(surroundings: Surroundings<'a>, groups: usize) -> Self {
        Self {
            is_done: AtomicBool::new(!surroundings.needs_walk()),
            surroundings,
            stretches: (0..groups.div_ceil(STRETCH)).map(|_| OnceLock::new()).collect(),
            next: AtomicUsize::new(0),
            memos: Mutex::default(),
        }
    }

    /// What is known of the surroundings while they are walked.
    pub(super) fn unfinished(&self) -> &Surroundings<'a> {
        &self.surroundings
    }
}

impl<'a> Evaluator<'a> {
    /// What stands around the groups, all of them walked.
    pub(super) fn surroundings(&self) -> &Surroundings<'a> {
        let Walk { surroundings, stretches, next, is_done, .. } = &self.walk;
        if !is_done.load(Ordering::Acquire) {
            loop {
                match next.fetch_add(1, Ordering::Relaxed) {
                    0 => _ = surroundings.attached(),
                    part if part > stretches.len() => break,
                    part => _ = self.walked(part - 1),
                }
            }
            (0..stretches.len()).for_each(|stretch| _ = self.walked(stretch));
            is_done.store(true, Ordering::Release);
        }
        surroundings
    }

    /// Takes over what the walk tells of the groups that these verdicts are about.
    pub(super) fn take_walked(&self, verdicts: &mut Verdicts) {
        self.surroundings();
        let Range { start, end } = verdicts.range;
        for stretch in start / STRETCH..end.div_ceil(STRETCH) {
            if let Some(walked) = self.walked(stretch) {
                verdicts.take_over(walked);
            }
        }
    }

    /// Lends what is remembered from group to group.
    pub(super) fn with_memo<R>(&self, work: impl FnOnce(&mut Memo) -> R) -> R {
        // Nothing is left half done in there.
        let memos = || self.walk.memos.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memo = memos().pop().unwrap_or_default();
        let done = work(&mut memo);
        memos().push(memo);
        done
    }

    fn walked(&self, stretch: usize) -> Option<&Verdicts> {
        let made = self.walk.stretches.get(stretch)?;
        Some(made.get_or_init(|| self.with_memo(|memo| self.walk_stretch(stretch * STRETCH, memo))))
    }

    fn walk_stretch(&self, start: usize, memo: &mut Memo) -> Verdicts {
        let groups = self.inventory.groups.get(start..).unwrap_or_default();
        let groups = groups.get(..STRETCH).unwrap_or(groups);
        let mut verdicts = Verdicts::passing(start..start + groups.len(), self.policies.controls.len());
        let mut rows = verdicts.rows_mut();
        for (number, near) in groups.chunks(AHEAD).enumerate() {
            let first = start + number * AHEAD;
            bring_near(near);
            self.walk.surroundings.walk(first..first + near.len());
            for (group, (index, mut row)) in near.iter().zip(&mut rows) {
                if !is_disabled(group, self.policies) {
                    self.decide_alone(index, group, memo, &mut row);
                }
            }
        }
        drop(rows);
        verdicts
    }
}

/// Touches what will be looked at. Nothing is decided on what comes, so the processor asks memory for the next group's rules
/// while it waits for this one's; the controls decide on each rule and would wait for each.
fn bring_near(groups: &[SecurityGroup]) {
    let mut sum = 0usize;
    for group in groups {
        for rule in &group.rules {
            sum ^= rule.description.len() ^ usize::from(rule.line != 0);
        }
        sum ^= group.tags.first().map_or(0, |tag| tag.value.len()) ^ group.tags.last().map_or(0, |tag| tag.key.len());
        sum ^= usize::from(group.description.as_bytes().first().copied().unwrap_or_default());
    }
    for rule in groups.iter().flat_map(|group| &group.rules) {
        if let Peer::Group(reference) = &rule.peer {
            sum ^= reference.id.len() ^ reference.account.len();
        }
    }
    black_box(sum);
}
