//! `missing-group-description`

use super::{Context, Fault, Metadata, is_too_short};
use crate::finding::Status;
use crate::policy::Severity;

pub(super) const METADATA: Metadata = Metadata {
    id: "missing-group-description",
    severity: Severity::Low,
    title: "Group without a description",
    description: "The group's description is blank, or shorter than a policy asks for \
                  (`global_rules.min_description_length`), blanks around it not counted.",
    reason: "Without a word on what a group is for, nobody dares to narrow it. Low, because it is about order, not \
             about what is open.",
    remediation: "AWS does not let a group's description be changed: make a new group with one and move the \
                  interfaces, or say in a tag what the group is for and exempt it.",
};

pub(super) fn status(context: Context<'_>, least: usize) -> Status {
    if is_too_short(&context.group.description, least) { Status::Fail } else { Status::Pass }
}

pub(super) fn fault(context: Context<'_>, least: usize) -> Fault {
    Fault::of(match context.group.description.trim().chars().count() {
        0 => "it has no description".to_owned(),
        1 => format!("its description has 1 character, where {least} are the least"),
        count => format!("its description has {count} characters, where {least} are the least"),
    })
}

#[cfg(test)]
mod tests {
    use crate::controls::Hygiene;
    use crate::testing::{group, inventory, judge};

    fn check(description: &str, least: usize, expected: &str) {
        let inventory = inventory([group("sg-a", "").described(description)]);
        assert_eq!(judge(&Hygiene::MissingGroupDescription(least), &inventory, "sg-a"), expected, "{description}");
    }

    #[test]
    fn a_description_is_long_enough() {
        check("x", 1, "pass");
        check("x", 0, "pass");
        check("", 0, "fail: it has no description");
        check(" \t", 1, "fail: it has no description");
        check("web", 4, "fail: its description has 3 characters, where 4 are the least");
        check("  a  ", 4, "fail: its description has 1 character, where 4 are the least");
        check("éèàç", 4, "pass"); // characters, not bytes
    }
}
