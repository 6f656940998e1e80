//! Amazon SQS.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;

/// A message as it is received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueuedMessage {
    /// Its id, the same each time it is received.
    pub id: String,
    /// By what it is deleted; another one each time it is received.
    pub receipt: String,
    /// What it holds.
    pub body: String,
}

/// A queue of Amazon SQS.
#[async_trait]
pub trait Queue: Send + Sync + Debug {
    /// `sqs:ReceiveMessage`: up to 10 messages, for which it waits up to 20 seconds.
    async fn receive(&self, wait: Duration) -> Result<Vec<QueuedMessage>>;

    /// `sqs:DeleteMessage`, up to 10 in one call; the ids of those that could not be deleted.
    async fn delete(&self, messages: &[QueuedMessage]) -> Result<Vec<String>>;
}
