//! Mass operations: how often one principal changes security groups, within a minute and within an hour that slide along.
//!
//! What counts is when the calls were made, not when they are told of, so that late and unordered events count right. Each
//! event counts once: events that were answered before do not come here.

use jiff::{SignedDuration, Timestamp};
use portcullis_formats::events::{ApiCall, Principal, PrincipalKind};
use portcullis_formats::policy::document::real_time::MassOperations;
use serde::{Deserialize, Serialize};

use super::report::PrincipalReport;
use super::{Run, Settings};
use crate::PortError;
use crate::notices::PrincipalNote;
use crate::state::{KeyValue, StateError, Write};

const SCHEMA_VERSION: &str = "1";
const PREFIX: &str = "operations/";
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The most moments that are kept of one principal: far above any threshold that means something.
const MOST: usize = 5_000;
/// So often a write that another run was faster with is made again.
const TRIES: usize = 8;

/// How many are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// More than these in a minute.
    pub per_minute: usize,
    /// More than these in an hour.
    pub per_hour: usize,
    /// From so many in an hour on more people are told.
    pub escalate_after: usize,
}

impl Limits {
    fn of(rule: &MassOperations) -> Self {
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            per_minute: count(rule.threshold_per_minute.0),
            per_hour: count(rule.threshold_per_hour.0),
            escalate_after: count(rule.escalate_after_operations.0),
        }
    }
}

/// What is remembered of a principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operations {
    schema_version: String,
    /// When its calls of the last hour were made, in milliseconds, ascending.
    times: Vec<i64>,
    /// When they were last many.
    #[serde(default)]
    detected: Option<Timestamp>,
    /// When more people were told.
    #[serde(default)]
    escalated: Option<Timestamp>,
    /// When it was blocked.
    #[serde(default)]
    blocked: Option<Timestamp>,
    /// When it may be forgotten, in Unix seconds.
    expires: i64,
}

impl Default for Operations {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            times: Vec::new(),
            detected: None,
            escalated: None,
            blocked: None,
            expires: 0,
        }
    }
}

/// What calls made of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The most within a minute that ends with one of the calls.
    pub in_a_minute: usize,
    /// The most within an hour.
    pub in_an_hour: usize,
    /// Whether these are many, and were not within the last hour.
    pub is_new: bool,
    /// Whether these are many.
    pub is_many: bool,
    /// Whether more people are to be told now.
    pub escalates: bool,
}

impl Operations {
    /// Adds calls made at these times. A time in the future counts as now.
    pub fn add(&mut self, calls: &[Timestamp], limits: &Limits, now: Timestamp) -> Count {
        let added: Vec<i64> = calls.iter().map(|at| (*at).min(now).as_millisecond()).collect();
        self.times.extend(&added);
        self.times.sort_unstable();
        let last = self.times.last().copied().unwrap_or_default();
        self.times.retain(|at| *at > last - millis(HOUR));
        let over = self.times.len().saturating_sub(MOST);
        self.times.drain(..over);
        let within = |end: i64, window: SignedDuration| {
            let from = self.times.partition_point(|at| *at <= end - millis(window));
            self.times.partition_point(|at| *at <= end).saturating_sub(from)
        };
        // A call that is told of late may make many of those after it.
        let from = added.iter().min().copied().unwrap_or(i64::MAX);
        let ends = || self.times.iter().filter(|end| **end >= from);
        let most = |window: SignedDuration| ends().map(|end| within(*end, window)).max().unwrap_or_default();
        let (in_a_minute, in_an_hour) = (most(MINUTE), most(HOUR));
        let is_many = in_a_minute > limits.per_minute || in_an_hour > limits.per_hour;
        let recent = |at: Option<Timestamp>| at.is_some_and(|at| now.duration_since(at) < HOUR);
        let is_new = is_many && !recent(self.detected);
        let goes_on = is_many || recent(self.detected);
        let escalates = goes_on && in_an_hour >= limits.escalate_after && !recent(self.escalated);
        if is_many && is_new {
            self.detected = Some(now);
        }
        if escalates {
            self.escalated = Some(now);
        }
        self.expires = now.checked_add(HOUR * 2).unwrap_or(Timestamp::MAX).as_second();
        Count { in_a_minute, in_an_hour, is_new, is_many, escalates }
    }
}

fn millis(window: SignedDuration) -> i64 {
    i64::try_from(window.as_millis()).unwrap_or(i64::MAX)
}

/// Dry runs count by themselves: what they were shown is still to be acted upon.
fn key(principal: &Principal, enforce: bool) -> String {
    let plain = |byte: u8| if byte.is_ascii_graphic() { char::from(byte) } else { '_' };
    let arn: String = principal.arn.bytes().take(900).map(plain).collect();
    format!("{PREFIX}{}{arn}", if enforce { "" } else { "dry/" })
}

/// Counts calls in the state, on top of what others count at the same time.
fn count(
    state: &dyn KeyValue,
    key: &str,
    calls: &[Timestamp],
    limits: &Limits,
    now: Timestamp,
) -> Result<(Count, Operations), StateError> {
    let mut refused = None;
    for _ in 0..TRIES {
        let old = state.get(key)?;
        // One that cannot be understood is begun anew: an old count is no reason to stop counting.
        let known = old.as_ref().and_then(|entry| serde_json::from_str::<Operations>(&entry.value).ok());
        let mut operations = known.unwrap_or_default();
        let counted = operations.add(calls, limits, now);
        match put(state, key, &operations, old.map(|entry| entry.version)) {
            Err(error @ StateError::Conflict { .. }) => refused = Some(error),
            answer => return answer.map(|()| (counted, operations)),
        }
    }
    Err(refused.unwrap_or_else(|| StateError::Conflict { key: key.to_owned() }))
}

