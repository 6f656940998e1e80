//! `stale-reference`

use std::collections::BTreeSet;

use super::{Context, Fault, Metadata, Verdict, named, not_read};
use crate::evaluate::surroundings::Whereabouts;
use crate::model::Peer;
use crate::policy::Severity;

pub(super) const METADATA: Metadata = Metadata {
    id: "stale-reference",
    severity: Severity::Low,
    title: "Reference to a group that is gone",
    description: "A rule names a security group as its peer that does not exist any more. Groups of accounts that \
                  were not read are not judged.",
    reason: "The rule admits nobody, but it counts against the quota and makes the group look as if it were in use. \
             Low, because nothing is open that should not be.",
    remediation: "Remove the rule, or name the group that took the place of the one that is gone.",
};

pub(super) fn judge(context: Context<'_>) -> Verdict {
    let Context { group, index, surroundings, .. } = context;
    if !surroundings.names_unread_groups(index) {
        return Verdict::Pass;
    }
    let (mut rules, mut gone, mut unread) = (Vec::new(), BTreeSet::new(), None);
    for (place, rule) in group.rules.iter().enumerate() {
        let Peer::Group(reference) = &rule.peer else { continue };
        match surroundings.whereabouts(group, reference) {
            Whereabouts::Gone => {
                rules.push(place);
                gone.insert(reference.id.as_str());
            }
            Whereabouts::Unread(coverage) => unread = unread.or(Some((place, &reference.id, coverage))),
            Whereabouts::Known | Whereabouts::Elsewhere => {}
        }
    }
    let ids: Vec<&str> = gone.into_iter().collect();
    match (ids.len(), unread) {
        (0, None) => Verdict::Pass,
        (0, Some((place, id, coverage))) => Verdict::Unknown(Fault {
            reason: format!("`{id}` was not found, but {}", not_read(coverage)),
            rules: vec![place],
            ..Fault::default()
        }),
        (count, _) => {
            let verb = if count == 1 { "is named as a peer and does" } else { "are named as peers and do" };
            let reason = format!("{} {verb} not exist", named(&ids));
            Verdict::Fail(Fault { reason, rules, detail: ids.join(","), ..Fault::default() })
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::controls::Hygiene;
    use crate::model::{CoverageStatus, Inventory};
    use crate::testing::{ACCOUNT, REGION, group, inventory, judge};

    /// Judges `sg-a` with these rules, in an inventory that holds `sg-b` of its own account and `sg-c` of another.
    fn check(rules: &str, expected: &str) {
        check_in(rules, expected, |inventory| inventory);
    }

    fn check_in(rules: &str, expected: &str, change: impl Fn(Inventory) -> Inventory) {
        let others = [group("sg-b", ""), group("sg-c", "").owned_by("444455556666")];
        let inventory = change(inventory(others.into_iter().chain([group("sg-a", rules)])));
        assert_eq!(judge(&Hygiene::StaleReference, &inventory, "sg-a"), expected, "{rules}");
    }

    #[test]
    fn groups_that_were_read_are_no_stale_references() {
        check("ingress tcp 22 from 10.0.0.0/8, pl-x", "pass");
        check("ingress tcp 22 from sg-a, sg-b, 111122223333/sg-b", "pass");
        check("ingress tcp 22 from 444455556666/sg-c", "pass");
    }

    #[test]
    fn groups_that_are_gone_are_named() {
        check("ingress tcp 22 from sg-x", "fail: `sg-x` is named as a peer and does not exist [0] {sg-x}");
        check("egress tcp 22 to 111122223333/sg-x", "fail: `sg-x` is named as a peer and does not exist [0] {sg-x}");
        check("ingress tcp 22 from 444455556666/sg-x", "fail: `sg-x` is named as a peer and does not exist [0] {sg-x}");
        check(
            "ingress tcp 22 from sg-y, sg-b, sg-x\ningress tcp 23 from sg-x",
            "fail: `sg-x` and `sg-y` are named as peers and do not exist [0, 2, 3] {sg-x,sg-y}",
        );
    }

    #[test]
    fn accounts_that_were_not_read_are_not_judged() {
        check("ingress tcp 22 from 777788889999/sg-x", "pass");
        check("ingress tcp 22 from 777788889999/sg-b", "pass");
    }

    #[test]
    fn what_was_not_read_whole_leaves_it_open() {
        let partial = |inventory: Inventory| inventory.with_coverage(ACCOUNT, REGION, CoverageStatus::Partial);
        let reason = "unknown: `sg-x` was not found, but eu-west-1 of account 111122223333 could not be read whole \
                      (access denied) [1]";
        check_in("ingress tcp 22 from sg-b, sg-x", reason, partial);
        check_in("ingress tcp 22 from sg-b", "pass", partial);
        let gone = "fail: `sg-y` is named as a peer and does not exist [1] {sg-y}";
        check_in("ingress tcp 22 from sg-x, 444455556666/sg-y", gone, partial);
        let disabled = |inventory: Inventory| inventory.with_coverage("777788889999", REGION, CoverageStatus::Disabled);
        check_in("ingress tcp 22 from 777788889999/sg-x", "pass", disabled);
    }
}
