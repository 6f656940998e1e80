//! One inventory of what many sources tell.
//!
//! What is told twice in the same words stands once. What one source merely lacks, the other supplies. Where two tell
//! different things of one group, neither is believed: the group stands as unreadable, with the reason.

mod around;

use std::cmp::Ordering;
use std::collections::HashMap;

use compact_str::CompactString;
use portcullis_core::model::{GroupKey, GroupReference, Inventory, Peer, Rule, SecurityGroup};

use self::around::{unite_interfaces, unite_prefix_lists, unite_users, unite_vpcs};
use super::UNKNOWN_REGION;
use super::config_item::Item;
use super::element::{Gathered, LooseRule};
use super::group::NO_RULES_TOLD;

/// Puts together what was read from `sources`.
pub(super) fn inventory(gathered: Gathered, sources: Vec<String>) -> Inventory {
    let Gathered { mut groups, rules, items, vpcs, prefix_lists, interfaces, has_interfaces, .. } = gathered;
    let Gathered { users, mut stale, mut coverage, .. } = gathered;
    groups.extend(newest(items));
    sort(&mut groups);
    unite_equal_keys(&mut groups, &sources);
    unite_partly_known(&mut groups, &sources);
    let has_rule_ids = rules.iter().any(|loose| !loose.rule.id.is_empty());
    if !rules.is_empty() {
        add_rules(&mut groups, rules, &sources);
    }
    coverage.sort_by(|a, b| (&a.account_id, &a.region, a.status).cmp(&(&b.account_id, &b.region, b.status)));
    coverage.dedup();
    stale.sort();
    stale.dedup();
    Inventory {
        groups,
        prefix_lists: unite_prefix_lists(prefix_lists),
        vpcs: unite_vpcs(vpcs),
        interfaces: has_interfaces.then(|| unite_interfaces(interfaces)),
        users: unite_users(users),
        stale,
        coverage,
        sources,
        has_rule_ids,
    }
}

/// The groups as the newest item of each tells them.
fn newest(mut items: Vec<Item>) -> Vec<SecurityGroup> {
    items.sort_by(|a, b| a.key.cmp(&b.key).then(b.captured.cmp(&a.captured)));
    let mut groups: Vec<SecurityGroup> = Vec::new();
    let mut current = None;
    for item in items {
        let time = (item.key, item.captured);
        match &current {
            Some((key, captured)) if *key == time.0 && *captured != time.1 => continue,
            _ => groups.extend(item.group),
        }
        current = Some(time);
    }
    groups
}

fn sort(groups: &mut [SecurityGroup]) {
    let order = |a: &SecurityGroup, b: &SecurityGroup| {
        a.key.cmp(&b.key).then_with(|| (a.source, a.line).cmp(&(b.source, b.line)))
    };
    if !groups.is_sorted_by(|a, b| order(a, b) != Ordering::Greater) {
        groups.sort_unstable_by(order);
    }
}

fn unite_equal_keys(groups: &mut Vec<SecurityGroup>, sources: &[String]) {
    groups.dedup_by(|later, first| {
        let same = later.key == first.key;
        if same {
            unite(first, std::mem::take(later), sources);
        }
        same
    });
}

/// A group of which one source tells account or Region and another does not is one group: ids do not repeat.
fn unite_partly_known(groups: &mut Vec<SecurityGroup>, sources: &[String]) {
    let vague = |key: &GroupKey| key.account_id.is_empty() || key.region == UNKNOWN_REGION;
    let open = |key: &GroupKey| (key.account_id.is_empty(), key.region == UNKNOWN_REGION);
    let first = groups.first().map(|group| open(&group.key));
    if groups.iter().all(|group| Some(open(&group.key)) == first) {
        // All tell as much, and keys that tell as much are one group's only where they are equal.
        return;
    }
    let mut others: Vec<SecurityGroup> = groups.extract_if(.., |group| vague(&group.key)).collect();
    // What is known best comes first, so that the rest finds it.
    others.sort_by_key(|group| {
        usize::from(group.key.account_id.is_empty()) + usize::from(group.key.region == UNKNOWN_REGION)
    });
    let mut by_id: HashMap<CompactString, Vec<usize>> =
        others.iter().map(|group| (group.key.group_id.clone(), Vec::new())).collect();
    for (index, group) in groups.iter().enumerate() {
        if let Some(indices) = by_id.get_mut(&group.key.group_id) {
            indices.push(index);
        }
    }
    for group in others {
        let candidates = by_id.entry(group.key.group_id.clone()).or_default();
        let fits = |index: &&usize| groups.get(**index).is_some_and(|known| may_be_one(&known.key, &group.key));
        let mut fitting = candidates.iter().filter(fits);
        match (fitting.next().copied(), fitting.next()) {
            (Some(index), None) => {
                if let Some(known) = groups.get_mut(index) {
                    let key = fuller(&known.key, &group.key);
                    unite(known, group, sources);
                    known.key = key;
                }
            }
            _ => {
                candidates.push(groups.len());
                groups.push(group);
            }
        }
    }
    sort(groups);
}

