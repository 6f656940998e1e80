//! A group's rules as boxes on the service axis, ready for sweeps.

use std::borrow::Cow;
use std::sync::LazyLock;

use compact_str::{CompactString, ToCompactString, format_compact};

use crate::model::{Direction, GroupReference, Inventory, Peer, PrefixList, Rule, SecurityGroup};
use crate::net::{AddressSet, AnyCidr, Family, Interval, IntervalSet, PeerSet, Symbol, special};
use crate::policy::{AllowedPeers, AllowedRule};

/// Who a piece admits.
#[derive(Clone, Debug)]
pub(crate) enum PiecePeer<'a> {
    /// One IPv4 block.
    V4(Interval<u32>),
    /// One IPv6 block.
    V6(Interval<u128>),
    /// Addresses: the entries of a prefix list, or what is left of a rule.
    Addresses(Cow<'a, AddressSet>),
    /// A prefix list whose entries are not known, and the addresses that they can be at most.
    Unresolved(&'a str, Cow<'a, AddressSet>),
    /// A referenced group.
    Group(&'a GroupReference),
}

/// One rule, or what is left of it, on some services.
#[derive(Clone, Debug)]
pub(crate) struct Piece<'a> {
    /// The services.
    pub(crate) services: Interval<u32>,
    /// Index of the rule.
    pub(crate) rule: usize,
    /// The prefix list that the rule names, resolved or not.
    pub(crate) list: Option<&'a str>,
    /// Who.
    pub(crate) peer: PiecePeer<'a>,
}

/// How things that cannot be told are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assume {
    /// In the group's favour.
    Best,
    /// Against it.
    Worst,
}

/// The addresses that are the internet to the groups of one VPC.
#[derive(Clone, Debug)]
pub(crate) enum PublicSpace {
    /// By the registries alone.
    Registries,
    /// Less the VPC's own blocks.
    Less(Box<AddressSet>),
}

impl PublicSpace {
    /// For a group.
    pub(crate) fn of(group: &SecurityGroup, inventory: &Inventory) -> Self {
        match inventory.vpcs.get(&group.vpc_id) {
            Some(vpc) if vpc.addresses.intersects(special::public()) => {
                Self::Less(Box::new(special::public().difference(&vpc.addresses)))
            }
            _ => Self::Registries,
        }
    }

    /// The set.
    pub(crate) fn set(&self) -> &AddressSet {
        match self {
            Self::Registries => special::public(),
            Self::Less(set) => set,
        }
    }
}

impl<'a> Piece<'a> {
    /// How many public addresses of a family it admits, on its own. What is not known counts as nothing or everything.
    pub(crate) fn public_measure(&self, family: Family, public: &AddressSet, assume: Assume) -> u128 {
        match (&self.peer, family) {
            (PiecePeer::V4(block), Family::Ipv4) => public.v4.measure_within(*block),
            (PiecePeer::V6(block), Family::Ipv6) => public.v6.measure_within(*block),
            (PiecePeer::Addresses(set), Family::Ipv4) => measure_both(&set.v4, &public.v4),
            (PiecePeer::Addresses(set), Family::Ipv6) => measure_both(&set.v6, &public.v6),
            (PiecePeer::Unresolved(_, most), _) if assume == Assume::Worst => match family {
                Family::Ipv4 => measure_both(&most.v4, &public.v4),
                Family::Ipv6 => measure_both(&most.v6, &public.v6),
            },
            _ => 0,
        }
    }

