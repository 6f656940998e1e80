//! Making the calls.

use std::fmt;

use portcullis_core::model::{Rule, Tag};

use super::call::{Call, Planned, flow};
use super::left::{Standing, left};
use super::permission::{permission, rule, tag};
use crate::api::{Ec2, GroupFilter, RuleUpdate};
use crate::error::{Error, Kind, Result};
use crate::patience::{Patience, pages, repeated};

/// Why not all calls were made. What was made stays made; whoever asked reads the group again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The calls that were made, in order.
    pub made: Vec<Planned>,
    /// The one that failed, as far as it was not found to be made in part.
    pub failed: Planned,
    /// Why.
    pub cause: Cause,
    /// Whether the one that failed may have been made all the same: no answer came, and the group could not be read since.
    pub in_doubt: bool,
    /// The calls that were not tried.
    pub not_made: Vec<Planned>,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// AWS, or the way there.
    Call(Error),
    /// Somebody else is at work on the group.
    Conflict(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Call(error) => write!(f, "{error}")?,
            Cause::Conflict(why) => f.write_str(why)?,
        }
        write!(f, "; not made: {}", self.failed)?;
        if self.in_doubt {
            f.write_str(" (no answer came: it may have been made)")?;
        }
        for call in &self.not_made {
            write!(f, "; {call}")?;
        }
        for (place, call) in self.made.iter().enumerate() {
            write!(f, "{}{call}", if place == 0 { "; made before it: " } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Makes the calls in order, and says what was strange about it, in sentences: what was found done already.
///
/// A call that is refused for its rate is made again. After one of which no answer came, the group is read: what of it is
/// not done is made again, so that nothing is done twice. The same is done where AWS says that a rule exists already, or
/// is gone: somebody else, or an earlier run, was there first, and what is left is done.
///
/// # Errors
/// Where a call cannot be made, or time is up.
pub async fn perform(
    ec2: &dyn Ec2,
    calls: &[Planned],
    patience: &mut dyn Patience,
) -> std::result::Result<Vec<String>, Failure> {
    let mut remarks = Vec::new();
    for (place, planned) in calls.iter().enumerate() {
        let mut turn = Turn { ec2, group_id: &planned.group_id, patience, in_doubt: false };
        if let Err((call, cause)) = turn.make(planned.call.clone(), &mut remarks).await {
            return Err(Failure {
                made: calls.iter().take(place).cloned().collect(),
                failed: Planned { group_id: planned.group_id.clone(), call },
                cause,
                in_doubt: turn.in_doubt,
                not_made: calls.iter().skip(place + 1).cloned().collect(),
            });
        }
    }
    Ok(remarks)
}

/// One call, tried as often as it takes.
struct Turn<'a> {
    ec2: &'a dyn Ec2,
    group_id: &'a str,
    patience: &'a mut dyn Patience,
    /// Whether an attempt may have been made, or be made yet, of which nothing is known.
    in_doubt: bool,
}

impl Turn<'_> {
    async fn make(&mut self, mut call: Call, remarks: &mut Vec<String>) -> std::result::Result<(), (Call, Cause)> {
        // An attempt that was given up can still arrive, so that a duplicate may be our own however late it shows.
        let mut unanswered = false;
        loop {
            let Err(error) = self.send(&call).await else { return Ok(()) };
            match error.kind {
                Kind::Throttled => {
                    if !self.patience.again(&error).await {
                        return Err((call, Cause::Call(error)));
                    }
                    continue;
                }
                Kind::Server | Kind::Unreachable | Kind::Answer => {
                    unanswered = true;
                    self.in_doubt = true;
                }
                // Of a group that is gone there are no rules, which is not to be taken for rules that were revoked.
                Kind::NotFound if error.code.starts_with("InvalidGroup") => return Err((call, Cause::Call(error))),
                Kind::Duplicate | Kind::NotFound => {}
                _ => return Err((call, Cause::Call(error))),
            }
            let now = match self.standing(&call).await {
                Ok(now) => now,
                Err(unread) => {
                    let cause = if self.in_doubt { error } else { unread };
                    return Err((call, Cause::Call(cause)));
                }
            };
            self.in_doubt = false;
            let rest = match left(&call, &now) {
                Ok(rest) => rest,
                Err(why) => return Err((call, Cause::Conflict(why))),
            };
            let answered = !error.kind.is_passing() && error.kind != Kind::Answer;
            if answered && !unanswered {
                remarks.extend(remark(self.group_id, &call, rest.as_ref()));
            }
            let Some(rest) = rest else { return Ok(()) };
            // AWS says one thing and describes another: what was read may be old, unless nothing of ours is under way.
            let contradiction = answered && rest == call;
            if (contradiction && !unanswered) || (!answered || contradiction) && !self.patience.again(&error).await {
                return Err((rest, Cause::Call(error)));
            }
            call = rest;
        }
    }

    async fn send(&self, call: &Call) -> Result<()> {
        let (ec2, group) = (self.ec2, self.group_id);
        let ids = |rules: &[Rule]| rules.iter().map(|rule| rule.id.to_string()).collect::<Vec<_>>();
        let wire = |tags: &[Tag]| tags.iter().map(tag).collect::<Vec<_>>();
        let own = [group.to_owned()];
        match call {
            Call::Authorize(direction, rules) => {
                let rules: Vec<_> = rules.iter().map(permission).collect();
                ec2.authorize(group, flow(*direction), &rules).await.map(drop)
            }
            Call::Modify(pairs) => {
                let update = |(before, after): &(Rule, Rule)| RuleUpdate {
                    rule_id: before.id.to_string(),
                    rule: permission(after),
                };
                ec2.modify(group, &pairs.iter().map(update).collect::<Vec<_>>()).await
            }
            Call::Describe(direction, rules) => {
                let pairs = rules.iter().map(|rule| (rule.id.to_string(), rule.description.to_string()));
                ec2.describe(group, flow(*direction), &pairs.collect::<Vec<_>>()).await
            }
            Call::UntagRules(rules, keys) => ec2.untag(&ids(rules), keys).await,
            Call::TagRules(rules, tags) => ec2.tag(&ids(rules), &wire(tags)).await,
            Call::Revoke(direction, rules) => ec2.revoke(group, flow(*direction), &ids(rules)).await,
            Call::Untag(keys) => ec2.untag(&own, keys).await,
            Call::Tag(tags) => ec2.tag(&own, &wire(tags)).await,
        }
    }

    /// Reads as much of the group as tells whether the call was made.
    async fn standing(&mut self, call: &Call) -> Result<Standing> {
        let mut standing = Standing::default();
        if matches!(call, Call::Tag(_) | Call::Untag(_)) {
            let filter = GroupFilter { ids: vec![self.group_id.to_owned()], ..GroupFilter::default() };
            let page = repeated(self.patience, || self.ec2.groups(&filter, None)).await?;
            let tags = page.items.into_iter().flat_map(|group| group.tags);
            standing.tags = tags.map(|tag| Tag { key: tag.key.into(), value: tag.value.into() }).collect();
            return Ok(standing);
        }
        let ids = [self.group_id.to_owned()];
        let read = |next| self.ec2.rules(&ids, next);
        let rules = pages(self.patience, "ec2:DescribeSecurityGroupRules", read).await?;
        standing.rules.extend(rules.iter().filter_map(rule));
        Ok(standing)
    }
}

/// What is to be said of a call that AWS refused because it, or a part of it, was done already.
fn remark(group_id: &str, call: &Call, rest: Option<&Call>) -> Option<String> {
    let how = match rest {
        None => "all of it was",
        Some(rest) if rest != call => "a part of it was",
        Some(_) => return None,
    };
    let planned = Planned { group_id: group_id.to_owned(), call: call.clone() };
    Some(format!("{how} done already by somebody else or by an earlier run: {planned}"))
}
