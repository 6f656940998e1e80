//! Flow logs in a log group: its events, page by page, as lines of text.

use std::collections::HashSet;
use std::io::{self, Read};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use portcullis_cloud::api::{Cloud, LogWindow, Page};
use portcullis_cloud::error::{Error, Kind, Result};
use portcullis_cloud::patience::{Backoff, repeated};
use portcullis_flows::Input;
use portcullis_flows::input::Content;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, channel};

use super::Wanted;

/// `cwl:GROUP[:STREAM]`: a log group, and perhaps one of its streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLocation {
    /// The group's name or ARN.
    pub group: String,
    /// The stream.
    pub stream: Option<String>,
}

impl FromStr for GroupLocation {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let rest = text.strip_prefix("cwl:").unwrap_or(text);
        // An ARN has six colons of its own: arn:aws:logs:REGION:ACCOUNT:log-group:NAME.
        let own = if rest.starts_with("arn:") { 7 } else { 1 };
        let parts: Vec<&str> = rest.splitn(own + 1, ':').collect();
        let (group, stream) = parts.split_at(parts.len().min(own));
        let group = group.join(":");
        // An ARN may end in `:*`, which stands for all streams.
        let stream = stream.first().copied().filter(|stream| !stream.is_empty() && *stream != "*");
        if group.is_empty() || group.len() > 2048 {
            return Err(format!("`{text}` names no log group: write `cwl:GROUP` or `cwl:GROUP:STREAM`"));
        }
        Ok(Self { group, stream: stream.map(str::to_owned) })
    }
}

impl GroupLocation {
    /// The Region that an ARN names.
    pub fn region(&self) -> Option<&str> {
        self.group.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
    }
}

/// An event bears the time at which its record's window began, or nearly so.
const SLACK: u64 = 3600;
/// Pages that are fetched ahead.
const AHEAD: usize = 4;
/// How long a call is made again while it fails for passing reasons: a log group takes a few calls a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// The events of a log group as one input. The first page is fetched at once, so that a group that is not there is known
/// before anything is read.
///
/// # Errors
/// Where the first page cannot be fetched.
pub async fn events(
    cloud: &Arc<dyn Cloud>,
    location: &GroupLocation,
    region: Option<&str>,
    wanted: &Wanted,
    handle: &Handle,
) -> Result<Input> {
    let logs = cloud.logs(location.region().or(region)).await?;
    let milliseconds = |seconds: u64| i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
    let window = LogWindow {
        group: location.group.clone(),
        stream: location.stream.clone(),
        from: wanted.since.map(|since| milliseconds(since.saturating_sub(SLACK))),
        to: wanted.until.map(|until| milliseconds(until.saturating_add(SLACK))),
    };
    let (sender, receiver) = channel(AHEAD);
    let mut page = repeated(&mut Backoff::new(PATIENCE), || logs.events(&window, None)).await?;
    let name = match &location.stream {
        Some(stream) => format!("cwl:{}:{stream}", location.group),
        None => format!("cwl:{}", location.group),
    };
    handle.spawn(async move {
        let mut seen = HashSet::new();
        loop {
            let Page { items, next } = page;
            let mut text = Vec::new();
            for event in items {
                text.extend_from_slice(event.message.trim_end().as_bytes());
                text.push(b'\n');
            }
            if !text.is_empty() && sender.send(Ok(text)).await.is_err() {
                return;
            }
            let Some(next) = next else { return };
            let fetched = if seen.insert(next.clone()) {
                repeated(&mut Backoff::new(PATIENCE), || logs.events(&window, Some(next.clone()))).await
            } else {
                Err(Error::new(Kind::Answer, "logs:FilterLogEvents", "the next page begins where an earlier one did"))
            };
            match fetched {
                Ok(fetched) => page = fetched,
                Err(error) => {
                    let _ = sender.send(Err(io::Error::other(error.to_string()))).await;
                    return;
                }
            }
        }
    });
    let lines = Lines { pages: receiver, page: Vec::new(), read: 0 };
    Ok(Input::new(name, None, move || Ok(Content::Stream(Box::new(lines)))))
}

/// Pages as they come, read one after the other.
struct Lines {
    pages: Receiver<io::Result<Vec<u8>>>,
    page: Vec<u8>,
    read: usize,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.page.len() {
            match self.pages.blocking_recv() {
                None => return Ok(0),
                Some(page) => (self.page, self.read) = (page?, 0),
            }
        }
        let rest = self.page.get(self.read..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.read += count;
        Ok(count)
    }
}
