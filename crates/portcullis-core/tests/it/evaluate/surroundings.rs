//! The controls that look around a group against a naive reading of the same fleets: each question is asked of every group,
//! rule and interface anew, without indices, in whatever shares and on however many threads the fleet is judged.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_core::controls::Hygiene;
use portcullis_core::evaluate::{Evaluator, Options};
use portcullis_core::finding::Status;
use portcullis_core::model::{
    Coverage, CoverageStatus, Direction, GroupKey, GroupReference, GroupUser, Inventory, NetworkInterface, Peer, Rule,
    SecurityGroup, StaleReference, UserKind,
};
use portcullis_core::policy::{Account, Control, ControlKind, EnforcementLevel, PolicySet, Scope};
use proptest::prelude::*;

use crate::fixture::{cases, control, now, rules, scoped};

const ACCOUNTS: [&str; 4] = ["", "111122223333", "444455556666", "777788889999"];
const DISABLED: &str = "777788889999";
const REGIONS: [&str; 3] = ["eu-west-1", "unknown", "us-east-1"];
/// Usual ids, of which some begin alike, and others.
const IDS: [&str; 11] = [
    "sg-0123456789abcdef0",
    "sg-0123456789abcdef1",
    "sg-0123456789abcdef01",
    "sg-1123456789abcdef0",
    "sg-01234567",
    "sg-012345678",
    "sg-a",
    "sg-b",
    "sg-",
    "a",
    "x",
];
const NAMES: [&str; 4] = ["default", "web", "db", "sg-a"];
const PEERS: [&str; 5] = ["10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9", "2001:db8::/32", "pl-unread"];
const PORTS: [&str; 3] = ["ingress tcp 22 from", "ingress tcp 23 from", "ingress tcp 22-23 from"];

fn kinds() -> [Hygiene; 4] {
    [Hygiene::UnusedGroup, Hygiene::DefaultGroupInUse, Hygiene::StaleReference, Hygiene::DuplicateGroup]
}

/// One control bears on some accounts only, and traffic is judged beside them.
fn policies() -> PolicySet {
    let ssh = control("ssh high ingress tcp:22 any internet");
    let of = |kind: Hygiene| Control { kind: ControlKind::Hygiene(kind), ..ssh.clone() };
    let mut controls: Vec<Control> = kinds().into_iter().map(of).collect();
    let scope = Scope { except_accounts: [ACCOUNTS[2].into()].into(), ..Scope::default() };
    controls[3] = scoped(controls[3].clone(), scope);
    controls.push(ssh);
    let disabled = Account { level: Some(EnforcementLevel::Disabled), ..Account::default() };
    PolicySet { controls, accounts: [(DISABLED.into(), disabled)].into(), ..PolicySet::default() }
}

fn any_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(texts)
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let account = prop_oneof![3 => Just(""), 1 => any_of(&ACCOUNTS)];
    let group = (account, any_of(&IDS), any::<bool>()).prop_map(|(account, id, by_name)| {
        let (id, name) = if by_name && id == "sg-b" { ("", id) } else { (id, "") };
        let (account, id, name) = (account.into(), id.into(), name.into());
        Peer::Group(Box::new(GroupReference { account, id, name, ..GroupReference::default() }))
    });
    let peer = prop_oneof![2 => any_of(&PEERS).prop_map(|text| text.parse().unwrap()), 1 => group];
    (any_of(&PORTS), peer, prop::bool::weighted(0.1)).prop_map(|(ports, peer, out)| {
        let direction = if out { Direction::Egress } else { Direction::Ingress };
        Rule { direction, peer, ..rules(&format!("{ports} sg-x")).remove(0) }
    })
}

