//! Configuration items of AWS Config, from snapshots, histories, notifications and advanced queries.
//!
//! Only `AWS::EC2::SecurityGroup` counts. A history holds many items of one group: the newest is what the group is.

use std::borrow::Cow;

use compact_str::CompactString;
use jiff::Timestamp;
use portcullis_core::model::{GroupKey, SecurityGroup, Tag, Tags};

use super::element::Reader;
use super::group::{Around, group, tag_list};
use super::json::{Cursor, Field, Parsed};
use super::permission::missing;

/// A group as it was at a time.
#[derive(Debug)]
pub(super) struct Item {
    /// When AWS Config looked; `None` where the item does not tell.
    pub(super) captured: Option<Timestamp>,
    /// Which group.
    pub(super) key: GroupKey,
    /// The group; `None` where it was deleted by then.
    pub(super) group: Option<SecurityGroup>,
}

/// One of the `Results` of an advanced query, which are objects in strings.
pub(super) fn query_result(cursor: &mut Cursor<'_>, reader: &mut Reader<'_>) -> Parsed<()> {
    let at = cursor.here();
    if let Some(text) = cursor.text("an entry of `Results`")? {
        reader.within_string(at, &text, |reader, cursor| item(cursor, reader, true));
    }
    Ok(())
}

/// One configuration item. A query may leave the type out of what it selects.
pub(super) fn item(cursor: &mut Cursor<'_>, reader: &mut Reader<'_>, of_query: bool) -> Parsed<()> {
    let at = cursor.here();
    let (mut kind, mut resource_id, mut account, mut region) = <[Field<Cow<'_, str>>; 4]>::default().into();
    let (mut status, mut captured) = (Field::default(), Field::default());
    let (mut configuration, mut tags) = (Field::default(), Field::default());
    let outer = std::mem::replace(&mut cursor.camel_case, true);
    let whole = cursor.object("a configuration item", |cursor, key| match key {
        "ResourceType" => cursor.fill(&mut kind, key, Cursor::text),
        "ResourceId" => cursor.fill(&mut resource_id, key, Cursor::text),
        "AwsAccountId" | "AccountId" => cursor.fill(&mut account, key, Cursor::text),
        "AwsRegion" => cursor.fill(&mut region, key, Cursor::text),
        "ConfigurationItemStatus" => cursor.fill(&mut status, key, Cursor::text),
        "ConfigurationItemCaptureTime" => cursor.fill(&mut captured, key, |cursor, _| cursor.raw().map(time)),
        "Tags" => cursor.fill(&mut tags, key, item_tags),
        // Understood below, once it is known whether it is a group's.
        "Configuration" => cursor.fill(&mut configuration, key, |cursor, _| cursor.raw().map(Some)),
        _ => Ok(false),
    })?;
    let end = cursor.at();
    if whole && !of_query {
        missing(cursor, &kind, at, "resourceType", "the type of the resource");
    }
    let is_group = match kind.value.as_deref() {
        Some(kind) => kind == "AWS::EC2::SecurityGroup",
        None => of_query,
    };
    if whole && is_group {
        let compact = |field: Field<Cow<'_, str>>| CompactString::from(field.value.unwrap_or_default());
        let region = compact(region);
        let key = GroupKey {
            account_id: compact(account),
            region: if region.is_empty() { reader.region.into() } else { region },
            group_id: compact(resource_id),
        };
        let captured = captured.value;
        let deleted = status.value.is_some_and(|status| status.starts_with("ResourceDeleted"))
            || configuration.value == Some("null");
        let around = Around { key: key.clone(), tags: tags.value.unwrap_or_default() };
        if deleted {
            reader.out.items.push(Item { captured, key, group: None });
        } else if configuration.seen {
            cursor.rewind(configuration.at);
            if let Some(group) = of_configuration(cursor, reader, around)? {
                reader.out.items.push(Item { captured, key: group.key.clone(), group: Some(group) });
            }
        } else {
            cursor.fault(at, "`configuration` is missing: the security group as AWS Config recorded it is expected");
        }
    }
    cursor.rewind(end);
    cursor.camel_case = outer;
    Ok(())
}

/// RFC 3339 as AWS Config and the AWS CLI's second version write it, seconds since 1970 as its first does.
fn time(raw: &str) -> Option<Timestamp> {
    match raw.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) => text.parse().ok(),
        #[expect(clippy::cast_possible_truncation, reason = "a float saturates, and what is no time is none")]
        None => raw.parse::<f64>().ok().and_then(|seconds| Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()),
    }
}

/// The group that stands in `configuration`, as an object or as an object in a string.
fn of_configuration(cursor: &mut Cursor<'_>, reader: &mut Reader<'_>, around: Around) -> Parsed<Option<SecurityGroup>> {
    if cursor.peek() != b'"' {
        return group(cursor, reader, Some(around));
    }
    let at = cursor.at();
    let mut read = None;
    if let Some(text) = cursor.text("configuration")? {
        reader.within_string(at, &text, |reader, cursor| {
            cursor.camel_case = true;
            read = group(cursor, reader, Some(around))?;
            Ok(())
        });
    }
    Ok(read)
}

/// `{"key": "value"}` in items, a list in the results of queries.
fn item_tags(cursor: &mut Cursor<'_>, name: &str) -> Parsed<Option<Tags>> {
    if cursor.peek() != b'{' {
        return tag_list(cursor, name);
    }
    let mut tags = Tags::new();
    // The keys are the owner's own.
    let outer = std::mem::replace(&mut cursor.camel_case, false);
    cursor.object(name, |cursor, key| {
        let value = cursor.text(key)?;
        tags.push(Tag { key: key.into(), value: value.unwrap_or_default().into() });
        Ok(true)
    })?;
    cursor.camel_case = outer;
    Ok(Some(tags))
}
