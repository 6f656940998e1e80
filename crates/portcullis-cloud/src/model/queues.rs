//! Amazon SQS in memory. What was received and not deleted is hidden until [`World::redeliver`] shows it again.

use std::time::Duration;

use async_trait::async_trait;

use super::{World, failure};
use crate::api::{Queue, QueuedMessage};
use crate::error::{Kind, Result};

/// What one receive gives, and one delete takes, at most.
const BATCH: usize = 10;

/// A message of a queue.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) hidden: bool,
}

/// A client of one queue.
#[derive(Clone, Debug)]
pub(super) struct QueueClient {
    pub(super) world: World,
    pub(super) url: String,
}

impl World {
    /// Adds a queue without messages.
    pub fn add_queue(&self, url: &str) {
        self.state().queues.entry(url.to_owned()).or_default();
    }

    /// Sends a message; makes the queue if need be.
    pub fn send_message(&self, url: &str, body: &str) {
        let id = format!("message-{}", self.next_number());
        let message = Kept { id, body: body.to_owned(), hidden: false };
        self.state().queues.entry(url.to_owned()).or_default().push(message);
    }

    /// The bodies that are there, hidden ones included.
    pub fn messages(&self, url: &str) -> Vec<String> {
        let state = self.state();
        state.queues.get(url).into_iter().flatten().map(|message| message.body.clone()).collect()
    }

    /// Shows again what was received and not deleted, as when its visibility timeout is over.
    pub fn redeliver(&self, url: &str) {
        let mut state = self.state();
        state.queues.entry(url.to_owned()).or_default().iter_mut().for_each(|message| message.hidden = false);
    }
}

#[async_trait]
impl Queue for QueueClient {
    async fn receive(&self, _wait: Duration) -> Result<Vec<QueuedMessage>> {
        const CALL: &str = "sqs:ReceiveMessage";
        self.world.pass(CALL).await?;
        let mut state = self.world.state();
        let queue = state.queues.get_mut(&self.url).ok_or_else(|| {
            failure(
                Kind::NotFound,
                CALL,
                "AWS.SimpleQueueService.NonExistentQueue",
                "The specified queue does not exist",
            )
        })?;
        let visible = queue.iter_mut().filter(|message| !message.hidden).take(BATCH);
        Ok(visible
            .map(|message| {
                message.hidden = true;
                QueuedMessage { id: message.id.clone(), receipt: message.id.clone(), body: message.body.clone() }
            })
            .collect())
    }

    async fn delete(&self, messages: &[QueuedMessage]) -> Result<Vec<String>> {
        const CALL: &str = "sqs:DeleteMessage";
        self.world.pass(CALL).await?;
        if messages.len() > BATCH {
            let text = "Maximum number of entries per request are 10";
            return Err(failure(Kind::Invalid, CALL, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", text));
        }
        let mut state = self.world.state();
        if let Some(queue) = state.queues.get_mut(&self.url) {
            queue.retain(|kept| !messages.iter().any(|message| message.receipt == kept.id));
        }
        Ok(Vec::new())
    }
}
