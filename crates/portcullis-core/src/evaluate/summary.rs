//! What is told of findings together: which imply which, which are exempt, how frameworks and coverage stand.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use compact_str::CompactString;
use jiff::Timestamp;

use crate::finding::{Finding, ItemStatus, Status};
use crate::model::{Coverage, CoverageStatus, Inventory, SecurityGroup};
use crate::policy::{ControlKind, EnforcementLevel, ExemptedRules, Exemption, ExemptionTarget, PolicySet, Severity};

/// Marks the findings of one group whose traffic lies wholly within that of a broader one, at least as severe, of the same
/// direction and status. Of equal traffic the more severe is the broader, then the control that speaks of more services,
/// then the one that comes first.
pub(crate) fn mark_implied(findings: &mut [Finding], policies: &PolicySet) {
    if findings.len() < 2 {
        return;
    }
    let mut entries: Vec<Entry<'_>> =
        findings.iter().enumerate().map(|(place, finding)| Entry::of(place, finding, policies)).collect();
    entries.retain(|entry| !entry.finding.traffic.is_empty());
    if entries.len() < 2 {
        return;
    }
    // What is broader has no fewer services, so it mostly comes first, and few remain to be compared with.
    entries.sort_by_key(|entry| Reverse((entry.measure, entry.severity, entry.scope, Reverse(entry.place))));
    let mut tops: Vec<&Entry<'_>> = Vec::new();
    for entry in &entries {
        if !tops.iter().any(|top| entry.is_within(top)) {
            tops.retain(|top| !top.is_within(entry));
            tops.push(entry);
        }
    }
    // Of several the broadest; the id only makes the choice the same in any order.
    let broadest = |entry: &Entry<'_>| {
        let broader = tops.iter().filter(|top| entry.is_within(top));
        broader.max_by_key(|top| (top.measure, &top.finding.id)).map(|top| (entry.place, top.finding.id.clone()))
    };
    let marks: Vec<(usize, CompactString)> = entries.iter().filter_map(broadest).collect();
    for (place, id) in marks {
        findings.get_mut(place).into_iter().for_each(|finding| finding.implied_by = Some(id.clone()));
    }
}

/// A finding on traffic with what decides whether it is the broader of two.
struct Entry<'a> {
    finding: &'a Finding,
    place: usize,
    /// How many services it is about.
    measure: u128,
    severity: Severity,
    /// How many services its control speaks of.
    scope: u128,
}

impl<'a> Entry<'a> {
    fn of(place: usize, finding: &'a Finding, policies: &PolicySet) -> Self {
        let scope = match policies.control(finding).map(|control| &control.kind) {
            Some(ControlKind::Traffic(rule)) => rule.services.measure(),
            _ => 0,
        };
        let segments = finding.traffic.segments().iter();
        let measure = segments.map(|segment| segment.services.measure()).sum();
        Self { finding, place, measure, severity: policies.severity(finding), scope }
    }

    fn is_within(&self, other: &Self) -> bool {
        let (small, large) = (self.finding, other.finding);
        let comparable = self.place != other.place
            && small.status == large.status
            && small.direction == large.direction
            && self.severity <= other.severity
            && self.measure <= other.measure;
        if !comparable || !small.traffic.is_subset(&large.traffic) {
            return false;
        }
        let rank = |entry: &Self| (entry.severity, entry.scope, Reverse(entry.place));
        small.traffic != large.traffic || rank(self) < rank(other)
    }
}

/// Marks the findings of a group that could not be read: they all say the same, so of each status one speaks for all.
pub(crate) fn mark_unreadable(findings: &mut [Finding]) {
    let mut first: BTreeMap<Status, CompactString> = BTreeMap::new();
    for finding in findings.iter_mut().filter(|finding| finding.status != Status::Pass) {
        match first.get(&finding.status) {
            Some(id) => finding.implied_by = Some(id.clone()),
            None => _ = first.insert(finding.status, finding.id.clone()),
        }
    }
}

/// Which exemptions were met, for the report on those that were not.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExemptionUse {
    used: BTreeSet<usize>,
    expired: BTreeSet<usize>,
}

/// Whether an exemption speaks of a finding, apart from its expiry.
fn covers(exemption: &Exemption, group: &SecurityGroup, control_id: &str, rule_id: Option<&str>) -> bool {
    let target = match &exemption.target {
        ExemptionTarget::Group(id) => *id == group.key.group_id,
        ExemptionTarget::Account(id) => *id == group.key.account_id,
    };
    target
        && match &exemption.rules {
            ExemptedRules::All => true,
            ExemptedRules::Only(ids) => ids.contains(control_id) || rule_id.is_some_and(|id| ids.contains(id)),
        }
}

impl ExemptionUse {
    /// Exempts the findings of one group that an exemption in force covers.
    pub(crate) fn apply(
        &mut self,
        findings: &mut [Finding],
        group: &SecurityGroup,
        policies: &PolicySet,
        now: Timestamp,
    ) {
        for finding in findings {
            let Some(control) = policies.control(finding) else { continue };
            if finding.status == Status::Pass {
                continue;
            }
            for (index, exemption) in policies.exemptions.iter().enumerate() {
                if !covers(exemption, group, &control.id, control.rule_id.as_deref()) {
                    continue;
                }
                if exemption.expires.is_some_and(|end| end <= now) {
                    self.expired.insert(index);
                } else {
                    self.used.insert(index);
                    if finding.status != Status::Exempt {
                        finding.status = Status::Exempt;
                        finding.exemption = Some(index);
                    }
                }
            }
        }
    }

