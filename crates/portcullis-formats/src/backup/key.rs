//! Where a backup is kept.

use std::fmt::Write as _;

use jiff::Timestamp;
use portcullis_core::model::GroupKey;

/// `<account>/<region>/<group>/<UTC time>-<run id>.json`.
pub(super) fn key(group: &GroupKey, taken_at: Timestamp, run_id: &str) -> String {
    let [account, region, id] = [&group.account_id, &group.region, &group.group_id].map(|name| segment(name));
    // Milliseconds, since one run may back a group up twice; no colons, since not every file system takes them.
    let time = taken_at.strftime("%Y%m%dT%H%M%S.%3fZ");
    format!("{account}/{region}/{id}/{time}-{}.json", segment(run_id))
}

/// A name as one segment of a path, whatever an inventory calls its groups: what could leave the folder is spelled out.
fn segment(name: &str) -> String {
    if name.is_empty() {
        return "unknown".to_owned();
    }
    let mut segment = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || byte == b'.' && at > 0;
        if plain {
            segment.push(char::from(byte));
        } else {
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn keys_stay_in_their_folder() {
        let at: Timestamp = "2026-01-15T12:00:00.5Z".parse().unwrap();
        let check = |account: &str, region: &str, group: &str, expected: &str| {
            let group = GroupKey { account_id: account.into(), region: region.into(), group_id: group.into() };
            assert_eq!(key(&group, at, "r1"), expected);
        };
        check("111122223333", "eu-west-1", "sg-1", "111122223333/eu-west-1/sg-1/20260115T120000.500Z-r1.json");
        check("", "unknown", "sg-1", "unknown/unknown/sg-1/20260115T120000.500Z-r1.json");
        check("..", "../x", "/etc", "%2E./%2E.%2Fx/%2Fetc/20260115T120000.500Z-r1.json");
        check("a\0b", "C:\\", "ü", "a%00b/C%3A%5C/%C3%BC/20260115T120000.500Z-r1.json");
    }
}
