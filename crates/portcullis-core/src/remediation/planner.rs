//! From findings to a plan.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use jiff::Timestamp;

use super::assemble::{changes, needs_gap, traffic_of};
use super::cut::{Cutter, Remains, traffic_left};
use super::difference::difference;
use super::fingerprint::fingerprint;
use super::plan::{Change, Environments, GroupPlan, Plan, PlannedFinding, Proof, Strategy, Unfixable, simulate};
use crate::controls::{Hygiene, redundant_rules};
use crate::evaluate::{Evaluator, Options};
use crate::finding::{Evaluation, Finding, Status};
use crate::model::{Direction, Inventory, Peer, Rule, SecurityGroup};
use crate::net::{Interval, Segment, Symbol, Traffic};
use crate::policy::{AllowedPeers, AllowedRule, Control, ControlKind, PeerTest, PolicySet};
use crate::usage::Members;

/// Plans the change that remedies the failing findings of an evaluation.
///
/// Findings that are exempt are left alone; those that cannot be remedied by this strategy are listed with the reason.
pub fn plan(
    inventory: &Inventory,
    policies: &PolicySet,
    evaluation: &Evaluation,
    strategy: &Strategy,
    now: Timestamp,
) -> Plan {
    let mut by_group: BTreeMap<usize, Vec<&Finding>> = BTreeMap::new();
    for finding in &evaluation.findings {
        if matches!(finding.status, Status::Fail | Status::Unknown) {
            by_group.entry(finding.group).or_default().push(finding);
        }
    }
    let evaluator = Evaluator::new(inventory, policies, now, Options::default());
    let planner = Planner { evaluator: &evaluator, strategy };
    let (mut groups, mut unfixable) = (Vec::new(), Vec::new());
    for (index, findings) in by_group {
        if let Some(group) = inventory.groups.get(index) {
            groups.extend(planner.plan_group(group, &findings, &mut unfixable));
        }
    }
    let ids: BTreeSet<&str> = groups
        .iter()
        .flat_map(|group: &GroupPlan| &group.findings)
        .map(|finding| finding.control_id.as_str())
        .collect();
    let proved = |control: &&Control| ids.contains(control.id.as_str());
    let controls = policies.controls.iter().filter(proved).cloned();
    let controls: Vec<Control> = controls.collect();
    let around = around(inventory, &groups, &controls);
    let environments = environments(policies, &groups);
    let dummy_rules = if *strategy == Strategy::Lockdown { dummy_rules(policies) } else { Vec::new() };
    Plan { strategy: strategy.clone(), dummy_rules, controls, around, environments, groups, unfixable }
}

/// The rules that a lockdown leaves, without their descriptions.
fn dummy_rules(policies: &PolicySet) -> Vec<Rule> {
    let dummy = &policies.dummy_rule;
    let sources = dummy.cidrs.iter().filter(|_| dummy.enabled);
    sources.map(|block| Rule::new(Direction::Ingress, dummy.services, Peer::from(*block))).collect()
}

/// What decides the environments of a plan's groups, beside their own tags.
fn environments(policies: &PolicySet, groups: &[GroupPlan]) -> Environments {
    let accounts: BTreeSet<&CompactString> = groups.iter().map(|planned| &planned.group.key.account_id).collect();
    let environment = |id: &CompactString| policies.accounts.get(id).and_then(|account| account.environment.clone());
    let of_accounts = accounts.into_iter().filter_map(|id| Some((id.clone(), environment(id)?))).collect();
    Environments { given: policies.environment.clone(), of_accounts }
}