fn put(state: &dyn KeyValue, key: &str, operations: &Operations, on: Option<i64>) -> Result<(), StateError> {
    let value = serde_json::to_string(operations).map_err(|error| StateError::Failed(error.to_string()))?;
    state.write(&[Write::Put { key: key.to_owned(), value, on }]).into_iter().collect()
}

impl Run<'_> {
    /// Counts who changed how much, tells of many changes by one principal, and blocks it where the policy says so.
    pub(super) fn count_operations(&mut self, calls: &[(usize, &ApiCall)]) {
        let scanning = self.settings.real_time.scanning.as_ref().filter(|scanning| scanning.enabled);
        let Some(rule) = scanning.map(|scanning| scanning.detection_rules.mass_operations_detected.clone()) else {
            return;
        };
        if !rule.enabled || !self.remembers {
            return;
        }
        let mut principals: Vec<(&Principal, Vec<Timestamp>)> = Vec::new();
        for (_, call) in calls.iter().filter(|(event, _)| !self.counted.contains(event)) {
            let at = call.time.unwrap_or(self.now);
            match principals.iter_mut().find(|(known, _)| known.arn == call.principal.arn) {
                Some((_, times)) => times.push(at),
                None => principals.push((&call.principal, vec![at])),
            }
        }
        for (principal, times) in principals {
            match count(self.ports.state, &key(principal, self.settings.enforce), &times, &Limits::of(&rule), self.now)
            {
                Err(error) => self.fail(error.to_string()),
                Ok((counted, operations)) if counted.is_many || counted.escalates => {
                    self.many(principal, &rule, counted, operations)
                }
                Ok(_) => {}
            }
        }
    }

    fn many(&mut self, principal: &Principal, rule: &MassOperations, counted: Count, mut operations: Operations) {
        let mut done = Vec::new();
        let mut blocked = false;
        let due = operations.blocked.is_none_or(|at| operations.detected.is_some_and(|detected| at < detected));
        if rule.block_suspicious_users && due {
            match self.block(principal) {
                Ok(what) => {
                    blocked = self.settings.enforce && what.starts_with("blocked");
                    done.push(what);
                }
                Err(error) => {
                    let what = format!("`{}` could not be blocked: {error}", principal.arn);
                    self.fail(what.clone());
                    done.push(what);
                }
            }
        }
        if blocked {
            operations.blocked = Some(self.now);
            let key = key(principal, self.settings.enforce);
            let kept = self.ports.state.get(&key).map(|entry| entry.map(|entry| entry.version));
            // A block that is not remembered is made again, which does no harm.
            drop(kept.and_then(|version| put(self.ports.state, &key, &operations, version)));
        }
        if done.is_empty() {
            done.push("nothing was changed".to_owned());
        }
        let note = PrincipalNote {
            principal: principal.arn.clone(),
            account_id: principal.account_id.clone(),
            in_a_minute: counted.in_a_minute,
            in_an_hour: counted.in_an_hour,
            escalated: counted.escalates && !counted.is_new,
            done: done.clone(),
        };
        if (counted.is_new || counted.escalates || blocked) && rule.notify_security_team {
            self.send(&note.notice(self.now, &self.settings.terms.channels));
        }
        self.response.principals.push(PrincipalReport {
            principal: principal.arn.clone(),
            in_a_minute: counted.in_a_minute,
            in_an_hour: counted.in_an_hour,
            is_new: counted.is_new,
            escalates: counted.escalates,
            done,
        });
    }

    /// Blocks a principal, or says why not.
    fn block(&self, principal: &Principal) -> Result<String, PortError> {
        let arn = &principal.arn;
        if !matches!(principal.kind, PrincipalKind::User | PrincipalKind::Role) {
            return Ok(format!("not blocked: `{arn}` is neither a user nor a session of a role"));
        }
        if is_spared(self.settings, principal) {
            return Ok(format!("not blocked: `{arn}` is one of those that are never blocked"));
        }
        let own = self.ports.blocker.own_arn()?;
        let ours = Principal::parse(&own).is_ok_and(|own| is_same(&own, principal)) || own == *arn;
        let our_role = self.settings.own.role_name.as_deref().is_some_and(|name| {
            principal.kind == PrincipalKind::Role && name.rsplit('/').next() == Some(principal.name.as_str())
        });
        if ours || our_role {
            return Ok(format!("not blocked: `{arn}` is ourselves"));
        }
        if !self.settings.enforce {
            return Ok(format!("would block `{arn}`"));
        }
        self.ports.blocker.block(principal, self.now)?;
        Ok(format!("blocked `{arn}`: `portcullis unblock {arn}` takes it back"))
    }
}

/// Whether a principal is on the list of those that are never blocked.
fn is_spared(settings: &Settings, principal: &Principal) -> bool {
    settings.break_glass.iter().any(|spared| {
        *spared == principal.arn || Principal::parse(spared).is_ok_and(|spared| is_same(&spared, principal))
    })
}

/// Whether two are one user or one role, whatever the session.
fn is_same(one: &Principal, other: &Principal) -> bool {
    let account = |who: &Principal| who.arn.split(':').nth(4).unwrap_or_default().to_owned();
    one.kind == other.kind && one.name == other.name && account(one) == account(other)
}
