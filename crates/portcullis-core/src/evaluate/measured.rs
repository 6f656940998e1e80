//! The controls that only measure the internet, fast: most groups expose nothing, and many expose the same.
//!
//! A group is screened with a bound that costs a look at each rule. What is left is described by its shape, the rules that
//! may admit public addresses, and groups of one shape have the same verdicts, and the same findings but for their ids.

use std::cell::OnceCell;

use compact_str::CompactString;
use foldhash::HashMap;

use super::piece::{Piece, PiecePeer, measure_both};
use super::side;
use super::verdicts::ControlSet;
use crate::finding::Finding;
use crate::model::{Direction, Inventory, Peer, Rule, SecurityGroup};
use crate::net::{Address, Cidr, Ipv4Cidr, Ipv6Cidr, special};
use crate::policy::Settings;

/// Up to so many rules, and for so many shapes, what they come to is remembered.
const MOST_RULES: usize = 8;
const MOST_SHAPES: usize = 1 << 12;

/// What decides at a look that no control can fail.
#[derive(Debug)]
pub(super) struct Screen<'a> {
    inventory: &'a Inventory,
    /// The least measures, IPv4 and IPv6, above which some control can fail, for each direction; `None` where no control
    /// measures anything.
    floors: Option<[[u128; 2]; 2]>,
    lists: HashMap<&'a str, List>,
    /// One that the inventory does not hold.
    unlisted: List,
}

/// A prefix list.
#[derive(Clone, Copy, Debug)]
struct List {
    /// Tells it from others; all that the inventory does not hold are alike.
    number: u64,
    most: Most,
}

/// At least as many public addresses as somebody has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Most {
    v4: u64,
    v6: u128,
}

/// What screening a group's rules of one direction comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// No control can fail.
    Calm,
    /// Some control may, and all that matters is the shape.
    Shape,
    /// As a shape, but it holds prefix lists, so that what is said of it is the group's own.
    Lists,
    /// Some control may, and it hangs on more than a few blocks.
    Other,
}

/// What the rules of one direction come to at most.
#[derive(Clone, Copy, Default)]
struct Bound {
    most: Most,
    rules: usize,
    lists: bool,
}

impl<'a> Screen<'a> {
    /// For the measures of the controls that only measure the internet, each with its direction.
    pub(super) fn of<'s>(
        inventory: &'a Inventory,
        measures: impl IntoIterator<Item = (Direction, &'s Settings)>,
    ) -> Self {
        let mut floors = None;
        for (direction, settings) in measures {
            let floors = floors.get_or_insert([[u128::MAX; 2]; 2]);
            if let Some([v4, v6]) = floors.get_mut(side(direction)) {
                *v4 = settings.internet_ipv4.min(settings.wide_ipv4).min(*v4);
                *v6 = settings.internet_ipv6.min(settings.wide_ipv6).min(*v6);
            }
        }
        let list = |(number, id): (u64, &'a CompactString)| {
            (id.as_str(), List { number, most: Most::of(&PiecePeer::of_list(id, inventory)) })
        };
        let lists = (1..).zip(inventory.prefix_lists.keys()).map(list).collect();
        Self { inventory, floors, lists, unlisted: List { number: 0, most: Most::of_anybody() } }
    }

    /// Looks at the rules of a group to which the internet is what the registries say: ingress, then egress.
    pub(super) fn look(&self, group: &SecurityGroup) -> [Sight; 2] {
        let Some([of_ingress, of_egress]) = self.floors else { return [Sight::Calm; 2] };
        let [mut ingress, mut egress] = [Bound::default(); 2];
        for rule in &group.rules {
            let bound = match rule.direction {
                Direction::Ingress => &mut ingress,
                Direction::Egress => &mut egress,
            };
            match &rule.peer {
                Peer::V4(block) => {
                    let most = most_public_v4(*block);
                    bound.most.v4 += most;
                    bound.rules += usize::from(most > 0);
                }
                Peer::Group(_) => {}
                peer @ (Peer::V6(_) | Peer::PrefixList(_)) => {
                    let most = self.most(peer);
                    bound.most.v4 += most.v4;
                    bound.most.v6 = bound.most.v6.saturating_add(most.v6);
                    bound.rules += usize::from(most != Most::default());
                    bound.lists |= matches!(peer, Peer::PrefixList(_));
                }
            }
        }
        [ingress.sight(of_ingress), egress.sight(of_egress)]
    }

