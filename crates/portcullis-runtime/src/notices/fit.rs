//! Notices within the bytes that they may have.

use super::Notice;

/// What all of a message may have: 256 KB. Source: Amazon SNS API Reference, `Publish`.
pub const MOST_BYTES: usize = 262_144;
/// How often the JSON stands in what is published: for http, https, lambda and sqs.
const COPIES: usize = 4;
/// For names of protocols, brackets and commas.
const FRAME: usize = 512;

/// How many bytes a notice has when it is published, at most: the JSON stands once for each protocol of machines, as a JSON
/// text within JSON.
pub fn published_bytes(notice: &Notice) -> usize {
    let attributes = notice.attributes.iter().map(|(key, value)| key.len() + value.len() + "String".len());
    let body = escaped_bytes(&notice.text) + COPIES * escaped_bytes(&notice.json);
    notice.subject.len() + body + attributes.sum::<usize>() + FRAME
}

/// How many bytes a text has as a JSON text.
fn escaped_bytes(text: &str) -> usize {
    let of = |character: char| match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    };
    2 + text.chars().map(of).sum::<usize>()
}

/// The most of `all` for which `fits` holds. It must hold for few if it holds for many. What is tried grows from one on, so
/// that the effort goes by what fits and not by what there is.
pub(super) fn most(all: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut fitting, mut too_many) = (0, 1);
    while fits(too_many.min(all)) {
        if too_many >= all {
            return all;
        }
        fitting = too_many;
        too_many *= 2;
    }
    while too_many - fitting > 1 {
        let middle = fitting + (too_many - fitting) / 2;
        if fits(middle) { fitting = middle } else { too_many = middle }
    }
    fitting
}

/// A text of at most so many bytes; one that is cut ends in `…`.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// A subject: at most 100 printable ASCII characters, beginning with one that is no blank.
/// Source: Amazon SNS API Reference, `Publish`.
pub(super) fn subject(text: &str) -> String {
    let printable = |character: char| if (' '..='~').contains(&character) { character } else { '?' };
    let clean: String = text.trim().chars().map(printable).collect();
    if clean.len() <= 100 { clean } else { format!("{}...", clean.get(..97).unwrap_or_default().trim_end()) }
}
