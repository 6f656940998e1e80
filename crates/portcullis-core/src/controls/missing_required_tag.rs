//! `missing-required-tag`

use std::collections::BTreeSet;

use super::{Context, Fault, Metadata, named};
use crate::finding::Status;
use crate::model::SecurityGroup;
use crate::policy::Severity;

pub(super) const METADATA: Metadata = Metadata {
    id: "missing-required-tag",
    severity: Severity::Medium,
    title: "Required tag missing",
    description: "The group lacks a tag that a policy requires (`global_rules.required_tags`), or its value is \
                  blank. Keys are compared with their case, as AWS does.",
    reason: "Owner, environment and the like decide who is asked about a group and which rules bear on it. Medium, \
             because an untagged group may slip past what is meant for it.",
    remediation: "Set the tags named, in the infrastructure code where there is one.",
};

pub(super) fn status(context: Context<'_>, keys: &[String]) -> Status {
    if keys.iter().any(|key| lacks(context.group, key)) { Status::Fail } else { Status::Pass }
}

pub(super) fn fault(context: Context<'_>, keys: &[String]) -> Fault {
    let missing: BTreeSet<&str> = keys.iter().map(String::as_str).filter(|key| lacks(context.group, key)).collect();
    let missing: Vec<&str> = missing.into_iter().collect();
    let reason = match missing.len() {
        1 => format!("the tag {} is missing or blank", named(&missing)),
        _ => format!("the tags {} are missing or blank", named(&missing)),
    };
    Fault { detail: missing.join(","), ..Fault::of(reason) }
}

fn lacks(group: &SecurityGroup, key: &str) -> bool {
    group.tag(key).is_none_or(|value| value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use crate::controls::Hygiene;
    use crate::testing::{group, inventory, judge};

    fn check(tags: &[(&str, &str)], keys: &[&str], expected: &str) {
        let tagged = tags.iter().fold(group("sg-a", ""), |group, (key, value)| group.tagged(key, value));
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(judge(&Hygiene::MissingRequiredTag(keys), &inventory([tagged]), "sg-a"), expected, "{tags:?}");
    }

    #[test]
    fn every_key_has_a_value() {
        let keys = ["Owner", "Environment"];
        check(&[("Owner", "web"), ("Environment", "production")], &keys, "pass");
        check(&[("Owner", "web")], &keys, "fail: the tag `Environment` is missing or blank {Environment}");
        check(&[("owner", "web"), ("Environment", "x")], &keys, "fail: the tag `Owner` is missing or blank {Owner}");
        check(
            &[("Owner", " ")],
            &keys,
            "fail: the tags `Environment` and `Owner` are missing or blank {Environment,Owner}",
        );
        check(&[], &["Owner", "Owner"], "fail: the tag `Owner` is missing or blank {Owner}");
    }

    #[test]
    fn no_keys_are_nothing_to_judge() {
        assert!(Hygiene::MissingRequiredTag(Vec::new()).lacks(&inventory([])).is_some());
        check(&[], &[], "pass");
    }
}
