//! Which of many rules admit a service and a peer, without asking each.
//!
//! The services and the addresses of a group's rules are cut at all their borders; for each stretch between two borders a
//! row of bits says which rules span it. A rule admits what it spans on both axes, so an answer is two searches and a few
//! ANDs, however many rules, blocks and entries of prefix lists there are.

use std::net::IpAddr;

use crate::net::{AddressSet, Interval, Point};

/// The bits of rules along one axis.
#[derive(Debug, Default)]
struct Steps<T> {
    /// Where each stretch begins; it ends before the next.
    starts: Vec<T>,
    /// A row of bits a stretch.
    bits: Vec<u64>,
}

impl<T: Point> Steps<T> {
    /// From the intervals of each rule, which are disjoint and do not touch.
    fn new(spans: &[(usize, Interval<T>)], words: usize) -> Self {
        let mut borders: Vec<(T, usize)> = Vec::with_capacity(spans.len() * 2);
        for (rule, span) in spans {
            borders.push((span.low, *rule));
            borders.extend(span.high.next().map(|end| (end, *rule)));
        }
        borders.sort_unstable();
        let mut steps = Self { starts: Vec::new(), bits: Vec::new() };
        let mut row = vec![0u64; words];
        for at in borders.chunk_by(|a, b| a.0 == b.0) {
            let Some((start, _)) = at.first() else { continue };
            // A border of a rule is where its bit changes.
            for (_, rule) in at {
                row.get_mut(rule / 64).into_iter().for_each(|word| *word ^= 1 << (rule % 64));
            }
            steps.starts.push(*start);
            steps.bits.extend_from_slice(&row);
        }
        steps
    }

    fn row(&self, step: usize, words: usize) -> &[u64] {
        self.bits.get(step * words..(step + 1) * words).unwrap_or_default()
    }

    /// The rules that span `point`; empty for none.
    fn at(&self, point: T, words: usize) -> &[u64] {
        let after = self.starts.partition_point(|start| *start <= point);
        after.checked_sub(1).map_or(&[], |step| self.row(step, words))
    }

    /// The steps that share a point with `interval`.
    fn within(&self, interval: Interval<T>, words: usize) -> impl Iterator<Item = &[u64]> {
        let first = self.starts.partition_point(|start| *start <= interval.low).saturating_sub(1);
        let end = self.starts.partition_point(|start| *start <= interval.high);
        (first..end).map(move |step| self.row(step, words))
    }
}

/// A rule as a sieve sees it.
#[derive(Clone, Debug)]
pub(super) struct Mesh {
    /// Its place among the rules of its group.
    pub(super) rule: u32,
    /// Its protocol and ports.
    pub(super) services: Interval<u32>,
    /// Whom it admits; where that is not known, whom it might.
    pub(super) peers: AddressSet,
    /// Whether `peers` is only who might be meant.
    pub(super) guessed: bool,
}

/// The rules of one direction of one group.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    words: usize,
    services: Steps<u32>,
    v4: Steps<u32>,
    v6: Steps<u128>,
    guessed: Vec<u64>,
    rules: Vec<u32>,
}

/// How sure it is that the rules found admit a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sureness {
    /// None was found.
    #[default]
    None,
    /// Their peers are not known, and nothing else admits the flow: one of them must.
    Guessed,
    /// Their peers are known.
    Sure,
}

impl Sieve {
    pub(super) fn new(meshes: &[Mesh]) -> Self {
        let words = meshes.len().div_ceil(64);
        let (mut services, mut v4, mut v6) = (Vec::new(), Vec::new(), Vec::new());
        let mut guessed = vec![0u64; words];
        for (bit, mesh) in meshes.iter().enumerate() {
            services.push((bit, mesh.services));
            v4.extend(mesh.peers.v4.intervals().iter().map(|interval| (bit, *interval)));
            v6.extend(mesh.peers.v6.intervals().iter().map(|interval| (bit, *interval)));
            if mesh.guessed {
                guessed.get_mut(bit / 64).into_iter().for_each(|word| *word |= 1 << (bit % 64));
            }
        }
        Self {
            words,
            services: Steps::new(&services, words),
            v4: Steps::new(&v4, words),
            v6: Steps::new(&v6, words),
            guessed,
            rules: meshes.iter().map(|mesh| mesh.rule).collect(),
        }
    }

    /// Calls `found` for each rule that admits any of `services` to or from `peer`, with whether its peers are known.
    pub(super) fn admitting(&self, services: Interval<u32>, peer: IpAddr, mut found: impl FnMut(u32, Sureness)) {
        if self.words == 0 {
            return;
        }
        let of_peer = match peer {
            IpAddr::V4(address) => self.v4.at(address.to_bits(), self.words),
            IpAddr::V6(address) => self.v6.at(address.to_bits(), self.words),
        };
        if of_peer.is_empty() {
            return;
        }
        for (word, peers) in of_peer.iter().enumerate().filter(|(_, peers)| **peers != 0) {
            let of_services = if services.low == services.high {
                self.services.at(services.low, self.words).get(word).copied().unwrap_or(0)
            } else {
                let rows = self.services.within(services, self.words);
                rows.fold(0, |all, row| all | row.get(word).copied().unwrap_or(0))
            };
            let guessed = self.guessed.get(word).copied().unwrap_or(0);
            let mut bits = peers & of_services;
            while bits != 0 {
                let bit = bits.trailing_zeros();
                let sureness = if guessed >> bit & 1 == 1 { Sureness::Guessed } else { Sureness::Sure };
                if let Some(rule) = self.rules.get(word * 64 + bit as usize) {
                    found(*rule, sureness);
                }
                bits &= bits - 1;
            }
        }
    }
}