/// What is known around the groups of a plan: their VPCs, the lists that their rules and the controls name, and the names
/// of the groups that their rules refer to, where a control goes by names.
fn around(inventory: &Inventory, groups: &[GroupPlan], controls: &[Control]) -> Inventory {
    let mut around = Inventory::default();
    let mut lists: BTreeSet<&CompactString> = controls.iter().flat_map(lists_of).collect();
    let mut named: BTreeSet<(&str, &str)> = BTreeSet::new();
    for group in groups.iter().map(|planned| &planned.group) {
        let vpc = inventory.vpcs.get(&group.vpc_id);
        around.vpcs.extend(vpc.map(|vpc| (vpc.id.clone(), vpc.clone())));
        for rule in &group.rules {
            match &rule.peer {
                Peer::PrefixList(id) => _ = lists.insert(id),
                Peer::Group(other) => {
                    let account = if other.account.is_empty() { &group.key.account_id } else { &other.account };
                    named.insert((account, &other.id));
                }
                Peer::V4(_) | Peer::V6(_) => {}
            }
        }
    }
    let known = lists.into_iter().filter_map(|id| inventory.prefix_lists.get(id));
    around.prefix_lists = known.map(|list| (list.id.clone(), list.clone())).collect();
    let by_name = |allowed: &AllowedRule| matches!(allowed.peers, AllowedPeers::GroupsNamed(_));
    if controls.iter().any(|control| control.allowed.iter().any(by_name)) {
        let others =
            inventory.groups.iter().filter(|group| named.contains(&(&group.key.account_id, &group.key.group_id)));
        let only_name = |group: &SecurityGroup| SecurityGroup {
            key: group.key.clone(),
            name: group.name.clone(),
            ..SecurityGroup::default()
        };
        around.groups = others.map(only_name).collect();
    }
    around
}

/// The prefix lists that a control names.
fn lists_of(control: &Control) -> Vec<&CompactString> {
    let tests = match &control.kind {
        ControlKind::Traffic(rule) => rule.peers.as_slice(),
        ControlKind::Hygiene(_) => &[],
    };
    let tested = tests.iter().filter_map(|test| match test {
        PeerTest::Overlap(peers) | PeerTest::Outside(peers) => Some(peers),
        PeerTest::Internet(_) | PeerTest::Wide | PeerTest::Any => None,
    });
    let allowed = control.allowed.iter().filter_map(|allowed| match &allowed.peers {
        AllowedPeers::Only(peers) => Some(peers),
        AllowedPeers::Anyone | AllowedPeers::GroupsNamed(_) => None,
    });
    let named = tested.chain(allowed).flat_map(|peers| &peers.symbols);
    let lists = named.filter_map(|symbol| match symbol {
        Symbol::PrefixList(id) => Some(id),
        Symbol::Group { .. } => None,
    });
    lists.collect()
}

struct Planner<'a> {
    evaluator: &'a Evaluator<'a>,
    strategy: &'a Strategy,
}

