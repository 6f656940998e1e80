//! What is recognised, and what it means.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use portcullis_core::model::{CoverageStatus, Peer};

use super::*;

#[track_caller]
fn check_permission(members: &str, expected: &str) {
    let inventory = inventory(&with_permissions(&format!(r#"{{{members}, "IpRanges": [{{"CidrIp": "0.0.0.0/0"}}]}}"#)));
    assert_eq!(rules(only_group(&inventory)), [format!("ingress {expected} from 0.0.0.0/0")]);
}

#[test]
fn protocols_and_ports() {
    check_permission(r#""IpProtocol": "-1""#, "all traffic");
    check_permission(r#""IpProtocol": "-1", "FromPort": 22, "ToPort": 22"#, "all traffic");
    check_permission(r#""IpProtocol": "tcp", "FromPort": 22, "ToPort": 22"#, "tcp 22");
    check_permission(r#""ToPort": 23, "FromPort": 22, "IpProtocol": "6""#, "tcp 22-23");
    check_permission(r#""IpProtocol": "TCP""#, "tcp all ports");
    check_permission(r#""IpProtocol": "17", "FromPort": -1, "ToPort": -1"#, "udp all ports");
    check_permission(r#""IpProtocol": "udp", "FromPort": null, "ToPort": null"#, "udp all ports");
    check_permission(r#""IpProtocol": "icmp", "FromPort": 3, "ToPort": 4"#, "icmp 3/4");
    check_permission(r#""IpProtocol": "icmp", "FromPort": 8, "ToPort": -1"#, "icmp 8/*");
    check_permission(r#""IpProtocol": "1", "FromPort": -1, "ToPort": -1"#, "icmp all types");
    check_permission(r#""IpProtocol": "58""#, "icmpv6 all types");
    check_permission(r#""IpProtocol": "50", "FromPort": 70000, "ToPort": 1"#, "protocol 50");
    check_permission(r#""IpProtocol": "gre""#, "protocol 47");
}

#[test]
fn peers() {
    let text = with_permissions(
        r#"{"UserIdGroupPairs": [
              {"UserId": "2", "GroupId": "sg-2", "VpcId": "vpc-2", "VpcPeeringConnectionId": "pcx-2", "PeeringStatus": "active"},
              {"GroupId": "sg-3"}, {"UserId": "4", "GroupName": "classic"}],
            "PrefixListIds": [{"PrefixListId": "pl-1", "Description": "list"}],
            "Ipv6Ranges": [{"CidrIpv6": "2001:DB8::1/32"}],
            "IpRanges": [{"CidrIp": "10.1.2.3/8", "Description": "a \"b\" \u00e9"}],
            "IpProtocol": "tcp", "FromPort": 1, "ToPort": 2}"#,
    );
    let inventory = inventory(&text);
    let group = only_group(&inventory);
    assert_eq!(
        rules(group),
        [
            "ingress tcp 1-2 from 2/sg-2",
            "ingress tcp 1-2 from sg-3",
            "ingress tcp 1-2 from 4/classic",
            "ingress tcp 1-2 from pl-1",
            "ingress tcp 1-2 from 2001:db8::/32",
            "ingress tcp 1-2 from 10.0.0.0/8",
        ]
    );
    let lines: Vec<u32> = group.rules.iter().map(|rule| rule.line).collect();
    assert_eq!(lines, [2, 3, 3, 4, 5, 6]);
    let Peer::Group(peer) = &group.rules[0].peer else { panic!() };
    assert_eq!((peer.vpc_id.as_str(), peer.peering_id.as_str()), ("vpc-2", "pcx-2"));
    let descriptions: Vec<&str> = group.rules.iter().map(|rule| &*rule.description).collect();
    assert_eq!(descriptions, ["", "", "", "list", "", "a \"b\" é"]);
}

#[test]
fn ingress_comes_first_and_doubles_stand_once() {
    let text = r#"{"SecurityGroups": [{"GroupId": "sg-1",
        "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
                          {"IpProtocol": "6", "IpRanges": [{"CidrIp": "10.9.9.9/8", "Description": "told here"}]}]}]}"#;
    let inventory = inventory(text);
    let group = only_group(&inventory);
    assert_eq!(rules(group), ["ingress tcp all ports from 10.0.0.0/8", "egress all traffic to 0.0.0.0/0"]);
    assert_eq!(&*group.rules[0].description, "told here");
}

#[test]
fn many_rules_of_one_group() {
    let ranges: Vec<String> =
        (0..10_000).map(|i| format!(r#"{{"CidrIp": "10.{}.{}.0/24"}}"#, i / 200, i % 200)).collect();
    let text = with_permissions(&format!(r#"{{"IpProtocol": "-1", "IpRanges": [{0}, {0}]}}"#, ranges.join(", ")));
    assert_eq!(only_group(&inventory(&text)).rules.len(), 10_000);
}

#[test]
fn account_and_region() {
    let key = |members: &str, options: &ReadOptions| {
        let text = format!(r#"{{"SecurityGroups": [{{"GroupId": "sg-1", "IpPermissions": []{members}}}]}}"#);
        let inventory = read([Source::reader("-", text.as_bytes())], options).unwrap();
        let key = only_group(&inventory).key.clone();
        format!("{}/{}", key.account_id, key.region)
    };
    let plain = ReadOptions::default();
    let asked = ReadOptions { region: Some("eu-north-1".to_owned()) };
    let arn = r#", "SecurityGroupArn": "arn:aws:ec2:us-east-1:2:security-group/sg-1""#;
    assert_eq!(key("", &plain), "/unknown");
    assert_eq!(key(r#", "OwnerId": "1""#, &asked), "1/eu-north-1");
    assert_eq!(key(arn, &asked), "2/us-east-1");
    assert_eq!(key(&format!(r#", "OwnerId": "1"{arn}"#), &plain), "1/us-east-1");
}

#[test]
fn layouts() {
    let groups: Vec<String> =
        (0..3).map(|i| format!(r#"{{"SecurityGroups":[{{"GroupId":"sg-{i}","IpPermissions":[]}}]}}"#)).collect();
    let count = |text: &str| inventory(text).groups.len();
    assert_eq!(count(&groups.join("\n")), 3);
    assert_eq!(count(&groups.concat()), 3);
    assert_eq!(count(&groups.join("\r\n\r\n")), 3);
    assert_eq!(count(&format!("[{}]", groups.join(","))), 3);
    assert_eq!(count(&format!("\u{feff}{}", groups.join("\n"))), 3);
    assert_eq!(count(r#"{"ResponseMetadata": {"a": [1, {"b": "]"}]}, "SecurityGroups": [], "NextToken": null}"#), 0);
    // A lone group, as `jq '.SecurityGroups[]'` prints it, and a list of them.
    assert_eq!(count(r#"{"GroupId": "sg-1", "IpPermissions": []} {"GroupId": "sg-2", "IpPermissions": []}"#), 2);
    assert_eq!(count(r#"[{"GroupId": "sg-1", "IpPermissions": []}]"#), 1);
    let several = r#"{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": []}], "Vpcs": [{"VpcId": "vpc-1"}],
                      "PrefixLists": [{"PrefixListId": "pl-1"}], "ManagedPrefixLists": [{"PrefixListId": "pl-2"}], "NetworkInterfaces": []}"#;
    let several = inventory(several);
    assert_eq!(
        (several.groups.len(), several.vpcs.len(), several.prefix_lists.len(), several.interfaces),
        (1, 1, 2, Some(vec![]))
    );
}

/// The same text, laid out so that it is too large to be taken as one element.
fn padded(text: &str) -> String {
    text.replacen('{', &format!("{{{}", " ".repeat(1 << 20)), 1)
}

#[test]
fn large_documents_are_read_as_small_ones() {
    let text = r#"{"x": [1, "]", {}], "y": {"z": [true]}, "SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": []}],
        "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/8"}], "PrefixLists": [{"PrefixListId": "pl-1", "Cidrs": ["10.0.0.0/8"]}],
        "NetworkInterfaces": [], "schema_version": "1", "coverage": [{"account_id": "1", "region": "r", "status": "partial", "groups": 1}]}"#;
    assert_eq!(inventory(&padded(text)), inventory(text));
    let item = r#"{"configurationItem": {"resourceType": "AWS::EC2::SecurityGroup", "configuration": {"groupId": "sg-1", "ipPermissions": []}}}"#;
    assert_eq!(inventory(&padded(item)), inventory(item));
}

#[test]
fn every_way_to_the_same_inventory() {
    // Some 5 MB, so that it is cut in several places, on several threads.
    let group = |i: usize| {
        let name = "é\\\"]}".repeat(i % 50);
        format!(
            "{{\"GroupId\": \"sg-{i:05}\", \"GroupName\": \"{name}\",\n \"IpPermissions\": [{{\"IpProtocol\": \"tcp\", \"FromPort\": {i}, \"ToPort\": {i},\n \
             \"IpRanges\": [{{\"CidrIp\": \"10.0.0.0/8\"}}]}}]}}"
        )
    };
    let groups: Vec<String> = (0..20_000).map(group).collect();
    let whole = format!("{{\"SecurityGroups\": [{}]}}", groups.join(",\n"));
    let expected = inventory(&whole);
    assert_eq!(expected.groups.len(), 20_000);
    for (i, group) in expected.groups.iter().enumerate() {
        assert_eq!((group.line as usize, group.rules[0].line as usize), (3 * i + 1, 3 * i + 3));
    }
    assert_eq!(inventory(&groups.join("\n")), expected);
    assert_eq!(inventory(&format!("[{}]", groups.join(",\n"))), expected);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(whole.as_bytes()).unwrap();
    let compressed = encoder.finish().unwrap();
    let read_bytes = |bytes: &[u8]| read([Source::reader("a.json", bytes)], &ReadOptions::default()).unwrap();
    assert_eq!(read_bytes(&compressed), expected);
    // gzip files one after another are one.
    assert_eq!(read_bytes(&[compressed.clone(), compressed].concat()).groups.len(), 20_000);
}

#[test]
fn vpcs() {
    let text = r#"{"Vpcs": [{"VpcId": "vpc-1", "OwnerId": "1", "CidrBlock": "10.0.0.0/16", "CidrBlockAssociationSet": [
        {"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}},
        {"CidrBlock": "100.64.0.0/16", "CidrBlockState": {"State": "disassociated"}},
        {"CidrBlock": "10.1.0.0/16"}], "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": "2600:1f18::/56"}]}]}"#;
    let blocks: Vec<String> = inventory(text).vpcs["vpc-1"].addresses.cidrs().iter().map(ToString::to_string).collect();
    assert_eq!(blocks, ["10.0.0.0/15", "2600:1f18::/56"]);
}

#[test]
fn interfaces() {
    let text = r#"{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "Description": "ELB app/x", "OwnerId": "1", "VpcId": "vpc-1",
        "Groups": [{"GroupId": "sg-1", "GroupName": "web"}], "PrivateIpAddress": "10.0.0.5", "TagSet": [{"Key": "a", "Value": "b"}],
        "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.5", "Primary": true, "Association": {"IpOwnerId": "1", "PublicIp": "52.1.1.1"}},
          {"PrivateIpAddress": "10.0.0.6", "Association": {"PublicIp": "52.1.1.2"}}], "Association": {"PublicIp": "52.1.1.1"},
        "Ipv4Prefixes": [{"Ipv4Prefix": "10.0.1.0/28"}], "Ipv6Prefixes": [{"Ipv6Prefix": "2600:0:0:1::/80"}],
        "Ipv6Addresses": [{"Ipv6Address": "2600::1"}]}]}"#;
    let interface = &inventory(text).interfaces.unwrap()[0];
    assert_eq!(interface.group_ids, ["sg-1"]);
    assert_eq!(interface.addresses, ["10.0.0.5", "10.0.0.6", "2600::1"]);
    assert_eq!(interface.prefixes, ["10.0.1.0/28", "2600:0:0:1::/80"]);
    let public: Vec<_> = interface.public_addresses.iter().map(|one| (&*one.public, &*one.private)).collect();
    assert_eq!(public, [("52.1.1.1", "10.0.0.5"), ("52.1.1.2", "10.0.0.6")]);
    assert_eq!(interface.tags[0].value, "b");
}

const ITEM: &str = r#"{"version": "1.3", "accountId": "1", "configurationItemCaptureTime": "2025-01-02T03:04:05.678Z",
    "configurationItemStatus": "OK", "awsRegion": "eu-west-1", "resourceType": "AWS::EC2::SecurityGroup", "resourceId": "sg-1",
    "tags": {"team": "web"}, "configuration": {"description": "x", "groupName": "web", "ownerId": "1", "groupId": "sg-1",
      "ipPermissions": [{"fromPort": 22, "ipProtocol": "tcp", "ipv6Ranges": [], "prefixListIds": [], "toPort": 22,
        "userIdGroupPairs": [], "ipv4Ranges": [{"cidrIp": "10.0.0.0/8", "description": "office"}], "ipRanges": ["10.0.0.0/8"]}],
      "ipPermissionsEgress": [], "tags": [], "vpcId": "vpc-1"}}"#;

#[track_caller]
fn check_item(text: &str) {
    let inventory = inventory(text);
    let group = only_group(&inventory);
    assert_eq!(group.key.region, "eu-west-1");
    assert_eq!((group.key.account_id.as_str(), group.name.as_str(), group.vpc_id.as_str()), ("1", "web", "vpc-1"));
    assert_eq!(rules(group), ["ingress tcp 22 from 10.0.0.0/8"]);
    assert_eq!((&*group.rules[0].description, group.tag("team")), ("office", Some("web")));
}

#[test]
fn configuration_items() {
    check_item(ITEM);
    check_item(&format!(r#"{{"messageType": "ConfigurationItemChangeNotification", "configurationItem": {ITEM}}}"#));
    check_item(&format!(
        r#"{{"fileVersion": "1.0", "configurationItems": [{ITEM}, {{"resourceType": "AWS::EC2::Instance"}}]}}"#
    ));
    // As the AWS CLI prints them: the configuration in a string.
    let mut item: serde_json::Value = serde_json::from_str(ITEM).unwrap();
    item["configuration"] = item["configuration"].to_string().into();
    check_item(&format!(r#"{{"configurationItems": [{item}]}}"#));
    // An advanced query: the item itself in a string.
    let results = serde_json::json!({"Results": [item.to_string()], "QueryInfo": {}});
    check_item(&results.to_string());
}

#[test]
fn the_newest_item_of_a_group_counts() {
    let older = ITEM.replace("10.0.0.0/8", "0.0.0.0/0").replace("2025-01-02", "2024-12-31");
    let deleted = ITEM.replace("\"OK\"", "\"ResourceDeleted\"").replace("2025-01-02", "2025-01-03");
    check_item(&format!(r#"{{"configurationItems": [{ITEM}, {older}]}}"#));
    check_item(&format!(r#"{{"configurationItems": [{older}, {ITEM}, {ITEM}]}}"#));
    assert_eq!(inventory(&format!(r#"{{"configurationItems": [{ITEM}, {deleted}]}}"#)).groups.len(), 0);
    // Seconds since 1970, as the AWS CLI's first version prints times.
    check_item(&format!(
        r#"{{"configurationItems": [{ITEM}, {}]}}"#,
        older.replace("\"2024-12-31T03:04:05.678Z\"", "1735614245.678")
    ));
}

#[test]
fn faults_within_strings_are_placed_at_the_string() {
    let mut item: serde_json::Value = serde_json::from_str(ITEM).unwrap();
    item["configuration"] = item["configuration"].to_string().replace("\"fromPort\":22", "\"fromPort\":70000").into();
    let results = serde_json::json!({"Results": [item.to_string()]});
    let errors = read_texts(&[&results.to_string()]).unwrap_err();
    assert_eq!(errors, "a.json:1:13: `FromPort` is `70000`: a port is a whole number from 0 to 65535, or -1 for all");
}

#[test]
fn coverage_of_snapshots() {
    let text = r#"{"schema_version": "1", "SecurityGroups": [], "coverage": [
        {"account_id": "2", "region": "eu-west-1", "status": "unread", "groups": 0, "error": "access denied"},
        {"account_id": "1", "region": "eu-west-1", "status": "complete", "groups": 7, "error": null}]}"#;
    let coverage = inventory(text).coverage;
    assert_eq!((coverage[0].status, coverage[0].groups), (CoverageStatus::Complete, 7));
    assert_eq!(coverage[1].error.as_deref(), Some("access denied"));
}
