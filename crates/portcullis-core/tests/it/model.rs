//! A naive model of traffic: sets of explicit points, slow and obvious, sharing no code with the algebra.
//!
//! Each axis is cut into a few *cells*, which together make it up whole, both ends included. Every set that a test builds
//! is a union of whole cells, so one cell stands for all of its points, and a set of traffic is a [`BTreeSet`] of
//! (service cell, peer) pairs. Union, intersection and difference are then the standard library's `|`, `&` and `-`.
//!
//! [`Universe::traffic`] and [`Universe::boxed`] go from the model to the real thing, [`shape`] and
//! [`Universe::shape`] bring both to a common form, in which they are compared.

use std::collections::BTreeSet;

use portcullis_core::net::{AddressSet, Interval, IntervalSet, PeerSet, Point, Symbol, Traffic};
use proptest::prelude::*;

/// An axis of integers from 0, cut into cells.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    cells: Vec<(u128, u128)>,
}

/// A set of cells of an [`Axis`], by their places.
pub(crate) type Cells = BTreeSet<usize>;

impl Axis {
    /// The axis `0..=last`, with a cell beginning at each of `starts`. The first start must be 0.
    pub(crate) fn cut(last: u128, starts: &[u128]) -> Self {
        assert!(
            starts[0] == 0 && starts.is_sorted() && starts[starts.len() - 1] <= last,
            "cells do not make up the axis"
        );
        let ends = starts[1..].iter().map(|next| next - 1).chain([last]);
        Self { cells: starts.iter().copied().zip(ends).collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// First and last point of a cell.
    pub(crate) fn cell(&self, index: usize) -> (u128, u128) {
        self.cells[index]
    }

    pub(crate) fn all(&self) -> Cells {
        (0..self.len()).collect()
    }

    /// Every set of cells.
    pub(crate) fn subsets(&self) -> impl Iterator<Item = Cells> {
        let len = self.len();
        (0..1u32 << len).map(move |mask| (0..len).filter(|index| mask >> index & 1 == 1).collect())
    }

    /// The canonical intervals of a set of cells: each longest run of neighbours is one.
    pub(crate) fn runs(&self, set: &Cells) -> Vec<(u128, u128)> {
        let mut runs: Vec<(u128, u128)> = Vec::new();
        for index in set {
            let (low, high) = self.cells[*index];
            match runs.last_mut() {
                Some(last) if index.checked_sub(1).is_some_and(|before| set.contains(&before)) => last.1 = high,
                _ => runs.push((low, high)),
            }
        }
        runs
    }

    /// How many points the cells hold; all 2^128 count as one less, as in the algebra.
    pub(crate) fn measure(&self, set: &Cells) -> u128 {
        set.iter().map(|index| self.cells[*index]).fold(0, |sum: u128, (low, high)| {
            let width = (high - low).saturating_add(1);
            sum.saturating_add(width)
        })
    }

    /// The real set, made of one interval a cell.
    pub(crate) fn real<T: Integer>(&self, set: &Cells) -> IntervalSet<T> {
        set.iter().map(|index| self.cells[*index]).map(|(low, high)| interval(low, high)).collect()
    }
}

/// An integer that an axis of the algebra is made of.
pub(crate) trait Integer: Point + TryFrom<u128> + Into<u128> {
    /// The greatest, as the model counts.
    fn last() -> u128 {
        Self::MAX.into()
    }
}
impl<T: Point + TryFrom<u128> + Into<u128>> Integer for T {}

/// A real interval from the model's integers.
pub(crate) fn interval<T: Integer>(low: u128, high: u128) -> Interval<T> {
    let [Ok(low), Ok(high)] = [low, high].map(T::try_from) else { panic!("{low}-{high} is beyond the axis") };
    Interval { low, high }
}

/// A real set in the common form.
pub(crate) fn runs<T: Integer>(set: &IntervalSet<T>) -> Vec<(u128, u128)> {
    set.intervals().iter().map(|interval| (interval.low.into(), interval.high.into())).collect()
}

/// Any set of the cells of an axis of `len` cells.
pub(crate) fn cells(len: usize) -> impl Strategy<Value = Cells> {
    prop::collection::vec(any::<bool>(), len)
        .prop_map(|bits| bits.into_iter().enumerate().filter(|(_, bit)| *bit).map(|(index, _)| index).collect())
}

/// A peer of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// A cell of the IPv4 axis.
    V4(usize),
    /// A cell of the IPv6 axis.
    V6(usize),
    /// One of the universe's symbols.
    Symbol(usize),
}

/// A set of peers of the model.
pub(crate) type Peers = BTreeSet<Peer>;

/// A set of traffic: which peer is admitted on which cell of the service axis.
pub(crate) type Points = BTreeSet<(usize, Peer)>;

/// A box: a run of service cells (both included), and who is admitted there.
pub(crate) type ModelBox = (usize, usize, Peers);

/// Peers in the common form: IPv4 runs, IPv6 runs, symbols.
pub(crate) type PeersShape = (Vec<(u128, u128)>, Vec<(u128, u128)>, Vec<Symbol>);

/// Traffic in the common form: each step's first and last service, and its peers.
pub(crate) type Shape = Vec<((u128, u128), PeersShape)>;

/// What a model is a model of: three axes and some names.
#[derive(Clone, Debug)]
pub(crate) struct Universe {
    pub(crate) services: Axis,
    pub(crate) v4: Axis,
    pub(crate) v6: Axis,
    pub(crate) symbols: Vec<Symbol>,
}

impl Universe {
    /// A small one, cut where something can go wrong: the ends of the axes, the borders of protocols, single ports and
    /// ICMP codes, a protocol without ports, single addresses beside each other, whole blocks, a prefix list and two
    /// groups that differ in their account only.
    pub(crate) fn toy() -> Self {
        let at = |protocol: u128, port: u128| protocol << 16 | port;
        let services = [
            at(0, 0),
            at(1, 0),      // icmp 0/0
            at(1, 0x0300), // icmp 3/0 to 3/3
            at(1, 0x0304), // icmp 3/4
            at(1, 0x0305), // icmp 3/5 to 255/255
            at(2, 0),      // protocols 2 to 5
            at(6, 0),      // tcp 0
            at(6, 1),      // tcp 1 to 21
            at(6, 22),     // tcp 22
            at(6, 23),     // tcp 23 to 65535
            at(7, 0),      // protocols 7 to 16
            at(17, 0),     // udp 0 to 52
            at(17, 53),    // udp 53
            at(17, 54),    // udp 54 to 65535
            at(18, 0),     // protocols 18 to 46
            at(47, 0),     // gre
            at(48, 0),     // protocols 48 to 57
            at(58, 0),     // icmpv6
            at(59, 0),     // protocols 59 to 254
            at(255, 0),    // protocol 255
        ];
        let v4 = [0, 1, 10 << 24, 11 << 24, 0xc000_0200, 0xc000_0201, 0xc000_0202, 0xffff_fffe, 0xffff_ffff];
        let v6 = [0, 1, 0x2000 << 112, 0x2001 << 112, 0x4000 << 112, 0xfc00 << 112, u128::MAX];
        let group = |account: &str| Symbol::Group { account: account.into(), id: "sg-1".into() };
        Self {
            services: Axis::cut(0x00ff_ffff, &services),
            v4: Axis::cut(u32::MAX.into(), &v4),
            v6: Axis::cut(u128::MAX, &v6),
            symbols: vec![group("111111111111"), group("222222222222"), Symbol::PrefixList("pl-1".into())],
        }
    }

