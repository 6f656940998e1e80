//! `launch-wizard-group`

use super::{Context, Fault, Metadata};
use crate::finding::Status;
use crate::policy::Severity;

pub(super) const METADATA: Metadata = Metadata {
    id: "launch-wizard-group",
    severity: Severity::Medium,
    title: "Group made by the launch wizard",
    description: "The group's name is one that the EC2 console's launch wizard gives: `launch-wizard-` and a number.",
    reason: "Such groups are made in passing, often with SSH or RDP open to everybody, and their names do not say \
             what they are for. Medium, because what is open is reported by other controls; this one is about groups \
             that nobody planned.",
    remediation: "Move the instances to a group that says what it is for and admits only what they need, then delete \
                  this one.",
};

pub(super) fn status(context: Context<'_>) -> Status {
    let number = context.group.name.strip_prefix("launch-wizard-");
    let given = number.is_some_and(|number| number.starts_with(|first: char| first.is_ascii_digit()));
    if given { Status::Fail } else { Status::Pass }
}

pub(super) fn fault(context: Context<'_>) -> Fault {
    Fault::of(format!("the launch wizard of the EC2 console named it `{}`", context.group.name))
}

#[cfg(test)]
mod tests {
    use crate::controls::Hygiene;
    use crate::testing::{group, inventory, judge};

    fn check(name: &str, expected: &str) {
        let inventory = inventory([group("sg-a", "").called(name)]);
        assert_eq!(judge(&Hygiene::LaunchWizardGroup, &inventory, "sg-a"), expected, "{name}");
    }

    #[test]
    fn the_name_tells() {
        check("launch-wizard-1", "fail: the launch wizard of the EC2 console named it `launch-wizard-1`");
        check(
            "launch-wizard-12 (copy)",
            "fail: the launch wizard of the EC2 console named it `launch-wizard-12 (copy)`",
        );
        check("launch-wizard-", "pass");
        check("launch-wizard-x1", "pass");
        check("Launch-Wizard-1", "pass");
        check("my-launch-wizard-1", "pass");
    }
}
