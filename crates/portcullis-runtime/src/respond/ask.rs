//! Asking: where the policy wants somebody to agree, the plan is kept, and told with how it is carried out.

use portcullis_core::finding::{Finding, Status};
use portcullis_core::model::Inventory;
use portcullis_core::remediation::Plan;

use super::Run;
use super::act::planned;
use super::turn::{Step, Turn};
use crate::enforce::{marks, shelf};
use crate::state::sights::{Approval, FirstSights};

impl Run<'_> {
    /// Keeps a plan of each group for which somebody must agree, once for as long as its findings stand. `tagged` is what was
    /// put on groups meanwhile.
    pub(super) fn ask(
        &mut self,
        inventory: &Inventory,
        turns: &mut [Turn<'_>],
        tagged: &Plan,
        sights: &mut FirstSights,
    ) {
        if !self.settings.enforce {
            return;
        }
        let inventory = marks::marked(inventory, tagged);
        for turn in turns.iter_mut().filter(|turn| turn.most() < Step::Remedy && turn.failure.is_none()) {
            let asked = asked(turn);
            if asked.is_empty() {
                continue;
            }
            let known = asked.iter().map(|finding| sights.get(&turn.group.key, &finding.id)?.approval.clone());
            if let Some(known) = known.collect::<Option<Vec<Approval>>>() {
                turn.plan = known.into_iter().find_map(|approval| approval.plan).map(|place| (place, false));
                continue;
            }
            let terms = &self.settings.terms;
            let mut whole = planned(&inventory, &self.settings.policies, asked.clone(), &terms.strategy, self.now);
            for left in &whole.unfixable {
                turn.stays.insert(left.id.to_string(), format!("it stays: {}", left.reason));
            }
            if let Some(own) = whole.groups.pop() {
                match shelf::keep(self.ports.plans, &whole, own, self.now) {
                    Ok(place) => turn.plan = Some((place, true)),
                    Err(error) => {
                        turn.failure = Some(format!("the plan that waits could not be kept: {error}"));
                        continue;
                    }
                }
            }
            let known = sights.group_mut(&turn.group.key);
            for finding in &asked {
                if let Some(sight) = known.findings.get_mut(&finding.id) {
                    let plan = turn.plan.as_ref().map(|(place, _)| place.clone());
                    sight.approval = Some(Approval { plan, since: self.now });
                }
            }
        }
    }
}

/// The findings for which somebody must agree.
fn asked(turn: &Turn<'_>) -> Vec<Finding> {
    let asked = turn.findings.iter().filter(|(finding, step, _)| finding.status == Status::Fail && *step == Step::Ask);
    asked.map(|(finding, ..)| (*finding).clone()).collect()
}