    /// Every peer.
    pub(crate) fn everybody(&self) -> Peers {
        let v4 = (0..self.v4.len()).map(Peer::V4);
        let v6 = (0..self.v6.len()).map(Peer::V6);
        v4.chain(v6).chain((0..self.symbols.len()).map(Peer::Symbol)).collect()
    }

    /// Every peer on every service.
    pub(crate) fn everything(&self) -> Points {
        self.points(&[(0, self.services.len() - 1, self.everybody())])
    }

    /// The points of boxes.
    pub(crate) fn points(&self, boxes: &[ModelBox]) -> Points {
        let mut points = Points::new();
        for (first, last, peers) in boxes {
            for service in *first..=*last {
                points.extend(peers.iter().map(|peer| (service, *peer)));
            }
        }
        points
    }

    /// The peers in the common form.
    pub(crate) fn peers_shape(&self, peers: &Peers) -> PeersShape {
        let of = |pick: fn(&Peer) -> Option<usize>| peers.iter().filter_map(pick).collect::<Cells>();
        let v4 = of(|peer| if let Peer::V4(index) = peer { Some(*index) } else { None });
        let v6 = of(|peer| if let Peer::V6(index) = peer { Some(*index) } else { None });
        let symbols = of(|peer| if let Peer::Symbol(index) = peer { Some(*index) } else { None });
        let symbols: BTreeSet<Symbol> = symbols.into_iter().map(|index| self.symbols[index].clone()).collect();
        (self.v4.runs(&v4), self.v6.runs(&v6), symbols.into_iter().collect())
    }

