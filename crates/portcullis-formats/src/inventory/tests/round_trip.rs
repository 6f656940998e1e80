//! What is written is read as it was, and writing it again gives the same bytes.

use std::collections::BTreeMap;

use compact_str::{CompactString, format_compact};
use portcullis_core::model::{
    Coverage, CoverageStatus, Direction, GroupKey, GroupReference, GroupUser, NetworkInterface, Peer, PrefixList,
    PublicAddress, Rule, StaleReference, Tag, Tags, UserKind, Vpc,
};
use portcullis_core::net::{AddressSet, AnyCidr, Cidr, Family, Protocol, RuleServices};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::{canonical, write, write_gzip};
use super::*;

fn written(inventory: &Inventory) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(inventory, &mut bytes).unwrap();
    bytes
}

fn read_bytes(bytes: &[u8]) -> Inventory {
    read([Source::reader("snapshot.json", bytes)], &ReadOptions::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn cidr() -> impl Strategy<Value = AnyCidr> {
    prop_oneof![
        (any::<u32>(), 0..=32u8).prop_map(|(address, prefix)| AnyCidr::V4(Cidr::new(address, prefix).unwrap())),
        (any::<u128>(), 0..=128u8).prop_map(|(address, prefix)| AnyCidr::V6(Cidr::new(address, prefix).unwrap())),
    ]
}

fn address_set() -> impl Strategy<Value = AddressSet> {
    vec(cidr(), 0..4).prop_map(|blocks| blocks.into_iter().collect())
}

fn services() -> impl Strategy<Value = RuleServices> {
    prop_oneof![
        Just(RuleServices::All),
        (prop_oneof![Just(Protocol::TCP), Just(Protocol::UDP)], any::<u16>(), any::<u16>())
            .prop_map(|(protocol, a, b)| RuleServices::Ports(protocol, a.min(b), a.max(b))),
        (prop_oneof![Just(Protocol::ICMP), Just(Protocol::ICMPV6)], option::of((any::<u8>(), option::of(any::<u8>()))))
            .prop_map(|(protocol, kind)| RuleServices::Icmp(protocol, kind)),
        any::<u8>().prop_map(|number| RuleServices::whole(Protocol(number))),
    ]
}

fn text() -> impl Strategy<Value = CompactString> {
    prop_oneof![
        Just(CompactString::default()),
        "[a-zA-Z0-9 ._\\-\"\\\\é\u{1b}\n=@]{1,12}".prop_map(CompactString::from)
    ]
}

fn account() -> impl Strategy<Value = CompactString> {
    prop_oneof![Just(""), Just("111122223333"), Just("444455556666")].prop_map(CompactString::from)
}

fn peer() -> impl Strategy<Value = Peer> {
    prop_oneof![
        3 => cidr().prop_map(Peer::from),
        1 => (0..9u8).prop_map(|n| Peer::PrefixList(format_compact!("pl-{n}"))),
        1 => (account(), 0..9u8, text(), any::<bool>()).prop_map(|(account, n, name, peered)| {
            let id = format_compact!("sg-{n}");
            let (vpc_id, peering_id) = if peered { ("vpc-1".into(), "pcx-1".into()) } else { Default::default() };
            Peer::Group(Box::new(GroupReference { account, id, name, vpc_id, peering_id }))
        }),
    ]
}

fn tags() -> impl Strategy<Value = Tags> {
    prop::collection::btree_map("[a-z:]{1,4}", text(), 0..3)
        .prop_map(|tags| tags.into_iter().map(|(key, value)| Tag { key: key.into(), value }).collect())
}

fn rule() -> impl Strategy<Value = Rule> {
    let direction = prop_oneof![Just(Direction::Ingress), Just(Direction::Egress)];
    (direction, services(), peer(), text(), tags()).prop_map(|(direction, services, peer, description, tags)| Rule {
        description: description.as_str().into(),
        tags,
        ..Rule::new(direction, services, peer)
    })
}

fn group() -> impl Strategy<Value = SecurityGroup> {
    let region = prop_oneof![Just("unknown"), Just("eu-west-1"), Just("us-gov-west-1"), Just("cn-north-1")];
    let unreadable = option::weighted(0.1, Just("no reason at all"));
    (account(), region, text(), text(), tags(), vec(rule(), 0..6), any::<bool>(), unreadable).prop_map(
        |(account_id, region, name, description, tags, mut rules, ids, unreadable)| {
            let mut seen = Vec::new();
            rules.retain(|rule: &Rule| {
                // AWS compares referenced groups by id; a source may leave the account out.
                let peer = match &rule.peer {
                    Peer::Group(group) => group.id.to_string(),
                    peer => peer.to_string(),
                };
                let identity = (rule.direction, rule.services, peer);
                let new = !seen.contains(&identity);
                seen.push(identity);
                new
            });
            for rule in &mut rules {
                if !ids {
                    rule.tags.clear();
                }
            }
            SecurityGroup {
                key: GroupKey { account_id, region: region.into(), group_id: CompactString::default() },
                name,
                description: description.as_str().into(),
                vpc_id: if ids { "vpc-1".into() } else { CompactString::default() },
                tags,
                rules,
                unreadable: unreadable.map(Into::into),
                source: 0,
                line: u32::from(ids),
            }
        },
    )
}

fn prefix_list() -> impl Strategy<Value = PrefixList> {
    (
        text(),
        option::of(prop_oneof![Just(Family::Ipv4), Just(Family::Ipv6)]),
        option::of(address_set()),
        option::of(any::<u32>()),
        account(),
    )
        .prop_map(|(name, family, entries, max_entries, owner_id)| {
            let region = if owner_id.is_empty() { CompactString::default() } else { "eu-west-1".into() };
            PrefixList { id: CompactString::default(), name, family, entries, max_entries, owner_id, region }
        })
}

fn interface() -> impl Strategy<Value = NetworkInterface> {
    (text(), 0..3usize, account(), tags()).prop_map(|(description, groups, owner_id, tags)| NetworkInterface {
        id: CompactString::default(),
        group_ids: (0..groups).map(|n| format_compact!("sg-{n}")).collect(),
        description: description.as_str().into(),
        addresses: vec!["10.0.0.1".into(), "2600::1".into()],
        prefixes: vec!["10.0.0.16/28".into(), "2600:1::/80".into()],
        public_addresses: vec![PublicAddress { public: "203.0.113.1".into(), private: "10.0.0.1".into() }],
        vpc_id: "vpc-1".into(),
        owner_id,
        tags,
    })
}

fn coverage() -> impl Strategy<Value = Coverage> {
    let status = prop_oneof![
        Just(CoverageStatus::Complete),
        Just(CoverageStatus::Partial),
        Just(CoverageStatus::Unread),
        Just(CoverageStatus::Disabled)
    ];
    (status, 0..9usize, option::of(text())).prop_map(|(status, groups, error)| Coverage {
        account_id: CompactString::default(),
        region: "eu-west-1".into(),
        status,
        groups,
        error: error.map(Into::into),
    })
}

fn user() -> impl Strategy<Value = GroupUser> {
    let kind = prop_oneof![
        Just(UserKind::LaunchTemplate),
        Just(UserKind::LoadBalancer),
        Just(UserKind::Function),
        Just(UserKind::Database),
        Just(UserKind::PeeredVpc)
    ];
    (kind, text(), 1..4u8, 0..2u8).prop_map(|(kind, name, ids, names)| GroupUser {
        kind,
        id: CompactString::default(),
        name,
        group_ids: (0..ids).map(|n| format_compact!("sg-{n}")).collect(),
        // Only launch templates name groups by name.
        group_names: (0..names)
            .filter(|_| kind == UserKind::LaunchTemplate)
            .map(|n| format_compact!("name {n}"))
            .collect(),
    })
}

fn stale() -> impl Strategy<Value = std::collections::BTreeSet<StaleReference>> {
    let reference = (0..4u8, 0..4u8).prop_map(|(group, referenced)| StaleReference {
        group_id: format_compact!("sg-{group}"),
        referenced_id: format_compact!("sg-{referenced}"),
    });
    prop::collection::btree_set(reference, 0..4)
}

/// An inventory as a reader could give it: ids are unique.
fn any_inventory() -> impl Strategy<Value = Inventory> {
    let around =
        (vec(prefix_list(), 0..3), vec(address_set(), 0..3), option::of(vec(interface(), 0..3)), vec(coverage(), 0..3));
    let uses = (vec(user(), 0..4), stale());
    (vec(group(), 0..5), around, uses).prop_map(|(mut groups, (lists, sets, mut interfaces, mut coverage), uses)| {
        let (mut users, stale) = uses;
        for (n, user) in users.iter_mut().enumerate() {
            user.id = format_compact!("id-{n}");
        }
        let mut has_rule_ids = false;
        for (g, group) in groups.iter_mut().enumerate() {
            group.key.group_id = format_compact!("sg-{g:017x}");
            if std::mem::take(&mut group.line) == 1 {
                for (r, rule) in group.rules.iter_mut().enumerate() {
                    rule.id = format_compact!("sgr-{g}{r}");
                    has_rule_ids = true;
                }
            }
        }
        let prefix_lists: BTreeMap<_, _> = lists
            .into_iter()
            .enumerate()
            .map(|(n, list)| (format_compact!("pl-{n}"), PrefixList { id: format_compact!("pl-{n}"), ..list }))
            .collect();
        let vpcs = sets.into_iter().enumerate().map(|(n, addresses)| {
            let id = format_compact!("vpc-{n}");
            (id.clone(), Vpc { id, addresses, owner_id: "1".into() })
        });
        for (n, interface) in interfaces.iter_mut().flatten().enumerate() {
            interface.id = format_compact!("eni-{n}");
        }
        for (n, coverage) in coverage.iter_mut().enumerate() {
            coverage.account_id = format_compact!("{n}");
        }
        let (vpcs, stale, sources) = (vpcs.collect(), stale.into_iter().collect(), Vec::new());
        let mut inventory =
            Inventory { groups, prefix_lists, vpcs, interfaces, users, stale, coverage, sources, has_rule_ids };
        canonical(&mut inventory);
        inventory
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(inventory in any_inventory()) {
        let bytes = written(&inventory);
        let again = read_bytes(&bytes);
        prop_assert_eq!(&without_places(again.clone()), &inventory, "{}", String::from_utf8_lossy(&bytes));
        prop_assert_eq!(written(&again), bytes);
    }

    #[test]
    fn order_does_not_matter(inventory in any_inventory(), seed in any::<u64>()) {
        let mut shuffled = inventory.clone();
        let turn = |length: usize| if length == 0 { 0 } else { usize::try_from(seed % 1000).unwrap() % length };
        let by = turn(shuffled.groups.len());
        shuffled.groups.rotate_left(by);
        for group in &mut shuffled.groups {
            let (rules, tags) = (turn(group.rules.len()), turn(group.tags.len()));
            group.rules.rotate_left(rules);
            group.tags.rotate_left(tags);
        }
        prop_assert_eq!(written(&shuffled), written(&inventory));
    }
}

#[test]
fn the_form() {
    let text = r#"{"SecurityGroups": [{"GroupId": "sg-1", "OwnerId": "111122223333", "GroupName": "web", "Description": "shop", "VpcId": "vpc-1",
        "SecurityGroupArn": "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1", "Tags": [{"Key": "b", "Value": ""}, {"Key": "a", "Value": "1"}],
        "IpPermissions": [{"IpProtocol": "6", "FromPort": 443, "ToPort": 443,
          "IpRanges": [{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "0.0.0.0/0", "Description": "world"}]}]}]}"#;
    let expected = r#"{
  "schema_version": "1",
  "SecurityGroups": [
    {
      "Description": "shop",
      "GroupName": "web",
      "IpPermissions": [
        {
          "IpProtocol": "tcp",
          "FromPort": 443,
          "ToPort": 443,
          "IpRanges": [
            {
              "CidrIp": "0.0.0.0/0",
              "Description": "world"
            },
            {
              "CidrIp": "10.0.0.0/8"
            }
          ],
          "Ipv6Ranges": [],
          "PrefixListIds": [],
          "UserIdGroupPairs": []
        }
      ],
      "OwnerId": "111122223333",
      "GroupId": "sg-1",
      "IpPermissionsEgress": [],
      "Tags": [
        {
          "Key": "a",
          "Value": "1"
        },
        {
          "Key": "b",
          "Value": ""
        }
      ],
      "VpcId": "vpc-1",
      "SecurityGroupArn": "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1"
    }
  ],
  "ManagedPrefixLists": [],
  "Vpcs": [],
  "coverage": []
}
"#;
    assert_eq!(String::from_utf8(written(&inventory(text))).unwrap(), expected);
}

#[test]
fn compressed() {
    let inventory = inventory(&with_permissions(""));
    let mut bytes = Vec::new();
    write_gzip(&inventory, &mut bytes).unwrap();
    assert!(bytes.starts_with(&[0x1f, 0x8b]));
    assert_eq!(without_places(read_bytes(&bytes)), without_places(inventory));
}

#[test]
fn examples_survive() {
    for folder in ["acme", "aws-cli"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(folder);
        let mut inventory =
            read([Source::path(path)], &ReadOptions::default()).unwrap_or_else(|errors| panic!("{errors}"));
        canonical(&mut inventory);
        assert_eq!(without_places(read_bytes(&written(&inventory))), without_places(inventory));
    }
}
