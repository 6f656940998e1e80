//! From what was seen to rules that the quota has places for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt as _};

use super::name::{Bare, ByName};
use super::{Lengths, services_of_spans};
use crate::model::{Direction, Inventory, Peer, Rule, SecurityGroup};
use crate::net::{AddressSet, AnyCidr, Cidr, Family, Interval, PeerSet, RuleServices, Traffic};
use crate::remediation::{RULE_QUOTA, cover_exactly, quota_use};

/// Lengths of blocks that are tried one after the other where there are too many rules.
const STEPS: [(u8, u8); 4] = [(28, 64), (24, 56), (20, 48), (16, 32)];

/// A rule of a suggestion, and whether it stands for more than was seen.
pub(super) type Fitted = (RuleServices, Peer, bool);

/// Makes rules of one direction of a group.
pub(super) struct Fitter<'a> {
    pub(super) group: &'a SecurityGroup,
    pub(super) inventory: &'a Inventory,
    pub(super) direction: Direction,
    pub(super) lengths: Lengths,
}

/// Services and who used them.
type Pair = (Interval<u32>, IpAddr);

/// What was seen of one of today's rules, or of one name.
enum Source<'a> {
    Name {
        peer: Peer,
        seen: Vec<RuleServices>,
        today: Vec<RuleServices>,
    },
    /// The points are in order, each once.
    Rule {
        rule: &'a Rule,
        block: AnyCidr,
        points: Vec<Pair>,
    },
}

/// A source, how far it is widened, and about how many rules it makes like that.
struct Widened<'a> {
    source: Source<'a>,
    step: usize,
    boxes: Vec<(Interval<u32>, AnyCidr)>,
    rules: usize,
}

impl Source<'_> {
    /// How often it can be widened.
    fn steps(&self) -> usize {
        match self {
            Self::Name { .. } => 1,
            Self::Rule { .. } => STEPS.len() + 2,
        }
    }

    /// Services and blocks in order, each once; none for a name.
    fn boxes(&self, step: usize, lengths: Lengths) -> Vec<(Interval<u32>, AnyCidr)> {
        let Self::Rule { rule, block, points } = self else { return Vec::new() };
        if step > STEPS.len() + 1 {
            return vec![(rule.services.interval(), *block)];
        }
        let (v4, v6) = match step.checked_sub(1).map(|step| STEPS.get(step)) {
            None => (lengths.v4, lengths.v6),
            Some(Some((v4, v6))) => (lengths.v4.min(*v4), lengths.v6.min(*v6)),
            Some(None) => (0, 0),
        };
        let boxes = points.iter().map(|(services, address)| (*services, within(*address, v4, v6, *block)));
        let mut boxes: Vec<_> = boxes.collect();
        // Addresses in order lie in blocks in order, where all blocks are of one length.
        if !boxes.is_sorted() {
            boxes.sort_unstable();
        }
        boxes.dedup();
        boxes
    }
}

fn overlap(one: AnyCidr, other: AnyCidr) -> bool {
    match (one, other) {
        (AnyCidr::V4(one), AnyCidr::V4(other)) => one.interval().intersection(other.interval()).is_some(),
        (AnyCidr::V6(one), AnyCidr::V6(other)) => one.interval().intersection(other.interval()).is_some(),
        (AnyCidr::V4(_), AnyCidr::V6(_)) | (AnyCidr::V6(_), AnyCidr::V4(_)) => false,
    }
}

/// The block of an address that is no wider than today's.
fn within(address: IpAddr, v4: u8, v6: u8, today: AnyCidr) -> AnyCidr {
    let made = match (address, today) {
        (IpAddr::V4(address), AnyCidr::V4(today)) => {
            Cidr::new(address.to_bits(), v4.max(today.prefix())).map(AnyCidr::V4)
        }
        (IpAddr::V6(address), AnyCidr::V6(today)) => {
            Cidr::new(address.to_bits(), v6.max(today.prefix())).map(AnyCidr::V6)
        }
        _ => None,
    };
    made.unwrap_or(today)
}

/// How many rules boxes make where services that admit the same blocks go side by side.
fn count(boxes: &[(Interval<u32>, AnyCidr)]) -> usize {
    let mut boxes: Vec<(AnyCidr, Interval<u32>)> = boxes.iter().map(|(services, block)| (*block, *services)).collect();
    boxes.sort_unstable();
    let mut by_services: HashMap<Vec<Interval<u32>>, Vec<AnyCidr>> = HashMap::new();
    let mut services: Vec<Interval<u32>> = Vec::new();
    for of_block in boxes.chunk_by(|a, b| a.0 == b.0) {
        let Some((block, _)) = of_block.first() else { continue };
        services.clear();
        services.extend(of_block.iter().map(|(_, services)| *services));
        match by_services.get_mut(services.as_slice()) {
            Some(blocks) => blocks.push(*block),
            None => {
                by_services.insert(services.clone(), vec![*block]);
            }
        }
    }
    let rules = |(services, blocks): (Vec<Interval<u32>>, Vec<AnyCidr>)| {
        let blocks = blocks.into_iter().collect::<AddressSet>().cidrs().len();
        blocks.saturating_mul(services_of_spans(services).len())
    };
    by_services.into_iter().map(rules).fold(0, usize::saturating_add)
}