impl Planner<'_> {
    fn inventory(&self) -> &Inventory {
        self.evaluator.inventory
    }

    fn policies(&self) -> &PolicySet {
        self.evaluator.policies
    }

    fn plan_group(
        &self,
        group: &SecurityGroup,
        findings: &[&Finding],
        unfixable: &mut Vec<Unfixable>,
    ) -> Option<GroupPlan> {
        let failing: Vec<&Finding> =
            findings.iter().filter(|finding| finding.status == Status::Fail).copied().collect();
        let mut leave = |finding: &Finding, reason: String| {
            let control_id = self.policies().control(finding).map(|control| control.id.clone()).unwrap_or_default();
            unfixable.push(Unfixable { id: finding.id.clone(), control_id, group: group.key.clone(), reason });
        };
        for finding in findings.iter().filter(|finding| finding.status == Status::Unknown) {
            leave(finding, format!("it is not known whether it fails: {}", finding.reason));
        }
        if failing.is_empty() {
            return None;
        }
        let changes = self.changes(group, &failing);
        let after = match simulate(group, &changes) {
            Ok(after) => after,
            Err(error) => {
                failing.iter().for_each(|finding| leave(finding, format!("no order of changes leads there: {error}")));
                return None;
            }
        };
        let gone = self.gone(&after, &failing);
        let mut planned = Vec::new();
        for (finding, gone) in failing.iter().zip(gone) {
            let control_id = self.policies().control(finding).map(|control| control.id.clone()).unwrap_or_default();
            if gone || *self.strategy == Strategy::Tag {
                planned.push(PlannedFinding { id: finding.id.clone(), control_id });
            } else {
                leave(finding, self.why_not(finding));
            }
        }
        if planned.is_empty() || changes.is_empty() {
            return None;
        }
        let proof = self.proof(group, &after, &planned);
        Some(GroupPlan {
            fingerprint: fingerprint(group),
            needs_gap: needs_gap(group, self.inventory(), &changes),
            group: group.clone(),
            findings: planned,
            changes,
            proof,
        })
    }

    /// The changes of one group for its failing findings.
    fn changes(&self, group: &SecurityGroup, failing: &[&Finding]) -> Vec<Change> {
        match self.strategy {
            Strategy::Tag => return self.tags(group, failing),
            Strategy::Lockdown => return self.lockdown(group, failing),
            // It answers no finding.
            Strategy::Suggest => return Vec::new(),
            Strategy::Narrow | Strategy::Revoke | Strategy::Replace(_) => {}
        }
        let mut changes = changes(group, self.inventory(), &self.remains(group, failing));
        let wants_tidy = failing.iter().any(|finding| {
            let kind = self.policies().control(finding).map(|control| &control.kind);
            matches!(kind, Some(ControlKind::Hygiene(Hygiene::RedundantRule)))
        });
        if wants_tidy && let Ok(after) = simulate(group, &changes) {
            // Which rules are redundant is decided after the cut: what covered them may be gone.
            for index in redundant_rules(&after, self.inventory()) {
                let Some(rule) = after.rules.get(index) else { continue };
                undo_or_revoke(&mut changes, group, rule);
            }
        }
        changes
    }

    /// What is left of each rule once the controls of the findings hold. Other controls have no say: what they find is not
    /// in this plan, and a narrower finding that a cut brings to light is for the next one.
    fn remains(&self, group: &SecurityGroup, failing: &[&Finding]) -> Remains {
        let wanted: BTreeSet<usize> = failing.iter().map(|finding| finding.control).collect();
        let cutter = Cutter { evaluator: self.evaluator, strategy: self.strategy };
        cutter.remains(group, &|index| wanted.contains(&index))
    }

    /// For each finding, whether its control holds on the group as it will be.
    fn gone(&self, after: &SecurityGroup, findings: &[&Finding]) -> Vec<bool> {
        let still = failing_controls(self.evaluator, after);
        findings.iter().map(|finding| !still.contains(&finding.control)).collect()
    }

    fn why_not(&self, finding: &Finding) -> String {
        let control = self.policies().control(finding);
        match control.map(|control| &control.kind) {
            Some(ControlKind::Hygiene(_)) => {
                let what = control.map(|control| control.text.remediation.trim_end_matches('.').to_owned());
                format!("`{}` changes traffic only: {}", self.strategy.as_str(), what.unwrap_or_default())
            }
            _ if matches!(self.strategy, Strategy::Replace(_)) => {
                "the replacement sources fail the same control: choose narrower ones".to_owned()
            }
            _ => "no rule that can be changed is at fault: look at the referenced groups and lists".to_owned(),
        }
    }

    fn lockdown(&self, group: &SecurityGroup, failing: &[&Finding]) -> Vec<Change> {
        let description =
            self.policies().dummy_rule.description.replace("{violation_reason}", &self.worst_reason(failing));
        let described = |rule| Rule { description: fit_description(&description).into(), ..rule };
        let new: Vec<Rule> = dummy_rules(self.policies()).into_iter().map(described).collect();
        let exists = |rule: &Rule, rules: &[Rule]| rules.iter().any(|other| other.identity() == rule.identity());
        let authorize = new.iter().filter(|rule| !exists(rule, &group.rules)).cloned().map(Change::Authorize);
        let revoke = group.rules.iter().filter(|rule| !exists(rule, &new)).cloned().map(Change::Revoke);
        let changes: Vec<Change> = authorize.chain(revoke).collect();
        if needs_gap(group, self.inventory(), &changes) { in_place(changes) } else { changes }
    }

    fn tags(&self, group: &SecurityGroup, failing: &[&Finding]) -> Vec<Change> {
        let prefix = if self.policies().tag_prefix.is_empty() { "COMPLIANCE_" } else { &self.policies().tag_prefix };
        let wanted = [
            ("STATUS", "NON_COMPLIANT".to_owned()),
            ("VIOLATION_COUNT", failing.len().to_string()),
            ("VIOLATION_REASON", fit_tag(&self.worst_reason(failing))),
        ];
        let change = |(key, value): (&str, String)| {
            let key = CompactString::from(format!("{prefix}{key}"));
            let before = group.tag(&key).map(CompactString::from);
            (before.as_deref() != Some(value.as_str())).then(|| Change::Tag { key, before, after: Some(value.into()) })
        };
        wanted.into_iter().filter_map(change).collect()
    }

    /// What the worst finding violates.
    fn worst_reason(&self, failing: &[&Finding]) -> String {
        let worst = failing.iter().max_by_key(|finding| self.policies().severity(finding));
        let control = worst.and_then(|finding| self.policies().control(finding));
        control.map(|control| control.violation().to_owned()).unwrap_or_default()
    }

    fn proof(&self, group: &SecurityGroup, after: &SecurityGroup, planned: &[PlannedFinding]) -> Proof {
        let ids: BTreeSet<&str> = planned.iter().map(|finding| finding.control_id.as_str()).collect();
        prove(self.evaluator, self.strategy, group, after, &ids)
    }
}

