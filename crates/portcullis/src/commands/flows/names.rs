//! What addresses and ids are known as, from an inventory.

use std::collections::HashMap;
use std::net::IpAddr;

use portcullis_core::model::{Inventory, NetworkInterface};
use portcullis_core::net::AddressSet;
use portcullis_flows::Field;
use portcullis_flows::key::Value;

/// Names by address and by id.
#[derive(Debug, Default)]
pub(crate) struct Names {
    addresses: HashMap<IpAddr, String>,
    interfaces: HashMap<String, String>,
    /// Prefix lists of AWS's services.
    services: Vec<(AddressSet, String)>,
}

/// What AWS calls the prefix lists of its services begins with this.
const SERVICES: &str = "com.amazonaws.";

impl Names {
    pub(crate) fn of(inventory: Option<&Inventory>) -> Self {
        let Some(inventory) = inventory else { return Self::default() };
        let groups: HashMap<&str, &str> =
            inventory.groups.iter().map(|group| (group.key.group_id.as_str(), group.name.as_str())).collect();
        let mut names = Self::default();
        for interface in inventory.interfaces.iter().flatten() {
            let Some(name) = name(interface, &groups) else { continue };
            for address in interface.addresses.iter().filter_map(|address| address.parse().ok()) {
                names.addresses.insert(address, name.clone());
            }
            names.interfaces.insert(interface.id.to_string(), name);
        }
        for list in inventory.prefix_lists.values().filter(|list| list.name.starts_with(SERVICES)) {
            if let Some(entries) = &list.entries {
                let service = list.name.rsplit('.').next().unwrap_or(&list.name);
                names.services.push((entries.clone(), service.to_owned()));
            }
        }
        names
    }

    /// What a value is known as.
    pub(crate) fn of_value(&self, field: &Field, value: &Value<'_>) -> Option<String> {
        match value {
            Value::Address(address) => self.addresses.get(address).cloned().or_else(|| {
                let of = |(set, service): &(AddressSet, String)| set.contains(*address).then(|| service.clone());
                self.services.iter().find_map(of)
            }),
            Value::Text(id) if field.name() == "interface-id" => {
                self.interfaces.get(std::str::from_utf8(id).ok()?).cloned()
            }
            _ => None,
        }
    }
}

/// What an interface is known as: its name tag, what AWS says that it is for, or its groups.
fn name(interface: &NetworkInterface, groups: &HashMap<&str, &str>) -> Option<String> {
    let tag = interface.tags.iter().find(|tag| tag.key == "Name" && !tag.value.is_empty());
    if let Some(tag) = tag {
        return Some(tag.value.to_string());
    }
    if !interface.description.is_empty() {
        return Some(interface.description.to_string());
    }
    let names: Vec<&str> =
        interface.group_ids.iter().map(|id| groups.get(id.as_str()).copied().unwrap_or(id.as_str())).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
