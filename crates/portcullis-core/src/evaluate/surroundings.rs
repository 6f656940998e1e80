//! What stands around a group: indices over an inventory, as far as the wanted controls ask for them.
//!
//! The inventory is walked once, in pieces and in any order, by whoever judges it. What the walk leaves behind is only
//! whole when all pieces were walked.

mod find;
mod ids;
mod twins;

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use foldhash::HashSet;

use crate::controls::Hygiene;
use crate::model::{Coverage, Inventory, Peer, SecurityGroup};
pub use find::Whereabouts;
use find::{Places, Troubles};
use ids::Ids;
use twins::{Twins, outline_of};

/// What the walk tells of a group; one bit each.
type Marks = u8;
const REFERENCED: Marks = 1;
const DANGLING: Marks = 2;
const ATTACHED: Marks = 4;

/// What the wanted controls ask for. What none asks for is not looked up.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    interfaces: bool,
    users: bool,
    references: bool,
    duplicates: bool,
}

/// What is known of the groups from what stands around them.
#[derive(Debug)]
pub struct Surroundings<'a> {
    inventory: &'a Inventory,
    wanted: Wanted,
    places: Places<'a>,
    troubles: Troubles<'a>,
    /// For each group what the rules of all groups tell of it; empty where nobody asked for references.
    marks: Vec<AtomicU8>,
    /// For each group the outline of its traffic; empty where nobody asked for twins.
    outlines: Vec<AtomicU64>,
    /// For each place its twins, made when first asked for.
    twins: Vec<OnceLock<Twins>>,
    /// The groups on interfaces, made when first asked for.
    attached: OnceLock<Ids>,
    /// What uses groups without an interface, by the groups' ids and names.
    used: [HashSet<&'a str>; 2],
    /// References that AWS calls stale: the group, and the one that it names.
    stale: HashSet<(&'a str, &'a str)>,
    stale_in: HashSet<&'a str>,
}

