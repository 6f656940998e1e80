//! What uses groups without an interface to show for it, and references that AWS calls stale.

use std::borrow::Cow;

use compact_str::CompactString;
use portcullis_core::model::{GroupUser, StaleReference, UserKind};

use super::element::Reader;
use super::json::{Cursor, Field, Parsed};
use super::permission::id;

type Text<'a> = Field<Cow<'a, str>>;

/// What is read of a user's entry.
#[derive(Default)]
struct Entry<'a> {
    id: Text<'a>,
    name: Text<'a>,
    groups: Field<()>,
    group: Text<'a>,
    ids: Vec<CompactString>,
    names: Vec<CompactString>,
}

impl<'a> Entry<'a> {
    /// Takes a key of an entry, if it counts for this kind.
    fn take(&mut self, cursor: &mut Cursor<'a>, kind: UserKind, key: &str) -> Parsed<bool> {
        let Self { ids, names, groups, .. } = self;
        match (kind, key) {
            (UserKind::LaunchTemplate, "LaunchTemplateId")
            | (UserKind::LoadBalancer, "LoadBalancerArn")
            | (UserKind::Function, "FunctionArn")
            | (UserKind::Database, "DBInstanceArn")
            | (UserKind::PeeredVpc, "ReferencingVpcId") => cursor.fill(&mut self.id, key, Cursor::text),
            (UserKind::LaunchTemplate, "LaunchTemplateName")
            | (UserKind::LoadBalancer, "LoadBalancerName")
            | (UserKind::Function, "FunctionName")
            | (UserKind::Database, "DBInstanceIdentifier")
            | (UserKind::PeeredVpc, "VpcPeeringConnectionId") => cursor.fill(&mut self.name, key, Cursor::text),
            (UserKind::PeeredVpc, "GroupId") => cursor.fill(&mut self.group, key, Cursor::text),
            (UserKind::LoadBalancer, "SecurityGroups") => {
                cursor.fill(groups, key, |cursor, key| texts(cursor, key, ids))
            }
            (UserKind::LaunchTemplate, "LaunchTemplateData") => {
                cursor.fill(groups, key, |cursor, key| template(cursor, key, ids, names))
            }
            (UserKind::Function, "VpcConfig") => cursor.fill(groups, key, |cursor, key| {
                within(cursor, key, "SecurityGroupIds", |cursor, key| texts(cursor, key, ids))
            }),
            (UserKind::Database, "VpcSecurityGroups") => cursor.fill(groups, key, |cursor, key| {
                cursor.list(key, |cursor| {
                    let name = "VpcSecurityGroupId";
                    within(cursor, "an entry of `VpcSecurityGroups`", name, |cursor, key| one(cursor, key, ids))
                        .map(drop)
                })
            }),
            _ => Ok(false),
        }
    }
}

/// Reads an entry of a list of users. One that uses no group is left out.
pub(super) fn user(cursor: &mut Cursor<'_>, reader: &mut Reader<'_>, kind: UserKind) -> Parsed<()> {
    let at = cursor.here();
    let (what, name, expected) = match kind {
        UserKind::LaunchTemplate => {
            ("a version of a launch template", "LaunchTemplateId", "the id of the launch template")
        }
        UserKind::LoadBalancer => ("a load balancer", "LoadBalancerArn", "the ARN of the load balancer"),
        UserKind::Function => ("a function", "FunctionArn", "the ARN of the function"),
        UserKind::Database => ("a database", "DBInstanceArn", "the ARN of the database"),
        UserKind::PeeredVpc => ("a reference from a peered VPC", "ReferencingVpcId", "the id of the VPC"),
    };
    let mut entry = Entry::default();
    if !cursor.object(what, |cursor, key| entry.take(cursor, kind, key))? {
        return Ok(());
    }
    if kind == UserKind::PeeredVpc {
        entry.ids.extend(id(cursor, &entry.group, at, "GroupId", "the id of the group that is named"));
    }
    let Some(id) = id(cursor, &entry.id, at, name, expected) else { return Ok(()) };
    let (mut group_ids, mut group_names) = (entry.ids, entry.names);
    if group_ids.is_empty() && group_names.is_empty() {
        return Ok(());
    }
    for list in [&mut group_ids, &mut group_names] {
        list.sort();
        list.dedup();
    }
    let name = entry.name.value.unwrap_or_default().into();
    reader.out.users.push(GroupUser { kind, id, name, group_ids, group_names });
    Ok(())
}