    /// Its addresses. What is not known counts as nothing or everything.
    pub(crate) fn addresses(&self, assume: Assume) -> Cow<'_, AddressSet> {
        match &self.peer {
            PiecePeer::V4(block) => Cow::Owned(AddressSet { v4: (*block).into(), v6: IntervalSet::empty() }),
            PiecePeer::V6(block) => Cow::Owned(AddressSet { v4: IntervalSet::empty(), v6: (*block).into() }),
            PiecePeer::Addresses(set) => Cow::Borrowed(set.as_ref()),
            PiecePeer::Unresolved(_, most) if assume == Assume::Worst => Cow::Borrowed(most.as_ref()),
            PiecePeer::Unresolved(..) | PiecePeer::Group(_) => Cow::Owned(AddressSet::default()),
        }
    }

    /// Its name in the algebra, if it is known by name only.
    pub(crate) fn symbol(&self) -> Option<Symbol> {
        match &self.peer {
            PiecePeer::Unresolved(id, _) => Some(Symbol::PrefixList((*id).into())),
            PiecePeer::Group(group) => Some(group_symbol(group)),
            _ => None,
        }
    }

    /// Its peers as a set: addresses as far as known, else the symbol.
    pub(crate) fn peers(&self) -> PeerSet {
        match self.symbol() {
            Some(symbol) => symbol.into(),
            None => self.addresses(Assume::Best).into_owned().into(),
        }
    }

    /// Whether its addresses are not known.
    pub(crate) fn is_unresolved(&self) -> bool {
        matches!(self.peer, PiecePeer::Unresolved(..))
    }

    /// Whether a set of peers of a policy names this piece's list or group.
    pub(crate) fn named_by(&self, set: &PeerSet) -> bool {
        set.symbols.iter().any(|symbol| match (symbol, &self.peer) {
            (Symbol::PrefixList(id), _) => self.list == Some(id.as_str()),
            (Symbol::Group { account, id }, PiecePeer::Group(group)) => {
                let same_account = account.is_empty() || group.account.is_empty() || *account == group.account;
                same_account && *id == group.id
            }
            _ => false,
        })
    }
}

/// A referenced group in the algebra.
pub(crate) fn group_symbol(group: &GroupReference) -> Symbol {
    let id = if group.id.is_empty() { group.name.clone() } else { group.id.clone() };
    Symbol::Group { account: group.account.clone(), id }
}

/// How many points two sets share.
pub(super) fn measure_both<T: crate::net::Point>(a: &IntervalSet<T>, b: &IntervalSet<T>) -> u128 {
    a.intervals().iter().fold(0u128, |sum, interval| sum.saturating_add(b.measure_within(*interval)))
}

impl<'a> PiecePeer<'a> {
    /// Who a rule admits.
    fn of(peer: &'a Peer, inventory: &'a Inventory) -> Self {
        match peer {
            Peer::V4(block) => Self::V4(block.interval()),
            Peer::V6(block) => Self::V6(block.interval()),
            Peer::Group(reference) => Self::Group(reference),
            Peer::PrefixList(id) => Self::of_list(id, inventory),
        }
    }

    /// Who a prefix list stands for.
    pub(super) fn of_list(id: &'a str, inventory: &'a Inventory) -> Self {
        let list = inventory.prefix_lists.get(id);
        match list.and_then(|list| list.entries.as_ref()) {
            Some(entries) => Self::Addresses(Cow::Borrowed(entries)),
            None => Self::Unresolved(id, Cow::Borrowed(at_most(list))),
        }
    }
}

impl<'a> Piece<'a> {
    /// A rule, whole.
    pub(super) fn of(place: usize, rule: &'a Rule, inventory: &'a Inventory) -> Self {
        let list = match &rule.peer {
            Peer::PrefixList(id) => Some(id.as_str()),
            _ => None,
        };
        Self { services: rule.services.interval(), rule: place, list, peer: PiecePeer::of(&rule.peer, inventory) }
    }
}

/// The pieces of a group's rules of one direction.
pub(crate) fn pieces<'a>(group: &'a SecurityGroup, direction: Direction, inventory: &'a Inventory) -> Vec<Piece<'a>> {
    group.rules_of(direction).map(|(place, rule)| Piece::of(place, rule, inventory)).collect()
}

/// What each rule of a direction admits: its place in the group, its services and its peers. Prefix lists stand for their
/// entries as far as those are known, else for themselves.
pub fn boxes(
    group: &SecurityGroup,
    direction: Direction,
    inventory: &Inventory,
) -> Vec<(usize, (Interval<u32>, PeerSet))> {
    let pieces = pieces(group, direction, inventory);
    pieces.iter().map(|piece| (piece.rule, (piece.services, piece.peers()))).collect()
}

static ALL: LazyLock<AddressSet> = LazyLock::new(AddressSet::all);
static ALL_V4: LazyLock<AddressSet> = LazyLock::new(|| AddressSet { v4: IntervalSet::all(), v6: IntervalSet::empty() });
static ALL_V6: LazyLock<AddressSet> = LazyLock::new(|| AddressSet { v4: IntervalSet::empty(), v6: IntervalSet::all() });

