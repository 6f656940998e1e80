//! A group's rules as sets of traffic.

use std::collections::BTreeMap;

use portcullis_core::model::Direction;
use portcullis_core::net::{Interval, PeerSet, ServiceSet, Traffic};

use crate::words::{peers_words, services_words};

/// What some boxes admit together.
pub(crate) fn union<'a>(boxes: impl Iterator<Item = &'a (usize, (Interval<u32>, PeerSet))>) -> Traffic {
    Traffic::from_boxes(boxes.map(|(_, content)| content.clone()))
}

/// The traffic by who is admitted: services that admit the same peers come together, in the order of their first service.
pub(crate) fn by_peers(traffic: &Traffic) -> Vec<(ServiceSet, &PeerSet)> {
    let mut services: BTreeMap<&PeerSet, Vec<Interval<u32>>> = BTreeMap::new();
    for segment in traffic.segments() {
        services.entry(&segment.peers).or_default().push(segment.services);
    }
    let mut lines: Vec<(ServiceSet, &PeerSet)> =
        services.into_iter().map(|(peers, services)| (services.into_iter().collect(), peers)).collect();
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    lines
}

/// The traffic in words: `tcp 22 from all IPv4 addresses; udp 53 from 10.0.0.0/8`. At most `most` stretches, and of each
/// at most `most` ranges, blocks and names. Empty for no traffic.
pub(crate) fn words(traffic: &Traffic, direction: Direction, most: usize) -> String {
    let lines = by_peers(traffic);
    let line = |(services, peers): &(ServiceSet, &PeerSet)| {
        format!("{} {} {}", services_words(services, most), direction.preposition(), peers_words(peers, most))
    };
    let mut texts: Vec<String> = lines.iter().take(most).map(line).collect();
    if lines.len() > most {
        texts.push(format!("and {} more", lines.len() - most));
    }
    texts.join("; ")
}
