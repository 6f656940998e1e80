//! Which rules of one direction the others cover, in nearly linear time.
//!
//! Rules with the same peers differ in one interval of services only. Once those that lie within another are gone, the
//! rest are a staircase: sorted by where they begin, they are sorted by where they end, and what covers one of them on
//! either side is its neighbour. What the neighbours leave open must be covered by other peers, on every address. Blocks
//! of addresses are nested or apart, so these are the blocks around, and the blocks within where they fill it.
//!
//! Whatever goes is covered by what stays, so the union never changes, and a rule that was needed once stays needed: one
//! pass is enough.

use std::cmp::Reverse;

use super::Who;
use crate::model::{Inventory, Rule};
use crate::net::{Address, Family, Interval, IntervalSet, ServiceSet};

/// One rule. The order puts those of one peer together, and one that lies within another behind it, or behind its equal
/// that is to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item<'a> {
    who: Who<'a>,
    low: u32,
    high: Reverse<u32>,
    undescribed: bool,
    place: usize,
}

impl<'a> Item<'a> {
    pub(super) fn of(place: usize, rule: &'a Rule, inventory: &'a Inventory) -> Self {
        let Interval { low, high } = rule.services.interval();
        let undescribed = rule.description.trim().is_empty();
        Self { who: Who::of(&rule.peer, inventory), low, high: Reverse(high), undescribed, place }
    }

    fn services(&self) -> Interval<u32> {
        Interval { low: self.low, high: self.high.0 }
    }
}

/// The rules of one peer that are still there.
#[derive(Debug)]
struct Holding<'a> {
    who: Who<'a>,
    /// A staircase.
    items: Vec<Item<'a>>,
    /// Their union; made only where another peer's addresses meet this one's.
    services: ServiceSet,
    /// Its addresses, in the forest.
    blocks: Vec<usize>,
}

/// The places of rules that can all go.
pub(super) fn redundant(mut items: Vec<Item<'_>>) -> Vec<usize> {
    items.sort_unstable();
    let (mut gone, mut holdings) = (Vec::new(), Vec::new());
    for run in items.chunk_by(|a, b| a.who == b.who) {
        let Some(who) = run.first().map(|item| item.who) else { continue };
        let mut kept: Vec<Item<'_>> = Vec::with_capacity(run.len());
        for item in run {
            let within = kept.last().is_some_and(|last| last.high.0 >= item.high.0);
            // A rule for nobody is covered by nothing at all.
            if within || who.is_nobody() {
                gone.push(item.place);
            } else {
                kept.push(*item);
            }
        }
        if !kept.is_empty() {
            holdings.push(Holding { who, items: kept, services: ServiceSet::empty(), blocks: Vec::new() });
        }
    }
    let mut cover = Cover::of(holdings);
    for holding in cover.narrowest_first() {
        cover.settle(holding, &mut gone);
    }
    gone
}

/// A block of addresses that a peer has, among those around and within it.
#[derive(Debug)]
struct Block {
    /// The peers that have exactly this block.
    holdings: Vec<usize>,
    /// The least block around it.
    parent: Option<usize>,
    /// Where the blocks within it end: they follow it.
    end: usize,
    /// Whether the blocks within fill it.
    filled: bool,
    /// The services that other peers admit on all of it by blocks within; made when first asked for.
    within: Option<ServiceSet>,
}

/// Family, first and last address of a block, and the peer that has it. Sorted, the widest comes first where several begin.
type Span = (Family, u128, Reverse<u128>, usize);

/// A block that the current address lies in.
struct Open {
    index: usize,
    family: Family,
    high: u128,
    /// Where the next block within must begin to leave no gap; `None` after a gap.
    next: Option<u128>,
    filled: bool,
}

impl Open {
    /// Takes note of a block right within; gives its own place.
    fn fill(&mut self, low: u128, high: u128) -> usize {
        let on = self.next == Some(low);
        self.filled = on && high == self.high;
        self.next = if on { high.checked_add(1) } else { None };
        self.index
    }
}

#[derive(Debug)]
struct Cover<'a> {
    holdings: Vec<Holding<'a>>,
    /// In the order of their first address, the widest first. Empty where no peer's addresses meet another's.
    blocks: Vec<Block>,
}

