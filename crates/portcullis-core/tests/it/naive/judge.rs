//! What controls say of a world, point by point.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

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
