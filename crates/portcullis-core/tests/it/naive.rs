//! A naive judge: contract sentences written down one after the other, on lists of numbers. Shares no code with the core.
//!
//! Services are cut into cells at every border that a rule or control has, so that one point stands for its cell and
//! nothing is left to luck. Addresses are lists of spans, first and last included.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

/// First and last address.
pub(crate) type Span = (u128, u128);
/// Spans of IPv4 and of IPv6.
pub(crate) type Both = [Vec<Span>; 2];
/// A protocol and a port (of ICMP: type and code as one number).
pub(crate) type At = (u16, u32);

/// What a rule, or what is left of it, admits at a point.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Admitted {
    pub(crate) rule: usize,
    pub(crate) spans: Both,
    /// A group, or a list whose entries are not known.
    pub(crate) name: Option<String>,
    pub(crate) list: Option<String>,
    pub(crate) unread: bool,
    /// What an unread list can be at most.
    pub(crate) most: Both,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Peer {
    Spans(Both),
    List(String),
    Group(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) ingress: bool,
    pub(crate) protocols: (u16, u16),
    pub(crate) ports: (u32, u32),
    pub(crate) peer: Peer,
}

#[derive(Clone, Debug)]
pub(crate) struct List {
    /// The entries, or of an unread list all that it may hold.
    pub(crate) spans: Both,
    pub(crate) read: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) vpc: Both,
    pub(crate) lists: BTreeMap<String, List>,
    pub(crate) names: BTreeMap<String, String>,
    pub(crate) rules: Vec<Rule>,
    public: OnceCell<Both>,
}

pub(crate) fn sorted(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut out: Vec<Span> = Vec::new();
    for (low, high) in spans {
        match out.last_mut() {
            Some(last) if last.1 == u128::MAX || low <= last.1 + 1 => last.1 = last.1.max(high),
            _ => out.push((low, high)),
        }
    }
    out
}

pub(crate) fn both(a: &[Span], b: &[Span]) -> Vec<Span> {
    let mut out = Vec::new();
    for x in a {
        for y in b {
            if x.0.max(y.0) <= x.1.min(y.1) {
                out.push((x.0.max(y.0), x.1.min(y.1)));
            }
        }
    }
    sorted(out)
}

pub(crate) fn less(a: &[Span], b: &[Span]) -> Vec<Span> {
    let mut left: Vec<Span> = a.to_vec();
    for (low, high) in b {
        left = left
            .into_iter()
            .flat_map(|(from, to)| {
                let before = (from < *low).then(|| (from, to.min(low.wrapping_sub(1))));
                let after = (to > *high).then(|| (from.max(high.wrapping_add(1)), to));
                [before, after]
            })
            .flatten()
            .collect();
    }
    sorted(left)
}

pub(crate) fn size(spans: &[Span]) -> u128 {
    sorted(spans.to_vec()).iter().fold(0, |sum: u128, (low, high)| sum.saturating_add((high - low).saturating_add(1)))
}

pub(crate) fn union(a: &Both, b: &Both) -> Both {
    [0, 1].map(|f| sorted([a[f].clone(), b[f].clone()].concat()))
}

pub(crate) fn minus(a: &Both, b: &Both) -> Both {
    [0, 1].map(|f| less(&a[f], &b[f]))
}

pub(crate) fn meet(a: &Both, b: &Both) -> Both {
    [0, 1].map(|f| both(&a[f], &b[f]))
}

pub(crate) fn nobody(spans: &Both) -> bool {
    spans[0].is_empty() && spans[1].is_empty()
}

pub(crate) fn everybody() -> Both {
    [vec![(0, u32::MAX.into())], vec![(0, u128::MAX)]]
}

pub(crate) fn cidr(text: &str) -> Option<Both> {
    let (address, length) = text.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let span = |bits: u128, width: u32| {
        let host = if width == length { 0 } else { u128::MAX >> (128 - (width - length)) };
        vec![(bits & !host, bits | host)]
    };
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        return Some([span(u32::from(address).into(), 32), vec![]]);
    }
    Some([vec![], span(address.parse::<Ipv6Addr>().ok()?.into(), 128)])
}

pub(crate) fn cidrs(text: &str) -> Both {
    text.split_whitespace().fold(Both::default(), |all, one| union(&all, &cidr(one.trim_end_matches(',')).unwrap()))
}

