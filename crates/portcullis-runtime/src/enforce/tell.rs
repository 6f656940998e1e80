//! Telling: notices at once, digests when they are due, reports by the week, and what went wrong.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use portcullis_core::finding::{Evidence, Finding};
use portcullis_core::model::{Direction, GroupKey, SecurityGroup};
use portcullis_core::policy::{Control, Severity};
use sha2::{Digest as _, Sha256};

use super::decide::{Action, Decision, in_words};
use super::ports::Deed;
use super::report::NoticeReport;
use super::run::{Batch, Enforcement, Turn};
use crate::notices::{Cause, Clocks, FindingNote, GroupNote, Level, Message, moment};
use crate::state::sights::{GroupSights, Sight, age};

/// More groups than this are told of in one notice, not each in its own: a flood is read by nobody.
const FLOOD: usize = 20;
/// The same errors are told again only so often.
const ERRORS_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Tells of the groups of a batch.
pub(super) struct Teller<'r, 'a, 'b> {
    run: &'r mut Enforcement<'a>,
    batch: &'r Batch<'b>,
}

impl<'r, 'a, 'b> Teller<'r, 'a, 'b> {
    pub(super) fn new(run: &'r mut Enforcement<'a>, batch: &'r Batch<'b>) -> Self {
        Self { run, batch }
    }

    /// Sends what is to be told at once, and notes what waits for a digest.
    pub(super) fn tell(mut self, turns: &[Turn<'_>]) {
        if self.run.ports.notifier.is_none() {
            return;
        }
        let mut at_once: BTreeMap<Cause, Vec<(&Turn<'_>, GroupNote)>> = BTreeMap::new();
        for turn in turns {
            if let Some((cause, note)) = self.at_once(turn) {
                at_once.entry(cause).or_default().push((turn, note));
            }
            self.wait(turn);
        }
        for (cause, mut told) in at_once {
            if told.len() <= FLOOD {
                for (turn, note) in told {
                    self.send_now(cause, vec![note], &[turn]);
                }
            } else {
                told.sort_by_key(|(_, note)| std::cmp::Reverse(worst(note)));
                let (turns, notes): (Vec<_>, Vec<_>) = told.into_iter().unzip();
                self.send_now(cause, notes, &turns);
            }
        }
    }

    /// What is to be told of a group at once.
    fn at_once(&self, turn: &Turn<'_>) -> Option<(Cause, GroupNote)> {
        let changed = matches!(turn.remediation, Some(Deed::Changed { .. } | Deed::WouldChange { .. }));
        let hears = self.run.terms.account(&turn.group.key.account_id).hearing != super::terms::Hearing::Nobody;
        let urgent = |decision: &Decision| decision.tell.filter(|(level, _)| *level == Level::Immediate);
        let causes = turn.findings.iter().filter_map(|(_, decision)| urgent(decision)).map(|(_, cause)| cause);
        let remediated = (changed && hears).then_some(Cause::Remediated);
        let cause = causes.chain(remediated).max()?;
        let told = turn.findings.iter().filter(|(finding, decision)| {
            let put_right = changed && hears && decision.action == Action::Remediate && finding.is_shown();
            put_right || urgent(decision).is_some()
        });
        Some((cause, self.note(turn, told)))
    }

    fn note<'t>(&self, turn: &Turn<'_>, told: impl Iterator<Item = &'t (&'t Finding, Decision)>) -> GroupNote {
        let (group, terms) = (turn.group, self.run.terms.account(&turn.group.key.account_id));
        let mut findings: Vec<(Severity, FindingNote)> =
            told.filter_map(|(finding, decision)| self.finding(turn, finding, decision)).collect();
        findings.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
        let mut done = Vec::new();
        let mut undo = None;
        match &turn.remediation {
            Some(Deed::Changed { backup, .. }) => {
                let (rules, tags) = turn.remedy;
                done.push(format!("rules were changed ({})", counted(rules)));
                if tags > 0 {
                    done.push(format!("tags were set ({})", counted(tags)));
                }
                undo = Some(format!("portcullis rollback {backup}"));
            }
            Some(Deed::Refused { why } | Deed::Failed { why }) => done.push(format!("rules were not changed: {why}")),
            Some(Deed::AlreadyDone | Deed::WouldChange { .. }) | None => {}
        }
        match &turn.marks {
            Some(Deed::Changed { changes, .. }) => done.push(format!("tags were set ({})", counted(*changes))),
            Some(Deed::Refused { why } | Deed::Failed { why }) => done.push(format!("tags were not set: {why}")),
            Some(Deed::AlreadyDone | Deed::WouldChange { .. }) | None => {}
        }
        done.extend(turn.stays.values().map(|why| format!("could not be put right: {why}")));
        if done.is_empty() {
            done.push("nothing was changed".to_owned());
        }
        GroupNote {
            vpc_id: group.vpc_id.to_string(),
            findings: findings.into_iter().map(|(_, note)| note).collect(),
            done,
            undo,
            plan: turn.plan.clone(),
            approvers: turn.approvers.clone(),
            ..group_note(&group.key, &group.name, &terms.name)
        }
    }

