//! Sets of integers against the model: every operation on every axis, both ends included, and the laws of sets.

use std::collections::BTreeSet;

use portcullis_core::net::{Interval, IntervalSet};
use proptest::prelude::*;

use crate::model::{Axis, Cells, Integer, cells, interval, runs};

/// Six cells: single points at both ends (two at the lower, two at the upper), and two wide ones between.
fn small_axis<T: Integer>() -> Axis {
    let last = T::last();
    Axis::cut(last, &[0, 1, 2, last / 2, last - 1, last])
}

/// Twelve cells: as above, with a cluster of single points in the middle.
fn wide_axis<T: Integer>() -> Axis {
    let (last, middle) = (T::last(), T::last() / 2);
    Axis::cut(last, &[0, 1, 2, 3, middle, middle + 1, middle + 2, middle + 3, last - 3, last - 2, last - 1, last])
}

fn check<T: Integer>(axis: &Axis, operation: &str, real: &IntervalSet<T>, expected: &Cells) {
    assert_eq!(runs(real), axis.runs(expected), "{operation}");
    // The value that another road leads to is the same value.
    assert_eq!(*real, axis.real::<T>(expected), "{operation}");
}

/// Every operation on one set.
fn check_one<T: Integer>(axis: &Axis, a: &Cells) {
    let real = axis.real::<T>(a);
    check(axis, "from_iter", &real, a);
    check(axis, "complement", &real.complement(), &(&axis.all() - a));
    assert_eq!(real.is_empty(), a.is_empty(), "is_empty");
    assert_eq!(real.measure(), axis.measure(a), "measure");
    for index in 0..axis.len() {
        let (low, high) = axis.cell(index);
        for point in [low, low + (high - low) / 2, high] {
            assert_eq!(real.contains(interval::<T>(point, point).low), a.contains(&index), "contains {point}");
        }
        for last in index..axis.len() {
            let span = interval::<T>(low, axis.cell(last).1);
            let within: Cells = (index..=last).filter(|cell| a.contains(cell)).collect();
            assert_eq!(real.measure_within(span), axis.measure(&within), "measure_within {span:?}");
            assert_eq!(real.contains_interval(span), (index..=last).all(|cell| a.contains(&cell)), "{span:?}");
        }
    }
}

/// Every operation on two sets.
fn check_two<T: Integer>(axis: &Axis, a: &Cells, b: &Cells) {
    let (left, right) = (axis.real::<T>(a), axis.real::<T>(b));
    check(axis, "union", &left.union(&right), &(a | b));
    check(axis, "intersection", &left.intersection(&right), &(a & b));
    check(axis, "difference", &left.difference(&right), &(a - b));
    assert_eq!(left.is_subset(&right), a.is_subset(b), "is_subset");
    assert_eq!(left.intersects(&right), !a.is_disjoint(b), "intersects");
    assert_eq!(left == right, a == b, "equality");
}

/// The laws that need no model.
fn check_laws<T: Integer>(a: &IntervalSet<T>, b: &IntervalSet<T>, c: &IntervalSet<T>) {
    let (none, all) = (IntervalSet::<T>::empty(), IntervalSet::<T>::all());
    assert_eq!(a.union(a), *a, "union is idempotent");
    assert_eq!(a.intersection(a), *a, "intersection is idempotent");
    assert_eq!(a.union(b), b.union(a), "union commutes");
    assert_eq!(a.intersection(b), b.intersection(a), "intersection commutes");
    assert_eq!(a.union(&b.union(c)), a.union(b).union(c), "union associates");
    assert_eq!(a.intersection(&b.intersection(c)), a.intersection(b).intersection(c), "intersection associates");
    assert_eq!(a.intersection(&b.union(c)), a.intersection(b).union(&a.intersection(c)), "distributive");
    assert_eq!(a.union(&b.intersection(c)), a.union(b).intersection(&a.union(c)), "distributive, the other way");
    assert_eq!(a.union(&a.intersection(b)), *a, "absorption");
    assert_eq!(a.union(b).complement(), a.complement().intersection(&b.complement()), "De Morgan");
    assert_eq!(a.intersection(b).complement(), a.complement().union(&b.complement()), "De Morgan, the other way");
    assert_eq!(a.complement().complement(), *a, "the complement of the complement");
    assert_eq!(a.difference(b).union(&a.intersection(b)), *a, "difference and intersection make the whole");
    assert_eq!(a.union(b).difference(b), a.difference(b), "taking away what was added");
    assert_eq!(a.difference(b).difference(c), a.difference(&b.union(c)), "taking away one by one");
    assert!(!a.difference(b).intersects(b), "nothing is left of what was taken away");
    assert_eq!(a.is_subset(b), a.difference(b).is_empty(), "a subset leaves nothing");
    assert_eq!((a.union(&none), a.intersection(&all)), (a.clone(), a.clone()), "neutral elements");
    assert_eq!((a.intersection(&none), a.union(&all)), (none, all), "absorbing elements");
}

