//! What is put on a group that violates, for its owner to see: tags, and where an account asks for it a rule that warns and
//! admits nobody. Both are taken away once the group is clean.

use std::borrow::Cow;

use compact_str::CompactString;
use jiff::Timestamp;
use portcullis_core::finding::Evaluation;
use portcullis_core::model::{Direction, Inventory, Peer, Rule, SecurityGroup};
use portcullis_core::policy::PolicySet;
use portcullis_core::remediation::{
    Change, GroupPlan, Plan, PlannedFinding, Proof, Strategy, fingerprint, fit_description, plan, simulate,
};

/// How the description of a warning begins, by which it is known again.
const WARNING: &str = "WARNING - Security Group failed compliance check.";
/// What our tags' keys end in.
const ENDINGS: [&str; 4] = ["STATUS", "VIOLATION_COUNT", "VIOLATION_REASON", "REMEDIATED"];

fn prefix(policies: &PolicySet) -> &str {
    if policies.tag_prefix.is_empty() { "COMPLIANCE_" } else { &policies.tag_prefix }
}

fn tag(group: &SecurityGroup, key: CompactString, value: Option<&str>) -> Option<Change> {
    let before = group.tag(&key).map(CompactString::from);
    (before.as_deref() != value).then(|| Change::Tag { key, before, after: value.map(CompactString::from) })
}

/// Our tags that are on a group.
fn own_tags<'a>(group: &'a SecurityGroup, policies: &'a PolicySet) -> impl Iterator<Item = Change> + 'a {
    ENDINGS.into_iter().filter_map(|ending| tag(group, format!("{}{ending}", prefix(policies)).into(), None))
}

/// The rules that warn: for loopback, where the policy's dummy rule stands.
fn warnings(policies: &PolicySet, reason: &str) -> Vec<Rule> {
    let text = fit_description(&format!("{WARNING} Contact Security Team. Violation: {reason}"));
    let rule = |block: &portcullis_core::net::AnyCidr| Rule {
        description: text.clone().into(),
        ..Rule::new(Direction::Ingress, policies.dummy_rule.services, Peer::from(*block))
    };
    policies.dummy_rule.cidrs.iter().map(rule).collect()
}

fn is_warning(rule: &Rule) -> bool {
    rule.description.starts_with(WARNING)
}

/// What puts a warning on a group, or brings its words up to date.
pub(crate) fn warn(group: &SecurityGroup, policies: &PolicySet, reason: &str) -> Vec<Change> {
    let change = |wanted: Rule| match group.rules.iter().find(|rule| rule.identity() == wanted.identity()) {
        None => Some(Change::Authorize(wanted)),
        Some(old) if is_warning(old) && old.description != wanted.description => {
            let after = Rule { description: wanted.description, ..old.clone() };
            Some(Change::Describe { before: old.clone(), after })
        }
        // Somebody's own rule, or ours as it should be.
        Some(_) => None,
    };
    warnings(policies, reason).into_iter().filter_map(change).collect()
}

/// Whether a group is tagged as put right: such tags tell what was done to it, and stay.
pub(crate) fn is_remediated(group: &SecurityGroup, policies: &PolicySet) -> bool {
    group.tag(&remediated_key(policies)).is_some()
}

/// What takes that tag from a group that violates anew.
pub(crate) fn no_longer_remediated(group: &SecurityGroup, policies: &PolicySet) -> Option<Change> {
    tag(group, remediated_key(policies), None)
}

/// What tags a group as put right.
pub(crate) fn remediated_tag(group: &SecurityGroup, policies: &PolicySet) -> Option<Change> {
    tag(group, remediated_key(policies), Some("true"))
}

/// What sets a tag of any name.
pub(crate) fn own_tag(group: &SecurityGroup, key: &str, value: &str) -> Option<Change> {
    tag(group, key.into(), Some(value))
}

fn remediated_key(policies: &PolicySet) -> CompactString {
    format!("{}REMEDIATED", prefix(policies)).into()
}

/// What takes everything of ours from a group that is clean.
pub(crate) fn unmark(group: &SecurityGroup, policies: &PolicySet) -> Vec<Change> {
    let warnings = group.rules.iter().filter(|rule| is_warning(rule)).cloned().map(Change::Revoke);
    warnings.chain(own_tags(group, policies)).collect()
}

/// Lets a warning that stands where a lockdown leaves its rule say what that rule says.
pub(crate) fn relabel(planned: &mut GroupPlan, policies: &PolicySet, reason: &str) {
    let text = fit_description(&policies.dummy_rule.description.replace("{violation_reason}", reason));
    let goes = |rule: &Rule| planned.changes.iter().any(|change| change.before() == Some(rule));
    let stays = planned.group.rules.iter().filter(|rule| is_warning(rule) && !goes(rule));
    let describe = |rule: &Rule| Change::Describe {
        before: rule.clone(),
        after: Rule { description: text.clone().into(), ..rule.clone() },
    };
    let changes: Vec<Change> = stays.map(describe).collect();
    planned.changes.extend(changes);
}

/// What takes the warning of a group away that a plan puts right, and tags it so where it is to have `tags`, which say what
/// it was put right for.
pub(crate) fn remediated(planned: &GroupPlan, tags: Option<&[Change]>, policies: &PolicySet) -> Vec<Change> {
    let Ok(after) = simulate(&planned.group, &planned.changes) else { return Vec::new() };
    let warnings = after.rules.iter().filter(|rule| is_warning(rule)).cloned().map(Change::Revoke);
    let remediated = tags.and_then(|_| tag(&after, remediated_key(policies), Some("true")));
    warnings.chain(tags.unwrap_or_default().iter().cloned()).chain(remediated).collect()
}

/// What was read, as it is with these marks: a plan that waits must fit the group that somebody finds later.
pub(crate) fn marked<'a>(inventory: &'a Inventory, marks: &Plan) -> Cow<'a, Inventory> {
    let warned = |planned: &&GroupPlan| planned.changes.iter().any(|change| !matches!(change, Change::Tag { .. }));
    let mut marked = Cow::Borrowed(inventory);
    for planned in marks.groups.iter().filter(warned) {
        // Groups stand in the order of their keys.
        let place = inventory.groups.binary_search_by(|group| group.key.cmp(planned.key()));
        let after = simulate(&planned.group, &planned.changes);
        if let (Ok(place), Ok(after)) = (place, after)
            && let Some(own) = marked.to_mut().groups.get_mut(place)
        {
            *own = after;
        }
    }
    marked
}

/// A group's plan of tags and warnings. It needs no proof: it opens and closes nothing between hosts.
pub(crate) fn bare(group: SecurityGroup, findings: Vec<PlannedFinding>, changes: Vec<Change>) -> GroupPlan {
    GroupPlan { fingerprint: fingerprint(&group), group, findings, changes, proof: Proof::default(), needs_gap: false }
}

/// A plan of tags and warnings.
pub(crate) fn plan_of(groups: Vec<GroupPlan>) -> Plan {
    let none = plan(
        &Inventory::default(),
        &PolicySet::default(),
        &Evaluation::default(),
        &Strategy::Tag,
        Timestamp::UNIX_EPOCH,
    );
    Plan { groups, ..none }
}