impl<'a> Cover<'a> {
    fn of(holdings: Vec<Holding<'a>>) -> Self {
        let mut spans: Vec<Span> = Vec::with_capacity(holdings.len());
        for (index, holding) in holdings.iter().enumerate() {
            let addresses = holding.who.addresses();
            spans.extend(block_spans(&addresses.v4, index));
            spans.extend(block_spans(&addresses.v6, index));
        }
        spans.sort_unstable();
        let meets = |pair: &[Span]| match pair {
            [a, b] => a.0 == b.0 && b.1 <= a.2.0,
            _ => false,
        };
        let mut cover = Self { holdings, blocks: Vec::new() };
        // Nested blocks are neighbours somewhere in this order, so apart from their neighbours is apart from all.
        if spans.windows(2).any(meets) {
            cover.plant(&spans);
            for holding in &mut cover.holdings {
                holding.unite();
            }
        }
        cover
    }

    /// Builds the forest of blocks.
    fn plant(&mut self, spans: &[Span]) {
        let mut open: Vec<Open> = Vec::new();
        for run in spans.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
            let Some((family, low, Reverse(high), _)) = run.first().copied() else { continue };
            self.close(&mut open, Some((family, low)));
            let parent = open.last_mut().map(|parent| parent.fill(low, high));
            let index = self.blocks.len();
            for (.., holding) in run {
                self.holdings.get_mut(*holding).into_iter().for_each(|holding| holding.blocks.push(index));
            }
            let holdings = run.iter().map(|(.., holding)| *holding).collect();
            self.blocks.push(Block { holdings, parent, end: index + 1, filled: false, within: None });
            open.push(Open { index, family, high, next: Some(low), filled: false });
        }
        self.close(&mut open, None);
    }

    /// Closes the blocks that end before an address.
    fn close(&mut self, open: &mut Vec<Open>, before: Option<(Family, u128)>) {
        let end = self.blocks.len();
        while let Some(last) = open.pop() {
            if before.is_some_and(|(family, low)| family == last.family && low <= last.high) {
                open.push(last);
                return;
            }
            if let Some(block) = self.blocks.get_mut(last.index) {
                (block.end, block.filled) = (end, last.filled);
            }
        }
    }

    /// The peers, those with the fewest addresses first.
    fn narrowest_first(&self) -> Vec<usize> {
        let measure = |index: &usize| match self.holdings.get(*index).map(|holding| holding.who) {
            Some(Who::V4(block)) => block.measure(),
            Some(Who::V6(block)) => block.measure(),
            Some(Who::Set(set)) => set.v4.measure().saturating_add(set.v6.measure()),
            _ => 0,
        };
        let mut order: Vec<usize> = (0..self.holdings.len()).collect();
        // Where no peers meet, the order decides nothing.
        if !self.blocks.is_empty() {
            order.sort_by_key(measure);
        }
        order
    }

    /// Takes the rules of one peer away that the rest covers: those without a description first, then the narrower.
    fn settle(&mut self, index: usize, gone: &mut Vec<usize>) {
        for at in 0..self.holdings.get(index).map_or(0, |holding| holding.blocks.len()) {
            let block = self.holdings.get(index).and_then(|holding| holding.blocks.get(at).copied());
            block.into_iter().for_each(|block| self.look_within(block));
        }
        let Some(holding) = self.holdings.get(index) else { return };
        let alone = holding.items.len() == 1;
        if alone && self.blocks.is_empty() {
            return;
        }
        let items = &holding.items;
        let mut order: Vec<usize> = (0..items.len()).collect();
        if !alone {
            order.sort_by_cached_key(|at| {
                items.get(*at).map(|item| (!item.undescribed, item.services().measure(), Reverse(item.place)))
            });
        }
        let mut stairs = Stairs::of(items.iter().map(Item::services));
        let mut closed: Vec<usize> = Vec::new();
        for at in order {
            if stairs.gap(at).is_none_or(|gap| self.covers(index, gap)) {
                stairs.take(at);
                closed.push(at);
            }
        }
        if closed.is_empty() {
            return;
        }
        closed.sort_unstable();
        if let Some(holding) = self.holdings.get_mut(index) {
            let mut at = 0;
            holding.items.retain(|item| {
                let goes = closed.binary_search(&at).is_ok();
                at += 1;
                gone.extend(goes.then_some(item.place));
                !goes
            });
            holding.unite();
        }
        self.forget_around(index);
    }

    /// Finds out what the blocks within one admit on all of it. They are narrower, so for most the last word is spoken.
    fn look_within(&mut self, block: usize) {
        let Some(end) = self.blocks.get(block).filter(|block| block.within.is_none()).map(|block| block.end) else {
            return;
        };
        let mut all: Option<ServiceSet> = None;
        let mut child = if self.blocks.get(block).is_some_and(|block| block.filled) { block + 1 } else { end };
        while child < end && all.as_ref().is_none_or(|all| !all.is_empty()) {
            self.look_within(child);
            let Some(block) = self.blocks.get(child) else { break };
            let own = block
                .holdings
                .iter()
                .filter_map(|holding| self.holdings.get(*holding))
                .map(|holding| &holding.services);
            let here = own.chain(&block.within).fold(ServiceSet::empty(), |all, more| all.union(more));
            all = Some(all.map_or_else(|| here.clone(), |all| all.intersection(&here)));
            child = block.end;
        }
        self.blocks.get_mut(block).into_iter().for_each(|block| block.within = Some(all.take().unwrap_or_default()));
    }

    /// Makes the blocks around those of a peer that has lost rules look again.
    fn forget_around(&mut self, index: usize) {
        let blocks = self.holdings.get(index).map(|holding| holding.blocks.clone()).unwrap_or_default();
        for block in blocks {
            let mut around = self.blocks.get(block).and_then(|block| block.parent);
            while let Some(block) = around.and_then(|around| self.blocks.get_mut(around)) {
                block.within = None;
                around = block.parent;
            }
        }
    }

    /// Whether other peers admit these services on every address of this one.
    fn covers(&self, index: usize, services: Interval<u32>) -> bool {
        let blocks = self.holdings.get(index).map(|holding| holding.blocks.as_slice()).unwrap_or_default();
        let covered = |block: &usize| {
            let mut at = services.low;
            loop {
                match self.reach_by_others(index, *block, at) {
                    None => return false,
                    Some(reach) if reach >= services.high => return true,
                    Some(reach) => at = reach + 1,
                }
            }
        };
        !blocks.is_empty() && blocks.iter().all(covered)
    }

    /// How far the services from `at` on are admitted by other peers that have this block, one around it, or those within.
    fn reach_by_others(&self, but: usize, block: usize, at: u32) -> Option<u32> {
        let around = std::iter::successors(self.blocks.get(block), |block| self.blocks.get(block.parent?));
        let others = around.flat_map(|block| &block.holdings).filter(|holding| **holding != but);
        let others = others.filter_map(|holding| self.holdings.get(*holding)).map(|holding| &holding.services);
        let within = self.blocks.get(block).and_then(|block| block.within.as_ref());
        others.chain(within).filter_map(|services| reach(services, at)).max()
    }
}

