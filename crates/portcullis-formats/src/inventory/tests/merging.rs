//! Many sources, one inventory.

use super::*;

fn group(members: &str) -> String {
    format!(r#"{{"SecurityGroups": [{{"GroupId": "sg-1", "OwnerId": "1", {members}}}]}}"#)
}

const SSH: &str =
    r#""IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]"#;

fn rule(members: &str) -> String {
    format!(
        r#"{{"SecurityGroupRules": [{{"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "GroupOwnerId": "1", "IsEgress": false,
            "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, {members}}}]}}"#
    )
}

#[track_caller]
fn check_unreadable(texts: &[&str], expected: &str) {
    let inventory = read_texts(texts).unwrap();
    assert_eq!(only_group(&inventory).unreadable.as_deref(), Some(expected));
}

#[track_caller]
fn check_readable(texts: &[&str]) -> SecurityGroup {
    let inventory = read_texts(texts).unwrap();
    let group = only_group(&inventory);
    assert_eq!(group.unreadable, None);
    group.clone()
}

#[test]
fn equal_groups_stand_once() {
    let a = group(SSH);
    let b = a.replace("10.0.0.0/8", "10.9.9.9/8").replace("tcp", "6");
    let group = check_readable(&[&a, &b]);
    assert_eq!(rules(&group), ["ingress tcp 22 from 10.0.0.0/8"]);
    assert_eq!(group.source, 0);
}

#[test]
fn what_one_source_lacks_the_other_supplies() {
    let (poor, rich) = (
        group(SSH),
        group(&format!(r#""GroupName": "web", "VpcId": "vpc-1", "Tags": [{{"Key": "a", "Value": "b"}}], {SSH}"#)),
    );
    for texts in [[&poor, &rich], [&rich, &poor]] {
        let group = check_readable(&texts.map(String::as_str));
        assert_eq!((group.name.as_str(), group.vpc_id.as_str(), group.tag("a")), ("web", "vpc-1", Some("b")));
    }
}

#[test]
fn contradictions_are_not_settled() {
    let first =
        group(&format!(r#""GroupName": "web", "Description": "x", "Tags": [{{"Key": "a", "Value": "b"}}], {SSH}"#));
    let check = |from: &str, to: &str, what: &str| {
        let expected = format!("`a.json` and `b.json` tell different things of it: {what}");
        check_unreadable(&[&first, &first.replace(from, to)], &expected);
    };
    check("10.0.0.0/8", "10.0.0.0/9", "rules");
    check(r#"/8"}"#, r#"/8", "Description": "new"}"#, "rules");
    check("\"web\"", "\"app\"", "name");
    check("\"x\"", "\"y\"", "description");
    check("\"b\"", "\"c\"", "tags");
    check_unreadable(
        &[&format!("{first}\n{}", first.replace("22", "23"))],
        "`a.json` tells different things of it on lines 1 and 2: rules",
    );
    // The one contradiction says nothing of the others.
    let others = read_texts(&[&first, &first.replace("22", "23"), &first.replace("sg-1", "sg-2")]).unwrap();
    assert_eq!(others.groups[1].unreadable, None);
}

#[test]
fn rules_give_their_ids_and_tags_to_equal_rules() {
    let texts = [&group(SSH), &rule(r#""CidrIpv4": "10.0.0.0/8", "Tags": [{"Key": "a", "Value": "b"}]"#)];
    let group = check_readable(&texts.map(String::as_str));
    assert_eq!(group.rules[0].id, "sgr-1");
    assert_eq!(group.rules[0].tags[0].value, "b");
    assert!(read_texts(&texts.map(String::as_str)).unwrap().has_rule_ids);
    assert!(!read_texts(&[texts[0]]).unwrap().has_rule_ids);
}

#[test]
fn rules_that_contradict_their_group() {
    let expected = "`a.json` and `b.json` tell different things of it: rules";
    check_unreadable(&[&group(SSH), &rule(r#""CidrIpv4": "10.0.0.0/9""#)], expected);
    check_unreadable(&[&group(SSH), &rule(r#""CidrIpv4": "10.0.0.0/8", "Description": "x""#)], expected);
}

#[test]
fn a_group_is_made_of_its_rules() {
    let one = rule(
        r#""CidrIpv4": "10.0.0.0/8", "SecurityGroupRuleArn": "arn:aws:ec2:eu-west-1:1:security-group-rule/sgr-1""#,
    );
    let two = one.replace("sgr-1", "sgr-2").replace("/8", "/9");
    let group = check_readable(&[&one, &two, &one]);
    assert_eq!(rules(&group), ["ingress tcp 22 from 10.0.0.0/8", "ingress tcp 22 from 10.0.0.0/9"]);
    assert_eq!((group.key.account_id.as_str(), group.key.region.as_str()), ("1", "eu-west-1"));
    let expected = "`SecurityGroupRules` tells different things of one rule of it, in `a.json` or after it";
    check_unreadable(&[&one, &one.replace("/8", "/9")], expected);
}

#[test]
fn references_are_compared_by_what_both_tell() {
    let pair = r#""IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                  "UserIdGroupPairs": [{"GroupId": "sg-2", "GroupName": "app"}]}]"#;
    let reference = r#""ReferencedGroupInfo": {"GroupId": "sg-2", "UserId": "7", "VpcPeeringConnectionId": "pcx-1"}"#;
    let group = check_readable(&[&group(pair), &rule(reference)]);
    let portcullis_core::model::Peer::Group(peer) = &group.rules[0].peer else { panic!("{group:?}") };
    assert_eq!((peer.account.as_str(), peer.name.as_str(), peer.peering_id.as_str()), ("7", "app", "pcx-1"));
}

#[test]
fn account_and_region_may_be_told_once() {
    let known = group(&format!(r#""SecurityGroupArn": "arn:aws:ec2:eu-west-1:1:security-group/sg-1", {SSH}"#));
    for texts in [[&known, &group(SSH)], [&group(SSH), &known]] {
        let group = check_readable(&texts.map(String::as_str));
        assert_eq!(group.key.region, "eu-west-1");
    }
    let group = check_readable(&[&known, &rule(r#""CidrIpv4": "10.0.0.0/8""#)]);
    assert_eq!(group.rules[0].id, "sgr-1");
}

#[test]
fn a_group_whose_rules_nobody_tells() {
    let nameless = r#"{"SecurityGroups": [{"GroupId": "sg-1", "OwnerId": "1", "GroupName": "web"}]}"#;
    check_unreadable(&[nameless], "no source tells its rules: `IpPermissions` and `IpPermissionsEgress` are missing");
    let by_rules = check_readable(&[nameless, &rule(r#""CidrIpv4": "10.0.0.0/8""#)]);
    assert_eq!((by_rules.name.as_str(), by_rules.rules.len()), ("web", 1));
    assert_eq!(check_readable(&[nameless, &group(SSH)]).rules.len(), 1);
}

#[test]
fn prefix_lists() {
    let list = |members: &str| format!(r#"{{"ManagedPrefixLists": [{{"PrefixListId": "pl-1"{members}}}]}}"#);
    let known = list(r#", "Entries": [{"Cidr": "10.0.0.0/8"}]"#);
    let entries =
        |texts: &[&str]| read_texts(texts).unwrap().prefix_lists["pl-1"].entries.clone().map(|set| set.cidrs().len());
    assert_eq!(entries(&[&known]), Some(1));
    assert_eq!(entries(&[&known, &list("")]), Some(1));
    assert_eq!(entries(&[&list(""), &known, &known]), Some(1));
    assert_eq!(entries(&[&known, &list(r#", "Entries": []"#)]), None);
    assert_eq!(entries(&[&list(r#", "Cidrs": []"#)]), Some(0));
    assert_eq!(entries(&[&list(r#", "Entries": null"#)]), None);
}

#[test]
fn interfaces_and_vpcs() {
    let interface = |group: &str| {
        format!(
            r#"{{"NetworkInterfaces": [{{"NetworkInterfaceId": "eni-1", "OwnerId": "1", "Groups": [{{"GroupId": "{group}"}}]}}]}}"#
        )
    };
    let inventory = read_texts(&[&interface("sg-1"), &interface("sg-2"), &interface("sg-1")]).unwrap();
    assert_eq!(inventory.interfaces.unwrap()[0].group_ids, ["sg-1", "sg-2"]);
    let vpc = |block: &str| format!(r#"{{"Vpcs": [{{"VpcId": "vpc-1", "CidrBlock": "{block}"}}]}}"#);
    let inventory = read_texts(&[&vpc("10.0.0.0/8"), &vpc("10.1.0.0/16")]).unwrap();
    assert_eq!(inventory.vpcs["vpc-1"].addresses.cidrs()[0].to_string(), "10.1.0.0/16");
    assert_eq!(inventory.interfaces, None);
}

#[test]
fn many_small_files_are_read_as_one_inventory() {
    // Together enough for threads of their own.
    let folder = tempfile::tempdir().unwrap();
    for i in 0..300 {
        let groups: Vec<String> = (0..50)
            .map(|g| format!(r#"{{"GroupId": "sg-{i:03}-{g:02}", "IpPermissions": [{{"IpProtocol": "-1"}}]}}"#))
            .collect();
        let text = format!(r#"{{"SecurityGroups": [{}], "Padding": "{}"}}"#, groups.join(","), "x".repeat(5_000));
        std::fs::write(folder.path().join(format!("{i:03}.json")), text).unwrap();
    }
    let inventory = read([Source::path(folder.path())], &ReadOptions::default()).unwrap();
    assert_eq!((inventory.groups.len(), inventory.sources.len()), (15_000, 300));
    for group in &inventory.groups {
        let of_file: u32 = group.key.group_id[3..6].parse().unwrap();
        assert_eq!(group.source, of_file);
    }
}
