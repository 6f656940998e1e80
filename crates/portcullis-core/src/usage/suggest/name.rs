//! Which of what was seen can be named: by a prefix list, or by a security group.

use std::cmp::Reverse;
use std::net::IpAddr;

use compact_str::CompactString;
use foldhash::{HashMap, HashMapExt as _};

use super::Admitted;
use crate::model::{GroupReference, Inventory, NetworkInterface, Peer, Rule, SecurityGroup};
use crate::net::{AddressSet, AnyCidr, Interval};
use crate::usage::members::Members;

/// A peer by name, and what was seen of it.
pub(super) struct ByName {
    pub(super) peer: Peer,
    /// The services that were seen.
    pub(super) seen: Vec<Interval<u32>>,
    /// The services that today's rules have for it, as far as they were seen.
    pub(super) today: Vec<Interval<u32>>,
}

/// An address that no name stands for.
pub(super) struct Bare<'a> {
    pub(super) services: Interval<u32>,
    pub(super) peer: IpAddr,
    /// Today's narrowest rule for it, with its place.
    pub(super) rule: (usize, &'a Rule),
}

/// Knows which groups an address is a member of.
#[derive(Debug)]
pub struct Namer<'a> {
    members: &'a Members<'a>,
    by_address: HashMap<IpAddr, Vec<&'a NetworkInterface>>,
    groups: HashMap<&'a str, &'a SecurityGroup>,
}

/// A name that could stand for points.
struct Candidate {
    peer: Peer,
    /// Whether today's rules use it.
    in_use: bool,
    /// The points, by their places, each with the services of today's rule that it would stand for.
    points: Vec<(usize, Interval<u32>)>,
}

/// A name that was chosen, with the points that it stands for.
struct Chosen {
    peer: Peer,
    points: Vec<(usize, Interval<u32>)>,
}

#[derive(Default)]
struct Candidates {
    places: HashMap<CompactString, usize>,
    all: Vec<Candidate>,
}

impl Candidates {
    fn note(&mut self, peer: &Peer, in_use: bool, point: usize, today: Interval<u32>) {
        let name = CompactString::from(peer.to_string());
        let place = *self.places.entry(name).or_insert(self.all.len());
        if place == self.all.len() {
            self.all.push(Candidate { peer: peer.clone(), in_use, points: Vec::new() });
        }
        if let Some(candidate) = self.all.get_mut(place) {
            candidate.in_use |= in_use;
            candidate.points.push((point, today));
        }
    }

    /// As few as a greedy choice finds so that each point has one: those that today's rules use go first, then those that
    /// stand for most points that have none yet.
    fn choose(self) -> Vec<Chosen> {
        let mut of_point: HashMap<usize, Vec<usize>> = HashMap::new();
        // How many points each candidate would newly stand for; a point may be noted for several rules of a peer.
        let mut gains = vec![0_usize; self.all.len()];
        for ((place, candidate), gain) in self.all.iter().enumerate().zip(&mut gains) {
            for (point, _) in &candidate.points {
                of_point.entry(*point).or_default().push(place);
                *gain += 1;
            }
        }
        let names: Vec<String> = self.all.iter().map(|candidate| candidate.peer.to_string()).collect();
        let mut candidates: Vec<Option<Candidate>> = self.all.into_iter().map(Some).collect();
        let mut chosen = Vec::new();
        loop {
            let rank = |place: usize| {
                let candidate = candidates.get(place)?.as_ref()?;
                let gain = gains.get(place).copied().filter(|gain| *gain > 0)?;
                Some((candidate.in_use, gain, Reverse(names.get(place)?)))
            };
            let best = (0..candidates.len()).filter_map(|place| Some((rank(place)?, place))).max();
            let Some(best) = best.and_then(|(_, place)| candidates.get_mut(place)?.take()) else { return chosen };
            // What another name stands for already is not this one's.
            let own: Vec<_> = best.points.into_iter().filter(|(point, _)| of_point.contains_key(point)).collect();
            for (point, _) in &own {
                for place in of_point.remove(point).into_iter().flatten() {
                    gains.get_mut(place).into_iter().for_each(|gain| *gain -= 1);
                }
            }
            chosen.push(Chosen { peer: best.peer, points: own });
        }
    }
}

impl<'a> Namer<'a> {
    /// Of an inventory's interfaces and groups.
    pub fn new(inventory: &'a Inventory, members: &'a Members<'a>) -> Self {
        let mut by_address: HashMap<IpAddr, Vec<&NetworkInterface>> = HashMap::new();
        for interface in inventory.interfaces.iter().flatten() {
            for address in interface.addresses.iter().filter_map(|text| text.parse().ok()) {
                by_address.entry(address).or_default().push(interface);
            }
        }
        let groups = inventory.groups.iter().map(|group| (group.key.group_id.as_str(), group)).collect();
        Self { members, by_address, groups }
    }

