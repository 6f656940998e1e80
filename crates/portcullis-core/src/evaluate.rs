//! Judging an inventory. Pure and total: every group that was read gets its verdicts.

mod exposure;
mod judge;
mod measured;
mod piece;
mod report;
mod scope;
mod stretches;
mod summary;
pub mod surroundings;
mod view;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use compact_str::CompactString;
use jiff::Timestamp;

use crate::controls::{Context, Fault, Hygiene, Verdict};
use crate::finding::{Evaluation, Finding, NotJudged, Status};
use crate::model::{CoverageStatus, Direction, GroupReference, Inventory, SecurityGroup};
use crate::net::{Traffic, special};
use crate::policy::{AllowedPeers, AllowedRule, Control, ControlKind, PeerTest, PolicySet, Settings, TrafficRule};
use surroundings::Surroundings;
pub(crate) use view::GroupView;

pub(crate) use exposure::{Exposure, at_fault};
pub(crate) use judge::{Scene, Violation, judge, offences};
use measured::{Memo, Screen, Screened, Shape};
use piece::without_allowed;
pub(crate) use piece::{Assume, Piece, group_symbol};
use report::{body, finding_id, remedy, rule_evidence};
use scope::{Bearing, allows, bears_on, environment_of};
use summary::{ExemptionUse, coverage, framework_items, is_disabled, mark_implied, mark_unreadable};

/// What a run wants of an evaluation beside verdicts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether findings that pass are wanted too; there is one for each control and group.
    pub passes: bool,
}

/// Judges every group of the inventory by every control. `now` decides which exemptions have expired.
pub fn evaluate(inventory: &Inventory, policies: &PolicySet, now: Timestamp, options: Options) -> Evaluation {
    let evaluator = Evaluator::new(inventory, policies, now, options);
    let part = evaluator.judge(0..inventory.groups.len());
    evaluator.finish([part])
}

/// An evaluation that can be done in parts, on as many threads as the caller likes.
#[derive(Debug)]
pub struct Evaluator<'a> {
    pub(crate) inventory: &'a Inventory,
    pub(crate) policies: &'a PolicySet,
    pub(crate) now: Timestamp,
    options: Options,
    surroundings: Surroundings<'a>,
    pub(crate) names: Names<'a>,
    /// For each control, why it is not judged, if it is not.
    lacking: Vec<Option<String>>,
    /// Controls that only measure the internet and have no allowances: nothing to judge where nothing is exposed.
    measured: [Vec<usize>; 2],
    /// All other traffic controls.
    general: Vec<usize>,
    hygiene: Vec<usize>,
    screen: Screen,
    /// VPCs that use public addresses of their own: to their groups the internet is something else.
    unusual: BTreeSet<&'a str>,
    /// Whether it matters to any control which environment a group is of.
    by_environment: bool,
}

/// The findings of some groups.
#[derive(Debug, Default)]
pub struct Part {
    findings: Vec<Finding>,
    exemptions: ExemptionUse,
    groups: usize,
}

fn side(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => 0,
        Direction::Egress => 1,
    }
}

