//! Suggestions as a plan.

use std::collections::BTreeSet;

use super::Suggestion;
use crate::model::{Inventory, NetworkInterface, Peer, Rule, SecurityGroup};
use crate::policy::PolicySet;
use crate::remediation::{Environments, Plan, Strategy, Unfixable, plan_change};
use crate::usage::members::Members;
use crate::usage::rulebook::Rulebook;

/// The changes that make today's rules those that are suggested; groups that stay as they are are left out.
///
/// The plan carries the addresses of the groups that take the place of addresses, on which its proof rests.
pub fn plan(inventory: &Inventory, rulebook: &Rulebook<'_>, suggestions: &[Suggestion]) -> Plan {
    let members = Members::of(inventory);
    let mut around = Inventory::default();
    let mut named: BTreeSet<&str> = BTreeSet::new();
    let mut changed: Vec<(&SecurityGroup, SecurityGroup)> = Vec::new();
    for suggestion in suggestions {
        let Some(group) = rulebook.group(suggestion.group) else { continue };
        let rules = suggestion.rules.iter().map(|suggested| suggested.rule.clone()).collect();
        changed.push((group, SecurityGroup { rules, ..group.clone() }));
        let vpc = inventory.vpcs.get(&group.vpc_id);
        around.vpcs.extend(vpc.map(|vpc| (vpc.id.clone(), vpc.clone())));
        for rule in &group.rules {
            if let Peer::PrefixList(id) = &rule.peer {
                around.prefix_lists.extend(inventory.prefix_lists.get(id).map(|list| (id.clone(), list.clone())));
            }
        }
        for suggested in &suggestion.rules {
            let is_within = |rule: &Rule| {
                let (own, wider) = (suggested.rule.services.interval(), rule.services.interval());
                rule.direction == suggested.rule.direction
                    && rule.peer.identity() == suggested.rule.peer.identity()
                    && wider.contains(own)
            };
            if let Peer::Group(reference) = &suggested.rule.peer
                && !group.rules.iter().any(is_within)
            {
                named.insert(&reference.id);
            }
        }
    }
    if !named.is_empty() {
        let addresses = |id: &str| members.addresses(id).map(crate::net::AddressSet::cidrs).unwrap_or_default();
        let member = |id: &&str| NetworkInterface {
            group_ids: vec![(*id).into()],
            prefixes: addresses(id).iter().map(|block| block.to_string().into()).collect(),
            ..NetworkInterface::default()
        };
        around.interfaces = Some(named.iter().map(member).collect());
    }
    let policies = PolicySet::default();
    let groups =
        changed.iter().filter_map(|(group, after)| plan_change(&around, &policies, &Strategy::Suggest, group, after));
    let groups = groups.collect();
    let unfixable: Vec<Unfixable> = Vec::new();
    Plan {
        strategy: Strategy::Suggest,
        dummy_rules: Vec::new(),
        controls: Vec::new(),
        environments: Environments::default(),
        groups,
        unfixable,
        around,
    }
}
