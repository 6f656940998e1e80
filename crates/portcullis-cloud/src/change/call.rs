//! One call that changes a group.

use std::fmt;

use portcullis_core::model::{Direction, Rule, Tag};

use crate::api::Flow;

/// A call, not yet made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The group, `sg-…`.
    pub group_id: String,
    /// What is asked.
    pub call: Call,
}

/// What a call asks. Rules that exist carry their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Make rules of one direction, which all have the same tags.
    Authorize(Direction, Vec<Rule>),
    /// Make rules of one direction others, in place: each as it is and as it will be.
    Modify(Vec<(Rule, Rule)>),
    /// Give rules of one direction the descriptions that they have here.
    Describe(Direction, Vec<Rule>),
    /// Take tags with these keys off rules.
    UntagRules(Vec<Rule>, Vec<String>),
    /// Put these tags on rules.
    TagRules(Vec<Rule>, Vec<Tag>),
    /// Take rules of one direction away.
    Revoke(Direction, Vec<Rule>),
    /// Take tags with these keys off the group.
    Untag(Vec<String>),
    /// Put these tags on the group.
    Tag(Vec<Tag>),
}

impl Call {
    /// The action's name in the API, which is that of IAM's permission.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Authorize(Direction::Ingress, _) => "AuthorizeSecurityGroupIngress",
            Self::Authorize(Direction::Egress, _) => "AuthorizeSecurityGroupEgress",
            Self::Modify(_) => "ModifySecurityGroupRules",
            Self::Describe(Direction::Ingress, _) => "UpdateSecurityGroupRuleDescriptionsIngress",
            Self::Describe(Direction::Egress, _) => "UpdateSecurityGroupRuleDescriptionsEgress",
            Self::UntagRules(..) | Self::Untag(_) => "DeleteTags",
            Self::TagRules(..) | Self::Tag(_) => "CreateTags",
            Self::Revoke(Direction::Ingress, _) => "RevokeSecurityGroupIngress",
            Self::Revoke(Direction::Egress, _) => "RevokeSecurityGroupEgress",
        }
    }
}

pub(super) const fn flow(direction: Direction) -> Flow {
    match direction {
        Direction::Ingress => Flow::Ingress,
        Direction::Egress => Flow::Egress,
    }
}

impl fmt::Display for Planned {
    /// The line of a dry run: `AuthorizeSecurityGroupIngress sg-1: tcp 22 from 10.0.0.0/8 "the office"; …`. What people
    /// wrote is quoted and escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.call.action(), self.group_id)?;
        match &self.call {
            Call::Authorize(_, rules) => {
                list(f, rules, described)?;
                let tags = rules.first().map(|rule| rule.tags.as_slice()).unwrap_or_default();
                if !tags.is_empty() {
                    f.write_str("; tags ")?;
                    list(f, tags, write_tag)?;
                }
                Ok(())
            }
            Call::Modify(pairs) => list(f, pairs, |f, (before, after)| {
                existing(f, before)?;
                f.write_str(" becomes ")?;
                described(f, after)
            }),
            Call::Describe(_, rules) => list(f, rules, |f, rule| {
                existing(f, rule)?;
                write!(f, ": {:?}", rule.description)
            }),
            Call::UntagRules(rules, keys) => {
                list(f, rules, existing)?;
                f.write_str("; keys ")?;
                list(f, keys, |f, key| write!(f, "{key:?}"))
            }
            Call::TagRules(rules, tags) => {
                list(f, rules, existing)?;
                f.write_str("; tags ")?;
                list(f, tags, write_tag)
            }
            Call::Revoke(_, rules) => list(f, rules, existing),
            Call::Untag(keys) => list(f, keys, |f, key| write!(f, "{key:?}")),
            Call::Tag(tags) => list(f, tags, write_tag),
        }
    }
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    Ok(())
}

/// A rule without its direction, which the action's name tells.
fn bare(f: &mut fmt::Formatter<'_>, rule: &Rule) -> fmt::Result {
    write!(f, "{} {} {}", rule.services, rule.direction.preposition(), rule.peer)
}

fn existing(f: &mut fmt::Formatter<'_>, rule: &Rule) -> fmt::Result {
    write!(f, "{} ", rule.id)?;
    bare(f, rule)
}

fn described(f: &mut fmt::Formatter<'_>, rule: &Rule) -> fmt::Result {
    bare(f, rule)?;
    if rule.description.is_empty() { Ok(()) } else { write!(f, " {:?}", rule.description) }
}

fn write_tag(f: &mut fmt::Formatter<'_>, tag: &Tag) -> fmt::Result {
    write!(f, "{:?}={:?}", tag.key, tag.value)
}
