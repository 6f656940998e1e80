//! Sets of integers as sorted, disjoint, non-adjacent closed intervals.
//!
//! The form is canonical: two sets are equal exactly when their values are. Every operation is one linear sweep, so the
//! cost depends on the number of intervals and never on how many points they hold.

use std::fmt::Debug;
use std::hash::Hash;

/// A point of an axis that an [`IntervalSet`] can lie on.
pub trait Point: Copy + Ord + Eq + Hash + Debug + Default {
    /// The least point.
    const MIN: Self;
    /// The greatest point.
    const MAX: Self;
    /// The point after this one, or `None` at the end of the axis.
    fn next(self) -> Option<Self>;
    /// The point before this one, or `None` at the start of the axis.
    fn previous(self) -> Option<Self>;
    /// The distance from `low` to `self`; `self` must not be below `low`.
    fn distance_from(self, low: Self) -> u128;
}

macro_rules! point {
    ($($integer:ty),*) => {$(
        impl Point for $integer {
            const MIN: Self = <$integer>::MIN;
            const MAX: Self = <$integer>::MAX;
            fn next(self) -> Option<Self> { self.checked_add(1) }
            fn previous(self) -> Option<Self> { self.checked_sub(1) }
            fn distance_from(self, low: Self) -> u128 { u128::from(self.saturating_sub(low)) }
        }
    )*};
}
point!(u8, u16, u32, u128);

/// A closed interval, `low..=high`.
///
/// ```
/// use portcullis_core::net::Interval;
///
/// let (web, low) = (Interval::new(80u32, 443), Interval::new(0, 1023));
/// assert!(low.contains(web));
/// assert_eq!(web.measure(), 364);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Interval<T> {
    /// The first point.
    pub low: T,
    /// The last point, never below `low`.
    pub high: T,
}

impl<T: Point> Interval<T> {
    /// The interval between two points, given in either order.
    pub fn new(a: T, b: T) -> Self {
        if a <= b { Self { low: a, high: b } } else { Self { low: b, high: a } }
    }

    /// The whole axis.
    pub fn all() -> Self {
        Self { low: T::MIN, high: T::MAX }
    }

    /// How many points it holds; the one interval of 2^128 points saturates.
    pub fn measure(self) -> u128 {
        self.high.distance_from(self.low).saturating_add(1)
    }

    /// The points that both hold.
    pub fn intersection(self, other: Self) -> Option<Self> {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        (low <= high).then_some(Self { low, high })
    }

    /// Whether every point of `other` is in here.
    pub fn contains(self, other: Self) -> bool {
        self.low <= other.low && other.high <= self.high
    }
}

/// A set of points in canonical form.
///
/// ```
/// use portcullis_core::net::{Interval, IntervalSet};
///
/// let halves: IntervalSet<u16> = [Interval::new(32768, 65535), Interval::new(0, 32767)].into_iter().collect();
/// assert_eq!(halves, IntervalSet::all());
///
/// let but_ssh = halves.difference(&Interval::new(22, 22).into());
/// assert_eq!(but_ssh.intervals(), [Interval::new(0, 21), Interval::new(23, 65535)]);
/// assert_eq!(but_ssh.measure(), 65535);
/// assert!(but_ssh.is_subset(&halves) && !but_ssh.contains(22));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntervalSet<T>(Vec<Interval<T>>);

impl<T> Default for IntervalSet<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Point> FromIterator<Interval<T>> for IntervalSet<T> {
    /// The union of intervals in any order, overlapping or not.
    fn from_iter<I: IntoIterator<Item = Interval<T>>>(intervals: I) -> Self {
        let mut intervals: Vec<_> = intervals.into_iter().collect();
        if !intervals.is_sorted() {
            intervals.sort_unstable();
        }
        let mut set = Self(Vec::with_capacity(intervals.len()));
        intervals.into_iter().for_each(|interval| set.push(interval));
        set
    }
}

impl<T: Point> From<Interval<T>> for IntervalSet<T> {
    fn from(interval: Interval<T>) -> Self {
        Self(vec![interval])
    }
}

