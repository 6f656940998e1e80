//! What several sources tell of one prefix list, VPC or interface: always what makes no verdict milder than it may be.

use std::collections::BTreeMap;
use std::mem;

use compact_str::CompactString;
use portcullis_core::model::{GroupUser, NetworkInterface, PrefixList, Vpc};

use super::take_text;

/// Lists that differ in their entries are known in neither version, which makes verdicts unknown.
pub(super) fn unite_prefix_lists(mut lists: Vec<PrefixList>) -> BTreeMap<CompactString, PrefixList> {
    // By all that may differ, so that the order in which threads read them does not show.
    let order = |list: &PrefixList| (list.id.clone(), list.entries.is_none(), list.name.clone(), list.owner_id.clone());
    lists.sort_by_cached_key(order);
    lists.dedup_by(|later, first| {
        if later.id != first.id {
            return false;
        }
        if later.entries.is_some() && later.entries != first.entries {
            first.entries = None;
        }
        first.family = first.family.or(later.family);
        first.max_entries = first.max_entries.max(later.max_entries);
        for (text, other) in [
            (&mut first.name, &mut later.name),
            (&mut first.owner_id, &mut later.owner_id),
            (&mut first.region, &mut later.region),
        ] {
            take_text(text, mem::take(other));
        }
        true
    });
    lists.into_iter().map(|list| (list.id.clone(), list)).collect()
}

/// Of VPCs that differ only the addresses that all sources give them are taken for theirs: the others may be public.
pub(super) fn unite_vpcs(vpcs: Vec<Vpc>) -> BTreeMap<CompactString, Vpc> {
    let mut united = BTreeMap::<CompactString, Vpc>::new();
    for vpc in vpcs {
        match united.get_mut(&vpc.id) {
            Some(known) => {
                if known.addresses != vpc.addresses {
                    known.addresses = known.addresses.intersection(&vpc.addresses);
                }
                take_text(&mut known.owner_id, vpc.owner_id);
            }
            None => {
                united.insert(vpc.id.clone(), vpc);
            }
        }
    }
    united
}

/// Of interfaces that differ the groups of all sources count, so that none is called unused that one of them uses.
pub(super) fn unite_interfaces(mut interfaces: Vec<NetworkInterface>) -> Vec<NetworkInterface> {
    let key = |interface: &NetworkInterface| (interface.owner_id.clone(), interface.id.clone());
    interfaces.sort_by(|a, b| {
        let rest = |interface: &NetworkInterface| (interface.group_ids.clone(), interface.description.clone());
        (&a.owner_id, &a.id).cmp(&(&b.owner_id, &b.id)).then_with(|| rest(a).cmp(&rest(b)))
    });
    interfaces.dedup_by(|later, first| {
        let same = key(later) == key(first);
        if same {
            for id in mem::take(&mut later.group_ids) {
                if !first.group_ids.contains(&id) {
                    first.group_ids.push(id);
                }
            }
        }
        same
    });
    interfaces
}

/// The versions of a launch template, and whatever several sources tell of one thing, use their groups together.
pub(super) fn unite_users(mut users: Vec<GroupUser>) -> Vec<GroupUser> {
    users.sort();
    users.dedup_by(|later, first| {
        let same = (later.kind, &later.id, &later.name) == (first.kind, &first.id, &first.name);
        if same {
            first.group_ids.append(&mut later.group_ids);
            first.group_names.append(&mut later.group_names);
        }
        same
    });
    for user in &mut users {
        for list in [&mut user.group_ids, &mut user.group_names] {
            list.sort();
            list.dedup();
        }
    }
    users
}
