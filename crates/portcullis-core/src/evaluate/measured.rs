//! The controls that only measure the internet, fast: most groups expose nothing, and many expose the same.
//!
//! A group is screened with a bound that costs a look at each rule. What is left is described by its [`Shape`], the rules
//! that admit public addresses, and groups of one shape have the same findings but for their ids.

use std::collections::HashMap;
use std::sync::Arc;

use super::piece::{Piece, PiecePeer};
use super::side;
use crate::finding::Finding;
use crate::model::{Direction, Peer, SecurityGroup};
use crate::net::{Address, Cidr, Interval, Ipv4Cidr, Ipv6Cidr, special};
use crate::policy::PolicySet;

/// Up to so many rules, and for so many shapes, findings are remembered.
const MOST_RULES: usize = 8;
const MOST_SHAPES: usize = 1 << 12;

/// The least measures, IPv4 and IPv6, above which some control can fail, for each direction.
#[derive(Debug)]
pub(super) struct Screen {
    floors: [[u128; 2]; 2],
}

/// What screening a group's rules of one direction comes to.
#[derive(Debug)]
pub(super) enum Screened {
    /// No control can fail.
    Calm,
    /// Some control may, and all that matters is this; with the places of its rules in the group.
    Shape(Shape, Vec<usize>),
    /// Some control may, and it hangs on more than blocks.
    Other,
}

/// The services and blocks of the rules that admit public addresses, in the group's order.
pub(super) type Shape = Vec<(Interval<u32>, Block)>;

/// A block that holds public addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Block {
    V4(Interval<u32>),
    V6(Interval<u128>),
}

impl Screen {
    /// For the controls at these places of the policies, for each direction.
    pub(super) fn of(policies: &PolicySet, measured: &[Vec<usize>; 2]) -> Self {
        let floors = measured.each_ref().map(|places| {
            let controls = places.iter().filter_map(|place| policies.controls.get(*place));
            controls.fold([u128::MAX; 2], |[v4, v6], control| {
                let settings = &control.settings;
                [
                    v4.min(settings.internet_ipv4).min(settings.wide_ipv4),
                    v6.min(settings.internet_ipv6).min(settings.wide_ipv6),
                ]
            })
        });
        Self { floors }
    }

    /// Looks at the rules of a group to which the internet is what the registries say.
    pub(super) fn look(&self, group: &SecurityGroup, direction: Direction) -> Screened {
        let [floor_v4, floor_v6] = self.floors.get(side(direction)).copied().unwrap_or_default();
        let (mut v4, mut v6) = (0u128, 0u128);
        for (_, rule) in group.rules_of(direction) {
            match &rule.peer {
                Peer::V4(block) => v4 = v4.saturating_add(most_public_v4(*block)),
                Peer::V6(block) => v6 = v6.saturating_add(most_public_v6(**block)),
                Peer::PrefixList(_) => return Screened::Other,
                Peer::Group(_) => {}
            }
        }
        if v4 <= floor_v4 && v6 <= floor_v6 {
            return Screened::Calm;
        }
        let (mut shape, mut rules) = (Vec::new(), Vec::new());
        for (place, rule) in group.rules_of(direction) {
            let block = match &rule.peer {
                Peer::V4(block) => Block::V4(block.interval()),
                Peer::V6(block) => Block::V6(block.interval()),
                Peer::PrefixList(_) | Peer::Group(_) => continue,
            };
            if block.is_public() {
                shape.push((rule.services.interval(), block));
                rules.push(place);
            }
        }
        if shape.len() > MOST_RULES { Screened::Other } else { Screened::Shape(shape, rules) }
    }
}

impl Block {
    fn is_public(self) -> bool {
        match self {
            Self::V4(block) => special::public().v4.measure_within(block) > 0,
            Self::V6(block) => special::public().v6.measure_within(block) > 0,
        }
    }
}

/// A shape as pieces, whose rules are the places in the shape.
pub(super) fn pieces(shape: &Shape) -> Vec<Piece<'static>> {
    let piece = |(rule, (services, block)): (usize, &(Interval<u32>, Block))| {
        let peer = match block {
            Block::V4(block) => PiecePeer::V4(*block),
            Block::V6(block) => PiecePeer::V6(*block),
        };
        Piece { services: *services, rule, list: None, peer }
    };
    shape.iter().enumerate().map(piece).collect()
}

fn size<A: Address>(block: Cidr<A>) -> u128 {
    1u128.checked_shl(u32::from(A::BITS - block.prefix())).unwrap_or(u128::MAX)
}

/// At least as many public addresses as a block holds.
fn most_public_v4(block: Ipv4Cidr) -> u128 {
    let within = |address: u32, prefix: u8| {
        block.prefix() >= prefix && (block.address() ^ address) >> (32 - u32::from(prefix)) == 0
    };
    // The private blocks that nearly all rules are for; the others are no more than counted too high.
    let private = within(0x0a00_0000, 8) || within(0xac10_0000, 12) || within(0xc0a8_0000, 16);
    if private { 0 } else { size(block) }
}

/// The same for IPv6: unique local addresses are private.
fn most_public_v6(block: Ipv6Cidr) -> u128 {
    let private = block.prefix() >= 7 && block.address() >> 121 == 0xfc >> 1;
    if private { 0 } else { size(block) }
}

/// The findings of the shapes that were met, without ids: their rules are places in the shape.
#[derive(Debug, Default)]
pub(super) struct Memo {
    known: HashMap<(Direction, Shape), Arc<[Finding]>>,
}

impl Memo {
    /// The findings of a shape.
    pub(super) fn findings(
        &mut self,
        direction: Direction,
        shape: Shape,
        judge: impl FnOnce(&Shape) -> Vec<Finding>,
    ) -> Arc<[Finding]> {
        let key = (direction, shape);
        if let Some(known) = self.known.get(&key) {
            return Arc::clone(known);
        }
        let found: Arc<[Finding]> = judge(&key.1).into();
        if self.known.len() < MOST_SHAPES {
            self.known.insert(key, Arc::clone(&found));
        }
        found
    }
}
