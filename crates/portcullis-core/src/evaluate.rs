//! Judging an inventory. Pure and total: every group that was read gets its verdicts.
//!
//! In two stages: which controls fail on which groups (`decide.rs`), which is cheap and done for all, and why
//! (`explain.rs`), which is done for those that are to be reported.

mod decide;
mod explain;
mod exposure;
mod finish;
mod judge;
mod measured;
mod names;
mod piece;
mod report;
mod scope;
mod stretches;
mod subject;
mod summary;
pub mod surroundings;
mod verdicts;
mod view;
mod walk;

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::Timestamp;

use crate::controls::Hygiene;
use crate::finding::{Evaluation, Finding};
use crate::model::{Direction, Inventory, SecurityGroup};
use crate::net::special;
use crate::policy::{Control, ControlKind, PeerTest, PolicySet, Scope, TrafficRule};
use surroundings::Surroundings;

pub(crate) use exposure::{Exposure, at_fault};
pub use finish::Part;
pub(crate) use judge::{Scene, Violation, judge, offences};
use measured::Screen;
pub(crate) use names::{Names, allowed_out, bearing_controls};
pub use piece::boxes;
pub(crate) use piece::{Assume, group_symbol, resolve};
pub use scope::environment_of;
use summary::ExemptionUse;
use verdicts::ControlSet;
pub use verdicts::Verdicts;
pub(crate) use view::GroupView;
use walk::Walk;

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
    walk: Walk<'a>,
    pub(crate) names: Names<'a>,
    /// For each control, why it is not judged, if it is not.
    lacking: Vec<Option<String>>,
    /// Those that are judged.
    judged: ControlSet,
    /// Controls that only measure the internet and have no allowances, for each direction: groups of one shape come to
    /// the same.
    measured: [Vec<usize>; 2],
    /// All other traffic controls.
    general: Vec<usize>,
    /// Hygiene controls that look at nothing but the group itself.
    hygiene: Vec<(usize, &'a Hygiene)>,
    /// Those that look at what stands around it.
    around: Vec<(usize, &'a Hygiene)>,
    screen: Screen<'a>,
    /// Controls that do not bear on every group, if there are any.
    scoped: Option<ControlSet>,
    /// VPCs that use public addresses of their own: to their groups the internet is something else.
    unusual: BTreeSet<&'a str>,
    /// Whether it matters to any control which environment a group is of.
    by_environment: bool,
}

fn side(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => 0,
        Direction::Egress => 1,
    }
}

impl<'a> Evaluator<'a> {
    /// Makes the indices that all groups share, as far as they are not made while groups are judged.
    pub fn new(inventory: &'a Inventory, policies: &'a PolicySet, now: Timestamp, options: Options) -> Self {
        let (mut measured, mut general, mut hygiene) = ([Vec::new(), Vec::new()], Vec::new(), Vec::new());
        let (mut lacking, mut scoped, mut measures) = (Vec::new(), Vec::new(), Vec::new());
        for (place, control) in policies.controls.iter().enumerate() {
            let mut lack = None;
            match &control.kind {
                ControlKind::Hygiene(kind) => {
                    lack = kind.lacks(inventory);
                    if lack.is_none() {
                        hygiene.push((place, kind));
                    }
                }
                ControlKind::Traffic(rule) => {
                    if only_measures(rule) {
                        measures.push((rule.direction, control.settings.as_ref()));
                    }
                    if control.allowed.is_empty() && only_measures(rule) {
                        measured.get_mut(side(rule.direction)).into_iter().for_each(|side| side.push(place));
                    } else {
                        general.push(place);
                    }
                }
            }
            lacking.push(lack);
            if control.scope != Scope::default() {
                scoped.push(place);
            }
        }
        let controls = policies.controls.len();
        let judged = lacking.iter().enumerate().filter(|(_, lack)| lack.is_none()).map(|(place, _)| place);
        let unusual = inventory.vpcs.iter().filter(|(_, vpc)| vpc.addresses.intersects(special::public()));
        let surroundings = Surroundings::to_walk(inventory, hygiene.iter().map(|(_, kind)| *kind));
        let (around, hygiene) = hygiene.into_iter().partition(|(_, kind): &(usize, &Hygiene)| kind.looks_around());
        let scopes = |control: &'a Control| {
            std::iter::once(&control.scope).chain(control.allowed.iter().map(|allowed| &allowed.scope))
        };
        Self {
            inventory,
            policies,
            now,
            options,
            walk: Walk::of(surroundings, inventory.groups.len()),
            names: Names::wanted(inventory, policies),
            judged: ControlSet::of(controls, judged),
            lacking,
            measured,
            general,
            hygiene,
            around,
            screen: Screen::of(inventory, measures),
            scoped: (!scoped.is_empty()).then(|| ControlSet::of(controls, scoped)),
            unusual: unusual.map(|(id, _)| id.as_str()).collect(),
            by_environment: policies.controls.iter().flat_map(scopes).any(|scope| !scope.environments.is_empty()),
        }
    }

    /// The findings of one group, which may be another state of one of the inventory's: everything around it is taken as
    /// it is. The findings' `group` is meaningless.
    pub fn findings_of(&self, group: &SecurityGroup) -> Vec<Finding> {
        // What was told of the group from around it still holds, such as the interfaces that it is on.
        let index = self.inventory.groups.binary_search_by(|known| known.key.cmp(&group.key)).unwrap_or(usize::MAX);
        let mut findings = Vec::new();
        let mut verdicts = Verdicts::passing(0..1, self.policies.controls.len());
        verdicts.rows_mut().for_each(|(_, mut row)| self.decide(index, group, &mut row));
        self.with_memo(|memo| self.explain(index, group, verdicts.of_group(0), memo, &mut findings));
        ExemptionUse::default().apply(&mut findings, group, self.policies, self.now);
        findings
    }

    /// Judges the groups of a range of the inventory's: verdicts, then the findings of those that do not pass.
    pub fn judge(&self, range: Range<usize>) -> Part {
        self.findings(&self.verdicts(range))
    }

    fn traffic_control(&self, place: usize) -> Option<(&'a Control, &'a TrafficRule)> {
        let control = self.policies.controls.get(place)?;
        match &control.kind {
            ControlKind::Traffic(rule) => Some((control, rule)),
            ControlKind::Hygiene(_) => None,
        }
    }
}

/// Whether a rule asks only how much of the internet is admitted.
fn only_measures(rule: &TrafficRule) -> bool {
    rule.peers.iter().all(|test| matches!(test, PeerTest::Internet(_) | PeerTest::Wide))
}