fn exhaust_pairs<T: Integer>() {
    let axis = small_axis::<T>();
    for a in axis.subsets() {
        axis.subsets().for_each(|b| check_two::<T>(&axis, &a, &b));
    }
}

fn exhaust_singles<T: Integer>() {
    let axis = wide_axis::<T>();
    axis.subsets().for_each(|a| check_one::<T>(&axis, &a));
}

#[test]
fn every_set_of_cells_of_each_axis_agrees_with_the_model() {
    exhaust_singles::<u8>();
    exhaust_singles::<u16>();
    exhaust_singles::<u32>();
    exhaust_singles::<u128>();
}

#[test]
fn every_pair_of_sets_of_cells_of_each_axis_agrees_with_the_model() {
    exhaust_pairs::<u8>();
    exhaust_pairs::<u16>();
    exhaust_pairs::<u32>();
    exhaust_pairs::<u128>();
}

#[test]
fn every_triple_of_sets_of_cells_keeps_the_laws_of_sets() {
    let axis = Axis::cut(255, &[0, 1, 128, 255]);
    let sets: Vec<IntervalSet<u8>> = axis.subsets().map(|set| axis.real(&set)).collect();
    for (a, b) in sets.iter().flat_map(|a| sets.iter().map(move |b| (a, b))) {
        sets.iter().for_each(|c| check_laws(a, b, c));
    }
}

#[test]
fn the_ends_of_an_axis_do_not_overflow() {
    assert_eq!(IntervalSet::<u128>::all().measure(), u128::MAX, "2^128 saturates");
    assert_eq!(Interval::<u128>::all().measure(), u128::MAX, "2^128 saturates");
    assert_eq!(IntervalSet::from(Interval::new(1, u128::MAX)).measure(), u128::MAX, "2^128 - 1 is exact");
    assert_eq!(IntervalSet::<u32>::all().measure(), 1 << 32);
    assert_eq!(IntervalSet::<u8>::all().complement(), IntervalSet::empty());
    assert_eq!(IntervalSet::<u128>::empty().complement(), IntervalSet::all());
    let halves = [Interval::new(1 << 127, u128::MAX), Interval::new(0, (1 << 127) - 1)];
    assert_eq!(halves.into_iter().collect::<IntervalSet<_>>(), IntervalSet::all());
    let after_the_end = [Interval::new(255u8, 255), Interval::new(0, 255), Interval::new(255, 255)];
    assert_eq!(after_the_end.into_iter().collect::<IntervalSet<_>>(), IntervalSet::all());
}

#[test]
fn an_interval_takes_its_ends_in_either_order() {
    assert_eq!(Interval::new(7u8, 3), Interval { low: 3, high: 7 });
    assert_eq!(Interval::new(7u8, 3).measure(), 5);
}

/// The plainest model there is: every point of the axis by itself.
fn points(intervals: &[(u8, u8)]) -> BTreeSet<u8> {
    intervals.iter().flat_map(|(a, b)| *a.min(b)..=*a.max(b)).collect()
}

