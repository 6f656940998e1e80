//! What is around a repository's groups, as far as observed traffic needs it: who else may let a flow in, and whom the
//! groups that rules name stand for.

use std::collections::BTreeSet;

use portcullis_cloud::api::GroupFilter;
use portcullis_cloud::shapes::{NetworkInterface, WholeGroup};
use portcullis_core::model::{Inventory, Peer, Rule, SecurityGroup};
use portcullis_rules::RuleSet;

use super::{Result, Site};

/// How many ids one filter takes ("Values of a filter", Amazon EC2 API Reference).
const FILTER_VALUES: usize = 200;

impl Site {
    /// A repository's groups as they were read, with their interfaces, the other groups on those, the members of the
    /// groups that any of their rules or of the files' name, and prefix lists.
    ///
    /// # Errors
    /// Where something of it cannot be read: what is not known would make a connection that is cut look safe.
    pub fn surroundings(&self, live: &Inventory, rules: &RuleSet) -> Result<Inventory> {
        let known: BTreeSet<String> = live.groups.iter().map(|group| group.key.group_id.to_string()).collect();
        let own_interfaces = self.interfaces(&known)?;
        let on_them = own_interfaces.iter().flat_map(|interface| &interface.groups).map(|group| group.group_id.clone());
        let beside: BTreeSet<String> = on_them.filter(|id| !known.contains(id)).collect();
        let mut described = self.described_all(&beside)?;
        let account = live.groups.first().map_or("", |group| group.key.account_id.as_str());
        let of_others = self.understood(&described, &[], None)?;
        let all = || {
            let live_rules = live.groups.iter().chain(&of_others.groups).flat_map(|group: &SecurityGroup| &group.rules);
            live_rules.chain(&rules.rules)
        };
        let named: BTreeSet<String> = all().filter_map(|rule| group_at_home(rule, account)).collect();
        let mut interfaces = own_interfaces;
        interfaces.extend(self.interfaces(&named.difference(&known).cloned().collect())?);
        interfaces.sort_by(|a, b| a.network_interface_id.cmp(&b.network_interface_id));
        interfaces.dedup_by(|a, b| a.network_interface_id == b.network_interface_id);
        // A group that was read and is on no interface has no members; of one that was not read nobody knows.
        let unread = named.iter().filter(|id| !known.contains(*id) && !beside.contains(*id)).cloned().collect();
        described.extend(self.described_all(&unread)?);
        let lists: BTreeSet<String> = all().filter_map(list_of).collect();
        let lists = self.prefix_lists(&lists.into_iter().collect::<Vec<_>>())?;
        let around = self.understood(&described, &lists, Some(&interfaces))?;
        Ok(Inventory::merged([Inventory { groups: live.groups.clone(), ..Inventory::default() }, around]))
    }

    fn interfaces(&self, groups: &BTreeSet<String>) -> Result<Vec<NetworkInterface>> {
        let ids: Vec<String> = groups.iter().cloned().collect();
        let mut found = Vec::new();
        for ids in ids.chunks(FILTER_VALUES) {
            let ec2 = self.ec2()?;
            found.extend(self.all("ec2:DescribeNetworkInterfaces", |next| ec2.interfaces(ids, next))?);
        }
        Ok(found)
    }

    fn described_all(&self, groups: &BTreeSet<String>) -> Result<Vec<WholeGroup>> {
        let ids: Vec<String> = groups.iter().cloned().collect();
        let mut found = Vec::new();
        for ids in ids.chunks(FILTER_VALUES) {
            found.extend(self.described(&GroupFilter { ids: ids.to_vec(), ..GroupFilter::default() })?);
        }
        Ok(found)
    }
}

/// The group that a rule names, where it is one of the account's own: those of others cannot be looked up from here.
fn group_at_home(rule: &Rule, account: &str) -> Option<String> {
    match &rule.peer {
        Peer::Group(group) if group.account.is_empty() || group.account == account => {
            Some(group.id.to_string()).filter(|id| !id.is_empty())
        }
        _ => None,
    }
}

/// The prefix list that a rule names.
pub(super) fn list_of(rule: &Rule) -> Option<String> {
    match &rule.peer {
        Peer::PrefixList(id) => Some(id.to_string()),
        _ => None,
    }
}
