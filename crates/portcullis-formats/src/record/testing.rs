//! Any rule, change and group, for property tests.

use portcullis_core::model::{Direction, GroupKey, GroupReference, Peer, Rule, SecurityGroup, Tag, Tags};
use portcullis_core::net::{AnyCidr, Cidr, Protocol, RuleServices};
use portcullis_core::remediation::Change;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::Value;

pub(crate) fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(Direction::ALL.to_vec())
}

pub(crate) fn rule_services() -> impl Strategy<Value = RuleServices> {
    let ports = (prop::bool::ANY, any::<u16>(), any::<u16>()).prop_map(|(tcp, a, b)| {
        RuleServices::Ports(if tcp { Protocol::TCP } else { Protocol::UDP }, a.min(b), a.max(b))
    });
    let icmp = (prop::bool::ANY, option::of((any::<u8>(), option::of(any::<u8>()))))
        .prop_map(|(v4, kind)| RuleServices::Icmp(if v4 { Protocol::ICMP } else { Protocol::ICMPV6 }, kind));
    prop_oneof![
        Just(RuleServices::All),
        ports,
        icmp,
        any::<u8>().prop_map(|number| RuleServices::whole(Protocol(number)))
    ]
}

fn block() -> impl Strategy<Value = AnyCidr> {
    let v4 = (any::<u32>(), 0..=32_u8)
        .prop_filter_map("a length of the family", |(address, prefix)| Cidr::new(address, prefix));
    let v6 = (any::<u128>(), 0..=128_u8)
        .prop_filter_map("a length of the family", |(address, prefix)| Cidr::new(address, prefix));
    prop_oneof![v4.prop_map(AnyCidr::V4), v6.prop_map(AnyCidr::V6)]
}

/// Ids and names as AWS gives them, and as it does not.
fn id(prefix: &'static str) -> impl Strategy<Value = String> {
    "[0-9a-f]{0,17}".prop_map(move |digits| format!("{prefix}{digits}"))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["", "[ -~]{0,12}", "\\PC{0,6}", any::<String>()]
}

pub(crate) fn peer() -> impl Strategy<Value = Peer> {
    let account = prop_oneof!["", "[0-9]{12}"];
    let group = (
        account,
        prop_oneof![id("sg-"), Just(String::new())],
        text(),
        prop_oneof!["", "vpc-[0-9]{2}"],
        prop_oneof!["", "pcx-1"],
    )
        .prop_map(|(account, id, name, vpc_id, peering_id)| {
            Peer::Group(Box::new(GroupReference {
                account: account.into(),
                id: id.into(),
                name: name.into(),
                vpc_id: vpc_id.into(),
                peering_id: peering_id.into(),
            }))
        });
    prop_oneof![3 => block().prop_map(Peer::from), 1 => id("pl-").prop_map(|id| Peer::PrefixList(id.into())), 1 => group]
}

pub(crate) fn tags() -> impl Strategy<Value = Tags> {
    vec((text(), text()).prop_map(|(key, value)| Tag { key: key.into(), value: value.into() }), 0..3)
        .prop_map(Into::into)
}

/// Boxed, as those below: the trees of such strategies are large, and tests have small stacks.
pub(crate) fn rule() -> BoxedStrategy<Rule> {
    (direction(), rule_services(), peer(), text(), prop_oneof![Just(String::new()), id("sgr-")], tags())
        .prop_map(|(direction, services, peer, description, id, tags)| Rule {
            description: description.into(),
            id: id.into(),
            tags,
            ..Rule::new(direction, services, peer)
        })
        .boxed()
}

pub(crate) fn group() -> BoxedStrategy<SecurityGroup> {
    let key = ("[0-9]{12}", "[a-z]{2}-[a-z]{4}-[1-9]", id("sg-"));
    (key, text(), text(), id("vpc-"), tags(), vec(rule(), 0..6))
        .prop_map(|((account, region, id), name, description, vpc, tags, rules)| SecurityGroup {
            key: GroupKey { account_id: account.into(), region: region.into(), group_id: id.into() },
            name: name.into(),
            description: description.into(),
            vpc_id: vpc.into(),
            tags,
            rules,
            ..SecurityGroup::default()
        })
        .boxed()
}

pub(crate) fn change() -> BoxedStrategy<Change> {
    let tag = (text(), option::of(text()), text()).prop_map(|(key, before, after)| Change::Tag {
        key: key.into(),
        before: before.map(Into::into),
        after: Some(after.into()),
    });
    prop_oneof![
        rule().prop_map(Change::Authorize),
        rule().prop_map(Change::Revoke),
        (rule(), rule()).prop_map(|(before, after)| Change::Modify { before, after }),
        (rule(), rule()).prop_map(|(before, after)| Change::Describe { before, after }),
        tag,
    ]
    .boxed()
}

/// The paths of leaves of a document; the first ones stand for long lists.
pub(crate) fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            leaves(value, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(list) if list.is_empty() => {}
        Value::Array(list) => {
            list.iter().take(4).enumerate().for_each(|(at, value)| leaves(value, &format!("{path}/{at}"), found));
        }
        _ => found.push(path.to_owned()),
    }
}