    fn finding(&self, turn: &Turn<'_>, finding: &Finding, decision: &Decision) -> Option<(Severity, FindingNote)> {
        let control = self.batch.policies.control(finding)?;
        let sight = self.run.sights.get(&turn.group.key, &finding.id);
        let now = self.run.options.now;
        let first = sight.map_or(now, |sight| sight.first_seen);
        let implied = turn.findings.iter().filter(|(other, _)| other.implied_by.as_ref() == Some(&finding.id));
        let name = |(other, _): &(&Finding, Decision)| {
            self.batch
                .policies
                .control(other)
                .map(|control| control.rule_id.as_ref().unwrap_or(&control.id).to_string())
        };
        let note = FindingNote {
            first_seen: format!("{}, {} ago", moment(first), in_words(age(first, now))),
            due: due(decision, now),
            implies: implied.filter_map(name).collect(),
            ..finding_note(finding, control, turn.group)
        };
        Some((control.severity, note))
    }

    fn send_now(&mut self, cause: Cause, notes: Vec<GroupNote>, turns: &[&Turn<'_>]) {
        if !self.run.send(Level::Immediate, cause, notes, Vec::new()) || self.run.options.dry_run {
            return;
        }
        let now = self.run.options.now;
        for turn in turns {
            let sights = self.run.sights.group_mut(&turn.group.key);
            for (finding, decision) in &turn.findings {
                let Some(sight) = sights.findings.get_mut(&finding.id) else { continue };
                let urgent = decision.tell.is_some_and(|(level, _)| level == Level::Immediate);
                if urgent || decision.action == Action::Remediate {
                    sight.last_notified = Some(now);
                    sight.waits_for = None;
                    sight.escalated = decision.escalates.unwrap_or(sight.escalated);
                }
            }
        }
    }

    /// Notes which findings wait for which digest.
    fn wait(&mut self, turn: &Turn<'_>) {
        for (finding, decision) in &turn.findings {
            let Some((level, _)) = decision.tell.filter(|(level, _)| *level != Level::Immediate) else { continue };
            let sights = self.run.sights.group_mut(&turn.group.key);
            if let Some(sight) = sights.findings.get_mut(&finding.id) {
                sight.waits_for = Some(level.as_str().to_owned());
                sight.escalated = decision.escalates.unwrap_or(sight.escalated);
            }
        }
    }
}

impl Enforcement<'_> {
    /// Sends a notice, and says whether it went out. A dry run sends nothing, and says that it would have.
    fn send(&mut self, level: Level, cause: Cause, groups: Vec<GroupNote>, errors: Vec<String>) -> bool {
        let Some(notifier) = self.ports.notifier else { return false };
        let channels = self.terms.channels.clone();
        let notice = Message { level, cause, at: self.options.now, groups, errors, channels }.notice();
        if !self.options.dry_run
            && let Err(error) = notifier.publish(&notice)
        {
            self.fail(format!("a notice could not be sent: {error}"));
            return false;
        }
        self.report.notices.push(NoticeReport { level, cause, subject: notice.subject });
        true
    }

    /// Sends the digests and reports that are due.
    pub(super) fn send_digests(&mut self) {
        if self.ports.notifier.is_none() {
            return;
        }
        for level in Level::ALL.into_iter().filter(|level| *level != Level::Immediate) {
            let waits = |sight: &Sight| sight.resolved.is_none() && sight.waits_for.as_deref() == Some(level.as_str());
            let notes = self.notes_of(waits);
            if self.send_in_turn(level.as_str(), level, Cause::Digest, notes) {
                self.mark_told(waits);
            }
        }
        let weekly = |account: &&compact_str::CompactString| self.terms.account(account).weekly_report;
        let accounts: Vec<compact_str::CompactString> = self.accounts.iter().filter(weekly).cloned().collect();
        for account in accounts {
            let mut notes = self.notes_of(|sight| sight.resolved.is_none());
            notes.retain(|note| note.account_id == account.as_str());
            if notes.is_empty() {
                let name = self.terms.account(&account).name.clone();
                let key = GroupKey { account_id: account.clone(), ..GroupKey::default() };
                notes.push(group_note(&key, "", &name));
            }
            self.send_in_turn(&format!("report/{account}"), Level::WeeklyDigest, Cause::Report, notes);
        }
    }

