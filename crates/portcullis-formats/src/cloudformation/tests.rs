#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use portcullis_core::model::{Inventory, PrefixList, Rule};
use portcullis_core::net::Family;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::record::testing::rule as any_rule;
use crate::rules::parse;

fn rules(text: &str) -> RuleSet {
    parse([("rules.pysec", text.as_bytes())]).unwrap().set
}

fn settings() -> GroupSettings {
    GroupSettings {
        group_name: "web-1".to_owned(),
        vpc_id: "vpc-82c92af3".to_owned(),
        tags: [("Owner".to_owned(), "platform: shop".to_owned()), ("yes".to_owned(), "0123".to_owned())].into(),
        ..GroupSettings::default()
    }
}

const EVERY_FORM: &str = "52.35.22.100/32:80-443^tcp # office: floor 3\n\
    [2001:db8::/32]:443^udp\n\
    sg-0123456789abcdef0:5432\n\
    111122223333/sg-0123456789abcdef1:5432\n\
    pl-0123456789abcdef0:443\n\
    10.0.0.0/8:8/0,3/*^icmp\n\
    [::/0]:*^icmpv6\n\
    10.0.0.0/8:*^esp\n\
    10.0.0.0/8:*^all\n\
    egress pl-0123456789abcdef0:443\n\
    egress sg-0123456789abcdef0:5432\n";

#[test]
fn every_form_as_yaml() {
    insta::assert_snapshot!(Template::of(&settings(), &rules(EVERY_FORM)).to_yaml());
}

#[test]
fn every_form_comes_back_from_json() {
    let set = rules(EVERY_FORM);
    let template = Template::from_json(&Template::of(&settings(), &set).to_json()).unwrap();
    let bare = |set: &RuleSet| set.rules.iter().map(|rule| Rule { line: 0, ..rule.clone() }).collect::<Vec<_>>();
    assert_eq!(bare(&template.rules().unwrap()), bare(&set));
}

#[test]
fn egress_is_said_as_cloudformation_wants_it() {
    let egress = |text: &str| {
        let template = Template::of(&settings(), &rules(text));
        template.value().pointer("/Resources/web1/Properties/SecurityGroupEgress").cloned()
    };
    assert_eq!(egress("10.0.0.0/8:80"), None);
    let nothing = json!([{ "CidrIp": "127.0.0.1/32", "IpProtocol": "-1" }]);
    assert_eq!(egress("egress none"), Some(nothing));
    assert_eq!(Template::of(&settings(), &rules("egress none")).rules().unwrap().egress, Egress::Nothing);
    assert_eq!(Template::of(&settings(), &rules("")).rules().unwrap().egress, Egress::Default);
}

#[test]
fn the_template_of_pysec_is_read() {
    let text = r#"{"Resources": {"MySecurityGroup": {"Type": "AWS::EC2::SecurityGroup", "Properties": {
        "SecurityGroupIngress": [{"ToPort": "443", "FromPort": "80", "IpProtocol": "tcp", "CidrIp": "52.35.22.100/32"}],
        "VpcId": "vpc-82c92af3", "GroupDescription": "Security group created by PySec-AWS - MySecurityGroup"}}}}"#;
    let read = Template::from_json(text).unwrap().rules().unwrap();
    assert_eq!(
        read.rules.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["ingress tcp 80-443 from 52.35.22.100/32"]
    );
    assert_eq!(read.egress, Egress::Default);
}