/// A text that is taken over unless it is empty.
fn one(cursor: &mut Cursor<'_>, key: &str, into: &mut Vec<CompactString>) -> Parsed<Option<()>> {
    let text = cursor.text(key)?;
    into.extend(text.filter(|text| !text.is_empty()).map(CompactString::from));
    Ok(Some(()))
}

/// A list of texts.
fn texts(cursor: &mut Cursor<'_>, key: &str, into: &mut Vec<CompactString>) -> Parsed<Option<()>> {
    let what = format!("an entry of `{key}`");
    cursor.list(key, |cursor| one(cursor, &what, into).map(drop))
}

/// One key of an object, which may be `null`.
fn within<'a>(
    cursor: &mut Cursor<'a>,
    what: &str,
    wanted: &str,
    read: impl FnOnce(&mut Cursor<'a>, &str) -> Parsed<Option<()>>,
) -> Parsed<Option<()>> {
    if cursor.null()? {
        return Ok(Some(()));
    }
    let (mut field, mut read) = (Field::<()>::default(), Some(read));
    cursor.object(what, |cursor, key| {
        if key != wanted {
            return Ok(false);
        }
        cursor.fill(&mut field, key, |cursor, key| read.take().map_or(Ok(None), |read| read(cursor, key)))
    })?;
    Ok(Some(()))
}

fn template(
    cursor: &mut Cursor<'_>,
    what: &str,
    ids: &mut Vec<CompactString>,
    names: &mut Vec<CompactString>,
) -> Parsed<Option<()>> {
    if cursor.null()? {
        return Ok(Some(()));
    }
    let (mut by_id, mut by_name, mut interfaces) = <[Field<()>; 3]>::default().into();
    cursor.object(what, |cursor, key| match key {
        "SecurityGroupIds" => cursor.fill(&mut by_id, key, |cursor, key| texts(cursor, key, ids)),
        "SecurityGroups" => cursor.fill(&mut by_name, key, |cursor, key| texts(cursor, key, names)),
        "NetworkInterfaces" => cursor.fill(&mut interfaces, key, |cursor, key| {
            cursor.list(key, |cursor| {
                within(cursor, "an interface of a launch template", "Groups", |cursor, key| texts(cursor, key, ids))
                    .map(drop)
            })
        }),
        _ => Ok(false),
    })?;
    Ok(Some(()))
}

/// Reads an entry of `StaleSecurityGroupSet`: each group that its stale rules name.
pub(super) fn stale(cursor: &mut Cursor<'_>, reader: &mut Reader<'_>) -> Parsed<()> {
    let at = cursor.here();
    let (mut group, mut ingress, mut egress) = (Field::default(), Field::<()>::default(), Field::<()>::default());
    let mut named = Vec::new();
    let whole = cursor.object("a group with stale rules", |cursor, key| match key {
        "GroupId" => cursor.fill(&mut group, key, Cursor::text),
        "StaleIpPermissions" => cursor.fill(&mut ingress, key, |cursor, key| permissions(cursor, key, &mut named)),
        "StaleIpPermissionsEgress" => cursor.fill(&mut egress, key, |cursor, key| permissions(cursor, key, &mut named)),
        _ => Ok(false),
    })?;
    if whole && let Some(group_id) = id(cursor, &group, at, "GroupId", "the id of the group whose rules are stale") {
        let stale = |referenced_id| StaleReference { group_id: group_id.clone(), referenced_id };
        reader.out.stale.extend(named.into_iter().map(stale));
    }
    Ok(())
}

fn permissions(cursor: &mut Cursor<'_>, key: &str, into: &mut Vec<CompactString>) -> Parsed<Option<()>> {
    cursor.list(key, |cursor| {
        within(cursor, "an entry of the stale permissions", "UserIdGroupPairs", |cursor, key| {
            cursor.list(key, |cursor| {
                within(cursor, "an entry of `UserIdGroupPairs`", "GroupId", |cursor, key| one(cursor, key, into))
                    .map(drop)
            })
        })
        .map(drop)
    })
}