fn any_group() -> impl Strategy<Value = SecurityGroup> {
    let key = (any_of(&ACCOUNTS), any_of(&REGIONS), any_of(&IDS)).prop_map(|(account, region, id)| GroupKey {
        account_id: account.into(),
        region: region.into(),
        group_id: id.into(),
    });
    let rules = prop::collection::vec(any_rule(), 0..3);
    (key, any_of(&NAMES), any_of(&["vpc-1", "vpc-2"]), rules, prop::bool::weighted(0.03)).prop_map(
        |(key, name, vpc, rules, is_unreadable)| SecurityGroup {
            key,
            name: name.into(),
            vpc_id: vpc.into(),
            rules,
            unreadable: is_unreadable.then(|| "contradicts itself".into()),
            ..SecurityGroup::default()
        },
    )
}

/// As many groups of a place of their own as fill several stretches, so that those of before lie in different ones.
fn filler(number: usize) -> SecurityGroup {
    let key = GroupKey {
        account_id: ACCOUNTS[1].into(),
        region: "eu-west-2".into(),
        group_id: format!("sg-{number:017x}").into(),
    };
    // Two of three have a twin far away in their place.
    let habit = if number.is_multiple_of(3) { number } else { number % 300 };
    let next = format!("ingress tcp 22 from sg-{:017x}, 10.{}.0.0/16", habit * 7 % 600, habit % 256);
    SecurityGroup {
        key,
        name: "filler".into(),
        vpc_id: "vpc-3".into(),
        rules: rules(&next),
        ..SecurityGroup::default()
    }
}

fn any_fleet() -> impl Strategy<Value = Inventory> {
    let ids = || prop::collection::vec(any_of(&IDS), 0..3);
    let texts = |texts: Vec<&str>| texts.into_iter().map(Into::into).collect::<Vec<_>>();
    let interface =
        ids().prop_map(move |ids| NetworkInterface { group_ids: texts(ids), ..NetworkInterface::default() });
    let user = (ids(), any_of(&NAMES)).prop_map(move |(ids, name)| GroupUser {
        kind: UserKind::LaunchTemplate,
        id: "lt-1".into(),
        name: "template".into(),
        group_ids: texts(ids),
        group_names: vec![name.into()],
    });
    let stale = (any_of(&IDS), any_of(&IDS))
        .prop_map(|(group, other)| StaleReference { group_id: group.into(), referenced_id: other.into() });
    let unread = (any_of(&ACCOUNTS), any_of(&["", "eu-west-1", "us-east-1"])).prop_map(|(account, region)| Coverage {
        account_id: account.into(),
        region: region.into(),
        status: CoverageStatus::Partial,
        ..Coverage::default()
    });
    let few = 0..3usize;
    (
        prop::collection::vec(any_group(), 0..40),
        prop_oneof![15 => Just(0usize), 1 => Just(600)],
        prop::collection::vec(interface, 0..8),
        prop::collection::vec(user, 0..2),
        prop::collection::vec(stale, few.clone()),
        prop::collection::vec(unread, few),
    )
        .prop_map(|(groups, fillers, interfaces, users, stale, coverage)| {
            let all = groups.into_iter().chain((0..fillers).map(filler));
            let by_key: BTreeMap<GroupKey, SecurityGroup> = all.map(|group| (group.key.clone(), group)).collect();
            let (groups, interfaces) = (by_key.into_values().collect(), Some(interfaces));
            Inventory { groups, interfaces, users, stale, coverage, ..Inventory::default() }
        })
}

/// Where the group is that a rule names: beside it, else anywhere in the account, else where no account is told.
fn target(fleet: &Inventory, group: &SecurityGroup, reference: &GroupReference) -> Option<usize> {
    let account = if reference.account.is_empty() { &group.key.account_id } else { &reference.account };
    let found = |account: &str, region: Option<&str>| {
        fleet.groups.iter().position(|other| {
            other.key.group_id == reference.id
                && other.key.account_id == account
                && region.is_none_or(|region| other.key.region == region)
        })
    };
    found(account, Some(&group.key.region)).or_else(|| found(account, None)).or_else(|| found("", None))
}