/// Whether two keys can be of one group: ids do not repeat, and what a source does not tell is left open.
pub fn may_be_one(a: &GroupKey, b: &GroupKey) -> bool {
    let account = a.account_id == b.account_id || a.account_id.is_empty() || b.account_id.is_empty();
    let region = a.region == b.region || a.region == UNKNOWN_REGION || b.region == UNKNOWN_REGION;
    a.group_id == b.group_id && account && region
}

fn fuller(a: &GroupKey, b: &GroupKey) -> GroupKey {
    let (account, region) = (a.account_id.is_empty(), a.region == UNKNOWN_REGION);
    GroupKey {
        account_id: if account { b } else { a }.account_id.clone(),
        region: if region { b } else { a }.region.clone(),
        group_id: a.group_id.clone(),
    }
}

/// Adds what `other` tells of `group`, or says that they contradict each other.
fn unite(group: &mut SecurityGroup, other: SecurityGroup, sources: &[String]) {
    let places = [(group.source, group.line), (other.source, other.line)];
    let told = |group: &SecurityGroup| group.unreadable.as_deref() != Some(NO_RULES_TOLD);
    if group.unreadable.is_some() && told(group) {
        // Nothing can be said of it, but its rules may still get their ids.
        unite_rules(&mut group.rules, other.rules);
        return;
    }
    if other.unreadable.is_some() && told(&other) {
        group.unreadable = other.unreadable;
        return;
    }
    let mut differs = Vec::new();
    if !take_text(&mut group.name, other.name) {
        differs.push("name");
    }
    if group.description.is_empty() {
        group.description = other.description;
    } else if !other.description.is_empty() && group.description != other.description {
        differs.push("description");
    }
    if !take_text(&mut group.vpc_id, other.vpc_id) {
        differs.push("VPC");
    }
    if group.tags.is_empty() {
        group.tags = other.tags;
    } else if !other.tags.is_empty() {
        let (mut a, mut b) = (group.tags.clone(), other.tags);
        a.sort();
        b.sort();
        if a != b {
            differs.push("tags");
        }
    }
    if other.unreadable.is_none() {
        if group.unreadable.is_some() {
            group.unreadable = None;
            group.rules = in_source(other.rules, other.source, group.source);
        } else if !unite_rules(&mut group.rules, other.rules) {
            differs.push("rules");
        }
    }
    if !differs.is_empty() {
        group.unreadable = Some(contradiction(places, &differs, sources).into_boxed_str());
    }
}

/// Rules keep their lines only beside the source that the lines are of.
fn in_source(mut rules: Vec<Rule>, source: u32, of_group: u32) -> Vec<Rule> {
    if source != of_group {
        rules.iter_mut().for_each(|rule| rule.line = 0);
    }
    rules
}

fn contradiction(places: [(u32, u32); 2], differs: &[&str], sources: &[String]) -> String {
    let name = |source: u32| sources.get(source as usize).map_or("?", String::as_str);
    let [(first, line), (second, other_line)] = places;
    let what = differs.join(", ");
    if first == second {
        return format!("`{}` tells different things of it on lines {line} and {other_line}: {what}", name(first));
    }
    format!("`{}` and `{}` tell different things of it: {what}", name(first), name(second))
}

/// Fills in a text that is not known; `false` where both are known and differ.
fn take_text(text: &mut CompactString, other: CompactString) -> bool {
    if text.is_empty() {
        *text = other;
        return true;
    }
    other.is_empty() || *text == other
}

/// What sorts equal rules of two sources to the same place, and does not depend on what one source may leave out.
fn rule_order(a: &Rule, b: &Rule) -> Ordering {
    let shape = |rule: &Rule| (rule.direction, rule.services, rule.peer.kind());
    let peers = || match (&a.peer, &b.peer) {
        (Peer::Group(a), Peer::Group(b)) => group_identity(a).cmp(group_identity(b)),
        (a, b) => a.cmp(b),
    };
    shape(a).cmp(&shape(b)).then_with(peers).then_with(|| a.description.cmp(&b.description))
}

/// The id of a referenced group, or its name where EC2-Classic knew it by that.
fn group_identity(group: &GroupReference) -> &str {
    if group.id.is_empty() { &group.name } else { &group.id }
}

