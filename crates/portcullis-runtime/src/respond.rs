//! Acting on events: what somebody just changed is judged as it stands, and put right as far as the policy says.
//!
//! An event names groups and nothing more: each is read again, in the account and Region where it happened, and judged on
//! that. So events out of order, twice or late do no harm: the second finds the group as the first left it. What is done is
//! decided by the policies' real-time settings and levels ([`decide`]), carried out with backup, audit and proof as `apply`
//! does it, and told. Nothing in the account changes unless [`Settings::enforce`] is set.
//!
//! Several events at once are answered together: of a storm on one group the group is judged once.

mod act;
mod ask;
mod decide;
mod due;
mod look;
mod once;
mod operations;
mod ports;
mod report;
mod settings;
mod tell;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use portcullis_core::model::{CoverageStatus, GroupKey};
use portcullis_formats::events::{ApiCall, Delivery, Event};

use crate::ports::Place;
use crate::state::sights::FirstSights;
use due::Due;
use look::Look;
pub use once::prune;
pub use operations::{Limits, Operations};
pub use ports::{Blocker, Changer, GroupReader, RespondPorts, Wanted};
pub use report::{Did, EventReport, FindingReport, GroupReport, Handled, PrincipalReport, Response};
pub use settings::{OwnIdentity, RealTime, Settings, strategy_of};
use turn::Turn;

/// Somebody who acts on events.
#[derive(Clone, Copy)]
pub struct Responder<'a> {
    /// By what it goes.
    pub settings: &'a Settings,
    /// Through what it acts.
    pub ports: RespondPorts<'a>,
}

/// One run over some events.
pub(super) struct Run<'a> {
    settings: &'a Settings,
    ports: RespondPorts<'a>,
    now: Timestamp,
    response: Response,
    /// Whether what must be remembered can be.
    remembers: bool,
    /// Events of a dry run that were told before.
    told: BTreeSet<usize>,
    /// Events that an earlier run counted, whether it came to an end or not.
    counted: BTreeSet<usize>,
}

impl<'a> Responder<'a> {
    /// Answers events, and does what has become due meanwhile. What fails is in the response; the others go on.
    pub fn respond(&self, deliveries: &[Delivery]) -> Response {
        let now = self.ports.clock.now();
        let response = Response::new(now, !self.settings.enforce);
        let (settings, ports) = (self.settings, self.ports);
        let (told, counted) = (BTreeSet::new(), BTreeSet::new());
        let mut run = Run { settings, ports, now, response, remembers: true, told, counted };
        run.events(deliveries);
        run.response
    }

    /// When something that waits falls due next.
    pub fn next_due(&self) -> Option<Timestamp> {
        Due::load(self.ports.state).ok()?.next()
    }
}