fn references(group: &SecurityGroup) -> impl Iterator<Item = &GroupReference> {
    group.rules.iter().filter_map(|rule| match &rule.peer {
        Peer::Group(reference) => Some(&**reference),
        _ => None,
    })
}

fn is_unread(fleet: &Inventory, account: &str, region: &str) -> bool {
    fleet.coverage.iter().any(|row| row.account_id == account && (row.region == region || row.region.is_empty()))
}

/// All groups that rules of others name.
fn referenced(fleet: &Inventory) -> BTreeSet<usize> {
    let of = |group: &SecurityGroup| {
        let others =
            references(group).filter(|reference| !reference.id.is_empty() && reference.id != group.key.group_id);
        others.filter_map(|reference| target(fleet, group, reference)).collect::<Vec<_>>()
    };
    fleet.groups.iter().flat_map(of).collect()
}

fn unused(fleet: &Inventory, referenced: &BTreeSet<usize>, index: usize) -> Status {
    let group = &fleet.groups[index];
    let user =
        |user: &GroupUser| user.group_ids.contains(&group.key.group_id) || user.group_names.contains(&group.name);
    let beside = |other: &SecurityGroup| {
        (&other.key.account_id, &other.key.region) == (&group.key.account_id, &group.key.region)
    };
    let is_used = is_attached(fleet, group) || fleet.users.iter().any(user) || referenced.contains(&index);
    if group.is_default() || is_used {
        Status::Pass
    } else if is_unread(fleet, &group.key.account_id, &group.key.region)
        || fleet.groups.iter().any(|other| beside(other) && other.unreadable.is_some())
    {
        Status::Unknown
    } else {
        Status::Fail
    }
}

fn is_attached(fleet: &Inventory, group: &SecurityGroup) -> bool {
    fleet.interfaces.iter().flatten().any(|interface| interface.group_ids.contains(&group.key.group_id))
}

fn default_in_use(fleet: &Inventory, group: &SecurityGroup) -> Status {
    match (group.is_default(), is_attached(fleet, group)) {
        (true, true) => Status::Fail,
        (true, false) if is_unread(fleet, &group.key.account_id, &group.key.region) => Status::Unknown,
        _ => Status::Pass,
    }
}

fn stale(fleet: &Inventory, group: &SecurityGroup) -> Status {
    let mut worst = Status::Pass;
    for reference in references(group) {
        let is_stale = |row: &StaleReference| row.group_id == group.key.group_id && row.referenced_id == reference.id;
        if fleet.stale.iter().any(is_stale) {
            return Status::Fail;
        }
        if reference.id.is_empty() || target(fleet, group, reference).is_some() {
            continue;
        }
        let account = if reference.account.is_empty() { &group.key.account_id } else { &reference.account };
        if is_unread(fleet, account, &group.key.region) {
            worst = Status::Unknown;
        } else if fleet
            .groups
            .iter()
            .any(|other| (&other.key.account_id, &other.key.region) == (account, &group.key.region))
        {
            return Status::Fail;
        }
    }
    worst
}

/// Each port and each atom of peers that a group admits.
fn admitted(group: &SecurityGroup) -> BTreeSet<(Direction, u32, String)> {
    let mut admitted = BTreeSet::new();
    for rule in &group.rules {
        let services = rule.services.interval();
        let atoms: Vec<String> = match &rule.peer {
            Peer::Group(reference) => {
                let name = if reference.id.is_empty() { &reference.name } else { &reference.id };
                let own = reference.account.is_empty() || reference.account == group.key.account_id;
                let is_self = own && *name == group.key.group_id;
                vec![if is_self { "self".to_owned() } else { format!("{}/{name}", reference.account) }]
            }
            peer if peer.to_string() == PEERS[0] => PEERS[1..3].iter().map(ToString::to_string).collect(),
            peer => vec![peer.to_string()],
        };
        for service in services.low..=services.high {
            admitted.extend(atoms.iter().map(|atom| (rule.direction, service, atom.clone())));
        }
    }
    admitted
}

