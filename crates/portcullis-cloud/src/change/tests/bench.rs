//! One group of the world in memory, behind faults that strike by a list.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_core::model::{Direction, GroupKey, Rule, SecurityGroup, Tag};

use crate::api::{AccountAccess, Cloud};
use crate::change::{Failure, Planned, perform, permission, rule};
use crate::error::Error;
use crate::faults::{CHANGES, Fate, Faults};
use crate::model::{Place, World, prefix_list};
use crate::patience::Patience;

pub(super) const GROUP: &str = "sg-1";
const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

/// A group without rules and tags, as it is read of AWS.
pub(super) fn bare() -> SecurityGroup {
    SecurityGroup {
        key: GroupKey { account_id: ACCOUNT.into(), region: REGION.into(), group_id: GROUP.into() },
        ..SecurityGroup::default()
    }
}

/// A group in a world, and faults on the way to it.
pub(super) struct Bench {
    world: World,
    pub(super) faults: Faults,
}

impl Bench {
    /// A world with this group, and with what its rules may name. Pages hold two items.
    pub(super) fn of(group: &SecurityGroup) -> Self {
        let mut place = Place::new(ACCOUNT, REGION);
        place.add_group_as(GROUP, "web", "");
        place.add_group_as("sg-2", "named", "");
        place.add_prefix_list(prefix_list("pl-1", ACCOUNT, &["192.0.2.0/24"]));
        group.tags.iter().for_each(|tag| place.tag_group(GROUP, &tag.key, &tag.value));
        for own in &group.rules {
            let is_egress = own.direction == Direction::Egress;
            let mut made = place.put_rule(GROUP, is_egress, &permission(own));
            place.rules.remove(&made.security_group_rule_id);
            made.security_group_rule_id = own.id.to_string();
            place.rules.insert(own.id.to_string(), made);
        }
        let world = World::new().with_pages_of(2);
        world.add_place(place);
        Self { faults: Faults::around(Arc::new(world.clone()), []), world }
    }

    /// What becomes of the next calls that change something; of those after them, all is fine.
    pub(super) fn fate(&self, fates: &[Fate]) {
        self.faults.fate(CHANGES, fates);
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Place)) {
        self.world.change(ACCOUNT, REGION, change);
    }

    /// The group as it stands.
    pub(super) fn group(&self) -> SecurityGroup {
        let place = self.world.place(ACCOUNT, REGION);
        let tag = |tag: &crate::shapes::Tag| Tag { key: (&*tag.key).into(), value: (&*tag.value).into() };
        let rules: Vec<Rule> = place.rules.values().map(|described| rule(described).unwrap()).collect();
        SecurityGroup { tags: place.groups[GROUP].tags.iter().map(tag).collect(), rules, ..bare() }
    }

    /// How many calls that change something arrived.
    pub(super) fn arrived(&self) -> u64 {
        let calls = self.world.calls().into_iter();
        calls.filter(|(call, _)| !call.starts_with("ec2:Describe")).map(|(_, count)| count).sum()
    }

    /// Performs calls with so many tries more.
    pub(super) fn perform(&self, calls: &[Planned], tries: &mut Tries) -> Result<Vec<String>, Box<Failure>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let ec2 = self.faults.ec2(&AccountAccess::default(), REGION).await.unwrap();
            perform(&*ec2, calls, tries).await.map_err(Box::new)
        })
    }
}

/// So many more tries, without waiting.
#[derive(Debug)]
pub(super) struct Tries(pub(super) usize);

#[async_trait]
impl Patience for Tries {
    async fn again(&mut self, _: &Error) -> bool {
        let more = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        more
    }
}