/// The internet, from the rows of IANA's registries that say that a block is not globally reachable.
pub(crate) fn internet() -> Both {
    let v4 = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
              192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4";
    let v6 = "2001::/23 2001:db8::/32 3fff::/20";
    let but =
        "192.0.0.9/32 192.0.0.10/32 2001::/32 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:3::/32 2001:4:112::/48
               2001:20::/28 2001:30::/28";
    let all = union(&cidrs("0.0.0.0/0"), &cidrs("2000::/3"));
    union(&minus(&minus(&all, &cidrs(v4)), &cidrs(v6)), &cidrs(but))
}

pub(crate) fn private() -> Both {
    cidrs("10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.168.0.0/16 fc00::/7")
}

pub(crate) fn loopback() -> Both {
    cidrs("127.0.0.0/8 ::1/128")
}

pub(crate) fn protocol(text: &str) -> u16 {
    match text {
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        "icmpv6" => 58,
        number => number.parse().unwrap(),
    }
}

fn peer(text: &str) -> Peer {
    match text.trim() {
        text if text.starts_with("pl-") => Peer::List(text.to_owned()),
        text if text.contains("sg-") => Peer::Group(text.to_owned()),
        text => Peer::Spans(cidr(text).unwrap_or_else(|| panic!("`{text}` is no block"))),
    }
}

fn ports(protocol: u16, text: &str) -> (u32, u32) {
    if text == "all" {
        return (0, 65535);
    }
    if protocol == 1 || protocol == 58 {
        let (kind, code) = text.split_once('/').unwrap_or((text, "*"));
        let kind = kind.parse::<u32>().unwrap() * 256;
        return if code == "*" { (kind, kind + 255) } else { [kind + code.parse::<u32>().unwrap(); 2].into() };
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    (low.parse().unwrap(), high.parse().unwrap())
}

pub(crate) fn world(text: &str) -> World {
    let mut world = World::default();
    world.names.insert("sg-1".to_owned(), "1".to_owned());
    for line in text.lines().map(|line| line.split('#').next().unwrap().trim()).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "vpc" => world.vpc = cidrs(&words[1..].join(" ")),
            "list" if words[2] == "=" => {
                let list = List { spans: cidrs(&words[3..].join(" ")), read: true };
                world.lists.insert(words[1].to_owned(), list);
            }
            "list" => {
                let mut spans = everybody();
                match words.get(3) {
                    Some(&"ipv4") => spans[1].clear(),
                    Some(&"ipv6") => spans[0].clear(),
                    _ => {}
                }
                world.lists.insert(words[1].to_owned(), List { spans, read: false });
            }
            "group" => _ = world.names.insert(words[1].to_owned(), words[3].to_owned()),
            "tag" => {}
            direction => {
                let at = words.iter().position(|word| matches!(*word, "from" | "to")).unwrap();
                let (protocols, ports) = match words[1] {
                    "all" | "-1" => ((0, 255), (0, 65535)),
                    name => (
                        [protocol(name); 2].into(),
                        ports(protocol(name), words.get(2).filter(|_| at > 2).unwrap_or(&"all")),
                    ),
                };
                let ingress = direction == "ingress";
                let peers = words[at + 1..].join(" ");
                world.rules.extend(peers.split(',').map(|text| Rule { ingress, protocols, ports, peer: peer(text) }));
            }
        }
    }
    world
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Internet([bool; 2]),
    Wide,
    Overlap(Vec<Peer>),
    Any,
    Outside(Vec<Peer>),
}

#[derive(Clone, Debug)]
pub(crate) enum Allowed {
    Anyone,
    Only(Vec<Peer>),
    /// The beginning of a group's name.
    Named(String),
}

/// Protocols and ports, first and last included.
pub(crate) type Block = ((u16, u16), (u32, u32));

#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) id: String,
    pub(crate) ingress: bool,
    pub(crate) services: Vec<Block>,
    pub(crate) matching: String,
    pub(crate) tests: Vec<Test>,
    /// Allowances of the same direction.
    pub(crate) allowed: Vec<(Vec<Block>, Allowed)>,
}

pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for part in text.split('+') {
        let (name, list) = part.split_once(':').unwrap_or((part, ""));
        if name == "all" {
            blocks.push(((0, 255), (0, 65535)));
        } else if let Some((low, high)) = name.split_once('-') {
            blocks.push(((low.parse().unwrap(), high.parse().unwrap()), (0, 65535)));
        } else if list.is_empty() {
            blocks.push(([protocol(name); 2].into(), (0, 65535)));
        } else {
            for piece in list.split(',') {
                let (low, high) = piece.split_once('-').unwrap_or((piece, piece));
                let of = |text: &str| {
                    if matches!(name, "icmp" | "icmpv6") {
                        ports(protocol(name), text)
                    } else {
                        [text.parse().unwrap(); 2].into()
                    }
                };
                blocks.push(([protocol(name); 2].into(), (of(low).0, of(high).1)));
            }
        }
    }
    blocks
}

fn peer_list(text: &str) -> Vec<Peer> {
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(peer).collect()
}

pub(crate) fn control(text: &str) -> Control {
    let words: Vec<&str> = text.splitn(6, ' ').collect();
    let test = |text: &str| match text.trim() {
        "internet" => Test::Internet([true, true]),
        "ipv4" => Test::Internet([true, false]),
        "ipv6" => Test::Internet([false, true]),
        "wide" => Test::Wide,
        "any" => Test::Any,
        text => match text.strip_prefix("outside ") {
            Some(allowed) => Test::Outside(peer_list(allowed)),
            None => Test::Overlap(peer_list(text)),
        },
    };
    Control {
        id: words[0].to_owned(),
        ingress: words[2] == "ingress",
        services: blocks(words[3]),
        matching: words[4].to_owned(),
        tests: words[5].split('|').map(test).collect(),
        allowed: Vec::new(),
    }
}

/// `tcp:22 anyone`, `tcp:22 named web` or `tcp:22 10.0.0.0/8, pl-a`.
pub(crate) fn allowed(text: &str) -> (Vec<Block>, Allowed) {
    let (services, who) = text.split_once(' ').unwrap();
    let who = match who.strip_prefix("named ") {
        Some(start) => Allowed::Named(start.to_owned()),
        None if who == "anyone" => Allowed::Anyone,
        None => Allowed::Only(peer_list(who)),
    };
    (blocks(services), who)
}

fn within(blocks: &[Block], at: At) -> bool {
    blocks.iter().any(|(p, q)| p.0 <= at.0 && at.0 <= p.1 && q.0 <= at.1 && at.1 <= q.1)
}

/// Carries no traffic of a family: port 0, and the other family's ICMP.
pub(crate) fn void(at: At, family: usize) -> bool {
    matches!(at, (6 | 17, 0)) || (at.0 == 58 && family == 0) || (at.0 == 1 && family == 1)
}

/// Why a control is violated at a point.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cause {
    pub(crate) rules: BTreeSet<usize>,
    pub(crate) spans: Both,
    pub(crate) names: BTreeSet<String>,
    /// Public addresses admitted there by all rules together; of tests that measure.
    pub(crate) public: Option<u128>,
}

#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) test: usize,
    /// For tests that measure.
    pub(crate) family: Option<usize>,
    pub(crate) points: BTreeMap<At, Cause>,
}

pub(crate) const INTERNET: [u128; 2] = [1 << 24, 1 << 112];
pub(crate) const WIDE: [u128; 2] = [1 << 16, 1 << 96];

impl World {
    /// One point of each cell.
    pub(crate) fn points(&self, controls: &[Control]) -> Vec<At> {
        let of_rules = self.rules.iter().map(|rule| (rule.protocols, rule.ports));
        let of_controls = controls.iter().flat_map(|control| {
            control.services.iter().chain(control.allowed.iter().flat_map(|(blocks, _)| blocks)).copied()
        });
        let known = [1, 6, 17, 58].map(|p| ((p, p), (1, 65535)));
        let all: Vec<Block> = of_rules.chain(of_controls).chain(known).collect();
        let protocols: BTreeSet<u16> = [0].into_iter().chain(all.iter().flat_map(|(p, _)| [p.0, p.1 + 1])).collect();
        let mut points = Vec::new();
        for protocol in protocols.into_iter().filter(|protocol| *protocol < 256) {
            let here = all.iter().filter(|(p, _)| p.0 <= protocol && protocol <= p.1);
            let ports: BTreeSet<u32> = [0].into_iter().chain(here.flat_map(|(_, q)| [q.0, q.1 + 1])).collect();
            points.extend(ports.into_iter().filter(|port| *port < 65536).map(|port| (protocol, port)));
        }
        points
    }

    /// What is the internet to the group.
    pub(crate) fn public(&self) -> &Both {
        self.public.get_or_init(|| minus(&internet(), &self.vpc))
    }

