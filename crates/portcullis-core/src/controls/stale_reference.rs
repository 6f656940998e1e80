//! `stale-reference`

use std::collections::BTreeSet;

use super::{Context, Fault, Metadata, named, not_read};
use crate::evaluate::surroundings::Whereabouts;
use crate::finding::Status;
use crate::model::{GroupReference, Peer};
use crate::policy::Severity;

pub(super) const METADATA: Metadata = Metadata {
    id: "stale-reference",
    severity: Severity::Low,
    title: "Reference to a group that is gone",
    description: "A rule names a security group as its peer that does not exist any more, or that cannot be reached \
                  since the peering connection to it is gone. Groups of accounts that were not read are judged by what \
                  AWS itself calls stale, where that was read.",
    reason: "The rule admits nobody, but it counts against the quota and makes the group look as if it were in use. \
             Low, because nothing is open that should not be.",
    remediation: "Remove the rule, or name the group that took the place of the one that is gone.",
};

pub(super) fn status(context: Context<'_>) -> Status {
    if !context.surroundings.names_unread_groups(context.index) {
        return Status::Pass;
    }
    let mut status = Status::Pass;
    for (_, _, whereabouts) in references(context) {
        match whereabouts {
            Whereabouts::Gone | Whereabouts::Stale => return Status::Fail,
            Whereabouts::Unread(_) => status = Status::Unknown,
            Whereabouts::Known | Whereabouts::Elsewhere => {}
        }
    }
    status
}

pub(super) fn fault(context: Context<'_>) -> Fault {
    let (mut rules, mut gone, mut stale, mut unread) = (Vec::new(), BTreeSet::new(), BTreeSet::new(), None);
    for (place, reference, whereabouts) in references(context) {
        match whereabouts {
            Whereabouts::Gone => {
                rules.push(place);
                gone.insert(reference.id.as_str());
            }
            Whereabouts::Stale => {
                rules.push(place);
                stale.insert(reference.id.as_str());
            }
            Whereabouts::Unread(coverage) => unread = unread.or(Some((place, &reference.id, coverage))),
            Whereabouts::Known | Whereabouts::Elsewhere => {}
        }
    }
    if let Some((place, id, coverage)) = unread
        && rules.is_empty()
    {
        return Fault { rules: vec![place], ..Fault::of(format!("`{id}` was not found, but {}", not_read(coverage))) };
    }
    let (gone, stale): (Vec<&str>, Vec<&str>) = (gone.into_iter().collect(), stale.into_iter().collect());
    let mut reasons = Vec::new();
    if !gone.is_empty() {
        let verb = if gone.len() == 1 { "is named as a peer and does" } else { "are named as peers and do" };
        reasons.push(format!("{} {verb} not exist", named(&gone)));
    }
    if !stale.is_empty() {
        let verb = if stale.len() == 1 { "is named as a peer" } else { "are named as peers" };
        let why = "AWS calls that stale: the group or the peering connection to it is gone";
        reasons.push(format!("{} {verb}, and {why}", named(&stale)));
    }
    let detail = gone.into_iter().chain(stale).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",");
    Fault { rules, detail, ..Fault::of(reasons.join("; ")) }
}

/// The groups that the rules name, with the places of the rules.
fn references<'a>(context: Context<'a>) -> impl Iterator<Item = (usize, &'a GroupReference, Whereabouts<'a>)> {
    let Context { group, surroundings, .. } = context;
    group.rules.iter().enumerate().filter_map(move |(place, rule)| match &rule.peer {
        Peer::Group(reference) => Some((place, &**reference, surroundings.whereabouts(group, reference))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use crate::controls::Hygiene;
    use crate::model::{CoverageStatus, Inventory, StaleReference};
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
    fn what_aws_calls_stale_is_stale() {
        let stale = |of: &str, pairs: &[&str]| {
            let of = of.to_owned();
            let pairs: Vec<String> = pairs.iter().map(|&id| id.to_owned()).collect();
            move |mut inventory: Inventory| {
                let pair =
                    |id: &String| StaleReference { group_id: of.as_str().into(), referenced_id: id.as_str().into() };
                inventory.stale = pairs.iter().map(pair).collect();
                inventory
            }
        };
        let why = "AWS calls that stale: the group or the peering connection to it is gone";
        let theirs = "ingress tcp 22 from 777788889999/sg-x";
        let expected = format!("fail: `sg-x` is named as a peer, and {why} [0] {{sg-x}}");
        check_in(theirs, &expected, stale("sg-a", &["sg-x"]));
        check_in(theirs, "pass", stale("sg-b", &["sg-x"])); // another group's rule
        check_in(theirs, "pass", stale("sg-a", &["sg-y"]));
        // The group may still be there when the connection is not.
        let there = format!("fail: `sg-c` is named as a peer, and {why} [0] {{sg-c}}");
        check_in("ingress tcp 22 from 444455556666/sg-c", &there, stale("sg-a", &["sg-c"]));
        let both = format!(
            "fail: `sg-y` is named as a peer and does not exist; `sg-x` and `sg-z` are named as peers, and {why} \
             [0, 1, 2] {{sg-x,sg-y,sg-z}}"
        );
        check_in(
            "ingress tcp 22 from 777788889999/sg-x, sg-y, 777788889999/sg-z",
            &both,
            stale("sg-a", &["sg-x", "sg-z"]),
        );
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
