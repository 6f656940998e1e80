//! The changes that lead from one state of a group to another, and what is left of changes that were interrupted.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::fingerprint::fingerprint;
use super::plan::{Change, simulate};
use crate::model::{PeerKind, Rule, SecurityGroup};

/// The fewest changes that make the rules and tags of `from` those of `to`: authorisations first, then changes in place,
/// descriptions and tags of rules, revocations, tags of the group.
///
/// A rule that comes keeps the id that it has in `to`; where ids are given anew, as on AWS, whoever makes the change
/// leaves it out. A rule changes in place only where its id stays right. The description of a group cannot be changed.
pub fn difference(from: &SecurityGroup, to: &SecurityGroup) -> Vec<Change> {
    let (mut authorize, mut modify, mut describe) = (Vec::new(), Vec::new(), Vec::new());
    let old: HashMap<_, &Rule> = from.rules.iter().rev().map(|rule| (rule.identity(), rule)).collect();
    let new: HashSet<_> = to.rules.iter().map(Rule::identity).collect();
    let mut going: Vec<&Rule> = from.rules.iter().filter(|rule| !new.contains(&rule.identity())).collect();
    let mut seen = HashSet::new();
    for rule in to.rules.iter().filter(|rule| seen.insert(rule.identity())) {
        if let Some(before) = old.get(&rule.identity()).copied() {
            describe.extend(redescribed(before, rule));
            continue;
        }
        match successor_of(&going, rule) {
            Some(place) => {
                let before = going.remove(place);
                // In place a rule keeps its tags, which may not be those that are wanted.
                let after = Rule { tags: before.tags.clone(), ..rule.clone() };
                describe.extend(redescribed(&after, rule));
                modify.push(Change::Modify { before: before.clone(), after });
            }
            None => authorize.push(Change::Authorize(rule.clone())),
        }
    }
    let revoke = going.into_iter().cloned().map(Change::Revoke);
    authorize.into_iter().chain(modify).chain(describe).chain(revoke).chain(tags(from, to)).collect()
}

/// Which of the rules that go becomes `rule`: the one with its id, or, where there are no ids, one that is half like it.
fn successor_of(going: &[&Rule], rule: &Rule) -> Option<usize> {
    let fits = |old: &Rule| {
        let half_alike = old.services == rule.services || old.peer.identity() == rule.peer.identity();
        let changeable = match rule.peer.kind() {
            PeerKind::V4 | PeerKind::V6 => true,
            PeerKind::PrefixList | PeerKind::Group => old.peer.identity() == rule.peer.identity(),
        };
        old.direction == rule.direction
            && old.peer.kind() == rule.peer.kind()
            && changeable
            && old.id == rule.id
            && (half_alike || !rule.id.is_empty())
    };
    going.iter().position(|old| fits(old))
}

/// The change of a rule's description and tags, if they differ.
fn redescribed(before: &Rule, wanted: &Rule) -> Option<Change> {
    let same = before.description == wanted.description && before.tags == wanted.tags;
    let after = Rule { description: wanted.description.clone(), tags: wanted.tags.clone(), ..before.clone() };
    (!same).then(|| Change::Describe { before: before.clone(), after })
}

fn tags(from: &SecurityGroup, to: &SecurityGroup) -> Vec<Change> {
    let keys: BTreeSet<_> = from.tags.iter().chain(&to.tags).map(|tag| &tag.key).collect();
    let change = |key: &&compact_str::CompactString| {
        let (before, after) = (from.tag(key), to.tag(key));
        (before != after).then(|| Change::Tag {
            key: (*key).clone(),
            before: before.map(Into::into),
            after: after.map(Into::into),
        })
    };
    keys.iter().filter_map(change).collect()
}

/// What is left to do of `changes` on a group that stands somewhere between `before` and their end.
///
/// `None` where it stands elsewhere: something else changed it too. The order of the changes does not matter, so any
/// number of them may have been made.
pub fn remaining(before: &SecurityGroup, now: &SecurityGroup, changes: &[Change]) -> Option<Vec<Change>> {
    let is_made = |change: &Change| match change {
        Change::Authorize(after) => holds(now, after),
        Change::Revoke(before) => !has(now, before),
        Change::Modify { before, after } => !has(now, before) && has(now, after),
        Change::Describe { after, .. } => holds(now, after),
        Change::Tag { key, after, .. } => now.tag(key) == after.as_deref(),
    };
    let (made, left): (Vec<Change>, Vec<Change>) = changes.iter().cloned().partition(is_made);
    let same = |a: &SecurityGroup, b: &SecurityGroup| fingerprint(a) == fingerprint(b);
    let reached = same(&simulate(before, &rules_only(&made)).ok()?, now);
    let ends = same(&simulate(before, &rules_only(changes)).ok()?, &simulate(now, &left).ok()?);
    (reached && ends).then_some(left)
}

/// Tags are not part of a group's state here: others may set them at any time.
fn rules_only(changes: &[Change]) -> Vec<Change> {
    changes.iter().filter(|change| !matches!(change, Change::Tag { .. })).cloned().collect()
}

fn has(group: &SecurityGroup, rule: &Rule) -> bool {
    group.rules.iter().any(|own| own.identity() == rule.identity())
}

