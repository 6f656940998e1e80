//! Plan files: a plan that holds, or refused.

use portcullis_core::remediation::{fingerprint, simulate};
use portcullis_formats::plan::{About, PlanError, read, write};

use crate::signed::read_or_refused;

/// Keys and values of the format.
pub(crate) const WORDS: &[&str] = &[
    "authorize",
    "revoke",
    "modify",
    "describe",
    "tag",
    "narrow",
    "replace",
    "lockdown",
    "0.0.0.0/0",
    "10.0.0.0/33",
    "::/0",
    "2001:db8::/32",
    "sg-1",
    "pl-1",
    "\"changes\": [],",
    "\"findings\": [],",
    "\"groups\": [],",
    "\"controls\": [],",
    "\"needs_gap\": true,",
    "null",
    "[[[[[[[[",
    "{\"a\":{\"a\":",
    "18446744073709551616",
    "\\ud800",
    "\u{feff}",
];

/// Reads the bytes as a plan. One that is taken can be written as it stood and does what it says, whatever was edited.
pub fn plan(data: &[u8]) {
    read_or_refused(data, again);
}

fn again(data: &[u8]) -> Result<Vec<u8>, PlanError> {
    let file = read(data)?;
    for planned in &file.plan.groups {
        assert_eq!(planned.fingerprint, fingerprint(&planned.group), "the fingerprint of another group");
        let after = simulate(&planned.group, &planned.changes);
        assert!(after.is_ok(), "changes that cannot be made: {after:?}");
    }
    let about = About { created_at: file.created_at, tool_version: &file.tool_version };
    let mut written = Vec::new();
    let done = write(&file.plan, &about, &mut written);
    assert!(done.is_ok(), "writing to memory fails: {done:?}");
    Ok(written)
}