impl<'a> Evaluator<'a> {
    /// Makes the indices that all groups share.
    pub fn new(inventory: &'a Inventory, policies: &'a PolicySet, now: Timestamp, options: Options) -> Self {
        let (mut measured, mut general, mut hygiene) = ([Vec::new(), Vec::new()], Vec::new(), Vec::new());
        let mut lacking = vec![None; policies.controls.len()];
        for (index, control) in policies.controls.iter().enumerate() {
            match &control.kind {
                ControlKind::Hygiene(kind) => {
                    match lacking.get_mut(index) {
                        Some(lack) => *lack = kind.lacks(inventory),
                        None => continue,
                    }
                    hygiene.push(index);
                }
                ControlKind::Traffic(rule) if control.allowed.is_empty() && only_measures(rule) => {
                    measured.get_mut(side(rule.direction)).into_iter().for_each(|side| side.push(index));
                }
                ControlKind::Traffic(_) => general.push(index),
            }
        }
        let wanted = policies.controls.iter().filter_map(|control| match &control.kind {
            ControlKind::Hygiene(kind) => Some(kind.clone()),
            ControlKind::Traffic(_) => None,
        });
        let surroundings = Surroundings::of(inventory, &wanted.collect::<Vec<Hygiene>>());
        let names = Names::wanted(inventory, policies);
        let screen = Screen::of(policies, &measured);
        let unusual = inventory.vpcs.iter().filter(|(_, vpc)| vpc.addresses.intersects(special::public()));
        let unusual = unusual.map(|(id, _)| id.as_str()).collect();
        let scopes = |control: &'a Control| {
            std::iter::once(&control.scope).chain(control.allowed.iter().map(|allowed| &allowed.scope))
        };
        let by_environment = policies.controls.iter().flat_map(scopes).any(|scope| !scope.environments.is_empty());
        Self {
            inventory,
            policies,
            now,
            options,
            surroundings,
            names,
            lacking,
            measured,
            general,
            hygiene,
            screen,
            unusual,
            by_environment,
        }
    }

    /// The findings of one group, which may be another state of one of the inventory's: everything around it is taken as
    /// it is. The findings' `group` is meaningless.
    pub fn findings_of(&self, group: &SecurityGroup) -> Vec<Finding> {
        let mut findings = Vec::new();
        // What was told of the group from around it still holds, such as the interfaces that it is on.
        let index = self.inventory.groups.binary_search_by(|known| known.key.cmp(&group.key)).unwrap_or(usize::MAX);
        self.judge_group(index, group, &mut Memo::default(), &mut findings);
        ExemptionUse::default().apply(&mut findings, group, self.policies, self.now);
        findings
    }

    /// Judges the groups of a range of the inventory's.
    pub fn judge(&self, range: Range<usize>) -> Part {
        let (mut part, mut memo) = (Part::default(), Memo::default());
        for index in range {
            let Some(group) = self.inventory.groups.get(index) else { continue };
            if is_disabled(group, self.policies) {
                continue;
            }
            part.groups += 1;
            let start = part.findings.len();
            self.judge_group(index, group, &mut memo, &mut part.findings);
            if part.findings.len() > start {
                let found = part.findings.get_mut(start..).unwrap_or_default();
                part.exemptions.apply(found, group, self.policies, self.now);
                match group.unreadable {
                    Some(_) => mark_unreadable(found),
                    None => mark_implied(found, self.policies),
                }
            }
        }
        part
    }

    /// Puts the parts together; their order does not matter.
    pub fn finish(&self, parts: impl IntoIterator<Item = Part>) -> Evaluation {
        let (mut findings, mut exemptions, mut groups) = (Vec::new(), ExemptionUse::default(), 0);
        for part in parts {
            findings.extend(part.findings);
            exemptions.merge(part.exemptions);
            groups += part.groups;
        }
        let policies = self.policies;
        // The inventory's groups are sorted by account, Region and id, so that their index is their order.
        let mut by_name: Vec<usize> = (0..policies.controls.len()).collect();
        by_name.sort_by_key(|place| policies.controls.get(*place).map(|control| &control.id));
        let mut ranks = vec![0; by_name.len()];
        for (rank, place) in by_name.into_iter().enumerate() {
            ranks.get_mut(place).into_iter().for_each(|own| *own = rank);
        }
        findings.sort_by_cached_key(|finding: &Finding| {
            (Reverse(policies.severity(finding)), finding.group, ranks.get(finding.control).copied(), finding.status)
        });
        let coverage = coverage(self.inventory, policies);
        let unread =
            coverage.iter().any(|row| !matches!(row.status, CoverageStatus::Complete | CoverageStatus::Disabled));
        let judged: Vec<bool> = self.lacking.iter().map(Option::is_none).collect();
        let items = framework_items(&findings, policies, &judged, groups, unread);
        let (expired_exemptions, unused_exemptions) = exemptions.report(policies, self.now);
        let lacking = policies.controls.iter().zip(&self.lacking);
        let not_judged = lacking.filter_map(|(control, lack)| {
            lack.clone().map(|reason| NotJudged { control_id: control.id.clone(), reason })
        });
        Evaluation {
            findings,
            groups,
            coverage,
            not_judged: not_judged.collect(),
            expired_exemptions,
            unused_exemptions,
            items,
        }
    }

    fn judge_group(&self, index: usize, group: &SecurityGroup, memo: &mut Memo, findings: &mut Vec<Finding>) {
        let environment = if self.by_environment { environment_of(group, self.policies) } else { None };
        let environment = environment.as_deref();
        if let Some(why) = &group.unreadable {
            self.unreadable(index, group, environment, why, findings);
            return;
        }
        let view = OnceCell::new();
        let view = || view.get_or_init(|| GroupView::new(group, self.inventory));
        let usual = !self.options.passes && (self.unusual.is_empty() || !self.unusual.contains(&*group.vpc_id));
        for direction in Direction::ALL {
            if self.measured.get(side(direction)).is_none_or(Vec::is_empty) {
                continue;
            }
            match if usual { self.screen.look(group, direction) } else { Screened::Other } {
                Screened::Calm => {}
                Screened::Other => self.judge_measured(index, view(), direction, environment, findings),
                Screened::Shape(shape, rules) => {
                    let known = memo.findings(direction, shape, |shape| self.judge_shape(shape, direction));
                    for finding in known.iter() {
                        self.keep_known(index, group, environment, finding, &rules, findings);
                    }
                }
            }
        }
        for place in &self.general {
            let Some(control) = self.policies.controls.get(*place) else { continue };
            let ControlKind::Traffic(rule) = &control.kind else { continue };
            let Some(bearing) = bears_on(&control.scope, group, environment) else { continue };
            let finding = judge_control(control, rule, view(), self.inventory, &self.names, environment);
            self.keep(index, *place, group, finding, &bearing, findings);
        }
        let context = Context { group, index, inventory: self.inventory, surroundings: &self.surroundings };
        for place in &self.hygiene {
            let Some(control) = self.policies.controls.get(*place) else { continue };
            let ControlKind::Hygiene(kind) = &control.kind else { continue };
            if self.lacking.get(*place).is_some_and(Option::is_some) {
                continue;
            }
            if let Some(bearing) = bears_on(&control.scope, group, environment) {
                let finding = match kind.judge(context) {
                    Verdict::Pass => None,
                    Verdict::Fail(fault) => Some(hygiene_finding(control, group, Status::Fail, fault)),
                    Verdict::Unknown(fault) => Some(hygiene_finding(control, group, Status::Unknown, fault)),
                };
                self.keep(index, *place, group, finding, &bearing, findings);
            }
        }
    }

    /// The controls that only measure the internet: where nothing is exposed, none of them can fail.
    fn judge_measured(
        &self,
        index: usize,
        view: &GroupView<'_>,
        direction: Direction,
        environment: Option<&str>,
        findings: &mut Vec<Finding>,
    ) {
        let controls = self.measured.get(side(direction)).map(Vec::as_slice).unwrap_or_default();
        let mut last: Option<(&Arc<Settings>, Exposure, Option<Exposure>)> = None;
        for place in controls {
            let Some(control) = self.policies.controls.get(*place) else { continue };
            let ControlKind::Traffic(rule) = &control.kind else { continue };
            let fresh = last.as_ref().is_none_or(|(settings, ..)| !Arc::ptr_eq(settings, &control.settings));
            if fresh {
                let settings = &control.settings;
                let (best, worst) = view.exposures(direction, settings);
                last = Some((settings, best, worst));
            }
            let Some((settings, best, worst)) = &last else { continue };
            let exposed = !best.is_empty() || worst.is_some();
            if !exposed && !self.options.passes {
                continue;
            }
            let Some(bearing) = bears_on(&control.scope, view.group, environment) else { continue };
            let scene = view.scene(direction, self.inventory, settings);
            let finding =
                exposed.then(|| judge_scenes(control, rule, view.group, &scene, best, worst.as_ref())).flatten();
            self.keep(index, *place, view.group, finding, &bearing, findings);
        }
    }

    /// The findings of the controls that only measure the internet on a shape, without ids.
    fn judge_shape(&self, shape: &Shape, direction: Direction) -> Vec<Finding> {
        let (pieces, public) = (measured::pieces(shape), special::public());
        let mut exposures: Vec<(&Arc<Settings>, Exposure)> = Vec::new();
        let mut findings = Vec::new();
        for place in self.measured.get(side(direction)).into_iter().flatten() {
            let Some(control) = self.policies.controls.get(*place) else { continue };
            let ControlKind::Traffic(rule) = &control.kind else { continue };
            let settings = &control.settings;
            if !exposures.iter().any(|(known, _)| Arc::ptr_eq(known, settings)) {
                exposures.push((settings, Exposure::of(&pieces, public, settings, Assume::Best)));
            }
            let known = exposures.iter().find(|(known, _)| Arc::ptr_eq(known, settings));
            let Some((_, exposure)) = known.filter(|(_, exposure)| !exposure.is_empty()) else { continue };
            let scene = Scene { pieces: &pieces, public, inventory: self.inventory, settings, assume: Assume::Best };
            let finding = traffic_finding(control, rule, &judge(rule, &scene, exposure), &scene);
            findings.extend(finding.map(|finding| Finding { control: *place, ..finding }));
        }
        findings
    }

    /// Keeps the finding of a shape for a group that has it; `rules` are the group's rules by their places in the shape.
    fn keep_known(
        &self,
        index: usize,
        group: &SecurityGroup,
        environment: Option<&str>,
        finding: &Finding,
        rules: &[usize],
        findings: &mut Vec<Finding>,
    ) {
        let Some(control) = self.policies.controls.get(finding.control) else { return };
        let Some(bearing) = bears_on(&control.scope, group, environment) else { return };
        let mut finding = finding.clone();
        for row in &mut finding.evidence {
            row.rules.iter_mut().for_each(|rule| *rule = rules.get(*rule).copied().unwrap_or_default());
        }
        let finding = identified(finding, control, group);
        self.keep(index, finding.control, group, Some(finding), &bearing, findings);
    }

    /// Completes a finding and keeps it; a pass is kept only where passes are wanted.
    fn keep(
        &self,
        index: usize,
        place: usize,
        group: &SecurityGroup,
        finding: Option<Finding>,
        bearing: &Bearing,
        findings: &mut Vec<Finding>,
    ) {
        let Some(control) = self.policies.controls.get(place) else { return };
        let mut finding = match finding {
            Some(finding) => finding,
            None if self.options.passes => passing(control, group),
            None => return,
        };
        finding.control = place;
        finding.group = index;
        if finding.status != Status::Pass {
            finding.reason.push_str(&bearing.note());
        }
        findings.push(finding);
    }

    /// A group that could not be read is unknown to every control.
    fn unreadable(
        &self,
        index: usize,
        group: &SecurityGroup,
        environment: Option<&str>,
        why: &str,
        findings: &mut Vec<Finding>,
    ) {
        for (place, control) in self.policies.controls.iter().enumerate() {
            if self.lacking.get(place).is_some_and(Option::is_some) {
                continue;
            }
            let Some(bearing) = bears_on(&control.scope, group, environment) else { continue };
            let fault = Fault { reason: why.to_owned(), ..Fault::default() };
            let finding = hygiene_finding(control, group, Status::Unknown, fault);
            self.keep(index, place, group, Some(finding), &bearing, findings);
        }
    }
}

