//! Indices over an inventory, made once for all groups, as far as the wanted controls ask for them.

mod twins;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use compact_str::CompactString;
use foldhash::{HashSet, HashSetExt as _};

use crate::controls::Hygiene;
use crate::model::{Coverage, GroupReference, Inventory, Peer, SecurityGroup};
use twins::Twins;

/// What is known of a group from what stands around it; one bit each.
type Marks = u8;
const ATTACHED: Marks = 1;
const REFERENCED: Marks = 2;
const DANGLING: Marks = 4;
const USED: Marks = 8;

/// What one pass over the inventory told about each group. What no wanted control asks for is not looked up.
#[derive(Debug)]
pub struct Surroundings<'a> {
    inventory: &'a Inventory,
    /// For each group; empty where nothing was asked for.
    marks: Vec<Marks>,
    /// For each group the beginning of its id; empty where nobody asked for references.
    beginnings: Vec<u128>,
    /// Accounts and Regions that were not read whole, by both; an empty Region stands for the whole account.
    troubles: HashMap<(&'a str, &'a str), &'a Coverage>,
    places: Vec<Place<'a>>,
    /// For each group its place in `places`; empty where nobody asked for twins.
    place_of: Vec<usize>,
    /// References that AWS calls stale: the group, and the one that it names.
    stale: HashSet<(&'a str, &'a str)>,
}

/// The groups of one account and Region: neighbours, since the inventory is sorted.
#[derive(Debug)]
struct Place<'a> {
    account: &'a str,
    region: &'a str,
    groups: Range<usize>,
    /// A group there whose rules could not be read.
    unreadable: Option<usize>,
    /// Made when first asked for, by whoever judges the groups.
    twins: OnceLock<Twins>,
}

/// Where a referenced group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts<'a> {
    /// It was read.
    Known,
    /// It is not where it would have to be.
    Gone,
    /// AWS says that it is gone, or that the peering connection to it is.
    Stale,
    /// It would have to be where something could not be read.
    Unread(&'a Coverage),
    /// It is where nothing was read, such as a partner's account.
    Elsewhere,
}

impl<'a> Surroundings<'a> {
    /// Reads the inventory once, as far as these controls need it.
    pub fn of<'w>(inventory: &'a Inventory, wanted: impl IntoIterator<Item = &'w Hygiene>) -> Self {
        let (mut interfaces, mut users, mut references, mut duplicates) = (false, false, false, false);
        for control in wanted {
            interfaces |= matches!(control, Hygiene::UnusedGroup | Hygiene::DefaultGroupInUse);
            users |= matches!(control, Hygiene::UnusedGroup);
            references |= matches!(control, Hygiene::UnusedGroup | Hygiene::StaleReference);
            duplicates |= matches!(control, Hygiene::DuplicateGroup);
        }
        let (marks, beginnings, places, place_of) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut made =
            Self { inventory, marks, beginnings, troubles: HashMap::new(), places, place_of, stale: HashSet::new() };
        if interfaces || references || duplicates {
            made.places = places_of(&inventory.groups);
        }
        if interfaces || references {
            made.marks = vec![0; inventory.groups.len()];
            made.troubles = troubles_of(inventory);
        }
        if interfaces {
            made.mark_attached();
        }
        if users {
            made.mark_used();
        }
        if references {
            let pairs = inventory.stale.iter().map(|stale| (stale.group_id.as_str(), stale.referenced_id.as_str()));
            made.stale = pairs.collect();
            made.beginnings = inventory.groups.iter().map(|group| beginning(&group.key.group_id)).collect();
            made.mark_references();
        }
        if duplicates {
            let of = |(at, place): (usize, &Place<'_>)| std::iter::repeat_n(at, place.groups.len());
            made.place_of = made.places.iter().enumerate().flat_map(of).collect();
        }
        made
    }

    /// Whether the group at this place of the inventory is on an interface.
    pub fn is_attached(&self, index: usize) -> bool {
        self.is_marked(index, ATTACHED)
    }

    /// Whether something without an interface uses the group at this place of the inventory: a launch template, a load
    /// balancer, a function, a database, or a group of a peered VPC.
    pub fn is_used(&self, index: usize) -> bool {
        self.is_marked(index, USED)
    }

    /// Whether a rule of another group names the group at this place of the inventory.
    pub fn is_referenced(&self, index: usize) -> bool {
        self.is_marked(index, REFERENCED)
    }

