//! Files that carry a digest of themselves: plans and backups.
//!
//! A digest refuses nearly every change before anything else is looked at. So each input is tried as it is and with a
//! digest that fits it, as somebody would write it who knows how.

use std::fmt::Display;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

/// What is read is written again with the digest that it came with, which is the digest of all that is written: so nothing
/// was lost on the way. What is refused is refused with words.
///
/// `again` reads bytes and writes what was read.
pub(crate) fn read_or_refused<E: Display>(data: &[u8], again: impl Fn(&[u8]) -> Result<Vec<u8>, E>) {
    for text in [Some(data.to_vec()), signed(data)].into_iter().flatten() {
        match again(&text) {
            Err(error) => assert!(!error.to_string().is_empty(), "refused without a word"),
            Ok(written) => {
                let (from, to) = (compact(&text), compact(&written));
                assert_eq!(signed(&to).as_ref(), Some(&to), "a digest of something else: {}", lossy(&to));
                let same = digest(&from).and_then(|at| from.get(at)) == digest(&to).and_then(|at| to.get(at));
                assert!(same, "other than it was read:\n{}\n{}", lossy(&from), lossy(&to));
            }
        }
    }
}

/// Where the digest of a text without white space stands.
fn digest(text: &[u8]) -> Option<Range<usize>> {
    const KEY: &[u8] = b"\"digest\":\"";
    let start = text.windows(KEY.len()).rposition(|window| window == KEY)? + KEY.len();
    let length = text.get(start..)?.iter().position(|byte| *byte == b'"')?;
    Some(start..start + length)
}

/// The same text with the digest that its content has. `None` where there is no digest.
///
/// The digest is the SHA-256 of the text without white space and with an empty digest. Where keys stand in another order
/// or characters are escaped in another way this is another number, and the text is refused for it.
fn signed(text: &[u8]) -> Option<Vec<u8>> {
    let mut text = compact(without_mark(text));
    let place = digest(&text)?;
    drop(text.drain(place.clone()));
    let own: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    drop(text.splice(place.start..place.start, own.into_bytes()));
    Some(text)
}

fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

/// JSON without the white space between its parts.
fn compact(text: &[u8]) -> Vec<u8> {
    let (mut quoted, mut escaped) = (false, false);
    let keep = |byte: &u8| {
        let keeps = quoted || !byte.is_ascii_whitespace();
        quoted ^= *byte == b'"' && !escaped;
        escaped = quoted && *byte == b'\\' && !escaped;
        keeps
    };
    text.iter().copied().filter(keep).collect()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