impl<'a> Surroundings<'a> {
    /// Reads the inventory once, as far as these controls need it.
    pub fn of<'w>(inventory: &'a Inventory, wanted: impl IntoIterator<Item = &'w Hygiene>) -> Self {
        let made = Self::to_walk(inventory, wanted);
        made.walk(0..inventory.groups.len());
        made
    }

    /// What can be told before the groups' rules were walked.
    pub(super) fn to_walk<'w>(inventory: &'a Inventory, controls: impl IntoIterator<Item = &'w Hygiene>) -> Self {
        let mut wanted = Wanted::default();
        for control in controls {
            wanted.interfaces |= matches!(control, Hygiene::UnusedGroup | Hygiene::DefaultGroupInUse);
            wanted.users |= matches!(control, Hygiene::UnusedGroup);
            wanted.references |= matches!(control, Hygiene::UnusedGroup | Hygiene::StaleReference);
            wanted.duplicates |= matches!(control, Hygiene::DuplicateGroup);
        }
        let Wanted { interfaces, users, references, duplicates } = wanted;
        let places = if references || duplicates { Places::of(&inventory.groups) } else { Places::default() };
        let troubles = if interfaces || references { Troubles::of(inventory) } else { Troubles::default() };
        let count = |wanted: bool| if wanted { inventory.groups.len() } else { 0 };
        let stale = || inventory.stale.iter().filter(move |_| references);
        let users = || inventory.users.iter().filter(move |_| users);
        Self {
            inventory,
            wanted,
            troubles,
            marks: (0..count(references)).map(|_| AtomicU8::new(0)).collect(),
            outlines: (0..count(duplicates)).map(|_| AtomicU64::new(0)).collect(),
            twins: if duplicates { places.iter().map(|_| OnceLock::new()).collect() } else { Vec::new() },
            places,
            attached: OnceLock::new(),
            used: [
                users().flat_map(|user| &user.group_ids).map(|id| id.as_str()).collect(),
                users().flat_map(|user| &user.group_names).map(|name| name.as_str()).collect(),
            ],
            stale: stale().map(|stale| (stale.group_id.as_str(), stale.referenced_id.as_str())).collect(),
            stale_in: stale().map(|stale| stale.group_id.as_str()).collect(),
        }
    }

    /// Whether what is asked for hangs on the rules of other groups, so that all must be walked first.
    pub(super) fn needs_walk(&self) -> bool {
        self.wanted.references || self.wanted.duplicates
    }

    /// Reads the rules of some groups. Each group is to be walked once.
    pub(super) fn walk(&self, range: Range<usize>) {
        if !self.needs_walk() {
            return;
        }
        for (index, group) in range.clone().zip(self.inventory.groups.get(range).unwrap_or_default()) {
            if self.wanted.references {
                self.follow(index, group);
            }
            if let Some(outline) = self.outlines.get(index) {
                outline.store(outline_of(group, self.inventory), Ordering::Relaxed);
            }
        }
    }

    /// Marks the groups that a group's rules name, and the group if they name one that was not read.
    fn follow(&self, index: usize, group: &'a SecurityGroup) {
        let id = group.key.group_id.as_str();
        if !self.stale_in.is_empty() && self.stale_in.contains(id) {
            self.mark(index, DANGLING);
        }
        for rule in &group.rules {
            let Peer::Group(reference) = &rule.peer else { continue };
            // Many references are to the group itself; they need no search.
            if reference.id.is_empty() || reference.id == id {
                continue;
            }
            match self.find_near(index, group, reference) {
                Some(found) => self.mark(found, REFERENCED),
                None => self.mark(index, DANGLING),
            }
        }
    }

    fn mark(&self, index: usize, mark: Marks) {
        // A look first: many rules name the same groups, and writing takes them from other threads.
        if let Some(marks) = self.marks.get(index).filter(|marks| marks.load(Ordering::Relaxed) & mark == 0) {
            marks.fetch_or(mark, Ordering::Relaxed);
        }
    }

    fn is_marked(&self, index: usize, mark: Marks) -> bool {
        self.marks.get(index).is_some_and(|marks| marks.load(Ordering::Relaxed) & mark != 0)
    }

    /// Reads the interfaces, if that is wanted and was not done.
    pub(super) fn attached(&self) -> &Ids {
        self.attached.get_or_init(|| {
            let interfaces = self.inventory.interfaces.iter().flatten().filter(|_| self.wanted.interfaces);
            // Most groups are on an interface, and most interfaces carry one group.
            let mut ids = Ids::with_capacity(if self.wanted.interfaces { self.inventory.groups.len() } else { 0 });
            interfaces.flat_map(|interface| &interface.group_ids).for_each(|id| ids.insert(id));
            ids
        })
    }

    /// Looks up which of some groups are on interfaces. The table is larger than what the processor keeps at hand, and
    /// looking up many groups one after the other it waits for all of them at once.
    pub(super) fn mark_attached(&self, range: Range<usize>) {
        if self.wanted.interfaces && !self.marks.is_empty() {
            let ids = self.attached();
            for (index, group) in range.clone().zip(self.inventory.groups.get(range).unwrap_or_default()) {
                if ids.contains(&group.key.group_id) {
                    self.mark(index, ATTACHED);
                }
            }
        }
    }

    /// Whether the group at this place of the inventory is on an interface.
    pub fn is_attached(&self, index: usize) -> bool {
        if self.is_marked(index, ATTACHED) {
            return true;
        }
        self.inventory.groups.get(index).is_some_and(|group| self.attached().contains(&group.key.group_id))
    }

    /// Whether something without an interface uses the group at this place of the inventory: a launch template, a load
    /// balancer, a function, a database, or a group of a peered VPC.
    ///
    /// A launch template may name groups by name alone. Names repeat; all groups that have one count, lest a group is
    /// called unused that is not.
    pub fn is_used(&self, index: usize) -> bool {
        let [ids, names] = &self.used;
        let is_used =
            |group: &SecurityGroup| ids.contains(group.key.group_id.as_str()) || names.contains(group.name.as_str());
        !(ids.is_empty() && names.is_empty()) && self.inventory.groups.get(index).is_some_and(is_used)
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
        let Some(at) = self.places.at(index) else { return &[] };
        let (Some(place), Some(twins)) = (self.places.get(at), self.twins.get(at)) else { return &[] };
        let make = || {
            let outlines = self.outlines.get(place.groups.clone()).unwrap_or_default();
            let outlines = outlines.iter().map(|outline| outline.load(Ordering::Relaxed));
            Twins::of(self.inventory, place.groups.clone(), outlines)
        };
        twins.get_or_init(make).of_group(index)
    }

    /// What could not be read of a group's account and Region, so that what uses it may not have been seen.
    pub fn unread_around(&self, group: &SecurityGroup) -> Option<&'a Coverage> {
        self.troubles.of_place(&group.key.account_id, &group.key.region)
    }

    /// A group of a group's account and Region whose rules are not known, so that they may name it.
    pub fn unreadable_around(&self, group: &SecurityGroup) -> Option<&'a SecurityGroup> {
        let place = self.places.named(&group.key.account_id, &group.key.region)?;
        place.unreadable(self.inventory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CoverageStatus, GroupReference, Vpc};
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
