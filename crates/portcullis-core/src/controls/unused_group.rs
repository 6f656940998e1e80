//! `unused-group`

use super::{Context, Fault, Metadata, not_read};
use crate::finding::Status;
use crate::policy::Severity;

pub(super) const METADATA: Metadata = Metadata {
    id: "unused-group",
    severity: Severity::Low,
    title: "Unused group",
    description: "No network interface carries the group, no rule of another group names it, over peering connections \
                  neither, and no launch template, load balancer, function or database that was looked up does. \
                  Default groups are not meant: they cannot be deleted.",
    reason: "An unused group admits nothing today, but it is at hand for whoever picks a group in a hurry, with \
             rules that nobody has looked at since. Low, because nothing is behind it.",
    remediation: "Make sure that no infrastructure code means to use the group, and of an inventory that was not read \
                  live that no launch template or stopped service does, then delete it.",
};

pub(super) fn status(context: Context<'_>) -> Status {
    let Context { group, index, surroundings, .. } = context;
    let is_used = surroundings.is_referenced(index) || surroundings.is_attached(index) || surroundings.is_used(index);
    if is_used || group.is_default() {
        Status::Pass
    } else if surroundings.unread_around(group).is_some() || surroundings.unreadable_around(group).is_some() {
        Status::Unknown
    } else {
        Status::Fail
    }
}

pub(super) fn fault(context: Context<'_>) -> Fault {
    let Context { group, surroundings, .. } = context;
    Fault::of(match (surroundings.unread_around(group), surroundings.unreadable_around(group)) {
        (Some(coverage), _) => format!("nothing that was read uses it, but {}", not_read(coverage)),
        (None, Some(other)) => {
            format!("nothing that was read uses it, but the rules of `{}` could not be read", other.key.group_id)
        }
        (None, None) => "no network interface carries it, and no rule of another group names it".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use crate::controls::Hygiene;
    use crate::model::{CoverageStatus, GroupUser, Inventory, SecurityGroup, UserKind};
    use crate::testing::{ACCOUNT, REGION, group, inventory, judge};

    const UNUSED: &str = "fail: no network interface carries it, and no rule of another group names it";

    /// Judges `sg-a` beside other groups, with an interface on `sg-z`.
    fn check(others: impl IntoIterator<Item = SecurityGroup>, expected: &str) {
        let all = std::iter::once(group("sg-a", "ingress tcp 22 from sg-a")).chain(others);
        check_in(&inventory(all).with_interface(&["sg-z"]), expected);
    }

    fn check_in(inventory: &Inventory, expected: &str) {
        assert_eq!(judge(&Hygiene::UnusedGroup, inventory, "sg-a"), expected, "{:?}", inventory.groups);
    }

    #[test]
    fn a_group_is_used_by_interfaces_and_by_rules_of_others() {
        check([], UNUSED); // its own rule does not use it
        check([group("sg-b", "ingress tcp 22 from sg-b")], UNUSED);
        check([group("sg-b", "egress tcp 22 to sg-a")], "pass");
        check([group("sg-b", "ingress tcp 22 from 111122223333/sg-a").owned_by("444455556666")], "pass");
        check([group("sg-b", "ingress tcp 22 from 444455556666/sg-a")], UNUSED); // another account's
        check_in(&inventory([group("sg-a", "")]).with_interface(&["sg-z"]).with_interface(&["sg-b", "sg-a"]), "pass");
    }

    #[test]
    fn interfaces_that_are_known_to_be_none_use_nothing() {
        let mut inventory = inventory([group("sg-a", "")]);
        assert!(Hygiene::UnusedGroup.lacks(&inventory).is_some());
        inventory.interfaces = Some(Vec::new());
        assert!(Hygiene::UnusedGroup.lacks(&inventory).is_none());
        check_in(&inventory, UNUSED);
    }

    #[test]
    fn default_groups_are_never_unused() {
        check_in(&inventory([group("sg-a", "").called("default")]).with_interface(&[]), "pass");
    }

    #[test]
    fn what_has_no_interface_may_use_it_all_the_same() {
        let check_user = |kind, group_ids: &[&str], group_names: &[&str], expected: &str| {
            let text = |texts: &[&str]| texts.iter().map(|&text| text.into()).collect();
            let (group_ids, group_names) = (text(group_ids), text(group_names));
            let user = GroupUser { kind, id: "id".into(), name: "name".into(), group_ids, group_names };
            let mut inventory = inventory([group("sg-a", "").called("shop")]).with_interface(&[]);
            inventory.users.push(user);
            check_in(&inventory, expected);
        };
        for kind in [
            UserKind::LaunchTemplate,
            UserKind::LoadBalancer,
            UserKind::Function,
            UserKind::Database,
            UserKind::PeeredVpc,
        ] {
            check_user(kind, &["sg-b", "sg-a"], &[], "pass");
            check_user(kind, &["sg-b"], &[], UNUSED);
        }
        check_user(UserKind::LaunchTemplate, &[], &["shop"], "pass");
        check_user(UserKind::LaunchTemplate, &[], &["sho"], UNUSED);
    }

    #[test]
    fn what_was_not_read_may_use_it() {
        let inventory = || inventory([group("sg-a", "")]).with_interface(&[]);
        let unknown = "unknown: nothing that was read uses it, but eu-west-1 of account 111122223333 could not be read whole \
                       (access denied)";
        check_in(&inventory().with_coverage(ACCOUNT, REGION, CoverageStatus::Partial), unknown);
        check_in(&inventory().with_coverage(ACCOUNT, "us-east-1", CoverageStatus::Partial), UNUSED);
        check_in(&inventory().with_coverage(ACCOUNT, REGION, CoverageStatus::Complete), UNUSED);
        let whole_account =
            "unknown: nothing that was read uses it, but account 111122223333 could not be read (access denied)";
        check_in(&inventory().with_coverage(ACCOUNT, "", CoverageStatus::Unread), whole_account);

        let unreadable = SecurityGroup { unreadable: Some("two files differ".into()), ..group("sg-b", "") };
        check([unreadable], "unknown: nothing that was read uses it, but the rules of `sg-b` could not be read");
    }
}
