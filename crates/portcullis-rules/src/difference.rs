//! Files against a live group, as sets of traffic.

mod traffic;

use compact_str::CompactString;
use portcullis_core::model::{Direction, Peer, PeerIdentity, Rule, SecurityGroup};
use portcullis_core::net::{AnyCidr, RuleServices};
use portcullis_formats::rules::{Egress, RuleSet, lets_nothing_out};

use traffic::{Extent, beside, rules_of, traffic_of};

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
    let account = live.first().map_or("", |group| group.key.account_id.as_str());
    // A group that does not exist yet comes with AWS's default egress by itself.
    let implied = set.implied_egress().filter(|_| set.egress != Egress::Default || !live.is_empty());
    let wanted = Side::of(account, set.rules.iter().chain(&implied));
    let implied_then = committed.and_then(RuleSet::implied_egress);
    let committed = committed.map(|set| Side::of(account, set.rules.iter().chain(&implied_then)));
    // The IPv6 half of AWS's default comes and goes with the VPC.
    let ipv6_default = |rule: &&Rule| {
        set.egress == Egress::Default && rule.is_default_egress() && matches!(rule.peer.cidr(), Some(AnyCidr::V6(_)))
    };
    let live_rules = live.iter().flat_map(|group| &group.rules);
    let live = Side::of(account, live_rules.filter(|rule| !ipv6_default(rule)));

    let mut plan = StagePlan::default();
    let pairs = wanted.pair(&live);
    for rule in pairs.only_here {
        let missing = live.lacks(rule);
        let (asked, lost) = sides(rule, missing, committed.as_ref());
        tell(Action::Addition, (rule, account), asked, &mut plan.changes);
        tell(Action::Removal, (rule, account), lost, &mut plan.drift);
    }
    for rule in pairs.only_there {
        let extra = wanted.lacks(rule);
        // Without a commit nobody can tell who put it there, and the files do not ask for it.
        let (foreign, asked) = match &committed {
            Some(_) => sides(rule, extra, committed.as_ref()),
            None => (Extent::Nothing, extra),
        };
        tell(Action::Removal, (rule, account), asked, &mut plan.changes);
        tell(Action::Addition, (rule, account), foreign, &mut plan.drift);
    }
    for (rule, same) in pairs.both {
        // What a group holds without anybody's words is nobody's to describe.
        let is_implied = implied.as_ref().is_some_and(|implied| std::ptr::eq(implied, rule));
        if same.description != rule.description && !is_implied {
            let (rule, before) = (rule.clone(), same.description.to_string());
            plan.changes.push(Change { action: Action::Description, rule, before, in_part: false });
        }
    }
    plan
}

/// What makes two rules the same. The account of a peer group counts only where it is another one, its name never.
type Key<'a> = (Direction, RuleServices, PeerIdentity<'a>);

/// The rules of one side of a comparison, those that mean something.
struct Side<'a> {
    account: &'a str,
    rules: Vec<&'a Rule>,
    /// Sorted, each once, with its first place in `rules`.
    keys: Vec<(Key<'a>, usize)>,
}

/// Two sides beside each other.
struct Pairs<'a> {
    only_here: Vec<&'a Rule>,
    only_there: Vec<&'a Rule>,
    both: Vec<(&'a Rule, &'a Rule)>,
}

impl<'a> Side<'a> {
    fn of(account: &'a str, rules: impl Iterator<Item = &'a Rule>) -> Self {
        let mut all = Vec::with_capacity(rules.size_hint().1.unwrap_or_default());
        all.extend(rules.filter(|rule| !lets_nothing_out(rule)));
        let rules: Vec<&Rule> = all;
        let mut keys: Vec<_> = rules.iter().enumerate().map(|(place, rule)| (key(rule, account), place)).collect();
        keys.sort_unstable();
        keys.dedup_by(|next, one| next.0 == one.0);
        Self { account, rules, keys }
    }

    /// Which rules stand on both sides, and which on one only: each once, in their order.
    fn pair(&self, other: &Self) -> Pairs<'a> {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        let mut both = Vec::with_capacity(self.keys.len().min(other.keys.len()));
        let (mut own, mut others) = (self.keys.iter().peekable(), other.keys.iter().peekable());
        loop {
            match (own.peek(), others.peek()) {
                (Some((key, place)), Some((theirs, beside))) if key == theirs => {
                    both.push((*place, *beside));
                    own.next();
                    others.next();
                }
                (Some((key, place)), theirs) if theirs.is_none_or(|(theirs, _)| key < theirs) => {
                    here.push(*place);
                    own.next();
                }
                (_, Some((_, place))) => {
                    there.push(*place);
                    others.next();
                }
                (_, None) => break,
            }
        }
        here.sort_unstable();
        there.sort_unstable();
        both.sort_unstable();
        let rules = |side: &Self, places: Vec<usize>| -> Vec<&'a Rule> {
            places.into_iter().filter_map(|place| side.rules.get(place).copied()).collect()
        };
        let pair = |(place, beside)| Some((*self.rules.get(place)?, *other.rules.get(beside)?));
        Pairs {
            only_here: rules(self, here),
            only_there: rules(other, there),
            both: both.into_iter().filter_map(pair).collect(),
        }
    }

    /// What a rule admits and none of this side does.
    fn lacks(&self, rule: &Rule) -> Extent {
        beside(rule, &self.rules, self.account)
    }
}

fn key<'a>(rule: &'a Rule, account: &str) -> Key<'a> {
    let peer = match rule.peer.identity() {
        PeerIdentity::Group(own, id, _) if !id.is_empty() => {
            PeerIdentity::Group(if own == account { "" } else { own }, id, "")
        }
        other => other,
    };
    (rule.direction, rule.services, peer)
}

/// The part of a rule's traffic that was not committed, and the part that was.
fn sides(rule: &Rule, extent: Extent, committed: Option<&Side<'_>>) -> (Extent, Extent) {
    let Some(committed) = committed.filter(|_| extent != Extent::Nothing) else { return (extent, Extent::Nothing) };
    extent.split(&committed.lacks(rule), || traffic_of(rule, committed.account))
}

/// Tells of a part of a rule of a group in an account.
fn tell(action: Action, (rule, account): (&Rule, &str), extent: Extent, changes: &mut Vec<Change>) {
    let change = |rule, in_part| Change { action, rule: own(rule, account), before: String::new(), in_part };
    let traffic = match extent {
        Extent::Nothing => return,
        Extent::Whole => return changes.push(change(rule.clone(), false)),
        Extent::Part(traffic) => traffic,
    };
    let pieces = rules_of(rule, &traffic);
    if pieces.len() > PIECES {
        changes.push(change(rule.clone(), true));
    } else {
        changes.extend(pieces.into_iter().map(|piece| change(piece, false)));
    }
}

/// A rule whose peer group's account is written only where it is another one.
fn own(rule: Rule, account: &str) -> Rule {
    match rule.peer {
        Peer::Group(mut group) if group.account == account => {
            group.account = CompactString::default();
            Rule { peer: Peer::Group(group), ..rule }
        }
        _ => rule,
    }
}

#[cfg(test)]
mod tests;
