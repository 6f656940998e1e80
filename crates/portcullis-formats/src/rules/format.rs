//! Rules files in the usual form: nothing that is said changes, nor any comment.

use std::sync::Arc;

use unicode_width::UnicodeWidthStr as _;

use super::line::{Body, Entry, Parser};
use super::write::{peer, ports};
use crate::diagnostics::{Diagnostics, Level, Source};

/// Bodies up to this width have their comments aligned; a longer one must not push all others to the right.
const ALIGNED: usize = 60;

/// A file in the usual form, given by the name that the user knows it by and its bytes.
///
/// Order, blank lines and comments stay. Blocks lose host bits, protocols are written out in lower case, ICMP as
/// `TYPE/CODE`, everything as `*`; comments behind neighbouring rules are aligned. Formatting twice is formatting once.
///
/// ```
/// let text = "52.35.23.0/21:80^TCP # web\n\n10.0.0.0/8 : 22\n";
/// let formatted = portcullis_formats::rules::format("rules.pysec", text.as_bytes())?;
/// assert_eq!(formatted, "52.35.16.0/21:80^tcp  # web\n\n10.0.0.0/8:22^tcp\n");
/// # Ok::<(), portcullis_formats::diagnostics::Diagnostics>(())
/// ```
///
/// # Errors
///
/// Everything that is wrong with it; what cannot be read is not rewritten.
pub fn format(name: &str, bytes: &[u8]) -> Result<String, Diagnostics> {
    let source = Arc::new(Source::new(name, bytes)?);
    let mut messages = Vec::new();
    let mut lines = Vec::new();
    for text in source.text().split('\n') {
        let Some(line) = Parser::new(&source, &mut messages).line(text) else { continue };
        let body = match line.body {
            Body::Nothing => String::new(),
            Body::EgressNone(_) => "egress none".to_owned(),
            Body::Entry(entry) => body(&entry),
        };
        // A line of comment alone may be drawn with several `#`, and keeps them.
        let comment = if body.is_empty() { line.comment.map(|_| text.trim()) } else { line.comment };
        lines.push((body, comment));
    }
    messages.retain(|message| message.level == Level::Error);
    Diagnostics::of(&source, messages).into_result()?;
    while lines.last().is_some_and(|(body, comment)| body.is_empty() && comment.is_none()) {
        lines.pop();
    }
    Ok(lay_out(lines.iter().map(|(body, comment)| (body.as_str(), *comment))))
}

fn body(entry: &Entry<'_>) -> String {
    let direction = match entry.direction {
        portcullis_core::model::Direction::Ingress => "",
        portcullis_core::model::Direction::Egress => "egress ",
    };
    let list = |items: Vec<String>| items.join(",");
    let peers = list(entry.peers.iter().map(peer).collect());
    let ports = list(entry.services.iter().map(|services| ports(*services)).collect());
    format!("{direction}{peers}:{ports}^{}", entry.protocol.usual())
}

/// Lines of body and comment; where the body is empty, the comment is the whole line.
pub(super) fn lay_out<'a>(lines: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let lines: Vec<(&str, Option<&str>)> = lines.into_iter().collect();
    let mut text = String::new();
    for run in lines.chunk_by(|(one, _), (other, _)| one.is_empty() == other.is_empty()) {
        let widths = run.iter().filter(|(_, comment)| comment.is_some()).map(|(body, _)| body.width());
        let column = widths.filter(|width| *width <= ALIGNED).max().unwrap_or(0);
        for (body, comment) in run {
            text.push_str(body);
            match comment {
                Some(comment) if body.is_empty() => text.push_str(comment),
                Some(comment) => {
                    let gap = column.saturating_sub(body.width()) + 2;
                    text.extend(std::iter::repeat_n(' ', gap));
                    text.push_str("# ");
                    text.push_str(comment);
                }
                None => {}
            }
            // An empty comment leaves no space at the end of its line.
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
    }
    text
}