/// The controls that bear on a group, with their indices and the group's environment.
pub(crate) fn bearing_controls<'a>(
    policies: &'a PolicySet,
    group: &'a SecurityGroup,
) -> impl Iterator<Item = (usize, &'a Control, Option<Cow<'a, str>>)> {
    let environment = environment_of(group, policies);
    policies.controls.iter().enumerate().filter_map(move |(index, control)| {
        bears_on(&control.scope, group, environment.as_deref())?;
        Some((index, control, environment.clone()))
    })
}

/// Whether a rule asks only how much of the internet is admitted.
fn only_measures(rule: &TrafficRule) -> bool {
    rule.peers.iter().all(|test| matches!(test, PeerTest::Internet(_) | PeerTest::Wide))
}

/// Judges one traffic control on one group, with the allowances of its file.
pub(crate) fn judge_control<'a>(
    control: &Control,
    rule: &TrafficRule,
    view: &GroupView<'a>,
    inventory: &'a Inventory,
    names: &Names<'a>,
    environment: Option<&str>,
) -> Option<Finding> {
    let (public, settings) = (view.public.set(), control.settings.as_ref());
    let judged = |assume: Assume| {
        let left = allowed_out(control, rule.direction, view, inventory, names, environment, assume);
        let exposure = Exposure::of(&left, public, settings, assume);
        let scene = Scene { pieces: &left, public, inventory, settings, assume };
        let violations = judge(rule, &scene, &exposure);
        let finding = traffic_finding(control, rule, &violations, &scene)?;
        Some(identified(finding, control, view.group))
    };
    judged(Assume::Best).or_else(|| judged(Assume::Worst))
}

