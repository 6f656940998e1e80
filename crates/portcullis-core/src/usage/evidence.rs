//! Which of two ports is a service's, by what is seen of them.
//!
//! Many clients call one service, each from a port of the moment: so the port of a service meets many different ports at
//! the other end, and a port of the moment few. What is counted is therefore how many different ports a port was seen
//! together with; first at the very address, then, if that does not tell, at any address of the same side of the interface.

use std::cmp::Ordering;
use std::net::IpAddr;

use foldhash::HashMap;
use foldhash::fast::FixedState;
use std::hash::BuildHasher as _;

use super::attribute::number;
use super::flow::Flow;
use super::place::Sight;
use crate::model::Direction;
use crate::net::Protocol;

/// More different ports than this need not be told apart: ports of the moment meet but the few services of a client.
const ENOUGH: usize = 8;

/// The ports that a port was seen together with, up to a number.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    ports: [u16; ENOUGH],
    count: u8,
}

impl Met {
    fn add(&mut self, port: u16) {
        let count = usize::from(self.count);
        if count < ENOUGH
            && !self.ports.iter().take(count).any(|seen| *seen == port)
            && let Some(slot) = self.ports.get_mut(count)
        {
            *slot = port;
            self.count += 1;
        }
    }
}

/// A part of what was seen of ports.
#[derive(Debug, Default)]
pub struct Evidence(HashMap<u64, Met>);

/// The two ends of a flow, as keys.
struct Ends {
    /// The source's port at its address, and at its side.
    source: [u64; 2],
    /// The destination's.
    destination: [u64; 2],
}

fn ends(flow: &Flow, sight: Sight) -> Option<Ends> {
    if !Protocol(flow.protocol).has_ports() || flow.source_port == flow.destination_port {
        return None;
    }
    let hasher = FixedState::with_seed(0);
    let at = |address: IpAddr, port: u16| hasher.hash_one((number(address), port, flow.protocol));
    let (source, destination) = (at(flow.source, flow.source_port), at(flow.destination, flow.destination_port));
    // Where it is not known which end is the interface's own, there are no sides.
    let Some(direction) = sight.direction else {
        return Some(Ends { source: [source; 2], destination: [destination; 2] });
    };
    let inward = direction == Direction::Ingress;
    let side = |own: bool, port: u16| hasher.hash_one((sight.place, own, port, flow.protocol));
    Some(Ends {
        source: [source, side(!inward, flow.source_port)],
        destination: [destination, side(inward, flow.destination_port)],
    })
}

impl Evidence {
    /// What flows tell of the ports that are asked about.
    pub(super) fn gather<'f>(asked: impl Iterator<Item = u64>, flows: impl Iterator<Item = (&'f Flow, Sight)>) -> Self {
        let mut met: HashMap<u64, Met> = asked.map(|port| (port, Met::default())).collect();
        if met.is_empty() {
            return Self(met);
        }
        for (flow, sight) in flows {
            let Some(ends) = ends(flow, sight) else { continue };
            let mut note = |keys: [u64; 2], port: u16| {
                for key in keys {
                    if let Some(met) = met.get_mut(&key) {
                        met.add(port);
                    }
                }
            };
            note(ends.source, flow.destination_port);
            note(ends.destination, flow.source_port);
        }
        Self(met)
    }
}

/// The ports of a flow, as they are asked about.
pub(super) fn ports(flow: &Flow, sight: Sight) -> Option<[u64; 4]> {
    let Ends { source: [a, b], destination: [c, d] } = ends(flow, sight)?;
    Some([a, b, c, d])
}

/// Whether the destination's port of a flow is rather a service's than the source's: `Greater` if it is, `Less` if the
/// source's is.
pub(super) fn service_side(parts: &[Evidence], flow: &Flow, sight: Sight) -> Ordering {
    let Some(ends) = ends(flow, sight) else { return Ordering::Equal };
    let of = u64::try_from(parts.len()).unwrap_or(1).max(1);
    let count = |key: u64| {
        let part = usize::try_from(key % of).ok().and_then(|part| parts.get(part));
        part.and_then(|part| part.0.get(&key)).map_or(0, |met| met.count)
    };
    let [destination_here, destination_anywhere] = ends.destination;
    let [source_here, source_anywhere] = ends.source;
    let here = many_more(count(destination_here), count(source_here));
    here.then_with(|| many_more(count(destination_anywhere), count(source_anywhere)))
}

/// Which of two counts is so much greater that it tells something: a few may be chance.
fn many_more(one: u8, other: u8) -> Ordering {
    let tells = |more: u8, less: u8| more >= 3 && more >= less.saturating_mul(2);
    match (tells(one, other), tells(other, one)) {
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ => Ordering::Equal,
    }
}
