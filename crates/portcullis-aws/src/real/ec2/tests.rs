#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn pairs(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn values_of_a_tag_are_alternatives_and_wildcards_are_letters() {
    let filters = by_tags(&pairs(&[("env", "prod"), ("team", "a*"), ("env", "what?")]));
    let shown: Vec<(&str, &[String])> = filters.iter().map(|f| (f.name().unwrap(), f.values())).collect();
    assert_eq!(shown[0].0, "tag:env");
    assert_eq!(shown[0].1, ["prod", "what\\?"]);
    assert_eq!((shown[1].0, shown[1].1), ("tag:team", ["a\\*".to_owned()].as_slice()));
    assert_eq!(shown.len(), 2);
}

#[test]
fn rules_with_different_tags_do_not_go_into_one_call() {
    let tagged = |value: &str| Permission {
        tags: vec![Tag { key: "k".to_owned(), value: value.to_owned() }],
        ..Permission::default()
    };
    assert_eq!(rule_tags(Flow::Ingress, &[]).unwrap(), None);
    assert_eq!(rule_tags(Flow::Ingress, &[Permission::default()]).unwrap(), None);
    assert_eq!(rule_tags(Flow::Egress, &[tagged("a"), tagged("a")]).unwrap().unwrap().len(), 1);
    let error = rule_tags(Flow::Egress, &[tagged("a"), tagged("b")]).unwrap_err();
    assert_eq!((error.kind, error.call), (Kind::Invalid, "ec2:AuthorizeSecurityGroupEgress"));
}

#[test]
fn a_rule_that_was_not_there_is_not_found_whatever_the_vpc_says() {
    let call = Call::RevokeSecurityGroupIngress;
    assert!(revoked(call, Some(true), None).is_ok());
    let unknown = Some(vec![IpPermission::builder().build()]);
    assert_eq!(revoked(call, Some(true), unknown).unwrap_err().kind, Kind::NotFound);
    assert_eq!(revoked(call, Some(false), None).unwrap_err().kind, Kind::Server);
}