impl Run<'_> {
    fn events(&mut self, deliveries: &[Delivery]) {
        let mut calls: Vec<(usize, &ApiCall)> = Vec::new();
        for delivery in deliveries {
            let place = self.response.events.len();
            let (what, handled) = match &delivery.event {
                Err(error) => ("a message".to_owned(), Handled::Malformed { why: error.to_string() }),
                Ok(Event::Skipped(skipped)) => (skipped.what.clone(), Handled::Skipped { why: skipped.why.clone() }),
                Ok(Event::Scan(_)) => ("a scan".to_owned(), Handled::Scan),
                Ok(Event::Call(call)) => {
                    let own = self.settings.own.made(call);
                    let why = "it is a change of our own".to_owned();
                    if own {
                        (call.action.as_str().to_owned(), Handled::Skipped { why })
                    } else {
                        calls.push((place, call));
                        (call.action.as_str().to_owned(), Handled::Judged)
                    }
                }
            };
            let id = delivery.event.as_ref().map(|event| event.id().to_owned()).unwrap_or_default();
            self.response.events.push(EventReport { id, message_id: delivery.message_id.clone(), what, handled });
        }
        let repeated = self.claim(&calls);
        calls.retain(|(place, _)| !repeated.contains(place));
        self.count_operations(&calls);
        let mut work: BTreeMap<Place, Look<'_>> = BTreeMap::new();
        for (event, call) in &calls {
            match look::why_not(self.settings, call) {
                Some(why) => self.handled(*event, Handled::Skipped { why }),
                None => {
                    let place = Place { account_id: call.account_id.clone(), region: call.region.clone() };
                    work.entry(place).or_default().add(*event, call);
                }
            }
        }
        let mut due = self.load_due();
        for key in due.iter().flat_map(|due| due.at(self.now)) {
            work.entry(Place::of(&key)).or_default().add_due(&key);
        }
        for (begun, (place, look)) in work.into_iter().enumerate() {
            // What is in hand is finished; what was not begun comes again.
            if begun > 0 && self.ports.interrupt.load(std::sync::atomic::Ordering::Relaxed) {
                self.fail_all(&look, "stopped before its turn");
                continue;
            }
            self.place(&place, &look, due.as_mut());
        }
        if let Some(due) = due
            && let Err(error) = due.save(self.ports.state)
        {
            self.fail(error.to_string());
        }
        self.publish_metrics(&calls);
        self.finish(&calls);
    }

    fn load_due(&mut self) -> Option<Due> {
        if !self.settings.enforce {
            return None;
        }
        match Due::load(self.ports.state) {
            Ok(due) => Some(due),
            Err(error) => {
                self.forget(&error);
                None
            }
        }
    }

    fn handled(&mut self, event: usize, handled: Handled) {
        if let Some(report) = self.response.events.get_mut(event) {
            report.handled = handled;
        }
    }

    fn fail(&mut self, why: String) {
        if !self.response.failures.contains(&why) {
            self.response.failures.push(why);
        }
    }

    fn fail_all(&mut self, look: &Look<'_>, why: &str) {
        self.fail(why.to_owned());
        for (event, _) in &look.calls {
            self.handled(*event, Handled::Failed { why: why.to_owned() });
        }
    }

    /// Everything about one account and Region.
    fn place(&mut self, place: &Place, look: &Look<'_>, due: Option<&mut Due>) {
        if self.settings.is_disabled(&place.account_id) {
            let why = format!("account {} is disabled in the policy: it is not read", place.account_id);
            look.calls.iter().for_each(|(event, _)| self.handled(*event, Handled::Skipped { why: why.clone() }));
            return;
        }
        let inventory = self.ports.groups.read(place, &look.wanted());
        for row in inventory.coverage.iter().filter(|row| row.status != CoverageStatus::Complete) {
            let why = row.error.as_deref().unwrap_or("it could not be read whole");
            let why = format!("account {}, Region {}: {why}", place.account_id, place.region);
            self.fail_all(look, &why);
            if row.status == CoverageStatus::Unread {
                return;
            }
        }
        self.note_gone(look, &inventory);
        let keys: Vec<GroupKey> = inventory.groups.iter().map(|group| group.key.clone()).collect();
        let sights = match FirstSights::of(self.ports.state, &keys) {
            Ok(sights) => sights,
            Err(error) => {
                self.forget(&error);
                FirstSights::default()
            }
        };
        let evaluation = crate::judge(
            &inventory,
            &self.settings.policies,
            self.now,
            portcullis_core::evaluate::Options::default(),
            None,
        );
        let mut turns = Turn::all(&inventory, &evaluation, look);
        let sights = self.decide(&mut turns, sights);
        self.act(&inventory, &mut turns, sights);
        if let Some(due) = due {
            let mut there: BTreeSet<&GroupKey> = BTreeSet::new();
            for turn in &turns {
                there.insert(&turn.group.key);
                due.set(&turn.group.key, turn.waits_until());
            }
            // What waited for a group that is gone waits no more.
            look.due.iter().filter(|key| !there.contains(key)).for_each(|key| due.set(key, None));
        }
        self.tell(&turns);
        for turn in &turns {
            let report = turn.report(self.settings, &inventory, self.now);
            if let Some(why) = &report.failure {
                let why = format!("group `{}`: {why}", turn.group.key.group_id);
                turn.calls.iter().for_each(|(event, _)| self.handled(*event, Handled::Failed { why: why.clone() }));
                self.fail(why);
            }
            self.response.groups.push(report);
        }
    }

    /// Groups that an event names and that are not there.
    fn note_gone(&mut self, look: &Look<'_>, inventory: &portcullis_core::model::Inventory) {
        for (event, call) in &look.calls {
            let there = |id: &String| inventory.groups.iter().any(|group| group.key.group_id == id.as_str());
            let named = !call.group_ids.is_empty();
            let gone = if named { !call.group_ids.iter().any(there) } else { inventory.groups.is_empty() };
            if gone && self.response.events.get(*event).is_some_and(|report| report.handled == Handled::Judged) {
                let why = match call.group_ids.as_slice() {
                    [] => "no group that it is about is there".to_owned(),
                    ids => format!("{} is there no more", ids.join(", ")),
                };
                self.handled(*event, Handled::Skipped { why });
            }
        }
    }
}