    /// Whether the group at this place of the inventory names a group that was not read, or that AWS calls stale.
    pub fn names_unread_groups(&self, index: usize) -> bool {
        self.is_marked(index, DANGLING)
    }

    /// Whether another group admits what the group at this place of the inventory admits.
    pub fn has_twin(&self, index: usize) -> bool {
        !self.class_of(index).is_empty()
    }

    /// The other groups that admit what the group at this place of the inventory admits, in the inventory's order.
    pub fn twins(&self, index: usize) -> impl Iterator<Item = &'a SecurityGroup> {
        let others = self.class_of(index).iter().filter(move |other| **other != index);
        others.filter_map(|other| self.inventory.groups.get(*other))
    }

    fn class_of(&self, index: usize) -> &[usize] {
        let Some(place) = self.place_of.get(index).and_then(|place| self.places.get(*place)) else { return &[] };
        place.twins.get_or_init(|| Twins::of(self.inventory, place.groups.clone())).of_group(index)
    }

    /// What could not be read of a group's account and Region, so that what uses it may not have been seen.
    pub fn unread_around(&self, group: &SecurityGroup) -> Option<&'a Coverage> {
        self.trouble(&group.key.account_id, &group.key.region)
    }

    /// A group of a group's account and Region whose rules are not known, so that they may name it.
    pub fn unreadable_around(&self, group: &SecurityGroup) -> Option<&'a SecurityGroup> {
        let unreadable = self.place(&group.key.account_id, &group.key.region)?.unreadable?;
        self.inventory.groups.get(unreadable)
    }

    /// Where a group is that a rule of `group` names.
    pub fn whereabouts(&self, group: &SecurityGroup, reference: &GroupReference) -> Whereabouts<'a> {
        if self.stale.contains(&(group.key.group_id.as_str(), reference.id.as_str())) {
            return Whereabouts::Stale;
        }
        // References by name alone are EC2-Classic's; there is no id to look up.
        if reference.id.is_empty() || self.find(group, reference).is_some() {
            return Whereabouts::Known;
        }
        let Some(account) = self.owner(group, reference) else { return Whereabouts::Elsewhere };
        // A rule can only name a group of its own Region.
        let region = group.key.region.as_str();
        match self.trouble(account, region) {
            Some(coverage) => Whereabouts::Unread(coverage),
            None if self.place(account, region).is_some() => Whereabouts::Gone,
            None => Whereabouts::Elsewhere,
        }
    }

    fn is_marked(&self, index: usize, mark: Marks) -> bool {
        self.marks.get(index).is_some_and(|marks| marks & mark != 0)
    }

    fn trouble(&self, account: &str, region: &str) -> Option<&'a Coverage> {
        if self.troubles.is_empty() {
            return None;
        }
        self.troubles.get(&(account, region)).or_else(|| self.troubles.get(&(account, ""))).copied()
    }

    fn place(&self, account: &str, region: &str) -> Option<&Place<'a>> {
        let found = self.places.binary_search_by(|place| (place.account, place.region).cmp(&(account, region)));
        found.ok().and_then(|found| self.places.get(found))
    }

    fn mark_attached(&mut self) {
        let on_interfaces = self.inventory.interfaces.iter().flatten().flat_map(|interface| &interface.group_ids);
        let mut attached: HashSet<&str> = HashSet::with_capacity(self.inventory.groups.len());
        attached.extend(on_interfaces.map(CompactString::as_str));
        if attached.is_empty() {
            return;
        }
        for (marks, group) in self.marks.iter_mut().zip(&self.inventory.groups) {
            if attached.contains(group.key.group_id.as_str()) {
                *marks |= ATTACHED;
            }
        }
    }

    /// A launch template may name groups by name alone. Names repeat; all groups that have one count, lest a group is
    /// called unused that is not.
    fn mark_used(&mut self) {
        let users = &self.inventory.users;
        let ids: HashSet<&str> = users.iter().flat_map(|user| &user.group_ids).map(|id| id.as_str()).collect();
        let names: HashSet<&str> = users.iter().flat_map(|user| &user.group_names).map(|name| name.as_str()).collect();
        if ids.is_empty() && names.is_empty() {
            return;
        }
        for (marks, group) in self.marks.iter_mut().zip(&self.inventory.groups) {
            if ids.contains(group.key.group_id.as_str()) || names.contains(group.name.as_str()) {
                *marks |= USED;
            }
        }
    }

    fn mark_references(&mut self) {
        let mut marks = std::mem::take(&mut self.marks);
        let stale: HashSet<&str> = self.stale.iter().map(|(group, _)| *group).collect();
        if !stale.is_empty() {
            for (marks, group) in marks.iter_mut().zip(&self.inventory.groups) {
                *marks |= if stale.contains(group.key.group_id.as_str()) { DANGLING } else { 0 };
            }
        }
        let mut mark = |index: usize, mark: Marks| marks.get_mut(index).into_iter().for_each(|marks| *marks |= mark);
        for place in &self.places {
            let groups = self.inventory.groups.iter().enumerate().skip(place.groups.start).take(place.groups.len());
            for (index, group) in groups {
                for rule in &group.rules {
                    let Peer::Group(reference) = &rule.peer else { continue };
                    // Many references are to the group itself; they need no search.
                    if reference.id.is_empty() || reference.id == group.key.group_id {
                        continue;
                    }
                    let near = reference.account.is_empty() || reference.account == place.account;
                    let near = if near { self.within(place, &reference.id) } else { None };
                    match near.or_else(|| self.find(group, reference)) {
                        Some(found) => mark(found, REFERENCED),
                        None => mark(index, DANGLING),
                    }
                }
            }
        }
        self.marks = marks;
    }

    /// The place in the inventory of a group of an account and Region.
    fn within(&self, place: &Place<'_>, id: &str) -> Option<usize> {
        let wanted = beginning(id);
        let beginnings = self.beginnings.get(place.groups.clone())?;
        let first = beginnings.partition_point(|own| *own < wanted);
        let rest = beginnings.get(first..)?;
        let first = place.groups.start + first;
        // Ids of AWS differ in their beginnings; others are told apart by what follows.
        if rest.get(1) != Some(&wanted) {
            return (self.inventory.groups.get(first)?.key.group_id == id && rest.first() == Some(&wanted))
                .then_some(first);
        }
        let alike = rest.partition_point(|own| *own == wanted);
        let groups = self.inventory.groups.get(first..first + alike)?;
        let found = groups.binary_search_by(|group| group.key.group_id.as_str().cmp(id)).ok()?;
        Some(first + found)
    }

    /// The place in the inventory of a group that a rule of `group` names.
    ///
    /// A search in the account and Region of the rule, which are few and near, instead of one table of all groups.
    fn find(&self, group: &SecurityGroup, reference: &GroupReference) -> Option<usize> {
        let own = group.key.account_id.as_str();
        let account = if reference.account.is_empty() { own } else { reference.account.as_str() };
        let within = |place: &Place<'_>| self.within(place, &reference.id);
        if let Some(found) = self.place(account, &group.key.region).and_then(within) {
            return Some(found);
        }
        // Sources differ in what they tell: another one may have left out the Region, or the account.
        let of = |account: &'_ str| {
            let first = self.places.partition_point(|place| place.account < account);
            let rest = self.places.get(first..).unwrap_or_default();
            rest.iter().take_while(|place| place.account == account).find_map(within)
        };
        of(account).or_else(|| if account.is_empty() { None } else { of("") })
    }

    /// The account that a referenced group must be in, if that can be told.
    fn owner<'g>(&self, group: &'g SecurityGroup, reference: &'g GroupReference) -> Option<&'g str>
    where
        'a: 'g,
    {
        if !reference.account.is_empty() {
            return Some(&reference.account);
        }
        let foreign = !reference.vpc_id.is_empty() && reference.vpc_id != group.vpc_id;
        if foreign || !reference.peering_id.is_empty() {
            let vpc = self.inventory.vpcs.get(&reference.vpc_id)?;
            return Some(vpc.owner_id.as_str()).filter(|owner| !owner.is_empty());
        }
        Some(&group.key.account_id)
    }
}

