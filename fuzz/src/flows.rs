//! Flow logs of any bytes: digested, or found wanting; never more or less for being cut into threads or spilt to disk.

use std::num::NonZeroUsize;
use std::sync::Arc;

use portcullis_flows::{Digest, Input, Progress, Query, digest, render};

/// Words of the language.
pub(crate) const WORDS: &[&str] = &[
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n",
    "2 111122223333 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 10 840 1700000000 1700000060 ACCEPT OK\n",
    "2 111122223333 eni-0a - - - - - - - 1700000000 1700000060 - NODATA\n",
    "srcaddr action bytes\n",
    "2001:db8::1 REJECT 9223372036854775807\n",
    " 255.255.255.255 ",
    " 18446744073709551616 ",
    " - ",
    "\r\n",
    "\n\n",
    "\u{1f}\u{8b}",
    "PAR1",
    "SKIPDATA",
    "\u{e9}",
    "\0",
];

/// Digests the bytes in two ways that must agree.
pub fn flows(data: &[u8]) {
    let alone = read(data, 1);
    let together = read(data, 3);
    assert_eq!(alone.counts, together.counts, "threads change the counts");
    assert_eq!(alone.malformed, together.malformed, "threads change what is named");
    let (one, other) = (json(&alone), json(&together));
    assert_eq!(one, other, "threads change the answer");
    let document: serde_json::Value = serde_json::from_slice(&one).unwrap_or_default();
    assert_eq!(document.get("records").and_then(serde_json::Value::as_u64), Some(alone.counts.records));
}

fn read(data: &[u8], threads: usize) -> Digest {
    let mut query = Query::by(&["srcaddr", "dstaddr", "action", "interface-id"]);
    query.threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
    let inputs = vec![Input::bytes("input", data.to_vec())];
    let digest = digest(inputs, &query, &Arc::new(Progress::default()));
    #[expect(clippy::expect_used, reason = "bytes in memory can always be read: it is a find if they cannot")]
    digest.expect("bytes in memory are read")
}

fn json(digest: &Digest) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(render::json(digest, &mut out).is_ok(), "a vector takes everything");
    out
}