/// The pieces of a direction less what the control's own file allows.
pub(crate) fn allowed_out<'a>(
    control: &Control,
    direction: Direction,
    view: &GroupView<'a>,
    inventory: &Inventory,
    names: &Names<'a>,
    environment: Option<&str>,
    assume: Assume,
) -> Vec<Piece<'a>> {
    let allowed: Vec<&AllowedRule> =
        control.allowed.iter().filter(|allowed| allows(&allowed.scope, view.group, environment)).collect();
    let name_of = |reference: &'a GroupReference| names.of(view.group, reference);
    without_allowed(view.pieces_of(direction), &allowed, direction, inventory, name_of, assume)
}

/// Names of groups by account and id.
#[derive(Debug, Default)]
pub(crate) struct Names<'a>(HashMap<(&'a str, &'a str), &'a str>);

impl<'a> Names<'a> {
    /// Of all groups, if any control asks for them.
    pub(crate) fn wanted(inventory: &'a Inventory, policies: &PolicySet) -> Self {
        let by_name = |allowed: &AllowedRule| matches!(allowed.peers, AllowedPeers::GroupsNamed(_));
        let wanted = policies.controls.iter().any(|control| control.allowed.iter().any(by_name));
        Self(if wanted { inventory.names() } else { HashMap::new() })
    }

