//! Telling: a notice for each group that fails or was changed, and metrics.

use jiff::{SignedDuration, Timestamp};
use portcullis_core::evaluate::environment_of;
use portcullis_core::finding::{Finding, Status};
use portcullis_core::policy::Severity;
use portcullis_formats::events::{Action, ApiCall};

use super::Run;
use super::report::{Did, Handled};
use super::turn::Turn;
use crate::enforce::tell::{counted, finding_note};
use crate::metrics::{Metric, names, publish, real_time};
use crate::notices::{Cause, FindingNote, GroupNote, Level, Message, Notice, moment};

/// A longer time than this between call and answer says nothing about us: the event was kept somewhere.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

impl Run<'_> {
    /// Tells of the groups of a place that are worth it.
    pub(super) fn tell(&mut self, turns: &[Turn<'_>]) {
        for turn in turns {
            let told = !turn.calls.is_empty() && turn.calls.iter().all(|(event, _)| self.told.contains(event));
            if told || !self.is_worth_telling(turn) {
                continue;
            }
            let message = Message {
                level: Level::Immediate,
                cause: match (put_right(&turn.did), turn.failure.is_some()) {
                    (true, _) => Cause::Remediated,
                    (false, true) => Cause::Errors,
                    (false, false) if asks_anew(turn) => Cause::Approval,
                    (false, false) => Cause::Found,
                },
                at: self.now,
                groups: vec![self.note(turn)],
                errors: turn.failure.iter().cloned().collect(),
                channels: self.settings.terms.channels.clone(),
            };
            self.send(&message.notice());
        }
    }

    /// Whether a group is told of now. What the policy leaves to digests is told by the scan that sends them.
    fn is_worth_telling(&self, turn: &Turn<'_>) -> bool {
        if self.settings.muted.contains(&turn.group.key.account_id) {
            return false;
        }
        if put_right(&turn.did) || turn.failure.is_some() || asks_anew(turn) {
            return true;
        }
        let Some(worst) = self.worst_shown(turn) else { return false };
        let scanning = self.settings.real_time.scanning.as_ref().filter(|_| self.settings.order.is_none());
        let Some(scanning) = scanning else { return true };
        let rules = &scanning.detection_rules;
        let wanted = match turn.is_new() {
            true => rules.new_security_group_created.notify_on_violations,
            false => rules.risky_rule_added.notify_on_violations,
        };
        let escalation = &scanning.notification_escalation;
        let later = [
            &escalation.hourly_digest_severities,
            &escalation.daily_digest_severities,
            &escalation.weekly_digest_severities,
        ];
        let at_once = escalation.immediate_alert_severities.contains(&worst);
        wanted && (at_once || !later.into_iter().any(|list| list.contains(&worst)))
    }

    /// Who must agree to the plan that waits.
    fn approvers(&self, turn: &Turn<'_>) -> Vec<String> {
        let environment = environment_of(turn.group, &self.settings.policies);
        let named = self.settings.terms.approvers(environment.as_deref());
        if turn.plan.is_some() { named.to_vec() } else { Vec::new() }
    }

    fn worst_shown(&self, turn: &Turn<'_>) -> Option<Severity> {
        let shown = turn.failing().filter(|finding| finding.is_shown());
        shown.map(|finding| self.settings.policies.severity(finding)).max()
    }

    fn note(&self, turn: &Turn<'_>) -> GroupNote {
        let (group, terms) = (turn.group, self.settings.terms.account(&turn.group.key.account_id));
        let mut done = Vec::new();
        let mut undo = None;
        match &turn.did {
            Did::Changed { strategy, changes, backup } => {
                done.push(format!("{} ({strategy})", counted(*changes)));
                undo = Some(format!("portcullis rollback {backup}"));
            }
            Did::WouldChange { strategy, changes, .. } => {
                done.push(format!("nothing: a dry run; {} would be made ({strategy})", counted(*changes)));
            }
            Did::Nothing if turn.failure.is_none() => done.push("nothing was changed".to_owned()),
            Did::Nothing => {}
        }
        if !matches!(turn.did, Did::Nothing) {
            done.extend(turn.changes.iter().map(crate::change::in_words));
        }
        done.extend(turn.failure.clone());
        done.extend(turn.stays.values().cloned());
        let principals = turn.calls.iter().map(|(_, call)| {
            let when = call.time.map(|at| format!(" at {}", moment(at))).unwrap_or_default();
            format!("{}, {}{when}", call.principal.arn, call.action.as_str())
        });
        let mut principals: Vec<String> = principals.collect();
        principals.dedup();
        let findings =
            turn.findings.iter().filter(|(finding, ..)| finding.status == Status::Fail && finding.is_shown());
        GroupNote {
            account_id: group.key.account_id.to_string(),
            account_name: terms.name.clone(),
            region: group.key.region.to_string(),
            group_id: group.key.group_id.to_string(),
            group_name: group.name.to_string(),
            vpc_id: group.vpc_id.to_string(),
            findings: findings.filter_map(|(finding, _, why)| self.finding(turn, finding, why)).collect(),
            principals,
            done,
            undo,
            plan: turn.plan.as_ref().map(|(place, _)| place.clone()),
            approvers: self.approvers(turn),
        }
    }

    fn finding(&self, turn: &Turn<'_>, finding: &Finding, why: &str) -> Option<FindingNote> {
        let policies = &self.settings.policies;
        let control = policies.control(finding)?;
        let implied = turn.findings.iter().filter(|(other, ..)| other.implied_by.as_ref() == Some(&finding.id));
        let implied = implied.filter_map(|(other, ..)| policies.control(other));
        Some(FindingNote {
            first_seen: moment(self.now),
            due: Some(why.to_owned()).filter(|why| !why.is_empty()),
            implies: implied.map(|other| other.rule_id.as_ref().unwrap_or(&other.id).to_string()).collect(),
            ..finding_note(finding, control, turn.group)
        })
    }

    pub(super) fn send(&mut self, notice: &Notice) {
        let Some(notifier) = self.ports.notifier else { return };
        match notifier.publish(notice) {
            Ok(()) => self.response.notices.push(notice.subject.clone()),
            Err(error) => self.fail(format!("a notice could not be sent: {error}")),
        }
    }

    /// Publishes what was counted and how long it took, all of it in one call.
    pub(super) fn publish_metrics(&mut self, calls: &[(usize, &ApiCall)]) {
        let Some(sink) = self.ports.metrics else { return };
        let judged = |event: &usize| {
            let report = self.response.events.get(*event);
            report.is_some_and(|report| report.handled == Handled::Judged) && !self.told.contains(event)
        };
        let judged: Vec<&ApiCall> = calls.iter().filter(|(event, _)| judged(event)).map(|(_, call)| *call).collect();
        let new = self.response.principals.iter().filter(|principal| principal.is_new).count();
        if judged.is_empty() && new == 0 && self.response.groups.is_empty() && self.response.failures.is_empty() {
            return;
        }
        let at = self.ports.clock.now();
        let took: Vec<(Action, SignedDuration)> =
            judged.iter().map(|call| (call.action, self.took(call, at))).collect();
        let longest = took.iter().map(|(_, took)| *took).max().unwrap_or_else(|| at.duration_since(self.now));
        let critical = self.response.groups.iter().filter(|group| group.worst == Some(Severity::Critical)).count();
        let emergencies = self.response.groups.iter().filter(|group| group.emergency).count();
        let mut metrics = real_time(new, emergencies, critical, longest, at);
        let mut count = |name: &str, count: usize| {
            #[expect(clippy::cast_precision_loss, reason = "counts of groups are far below 2^53")]
            let value = count as f64;
            let dimensions = Vec::new();
            metrics.push(Metric { name: name.to_owned(), value, unit: "Count", dimensions, at });
        };
        let changed = |did: &Did| matches!(did, Did::Changed { .. }) && put_right(did);
        count(names::REMEDIATIONS, self.response.groups.iter().filter(|group| changed(&group.did)).count());
        count(names::ERRORS, self.response.failures.len());
        count(names::DEADLINES_MISSED, took.iter().filter(|(action, took)| *took > self.deadline(*action)).count());
        if let Err(error) = publish(sink, &metrics) {
            self.fail(format!("the metrics could not be published: {error}"));
        }
    }

    /// From the call to now; where that cannot be told, from when its event was taken in hand.
    fn took(&self, call: &ApiCall, at: Timestamp) -> SignedDuration {
        let since = call.time.map(|time| at.duration_since(time));
        let fits = |took: &SignedDuration| *took >= SignedDuration::ZERO && *took < LONGEST;
        since.filter(fits).unwrap_or_else(|| at.duration_since(self.now))
    }

    /// Within how long a call is to be answered.
    fn deadline(&self, action: Action) -> SignedDuration {
        let scanning = self.settings.real_time.scanning.as_ref();
        let rules = scanning.map(|scanning| &scanning.detection_rules);
        let (own, default) = match action {
            Action::Create => (rules.map(|rules| rules.new_security_group_created.scan_within_seconds.0), 30),
            _ => (rules.map(|rules| rules.risky_rule_added.scan_within_seconds.0), 15),
        };
        SignedDuration::from_secs(i64::from(own.unwrap_or(default)))
    }
}

/// Whether a plan was kept just now for which somebody must agree.
fn asks_anew(turn: &Turn<'_>) -> bool {
    turn.plan.as_ref().is_some_and(|(_, is_new)| *is_new)
}

/// Whether rules were changed, or would be; tags alone put nothing right.
fn put_right(did: &Did) -> bool {
    matches!(did, Did::Changed { strategy, .. } | Did::WouldChange { strategy, .. } if *strategy != "tag")
}