    fn list(&self, id: &str) -> List {
        if self.lists.is_empty() { self.unlisted } else { self.lists.get(id).copied().unwrap_or(self.unlisted) }
    }

    fn most(&self, peer: &Peer) -> Most {
        match peer {
            Peer::V4(block) => Most { v4: most_public_v4(*block), v6: 0 },
            Peer::V6(block) => Most { v4: 0, v6: most_public_v6(**block) },
            Peer::Group(_) => Most::default(),
            Peer::PrefixList(id) => self.list(id).most,
        }
    }

    /// The rules of a direction that may admit public addresses, with their places in the group.
    fn shape<'g>(&self, group: &'g SecurityGroup, direction: Direction) -> impl Iterator<Item = (usize, &'g Rule)> {
        group.rules_of(direction).filter(|(_, rule)| self.most(&rule.peer) != Most::default())
    }

    /// The places of a shape's rules in the group.
    pub(super) fn places(&self, group: &SecurityGroup, direction: Direction) -> Vec<usize> {
        self.shape(group, direction).map(|(place, _)| place).collect()
    }

    /// A shape as pieces, whose rules are the places in the shape.
    pub(super) fn pieces<'g>(&self, group: &'g SecurityGroup, direction: Direction) -> Vec<Piece<'g>>
    where
        'a: 'g,
    {
        let piece = |(place, (_, rule)): (usize, (usize, &'g Rule))| Piece::of(place, rule, self.inventory);
        self.shape(group, direction).enumerate().map(piece).collect()
    }
}

impl Bound {
    fn sight(self, [floor_v4, floor_v6]: [u128; 2]) -> Sight {
        if u128::from(self.most.v4) <= floor_v4 && self.most.v6 <= floor_v6 {
            Sight::Calm
        } else if self.rules > MOST_RULES {
            Sight::Other
        } else if self.lists {
            Sight::Lists
        } else {
            Sight::Shape
        }
    }
}

impl Most {
    /// What a list of which nothing is known may have.
    fn of_anybody() -> Self {
        let public = special::public();
        Self { v4: narrow(public.v4.measure()), v6: public.v6.measure() }
    }

    fn of(peer: &PiecePeer<'_>) -> Self {
        let public = special::public();
        match peer {
            PiecePeer::Addresses(set) | PiecePeer::Unresolved(_, set) => {
                Self { v4: narrow(measure_both(&set.v4, &public.v4)), v6: measure_both(&set.v6, &public.v6) }
            }
            PiecePeer::V4(_) | PiecePeer::V6(_) | PiecePeer::Group(_) => Self::default(),
        }
    }
}

/// IPv4 has no more addresses than that.
fn narrow(measure: u128) -> u64 {
    u64::try_from(measure).unwrap_or(u64::MAX)
}

fn size<A: Address>(block: Cidr<A>) -> u128 {
    1u128.checked_shl(u32::from(A::BITS - block.prefix())).unwrap_or(u128::MAX)
}

/// At least as many public addresses as a block holds.
fn most_public_v4(block: Ipv4Cidr) -> u64 {
    let (address, prefix) = (block.address(), block.prefix());
    // The private blocks that nearly all rules are for; the others are no more than counted too high.
    let private = address >> 24 == 0x0a && prefix >= 8
        || address >> 20 == 0xac1 && prefix >= 12
        || address >> 16 == 0xc0a8 && prefix >= 16;
    if private { 0 } else { 1 << (32 - u32::from(prefix)) }
}

/// The same for IPv6: unique local addresses are private.
fn most_public_v6(block: Ipv6Cidr) -> u128 {
    let private = block.prefix() >= 7 && block.address() >> 121 == 0xfc >> 1;
    if private { 0 } else { size(block) }
}

/// What is known of a shape.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The controls that fail.
    pub(super) fail: ControlSet,
    /// Those that cannot be told.
    pub(super) unknown: ControlSet,
    /// The findings of those that fail without ids, made when first asked for; their rules are places in the shape.
    pub(super) findings: OnceCell<Box<[Finding]>>,
}

