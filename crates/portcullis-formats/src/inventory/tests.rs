//! What is read of what, and what is said of everything else.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may end where it fails")]

mod bad_input;
mod examples;
mod json;
mod merging;
mod round_trip;
mod shapes;
mod users;

use portcullis_core::model::{Inventory, SecurityGroup};

use super::{ReadOptions, Source, read};

/// Reads texts under the names `a.json`, `b.json`, ….
fn read_texts(texts: &[&str]) -> Result<Inventory, String> {
    let names = 'a'..='z';
    let sources = texts.iter().zip(names).map(|(text, name)| Source::reader(format!("{name}.json"), text.as_bytes()));
    read(sources, &ReadOptions::default()).map_err(|errors| errors.to_string())
}

fn inventory(text: &str) -> Inventory {
    read_texts(&[text]).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A group with these entries of `IpPermissions`.
fn with_permissions(permissions: &str) -> String {
    format!(r#"{{"SecurityGroups": [{{"GroupId": "sg-1", "OwnerId": "1", "IpPermissions": [{permissions}]}}]}}"#)
}

/// The rules of a group as sentences, in order.
fn rules(group: &SecurityGroup) -> Vec<String> {
    group.rules.iter().map(ToString::to_string).collect()
}

/// The one group of an inventory.
fn only_group(inventory: &Inventory) -> &SecurityGroup {
    assert_eq!(inventory.groups.len(), 1, "{:?}", inventory.groups);
    &inventory.groups[0]
}

/// The same without the lines and sources, which depend on how a text is laid out.
fn without_places(mut inventory: Inventory) -> Inventory {
    inventory.sources.clear();
    for group in &mut inventory.groups {
        (group.source, group.line) = (0, 0);
        group.rules.iter_mut().for_each(|rule| rule.line = 0);
    }
    inventory
}