/// Adds ids, rule tags and details of peers from equal rules; `false`, with nothing changed that matters, where the
/// rules are not the same ones.
fn unite_rules(rules: &mut [Rule], others: Vec<Rule>) -> bool {
    if rules.len() != others.len() {
        return false;
    }
    let mut order: Vec<&mut Rule> = rules.iter_mut().collect();
    order.sort_by(|a, b| rule_order(a, b));
    let mut others = others;
    others.sort_by(rule_order);
    order.into_iter().zip(others).fold(true, |same, (rule, other)| same & unite_rule(rule, other))
}

fn unite_rule(rule: &mut Rule, other: Rule) -> bool {
    if rule_order(rule, &other) != Ordering::Equal || !take_text(&mut rule.id, other.id) {
        return false;
    }
    if rule.tags.is_empty() {
        rule.tags = other.tags;
    } else if !other.tags.is_empty() && rule.tags != other.tags {
        return false;
    }
    let (Peer::Group(reference), Peer::Group(other)) = (&mut rule.peer, other.peer) else { return true };
    let GroupReference { account, name, vpc_id, peering_id, .. } = *other;
    take_text(&mut reference.account, account)
        & take_text(&mut reference.name, name)
        & take_text(&mut reference.vpc_id, vpc_id)
        & take_text(&mut reference.peering_id, peering_id)
}

/// Gives the rules of `SecurityGroupRules` to their groups, and makes groups of those whose group is not told.
fn add_rules(groups: &mut Vec<SecurityGroup>, mut rules: Vec<LooseRule>, sources: &[String]) {
    rules.sort_unstable_by(|a, b| {
        let key = |loose: &LooseRule| (loose.source, loose.rule.line);
        a.group_id.cmp(&b.group_id).then_with(|| key(a).cmp(&key(b)))
    });
    let mut by_id: Vec<usize> = (0..groups.len()).collect();
    by_id.sort_unstable_by(|a, b| id_of(groups, *a).cmp(id_of(groups, *b)));
    let known = groups.len();
    let mut rules = rules.into_iter().peekable();
    while let Some(first) = rules.next() {
        let id = first.group_id.clone();
        let mut of_id = vec![first];
        while let Some(next) = rules.next_if(|next| next.group_id == id) {
            of_id.push(next);
        }
        let start = by_id.partition_point(|index| id_of(groups, *index) < id.as_str());
        let candidates: Vec<usize> =
            by_id.iter().skip(start).copied().take_while(|index| id_of(groups, *index) == id).collect();
        for made in from_rules(of_id, sources) {
            let mut fitting = candidates
                .iter()
                .filter(|index| groups.get(**index).is_some_and(|group| may_be_one(&group.key, &made.key)));
            match (fitting.next().copied(), fitting.next()) {
                (Some(index), None) => {
                    if let Some(group) = groups.get_mut(index) {
                        let key = fuller(&group.key, &made.key);
                        unite(group, made, sources);
                        group.key = key;
                    }
                }
                _ => groups.push(made),
            }
        }
    }
    if groups.len() > known {
        sort(groups);
    }
}

fn id_of(groups: &[SecurityGroup], index: usize) -> &str {
    groups.get(index).map_or("", |group| &group.key.group_id)
}

/// Groups of rules of one group id: one, unless accounts or Regions differ.
fn from_rules(rules: Vec<LooseRule>, sources: &[String]) -> Vec<SecurityGroup> {
    let mut groups: Vec<SecurityGroup> = Vec::new();
    for loose in rules {
        let key = GroupKey { account_id: loose.account_id, region: loose.region, group_id: loose.group_id };
        let line = loose.rule.line;
        let rules = vec![loose.rule];
        match groups.iter_mut().find(|group| may_be_one(&group.key, &key)) {
            Some(group) => {
                group.key = fuller(&group.key, &key);
                group.rules.extend(in_source(rules, loose.source, group.source));
            }
            None => groups.push(SecurityGroup { key, rules, source: loose.source, line, ..SecurityGroup::default() }),
        }
    }
    for group in &mut groups {
        let mut contradicts = false;
        group.rules.sort_by(rule_order);
        group.rules.dedup_by(|later, first| {
            let same = later.identity() == first.identity();
            contradicts |= same && !unite_rule(first, later.clone());
            same
        });
        let mut ids: Vec<&str> = group.rules.iter().map(|rule| rule.id.as_str()).filter(|id| !id.is_empty()).collect();
        ids.sort_unstable();
        contradicts |= !ids.is_sorted_by(|a, b| a < b);
        if contradicts {
            let name = sources.get(group.source as usize).map_or("?", String::as_str);
            let reason =
                format!("`SecurityGroupRules` tells different things of one rule of it, in `{name}` or after it");
            group.unreadable = Some(reason.into_boxed_str());
        }
    }
    groups
}
