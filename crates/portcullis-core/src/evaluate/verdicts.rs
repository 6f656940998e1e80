//! What became of every control on every group of a share, as bits.

use std::ops::Range;

use crate::finding::Status;

/// The verdicts of the groups of a range: two bits a control and group, and no words. Exemptions are not in them, nor
/// is what an account's policy leaves out: it passes here and is not spoken of later.
#[derive(Debug, Default)]
pub struct Verdicts {
    pub(super) range: Range<usize>,
    /// How many numbers hold one bit for each control.
    words: usize,
    /// For each group a row of those that fail, then one of those that cannot be told.
    rows: Vec<u64>,
}

impl Verdicts {
    pub(super) fn passing(range: Range<usize>, controls: usize) -> Self {
        let words = controls.div_ceil(64);
        Self { rows: vec![0; range.len() * words * 2], range, words }
    }

    /// The rows of each group, to be filled in.
    pub(super) fn rows_mut(&mut self) -> impl Iterator<Item = (usize, Row<'_>)> {
        let words = self.words.max(1);
        let rows = self.rows.chunks_exact_mut(words * 2).map(move |row| {
            let (fail, unknown) = row.split_at_mut(words);
            Row { fail, unknown }
        });
        self.range.clone().zip(rows)
    }

    /// What a control came to on a group; both by their places in the policies and the inventory. Pass for what is not
    /// in the range.
    pub fn status(&self, group: usize, control: usize) -> Status {
        let found = self.of_group(group).find(|(place, _)| *place == control);
        found.map_or(Status::Pass, |(_, status)| status)
    }

    /// Takes over the rows of the groups of another range as far as they are in this one.
    pub(super) fn take_over(&mut self, other: &Self) {
        let common = self.range.start.max(other.range.start)..self.range.end.min(other.range.end);
        let width = self.words * 2;
        let within = |range: &Range<usize>| {
            let first = common.start.checked_sub(range.start)?.checked_mul(width)?;
            Some(first..first.checked_add(common.len().checked_mul(width)?)?)
        };
        let (Some(own), Some(others)) = (within(&self.range), within(&other.range)) else { return };
        if let (Some(own), Some(others)) = (self.rows.get_mut(own), other.rows.get(others)) {
            own.copy_from_slice(others);
        }
    }

    /// The controls that fail or cannot be told on a group, ascending.
    pub fn of_group(&self, group: usize) -> impl Iterator<Item = (usize, Status)> + '_ {
        let place = group.checked_sub(self.range.start).filter(|_| self.range.contains(&group));
        let row = place.and_then(|place| self.rows.get(place * self.words * 2..)).unwrap_or_default();
        let (fail, unknown) = row.split_at_checked(self.words).unwrap_or_default();
        let words = fail.iter().zip(unknown).enumerate();
        words.flat_map(|(word, (fail, unknown))| {
            let status = move |bit: usize| if fail >> bit & 1 == 1 { Status::Fail } else { Status::Unknown };
            bits(fail | unknown).map(move |bit| (word * 64 + bit, status(bit)))
        })
    }

    /// How many verdicts are not a pass.
    pub fn len(&self) -> usize {
        self.rows.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether every verdict is a pass.
    pub fn is_empty(&self) -> bool {
        self.rows.iter().all(|word| *word == 0)
    }
}

/// The places of the bits that are set, ascending.
fn bits(word: u64) -> impl Iterator<Item = usize> {
    let some = |left: u64| (left != 0).then_some(left);
    std::iter::successors(some(word), move |left| some(left & (left - 1))).map(|left| left.trailing_zeros() as usize)
}

/// One bit for each control.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ControlSet(Box<[u64]>);

impl ControlSet {
    pub(super) fn of(controls: usize, places: impl IntoIterator<Item = usize>) -> Self {
        let mut set = Self(vec![0; controls.div_ceil(64)].into());
        places.into_iter().for_each(|place| set_bit(&mut set.0, place));
        set
    }

    /// Those that are not in another set.
    pub(super) fn less(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own &= !other);
        self
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(word, set)| bits(*set).map(move |bit| word * 64 + bit))
    }
}

