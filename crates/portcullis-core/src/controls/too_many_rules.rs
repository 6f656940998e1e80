//! `too-many-rules`

use super::{Context, Fault, Metadata};
use crate::finding::Status;
use crate::policy::Severity;

pub(super) const METADATA: Metadata = Metadata {
    id: "too-many-rules",
    severity: Severity::Medium,
    title: "Too many rules",
    description: "The group has more rules than a policy allows (`global_rules.max_rules_per_sg`, 50 where none \
                  says), both directions together, each peer counted as one rule.",
    reason: "Nobody can say what a group with many rules admits, so mistakes in it go unseen, and AWS's quota of 60 \
             rules a direction is near. Medium, because it says nothing of what is open.",
    remediation: "Join rules into prefix lists or wider blocks, refer to security groups instead of addresses, or \
                  split the group by purpose.",
};

pub(super) fn status(context: Context<'_>, most: usize) -> Status {
    if context.group.rules.len() > most { Status::Fail } else { Status::Pass }
}

pub(super) fn fault(context: Context<'_>, most: usize) -> Fault {
    let count = context.group.rules.len();
    let rules = if count == 1 { "rule" } else { "rules" };
    let verb = if most == 1 { "is" } else { "are" };
    Fault::of(format!("{count} {rules} in both directions together, where {most} {verb} the most"))
}

#[cfg(test)]
mod tests {
    use crate::controls::Hygiene;
    use crate::testing::{group, inventory, judge};

    fn check(rules: &str, most: usize, expected: &str) {
        let inventory = inventory([group("sg-a", rules)]);
        assert_eq!(judge(&Hygiene::TooManyRules(most), &inventory, "sg-a"), expected, "{rules}");
    }

    #[test]
    fn every_peer_counts_in_both_directions() {
        let three = "ingress tcp 22 from 10.0.0.1/32, 10.0.0.2/32\negress all to 0.0.0.0/0";
        check(three, 3, "pass");
        check(three, 2, "fail: 3 rules in both directions together, where 2 are the most");
        check(three, 1, "fail: 3 rules in both directions together, where 1 is the most");
        check("egress all to 0.0.0.0/0", 0, "fail: 1 rule in both directions together, where 0 are the most");
        check("", 0, "pass");
    }
}
