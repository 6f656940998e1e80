//! Amazon CloudWatch Logs.

use async_trait::async_trait;
use aws_config::SdkConfig;

use super::send::send;
use crate::api::{LogEvent, LogWindow, Logs, Page};
use crate::error::Result;

/// The log groups of one Region.
#[derive(Debug)]
pub(super) struct Door {
    client: aws_sdk_cloudwatchlogs::Client,
}

impl Door {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { client: aws_sdk_cloudwatchlogs::Client::new(config) }
    }
}

#[async_trait]
impl Logs for Door {
    async fn events(&self, window: &LogWindow, next: Option<String>) -> Result<Page<LogEvent>> {
        let request = self.client.filter_log_events();
        // A group of another account is named by its ARN, which the field for names does not take.
        let request = match window.group.starts_with("arn:") {
            true => request.log_group_identifier(window.group.trim_end_matches(":*")),
            false => request.log_group_name(&window.group),
        };
        let request = request
            .set_log_stream_names(window.stream.clone().map(|stream| vec![stream]))
            .set_start_time(window.from)
            .set_end_time(window.to)
            .set_next_token(next);
        let answer = send!(FilterLogEvents, request)?;
        let event = |event: aws_sdk_cloudwatchlogs::types::FilteredLogEvent| LogEvent {
            at: event.timestamp.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
        };
        let items = answer.events.unwrap_or_default().into_iter().map(event).collect();
        Ok(Page { items, next: answer.next_token })
    }
}