/// Lets rules that come take the places of rules that go, as far as both are for blocks of one family, or for the same list
/// or group: that needs no room.
fn in_place(changes: Vec<Change>) -> Vec<Change> {
    let (authorize, mut rest): (Vec<Change>, Vec<Change>) =
        changes.into_iter().partition(|change| matches!(change, Change::Authorize(_)));
    let (mut made, mut modified) = (Vec::new(), Vec::new());
    for change in authorize {
        let Change::Authorize(rule) = &change else { continue };
        let gives_way = |other: &Change| match other {
            Change::Revoke(old) => {
                let blocks = old.peer.cidr().is_some() || old.peer.identity() == rule.peer.identity();
                old.direction == rule.direction && old.peer.kind() == rule.peer.kind() && blocks
            }
            _ => false,
        };
        match rest.iter().position(gives_way).map(|place| rest.remove(place)) {
            Some(Change::Revoke(before)) => {
                let after = Rule { id: before.id.clone(), tags: before.tags.clone(), ..rule.clone() };
                modified.push(Change::Modify { before, after });
            }
            _ => made.push(change),
        }
    }
    made.into_iter().chain(modified).chain(rest).collect()
}

/// Takes a rule away: a change that made it is undone, one that put it in another's place becomes a revocation.
fn undo_or_revoke(changes: &mut Vec<Change>, group: &SecurityGroup, rule: &Rule) {
    let made =
        changes.iter().position(|change| change.after().is_some_and(|after| after.identity() == rule.identity()));
    match made.and_then(|place| changes.get(place).cloned().map(|change| (place, change))) {
        Some((place, Change::Modify { before, .. })) => {
            changes.remove(place);
            changes.push(Change::Revoke(before));
        }
        Some((place, _)) => _ = changes.remove(place),
        None => {
            let old = group.rules.iter().find(|old| old.identity() == rule.identity());
            changes.extend(old.cloned().map(Change::Revoke));
        }
    }
}

/// The controls that fail on a group in another state, by index.
fn failing_controls(evaluator: &Evaluator<'_>, after: &SecurityGroup) -> BTreeSet<usize> {
    let findings = evaluator.findings_of(after);
    findings.iter().filter(|finding| finding.status == Status::Fail).map(|finding| finding.control).collect()
}

/// The plan of one group that becomes another, with its proof; `None` where they do not differ.
pub fn plan_change(
    around: &Inventory,
    policies: &PolicySet,
    strategy: &Strategy,
    group: &SecurityGroup,
    after: &SecurityGroup,
) -> Option<GroupPlan> {
    let mut changes = difference(group, after);
    if needs_gap(group, around, &changes) {
        changes = in_place(changes);
    }
    if changes.is_empty() {
        return None;
    }
    // Nothing of it depends on the time: there are no exemptions.
    let evaluator = Evaluator::new(around, policies, Timestamp::UNIX_EPOCH, Options::default());
    Some(GroupPlan {
        group: group.clone(),
        fingerprint: fingerprint(group),
        findings: Vec::new(),
        proof: prove(&evaluator, strategy, group, after, &BTreeSet::new()),
        needs_gap: needs_gap(group, around, &changes),
        changes,
    })
}