/// The shapes that were met.
#[derive(Debug, Default)]
pub(super) struct Memo {
    places: HashMap<Box<[u64]>, usize>,
    known: Vec<Known>,
    key: Vec<u64>,
    /// Stands in for one more where there is no room.
    other: Known,
}

impl Memo {
    /// What is known of the shape of a group's rules of a direction.
    pub(super) fn known(
        &mut self,
        screen: &Screen<'_>,
        group: &SecurityGroup,
        direction: Direction,
        judge: impl FnOnce() -> Known,
    ) -> &Known {
        self.write_key(screen, group, direction);
        let place = match self.places.get(self.key.as_slice()) {
            Some(place) => *place,
            None if self.known.len() < MOST_SHAPES => {
                self.known.push(judge());
                self.places.insert(self.key.as_slice().into(), self.known.len() - 1);
                self.known.len() - 1
            }
            None => {
                self.other = judge();
                usize::MAX
            }
        };
        self.known.get(place).unwrap_or(&self.other)
    }

    /// A shape as numbers: equal for equal shapes, and only for those.
    fn write_key(&mut self, screen: &Screen<'_>, group: &SecurityGroup, direction: Direction) {
        // Services have 24 bits, so there is room to tell the kinds of peers apart.
        const LIST: u64 = 1 << 62;
        const IPV6: u64 = 1 << 63;
        self.key.clear();
        self.key.push(side(direction) as u64);
        for (_, rule) in screen.shape(group, direction) {
            let services = rule.services.interval();
            let services = u64::from(services.low) << 32 | u64::from(services.high);
            match &rule.peer {
                Peer::V4(block) => {
                    self.key.extend([services, u64::from(block.address()) << 32 | u64::from(block.prefix())]);
                }
                Peer::V6(block) => {
                    let halves = [block.address() >> 64, block.address() & u128::from(u64::MAX)];
                    self.key.extend([services | IPV6, u64::from(block.prefix())]);
                    self.key.extend(halves.map(narrow));
                }
                Peer::PrefixList(id) => self.key.extend([services | LIST, screen.list(id).number]),
                Peer::Group(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::special;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_block_holds_more_public_addresses_than_the_bound(
            v4 in any::<u32>(), near in 0usize..4, prefix in 0u8..=32, v6 in any::<u128>(), prefix6 in 0u8..=128,
        ) {
            let bases = [v4, 0x0a00_0000 ^ v4 >> 9, 0xac10_0000 ^ v4 >> 13, 0xc0a8_0000 ^ v4 >> 17];
            let base = bases.get(near).copied().unwrap_or_default();
            if let Some(block) = Ipv4Cidr::new(base, prefix) {
                let held = special::public().v4.measure_within(block.interval());
                prop_assert!(held <= u128::from(most_public_v4(block)), "{}", block);
            }
            for base in [v6, 0xfc << 120 ^ v6 >> 8, 0x2001 << 112 ^ v6 >> 20] {
                if let Some(block) = Ipv6Cidr::new(base, prefix6) {
                    let held = special::public().v6.measure_within(block.interval());
                    prop_assert!(held <= most_public_v6(block), "{}", block);
                }
            }
        }
    }
}