impl<'a> Widened<'a> {
    fn new(source: Source<'a>, lengths: Lengths) -> Self {
        let mut made = Self { source, step: 0, boxes: Vec::new(), rules: 0 };
        made.measure(lengths);
        made
    }

    fn measure(&mut self, lengths: Lengths) {
        self.boxes = self.source.boxes(self.step, lengths);
        self.rules = match &self.source {
            Source::Name { seen, today, .. } => {
                if self.step == 0 {
                    seen.len()
                } else {
                    today.len()
                }
            }
            Source::Rule { .. } => count(&self.boxes),
        };
    }

    fn can_grow(&self) -> bool {
        self.step < self.source.steps()
    }

    fn is_of(&self, family: Family) -> bool {
        match &self.source {
            Source::Name { .. } => true,
            Source::Rule { block: AnyCidr::V4(_), .. } => family == Family::Ipv4,
            Source::Rule { block: AnyCidr::V6(_), .. } => family == Family::Ipv6,
        }
    }
}

impl Fitter<'_> {
    /// Rules for what was seen: exactly it, where there is room.
    pub(super) fn fit(&self, named: Vec<ByName>, bare: Vec<Bare<'_>>) -> Vec<Fitted> {
        let mut sources: Vec<Widened<'_>> =
            sources(named, bare).map(|source| Widened::new(source, self.lengths)).collect();
        loop {
            // Covers can be much shorter than one rule a block, but not by so much; and they take time.
            let short = Family::ALL.map(|family| {
                let rules = sources.iter().filter(|source| source.is_of(family)).map(|source| source.rules);
                rules.fold(0, usize::saturating_add) <= self.room(family).saturating_mul(2)
            });
            let made = if short == [true, true] { self.made(&sources) } else { Vec::new() };
            let over = |family: Family, short: bool| !short || self.quota(&made, family) > self.room(family);
            let over = Family::ALL.into_iter().zip(short).find(|(family, short)| over(*family, *short));
            let Some((family, _)) = over else { return made };
            let widest = sources.iter_mut().filter(|source| source.is_of(family) && source.can_grow());
            let Some(widest) = widest.max_by_key(|source| (source.rules, std::cmp::Reverse(source.step))) else {
                // Today's rules themselves; they have their places.
                return self.made(&sources);
            };
            widest.step += 1;
            widest.measure(self.lengths);
        }
    }

    /// How many places the quota has. A group that is over the default quota has had it raised.
    fn room(&self, family: Family) -> usize {
        RULE_QUOTA.max(quota_use(self.group.rules.iter(), self.inventory, self.direction, family))
    }

    fn quota(&self, made: &[Fitted], family: Family) -> usize {
        let rules: Vec<Rule> =
            made.iter().map(|(services, peer, _)| Rule::new(self.direction, *services, peer.clone())).collect();
        quota_use(rules.iter(), self.inventory, self.direction, family)
    }

    fn made(&self, sources: &[Widened<'_>]) -> Vec<Fitted> {
        let mut made: Vec<Fitted> = Vec::new();
        for Widened { source, step, .. } in sources {
            if let Source::Name { peer, seen, today } = source {
                let services = if *step == 0 { seen } else { today };
                made.extend(services.iter().map(|services| (*services, peer.clone(), *step > 0)));
            }
        }
        let boxes = || sources.iter().flat_map(|source| source.boxes.iter().map(move |part| (source.step, part)));
        let peers = |block: AnyCidr| PeerSet::from([block].into_iter().collect::<AddressSet>());
        let traffic = Traffic::from_boxes(boxes().map(|(_, (services, block))| (*services, peers(*block))));
        for (services, peer) in cover_exactly(&traffic) {
            let meets = |(other, block): &(Interval<u32>, AnyCidr)| {
                other.intersection(services.interval()).is_some() && peer.cidr().is_some_and(|own| overlap(own, *block))
            };
            let widened = boxes().any(|(step, part)| step > 0 && meets(part));
            made.push((services, peer, widened));
        }
        made
    }
}

/// What was seen, by name and by today's rule.
fn sources<'r>(named: Vec<ByName>, bare: Vec<Bare<'r>>) -> impl Iterator<Item = Source<'r>> {
    let mut names: BTreeMap<String, ByName> = BTreeMap::new();
    for ByName { peer, seen, today } in named {
        let own = names.entry(peer.to_string());
        let own = own.or_insert_with(|| ByName { peer, seen: Vec::new(), today: Vec::new() });
        own.seen.extend(seen);
        own.today.extend(today);
    }
    let mut rules: BTreeMap<usize, (&'r Rule, AnyCidr, Vec<Pair>)> = BTreeMap::new();
    for Bare { services, peer, rule: (place, rule) } in bare {
        let Some(block) = rule.peer.cidr() else { continue };
        rules.entry(place).or_insert_with(|| (rule, block, Vec::new())).2.push((services, peer));
    }
    let names = names.into_values().map(|ByName { peer, seen, today }| {
        let (seen, today) = (services_of_spans(seen), services_of_spans(today));
        Source::Name { peer, seen, today }
    });
    names.chain(rules.into_values().map(|(rule, block, mut points)| {
        points.sort_unstable();
        points.dedup();
        Source::Rule { rule, block, points }
    }))
}