impl Holding<'_> {
    fn unite(&mut self) {
        self.services = self.items.iter().map(Item::services).collect();
    }
}

/// How far a set goes on from a point without a gap.
fn reach(services: &ServiceSet, at: u32) -> Option<u32> {
    let intervals = services.intervals();
    let after = intervals.partition_point(|interval| interval.high < at);
    intervals.get(after).filter(|interval| interval.low <= at).map(|interval| interval.high)
}

/// The blocks of a set.
fn block_spans<A: Address>(set: &IntervalSet<A>, holding: usize) -> impl Iterator<Item = Span> {
    set.cidrs().into_iter().map(move |block| {
        let Interval { low, high } = block.interval();
        (A::FAMILY, low.bits(), Reverse(high.bits()), holding)
    })
}

/// Intervals of which none holds another, ascending, that can be taken away.
struct Stairs {
    steps: Vec<Interval<u32>>,
    /// The step before and the step after each, as far as they are still there; shifted by one, 0 and the end for none.
    before: Vec<usize>,
    after: Vec<usize>,
}

impl Stairs {
    fn of(steps: impl Iterator<Item = Interval<u32>>) -> Self {
        let steps: Vec<_> = steps.collect();
        let (before, after) = ((0..steps.len()).collect(), (2..steps.len() + 2).collect());
        Self { steps, before, after }
    }

    fn neighbours(&self, at: usize) -> (Option<usize>, Option<usize>) {
        let before = self.before.get(at).and_then(|before| before.checked_sub(1));
        let after = self.after.get(at).map(|after| after - 1).filter(|after| *after < self.steps.len());
        (before, after)
    }

    /// The part of a step that its neighbours leave open.
    fn gap(&self, at: usize) -> Option<Interval<u32>> {
        let Interval { mut low, mut high } = self.steps.get(at).copied()?;
        let (before, after) = self.neighbours(at);
        if let Some(before) = before.and_then(|before| self.steps.get(before)) {
            low = low.max(before.high.saturating_add(1));
        }
        if let Some(after) = after.and_then(|after| self.steps.get(after)) {
            high = high.min(after.low.saturating_sub(1));
        }
        (low <= high).then_some(Interval { low, high })
    }

    fn take(&mut self, at: usize) {
        let (before, after) = self.neighbours(at);
        if let Some(next) = before.and_then(|before| self.after.get_mut(before)) {
            *next = after.map_or(self.steps.len() + 1, |after| after + 1);
        }
        if let Some(previous) = after.and_then(|after| self.before.get_mut(after)) {
            *previous = before.map_or(0, |before| before + 1);
        }
    }
}