impl<T: Point> IntervalSet<T> {
    /// The empty set.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Every point of the axis.
    pub fn all() -> Self {
        Self(vec![Interval::all()])
    }

    /// The intervals, ascending.
    pub fn intervals(&self) -> &[Interval<T>] {
        &self.0
    }

    /// Whether it holds no point.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many points it holds; a set of all 2^128 points saturates.
    pub fn measure(&self) -> u128 {
        self.0.iter().fold(0u128, |sum, interval| sum.saturating_add(interval.measure()))
    }

    /// Whether it holds `point`.
    pub fn contains(&self, point: T) -> bool {
        let after = self.0.partition_point(|interval| interval.high < point);
        self.0.get(after).is_some_and(|interval| interval.low <= point)
    }

    /// Appends an interval that starts no earlier than the last one does, joining what touches.
    fn push(&mut self, interval: Interval<T>) {
        if let Some(last) = self.0.last_mut()
            && last.high.next().is_none_or(|next| interval.low <= next)
        {
            last.high = last.high.max(interval.high);
        } else {
            self.0.push(interval);
        }
    }

    /// What either holds.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        if other.is_empty() {
            return self.clone();
        }
        let mut union = Self(Vec::with_capacity(self.0.len() + other.0.len()));
        let (mut left, mut right) = (self.0.iter().copied().peekable(), other.0.iter().copied().peekable());
        loop {
            let next = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if a <= b => left.next(),
                (Some(_), None) => left.next(),
                (_, Some(_)) => right.next(),
                (None, None) => break,
            };
            if let Some(interval) = next {
                union.push(interval);
            }
        }
        union
    }

    /// What both hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(overlaps(&self.0, &other.0).collect())
    }

    /// Every point that this set does not hold.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut start = Some(T::MIN);
        for interval in &self.0 {
            if let (Some(low), Some(high)) = (start, interval.low.previous())
                && low <= high
            {
                gaps.push(Interval { low, high });
            }
            start = interval.high.next();
        }
        if let Some(low) = start {
            gaps.push(Interval { low, high: T::MAX });
        }
        Self(gaps)
    }

    /// What this holds and `other` does not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        if other.is_empty() || self.is_empty() {
            return self.clone();
        }
        self.intersection(&other.complement())
    }

    /// Whether they share a point.
    pub fn intersects(&self, other: &Self) -> bool {
        overlaps(&self.0, &other.0).next().is_some()
    }

    /// Whether every point of this is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().all(|interval| other.contains_interval(*interval))
    }

    /// Whether every point of `interval` is in here. One of our intervals must hold it whole, since none are adjacent.
    pub fn contains_interval(&self, interval: Interval<T>) -> bool {
        let after = self.0.partition_point(|own| own.high < interval.low);
        self.0.get(after).is_some_and(|own| own.contains(interval))
    }

    /// Whether any point of `interval` is in here.
    pub fn meets(&self, interval: Interval<T>) -> bool {
        self.within(interval).next().is_some()
    }

    /// The parts of `interval` that are in here, ascending.
    pub fn within(&self, interval: Interval<T>) -> impl Iterator<Item = Interval<T>> + '_ {
        let after = self.0.partition_point(|own| own.high < interval.low);
        let candidates = self.0.get(after..).unwrap_or_default().iter();
        candidates.map_while(move |own| own.intersection(interval))
    }

    /// How many points of `interval` are in here.
    pub fn measure_within(&self, interval: Interval<T>) -> u128 {
        self.within(interval).fold(0u128, |sum, shared| sum.saturating_add(shared.measure()))
    }
}

/// The pairwise intersections of two canonical lists, ascending: one merge sweep.
pub(crate) fn overlaps<'a, T: Point>(
    left: &'a [Interval<T>],
    right: &'a [Interval<T>],
) -> impl Iterator<Item = Interval<T>> + 'a {
    let (mut i, mut j) = (0, 0);
    std::iter::from_fn(move || {
        while let (Some(a), Some(b)) = (left.get(i), right.get(j)) {
            let shared = a.intersection(*b);
            if a.high < b.high {
                i += 1;
            } else {
                j += 1;
            }
            if shared.is_some() {
                return shared;
            }
        }
        None
    })
}