fn duplicate(fleet: &Inventory, index: usize) -> Status {
    let group = &fleet.groups[index];
    let compared = |group: &SecurityGroup| {
        let admits = group.rules.iter().any(|rule| rule.direction == Direction::Ingress);
        admits && !group.is_default() && group.unreadable.is_none()
    };
    let whereabouts =
        |group: &SecurityGroup| (group.key.account_id.clone(), group.key.region.clone(), group.vpc_id.clone());
    let is_twin = |(other, twin): (usize, &SecurityGroup)| {
        other != index && compared(twin) && whereabouts(twin) == whereabouts(group) && admitted(twin) == admitted(group)
    };
    let others = fleet.groups.iter().enumerate();
    if compared(group) && others.into_iter().any(is_twin) { Status::Fail } else { Status::Pass }
}

/// What the four controls say of a group, one after the other.
fn expected(fleet: &Inventory, referenced: &BTreeSet<usize>, index: usize) -> [Status; 4] {
    let group = &fleet.groups[index];
    if group.key.account_id == DISABLED {
        return [Status::Pass; 4];
    }
    let is_scoped_out = group.key.account_id == ACCOUNTS[2];
    if group.unreadable.is_some() {
        let twin = if is_scoped_out { Status::Pass } else { Status::Unknown };
        return [Status::Unknown, Status::Unknown, Status::Unknown, twin];
    }
    let twin = if is_scoped_out { Status::Pass } else { duplicate(fleet, index) };
    [unused(fleet, referenced, index), default_in_use(fleet, group), stale(fleet, group), twin]
}

/// A reference to the group's own id in another account is taken for one to itself, unless something else is amiss.
fn is_plain(group: &SecurityGroup) -> bool {
    let foreign = |reference: &GroupReference| {
        let account = &reference.account;
        reference.id == group.key.group_id && !account.is_empty() && *account != group.key.account_id
    };
    !references(group).any(foreign)
}

#[expect(clippy::disallowed_methods, reason = "the core starts no threads, but what calls it does")]
fn judged(evaluator: &Evaluator<'_>, groups: usize, share: usize) -> Vec<[Status; 4]> {
    let shares: Vec<_> = (0..groups).step_by(share).map(|start| start..(start + share).min(groups)).collect();
    let judge = |offset: usize| {
        let own = shares.iter().skip(offset).step_by(2).cloned();
        own.map(|range| (range.clone(), evaluator.verdicts(range))).collect::<Vec<_>>()
    };
    let mut all = std::thread::scope(|scope| {
        let other = scope.spawn(|| judge(1));
        let mut all = judge(0);
        all.extend(other.join().unwrap());
        all
    });
    all.sort_by_key(|(range, _)| range.start);
    let of_group = |(range, verdicts): &(std::ops::Range<usize>, portcullis_core::evaluate::Verdicts)| {
        range.clone().map(|group| [0, 1, 2, 3].map(|control| verdicts.status(group, control))).collect::<Vec<_>>()
    };
    all.iter().flat_map(of_group).collect()
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn what_stands_around_groups_is_found(fleet in any_fleet(), share in 1usize..400) {
        let policies = policies();
        let evaluator = Evaluator::new(&fleet, &policies, now(), Options::default());
        // Of many fillers not each is worth the naive search.
        let asked = |index: &usize| fleet.groups[*index].name != "filler" || index.is_multiple_of(37);
        let referenced = referenced(&fleet);
        let found = judged(&evaluator, fleet.groups.len(), share);
        for index in (0..fleet.groups.len()).filter(asked) {
            let (mut found, mut expected) = (found[index], expected(&fleet, &referenced, index));
            if !is_plain(&fleet.groups[index]) {
                (found[2], expected[2]) = (Status::Pass, Status::Pass);
            }
            prop_assert_eq!(found, expected, "{:?}", fleet.groups[index]);
        }
    }
}
