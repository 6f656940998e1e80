//! Security groups.

use compact_str::CompactString;

use super::rule::{Direction, Rule, Tags};

/// What names a group everywhere: its account, Region and id.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The owner's account; empty where the source does not tell it.
    pub account_id: CompactString,
    /// The Region, `unknown` where neither the source nor the user tells it.
    pub region: CompactString,
    /// The id, `sg-…`.
    pub group_id: CompactString,
}

/// A security group as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its name everywhere.
    pub key: GroupKey,
    /// Its name for people.
    pub name: CompactString,
    /// Its description.
    pub description: Box<str>,
    /// Its VPC, empty for EC2-Classic.
    pub vpc_id: CompactString,
    /// Its tags, in the order of the source.
    pub tags: Tags,
    /// Its rules, ingress first, in the order of the source.
    pub rules: Vec<Rule>,
    /// Why it cannot be judged, where what was read of it contradicts itself or cannot be understood.
    pub unreadable: Option<Box<str>>,
    /// Which of the inventory's sources it came from.
    pub source: u32,
    /// The line of that source on which it begins, from 1; 0 where there is none.
    pub line: u32,
}

impl SecurityGroup {
    /// Its rules of one direction with their indices.
    pub fn rules_of(&self, direction: Direction) -> impl Iterator<Item = (usize, &Rule)> {
        self.rules.iter().enumerate().filter(move |(_, rule)| rule.direction == direction)
    }

    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
    }

    /// Whether it is a VPC's default group, which cannot be deleted and whose name no other group may have.
    pub fn is_default(&self) -> bool {
        self.name == "default"
    }
}