    /// What the rules admit at a point.
    pub(crate) fn admitted(&self, ingress: bool, at: At, worst: bool) -> Vec<Admitted> {
        let mut all = Vec::new();
        for (rule, content) in self.rules.iter().enumerate() {
            if content.ingress != ingress || !within(&[(content.protocols, content.ports)], at) {
                continue;
            }
            let mut one = Admitted { rule, ..Admitted::default() };
            match &content.peer {
                Peer::Spans(spans) => one.spans = spans.clone(),
                Peer::Group(name) => one.name = Some(name.clone()),
                Peer::List(id) => {
                    one.list = Some(id.clone());
                    match self.lists.get(id) {
                        Some(list) if list.read => one.spans = list.spans.clone(),
                        unread => {
                            one.unread = true;
                            one.name = Some(id.clone());
                            one.most = unread.map_or_else(everybody, |list| list.spans.clone());
                            if worst {
                                one.spans = one.most.clone();
                            }
                        }
                    }
                }
            }
            all.push(one);
        }
        all
    }

    /// Addresses of a policy's peers; lists that are not known count as nothing or as all that they may hold.
    pub(crate) fn spans(&self, peers: &[Peer], unknown_as_all: bool) -> Both {
        let mut all = Both::default();
        for peer in peers {
            match peer {
                Peer::Spans(spans) => all = union(&all, spans),
                Peer::Group(_) => {}
                Peer::List(id) => match self.lists.get(id) {
                    Some(list) if list.read || unknown_as_all => all = union(&all, &list.spans),
                    None if unknown_as_all => all = everybody(),
                    _ => {}
                },
            }
        }
        all
    }

    fn named(admitted: &Admitted, peers: &[Peer]) -> bool {
        peers.iter().any(|peer| match peer {
            Peer::Spans(_) => false,
            Peer::List(id) => admitted.list.as_ref() == Some(id),
            Peer::Group(name) => admitted.list.is_none() && admitted.name.as_ref() == Some(name),
        })
    }

    /// What is left of it when the allowances of the file are taken out.
    pub(crate) fn not_allowed(
        &self,
        control: &Control,
        at: At,
        worst: bool,
        mut admitted: Vec<Admitted>,
    ) -> Vec<Admitted> {
        for (blocks, who) in control.allowed.iter().filter(|(blocks, _)| within(blocks, at)) {
            assert!(!blocks.is_empty(), "an allowance of nothing");
            admitted.retain_mut(|one| match who {
                Allowed::Anyone => false,
                Allowed::Only(peers) if Self::named(one, peers) => false,
                Allowed::Only(peers) => {
                    let known = !nobody(&one.spans) || one.unread;
                    one.spans = minus(&one.spans, &self.spans(peers, !worst));
                    one.most = minus(&one.most, &self.spans(peers, !worst));
                    !(known && nobody(&one.spans) && nobody(&one.most))
                }
                Allowed::Named(start) => match &one.name {
                    Some(name) if !one.unread => match self.names.get(name) {
                        Some(known) => !known.starts_with(start),
                        None => worst,
                    },
                    _ => true,
                },
            });
        }
        admitted
    }

    /// Where a control is violated, in the group's favour or against it.
    pub(crate) fn violations(&self, control: &Control, points: &[At], worst: bool) -> Vec<Violation> {
        self.violations_of(control, points, worst, &|at| self.admitted(control.ingress, at, worst))
    }

