//! Inventories: read or refused, written and read again, judged.

use portcullis_core::finding::{Evaluation, Status};
use portcullis_core::model::Inventory;
use portcullis_formats::inventory::{ReadErrors, ReadOptions, Source, read, write};

use crate::judging::{everything, judge};

/// Keys and values that the formats look for.
pub(crate) const WORDS: &[&str] = &[
    "\"SecurityGroups\":[",
    "\"SecurityGroupRules\":[",
    "\"NetworkInterfaces\":[",
    "\"ManagedPrefixLists\":[",
    "\"Vpcs\":[",
    "\"configurationItems\":[",
    "\"IpPermissions\":[",
    "\"IpPermissionsEgress\":[",
    "\"IpRanges\":[{\"CidrIp\":\"0.0.0.0/0\"}]",
    "\"Ipv6Ranges\":[{\"CidrIpv6\":\"0::/0\"}]",
    "\"UserIdGroupPairs\":[{\"GroupId\":\"sg-1\"}]",
    "\"PrefixListIds\":[{\"PrefixListId\":\"pl-1\"}]",
    "\"FromPort\":-1,",
    "\"ToPort\":65536,",
    "\"FromPort\":1e999,",
    "\"IpProtocol\":\"-1\",",
    "\"IpProtocol\":\"icmpv6\",",
    "\"Entries\":[],",
    "\"GroupId\":\"sg-1\",",
    "\"OwnerId\":\"111122223333\",",
    "null",
    "[[[[[[[[",
    "{\"a\":{\"a\":",
    "\\ud800",
    "\\u001b",
    "\u{feff}",
    "\u{1f}\u{8b}\u{8}",
    "18446744073709551616",
    "0.0.0.0/33",
    "::ffff:0:0/96",
];

/// Reads the bytes as an inventory: all of it or none, with errors that can be shown.
///
/// What was read and written reads as the same inventory: the same bytes again, and the same verdicts.
pub fn inventory(data: &[u8]) {
    match read_bytes(data) {
        Err(errors) => assert!(!errors.to_string().is_empty(), "refused without a word"),
        Ok(inventory) => {
            let first = written(&inventory);
            let again = read_bytes(&first);
            assert!(
                again.is_ok(),
                "what was written is refused: {}",
                again.err().map_or_else(String::new, |errors| errors.to_string())
            );
            let again = again.unwrap_or_default();
            let second = written(&again);
            assert!(first == second, "not the same bytes:\n{}\n{}", lossy(&first), lossy(&second));
            let [one, two] = [&inventory, &again].map(|inventory| judge(inventory, everything()));
            assert_eq!(verdicts(&one), verdicts(&two), "other verdicts on what was written:\n{}", lossy(&first));
        }
    }
}

fn read_bytes(bytes: &[u8]) -> Result<Inventory, ReadErrors> {
    read([Source::reader("input.json", bytes)], &ReadOptions::default())
}

fn written(inventory: &Inventory) -> Vec<u8> {
    let mut bytes = Vec::new();
    let done = write(inventory, &mut bytes);
    assert!(done.is_ok(), "writing to memory fails: {done:?}");
    bytes
}

/// The findings without the places of rules, which the canonical order may change.
fn verdicts(evaluation: &Evaluation) -> Vec<(usize, usize, Status, &str)> {
    let findings = evaluation.findings.iter();
    let mut verdicts: Vec<_> =
        findings.map(|finding| (finding.group, finding.control, finding.status, finding.id.as_str())).collect();
    verdicts.sort();
    verdicts
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
