//! Entries of `SecurityGroups`, and the `configuration` of AWS Config's items, which is the same in camel case.

use std::borrow::Cow;
use std::collections::HashMap;
use std::mem;

use compact_str::CompactString;
use portcullis_core::model::{Direction, GroupKey, Peer, Rule, SecurityGroup, Tag, Tags};

use super::element::{Reader, region_and_account};
use super::json::{Cursor, Field, Parsed};
use super::permission::{boxed, id, permission};

/// What stands in a group as long as no source has told its rules: then nothing can be said of it.
pub(super) const NO_RULES_TOLD: &str =
    "no source tells its rules: `IpPermissions` and `IpPermissionsEgress` are missing";

/// Up to this many rules are compared each with each to find those that stand twice.
const FEW: usize = 16;

/// What AWS Config tells of a group around its `configuration`.
#[derive(Debug, Default)]
pub(super) struct Around {
    pub(super) key: GroupKey,
    pub(super) tags: Tags,
}

impl Reader<'_> {
    /// The rules of one direction of the group at hand.
    pub(super) fn rules(&mut self, direction: Direction) -> &mut Vec<Rule> {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }
}

/// One group; `None` where it cannot be told which, or it is no object, which is noted.
pub(super) fn group(
    cursor: &mut Cursor<'_>,
    reader: &mut Reader<'_>,
    around: Option<Around>,
) -> Parsed<Option<SecurityGroup>> {
    let at = cursor.here();
    let (mut group_id, mut name, mut description, mut vpc) =
        (Field::default(), Field::default(), Field::default(), Field::default());
    let (mut owner, mut arn, mut unreadable) = (Field::default(), Field::default(), Field::default());
    let (mut ingress, mut egress, mut tags) = (Field::default(), Field::default(), Field::default());
    reader.ingress.clear();
    reader.egress.clear();
    let line = reader.line(at);
    let whole = cursor.object("a security group", |cursor, key| match key {
        "GroupId" => cursor.fill(&mut group_id, key, Cursor::text),
        "GroupName" => cursor.fill(&mut name, key, Cursor::text),
        "Description" => cursor.fill(&mut description, key, Cursor::text),
        "VpcId" => cursor.fill(&mut vpc, key, Cursor::text),
        "OwnerId" => cursor.fill(&mut owner, key, Cursor::text),
        "SecurityGroupArn" => cursor.fill(&mut arn, key, Cursor::text),
        "Tags" => cursor.fill(&mut tags, key, tag_list),
        "IpPermissions" => cursor.fill(&mut ingress, key, |cursor, key| {
            cursor.list(key, |cursor| permission(cursor, reader, Direction::Ingress))
        }),
        "IpPermissionsEgress" => cursor.fill(&mut egress, key, |cursor, key| {
            cursor.list(key, |cursor| permission(cursor, reader, Direction::Egress))
        }),
        // Ours, in snapshots: what could not be read stays unread.
        "unreadable" => cursor.fill(&mut unreadable, key, Cursor::text),
        _ => Ok(false),
    })?;
    if !whole {
        return Ok(None);
    }
    let around = around.unwrap_or_default();
    let group_id = if group_id.value.is_none() && !around.key.group_id.is_empty() {
        around.key.group_id
    } else {
        match id(cursor, &group_id, at, "GroupId", "the id of the security group") {
            Some(id) => id,
            None => return Ok(None),
        }
    };
    let first = |candidates: [&str; 3]| -> CompactString {
        candidates.into_iter().find(|text| !text.is_empty()).unwrap_or_default().into()
    };
    let arn = arn.value.unwrap_or_default();
    let (arn_region, arn_account) = region_and_account(&arn);
    let tags = tags.value.filter(|tags: &Tags| !tags.is_empty()).unwrap_or(around.tags);
    let unread = (!ingress.seen && !egress.seen).then_some(Cow::Borrowed(NO_RULES_TOLD));
    let compact = |field: Field<Cow<'_, str>>| CompactString::from(field.value.unwrap_or_default());
    Ok(Some(SecurityGroup {
        key: GroupKey {
            account_id: first([owner.value.as_deref().unwrap_or_default(), arn_account, &around.key.account_id]),
            region: first([arn_region, &around.key.region, reader.region]),
            group_id,
        },
        name: compact(name),
        description: boxed(description.value),
        vpc_id: compact(vpc),
        tags,
        rules: rules(reader),
        unreadable: unreadable.value.or(unread).map(|reason| boxed(Some(reason))),
        source: reader.source(),
        line,
    }))
}

/// The rules of the group at hand, ingress first, in a list without slack.
fn rules(reader: &mut Reader<'_>) -> Vec<Rule> {
    let (ingress, egress) = (&mut reader.ingress, &mut reader.egress);
    unite_doubles(ingress);
    unite_doubles(egress);
    let mut rules = Vec::with_capacity(ingress.len() + egress.len());
    rules.append(ingress);
    rules.append(egress);
    rules
}

/// A rule that stands twice stands once, with the first description that there is: AWS knows no other. A file can hold
/// it twice all the same, since host bits and names of protocols are written in more than one way.
fn unite_doubles(rules: &mut Vec<Rule>) {
    let mut doubles: Vec<(usize, usize)> = Vec::new();
    if rules.len() <= FEW {
        for (index, rule) in rules.iter().enumerate() {
            let first = rules.iter().take(index).position(|other| same(rule, other));
            doubles.extend(first.map(|first| (first, index)));
        }
    } else {
        let mut firsts = HashMap::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            let first = *firsts.entry(rule.identity()).or_insert(index);
            if first != index {
                doubles.push((first, index));
            }
        }
    }
    if doubles.is_empty() {
        return;
    }
    for (first, double) in &doubles {
        let description = rules.get_mut(*double).map(|rule| mem::take(&mut rule.description)).unwrap_or_default();
        if let Some(rule) = rules.get_mut(*first)
            && rule.description.is_empty()
        {
            rule.description = description;
        }
    }
    let mut index = 0;
    rules.retain(|_| {
        index += 1;
        doubles.binary_search_by_key(&(index - 1), |(_, double)| *double).is_err()
    });
}

/// Whether two rules have one identity, by the cheapest question first.
fn same(a: &Rule, b: &Rule) -> bool {
    match (&a.peer, &b.peer) {
        (Peer::V4(left), Peer::V4(right)) if left != right => false,
        _ => a.identity() == b.identity(),
    }
}

/// `Tags` and `TagSet`: a list of `{"Key": …, "Value": …}`.
pub(super) fn tag_list(cursor: &mut Cursor<'_>, name: &str) -> Parsed<Option<Tags>> {
    let mut tags = Tags::new();
    let read = cursor.list(name, |cursor| {
        let at = cursor.here();
        let (mut key, mut value) = (Field::default(), Field::default());
        let whole = cursor.object("a tag", |cursor, name| match name {
            "Key" => cursor.fill(&mut key, name, Cursor::text),
            "Value" => cursor.fill(&mut value, name, Cursor::text),
            _ => Ok(false),
        })?;
        if whole && let Some(key) = id(cursor, &key, at, "Key", "the tag's key") {
            tags.push(Tag { key, value: value.value.unwrap_or_default().into() });
        }
        Ok(())
    })?;
    tags.shrink_to_fit();
    Ok(read.map(|()| tags))
}