    /// The same where something else is admitted than the rules say.
    pub(crate) fn violations_of(
        &self,
        control: &Control,
        points: &[At],
        worst: bool,
        admitted: &dyn Fn(At) -> Vec<Admitted>,
    ) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (place, test) in control.tests.iter().enumerate() {
            let families: Vec<Option<usize>> = match test {
                Test::Internet(families) => [0, 1].into_iter().filter(|f| families[*f]).map(Some).collect(),
                Test::Wide => vec![Some(0), Some(1)],
                _ => vec![None],
            };
            for family in families {
                let mut hits: BTreeMap<At, Cause> = BTreeMap::new();
                for at in points.iter().filter(|at| within(&control.services, **at)) {
                    let left = self.not_allowed(control, *at, worst, admitted(*at));
                    let cause = match family {
                        Some(family) if void(*at, family) => None,
                        Some(family) => self.measured(test, family, &left),
                        None => self.offending(test, *at, &left, worst),
                    };
                    hits.extend(cause.map(|cause| (*at, cause)));
                }
                let points = Self::enough(control, points, family, hits);
                if !points.is_empty() {
                    violations.push(Violation { test: place, family, points });
                }
            }
        }
        violations
    }

    fn measured(&self, test: &Test, family: usize, admitted: &[Admitted]) -> Option<Cause> {
        let of = |those: &[&Admitted]| {
            size(&both(
                &sorted(those.iter().flat_map(|one| one.spans[family].clone()).collect()),
                &self.public()[family],
            ))
        };
        let all: Vec<&Admitted> = admitted.iter().collect();
        let total = of(&all);
        let (floor, ceiling) = match test {
            Test::Wide => (WIDE[family], INTERNET[family]),
            _ => (INTERNET[family], u128::MAX),
        };
        if total <= floor || total > ceiling {
            return None;
        }
        let broad: Vec<&Admitted> = all.iter().copied().filter(|one| of(&[one]) > WIDE[family]).collect();
        let cause: Vec<&Admitted> =
            if of(&broad) > floor { broad } else { all.into_iter().filter(|one| of(&[one]) > 0).collect() };
        let mut spans = Both::default();
        spans[family] = sorted(cause.iter().flat_map(|one| one.spans[family].clone()).collect());
        let rules = cause.iter().map(|one| one.rule).collect();
        Some(Cause { rules, spans, names: BTreeSet::new(), public: Some(total) })
    }

    fn offending(&self, test: &Test, at: At, admitted: &[Admitted], worst: bool) -> Option<Cause> {
        let mut cause = Cause::default();
        for one in admitted {
            let (mut spans, mut name) = self.offence(test, one, worst);
            (0..2).filter(|family| void(at, *family)).for_each(|family| spans[family].clear());
            if void(at, 0) && void(at, 1) {
                name = None;
            }
            if !nobody(&spans) || name.is_some() {
                cause.rules.insert(one.rule);
                cause.spans = union(&cause.spans, &spans);
                cause.names.extend(name);
            }
        }
        (!cause.rules.is_empty()).then_some(cause)
    }

    /// What of one rule offends, wherever.
    pub(crate) fn offence(&self, test: &Test, one: &Admitted, worst: bool) -> (Both, Option<String>) {
        match test {
            Test::Overlap(peers) if Self::named(one, peers) => {
                (if one.unread { Both::default() } else { one.spans.clone() }, one.name.clone())
            }
            Test::Overlap(peers) => (meet(&one.spans, &self.spans(peers, worst)), None),
            Test::Any => (minus(&one.spans, &loopback()), one.name.clone().filter(|_| !one.unread || worst)),
            Test::Outside(peers) if Self::named(one, peers) => (Both::default(), None),
            Test::Outside(peers) => (minus(&minus(&one.spans, &self.spans(peers, !worst)), &loopback()), None),
            Test::Internet(_) | Test::Wide => unreachable!("measured elsewhere"),
        }
    }

    /// The hits that count: all of them, or none if the control wants more to be open than is.
    fn enough(
        control: &Control,
        points: &[At],
        family: Option<usize>,
        hits: BTreeMap<At, Cause>,
    ) -> BTreeMap<At, Cause> {
        let counts = |at: &At| match family {
            Some(family) => !void(*at, family),
            // Of all families that offend anywhere, one must carry something.
            None => (0..2).any(|family| {
                let offends = |(at, cause): (&At, &Cause)| {
                    !void(*at, family) && (!cause.spans[family].is_empty() || !cause.names.is_empty())
                };
                hits.iter().any(offends) && !void(*at, family)
            }),
        };
        match control.matching.as_str() {
            "any" => hits,
            "all" => {
                let mut wanted = points.iter().filter(|at| within(&control.services, **at) && counts(at)).peekable();
                let some = wanted.peek().is_some();
                if some && wanted.all(|at| hits.contains_key(at)) { hits } else { BTreeMap::new() }
            }
            "everything" => {
                if points.iter().filter(|at| counts(at)).all(|at| hits.contains_key(at)) {
                    return hits;
                }
                let whole = |protocol: u16| {
                    points.iter().filter(|at| at.0 == protocol && at.1 > 0).all(|at| hits.contains_key(at))
                };
                let open: Vec<u16> = [6, 17].into_iter().filter(|protocol| whole(*protocol)).collect();
                hits.into_iter().filter(|(at, _)| open.contains(&at.0)).collect()
            }
            other => panic!("`{other}` is no way to match"),
        }
    }
}