    /// Takes over what another part of the inventory used.
    pub(crate) fn merge(&mut self, other: Self) {
        self.used.extend(other.used);
        self.expired.extend(other.expired);
    }

    /// Exemptions that have expired, and those in force that match nothing.
    pub(crate) fn report(self, policies: &PolicySet, now: Timestamp) -> (Vec<usize>, Vec<usize>) {
        let expired = |exemption: &Exemption| exemption.expires.is_some_and(|end| end <= now);
        let unused = policies.exemptions.iter().enumerate().filter(|(index, exemption)| {
            !self.used.contains(index) && !self.expired.contains(index) && !expired(exemption)
        });
        let unused = unused.map(|(index, _)| index).collect();
        let lapsed = policies.exemptions.iter().enumerate().filter(|(_, exemption)| expired(exemption));
        (lapsed.map(|(index, _)| index).collect(), unused)
    }
}

/// Whether the policy leaves this account out.
pub(crate) fn is_disabled(group: &SecurityGroup, policies: &PolicySet) -> bool {
    let account = policies.accounts.get(&group.key.account_id);
    account.is_some_and(|account| account.level == Some(EnforcementLevel::Disabled))
}

/// What is counted of an account and Region.
#[derive(Default)]
struct Tally<'a> {
    groups: usize,
    unreadable: usize,
    disabled: bool,
    reason: Option<&'a str>,
}

/// Accounts and Regions: what the sources say, and for the others how many groups were read.
pub(crate) fn coverage(inventory: &Inventory, policies: &PolicySet) -> Vec<Coverage> {
    let mut rows: BTreeMap<(CompactString, CompactString), Coverage> = BTreeMap::new();
    for row in &inventory.coverage {
        rows.insert((row.account_id.clone(), row.region.clone()), row.clone());
    }
    let mut counts: HashMap<(&str, &str), Tally<'_>> = HashMap::new();
    // Groups of one place are neighbours, so that a place is looked up once.
    let of_one_place =
        |a: &SecurityGroup, b: &SecurityGroup| a.key.account_id == b.key.account_id && a.key.region == b.key.region;
    for run in inventory.groups.chunk_by(of_one_place) {
        let Some(first) = run.first() else { continue };
        let tally = counts.entry((&first.key.account_id, &first.key.region)).or_default();
        tally.groups += run.len();
        tally.disabled |= is_disabled(first, policies);
        for reason in run.iter().filter_map(|group| group.unreadable.as_deref()) {
            tally.unreadable += 1;
            tally.reason = tally.reason.or(Some(reason));
        }
    }
    for ((account, region), Tally { groups, unreadable, disabled, reason }) in counts {
        let row = rows.entry((account.into(), region.into())).or_insert_with(|| Coverage {
            account_id: account.into(),
            region: region.into(),
            ..Coverage::default()
        });
        row.groups = if disabled { 0 } else { groups };
        if disabled {
            row.status = CoverageStatus::Disabled;
        } else if unreadable > 0 {
            row.status = CoverageStatus::Partial;
            row.error =
                row.error.take().or_else(|| reason.map(|reason| format!("{unreadable} of {groups} groups: {reason}")));
        }
    }
    rows.into_values().collect()
}

/// The status of every item of the frameworks: what the findings of its controls come to.
///
/// `judged` says whether a control was judged at all; `unread` that some account or Region was not read whole, so that
/// nothing that was found clean is sure to be.
pub(crate) fn framework_items(
    findings: &[Finding],
    policies: &PolicySet,
    judged: &[bool],
    groups: usize,
    unread: bool,
) -> Vec<ItemStatus> {
    // Per control and family: the groups with each status.
    let mut items = Vec::new();
    for (framework, content) in policies.frameworks.iter().enumerate() {
        for (item, wanted) in content.items.iter().enumerate() {
            let of_item = |index: usize| {
                policies.controls.get(index).is_some_and(|c| c.rule_id.is_none() && wanted.controls.contains(&c.id))
            };
            let any =
                (0..policies.controls.len()).any(|index| of_item(index) && judged.get(index).copied().unwrap_or(false));
            let mut by_status: BTreeMap<Status, BTreeSet<usize>> = BTreeMap::new();
            for finding in findings.iter().filter(|finding| of_item(finding.control) && finding.status != Status::Pass)
            {
                let families = &wanted.families;
                let concerns = families.is_empty()
                    || finding.families.is_empty()
                    || families.iter().any(|family| finding.families.contains(family));
                if concerns {
                    by_status.entry(finding.status).or_default().insert(finding.group);
                }
            }
            let status = match by_status.iter().next() {
                Some((status, groups)) => Some((*status, groups.len())),
                None if any && unread => Some((Status::Unknown, 0)),
                None if any => Some((Status::Pass, groups)),
                None => None,
            };
            let (status, groups) = status.map_or((None, 0), |(status, groups)| (Some(status), groups));
            items.push(ItemStatus { framework, item, status, groups });
        }
    }
    items
}
