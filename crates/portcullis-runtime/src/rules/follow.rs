//! Waiting for CloudFormation.

use std::collections::HashSet;
use std::time::Duration;

use portcullis_cloud::api::{ChangeSet, Stack, StackEvent, Stacks};

use super::{Failure, Result, Site, Talk};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Pauses that grow, until the time is up.
struct Pauses<'s> {
    site: &'s Site,
    next: Duration,
    spent: Duration,
}

impl<'s> Pauses<'s> {
    fn new(site: &'s Site) -> Self {
        Self { site, next: FIRST_PAUSE, spent: Duration::ZERO }
    }

    /// Waits, unless the time is up.
    fn pause(&mut self) -> bool {
        if self.spent + self.next > self.site.budget {
            return false;
        }
        self.site.wait.wait(self.next);
        self.spent += self.next;
        self.next = self.next.mul_f64(1.5).min(LONGEST_PAUSE);
        true
    }

    fn too_long(&self, what: &str) -> Failure {
        let seconds = self.site.budget.as_secs();
        Failure::World(format!(
            "{what} took longer than {seconds} s: look at it in the console, or give more with `--time-budget`"
        ))
    }
}

/// A change set once AWS is done making it, with all its changes.
pub(super) fn made(site: &Site, stacks: &dyn Stacks, id: &str) -> Result<ChangeSet> {
    let mut pauses = Pauses::new(site);
    loop {
        let mut set = site.look(|| stacks.change_set(id, None))?;
        if !set.is_pending() {
            while let Some(next) = set.changes.next.take() {
                let more = site.look(|| stacks.change_set(id, Some(next.clone())))?.changes;
                set.changes.items.extend(more.items);
                set.changes.next = more.next;
            }
            return Ok(set);
        }
        if !pauses.pause() {
            return Err(pauses.too_long("the change set"));
        }
    }
}

/// Takes a stack away that holds nothing yet, and waits until it is gone, so that the next commit finds none. That it may
/// stay is no failure: a first change set can be made for it again.
pub(super) fn undone(site: &Site, stacks: &dyn Stacks, id: &str) {
    let mut pauses = Pauses::new(site);
    if site.ask(stacks.delete_stack(id)).is_err() {
        return;
    }
    while site.look(|| stacks.stack(id)).is_ok_and(|stack| stack.is_busy()) && pauses.pause() {}
}

/// A stack that something is to be done to: what happened to it before is no news.
pub(super) struct Followed<'s> {
    site: &'s Site,
    stacks: &'s dyn Stacks,
    id: String,
    seen: HashSet<String>,
    /// Why something failed, the first reason first.
    pub(super) reasons: Vec<String>,
}

/// As many pages of events as one commit can fill: a stack that is old has thousands of them.
const PAGES: usize = 20;

impl<'s> Followed<'s> {
    /// From now on.
    pub(super) fn begin(site: &'s Site, stacks: &'s dyn Stacks, id: &str) -> Result<Self> {
        let mut followed = Self { site, stacks, id: id.to_owned(), seen: HashSet::new(), reasons: Vec::new() };
        followed.news()?;
        Ok(followed)
    }

    /// What happened since the last time, the oldest first.
    fn news(&mut self) -> Result<Vec<StackEvent>> {
        let (mut news, mut next) = (Vec::new(), None::<String>);
        for _ in 0..PAGES {
            let page = self.site.look(|| self.stacks.events(&self.id, next.clone()))?;
            let count = page.items.len();
            let new: Vec<StackEvent> =
                page.items.into_iter().filter(|event| self.seen.insert(event.id.clone())).collect();
            let reached_old = new.len() < count;
            news.extend(new);
            next = page.next;
            if reached_old || next.is_none() {
                break;
            }
        }
        news.reverse();
        Ok(news)
    }

    /// Waits until nothing is at work on the stack any more, and tells what happens meanwhile.
    pub(super) fn until_its_end(&mut self, talk: &dyn Talk) -> Result<Stack> {
        let mut pauses = Pauses::new(self.site);
        let mut began = false;
        loop {
            let stack = self.site.look(|| self.stacks.stack(&self.id))?;
            for event in self.news()? {
                began = true;
                // A cancelled resource fails because another one did; that one's reason counts.
                if event.is_failure() && !event.reason.is_empty() && !event.reason.contains("cancelled") {
                    self.reasons.push(format!("{}: {}", event.logical_id, event.reason));
                }
                talk.event(&event);
            }
            // A stack may look for a moment as if nobody had asked anything of it.
            if began && (!stack.is_busy() && !stack.is_planned() || stack.is_well()) {
                return Ok(stack);
            }
            if !pauses.pause() {
                return Err(pauses.too_long(&format!("stack `{}`, which is {},", stack.name, stack.status)));
            }
        }
    }

    /// Why it failed, in one sentence.
    pub(super) fn why(&self, stack: &Stack) -> String {
        let own = || stack.reason.clone().unwrap_or_else(|| "AWS gives no reason".to_owned());
        let why = self.reasons.first().cloned().unwrap_or_else(own);
        format!("stack `{}` is {}: {why}", stack.name, stack.status)
    }
}
