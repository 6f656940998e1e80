//! `duplicate-group`

use super::{Context, Fault, Metadata, named};
use crate::finding::Status;
use crate::policy::Severity;

pub(super) const METADATA: Metadata = Metadata {
    id: "duplicate-group",
    severity: Severity::Info,
    title: "Duplicate group",
    description: "Another group of the same VPC admits the same traffic in both directions, however the rules are \
                  written. A rule that names its own group counts as the same in both. Groups without inbound rules \
                  and default groups are not compared.",
    reason: "What must change in one group must change in its twins too, and the one that is forgotten stays open. \
             Info, because teams often keep groups apart on purpose.",
    remediation: "Keep one group and move the interfaces of the others to it, unless they are meant to part later.",
};

pub(super) fn status(context: Context<'_>) -> Status {
    if context.surroundings.has_twin(context.index) { Status::Fail } else { Status::Pass }
}

pub(super) fn fault(context: Context<'_>) -> Fault {
    let twins: Vec<&str> = context.surroundings.twins(context.index).map(|twin| twin.key.group_id.as_str()).collect();
    let verb = if twins.len() == 1 { "admits" } else { "admit" };
    // The first twin alone makes the finding's id, so that a third one does not make it a new finding.
    let detail = twins.first().map(ToString::to_string).unwrap_or_default();
    Fault { detail, ..Fault::of(format!("{} {verb} the same traffic in the same VPC", named(&twins))) }
}

#[cfg(test)]
mod tests {
    use crate::controls::Hygiene;
    use crate::model::SecurityGroup;
    use crate::testing::{group, inventory, judge};

    const RULES: &str = "ingress tcp 443 from 0.0.0.0/0\negress all to 0.0.0.0/0";

    fn check(others: impl IntoIterator<Item = SecurityGroup>, expected: &str) {
        let all = others.into_iter().chain([group("sg-m", RULES)]);
        assert_eq!(judge(&Hygiene::DuplicateGroup, &inventory(all), "sg-m"), expected);
    }

    #[test]
    fn twins_are_named() {
        let split = "ingress tcp 443 from 0.0.0.0/1, 128.0.0.0/1\negress all to 0.0.0.0/0";
        check([], "pass");
        check([group("sg-a", RULES)], "fail: `sg-a` admits the same traffic in the same VPC {sg-a}");
        check([group("sg-z", split)], "fail: `sg-z` admits the same traffic in the same VPC {sg-z}");
        check(
            [group("sg-z", RULES), group("sg-a", RULES)],
            "fail: `sg-a` and `sg-z` admit the same traffic in the same VPC {sg-a}",
        );
    }

    #[test]
    fn groups_elsewhere_are_no_twins() {
        check([group("sg-a", RULES).in_vpc("vpc-2")], "pass");
        check([group("sg-a", RULES).in_region("us-east-1")], "pass");
        check([group("sg-a", RULES).owned_by("444455556666")], "pass");
        check([group("sg-a", RULES).called("default")], "pass");
        check([group("sg-a", "ingress tcp 443 from 0.0.0.0/0")], "pass");
    }

    #[test]
    fn a_thousand_twins_make_short_reasons() {
        let many = (0..1000).map(|number| group(&format!("sg-{number:03}"), RULES));
        check(many, "fail: `sg-000`, `sg-001`, `sg-002` and 997 more admit the same traffic in the same VPC {sg-000}");
    }
}
