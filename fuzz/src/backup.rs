//! Backups: what stood before a change, or refused.

use portcullis_formats::backup::{Backup, BackupError};
use serde_json::Value;

use crate::signed::read_or_refused;

/// Keys and values of the format.
pub(crate) const WORDS: &[&str] = &[
    "\"changes\": [],",
    "\"rules\": [],",
    "\"tags\": [],",
    "authorize",
    "modify",
    "tag",
    "ingress",
    "egress",
    "0.0.0.0/0",
    "10.0.0.1/8",
    "0::/0",
    "sg-1",
    "pl-1",
    "../../etc/passwd",
    "2026-02-30T00:00:00Z",
    "+002026-01-01T00:00:00Z",
    "null",
    "[[[[[[[[",
    "{\"a\":{\"a\":",
    "\\ud800",
    "\u{feff}",
];

/// Reads the bytes as a backup. One that is taken is written as it stood, and its place stays below its folder.
pub fn backup(data: &[u8]) {
    // A backup hands back the version of the program that wrote it, but not its name, which is always the same.
    let document: Option<Value> = serde_json::from_slice(data).ok();
    if document.is_some_and(|document| document.pointer("/tool/name").is_some_and(|name| name == "portcullis")) {
        read_or_refused(data, again);
    } else {
        drop(Backup::read(data));
    }
}

fn again(data: &[u8]) -> Result<Vec<u8>, BackupError> {
    let backup = Backup::read(data)?;
    let key = backup.key();
    assert!(!key.split('/').any(|part| part.is_empty() || part == ".."), "leads out of its folder: {key}");
    let mut written = Vec::new();
    let done = backup.write(&mut written);
    assert!(done.is_ok(), "writing to memory fails: {done:?}");
    Ok(written)
}