    /// Names what can be named, with as few names as a greedy choice finds; names that today's rules use go first.
    pub(super) fn name<'r>(&self, group: &SecurityGroup, points: &[Admitted<'r>]) -> (Vec<ByName>, Vec<Bare<'r>>) {
        let mut candidates = Candidates::default();
        let (mut named, mut bare) = (Vec::new(), Vec::new());
        let mut reach = Reach::default();
        for (place, Admitted { point, by }) in points.iter().enumerate() {
            if !by.iter().any(|(_, rule)| rule.services.interval().contains(point.services)) {
                // Several rules admit a part each, such as types of ICMP: all of them are needed.
                for (at, rule) in by {
                    let Some(services) = rule.services.interval().intersection(point.services) else { continue };
                    if rule.peer.cidr().is_some() {
                        bare.push(Bare { services, peer: point.peer, rule: (*at, rule) });
                    } else {
                        named.push(ByName { peer: rule.peer.clone(), seen: vec![services], today: vec![services] });
                    }
                }
                continue;
            }
            let mut names = 0;
            for (_, rule) in by.iter().filter(|(_, rule)| rule.peer.cidr().is_none()) {
                candidates.note(&rule.peer, true, place, rule.services.interval());
                names += 1;
            }
            if names == 0 {
                for peer in self.groups_of(group, point.peer) {
                    if let Some(today) = reach.of(self.members, &peer, by, point.services) {
                        candidates.note(&peer, false, place, today);
                        names += 1;
                    }
                }
            }
            if names > 0 {
                continue;
            }
            let narrowest = by.iter().max_by_key(|(at, rule)| (prefix(rule), Reverse(*at)));
            bare.extend(narrowest.map(|rule| Bare { services: point.services, peer: point.peer, rule: *rule }));
        }
        for Chosen { peer, points: own } in candidates.choose() {
            let own = own.into_iter().filter_map(|(place, today)| Some((points.get(place)?.point.services, today)));
            let (seen, today) = own.unzip();
            named.push(ByName { peer, seen, today });
        }
        (named, bare)
    }

    /// The groups that an address is a member of and that rules of `group` can name: those of its VPC.
    fn groups_of(&self, group: &SecurityGroup, address: IpAddr) -> Vec<Peer> {
        let interfaces = self.by_address.get(&address).into_iter().flatten();
        let near = interfaces.filter(|interface| {
            interface.vpc_id.is_empty() || group.vpc_id.is_empty() || interface.vpc_id == group.vpc_id
        });
        let reference = |id: &CompactString| {
            let known = self.groups.get(id.as_str())?;
            let (own, other) = (&group.key, &known.key);
            if own.region != other.region {
                return None;
            }
            let account =
                if own.account_id == other.account_id { CompactString::default() } else { other.account_id.clone() };
            // AWS tells the account of each group that a rule names; so do the rules that were read.
            let account = if group_accounts_are_told(group) { other.account_id.clone() } else { account };
            Some(Peer::Group(Box::new(GroupReference { account, id: id.clone(), ..GroupReference::default() })))
        };
        near.flat_map(|interface| &interface.group_ids).filter_map(reference).collect()
    }
}

/// Whether a group's own rules tell the accounts of the groups that they name, as AWS does.
fn group_accounts_are_told(group: &SecurityGroup) -> bool {
    group.rules.iter().any(|rule| match &rule.peer {
        Peer::Group(reference) => !reference.account.is_empty(),
        Peer::V4(_) | Peer::V6(_) | Peer::PrefixList(_) => false,
    })
}

/// How long the block of a rule is.
fn prefix(rule: &Rule) -> u8 {
    match rule.peer.cidr() {
        Some(AnyCidr::V4(block)) => block.prefix(),
        Some(AnyCidr::V6(block)) => block.prefix(),
        None => 0,
    }
}

/// Which services today's rules admit all members of a group to, remembered.
#[derive(Default)]
struct Reach(HashMap<Asked, Option<Interval<u32>>>);

/// A group, the places of today's rules, and services.
type Asked = (CompactString, Vec<usize>, Interval<u32>);

impl Reach {
    /// The services of today's rule that a name would stand for: `None` where a member is not admitted today.
    fn of(
        &mut self,
        members: &Members<'_>,
        peer: &Peer,
        by: &[(usize, &Rule)],
        services: Interval<u32>,
    ) -> Option<Interval<u32>> {
        let Peer::Group(reference) = peer else { return None };
        let rules: Vec<usize> = by.iter().map(|(place, _)| *place).collect();
        let known = self.0.entry((reference.id.clone(), rules, services));
        *known.or_insert_with(|| {
            let own = members.addresses(&reference.id)?;
            let blocks = |rules: &[&Rule]| rules.iter().filter_map(|rule| rule.peer.cidr()).collect::<AddressSet>();
            let rules: Vec<&Rule> = by.iter().map(|(_, rule)| *rule).collect();
            let alone = rules.iter().find(|rule| own.is_subset(&blocks(&[rule])));
            let together = || own.is_subset(&blocks(&rules)).then_some(services);
            alone.map(|rule| rule.services.interval()).or_else(together)
        })
    }
}
