//! What the targets judge by: every control that ships, at a fixed moment.

use std::sync::LazyLock;

use jiff::Timestamp;
use portcullis_core::evaluate::{Options, evaluate};
use portcullis_core::finding::Evaluation;
use portcullis_core::model::Inventory;
use portcullis_core::policy::PolicySet;
use portcullis_formats::policy::assemble::{Request, assemble};

static EVERYTHING: LazyLock<PolicySet> = LazyLock::new(|| {
    let request = Request { packs: vec!["all".to_owned()], ..Request::default() };
    let assembled = assemble(&request);
    // Without it nothing would be judged, and every input would pass.
    assert!(assembled.is_ok(), "the pack `all` is valid");
    assembled.map(|assembled| assembled.set).unwrap_or_default()
});

/// Every control that ships.
pub(crate) fn everything() -> &'static PolicySet {
    &EVERYTHING
}

/// The moment of every evaluation: some exemptions of the seeds have expired by then, others have not.
pub(crate) fn now() -> Timestamp {
    Timestamp::constant(1_767_225_600, 0)
}

/// Judges with passes, so that each control and group must give its answer.
pub(crate) fn judge(inventory: &Inventory, policies: &PolicySet) -> Evaluation {
    let evaluation = evaluate(inventory, policies, now(), Options { passes: true });
    for finding in &evaluation.findings {
        let group = inventory.groups.get(finding.group);
        assert!(group.is_some(), "a finding points at no group");
        assert!(policies.control(finding).is_some(), "a finding points at no control");
        let rules = finding.evidence.iter().flat_map(|evidence| &evidence.rules);
        let known = |rule: &usize| group.is_some_and(|group| *rule < group.rules.len());
        assert!(rules.copied().all(|rule| known(&rule)), "evidence points at no rule");
    }
    evaluation
}
