//! Files against a live group, as sets of traffic.

mod traffic;

use std::collections::{BTreeMap, BTreeSet};

use portcullis_core::model::{Peer, Rule, SecurityGroup};
use portcullis_core::net::{AnyCidr, Traffic};
use portcullis_formats::rules::{Egress, RuleSet, lets_nothing_out};

use traffic::{beside, rules_of, traffic_of};

/// What becomes of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Traffic comes to be admitted.
    Addition,
    /// Traffic ceases to be admitted.
    Removal,
    /// A rule gets another description.
    Description,
}

impl Action {
    /// `addition`, `removal` or `description`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Removal => "removal",
            Self::Description => "description",
        }
    }
}

/// As how many rules a part of a rule is told. In more pieces nobody would know the rule again.
const PIECES: usize = 4;

/// One rule that comes, goes, or is described anew. A rule whose traffic changes in part only is told by that part, or by
/// itself where the part takes many rules to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What becomes of it.
    pub action: Action,
    /// The rule, or the part of it that changes.
    pub rule: Rule,
    /// The description that it had, of a rule that is described anew.
    pub before: String,
    /// Whether a part of the rule's traffic stays as it is, for a rule that is told by itself all the same.
    pub in_part: bool,
}

/// What a commit would change, and what somebody else changed since the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StagePlan {
    /// What the files ask for.
    pub changes: Vec<Change>,
    /// What was done to the live group outside of the repository: [`Action::Addition`] is what was added there and a
    /// commit takes away, [`Action::Removal`] what was removed there and a commit puts back.
    pub drift: Vec<Change>,
}

impl StagePlan {
    /// Whether the live group admits what the files say, and describes it so.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.drift.is_empty()
    }

    /// Whether the live group admits what the files say; descriptions do not matter.
    pub fn is_same_traffic(&self) -> bool {
        self.drift.is_empty() && self.changes.iter().all(|change| change.action == Action::Description)
    }
}

/// What would have to change for the live groups (several, where the rules are spread over them) to admit what the files
/// say. `committed` is what was committed last: against it what the files ask for is told apart from what somebody else
/// did; without it everything is taken as asked for.
///
/// A prefix list is compared by its name, since its entries change by themselves. Rules to loopback addresses let nothing
/// out and do not count. Where the files say nothing of egress, AWS's default may be there for IPv4 alone or for both
/// families.
pub fn difference(set: &RuleSet, live: &[&SecurityGroup], committed: Option<&RuleSet>) -> StagePlan {
    let own_account = live.first().map_or("", |group| group.key.account_id.as_str());
    let held = |set: &RuleSet| -> Vec<Rule> {
        let rules = set.as_held().into_iter().filter(|rule| !lets_nothing_out(rule));
        rules.map(|rule| own(rule, own_account)).collect()
    };
    let wanted = held(set);
    let committed = committed.map(held);
    // The IPv6 half of AWS's default comes and goes with the VPC.
    let ipv6_default = |rule: &Rule| {
        set.egress == Egress::Default && rule.is_default_egress() && matches!(rule.peer.cidr(), Some(AnyCidr::V6(_)))
    };
    let live_rules = live.iter().flat_map(|group| &group.rules);
    let live: Vec<Rule> = live_rules
        .filter(|rule| !lets_nothing_out(rule) && !ipv6_default(rule))
        .map(|rule| own(rule.clone(), own_account))
        .collect();

    let mut plan = StagePlan::default();
    for rule in unlike(&wanted, &live) {
        let missing = beside(rule, &live);
        let (asked, lost) = sides(rule, &missing, committed.as_deref());
        tell(Action::Addition, rule, &asked, &mut plan.changes);
        tell(Action::Removal, rule, &lost, &mut plan.drift);
    }
    for rule in unlike(&live, &wanted) {
        let extra = beside(rule, &wanted);
        // Without a commit nobody can tell who put it there, and the files do not ask for it.
        let (foreign, asked) = match &committed {
            Some(_) => sides(rule, &extra, committed.as_deref()),
            None => (Traffic::none(), extra),
        };
        tell(Action::Removal, rule, &asked, &mut plan.changes);
        tell(Action::Addition, rule, &foreign, &mut plan.drift);
    }
    describe(set, &live, &mut plan.changes, own_account);
    plan
}

/// A rule whose peer group's account is written only where it is another one.
fn own(rule: Rule, account: &str) -> Rule {
    match rule.peer {
        Peer::Group(mut group) if group.account == account => {
            group.account = Default::default();
            Rule { peer: Peer::Group(group), ..rule }
        }
        _ => rule,
    }
}

/// The rules of one list that no rule of the other is the same as.
fn unlike<'a>(rules: &'a [Rule], others: &[Rule]) -> Vec<&'a Rule> {
    let others: BTreeSet<_> = others.iter().map(Rule::identity).collect();
    let mut seen = BTreeSet::new();
    rules.iter().filter(|rule| !others.contains(&rule.identity()) && seen.insert(rule.identity())).collect()
}

/// The part of a rule's traffic that was not committed, and the part that was.
fn sides(rule: &Rule, traffic: &Traffic, committed: Option<&[Rule]>) -> (Traffic, Traffic) {
    let Some(committed) = committed.filter(|_| !traffic.is_empty()) else { return (traffic.clone(), Traffic::none()) };
    let not_committed = beside(rule, committed);
    let new = traffic.intersection(&not_committed);
    let known = traffic.difference(&not_committed);
    (new, known)
}

fn tell(action: Action, rule: &Rule, traffic: &Traffic, changes: &mut Vec<Change>) {
    let change = |rule, in_part| Change { action, rule, before: String::new(), in_part };
    if traffic.is_empty() {
        return;
    }
    if *traffic == traffic_of(rule) {
        changes.push(change(rule.clone(), false));
        return;
    }
    let pieces = rules_of(rule, traffic);
    if pieces.len() > PIECES {
        changes.push(change(rule.clone(), true));
    } else {
        changes.extend(pieces.into_iter().map(|piece| change(piece, false)));
    }
}

/// Rules that stand on both sides with other descriptions.
fn describe(set: &RuleSet, live: &[Rule], changes: &mut Vec<Change>, own_account: &str) {
    let described: BTreeMap<_, &str> = live.iter().map(|rule| (rule.identity(), rule.description.as_ref())).collect();
    for rule in &set.rules {
        let rule = own(rule.clone(), own_account);
        if let Some(before) = described.get(&rule.identity()).filter(|before| **before != rule.description.as_ref()) {
            let before = (*before).to_owned();
            changes.push(Change { action: Action::Description, before, rule, in_part: false });
        }
    }
}

#[cfg(test)]
mod tests;
