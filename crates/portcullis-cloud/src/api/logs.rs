//! Log groups.

use std::fmt::Debug;

use async_trait::async_trait;

use super::Page;
use crate::error::Result;

/// One event of a log stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEvent {
    /// When it happened, in milliseconds since 1970.
    pub at: i64,
    /// What it says.
    pub message: String,
}

/// Which events of a log group are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogWindow {
    /// The log group, by name or ARN.
    pub group: String,
    /// Of this stream alone.
    pub stream: Option<String>,
    /// The earliest time, in milliseconds since 1970, included.
    pub from: Option<i64>,
    /// The latest time, included.
    pub to: Option<i64>,
}

/// Amazon CloudWatch Logs.
#[async_trait]
pub trait Logs: Send + Sync + Debug {
    /// `logs:FilterLogEvents`: up to 10,000 events or 1 MB of them. A page may be empty and still have a next one.
    async fn events(&self, window: &LogWindow, next: Option<String>) -> Result<Page<LogEvent>>;
}
