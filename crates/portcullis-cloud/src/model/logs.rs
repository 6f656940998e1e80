//! CloudWatch Logs in memory.

use async_trait::async_trait;

use super::stores::Global;
use super::{World, failure};
use crate::api::{LogEvent, LogWindow, Logs, Page};
use crate::error::{Kind, Result};

impl World {
    /// Adds an event to a stream of a log group; makes both if need be.
    pub fn log(&self, group: &str, stream: &str, at: i64, message: &str) {
        let event = LogEvent { at, message: message.to_owned() };
        let mut state = self.state();
        state.logs.entry(group.to_owned()).or_default().entry(stream.to_owned()).or_default().push(event);
    }
}

#[async_trait]
impl Logs for Global {
    async fn events(&self, window: &LogWindow, next: Option<String>) -> Result<Page<LogEvent>> {
        const CALL: &str = "logs:FilterLogEvents";
        self.0.pass(CALL).await?;
        let missing = |what| {
            let message = format!("The specified log {what} does not exist.");
            failure(Kind::NotFound, CALL, "ResourceNotFoundException", message)
        };
        let mut events: Vec<LogEvent> = {
            let state = self.0.state();
            let streams = state.logs.get(&window.group).ok_or_else(|| missing("group"))?;
            match &window.stream {
                Some(stream) => streams.get(stream).ok_or_else(|| missing("stream"))?.clone(),
                None => streams.values().flatten().cloned().collect(),
            }
        };
        let (from, to) = (window.from.unwrap_or(i64::MIN), window.to.unwrap_or(i64::MAX));
        events.retain(|event| (from..=to).contains(&event.at));
        events.sort_by_key(|event| event.at);
        self.0.page_of(CALL, events, next.as_deref())
    }
}
