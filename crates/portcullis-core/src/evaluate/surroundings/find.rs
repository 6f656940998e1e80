//! Looking up groups where they would have to be.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use super::Surroundings;
use crate::model::{Coverage, GroupReference, Inventory, SecurityGroup};

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

/// The groups of one account and Region: neighbours, since the inventory is sorted.
#[derive(Debug)]
pub(super) struct Place<'a> {
    account: &'a str,
    region: &'a str,
    pub(super) groups: Range<usize>,
    /// For each group the beginning of its id, made when first asked for.
    beginnings: OnceLock<Box<[u64]>>,
    /// The first group whose rules could not be read, looked for when first asked for.
    unreadable: OnceLock<Option<usize>>,
}

/// All accounts and Regions of an inventory, in its order.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    all: Vec<Place<'a>>,
    /// For each group its place.
    of_groups: Vec<u32>,
}

/// Accounts and Regions that were not read whole, by both; an empty Region stands for the whole account.
#[derive(Debug, Default)]
pub(super) struct Troubles<'a>(HashMap<(&'a str, &'a str), &'a Coverage>);

impl<'a> Troubles<'a> {
    pub(super) fn of(inventory: &'a Inventory) -> Self {
        let rows = inventory.coverage.iter().filter(|row| row.status.is_unread());
        Self(rows.map(|row| ((row.account_id.as_str(), row.region.as_str()), row)).collect())
    }

    pub(super) fn of_place(&self, account: &str, region: &str) -> Option<&'a Coverage> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(account, region)).or_else(|| self.0.get(&(account, ""))).copied()
    }
}

impl<'a> Places<'a> {
    pub(super) fn of(groups: &'a [SecurityGroup]) -> Self {
        let same =
            |a: &SecurityGroup, b: &SecurityGroup| a.key.region == b.key.region && a.key.account_id == b.key.account_id;
        let (mut all, mut of_groups) = (Vec::new(), Vec::with_capacity(groups.len()));
        let mut start = 0;
        for (number, run) in (0..).zip(groups.chunk_by(same)) {
            let Some(first) = run.first() else { continue };
            let (account, region) = (first.key.account_id.as_str(), first.key.region.as_str());
            let groups = start..start + run.len();
            all.push(Place { account, region, groups, beginnings: OnceLock::new(), unreadable: OnceLock::new() });
            of_groups.extend(std::iter::repeat_n(number, run.len()));
            start += run.len();
        }
        Self { all, of_groups }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Place<'a>> {
        self.all.iter()
    }

    /// The number of the place of a group of the inventory.
    pub(super) fn at(&self, group: usize) -> Option<usize> {
        self.of_groups.get(group).and_then(|place| usize::try_from(*place).ok())
    }

    pub(super) fn get(&self, number: usize) -> Option<&Place<'a>> {
        self.all.get(number)
    }

    pub(super) fn named(&self, account: &str, region: &str) -> Option<&Place<'a>> {
        let found = self.all.binary_search_by(|place| (place.account, place.region).cmp(&(account, region)));
        found.ok().and_then(|found| self.all.get(found))
    }

    fn of_account<'p>(&'p self, account: &'p str) -> impl Iterator<Item = &'p Place<'a>> {
        let first = self.all.partition_point(|place| place.account < account);
        let rest = self.all.get(first..).unwrap_or_default();
        rest.iter().take_while(move |place| place.account == account)
    }
}

impl Place<'_> {
    pub(super) fn unreadable<'a>(&self, inventory: &'a Inventory) -> Option<&'a SecurityGroup> {
        let groups = inventory.groups.get(self.groups.clone())?;
        let place = *self.unreadable.get_or_init(|| groups.iter().position(|group| group.unreadable.is_some()));
        groups.get(place?)
    }

    /// The place in the inventory of a group with this id.
    fn group(&self, id: &str, inventory: &Inventory) -> Option<usize> {
        let groups = inventory.groups.get(self.groups.clone())?;
        let beginnings =
            self.beginnings.get_or_init(|| groups.iter().map(|group| beginning(&group.key.group_id)).collect());
        let wanted = beginning(id);
        let first = beginnings.partition_point(|own| *own < wanted);
        let rest = beginnings.get(first..)?;
        let mut alike = rest.iter().zip(groups.get(first..)?).take_while(|(own, _)| **own == wanted);
        // Ids of AWS differ in their beginnings; others are told apart by what follows.
        alike.position(|(_, group)| group.key.group_id == id).map(|more| self.groups.start + first + more)
    }
}

impl<'a> Surroundings<'a> {
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
        match self.troubles.of_place(account, region) {
            Some(coverage) => Whereabouts::Unread(coverage),
            None if self.places.named(account, region).is_some() => Whereabouts::Gone,
            None => Whereabouts::Elsewhere,
        }
    }

    /// The place in the inventory of a group that a rule of the group at `index` names: most are next to it.
    pub(super) fn find_near(&self, index: usize, group: &SecurityGroup, reference: &GroupReference) -> Option<usize> {
        let is_near = reference.account.is_empty() || reference.account == group.key.account_id;
        let place = self.places.at(index).filter(|_| is_near).and_then(|at| self.places.get(at));
        let near = place.and_then(|place| place.group(&reference.id, self.inventory));
        near.or_else(|| self.find(group, reference))
    }

    /// The place in the inventory of a group that a rule of `group` names.
    ///
    /// A search in the account and Region of the rule, which are few and near, instead of one table of all groups.
    fn find(&self, group: &SecurityGroup, reference: &GroupReference) -> Option<usize> {
        let own = group.key.account_id.as_str();
        let account = if reference.account.is_empty() { own } else { reference.account.as_str() };
        let within = |place: &Place<'_>| place.group(&reference.id, self.inventory);
        if let Some(found) = self.places.named(account, &group.key.region).and_then(within) {
            return Some(found);
        }
        // Sources differ in what they tell: another one may have left out the Region, or the account.
        let of = |account: &str| self.places.of_account(account).find_map(within);
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

/// Eight bytes of an id after what nearly all ids begin with, as a number: an id before another one never has a higher
/// number, and ids that begin alike may have the same.
fn beginning(id: &str) -> u64 {
    const USUAL: &str = "sg-";
    let Some(rest) = id.strip_prefix(USUAL) else {
        return if id < USUAL { 0 } else { u64::MAX };
    };
    match rest.as_bytes().first_chunk() {
        Some(beginning) => u64::from_be_bytes(*beginning),
        None => {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(rest.bytes()).for_each(|(byte, own)| *byte = own);
            u64::from_be_bytes(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::beginning;

    #[test]
    fn beginnings_are_ordered_as_ids_are() {
        let mut ids = [
            "",
            "a",
            "sg",
            "sg+",
            "sg-",
            "sg-0",
            "sg-01234567",
            "sg-012345678",
            "sg-01234567a",
            "sg-a",
            "sg-b",
            "sg.",
            "t",
            "sg-\u{10ffff}",
            "sg-\0",
            "sg-0\0",
            "sh-0",
        ];
        ids.sort_unstable();
        assert!(ids.is_sorted_by_key(|id| beginning(id)), "{ids:?}");
    }
}