    /// Tells what went wrong, if that is something else than what was told last.
    pub(super) fn send_errors(&mut self) {
        if self.report.failures.is_empty() || self.ports.notifier.is_none() {
            return;
        }
        let mut errors = self.report.failures.clone();
        errors.sort_unstable();
        let say: String =
            Sha256::digest(errors.join("\n").as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        if self.options.dry_run {
            self.send(Level::Immediate, Cause::Errors, Vec::new(), errors);
            return;
        }
        let clocks = Clocks::new(self.ports.state);
        match clocks.take("errors", ERRORS_EVERY, &say, self.options.now) {
            Ok(None) => {}
            Ok(Some(turn)) => {
                if !self.send(Level::Immediate, Cause::Errors, Vec::new(), errors) {
                    drop(clocks.give_back(turn));
                }
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    /// Sends a digest if its turn has come, and says whether it went out.
    fn send_in_turn(&mut self, name: &str, level: Level, cause: Cause, notes: Vec<GroupNote>) -> bool {
        if notes.is_empty() {
            return false;
        }
        let clocks = Clocks::new(self.ports.state);
        match clocks.take(name, level.period(), "", self.options.now) {
            Ok(None) => false,
            Ok(Some(turn)) => {
                let sent = self.send(level, cause, notes, Vec::new());
                if !sent && let Err(error) = clocks.give_back(turn) {
                    self.fail(error.to_string());
                }
                sent
            }
            Err(error) => {
                self.fail(error.to_string());
                false
            }
        }
    }

    /// The groups with the findings that are wanted, as the state knows them, the worst first.
    fn notes_of(&self, wanted: impl Fn(&Sight) -> bool) -> Vec<GroupNote> {
        let note = |(key, known): (&GroupKey, &GroupSights)| {
            let mut findings: Vec<_> = known.findings.iter().filter(|(_, sight)| wanted(sight)).collect();
            findings.sort_by_key(|(_, sight)| std::cmp::Reverse(sight.severity));
            let findings: Vec<FindingNote> = findings.into_iter().map(|(id, sight)| remembered(id, sight)).collect();
            let account = &self.terms.account(&key.account_id).name;
            (!findings.is_empty()).then(|| GroupNote { findings, ..group_note(key, &known.name, account) })
        };
        let mut notes: Vec<GroupNote> = self.sights.groups().filter_map(note).collect();
        notes.sort_by_key(|note| std::cmp::Reverse(worst(note)));
        notes
    }

    fn mark_told(&mut self, told: impl Fn(&Sight) -> bool) {
        let some = |(key, known): (&GroupKey, &GroupSights)| known.findings.values().any(&told).then(|| key.clone());
        let keys: Vec<GroupKey> = self.sights.groups().filter_map(some).collect();
        for key in keys {
            for sight in self.sights.group_mut(&key).findings.values_mut().filter(|sight| told(sight)) {
                sight.last_notified = Some(self.options.now);
                sight.waits_for = None;
            }
        }
    }
}

fn group_note(key: &GroupKey, name: &str, account: &str) -> GroupNote {
    GroupNote {
        account_id: key.account_id.to_string(),
        account_name: account.to_owned(),
        region: key.region.to_string(),
        group_id: key.group_id.to_string(),
        group_name: name.to_owned(),
        ..GroupNote::default()
    }
}

/// A finding of which only the state tells.
fn remembered(id: &str, sight: &Sight) -> FindingNote {
    FindingNote {
        id: id.to_owned(),
        control_id: sight.control_id.to_string(),
        rule_id: sight.rule_id.as_ref().map(ToString::to_string),
        severity: sight.severity.as_str(),
        title: String::new(),
        reason: sight.reason.clone(),
        evidence: Vec::new(),
        remediation: String::new(),
        first_seen: moment(sight.first_seen),
        due: None,
        implies: Vec::new(),
    }
}

fn worst(note: &GroupNote) -> Option<Severity> {
    note.findings.iter().filter_map(|finding| finding.severity.parse().ok()).max()
}

pub(crate) fn counted(changes: usize) -> String {
    format!("{changes} change{}", if changes == 1 { "" } else { "s" })
}

/// What becomes of a finding, with the time that is left.
fn due(decision: &Decision, now: jiff::Timestamp) -> Option<String> {
    let due = decision.due?;
    Some(match decision.action {
        Action::Remediate => "now".to_owned(),
        Action::AskApproval => decision.why.clone(),
        _ => format!("after {}, in {}", moment(due), in_words(age(now, due))),
    })
}

/// A finding as a notice names it, without what depends on the run: when it was seen, when it is due, what it implies.
pub(crate) fn finding_note(finding: &Finding, control: &Control, group: &SecurityGroup) -> FindingNote {
    FindingNote {
        id: finding.id.to_string(),
        control_id: control.id.to_string(),
        rule_id: control.rule_id.as_ref().map(ToString::to_string),
        severity: control.severity.as_str(),
        title: control.text.title.clone(),
        reason: finding.reason.clone(),
        evidence: finding.evidence.iter().map(|row| evidence(row, finding.direction, group)).collect(),
        remediation: finding.remediation.clone(),
        first_seen: String::new(),
        due: None,
        implies: Vec::new(),
    }
}

/// A row of evidence in words: `tcp 22 from 0.0.0.0/0 (sgr-…)`.
fn evidence(row: &Evidence, direction: Option<Direction>, group: &SecurityGroup) -> String {
    let ids: Vec<&str> =
        row.rules.iter().filter_map(|rule| group.rules.get(*rule)).map(|rule| rule.id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().filter(|id| !id.is_empty()).collect();
    let rules = if ids.is_empty() { String::new() } else { format!(" ({})", ids.join(", ")) };
    let way = direction.filter(|_| !row.peers.is_empty()).map_or("", Direction::preposition);
    let parts = [row.protocol.as_str(), row.ports.as_str(), way, &row.peers.join(", ")];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}{rules}", parts.join(" ")).trim().to_owned()
}
