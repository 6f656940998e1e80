//! Parts of an evaluation put together.

use std::cmp::Reverse;

use super::Evaluator;
use super::summary::{ExemptionUse, coverage, framework_items};
use crate::finding::{Evaluation, Finding, NotJudged};

/// The findings of some groups.
#[derive(Debug, Default)]
pub struct Part {
    pub(super) findings: Vec<Finding>,
    pub(super) exemptions: ExemptionUse,
    pub(super) groups: usize,
}

impl Evaluator<'_> {
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
        let unread = coverage.iter().any(|row| row.status.is_unread());
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
}
