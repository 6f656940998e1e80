//! What is to be done about one finding: a function of what the policy says, its first sight and the time.

use jiff::{SignedDuration, Timestamp};
use portcullis_core::finding::Status;
use portcullis_core::policy::{EnforcementLevel, Severity};
use portcullis_core::remediation::Strategy;
use serde::Serialize;

use super::terms::AccountTerms;
use crate::notices::{Cause, Level};
use crate::state::sights::{Sight, age};

/// What is done about a finding. Each does what those before it do, save for [`Action::None`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing: its account is disabled.
    None,
    /// It stands in the report.
    Report,
    /// Its group is tagged, and notices go out.
    Warn,
    /// The same, and it will be put right when its grace period is over.
    Wait,
    /// The same, and a plan waits for somebody to agree.
    AskApproval,
    /// It is put right.
    Remediate,
}

/// What is known of a finding.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its verdict.
    pub status: Status,
    /// How bad it is.
    pub severity: Severity,
    /// Whether reports show it: no broader finding holds all of its evidence.
    pub is_shown: bool,
    /// What is known of it from earlier; a finding without is seen for the first time now.
    pub sight: Option<&'a Sight>,
    /// Who must agree before its group is changed.
    pub approvers: &'a [String],
    /// How violations are put right.
    pub strategy: &'a Strategy,
}

/// What is to be done about a finding, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What.
    pub action: Action,
    /// When it will be put right, or could have been; `None` where that is never.
    pub due: Option<Timestamp>,
    /// When somebody is to be told of it, and what of; `None` where nothing is new.
    pub tell: Option<(Level, Cause)>,
    /// For how many hours it has stood, where that is the reason to tell it again.
    pub escalates: Option<i64>,
    /// Why, in words for people.
    pub why: String,
}

/// Decides about one finding.
pub fn decide(terms: &AccountTerms, facts: &Facts<'_>, now: Timestamp) -> Decision {
    let (action, due, why) = what(terms, facts, now);
    let mut decision = Decision { action, due, tell: None, escalates: None, why };
    if facts.status == Status::Fail && action != Action::None {
        tell(terms, facts, now, &mut decision);
    }
    decision
}

fn what(terms: &AccountTerms, facts: &Facts<'_>, now: Timestamp) -> (Action, Option<Timestamp>, String) {
    let report = |why: &str| (Action::Report, None, why.to_owned());
    if terms.level == EnforcementLevel::Disabled {
        return (Action::None, None, "the account is disabled".to_owned());
    }
    match facts.status {
        Status::Fail => {}
        Status::Unknown => return report("it is not known whether it fails"),
        Status::Exempt => return report("it is exempt"),
        Status::Pass => return report("it holds"),
    }
    let first = facts.sight.map_or(now, |sight| sight.first_seen);
    let stood = age(first, now);
    let after = |wait: SignedDuration| first.checked_add(wait).unwrap_or(Timestamp::MAX);
    let warn = |due: Option<Timestamp>, why: String| (Action::Warn, due, why);
    let wait = match terms.level {
        EnforcementLevel::Disabled | EnforcementLevel::Monitor => {
            return report("the account's level is `monitor`");
        }
        EnforcementLevel::Warn => match terms.enforce_after {
            None => return warn(None, "the account's level is `warn`".to_owned()),
            Some(wait) => wait.max(terms.grace),
        },
        EnforcementLevel::Enforce => terms.grace,
    };
    if !terms.removes {
        return warn(None, "`remove_violating_rules` is false for the account".to_owned());
    }
    if *facts.strategy == Strategy::Tag {
        return warn(None, "the strategy is `tag`".to_owned());
    }
    if facts.severity < terms.least {
        return warn(None, format!("only {} and worse is put right", terms.least));
    }
    let due = after(wait);
    if stood < wait {
        let left = in_words(wait.saturating_sub(stood));
        return match terms.level {
            EnforcementLevel::Warn => {
                warn(Some(due), format!("the account's level is `warn`, which becomes `enforce` for it in {left}"))
            }
            _ => (Action::Wait, Some(due), format!("its grace period is over in {left}")),
        };
    }
    let ask = |why: String| (Action::AskApproval, Some(due), why);
    if !facts.approvers.is_empty() {
        return ask(format!("{} must agree first", facts.approvers.join(" and ")));
    }
    if terms.approval {
        return ask("the policy requires somebody to agree first".to_owned());
    }
    if !terms.automatic {
        return ask("automatic remediation is off".to_owned());
    }
    (Action::Remediate, Some(due), format!("it has stood for {}, and its grace period is over", in_words(stood)))
}

/// What is new about a failing finding, and how urgent that is.
fn tell(terms: &AccountTerms, facts: &Facts<'_>, now: Timestamp, decision: &mut Decision) {
    let Some(usual) = terms.tells(facts.severity).filter(|_| facts.is_shown) else { return };
    let Some(sight) = facts.sight else {
        decision.tell = Some((usual, Cause::Found));
        return;
    };
    if decision.action >= Action::Warn {
        let stood = age(sight.first_seen, now);
        let reached = terms.escalations.iter().rev().find(|step| stood >= **step).map(SignedDuration::as_hours);
        if let Some(step) = reached.filter(|step| *step > sight.escalated) {
            decision.tell = Some((terms.urgent(), Cause::Escalated));
            decision.escalates = Some(step);
            return;
        }
    }
    if decision.action == Action::AskApproval && sight.approval.is_none() {
        decision.tell = Some((terms.urgent(), Cause::Approval));
    } else if sight.last_notified.is_none() && sight.waits_for.is_none() {
        decision.tell = Some((usual, Cause::Found));
    }
}

/// A length of time for people: `20 hours`, `3 days`.
pub fn in_words(time: SignedDuration) -> String {
    let plural = |count: i64, unit: &str| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    // Rounded up: what is over in 20 minutes and a second is not over in 20 minutes.
    let minutes = (time.as_secs().max(0) + 59) / 60;
    match minutes {
        0..=119 => plural(minutes, "minute"),
        120..=2879 => plural((minutes + 59) / 60, "hour"),
        _ => plural((minutes + 1439) / 1440, "day"),
    }
}