/// The verdicts of one group.
#[derive(Debug)]
pub(super) struct Row<'a> {
    fail: &'a mut [u64],
    unknown: &'a mut [u64],
}

impl Row<'_> {
    pub(super) fn set(&mut self, control: usize, status: Status) {
        match status {
            Status::Fail => set_bit(self.fail, control),
            Status::Unknown => set_bit(self.unknown, control),
            Status::Exempt | Status::Pass => {}
        }
    }

    pub(super) fn fail_all(&mut self, controls: &ControlSet) {
        self.fail.iter_mut().zip(&controls.0).for_each(|(own, more)| *own |= more);
    }

    pub(super) fn leave_all_open(&mut self, controls: &ControlSet) {
        self.unknown.iter_mut().zip(&controls.0).for_each(|(own, more)| *own |= more);
    }

    /// Takes the verdicts of those of these controls back of which `bears` does not say so.
    pub(super) fn retain(&mut self, of: &ControlSet, mut bears: impl FnMut(usize) -> bool) {
        let words = self.fail.iter_mut().zip(self.unknown.iter_mut()).zip(&of.0).enumerate();
        for (word, ((fail, unknown), of)) in words {
            for bit in bits((*fail | *unknown) & of) {
                if !bears(word * 64 + bit) {
                    *fail &= !(1 << bit);
                    *unknown &= !(1 << bit);
                }
            }
        }
    }
}

fn set_bit(words: &mut [u64], place: usize) {
    words.get_mut(place / 64).into_iter().for_each(|word| *word |= 1 << (place % 64));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_found_again() {
        let mut verdicts = Verdicts::passing(5..8, 130);
        {
            for (group, mut row) in verdicts.rows_mut() {
                row.set(group * 16, Status::Fail);
                row.set(129, Status::Unknown);
                row.set(64, Status::Pass);
            }
        }
        let of = |group: usize| verdicts.of_group(group).collect::<Vec<_>>();
        assert_eq!(of(5), [(80, Status::Fail), (129, Status::Unknown)]);
        assert_eq!(of(7), [(112, Status::Fail), (129, Status::Unknown)]);
        assert!(of(4).is_empty() && of(8).is_empty() && of(usize::MAX).is_empty());
        assert_eq!(verdicts.status(6, 96), Status::Fail);
        assert_eq!((verdicts.status(6, 97), verdicts.len()), (Status::Pass, 6));
    }

    #[test]
    fn sets_are_laid_over_rows_and_taken_back() {
        let mut verdicts = Verdicts::passing(0..1, 70);
        {
            for (_, mut row) in verdicts.rows_mut() {
                row.fail_all(&ControlSet::of(70, [1, 2, 69]));
                row.leave_all_open(&ControlSet::of(70, [3, 68]));
                row.retain(&ControlSet::of(70, [2, 68, 69]), |control| control == 69);
            }
        }
        let expected = [(1, Status::Fail), (3, Status::Unknown), (69, Status::Fail)];
        assert_eq!(verdicts.of_group(0).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn rows_are_taken_over_where_ranges_meet() {
        let mut whole = Verdicts::passing(0..8, 70);
        whole.rows_mut().for_each(|(group, mut row)| row.set(group + 60, Status::Fail));
        for (range, expected) in [(2..5, vec![62, 63, 64]), (6..11, vec![66, 67]), (9..12, vec![]), (3..3, vec![])] {
            let mut part = Verdicts::passing(range.clone(), 70);
            part.take_over(&whole);
            let found: Vec<usize> =
                range.flat_map(|group| part.of_group(group).map(|(place, _)| place).collect::<Vec<_>>()).collect();
            assert_eq!(found, expected);
        }
        let mut other = Verdicts::passing(0..8, 70);
        other.take_over(&Verdicts::passing(2..5, 70));
        assert!(other.is_empty());
    }

    #[test]
    fn no_controls_are_no_verdicts() {
        let mut verdicts = Verdicts::passing(0..3, 0);
        assert!(verdicts.rows_mut().next().is_none() && verdicts.is_empty() && verdicts.of_group(1).next().is_none());
    }
}
