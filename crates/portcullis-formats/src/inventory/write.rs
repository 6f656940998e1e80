//! The canonical form of an inventory: AWS's own shapes, every list in a fixed order, the same bytes for the same
//! inventory.

mod around;
mod group;
mod users;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use portcullis_core::model::{Coverage, GroupUser, Inventory, Rule, SecurityGroup, StaleReference};
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use self::around::{coverage_shape, interface_shape, prefix_list_shape, vpc_shape};
use self::group::{group_shape, rule_shape};
use self::users::{KEYS, stale_shape, user_shapes};
use super::element::SCHEMA_VERSION;

/// Puts an inventory into the order that it is written in: groups by key, each list within them sorted.
pub fn canonical(inventory: &mut Inventory) {
    inventory.groups.sort_by(|a, b| a.key.cmp(&b.key));
    for group in &mut inventory.groups {
        group.tags.sort();
        group.rules.sort();
        group.rules.iter_mut().for_each(|rule| rule.tags.sort());
    }
    for interface in inventory.interfaces.iter_mut().flatten() {
        interface.tags.sort();
    }
    if let Some(interfaces) = &mut inventory.interfaces {
        interfaces.sort_by(|a, b| (&a.owner_id, &a.id).cmp(&(&b.owner_id, &b.id)));
    }
    inventory.users.sort();
    inventory.stale.sort();
    inventory.coverage.sort_by(|a, b| (&a.account_id, &a.region, a.status).cmp(&(&b.account_id, &b.region, b.status)));
}

/// Writes an inventory in the snapshot form, which [`super::read`] reads.
///
/// # Errors
///
/// Those of the writer.
pub fn write(inventory: &Inventory, writer: impl Write) -> io::Result<()> {
    // A serialiser writes in small pieces.
    let mut writer = BufWriter::with_capacity(1 << 16, writer);
    let mut json = serde_json::Serializer::pretty(&mut writer);
    Snapshot(inventory).serialize(&mut json)?;
    writer.write_all(b"\n")?;
    writer.flush()
}

/// As [`write`] does, or as [`write_gzip`] does where the name of the file asks for it by its ending, `.gz`.
///
/// # Errors
///
/// Those of the writer.
pub fn write_as(file: &Path, inventory: &Inventory, writer: impl Write) -> io::Result<()> {
    let gzip = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    if gzip { write_gzip(inventory, writer) } else { write(inventory, writer) }
}

/// The same, compressed. The bytes hold neither time nor name, so they too are the same for the same inventory.
///
/// # Errors
///
/// Those of the writer.
pub fn write_gzip(inventory: &Inventory, writer: impl Write) -> io::Result<()> {
    let mut encoder = GzEncoder::new(writer, Compression::default());
    write(inventory, &mut encoder)?;
    encoder.finish()?.flush()
}

struct Snapshot<'a>(&'a Inventory);

impl Serialize for Snapshot<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inventory = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema_version", &SCHEMA_VERSION.to_string())?;
        let mut groups: Vec<&SecurityGroup> = inventory.groups.iter().collect();
        groups.sort_by(|a, b| a.key.cmp(&b.key));
        map.serialize_entry("SecurityGroups", &List(|| groups.iter().map(|group| group_shape(group))))?;
        let with_ids = || groups.iter().filter(|group| group.rules.iter().any(tells_more));
        if with_ids().next().is_some() {
            let rules = || {
                with_ids().flat_map(|group| {
                    sorted(&group.rules, Rule::cmp).into_iter().map(|rule| rule_shape(&group.key, rule))
                })
            };
            map.serialize_entry("SecurityGroupRules", &List(rules))?;
        }
        map.serialize_entry("ManagedPrefixLists", &List(|| inventory.prefix_lists.values().map(prefix_list_shape)))?;
        map.serialize_entry("Vpcs", &List(|| inventory.vpcs.values().map(vpc_shape)))?;
        if let Some(interfaces) = &inventory.interfaces {
            let interfaces = sorted(interfaces, |a, b| (&a.owner_id, &a.id).cmp(&(&b.owner_id, &b.id)));
            map.serialize_entry(
                "NetworkInterfaces",
                &List(|| interfaces.iter().map(|interface| interface_shape(interface))),
            )?;
        }
        let users = sorted(&inventory.users, GroupUser::cmp);
        for (kind, key) in KEYS {
            let of_kind = || users.iter().filter(move |user| user.kind == kind);
            if of_kind().next().is_some() {
                map.serialize_entry(key, &List(|| of_kind().flat_map(|user| user_shapes(user))))?;
            }
        }
        let stale = sorted(&inventory.stale, StaleReference::cmp);
        if !stale.is_empty() {
            let of_groups = || stale.chunk_by(|a, b| a.group_id == b.group_id).filter_map(stale_shape);
            map.serialize_entry("StaleSecurityGroupSet", &List(of_groups))?;
        }
        let order = |a: &Coverage, b: &Coverage| {
            (&a.account_id, &a.region, a.status).cmp(&(&b.account_id, &b.region, b.status))
        };
        let coverage = sorted(&inventory.coverage, order);
        map.serialize_entry("coverage", &List(|| coverage.iter().map(|coverage| coverage_shape(coverage))))?;
        map.end()
    }
}

/// Whether a rule holds what only `SecurityGroupRules` can say.
fn tells_more(rule: &Rule) -> bool {
    !rule.id.is_empty() || !rule.tags.is_empty()
}

fn sorted<T>(list: &[T], order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<&T> {
    let mut list: Vec<&T> = list.iter().collect();
    list.sort_by(|a, b| order(a, b));
    list
}

/// A list whose entries are made one by one as they are written, so that a large inventory is not held twice.
struct List<F>(F);

impl<T: Serialize, I: Iterator<Item = T>, F: Fn() -> I> Serialize for List<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for entry in (self.0)() {
            list.serialize_element(&entry)?;
        }
        list.end()
    }
}
