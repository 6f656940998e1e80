//! `default-group-in-use`

use super::{Context, Fault, Metadata, not_read};
use crate::finding::Status;
use crate::policy::Severity;

pub(super) const METADATA: Metadata = Metadata {
    id: "default-group-in-use",
    severity: Severity::Medium,
    title: "Default group in use",
    description: "A VPC's default security group is on at least one network interface.",
    reason: "The default group is what a resource gets when nobody chose one, so what is on it was hardly thought \
             about, and a rule made for one resource opens all of them. Medium, because how much is open is for the \
             rules to say.",
    remediation: "Give each resource that uses the default group a group of its own, with the rules that it needs.",
};

pub(super) fn status(context: Context<'_>) -> Status {
    let Context { group, index, surroundings, .. } = context;
    if !group.is_default() {
        Status::Pass
    } else if surroundings.is_attached(index) {
        Status::Fail
    } else if surroundings.unread_around(group).is_some() {
        Status::Unknown
    } else {
        Status::Pass
    }
}

pub(super) fn fault(context: Context<'_>) -> Fault {
    let Context { group, index, surroundings, .. } = context;
    Fault::of(match surroundings.unread_around(group) {
        Some(coverage) if !surroundings.is_attached(index) => {
            format!("no interface that was read carries it, but {}", not_read(coverage))
        }
        _ => "at least one network interface carries the default group".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use crate::controls::Hygiene;
    use crate::model::CoverageStatus;
    use crate::testing::{ACCOUNT, REGION, group, inventory, judge};

    fn check(name: &str, interface: &[&str], coverage: CoverageStatus, expected: &str) {
        let inventory = inventory([group("sg-a", "").called(name)]);
        let inventory = inventory.with_interface(interface).with_coverage(ACCOUNT, REGION, coverage);
        assert_eq!(judge(&Hygiene::DefaultGroupInUse, &inventory, "sg-a"), expected, "{name} {interface:?}");
    }

    #[test]
    fn a_default_group_is_on_no_interface() {
        let used = "fail: at least one network interface carries the default group";
        check("default", &["sg-b", "sg-a"], CoverageStatus::Complete, used);
        check("default", &["sg-b", "sg-a"], CoverageStatus::Partial, used);
        check("default", &["sg-b"], CoverageStatus::Complete, "pass");
        check("default", &[], CoverageStatus::Complete, "pass");
        check("web", &["sg-a"], CoverageStatus::Partial, "pass");
    }

    #[test]
    fn interfaces_that_were_not_read_leave_it_open() {
        check(
            "default",
            &["sg-b"],
            CoverageStatus::Partial,
            "unknown: no interface that was read carries it, but eu-west-1 of account 111122223333 could not be read whole \
             (access denied)",
        );
    }

    #[test]
    fn without_interfaces_it_is_not_judged() {
        assert!(Hygiene::DefaultGroupInUse.lacks(&inventory([])).is_some());
        assert!(Hygiene::DefaultGroupInUse.lacks(&inventory([]).with_interface(&[])).is_none());
    }
}
