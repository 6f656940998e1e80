//! Entries of `SecurityGroupRules`: one rule with its id and its tags, apart from its group.

use std::borrow::Cow;

use compact_str::CompactString;
use portcullis_core::model::{Direction, Peer, Rule};
use portcullis_core::net::Family;

use super::element::{LooseRule, Reader, region_and_account};
use super::group::tag_list;
use super::json::{Cursor, Field, Parsed};
use super::permission::{ServiceFields, block, boxed, group_reference, id, missing};

/// Reads one rule.
pub(super) fn group_rule(cursor: &mut Cursor<'_>, reader: &mut Reader<'_>) -> Parsed<()> {
    let at = cursor.here();
    let mut services = ServiceFields::default();
    let (mut rule_id, mut group_id, mut owner, mut arn) = <[Field<Cow<'_, str>>; 4]>::default().into();
    let (mut v4, mut v6, mut list, mut description) = <[Field<Cow<'_, str>>; 4]>::default().into();
    let (mut egress, mut group, mut tags) = (Field::default(), Field::default(), Field::default());
    let whole = cursor.object("a security group rule", |cursor, key| match key {
        "SecurityGroupRuleId" => cursor.fill(&mut rule_id, key, Cursor::text),
        "GroupId" => cursor.fill(&mut group_id, key, Cursor::text),
        "GroupOwnerId" => cursor.fill(&mut owner, key, Cursor::text),
        "SecurityGroupRuleArn" => cursor.fill(&mut arn, key, Cursor::text),
        "IsEgress" => cursor.fill(&mut egress, key, Cursor::boolean),
        "CidrIpv4" => cursor.fill(&mut v4, key, Cursor::text),
        "CidrIpv6" => cursor.fill(&mut v6, key, Cursor::text),
        "PrefixListId" => cursor.fill(&mut list, key, Cursor::text),
        "Description" => cursor.fill(&mut description, key, Cursor::text),
        "Tags" => cursor.fill(&mut tags, key, tag_list),
        "ReferencedGroupInfo" => cursor.fill(&mut group, key, |cursor, _| {
            if cursor.null()? {
                return Ok(None);
            }
            group_reference(cursor, &mut Field::default(), "`ReferencedGroupInfo`")
        }),
        _ => services.take(cursor, key),
    })?;
    if !whole {
        return Ok(());
    }
    let group_id = id(cursor, &group_id, at, "GroupId", "the id of the rule's security group");
    missing(cursor, &egress, at, "IsEgress", "`true` or `false`");
    let services = services.services(cursor, at);
    let told = [v4.seen && v4.value.is_some(), v6.value.is_some(), list.value.is_some(), group.value.is_some()];
    let expected = "`CidrIpv4`, `CidrIpv6`, `PrefixListId` or `ReferencedGroupInfo`";
    let faulty = [v4.at, v6.at, list.at, group.at].iter().any(|at| cursor.faults.iter().any(|fault| fault.at == *at));
    match told.into_iter().filter(|told| *told).count() {
        0 if !faulty => cursor.fault(at, format!("the rule names no peer: one of {expected} is expected")),
        0 | 1 => {}
        _ => cursor.fault(at, format!("the rule names more than one peer: only one of {expected} can be meant")),
    }
    let peer = if let Some((reference, at)) = group.value {
        Some((Peer::Group(Box::new(reference)), at))
    } else if list.value.is_some() {
        id(cursor, &list, at, "PrefixListId", "the id of a prefix list").map(|id| (Peer::PrefixList(id), list.at))
    } else {
        let (field, family) = if v4.value.is_some() { (v4, Family::Ipv4) } else { (v6, Family::Ipv6) };
        block(cursor, &field, Some(family)).map(|block| (block.into(), field.at))
    };
    let (Some(group_id), Some(services), Some((peer, peer_at)), Some(egress)) =
        (group_id, services, peer, egress.value)
    else {
        return Ok(());
    };
    let arn = arn.value.unwrap_or_default();
    let (region, account) = region_and_account(&arn);
    let owner = owner.value.filter(|owner| !owner.is_empty()).unwrap_or(Cow::Borrowed(account));
    let direction = if egress { Direction::Egress } else { Direction::Ingress };
    let mut tags = tags.value.unwrap_or_default();
    tags.sort();
    let rule = Rule {
        description: boxed(description.value),
        id: CompactString::from(rule_id.value.unwrap_or_default()),
        tags,
        line: reader.line(peer_at),
        ..Rule::new(direction, services, peer)
    };
    let region = if region.is_empty() { reader.region } else { region };
    let (account_id, region, source) = (owner.into(), region.into(), reader.source());
    reader.out.rules.push(LooseRule { account_id, region, group_id, source, rule });
    Ok(())
}