    /// The real peers, made of one interval a cell.
    pub(crate) fn peers(&self, peers: &Peers) -> PeerSet {
        let (v4, v6, symbols) = self.peers_shape(peers);
        let v4 = v4.into_iter().map(|(low, high)| interval(low, high)).collect();
        let v6 = v6.into_iter().map(|(low, high)| interval(low, high)).collect();
        PeerSet { addresses: AddressSet { v4, v6 }, symbols: symbols.into_iter().collect() }
    }

    /// The real services.
    pub(crate) fn service_set(&self, services: &Cells) -> IntervalSet<u32> {
        self.services.real(services)
    }

    /// The real traffic, made of boxes.
    pub(crate) fn boxed(&self, boxes: &[ModelBox]) -> Traffic {
        let real = |(first, last, peers): &ModelBox| {
            (interval(self.services.cell(*first).0, self.services.cell(*last).1), self.peers(peers))
        };
        Traffic::from_boxes(boxes.iter().map(real))
    }

    /// The real traffic, made of one box a point.
    pub(crate) fn traffic(&self, points: &Points) -> Traffic {
        let boxes: Vec<ModelBox> = points.iter().map(|(service, peer)| (*service, *service, [*peer].into())).collect();
        self.boxed(&boxes)
    }

    /// Who is admitted on one service cell.
    pub(crate) fn peers_at(points: &Points, service: usize) -> Peers {
        points.iter().filter(|(at, _)| *at == service).map(|(_, peer)| *peer).collect()
    }

    /// The points in the common form, canonical: one step a cell, then neighbours with the same peers joined.
    pub(crate) fn shape(&self, points: &Points) -> Shape {
        let mut steps: Vec<(usize, (u128, u128), Peers)> = Vec::new();
        for service in 0..self.services.len() {
            let peers = Self::peers_at(points, service);
            let (low, high) = self.services.cell(service);
            match steps.last_mut() {
                Some((last, span, before)) if *last + 1 == service && *before == peers => {
                    *last = service;
                    span.1 = high;
                }
                _ if peers.is_empty() => {}
                _ => steps.push((service, (low, high), peers)),
            }
        }
        steps.into_iter().map(|(_, span, peers)| (span, self.peers_shape(&peers))).collect()
    }

    /// Any set of peers, sparse or dense.
    pub(crate) fn any_peers(&self) -> impl Strategy<Value = Peers> + use<> {
        let all: Vec<Peer> = self.everybody().into_iter().collect();
        prop_oneof![
            6 => prop::sample::subsequence(all.clone(), 0..=4),
            3 => prop::sample::subsequence(all.clone(), 0..=all.len()),
            1 => Just(all),
        ]
        .prop_map(|peers| peers.into_iter().collect())
    }

    /// Any handful of boxes, in any order, overlapping or not.
    pub(crate) fn any_boxes(&self) -> impl Strategy<Value = Vec<ModelBox>> + use<> {
        let len = self.services.len();
        let one = (0..len, 0..len, self.any_peers()).prop_map(|(a, b, peers)| (a.min(b), a.max(b), peers));
        prop::collection::vec(one, 0..6)
    }
}

/// Real peers in the common form.
pub(crate) fn peers_shape(peers: &PeerSet) -> PeersShape {
    let PeerSet { addresses, symbols } = peers;
    (runs(&addresses.v4), runs(&addresses.v6), symbols.iter().cloned().collect())
}

/// Real traffic in the common form.
pub(crate) fn shape(traffic: &Traffic) -> Shape {
    let steps = traffic.segments().iter();
    steps.map(|step| ((step.services.low.into(), step.services.high.into()), peers_shape(&step.peers))).collect()
}
