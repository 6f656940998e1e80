//! A queue of Amazon SQS.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;

use super::send::send;
use crate::api::{Queue, QueuedMessage};
use crate::calls::Call;
use crate::error::{Error, Kind, Result};

/// The most messages of one call. Source: Amazon SQS API Reference, `ReceiveMessage`, `DeleteMessageBatch`.
const BATCH: i32 = 10;
/// The longest wait of one call. Source: the same.
const LONGEST_WAIT: u64 = 20;

/// One queue.
#[derive(Debug)]
pub(super) struct Door {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl Door {
    pub(super) fn new(config: &SdkConfig, url: &str) -> Self {
        Self { client: aws_sdk_sqs::Client::new(config), url: url.to_owned() }
    }
}

/// The Region in the URL of a queue: `https://sqs.eu-west-1.amazonaws.com/111122223333/name`.
pub(super) fn region_of(url: &str) -> Option<&str> {
    let host = url.split_once("://")?.1.split(['/', ':']).next()?;
    host.strip_prefix("sqs.")?.split_once(".amazonaws.").map(|(region, _)| region)
}

#[async_trait]
impl Queue for Door {
    async fn receive(&self, wait: Duration) -> Result<Vec<QueuedMessage>> {
        let seconds = i32::try_from(wait.as_secs().min(LONGEST_WAIT)).unwrap_or_default();
        let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(BATCH);
        let answer = send!(ReceiveMessage, request.wait_time_seconds(seconds))?;
        let message = |message: aws_sdk_sqs::types::Message| QueuedMessage {
            id: message.message_id.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
        };
        Ok(answer.messages.unwrap_or_default().into_iter().map(message).collect())
    }

    async fn delete(&self, messages: &[QueuedMessage]) -> Result<Vec<String>> {
        let mut request = self.client.delete_message_batch().queue_url(&self.url);
        for (place, message) in messages.iter().enumerate() {
            // Ids within a batch are for telling its entries apart; a message received twice has the same id twice.
            let entry =
                DeleteMessageBatchRequestEntry::builder().id(place.to_string()).receipt_handle(&message.receipt);
            let entry = entry.build().map_err(|error| {
                Error::new(Kind::Invalid, Call::DeleteMessages.action(), format!("message `{}`: {error}", message.id))
            })?;
            request = request.entries(entry);
        }
        let answer = send!(DeleteMessages, request)?;
        let failed = answer.failed.into_iter().filter_map(|failed| failed.id.parse::<usize>().ok());
        Ok(failed.filter_map(|place| messages.get(place)).map(|message| message.id.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::region_of;

    #[test]
    fn a_queue_is_asked_in_its_own_region() {
        assert_eq!(region_of("https://sqs.eu-west-1.amazonaws.com/111122223333/events"), Some("eu-west-1"));
        assert_eq!(region_of("https://sqs.cn-north-1.amazonaws.com.cn/111122223333/events"), Some("cn-north-1"));
        assert_eq!(region_of("http://localhost:5000/111122223333/events"), None);
        assert_eq!(region_of("events"), None);
    }
}