    /// The name of a group that a rule of `group` refers to, if it is known.
    fn of(&self, group: &SecurityGroup, reference: &'a GroupReference) -> Option<&'a str> {
        let account = if reference.account.is_empty() { &group.key.account_id } else { &reference.account };
        let known = self.0.get(&(account.as_str(), reference.id.as_str())).copied();
        known.or_else(|| Some(reference.name.as_str()).filter(|name| !name.is_empty()))
    }
}

/// Judges one traffic control where its scene is the same for all controls of the direction.
fn judge_scenes(
    control: &Control,
    rule: &TrafficRule,
    group: &SecurityGroup,
    scene: &Scene<'_>,
    best: &Exposure,
    worst: Option<&Exposure>,
) -> Option<Finding> {
    let found = |assume: Assume, exposure: &Exposure| {
        let scene = Scene { assume, ..*scene };
        let finding = traffic_finding(control, rule, &judge(rule, &scene, exposure), &scene)?;
        Some(identified(finding, control, group))
    };
    found(Assume::Best, best).or_else(|| worst.and_then(|worst| found(Assume::Worst, worst)))
}

/// A finding with its id.
fn identified(finding: Finding, control: &Control, group: &SecurityGroup) -> Finding {
    Finding { id: finding_id(control, group, finding.direction, &finding.evidence, ""), ..finding }
}

/// The finding that violations make up, without its id: a failure as far as all is known, else an open question.
fn traffic_finding(
    control: &Control,
    rule: &TrafficRule,
    violations: &[Violation<'_>],
    scene: &Scene<'_>,
) -> Option<Finding> {
    if violations.is_empty() {
        return None;
    }
    let body = body(rule, violations, scene);
    let direction = Some(rule.direction);
    Some(Finding {
        status: if scene.assume == Assume::Best { Status::Fail } else { Status::Unknown },
        direction,
        remediation: remedy(control, rule, &body),
        families: body.families,
        evidence: body.evidence,
        traffic: body.traffic,
        reason: body.reason,
        ..blank()
    })
}

fn hygiene_finding(control: &Control, group: &SecurityGroup, status: Status, fault: Fault) -> Finding {
    let evidence = rule_evidence(group, &fault.rules);
    Finding {
        id: finding_id(control, group, fault.direction, &evidence, &fault.detail),
        status,
        direction: fault.direction,
        evidence,
        reason: fault.reason,
        remediation: control.text.remediation.clone(),
        ..blank()
    }
}

fn passing(control: &Control, group: &SecurityGroup) -> Finding {
    let direction = match &control.kind {
        ControlKind::Traffic(rule) => Some(rule.direction),
        ControlKind::Hygiene(_) => None,
    };
    let id = finding_id(control, group, direction, &[], "pass");
    Finding { id, status: Status::Pass, direction, reason: "holds".to_owned(), ..blank() }
}

/// A finding with nothing in it; its control and group are filled in where it is kept.
fn blank() -> Finding {
    Finding {
        id: CompactString::default(),
        control: 0,
        group: 0,
        status: Status::Pass,
        direction: None,
        families: Vec::new(),
        evidence: Vec::new(),
        traffic: Traffic::none(),
        reason: String::new(),
        remediation: String::new(),
        implied_by: None,
        exemption: None,
    }
}