fn holds(group: &SecurityGroup, rule: &Rule) -> bool {
    group.rules.iter().any(|own| own.identity() == rule.identity() && own.description == rule.description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::group;

    fn text(change: &Change) -> String {
        let rule = |rule: &Rule| format!("{rule} # {}", rule.description).trim_end_matches(" # ").to_owned();
        match change {
            Change::Authorize(after) => format!("+ {}", rule(after)),
            Change::Revoke(before) => format!("- {}", rule(before)),
            Change::Modify { before, after } => format!("~ {} -> {}", rule(before), rule(after)),
            Change::Describe { before, after } => format!("d {} -> {}", rule(before), rule(after)),
            Change::Tag { key, before, after } => format!("t {key} {before:?} -> {after:?}"),
        }
    }

    fn check(from: &SecurityGroup, to: &SecurityGroup, expected: &[&str]) {
        let changes = difference(from, to);
        assert_eq!(changes.iter().map(text).collect::<Vec<_>>(), expected);
        let reached = simulate(from, &changes).map(|reached| fingerprint(&reached));
        assert_eq!(reached, Ok(fingerprint(to)));
    }

    #[test]
    fn equal_groups_differ_in_nothing() {
        let one = group("sg-a", "ingress tcp 22 from 10.0.0.0/8, sg-b\negress all to 0.0.0.0/0");
        let mut other = one.clone();
        other.rules.reverse();
        check(&one, &other, &[]);
    }

    #[test]
    fn rules_come_go_change_and_are_described() {
        let from =
            group("sg-a", "ingress tcp 22 from 0.0.0.0/0 # old\ningress udp 53 from sg-b\ningress icmp all from ::/0");
        let to = group(
            "sg-a",
            "ingress tcp 22 from 10.0.0.0/8 # new\ningress tcp 1-5 from ::1/128\ningress icmp all from ::/0 # ping",
        );
        check(
            &from,
            &to,
            &[
                "+ ingress tcp 1-5 from ::1/128",
                "~ ingress tcp 22 from 0.0.0.0/0 # old -> ingress tcp 22 from 10.0.0.0/8 # new",
                "d ingress icmp all types from ::/0 -> ingress icmp all types from ::/0 # ping",
                "- ingress udp 53 from sg-b",
            ],
        );
    }

    #[test]
    fn a_rule_changes_in_place_only_where_its_id_stays_right() {
        let with_id = |text: &str, id: &str| {
            let mut group = group("sg-a", text);
            group.rules.iter_mut().for_each(|rule| rule.id = id.into());
            group
        };
        let (from, to) = ("ingress tcp 22 from 0.0.0.0/0", "ingress tcp 22 from 10.0.0.0/8");
        check(&with_id(from, "sgr-1"), &with_id(to, "sgr-1"), &[&format!("~ {from} -> {to}")]);
        check(&with_id(from, "sgr-1"), &with_id(to, "sgr-2"), &[&format!("+ {to}"), &format!("- {from}")]);
        check(&with_id(from, ""), &with_id(to, "sgr-2"), &[&format!("+ {to}"), &format!("- {from}")]);
    }

    #[test]
    fn tags_of_groups_and_rules_are_put_right() {
        let tag = |key: &str, value: &str| crate::model::Tag { key: key.into(), value: value.into() };
        let from = group("sg-a", "ingress tcp 22 from 0.0.0.0/0").tagged("a", "1").tagged("b", "1");
        let mut to = group("sg-a", "ingress tcp 22 from 10.0.0.0/8").tagged("c", "1").tagged("b", "2");
        to.rules.iter_mut().for_each(|rule| rule.tags = [tag("owner", "x")].into());
        let changes = difference(&from, &to);
        let reached = simulate(&from, &changes).unwrap_or_default();
        let sorted = |group: &SecurityGroup| (group.rules.clone(), group.tags.iter().cloned().collect::<BTreeSet<_>>());
        assert_eq!(sorted(&reached), sorted(&to));
        let tags: Vec<_> = changes.iter().map(text).filter(|text| text.starts_with('t')).collect();
        assert_eq!(tags, [r#"t a Some("1") -> None"#, r#"t b Some("1") -> Some("2")"#, r#"t c None -> Some("1")"#]);
    }

    #[test]
    fn any_part_of_the_changes_can_be_finished() {
        let from =
            group("sg-a", "ingress tcp 22 from 0.0.0.0/0\ningress tcp 23 from sg-b\ningress tcp 80 from ::/0 # web");
        let to =
            group("sg-a", "ingress tcp 22 from 10.0.0.0/8\ningress udp 1 from sg-c\ningress tcp 80 from ::/0 # site");
        let changes = difference(&from, &to);
        assert_eq!(changes.len(), 4);
        for made in 0..16_u32 {
            let part = |wanted: bool| {
                let chosen = changes.iter().enumerate().filter(move |(at, _)| (made >> at & 1 == 1) == wanted);
                chosen.map(|(_, change)| change.clone()).collect::<Vec<_>>()
            };
            let now = simulate(&from, &part(true)).unwrap_or_default();
            assert_eq!(remaining(&from, &now, &changes), Some(part(false)), "{made:04b}");
            let mut touched = now.clone();
            touched.rules.extend(crate::testing::rules("ingress tcp 8080 from 0.0.0.0/0"));
            assert_eq!(remaining(&from, &touched, &changes), None, "{made:04b}");
        }
    }
}
