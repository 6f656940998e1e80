//! `portcullis watch`

mod health;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use portcullis_cloud::api::{Queue, QueuedMessage};
use portcullis_cloud::error::{Error, Kind};
use portcullis_formats::events::{Delivery, read};
use portcullis_report::sanitise::neutral;
use portcullis_runtime::{Clock as _, SystemClock};

use super::handle_event::{answer, complain, tell};
use crate::cli::WatchArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::interrupt::flag_of_signals;
use crate::output::{Console, to_stdout};
use crate::service::{Opened, open};
use health::Health;

/// How long one receive waits for messages: the most that SQS gives, for the fewest calls.
const WAIT: Duration = Duration::from_secs(20);
/// So many messages are taken in hand at once, so that a storm on one group is judged a few times.
const IN_HAND: usize = 500;
/// So many go with one call.
const BATCH: usize = 10;
/// How often the flag of signals is looked at while waiting.
const TICK: Duration = Duration::from_millis(100);
/// The longest pause after a queue that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often what nobody asks for any more is forgotten.
const TIDY: Duration = Duration::from_secs(3600);

pub(crate) fn run(args: &WatchArgs, console: &Console) -> Result<Outcome> {
    let interrupt = flag_of_signals().map_err(|error| Failure::Internal(error.into()))?;
    let opened = open(&args.events, console)?;
    let queue = opened.live.handle().block_on(opened.live.cloud().queue(&args.queue));
    let queue = queue.map_err(|error| Failure::Incomplete(error.to_string()))?;
    let health = Arc::new(Health::default());
    if let Some(address) = args.health {
        let bound = health::serve(address, Arc::clone(&health));
        let bound =
            bound.map_err(|error| Failure::input(format!("`--health {address}` cannot be listened on: {error}")))?;
        console.remark(&format!("health at http://{bound}/health"));
    }
    console.remark(&format!("watching {}", args.queue));
    let watcher = Watcher { args, console, opened: &opened, queue: &*queue, interrupt: &interrupt, health: &health };
    watcher.watch()
}

struct Watcher<'a> {
    args: &'a WatchArgs,
    console: &'a Console,
    opened: &'a Opened,
    queue: &'a dyn Queue,
    interrupt: &'a AtomicBool,
    health: &'a Health,
}

impl Watcher<'_> {
    fn watch(&self) -> Result<Outcome> {
        let mut pause = Duration::from_secs(1);
        let mut tidied = SystemClock.now();
        while !self.interrupt.load(Ordering::Relaxed) {
            let (wait, is_due) = self.wait();
            match self.receive(wait) {
                None => break,
                Some(Ok(messages)) => {
                    pause = Duration::from_secs(1);
                    self.health.polled(SystemClock.now());
                    if !messages.is_empty() || is_due {
                        self.answer(&messages)?;
                    }
                }
                Some(Err(error)) if error.kind.may_read_again() || error.kind == Kind::Expired => {
                    self.console.warn(&format!("warning: the queue does not answer: {}", neutral(&error.to_string())));
                    self.rest(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Some(Err(error)) => {
                    return Err(Failure::Incomplete(format!(
                        "the queue `{}` cannot be read: {error}",
                        self.args.queue
                    )));
                }
            }
            let now = SystemClock.now();
            if now.duration_since(tidied).unsigned_abs() > TIDY {
                tidied = now;
                if let Err(error) = self.opened.service.tidy(&SystemClock) {
                    self.console.warn(&format!("warning: {}", neutral(&error.to_string())));
                }
            }
        }
        self.console.remark("stopped");
        Ok(Outcome::Done)
    }

    /// How long to wait for messages, and whether something is due once that is over.
    fn wait(&self) -> (Duration, bool) {
        let Some(due) = self.opened.service.next_due(&SystemClock) else { return (WAIT, false) };
        let left = due.duration_since(Timestamp::now());
        let left = if left.is_negative() { Duration::ZERO } else { left.unsigned_abs() };
        // SQS waits whole seconds: rounded up, so that it is due once the wait is over.
        let wait = if left.is_zero() { left } else { Duration::from_secs(left.as_secs() + 1).min(WAIT) };
        (wait, left <= wait)
    }

    /// The messages that are there, or come within `wait`; `None` once it is to stop.
    fn receive(&self, wait: Duration) -> Option<std::result::Result<Vec<QueuedMessage>, Error>> {
        let mut messages = match self.receive_once(wait)? {
            Ok(messages) => messages,
            error => return Some(error),
        };
        let mut more = messages.len();
        // A message that came alone was waited for: nothing else is there. Of a storm they come by the handful.
        while more > 1 && messages.len() < IN_HAND {
            // What is in hand is answered, whatever becomes of the rest.
            let next = self.opened.live.handle().block_on(self.queue.receive(Duration::ZERO)).unwrap_or_default();
            more = next.len();
            messages.extend(next);
        }
        Some(Ok(messages))
    }

    fn receive_once(&self, wait: Duration) -> Option<std::result::Result<Vec<QueuedMessage>, Error>> {
        self.opened.live.handle().block_on(async {
            tokio::select! {
                biased;
                received = self.queue.receive(wait) => Some(received),
                () = self.stopped() => None,
            }
        })
    }

    async fn stopped(&self) {
        while !self.interrupt.load(Ordering::Relaxed) {
            tokio::time::sleep(TICK).await;
        }
    }

    fn rest(&self, pause: Duration) {
        self.opened.live.handle().block_on(async {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stopped() => {}
            }
        });
    }

    /// Answers messages and deletes those that are done; the queue delivers the others again, or gives them up.
    fn answer(&self, messages: &[QueuedMessage]) -> Result<()> {
        let mut deliveries = Vec::new();
        for message in messages {
            match read(message.body.as_bytes()) {
                Ok(body) => deliveries.extend(
                    body.deliveries.into_iter().map(|own| Delivery { message_id: Some(message.id.clone()), ..own }),
                ),
                Err(error) => deliveries.push(Delivery { message_id: Some(message.id.clone()), event: Err(error) }),
            }
        }
        let answered = answer(&self.opened.service, &deliveries, self.interrupt);
        let (response, scans) = match answered {
            Ok(answered) => answered,
            Err(Failure::Internal(error)) => return Err(Failure::Internal(error)),
            Err(Failure::Input(why) | Failure::Incomplete(why)) => {
                self.console.warn(&format!("failed: {}", neutral(&why)));
                self.health.failed();
                return Ok(());
            }
        };
        let failed = response.failed_messages();
        let done: Vec<QueuedMessage> =
            messages.iter().filter(|message| !failed.contains(&message.id)).cloned().collect();
        to_stdout(|out| tell(&response, &scans, self.args.events.format, out))?;
        complain(&response, &scans, self.console);
        self.health.answered(done.len(), failed.len());
        for batch in done.chunks(BATCH) {
            // One that is not deleted comes again, and is known again.
            let deleted = self.opened.live.handle().block_on(self.queue.delete(batch));
            let left = match deleted {
                Ok(left) if left.is_empty() => continue,
                Ok(left) => format!("{} messages could not be deleted", left.len()),
                Err(error) => error.to_string(),
            };
            self.console.warn(&format!("warning: {}: what was answered comes again", neutral(&left)));
        }
        Ok(())
    }
}
