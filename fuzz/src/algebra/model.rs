//! The naive model: lists of boxes, asked one by one. Shares no arithmetic with the algebra.

use portcullis_core::net::{AddressSet, Interval, PeerSet, Symbol};

/// Boxes of both sides together; the model asks each at each probe, so few is fast, and enough for every shape of overlap.
const MOST_BOXES: usize = 8;
/// Bytes of one box.
const BOX_LEN: usize = 11;

/// Some services for some peers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    services: (u32, u32),
    peers: (Peer, Peer),
}

/// One peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    V4(u32),
    V6(u128),
    Symbol(u8),
}

impl Patch {
    /// The same box for the algebra.
    pub(super) fn real(&self) -> (Interval<u32>, PeerSet) {
        let mut addresses = AddressSet::default();
        let peers = match self.peers {
            (Peer::V4(low), Peer::V4(high)) => {
                addresses.v4 = Interval { low, high }.into();
                addresses.into()
            }
            (Peer::V6(low), Peer::V6(high)) => {
                addresses.v6 = Interval { low, high }.into();
                addresses.into()
            }
            (Peer::Symbol(number), _) => symbol(number).into(),
            _ => addresses.into(),
        };
        (Interval { low: self.services.0, high: self.services.1 }, peers)
    }

    fn holds(&self, service: u32, peer: Peer) -> bool {
        let peer_inside = match (self.peers, peer) {
            ((Peer::V4(low), Peer::V4(high)), Peer::V4(at)) => low <= at && at <= high,
            ((Peer::V6(low), Peer::V6(high)), Peer::V6(at)) => low <= at && at <= high,
            ((Peer::Symbol(one), _), Peer::Symbol(other)) => one == other,
            _ => false,
        };
        peer_inside && self.services.0 <= service && service <= self.services.1
    }
}

pub(super) fn admits(boxes: &[Patch], service: u32, peer: Peer) -> bool {
    boxes.iter().any(|one| one.holds(service, peer))
}

pub(super) fn symbol(number: u8) -> Symbol {
    if number.is_multiple_of(2) {
        Symbol::PrefixList(format!("pl-{number:08x}").into())
    } else {
        Symbol::Group { account: "111122223333".into(), id: format!("sg-{number:08x}").into() }
    }
}

/// Two lists of boxes from any bytes.
pub(super) fn boxes(data: &[u8]) -> (Vec<Patch>, Vec<Patch>) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for bytes in data.chunks(BOX_LEN).take(MOST_BOXES) {
        let mut whole = [0; BOX_LEN];
        whole.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        let [head, protocol, port_a, port_b, port_c, port_d, a, b, c, d, prefix] = whole;
        let services = services(head >> 3, protocol, [port_a, port_b], [port_c, port_d]);
        let peers = peers(head >> 1 & 3, [a, b, c, d], prefix);
        let side = if head & 1 == 0 { &mut left } else { &mut right };
        side.push(Patch { services, peers });
    }
    (left, right)
}

/// What one rule can say: everything, ports of TCP or UDP, a type of ICMP, a whole protocol.
fn services(kind: u8, protocol: u8, from: [u8; 2], to: [u8; 2]) -> (u32, u32) {
    let (from, to) = (u32::from(u16::from_be_bytes(from)), u32::from(u16::from_be_bytes(to)));
    let within = |protocol: u32, from: u32, to: u32| (protocol << 16 | from.min(to), protocol << 16 | from.max(to));
    match kind % 8 {
        0 => (0, 0xff_ffff),
        1 => within(u32::from(protocol), 0, 0xffff),
        2 => within(1, from, from | 0xff),
        3 => within(17, from, to),
        4 => within(6, from, from),
        _ => within(6, from, to),
    }
}

/// A block of either family, or a symbol of which there are few, so that they meet.
fn peers(kind: u8, address: [u8; 4], prefix: u8) -> (Peer, Peer) {
    let address = u32::from_be_bytes(address);
    match kind {
        0 | 1 => {
            let host = u32::MAX.checked_shr(u32::from(prefix % 33)).unwrap_or(0);
            (Peer::V4(address & !host), Peer::V4(address | host))
        }
        2 => {
            let (prefix, address) = (u32::from(prefix % 129), u128::from(address) << 96 | u128::from(prefix));
            let host = u128::MAX.checked_shr(prefix).unwrap_or(0);
            (Peer::V6(address & !host), Peer::V6(address | host))
        }
        _ => (Peer::Symbol(prefix % 4), Peer::Symbol(prefix % 4)),
    }
}

/// Where an answer can change: every border, and one step to either side.
pub(super) fn probes(left: &[Patch], right: &[Patch]) -> (Vec<u32>, Vec<Peer>) {
    let (mut services, mut peers) = (Vec::new(), Vec::new());
    for one in left.iter().chain(right) {
        let (low, high) = one.services;
        services.extend([low.saturating_sub(1), low, high, high.saturating_add(1)]);
        let (low, high) = one.peers;
        peers.extend([step(low, false), low, high, step(high, true)]);
    }
    services.sort_unstable();
    services.dedup();
    peers.sort_unstable();
    peers.dedup();
    (services, peers)
}

fn step(peer: Peer, up: bool) -> Peer {
    match (peer, up) {
        (Peer::V4(at), true) => Peer::V4(at.saturating_add(1)),
        (Peer::V4(at), false) => Peer::V4(at.saturating_sub(1)),
        (Peer::V6(at), true) => Peer::V6(at.saturating_add(1)),
        (Peer::V6(at), false) => Peer::V6(at.saturating_sub(1)),
        (Peer::Symbol(number), _) => Peer::Symbol((number + 1) % 4),
    }
}