#[test]
fn templates_that_tell_no_rules_say_why() {
    let error = |text: &str| Template::from_json(text).and_then(|template| template.rules()).unwrap_err().to_string();
    assert!(error("{").starts_with("the template is no JSON"));
    assert!(error("{}").contains("no resource"));
    let by_reference = r#"{"Resources": {"A": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [
        {"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}, {"IpProtocol": "-1", "CidrIp": {"Ref": "Block"}}]}}}}"#;
    assert!(error(by_reference).starts_with("rule 2 of `SecurityGroupIngress` of `A`"));
}

/// So many rules of one direction, each of its own port.
fn many(direction: &str, count: usize) -> String {
    (1..=count).map(|port| format!("{direction}10.0.0.0/8:{port}\n")).collect()
}

#[test]
fn over_the_quota_the_rules_are_spread_over_several_groups() {
    let inventory = Inventory::default();
    for (text, sizes) in [
        (many("", 60), vec![60]),
        (many("", 61), vec![60, 1]),
        (many("", 130), vec![60, 60, 10]),
        (format!("{}{}", many("", 10), many("egress ", 61)), vec![70, 1]),
        (String::new(), vec![0]),
    ] {
        let parts = split(&rules(&text), &inventory);
        assert_eq!(parts.iter().map(|part| part.rules.len()).collect::<Vec<_>>(), sizes, "{}", text.len());
    }
    // A group that shares the rules and has no egress of its own must not bring AWS's default egress with it.
    let parts = split(&rules(&format!("{}egress 10.0.0.0/8:80\n", many("", 61))), &inventory);
    assert_eq!(parts.iter().map(|part| part.egress).collect::<Vec<_>>(), [Egress::Rules, Egress::Nothing]);
    let parts = split(&rules(&many("", 61)), &inventory);
    assert!(parts.iter().all(|part| part.egress == Egress::Default));
}

#[test]
fn a_prefix_list_counts_its_most_entries() {
    let mut inventory = Inventory::default();
    let list =
        PrefixList { id: "pl-0a".into(), family: Some(Family::Ipv4), max_entries: Some(50), ..PrefixList::default() };
    inventory.prefix_lists.insert("pl-0a".into(), list);
    let set = rules(&format!("pl-0a:443\n{}", many("", 11)));
    assert_eq!(quota(&set, &inventory), 61);
    assert_eq!(quota(&set, &Inventory::default()), 12);
    assert_eq!(split(&set, &inventory).len(), 2);
}

#[test]
fn a_split_template_has_a_group_and_an_output_for_each_part() {
    let parts = split(&rules(&many("", 61)), &Inventory::default());
    let template = Template::of_parts(&settings(), &parts);
    assert_eq!(template.logical_ids(), ["web1", "web12"]);
    let name = |id: &str| template.value().pointer(&format!("/Resources/{id}/Properties/GroupName")).cloned();
    assert_eq!((name("web1"), name("web12")), (Some("web-1".into()), Some("web-1-2".into())));
    assert_eq!(template.value().pointer("/Outputs/SecurityGroupId2/Value/Ref"), Some(&"web12".into()));
}

proptest! {
    #[test]
    fn rules_come_back(rules in vec(any_rule(), 0..8)) {
        let plain = |rule: &Rule| {
            let sayable = !matches!(&rule.peer, portcullis_core::model::Peer::Group(group) if group.id.is_empty());
            let owner = |account: &str| !account.is_empty() && rule.direction == Direction::Egress;
            let egress_owner = matches!(&rule.peer, portcullis_core::model::Peer::Group(group) if owner(&group.account));
            sayable && !egress_owner
        };
        let rules: Vec<Rule> = rules.into_iter().filter(plain).map(|rule| {
            let peer = match rule.peer {
                portcullis_core::model::Peer::Group(group) => {
                    let (account, id) = (group.account.clone(), group.id.clone());
                    portcullis_core::model::Peer::Group(Box::new(portcullis_core::model::GroupReference { account, id, ..Default::default() }))
                }
                other => other,
            };
            Rule { description: rule.description, ..Rule::new(rule.direction, rule.services, peer) }
        }).collect();
        let set = RuleSet::of(rules);
        let template = Template::of(&settings(), &set);
        let read = Template::from_json(&template.to_compact_json()).unwrap();
        prop_assert_eq!(read.rules().unwrap(), set);
        prop_assert_eq!(read.value(), template.value());
    }

    #[test]
    fn splitting_loses_and_adds_nothing(ingress in 0_usize..200, egress in 0_usize..200) {
        let set = rules(&format!("{}{}", many("", ingress), many("egress ", egress)));
        let parts = split(&set, &Inventory::default());
        let mut together: Vec<Rule> = parts.iter().flat_map(|part| part.rules.clone()).collect();
        let mut whole = set.rules.clone();
        together.sort();
        whole.sort();
        prop_assert_eq!(together, whole);
        prop_assert!(parts.iter().all(|part| quota(part, &Inventory::default()) <= RULE_QUOTA));
    }
}
