//! `default-group-not-closed`

use super::{Context, Fault, Metadata, named_rules};
use crate::finding::Status;
use crate::policy::Severity;

pub(super) const METADATA: Metadata = Metadata {
    id: "default-group-not-closed",
    severity: Severity::High,
    title: "Default group not closed",
    description: "A VPC's default security group has rules, inbound or outbound. AWS gives it two when it makes the \
                  VPC: everything from its own members, and everything outbound.",
    reason: "Whatever is started without a security group of its own gets this one, so its rules reach resources \
             that nobody gave them to. High, because with AWS's own rules all such resources reach each other on \
             every port.",
    remediation: "Give the resources on it groups of their own, then remove every rule of the default group in both \
                  directions.",
};

pub(super) fn status(context: Context<'_>) -> Status {
    if context.group.is_default() && !context.group.rules.is_empty() { Status::Fail } else { Status::Pass }
}

pub(super) fn fault(context: Context<'_>) -> Fault {
    let rules: Vec<usize> = (0..context.group.rules.len()).collect();
    let names = named_rules(context.group, &rules);
    let reason = match rules.len() {
        1 => format!("the default group has a rule, where none is wanted: {names}"),
        count => format!("the default group has {count} rules, where none is wanted: {names}"),
    };
    Fault { rules, ..Fault::of(reason) }
}

#[cfg(test)]
mod tests {
    use crate::controls::Hygiene;
    use crate::testing::{group, inventory, judge};

    fn check(name: &str, rules: &str, expected: &str) {
        let inventory = inventory([group("sg-a", rules).called(name)]);
        assert_eq!(judge(&Hygiene::DefaultGroupNotClosed, &inventory, "sg-a"), expected, "{name}: {rules}");
    }

    #[test]
    fn a_default_group_has_no_rules_at_all() {
        check("default", "", "pass");
        check("web", "ingress all from sg-a\negress all to 0.0.0.0/0", "pass");
        check("Default", "ingress all from sg-a", "pass");
        check(
            "default",
            "egress all to 0.0.0.0/0",
            "fail: the default group has a rule, where none is wanted: `egress all traffic to 0.0.0.0/0` [0]",
        );
        check(
            "default",
            "ingress all from sg-a\negress all to 0.0.0.0/0",
            "fail: the default group has 2 rules, where none is wanted: `ingress all traffic from sg-a` and \
             `egress all traffic to 0.0.0.0/0` [0, 1]",
        );
    }
}
