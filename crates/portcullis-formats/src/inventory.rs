//! Inventories: what the AWS CLI and AWS Config print, and our own snapshots, as one [`Inventory`].
//!
//! The way of a byte: a [`Source`] is opened (and decompressed), cut into elements that stand for themselves
//! (`split`), each of which is understood on some thread (`pool`, `element`, and one file for each shape) straight
//! into the model; `merge` makes one inventory of what all sources tell. At no time more than a few megabytes of the
//! text are in memory.

mod config_item;
mod element;
mod error;
mod group;
mod group_rule;
mod json;
mod merge;
mod permission;
mod pool;
mod source;
mod split;
mod surroundings;
mod users;
mod write;

#[cfg(test)]
mod tests;

use std::thread;

use portcullis_core::model::Inventory;

pub use error::{ReadError, ReadErrors};
pub use merge::may_be_one;
pub use source::Source;
pub use write::{canonical, write, write_as, write_gzip};

use crate::diagnostics::io_message;
use element::Gathered;
use error::Place;
use pool::Pool;
use split::Splitter;

/// The Region of a group of which neither the source nor the user tells it.
pub const UNKNOWN_REGION: &str = "unknown";

/// How to read what a source leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The Region of groups that do not tell their own.
    pub region: Option<String>,
}

/// Reads sources as one inventory.
///
/// Recognised by content, whatever the name: one JSON document, one a line, or any number one after another, plain or
/// gzip, with any of the keys `SecurityGroups`, `SecurityGroupRules`, `Vpcs`, `ManagedPrefixLists`, `PrefixLists`,
/// `NetworkInterfaces`, `LaunchTemplateVersions`, `LoadBalancers`, `Functions`, `DBInstances`,
/// `SecurityGroupReferenceSet`, `StaleSecurityGroupSet`, `configurationItems`, `configurationItem`, and lists of such documents.
///
/// # Errors
///
/// All that is wrong with the sources, up to a number, each with file, line and column. What two sources tell
/// differently of one group is no error: the group stands once, as unreadable.
pub fn read<'a>(sources: impl IntoIterator<Item = Source<'a>>, options: &ReadOptions) -> Result<Inventory, ReadErrors> {
    let region = options.region.as_deref().unwrap_or(UNKNOWN_REGION);
    let mut names = Vec::new();
    let mut gathered = thread::scope(|scope| {
        let mut pool = Pool::new(scope, region);
        let mut errors = ReadErrors::default();
        for source in sources {
            read_source(source, &mut pool, &mut errors, &mut names);
        }
        let mut gathered: Gathered = pool.finish();
        gathered.errors.merge(errors);
        gathered
    });
    let errors = std::mem::take(&mut gathered.errors).finish(&names);
    if errors.is_empty() { Ok(merge::inventory(gathered, names)) } else { Err(errors) }
}

fn read_source(source: Source<'_>, pool: &mut Pool<'_, '_>, errors: &mut ReadErrors, names: &mut Vec<String>) {
    let place =
        |names: &Vec<String>| Place { source: u32::try_from(names.len()).unwrap_or(u32::MAX), line: 0, column: 0 };
    match source.expand() {
        Ok(files) => {
            for file in files {
                let place = place(names);
                names.push(file.name());
                match file.open() {
                    Ok(reader) => Splitter::new(place.source, reader, errors, |batch| pool.submit(batch)).run(),
                    Err(error) => errors.add(|| place, &format!("cannot be read: {}", io_message(&error))),
                }
            }
        }
        Err((name, message)) => {
            errors.add(|| place(names), &message);
            names.push(name);
        }
    }
}