/// What a prefix list whose entries are not known can hold at most.
fn at_most(list: Option<&PrefixList>) -> &'static AddressSet {
    match list.and_then(|list| list.family) {
        Some(Family::Ipv4) => &ALL_V4,
        Some(Family::Ipv6) => &ALL_V6,
        None => &ALL,
    }
}

/// The peers of a policy with the prefix lists that it names put in as far as they are known.
pub(crate) fn resolve(set: &PeerSet, inventory: &Inventory, unknown_as_all: bool) -> AddressSet {
    let mut addresses = set.addresses.clone();
    for symbol in &set.symbols {
        if let Symbol::PrefixList(id) = symbol {
            let list = inventory.prefix_lists.get(id);
            match list.and_then(|list| list.entries.as_ref()) {
                Some(entries) => addresses = addresses.union(entries),
                None if unknown_as_all => addresses = addresses.union(at_most(list)),
                None => {}
            }
        }
    }
    addresses
}

/// What an allowed rule takes out of one piece.
enum Taken {
    Nothing,
    Whole,
    /// The addresses that it names.
    Addresses,
}

/// The pieces less what the allowed rules of a file allow.
pub(crate) fn without_allowed<'a>(
    pieces: &[Piece<'a>],
    allowed: &[&AllowedRule],
    direction: Direction,
    inventory: &Inventory,
    name_of: impl Fn(&'a GroupReference) -> Option<&'a str>,
    assume: Assume,
) -> Vec<Piece<'a>> {
    let mut left: Vec<Piece<'a>> = pieces.to_vec();
    for rule in allowed.iter().filter(|rule| rule.direction == direction) {
        let addresses = match &rule.peers {
            AllowedPeers::Only(set) => resolve(set, inventory, assume == Assume::Best),
            AllowedPeers::Anyone | AllowedPeers::GroupsNamed(_) => AddressSet::default(),
        };
        let taken = |piece: &Piece<'a>| match &rule.peers {
            AllowedPeers::Anyone => Taken::Whole,
            AllowedPeers::Only(set) if piece.named_by(set) => Taken::Whole,
            AllowedPeers::GroupsNamed(pattern) => match &piece.peer {
                PiecePeer::Group(group) => match name_of(group) {
                    Some(name) if pattern.is_match(name) => Taken::Whole,
                    None if assume == Assume::Best => Taken::Whole,
                    _ => Taken::Nothing,
                },
                _ => Taken::Nothing,
            },
            AllowedPeers::Only(_) if matches!(piece.peer, PiecePeer::Group(_)) => Taken::Nothing,
            AllowedPeers::Only(_) => Taken::Addresses,
        };
        let mut next = Vec::with_capacity(left.len());
        for piece in left {
            let taken = taken(&piece);
            let inside = rule.services.intersection(&piece.services.into());
            if matches!(taken, Taken::Nothing) || inside.is_empty() {
                next.push(piece);
                continue;
            }
            let outside = IntervalSet::from(piece.services).difference(&rule.services);
            let at = |services: &Interval<u32>| Piece { services: *services, ..piece.clone() };
            next.extend(outside.intervals().iter().map(at));
            if matches!(taken, Taken::Addresses) {
                let rest = piece.addresses(Assume::Worst).difference(&addresses);
                if !rest.is_empty() {
                    let peer = match &piece.peer {
                        PiecePeer::Unresolved(id, _) => PiecePeer::Unresolved(id, Cow::Owned(rest)),
                        _ => PiecePeer::Addresses(Cow::Owned(rest)),
                    };
                    let narrowed = Piece { peer, ..piece.clone() };
                    next.extend(
                        inside.intervals().iter().map(|services| Piece { services: *services, ..narrowed.clone() }),
                    );
                }
            }
        }
        left = next;
    }
    left
}

/// The blocks and names of a set of peers as reports print them.
pub(crate) fn peer_texts(peers: &PeerSet) -> Vec<CompactString> {
    let blocks = peers.addresses.cidrs().into_iter().map(|block: AnyCidr| block.to_compact_string());
    let names = peers.symbols.iter().map(|symbol| match symbol {
        Symbol::Group { account, id } if account.is_empty() => id.clone(),
        Symbol::Group { account, id } => format_compact!("{account}/{id}"),
        Symbol::PrefixList(id) => id.clone(),
    });
    blocks.chain(names).collect()
}