/// The first 16 bytes of an id as a number, so that numbers are ordered as ids are, apart from those that begin alike.
fn beginning(id: &str) -> u128 {
    let mut bytes = [0; 16];
    match id.as_bytes().first_chunk() {
        Some(beginning) => bytes = *beginning,
        None => bytes.iter_mut().zip(id.bytes()).for_each(|(byte, own)| *byte = own),
    }
    u128::from_be_bytes(bytes)
}

fn places_of(groups: &[SecurityGroup]) -> Vec<Place<'_>> {
    let same =
        |a: &SecurityGroup, b: &SecurityGroup| a.key.region == b.key.region && a.key.account_id == b.key.account_id;
    let mut places = Vec::new();
    let mut start = 0;
    for run in groups.chunk_by(same) {
        let Some(first) = run.first() else { continue };
        let unreadable = run.iter().position(|group| group.unreadable.is_some()).map(|place| start + place);
        let (account, region) = (first.key.account_id.as_str(), first.key.region.as_str());
        let groups = start..start + run.len();
        places.push(Place { account, region, groups, unreadable, twins: OnceLock::new() });
        start += run.len();
    }
    places
}

fn troubles_of(inventory: &Inventory) -> HashMap<(&str, &str), &Coverage> {
    let rows = inventory.coverage.iter().filter(|row| row.status.is_unread());
    rows.map(|row| ((row.account_id.as_str(), row.region.as_str()), row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CoverageStatus, Vpc};
    use crate::testing::{ACCOUNT, REGION, group, inventory};

    const OTHER: &str = "444455556666";

    /// Where a reference of `sg-a` leads, in an inventory of two accounts.
    fn check(reference: GroupReference, expected: &str) {
        let groups = [
            group("sg-a", ""),
            group("sg-b", ""),
            group("sg-c", "").owned_by(OTHER),
            group("sg-d", "").owned_by(OTHER).in_region("us-east-1"),
            group("sg-e", "").owned_by("").in_region("unknown"),
        ];
        let mut inventory = inventory(groups).with_coverage("777788889999", REGION, CoverageStatus::Unread);
        inventory.vpcs.insert("vpc-2".into(), Vpc { owner_id: OTHER.into(), ..Vpc::default() });
        let surroundings = Surroundings::of(&inventory, &[Hygiene::StaleReference]);
        let found = match surroundings.whereabouts(&group("sg-a", ""), &reference) {
            Whereabouts::Known => "known",
            Whereabouts::Gone => "gone",
            Whereabouts::Stale => "stale",
            Whereabouts::Unread(_) => "unread",
            Whereabouts::Elsewhere => "elsewhere",
        };
        assert_eq!(found, expected, "{reference:?}");
    }

    fn to(account: &str, id: &str) -> GroupReference {
        GroupReference { account: account.into(), id: id.into(), ..GroupReference::default() }
    }

    #[test]
    fn groups_are_looked_up_where_they_must_be() {
        check(to("", "sg-a"), "known");
        check(to(ACCOUNT, "sg-b"), "known");
        check(to("", "sg-x"), "gone");
        check(to(ACCOUNT, "sg-x"), "gone");
        check(to(ACCOUNT, "sg-c"), "gone"); // another account's
        check(to(OTHER, "sg-c"), "known");
        check(to(OTHER, "sg-x"), "gone");
        check(to("", ""), "known"); // EC2-Classic, by name
    }

    #[test]
    fn what_was_not_read_cannot_be_missed() {
        check(to("888888888888", "sg-x"), "elsewhere");
        check(to("777788889999", "sg-x"), "unread");
        check(GroupReference { peering_id: "pcx-1".into(), ..to("", "sg-x") }, "elsewhere");
        check(GroupReference { vpc_id: "vpc-9".into(), ..to("", "sg-x") }, "elsewhere");
        check(GroupReference { vpc_id: "vpc-2".into(), ..to("", "sg-x") }, "gone"); // a VPC whose owner was read
        check(GroupReference { peering_id: "pcx-1".into(), ..to(ACCOUNT, "sg-x") }, "gone");
    }

    #[test]
    fn sources_may_leave_out_account_or_region() {
        check(to(OTHER, "sg-d"), "known"); // another Region's label
        check(to(ACCOUNT, "sg-e"), "known");
        check(to("", "sg-e"), "known");
    }

    #[test]
    fn marks_are_made_only_where_wanted() {
        let inventory =
            inventory([group("sg-a", "ingress tcp 22 from sg-b"), group("sg-b", "")]).with_interface(&["sg-a"]);
        let none = Surroundings::of(&inventory, &[Hygiene::LaunchWizardGroup]);
        assert!(!none.is_attached(0) && !none.is_referenced(1));
        let some = Surroundings::of(&inventory, &[Hygiene::UnusedGroup]);
        assert!(some.is_attached(0) && !some.is_attached(1) && some.is_referenced(1) && !some.is_referenced(0));
    }
}