/// Computes the proof of a group's changes from the group before and after, and the controls of the findings that go.
pub fn prove(
    evaluator: &Evaluator<'_>,
    strategy: &Strategy,
    group: &SecurityGroup,
    after: &SecurityGroup,
    control_ids: &BTreeSet<&str>,
) -> Proof {
    if *strategy == Strategy::Tag {
        return Proof::default();
    }
    let Evaluator { inventory, policies, .. } = evaluator;
    if *strategy == Strategy::Suggest {
        return prove_suggested(inventory, group, after);
    }
    let still = failing_controls(evaluator, after);
    let id = |index: &usize| policies.controls.get(*index).map(|control| control.id.as_str());
    let findings_gone = Some(!still.iter().filter_map(id).any(|id| control_ids.contains(id)));
    let asks =
        |index: usize| policies.controls.get(index).is_some_and(|control| control_ids.contains(control.id.as_str()));
    let remains = |strategy| Cutter { evaluator, strategy }.remains(group, &asks);
    // What narrow would have left: everything that any strategy closes beyond that is said, and so is what this strategy
    // would have left if the quota had room for it.
    let (asked, meant) = (remains(&Strategy::Narrow), remains(strategy));
    let mut proof = Proof { findings_gone, ..Proof::default() };
    for direction in Direction::ALL {
        let old = traffic_of(group, inventory, direction);
        let new = traffic_of(after, inventory, direction);
        let left = |remains: &Remains| traffic_left(group, inventory, remains, direction);
        let expected = left(&asked).union(&left(&meant));
        let note = |list: &mut Vec<_>, traffic: crate::net::Traffic| {
            if !traffic.is_empty() {
                list.push((direction, traffic));
            }
        };
        note(&mut proof.opens, new.difference(&old));
        note(&mut proof.closes, old.difference(&new));
        note(&mut proof.also_closes, old.difference(&new).intersection(&expected));
    }
    proof
}

/// The proof of a change that no finding asks for. A group that takes the place of addresses opens nothing where today's
/// rules admit all of its members.
fn prove_suggested(inventory: &Inventory, group: &SecurityGroup, after: &SecurityGroup) -> Proof {
    let members = Members::of(inventory);
    let mut proof = Proof::default();
    for direction in Direction::ALL {
        let old = traffic_of(group, inventory, direction);
        let new = traffic_of(after, inventory, direction);
        let stands_for = |services: Interval<u32>, symbol: &Symbol| {
            let Symbol::Group { id, .. } = symbol else { return false };
            let Some(addresses) = members.addresses(id).filter(|addresses| !addresses.is_empty()) else { return false };
            Traffic::product(&services.into(), &addresses.clone().into()).is_subset(&old)
        };
        let opened = new.difference(&old);
        let opened = opened.segments().iter().map(|Segment { services, peers }| {
            let mut peers = peers.clone();
            peers.symbols.retain(|symbol| !stands_for(*services, symbol));
            (*services, peers)
        });
        let opens = Traffic::from_boxes(opened);
        if !opens.is_empty() {
            proof.opens.push((direction, opens));
        }
        let closes = old.difference(&new);
        if !closes.is_empty() {
            proof.closes.push((direction, closes));
        }
    }
    proof
}

/// A description that AWS takes: at most 255 of `a-zA-Z0-9`, space and `._-:/()#,@[]+=&;{}!$*`.
/// Source: Amazon EC2 API Reference, `IpRange`.
pub fn fit_description(text: &str) -> String {
    fit(text, 255, fits_description)
}

/// Whether AWS takes a character in a description; see [`fit_description`].
pub fn fits_description(character: char) -> bool {
    character.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(character)
}

/// A tag value that every AWS service takes: at most 256 letters, digits, spaces and `+-=._:/@`.
/// Source: AWS General Reference, "Tagging AWS resources".
pub fn fit_tag(text: &str) -> String {
    fit(text, 256, |c| c.is_alphanumeric() || " +-=._:/@".contains(c))
}

fn fit(text: &str, most: usize, fits: impl Fn(char) -> bool) -> String {
    let clean: String = text.chars().map(|c| if fits(c) { c } else { '-' }).take(most).collect();
    clean.trim().to_owned()
}
