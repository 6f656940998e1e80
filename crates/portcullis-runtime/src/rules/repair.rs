//! Rules put right one by one, where CloudFormation sees nothing to do: it compares templates, and not the group.

use std::collections::BTreeMap;

use portcullis_core::model::{GroupKey, Peer, Rule, SecurityGroup};
use portcullis_core::net::AnyCidr;
use portcullis_core::remediation::{difference, fingerprint};
use portcullis_formats::backup::{Backup, Purpose};
use portcullis_formats::journal;
use portcullis_rules::{Egress, RuleSet};

use super::{Failure, Result, Workbench};
use crate::apply::revoking_first;
use crate::change::{Decision, Job, carry_out};
use crate::ports::RuleStore;
use crate::report::Outcome;

/// What rules of a group become, by the rules as they are.
pub(super) struct Target<'a> {
    pub(super) key: GroupKey,
    pub(super) name: String,
    /// The rules that are wanted, of the group as it is now.
    pub(super) rules: &'a (dyn Fn(&SecurityGroup) -> Vec<Rule> + Sync),
}

/// The rules that a part of the files asks a group to hold. What the group holds already keeps its id and tags.
pub(super) fn as_files_say(part: &RuleSet, now: &SecurityGroup) -> Vec<Rule> {
    let mut rules: Vec<Rule> = part.as_held().into_iter().map(|rule| at_home(rule, &now.key.account_id)).collect();
    // The IPv6 half of AWS's default egress comes and goes with the VPC; files that say nothing of egress mean either.
    let ipv6_default = |rule: &&Rule| rule.is_default_egress() && matches!(rule.peer.cidr(), Some(AnyCidr::V6(_)));
    if part.egress == Egress::Default {
        rules.extend(now.rules.iter().filter(ipv6_default).cloned());
    }
    let own: BTreeMap<_, &Rule> = now.rules.iter().map(|rule| (rule.identity(), rule)).collect();
    let known = |rule: Rule| match own.get(&rule.identity()) {
        Some(own) => Rule { id: own.id.clone(), tags: own.tags.clone(), ..rule },
        None => rule,
    };
    rules.into_iter().map(known).collect()
}

/// A rule whose peer is a group of the own account names that account, as AWS does.
pub(super) fn at_home(mut rule: Rule, account: &str) -> Rule {
    if let Peer::Group(group) = &mut rule.peer
        && group.account.is_empty()
    {
        group.account = account.into();
    }
    rule
}

/// Puts groups right. How many rules were changed.
pub(super) fn put_right(bench: &dyn Workbench, name: &str, targets: &[Target<'_>]) -> Result<usize> {
    let report = bench.run(&|ports, options| {
        let jobs: Vec<Righted<'_>> = targets.iter().map(|target| Righted { target, store: ports.store }).collect();
        let jobs: Vec<&dyn Job> = jobs.iter().map(|job| job as &dyn Job).collect();
        let run = journal::Run {
            run_id: options.run_id.clone(),
            purpose: Purpose::Apply,
            plan: format!("rules of {name}, run {}", options.run_id),
            caller: ports.store.caller()?,
        };
        carry_out(&jobs, &run, options, ports)
    })?;
    let failed = report.groups.iter().find(|group| !group.outcome.is_good());
    if let Some(group) = failed {
        return Err(Failure::World(format!("group `{}` was not put right: {}", group.group.group_id, group.outcome)));
    }
    let changes = |outcome: &Outcome| match outcome {
        Outcome::Changed { changes, .. } => *changes,
        _ => 0,
    };
    Ok(report.groups.iter().map(|group| changes(&group.outcome)).sum())
}

struct Righted<'t> {
    target: &'t Target<'t>,
    store: &'t dyn RuleStore,
}

impl Job for Righted<'_> {
    fn key(&self) -> &GroupKey {
        &self.target.key
    }

    fn name(&self) -> &str {
        &self.target.name
    }

    fn decide(&self, now: &SecurityGroup, _: Option<&Backup>) -> Decision {
        let wanted = SecurityGroup { rules: (self.target.rules)(now), ..now.clone() };
        let changes = difference(now, &wanted);
        if changes.is_empty() {
            return Decision::Done;
        }
        // Nobody can be asked twice: the rules are what the repository's owners agreed to.
        let gap = self.store.needs_gap(now, &changes);
        let changes = if gap { revoking_first(changes) } else { changes };
        Decision::Change { changes, planned_on: fingerprint(now), resumed: false }
    }
}
