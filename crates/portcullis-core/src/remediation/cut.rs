//! What has to go: for each rule, the traffic that the failing controls ask for, and what is left.

use std::collections::BTreeMap;

use crate::evaluate::{
    Assume, Evaluator, Exposure, GroupView, Names, Scene, Violation, allowed_out, at_fault, bearing_controls, judge,
    offences, resolve,
};
use crate::model::{Direction, Inventory, SecurityGroup};
use crate::net::traffic::for_each_segment;
use crate::net::{AddressSet, Family, Interval, PeerSet, ServiceSet, Traffic, special};
use crate::policy::{Control, ControlKind, Match, PeerTest, TrafficRule};

use super::plan::Strategy;

/// What is left of each rule of a group: the same places as the group's rules. `None` means untouched.
pub(crate) type Remains = Vec<Option<Traffic>>;

/// Rounds of cutting: each takes away what all controls ask for; a second is needed only where what one control leaves
/// still fails another.
const MOST_ROUNDS: usize = 16;

/// What a planner cuts with.
#[derive(Clone, Copy)]
pub(crate) struct Cutter<'a> {
    pub(crate) evaluator: &'a Evaluator<'a>,
    pub(crate) strategy: &'a Strategy,
}

impl Cutter<'_> {
    /// Cuts until none of the controls fails on what is left, or nothing more can be cut.
    ///
    /// `wanted` says which controls count, by index: a finding that an exemption covers is not cut.
    pub(crate) fn remains(&self, group: &SecurityGroup, wanted: &dyn Fn(usize) -> bool) -> Remains {
        let Evaluator { inventory, policies, names, .. } = self.evaluator;
        let mut remains: Remains = vec![None; group.rules.len()];
        for _ in 0..MOST_ROUNDS {
            let view = GroupView::with_remains(group, inventory, &remains);
            let mut cuts = Cuts::new();
            for (index, control, environment) in bearing_controls(policies, group) {
                let ControlKind::Traffic(rule) = &control.kind else { continue };
                if wanted(index) {
                    self.cut_control(control, rule, &view, names, environment.as_deref(), &mut cuts);
                }
            }
            if !self.apply(group, &view, cuts, &mut remains) {
                break;
            }
        }
        remains
    }

    /// Takes the cuts out of what is left; `false` if nothing changed.
    fn apply(&self, group: &SecurityGroup, view: &GroupView<'_>, cuts: Cuts, remains: &mut Remains) -> bool {
        let mut changed = false;
        for (rule, boxes) in cuts {
            let Some(content) = group.rules.get(rule) else { continue };
            let now = view.traffic_of_rule(rule, content.direction);
            let cut = Traffic::from_boxes(boxes);
            let left = match self.strategy {
                Strategy::Revoke | Strategy::Lockdown => Traffic::none(),
                Strategy::Narrow | Strategy::Tag | Strategy::Suggest => now.difference(&cut),
                Strategy::Replace(with) => {
                    let good: PeerSet = with.iter().copied().collect::<AddressSet>().into();
                    let put = Traffic::product(&now.intersection(&cut).services(), &good);
                    now.difference(&cut).union(&put)
                }
            };
            if left != now
                && let Some(place) = remains.get_mut(rule)
            {
                *place = Some(left);
                changed = true;
            }
        }
        changed
    }

    fn cut_control(
        &self,
        control: &Control,
        rule: &TrafficRule,
        view: &GroupView<'_>,
        names: &Names<'_>,
        environment: Option<&str>,
        cuts: &mut Cuts,
    ) {
        let left =
            allowed_out(control, rule.direction, view, self.evaluator.inventory, names, environment, Assume::Best);
        let (public, settings) = (view.public.set(), control.settings.as_ref());
        let exposure = Exposure::of(&left, public, settings, Assume::Best);
        let scene =
            Scene { pieces: &left, public, inventory: self.evaluator.inventory, settings, assume: Assume::Best };
        for violation in judge(rule, &scene, &exposure) {
            let mut services = violation.services.clone();
            if rule.matching == Match::Everything {
                services = services.difference(&settings.authorized());
            }
            self.cut_violation(&violation, &services, &scene, view, cuts);
        }
    }

    fn cut_violation(
        &self,
        violation: &Violation<'_>,
        services: &ServiceSet,
        scene: &Scene<'_>,
        view: &GroupView<'_>,
        cuts: &mut Cuts,
    ) {
        let Some(family) = violation.family else {
            // Loopback beside what goes is not worth a rule of its own, unless it is a part of what is allowed.
            let idle = match violation.test {
                PeerTest::Any => special::loopback().clone(),
                PeerTest::Outside(allowed) => special::loopback().difference(&resolve(allowed, scene.inventory, true)),
                PeerTest::Internet(_) | PeerTest::Wide | PeerTest::Overlap(_) => AddressSet::default(),
            };
            for mut offence in offences(scene, violation.test, &violation.services, true) {
                let idle = offence.piece.addresses(Assume::Best).intersection(&idle);
                offence.peers.addresses = offence.peers.addresses.union(&idle);
                cut(cuts, offence.piece.rule, &services.intersection(&offence.services.into()), &offence.peers);
            }
            return;
        };
        let pieces: Vec<_> = scene.pieces.iter().filter(|piece| services.meets(piece.services)).collect();
        let keep = self.keep(view);
        let wide = scene.settings.wide(family);
        let most = if matches!(violation.test, PeerTest::Wide) { wide } else { scene.settings.internet(family) };
        for_each_segment(
            &pieces,
            |piece| piece.services,
            |segment, active| {
                let inside: ServiceSet = services.within(segment).collect();
                if inside.is_empty() {
                    return;
                }
                let here: Vec<_> = active.iter().filter_map(|index| pieces.get(*index).copied()).collect();
                for place in at_fault(&here, family, scene.public, wide, most) {
                    if let Some(piece) = here.get(place) {
                        let addresses = of_family(&piece.addresses(Assume::Best), family);
                        cut(cuts, piece.rule, &inside, &addresses.difference(&keep).into());
                    }
                }
            },
        );
    }

    /// What a rule at fault keeps: private space and the group's own VPC. A replacement keeps nothing.
    fn keep(&self, view: &GroupView<'_>) -> AddressSet {
        match self.strategy {
            Strategy::Replace(_) => AddressSet::default(),
            _ => match self.evaluator.inventory.vpcs.get(&view.group.vpc_id) {
                Some(vpc) => special::private().union(&vpc.addresses),
                None => special::private().clone(),
            },
        }
    }
}

/// Boxes that are to go, by the place of their rule.
type Cuts = BTreeMap<usize, Vec<(Interval<u32>, PeerSet)>>;

fn cut(cuts: &mut Cuts, rule: usize, services: &ServiceSet, peers: &PeerSet) {
    let boxes = services.intervals().iter().map(|services| (*services, peers.clone()));
    cuts.entry(rule).or_default().extend(boxes);
}

fn of_family(addresses: &AddressSet, family: Family) -> AddressSet {
    match family {
        Family::Ipv4 => AddressSet { v4: addresses.v4.clone(), ..AddressSet::default() },
        Family::Ipv6 => AddressSet { v6: addresses.v6.clone(), ..AddressSet::default() },
    }
}

/// The traffic of one direction that is left.
pub(crate) fn traffic_left(
    group: &SecurityGroup,
    inventory: &Inventory,
    remains: &Remains,
    direction: Direction,
) -> Traffic {
    GroupView::with_remains(group, inventory, remains).traffic(direction)
}
