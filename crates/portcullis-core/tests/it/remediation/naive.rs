//! A naive planner: the contract's paragraph on what each strategy cuts, point by point, sharing no code with the core.

use std::collections::BTreeMap;

use portcullis_core::model::{Direction, Peer as RealPeer, Rule as RealRule};
use portcullis_core::net::{AnyCidr, RuleServices};

use crate::naive::{
    Admitted, At, Both, Control, INTERNET, Peer, Rule, Test, WIDE, World, both, loopback, meet, minus, nobody, private,
    size, sorted, union,
};

/// How the naive planner cuts.
#[derive(Clone, Debug)]
pub(crate) enum How {
    Narrow,
    Revoke,
    Replace(Both),
}

/// What each rule admits, point by point, of one direction.
pub(crate) type State = BTreeMap<At, Vec<Admitted>>;

/// The authorised web ports.
fn is_web(at: At) -> bool {
    matches!(at, (6, 80 | 443))
}

pub(crate) fn state(world: &World, ingress: bool, points: &[At]) -> State {
    points.iter().map(|at| (*at, world.admitted(ingress, *at, false))).collect()
}

/// Everything that is admitted at a point.
pub(crate) fn all(state: &State, at: At) -> (Both, std::collections::BTreeSet<String>) {
    let here = &state[&at];
    let spans = here.iter().fold(Both::default(), |all, one| union(&all, &one.spans));
    (spans, here.iter().filter_map(|one| one.name.clone()).collect())
}

/// Cuts until no control is violated.
pub(crate) fn cut(world: &World, controls: &[Control], ingress: bool, points: &[At], how: &How) -> State {
    let mut state = state(world, ingress, points);
    for _ in 0..16 {
        // (point, rule) → what goes
        let mut cuts: BTreeMap<(At, usize), (Both, bool)> = BTreeMap::new();
        for control in controls.iter().filter(|control| control.ingress == ingress) {
            for violation in world.violations_of(control, points, false, &|at| state[&at].clone()) {
                for at in violation.points.keys().filter(|at| control.matching != "everything" || !is_web(**at)) {
                    let here = world.not_allowed(control, *at, false, state[at].clone());
                    let test = &control.tests[violation.test];
                    for (rule, spans, name) in goes(world, test, violation.family, &here, how) {
                        let cut = cuts.entry((*at, rule)).or_default();
                        cut.0 = union(&cut.0, &spans);
                        cut.1 |= name;
                    }
                }
            }
        }
        let before = state.clone();
        if let How::Revoke = how {
            let gone: Vec<usize> = cuts.keys().map(|(_, rule)| *rule).collect();
            state.values_mut().for_each(|here| here.retain(|one| !gone.contains(&one.rule)));
        } else {
            for ((at, rule), (spans, name)) in cuts {
                let here = state.get_mut(&at).unwrap();
                let mut put = Both::default();
                for one in here.iter_mut().filter(|one| one.rule == rule) {
                    let hit = !nobody(&meet(&one.spans, &spans)) || (name && one.name.is_some());
                    one.spans = minus(&one.spans, &spans);
                    if name {
                        one.name = None;
                        one.unread = false;
                        one.list = None;
                    }
                    if let (How::Replace(with), true) = (how, hit) {
                        put = with.clone();
                    }
                }
                here.iter_mut().filter(|one| one.rule == rule).for_each(|one| one.spans = union(&one.spans, &put));
                here.retain(|one| !nobody(&one.spans) || one.name.is_some());
            }
        }
        if state == before {
            break;
        }
    }
    state
}

/// What goes at a point, by rule: its spans, and whether its name does.
fn goes(world: &World, test: &Test, family: Option<usize>, here: &[Admitted], how: &How) -> Vec<(usize, Both, bool)> {
    let Some(family) = family else {
        let parts = here.iter().map(|one| (one, world.offence(test, one, false)));
        let parts = parts.filter(|(_, (spans, name))| !nobody(spans) || name.is_some());
        return parts
            .map(|(one, (spans, name))| {
                let idle = match test {
                    Test::Any => meet(&one.spans, &loopback()),
                    Test::Outside(peers) => minus(&meet(&one.spans, &loopback()), &world.spans(peers, true)),
                    _ => Both::default(),
                };
                (one.rule, union(&spans, &idle), name.is_some())
            })
            .collect();
    };
    let public = &world.public()[family];
    let own = |one: &Admitted| size(&both(&one.spans[family], public));
    // The widest first; of two alike the later.
    let mut order: Vec<&Admitted> = here.iter().filter(|one| own(one) > 0).collect();
    order.sort_by_key(|one| (own(one), one.rule));
    order.reverse();
    let most = if matches!(test, Test::Wide) { WIDE[family] } else { INTERNET[family] };
    let mut fault = 0;
    let exceeds = |rest: &[&Admitted]| {
        size(&both(&sorted(rest.iter().flat_map(|one| one.spans[family].clone()).collect()), public)) > most
    };
    while fault < order.len() && (own(order[fault]) > WIDE[family] || exceeds(&order[fault..])) {
        fault += 1;
    }
    let keep = match how {
        How::Replace(_) => Both::default(),
        _ => union(&private(), &world.vpc),
    };
    let of_family = |one: &&Admitted| {
        let mut spans = Both::default();
        spans[family].clone_from(&one.spans[family]);
        (one.rule, minus(&spans, &keep), false)
    };
    order[..fault].iter().map(of_family).collect()
}

/// A rule of the core as the naive judge reads it.
pub(crate) fn rule(real: &RealRule) -> Rule {
    let (protocols, ports) = match real.services {
        RuleServices::All => ((0, 255), (0, 65535)),
        RuleServices::Protocol(protocol) | RuleServices::Icmp(protocol, None) => {
            ([protocol.0.into(); 2].into(), (0, 65535))
        }
        RuleServices::Ports(protocol, low, high) => ([protocol.0.into(); 2].into(), (low.into(), high.into())),
        RuleServices::Icmp(protocol, Some((kind, code))) => {
            let kind = u32::from(kind) * 256;
            let (low, high) = code.map_or((0, 255), |code| (code.into(), code.into()));
            ([protocol.0.into(); 2].into(), (kind + low, kind + high))
        }
    };
    let peer = match &real.peer {
        RealPeer::V4(_) | RealPeer::V6(_) => Peer::Spans(match real.peer.cidr().unwrap() {
            AnyCidr::V4(block) => crate::naive::cidr(&block.to_string()).unwrap(),
            AnyCidr::V6(block) => crate::naive::cidr(&block.to_string()).unwrap(),
        }),
        RealPeer::PrefixList(id) => Peer::List(id.to_string()),
        RealPeer::Group(_) => Peer::Group(real.peer.to_string()),
    };
    Rule { ingress: real.direction == Direction::Ingress, protocols, ports, peer }
}
