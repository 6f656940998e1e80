//! The second stage: findings, for the verdicts that are to be reported and no others.

use compact_str::CompactString;

use super::measured::{Memo, Sight};
use super::report::{body, finding_id, remedy, rule_evidence};
use super::scope::Bearing;
use super::subject::Subject;
use super::summary::{is_disabled, mark_implied, mark_unreadable};
use super::verdicts::Verdicts;
use super::{Assume, Evaluator, Exposure, Part, Scene, Violation, judge, side};
use crate::controls::{Context, Fault};
use crate::finding::{Finding, Status};
use crate::model::{Direction, SecurityGroup};
use crate::net::{Traffic, special};
use crate::policy::{Control, ControlKind, TrafficRule};

impl Evaluator<'_> {
    /// The findings of the groups that verdicts are about: one for each that is not a pass, and where they are wanted one
    /// for each pass.
    pub fn findings(&self, verdicts: &Verdicts) -> Part {
        self.with_memo(|memo| self.findings_with(verdicts, memo))
    }

    fn findings_with(&self, verdicts: &Verdicts, memo: &mut Memo) -> Part {
        let mut part = Part::default();
        let groups = verdicts.range.clone().zip(self.inventory.groups.get(verdicts.range.clone()).unwrap_or_default());
        for (index, group) in groups {
            if is_disabled(group, self.policies) {
                continue;
            }
            part.groups += 1;
            let start = part.findings.len();
            self.explain(index, group, verdicts.of_group(index), memo, &mut part.findings);
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

    /// The findings of one group, in the order of the controls.
    pub(super) fn explain(
        &self,
        index: usize,
        group: &SecurityGroup,
        verdicts: impl Iterator<Item = (usize, Status)>,
        memo: &mut Memo,
        findings: &mut Vec<Finding>,
    ) {
        let mut verdicts = verdicts.peekable();
        if !self.options.passes && verdicts.peek().is_none() {
            return;
        }
        let subject = Subject::new(self, index, group);
        let mut next = 0;
        for (place, status) in verdicts {
            self.pass(&subject, next..place, findings);
            next = place + 1;
            let Some(control) = self.policies.controls.get(place) else { continue };
            let Some(bearing) = subject.bearing(control) else { continue };
            if let Some(finding) = self.finding(&subject, place, control, status, memo) {
                findings.push(kept(finding, index, place, &bearing));
            }
        }
        self.pass(&subject, next..self.policies.controls.len(), findings);
    }

    /// The findings of controls that hold, where they are wanted.
    fn pass(&self, subject: &Subject<'_>, places: std::ops::Range<usize>, findings: &mut Vec<Finding>) {
        if !self.options.passes {
            return;
        }
        for place in places {
            let Some(control) = self.policies.controls.get(place) else { continue };
            let is_judged = self.lacking.get(place).is_some_and(Option::is_none);
            if let Some(bearing) = subject.bearing(control).filter(|_| is_judged) {
                findings.push(kept(passing(control, subject.group), subject.index, place, &bearing));
            }
        }
    }

    /// Why a control does not hold on a group.
    fn finding(
        &self,
        subject: &Subject<'_>,
        place: usize,
        control: &Control,
        status: Status,
        memo: &mut Memo,
    ) -> Option<Finding> {
        let group = subject.group;
        if let Some(why) = &group.unreadable {
            let fault = Fault { reason: why.to_string(), ..Fault::default() };
            return Some(hygiene_finding(control, group, Status::Unknown, fault));
        }
        match &control.kind {
            ControlKind::Hygiene(kind) => {
                let (index, surroundings) = (subject.index, self.surroundings());
                let fault = kind.fault(Context { group, index, inventory: self.inventory, surroundings });
                Some(hygiene_finding(control, group, status, fault))
            }
            ControlKind::Traffic(rule) => {
                let found = match self.known_by_shape(subject, place, rule.direction, memo) {
                    Some(found) => Some(found),
                    None => {
                        let assume = if status == Status::Fail { Assume::Best } else { Assume::Worst };
                        subject.violated(control, rule, assume, |violations, scene| {
                            traffic_finding(control, rule, violations, scene)
                        })
                    }
                };
                found.map(|found| identified(found, control, group))
            }
        }
    }

    /// The finding of a control that all groups of this one's shape share, if that is all that matters.
    fn known_by_shape(
        &self,
        subject: &Subject<'_>,
        place: usize,
        direction: Direction,
        memo: &mut Memo,
    ) -> Option<Finding> {
        let group = subject.group;
        if subject.sights.get(side(direction)) != Some(&Sight::Shape) {
            return None;
        }
        let known = memo.known(&self.screen, group, direction, || self.by_shape(group, direction));
        let findings = known.findings.get_or_init(|| self.findings_of_shape(group, direction, known.fail.iter()));
        let mut finding = findings.iter().find(|finding| finding.control == place)?.clone();
        let rules = self.screen.places(group, direction);
        for row in &mut finding.evidence {
            row.rules.iter_mut().for_each(|rule| *rule = rules.get(*rule).copied().unwrap_or_default());
        }
        Some(finding)
    }

    /// The findings on a group's shape of the controls that fail on it, without ids; their rules are places in the shape.
    fn findings_of_shape(
        &self,
        group: &SecurityGroup,
        direction: Direction,
        controls: impl Iterator<Item = usize>,
    ) -> Box<[Finding]> {
        let (pieces, public) = (self.screen.pieces(group, direction), special::public());
        let finding = |place: usize| {
            let (control, rule) = self.traffic_control(place)?;
            let (settings, assume) = (control.settings.as_ref(), Assume::Best);
            let exposure = Exposure::of(&pieces, public, settings, assume);
            let scene = Scene { pieces: &pieces, public, inventory: self.inventory, settings, assume };
            let finding = traffic_finding(control, rule, &judge(rule, &scene, &exposure), &scene);
            Some(Finding { control: place, ..finding })
        };
        controls.filter_map(finding).collect()
    }
}

/// A finding in its place.
fn kept(mut finding: Finding, group: usize, control: usize, bearing: &Bearing) -> Finding {
    (finding.group, finding.control) = (group, control);
    if finding.status != Status::Pass {
        finding.reason.push_str(&bearing.note());
    }
    finding
}

/// A finding with its id.
fn identified(finding: Finding, control: &Control, group: &SecurityGroup) -> Finding {
    Finding { id: finding_id(control, group, finding.direction, &finding.evidence, ""), ..finding }
}

/// The finding that violations make up, without its id: a failure as far as all is known, else an open question.
fn traffic_finding(control: &Control, rule: &TrafficRule, violations: &[Violation<'_>], scene: &Scene<'_>) -> Finding {
    let body = body(rule, violations, scene);
    Finding {
        status: if scene.assume == Assume::Best { Status::Fail } else { Status::Unknown },
        direction: Some(rule.direction),
        remediation: remedy(control, rule, &body),
        families: body.families,
        evidence: body.evidence,
        traffic: body.traffic,
        reason: body.reason,
        ..blank()
    }
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
        used: None,
    }
}
