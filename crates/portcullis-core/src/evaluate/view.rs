//! A group ready to be judged.

use std::borrow::Cow;

use super::piece::{Piece, PiecePeer, PublicSpace, pieces};
use super::side;
use crate::model::{Direction, Inventory, SecurityGroup};
use crate::net::Traffic;

/// A group ready to be judged: its pieces of both directions, and what is the internet to it.
pub(crate) struct GroupView<'a> {
    /// The group.
    pub(crate) group: &'a SecurityGroup,
    /// What is the internet to it.
    pub(crate) public: PublicSpace,
    pieces: [Vec<Piece<'a>>; 2],
}

impl<'a> GroupView<'a> {
    /// The group as it is.
    pub(crate) fn new(group: &'a SecurityGroup, inventory: &'a Inventory) -> Self {
        let of = |direction| pieces(group, direction, inventory);
        Self {
            group,
            public: PublicSpace::of(group, inventory),
            pieces: [of(Direction::Ingress), of(Direction::Egress)],
        }
    }

    /// The group with what is left of some of its rules: the same places as its rules, `None` for one that is whole.
    pub(crate) fn with_remains(
        group: &'a SecurityGroup,
        inventory: &'a Inventory,
        remains: &[Option<Traffic>],
    ) -> Self {
        let mut view = Self::new(group, inventory);
        for pieces in &mut view.pieces {
            let mut left = Vec::with_capacity(pieces.len());
            for piece in pieces.drain(..) {
                match remains.get(piece.rule) {
                    Some(Some(traffic)) => left.extend(traffic.segments().iter().map(|segment| {
                        let services = segment.services;
                        let peer = if segment.peers.symbols.is_empty() {
                            PiecePeer::Addresses(Cow::Owned(segment.peers.addresses.clone()))
                        } else {
                            piece.peer.clone()
                        };
                        Piece { services, peer, ..piece.clone() }
                    })),
                    _ => left.push(piece),
                }
            }
            *pieces = left;
        }
        view
    }

    /// The traffic of one direction, prefix lists as their entries where those are known.
    pub(crate) fn traffic(&self, direction: Direction) -> Traffic {
        Traffic::from_boxes(self.pieces_of(direction).iter().map(|piece| (piece.services, piece.peers())))
    }

    /// The traffic of one rule.
    pub(crate) fn traffic_of_rule(&self, rule: usize, direction: Direction) -> Traffic {
        let of_rule = self.pieces_of(direction).iter().filter(|piece| piece.rule == rule);
        Traffic::from_boxes(of_rule.map(|piece| (piece.services, piece.peers())))
    }

    /// Its pieces of one direction.
    pub(crate) fn pieces_of(&self, direction: Direction) -> &[Piece<'a>] {
        self.pieces.get(side(direction)).map(Vec::as_slice).unwrap_or_default()
    }
}
