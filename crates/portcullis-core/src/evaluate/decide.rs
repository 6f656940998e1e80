//! The first stage: which controls fail or cannot be told on a group, and nothing else. No words are made here.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use super::measured::{Known, Memo, Sight};
use super::piece::Piece;
use super::subject::Subject;
use super::summary::is_disabled;
use super::verdicts::{ControlSet, Row, Verdicts};
use super::{Assume, Evaluator, Exposure, Scene, judge, only_measures, side};
use crate::controls::Context;
use crate::finding::Status;
use crate::model::{Direction, SecurityGroup};
use crate::net::special;
use crate::policy::{Control, Settings, TrafficRule};

impl Evaluator<'_> {
    /// What every control comes to on the groups of a range of the inventory's.
    pub fn verdicts(&self, range: Range<usize>) -> Verdicts {
        let groups = self.inventory.groups.get(range.clone()).unwrap_or_default();
        let mut verdicts = Verdicts::passing(range.start..range.start + groups.len(), self.policies.controls.len());
        self.take_walked(&mut verdicts);
        self.surroundings().mark_attached(range);
        for ((index, mut row), group) in verdicts.rows_mut().zip(groups) {
            if !is_disabled(group, self.policies) {
                self.decide_around(index, group, &mut row);
            }
        }
        verdicts
    }

    /// What every control comes to on one group.
    pub(super) fn decide(&self, index: usize, group: &SecurityGroup, row: &mut Row<'_>) {
        self.with_memo(|memo| self.decide_alone(index, group, memo, row));
        self.decide_around(index, group, row);
    }

    /// What the controls come to that look at nothing but the group itself.
    pub(super) fn decide_alone(&self, index: usize, group: &SecurityGroup, memo: &mut Memo, row: &mut Row<'_>) {
        let subject = Subject::new(self, index, group);
        if group.unreadable.is_some() {
            row.leave_all_open(&self.judged);
        } else {
            self.decide_measured(&subject, memo, row);
            for place in &self.general {
                let Some((control, rule)) = self.traffic_control(*place) else { continue };
                // What is allowed takes away from what is exposed, so where nothing is, nothing is left.
                let calm = only_measures(rule) && subject.sights.get(side(rule.direction)) == Some(&Sight::Calm);
                if !calm {
                    row.set(*place, status(&subject, control, rule));
                }
            }
            let context = Context { group, index, inventory: self.inventory, surroundings: self.walk.unfinished() };
            for (place, kind) in self.hygiene.iter().filter(|(_, kind)| !kind.looks_around()) {
                row.set(*place, kind.status(context));
            }
        }
        if let Some(scoped) = &self.scoped {
            row.retain(scoped, |place| self.bears(&subject, place));
        }
    }

    /// What the controls come to that look at what stands around the group.
    fn decide_around(&self, index: usize, group: &SecurityGroup, row: &mut Row<'_>) {
        if group.unreadable.is_some() || self.around.is_empty() {
            return;
        }
        let context = Context { group, index, inventory: self.inventory, surroundings: self.surroundings() };
        for (place, kind) in &self.around {
            let status = kind.status(context);
            if status != Status::Pass && self.bears(&Subject::new(self, index, group), *place) {
                row.set(*place, status);
            }
        }
    }

    fn bears(&self, subject: &Subject<'_>, place: usize) -> bool {
        let control = self.policies.controls.get(place);
        control.is_some_and(|control| subject.bearing(control).is_some())
    }

    fn decide_measured(&self, subject: &Subject<'_>, memo: &mut Memo, row: &mut Row<'_>) {
        let sides = Direction::ALL.into_iter().zip(&self.measured).zip(subject.sights);
        for ((direction, controls), sight) in sides.filter(|((_, controls), _)| !controls.is_empty()) {
            match sight {
                Sight::Calm => {}
                Sight::Shape | Sight::Lists => {
                    let group = subject.group;
                    let known = memo.known(&self.screen, group, direction, || self.by_shape(group, direction));
                    row.fail_all(&known.fail);
                    row.leave_all_open(&known.unknown);
                }
                Sight::Other => {
                    for place in controls {
                        let Some((control, rule)) = self.traffic_control(*place) else { continue };
                        row.set(*place, status(subject, control, rule));
                    }
                }
            }
        }
    }

    /// What the controls that only measure the internet come to on the shape of a group.
    pub(super) fn by_shape(&self, group: &SecurityGroup, direction: Direction) -> Known {
        let pieces = self.screen.pieces(group, direction);
        let violated = |assume: Assume| {
            let mut exposures: Vec<(&Arc<Settings>, Exposure)> = Vec::new();
            let is_violated = |place: &usize| {
                let Some((control, rule)) = self.traffic_control(*place) else { return false };
                let (settings, public) = (&control.settings, special::public());
                if !exposures.iter().any(|(known, _)| Arc::ptr_eq(known, settings)) {
                    exposures.push((settings, Exposure::of(&pieces, public, settings, assume)));
                }
                let known = exposures.iter().find(|(known, _)| Arc::ptr_eq(known, settings));
                let scene = Scene { pieces: &pieces, public, inventory: self.inventory, settings, assume };
                known.is_some_and(|(_, exposure)| !exposure.is_empty() && !judge(rule, &scene, exposure).is_empty())
            };
            let controls = self.measured.get(side(direction)).into_iter().flatten().copied();
            ControlSet::of(self.policies.controls.len(), controls.filter(is_violated))
        };
        let fail = violated(Assume::Best);
        let unresolved = pieces.iter().any(Piece::is_unresolved);
        let unknown = if unresolved { violated(Assume::Worst).less(&fail) } else { ControlSet::default() };
        Known { fail, unknown, findings: OnceCell::new() }
    }
}

/// A failure as far as all is known, else an open question where what is not known could be one.
fn status(subject: &Subject<'_>, control: &Control, rule: &TrafficRule) -> Status {
    let is_violated = |assume| subject.violated(control, rule, assume, |_, _| ()).is_some();
    if is_violated(Assume::Best) {
        Status::Fail
    } else if is_violated(Assume::Worst) {
        Status::Unknown
    } else {
        Status::Pass
    }
}