fn bytes(intervals: &[(u8, u8)]) -> IntervalSet<u8> {
    intervals.iter().map(|(a, b)| Interval::new(*a, *b)).collect()
}

fn members(set: &IntervalSet<u8>) -> BTreeSet<u8> {
    (0..=u8::MAX).filter(|point| set.contains(*point)).collect()
}

/// Ascending, disjoint, and never touching.
fn is_canonical(set: &IntervalSet<u8>) -> bool {
    let intervals = set.intervals();
    intervals.iter().all(|i| i.low <= i.high)
        && intervals.windows(2).all(|pair| u16::from(pair[0].high) + 1 < u16::from(pair[1].low))
}

fn any_intervals() -> impl Strategy<Value = Vec<(u8, u8)>> {
    // Short ones beside any ones, so that some touch and some lie within others.
    let short = (any::<u8>(), 0u8..4).prop_map(|(low, more)| (low, low.saturating_add(more)));
    prop::collection::vec(prop_oneof![short, any::<(u8, u8)>()], 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn sets_of_bytes_agree_with_their_points(a in any_intervals(), b in any_intervals(), within in any::<(u8, u8)>()) {
        let (left, right) = (bytes(&a), bytes(&b));
        let (a, b) = (points(&a), points(&b));
        let results = [
            (left.clone(), a.clone()),
            (left.union(&right), &a | &b),
            (left.intersection(&right), &a & &b),
            (left.difference(&right), &a - &b),
            (left.complement(), (0..=u8::MAX).filter(|point| !a.contains(point)).collect()),
        ];
        for (real, expected) in results {
            prop_assert_eq!(members(&real), expected.clone());
            prop_assert!(is_canonical(&real), "{:?}", real);
            prop_assert_eq!(real.measure(), expected.len() as u128);
        }
        prop_assert_eq!(left.is_subset(&right), a.is_subset(&b));
        prop_assert_eq!(left.intersects(&right), !a.is_disjoint(&b));
        prop_assert_eq!(left == right, a == b);
        let within = Interval::new(within.0, within.1);
        let inside = a.range(within.low..=within.high).count();
        prop_assert_eq!(left.measure_within(within), inside as u128);
        prop_assert_eq!(left.contains_interval(within), inside as u128 == within.measure());
    }

    #[test]
    fn the_order_of_intervals_does_not_matter(
        (given, shuffled) in any_intervals().prop_flat_map(|given| (Just(given.clone()), Just(given).prop_shuffle()))
    ) {
        prop_assert_eq!(bytes(&given), bytes(&shuffled));
        prop_assert_eq!(bytes(&[given.clone(), shuffled].concat()), bytes(&given), "twice is once");
    }

    #[test]
    fn two_intervals_agree_with_their_points(a in any::<(u8, u8)>(), b in any::<(u8, u8)>()) {
        let (left, right) = (Interval::new(a.0, a.1), Interval::new(b.0, b.1));
        let (a, b) = (points(&[a]), points(&[b]));
        let shared: BTreeSet<u8> = &a & &b;
        let ends = shared.first().zip(shared.last());
        prop_assert_eq!(left.intersection(right), ends.map(|(low, high)| Interval { low: *low, high: *high }));
        prop_assert_eq!(left.contains(right), b.is_subset(&a));
        prop_assert_eq!(left.measure(), a.len() as u128);
    }

    #[test]
    fn three_sets_of_any_axis_keep_the_laws_of_sets(a in cells(12), b in cells(12), c in cells(12)) {
        fn laws<T: Integer>(sets: [&Cells; 3]) {
            let axis = wide_axis::<T>();
            let [a, b, c] = sets.map(|set| axis.real::<T>(set));
            check_laws(&a, &b, &c);
        }
        laws::<u8>([&a, &b, &c]);
        laws::<u16>([&a, &b, &c]);
        laws::<u32>([&a, &b, &c]);
        laws::<u128>([&a, &b, &c]);
        check_two::<u32>(&wide_axis::<u32>(), &a, &b);
        check_two::<u128>(&wide_axis::<u128>(), &a, &b);
    }
}
