//! What a file says wrongly: the message, with its place.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    check_bytes(text.as_bytes(), expected);
}

#[track_caller]
fn check_bytes(bytes: &[u8], expected: &[&str]) {
    check_reader(bytes, expected);
}

#[track_caller]
fn check_reader(reader: impl Read, expected: &[&str]) {
    let errors = read([Source::reader("a.json", reader)], &ReadOptions::default()).unwrap_err().to_string();
    assert_eq!(errors.lines().collect::<Vec<_>>(), expected);
}

#[track_caller]
fn check_permissions(permissions: &str, expected: &[&str]) {
    // In column 1 of line 2 the permissions begin.
    check(&with_permissions(&format!("\n{permissions}")), expected);
}

const EXPECTED: &str = "`SecurityGroups`, `SecurityGroupRules`, `Vpcs`, `ManagedPrefixLists`, `PrefixLists`, `NetworkInterfaces`, \
                        AWS Config's `configurationItems`, or a snapshot of portcullis is expected";

#[test]
fn ports() {
    check_permissions(
        r#"{"IpProtocol": "tcp", "FromPort": 70000, "ToPort": 80}"#,
        &["a.json:2:35: `FromPort` is `70000`: a port is a whole number from 0 to 65535, or -1 for all"],
    );
    check_permissions(
        r#"{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 80}"#,
        &["a.json:2:35: `FromPort` 443 is above `ToPort` 80: the lower port comes first"],
    );
    check_permissions(
        r#"{"IpProtocol": "tcp", "FromPort": 443}"#,
        &["a.json:2:35: `FromPort` is a port and `ToPort` is none: both are, or neither for all ports"],
    );
    check_permissions(
        r#"{"IpProtocol": "udp", "FromPort": -1, "ToPort": 80}"#,
        &["a.json:2:49: `ToPort` is a port and `FromPort` is none: both are, or neither for all ports"],
    );
    check_permissions(
        r#"{"IpProtocol": "tcp", "FromPort": -2, "ToPort": 80}"#,
        &["a.json:2:35: `FromPort` is `-2`: a port is a whole number from 0 to 65535, or -1 for all"],
    );
}

#[test]
fn no_whole_numbers() {
    check_permissions(
        r#"{"IpProtocol": "tcp", "FromPort": 1e999, "ToPort": 80.5}"#,
        &[
            "a.json:2:35: `FromPort` must be a whole number, found `1e999`",
            "a.json:2:52: `ToPort` must be a whole number, found `80.5`",
        ],
    );
    check_permissions(
        r#"{"IpProtocol": "tcp", "FromPort": "22", "ToPort": [22]}"#,
        &[
            "a.json:2:35: `FromPort` must be a whole number, found the string `22`",
            "a.json:2:51: `ToPort` must be a whole number, found a list",
        ],
    );
    check_permissions(
        r#"{"IpProtocol": "tcp", "FromPort": 99999999999999999999, "ToPort": 80}"#,
        &["a.json:2:35: `FromPort` must be a whole number, found `99999999999999999999`"],
    );
    check_permissions(
        r#"{"IpProtocol": "tcp", "FromPort": NaN}"#,
        &["a.json:2:35: `NaN` is not JSON here: a value is expected"],
    );
    check_permissions(r#"{"FromPort": 007}"#, &["a.json:2:14: `007` is no number of JSON"]);
}

#[test]
fn icmp() {
    check_permissions(
        r#"{"IpProtocol": "icmp", "FromPort": 300, "ToPort": 256}"#,
        &[
            "a.json:2:36: `FromPort` is `300`: an ICMP type is a whole number from 0 to 255, or -1 for all",
            "a.json:2:51: `ToPort` is `256`: an ICMP code is a whole number from 0 to 255, or -1 for all",
        ],
    );
    check_permissions(
        r#"{"IpProtocol": "icmp", "FromPort": -1, "ToPort": 4}"#,
        &["a.json:2:50: `ToPort` names the ICMP code 4, and `FromPort` no type that it belongs to"],
    );
}

#[test]
fn protocols() {
    check_permissions(
        "{\"IpProtocol\": \"tpc\"},\n{\"IpRanges\": []},\n{\"IpProtocol\": 6},\n{\"IpProtocol\": \"256\"},\n7",
        &[
            "a.json:2:16: `tpc` is no protocol: a name such as `tcp`, a number from 0 to 255 or `-1` is expected",
            "a.json:3:1: `IpProtocol` is missing: a protocol's name, its number or `-1` is expected",
            "a.json:4:16: `IpProtocol` must be a string, found `6`",
            "a.json:5:16: `256` is no protocol: a name such as `tcp`, a number from 0 to 255 or `-1` is expected",
            "a.json:6:1: an entry of the permissions must be an object, found `7`",
        ],
    );
}

#[test]
fn peers() {
    let ranges = [
        r#"{"CidrIp": "10.0.0.0/33"}"#,
        r#"{"CidrIp": "10.0.0.1"}"#,
        r#"{"CidrIp": "10.0.0/8"}"#,
        r#"{"CidrIp": "::/0"}"#,
        r#"{"CidrIp": 5}"#,
        r#"{"Description": "nobody"}"#,
        r#"{"CidrIp": null}"#,
    ];
    let permission = format!("{{\"IpProtocol\": \"-1\", \"IpRanges\": [\n{}]}}", ranges.join(",\n"));
    check_permissions(
        &permission,
        &[
            "a.json:3:12: `10.0.0.0/33` is no CIDR block: the prefix length is a whole number from 0 to 32",
            "a.json:4:12: `10.0.0.1` has no prefix length: write `10.0.0.1/32` for the one address",
            "a.json:5:12: `10.0.0/8` is no CIDR block: an IPv4 or IPv6 address, a slash and a prefix length are expected",
            "a.json:6:12: `::/0` is an IPv6 block, an IPv4 block is expected",
            "a.json:7:12: `CidrIp` must be a string, found `5`",
            "a.json:8:1: `CidrIp` is missing: a CIDR block is expected",
            "a.json:9:1: `CidrIp` is missing: a CIDR block is expected",
        ],
    );
    check_permissions(
        r#"{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/129"}], "PrefixListIds": [{}], "UserIdGroupPairs": [{"UserId": "1"}]}"#,
        &[
            "a.json:2:50: `::/129` is no CIDR block: the prefix length is a whole number from 0 to 128",
            "a.json:2:80: `PrefixListId` is missing: the id of a prefix list is expected",
            "a.json:2:106: `GroupId` is missing: the id of a security group is expected",
        ],
    );
}

#[test]
fn duplicate_keys() {
    check_permissions(
        r#"{"IpProtocol": "tcp", "FromPort": 22, "FromPort": 23, "ToPort": 23}"#,
        &["a.json:2:39: the key `FromPort` stands twice in one object: only one of them can be meant"],
    );
    check(
        r#"{"SecurityGroups": [], "SecurityGroups": []}"#,
        &["a.json:1:24: the key `SecurityGroups` stands twice in one object: only one of them can be meant"],
    );
    check(
        r#"{"SecurityGroups": [{"GroupId": "sg-1", "GroupId": "sg-2", "IpPermissions": []}]}"#,
        &["a.json:1:41: the key `GroupId` stands twice in one object: only one of them can be meant"],
    );
}

#[test]
fn groups() {
    check(
        "{\"SecurityGroups\": [\n{\"GroupName\": \"web\"},\n{\"GroupId\": \"\"},\n{\"GroupId\": 5},\n7,\n[],\nnull]}",
        &[
            "a.json:2:1: `GroupId` is missing: the id of the security group is expected",
            "a.json:3:13: `GroupId` is empty: the id of the security group is expected",
            "a.json:4:13: `GroupId` must be a string, found `5`",
            "a.json:5:1: a security group must be an object, found `7`",
            "a.json:6:1: a security group must be an object, found a list",
            "a.json:7:1: a security group must be an object, found `null`",
        ],
    );
    check(
        r#"{"SecurityGroups": {"GroupId": "sg-1"}}"#,
        &["a.json:1:20: `SecurityGroups` must be a list, found an object"],
    );
}

#[test]
fn group_rules() {
    check(
        "{\"SecurityGroupRules\": [\n{\"IpProtocol\": \"-1\", \"CidrIpv4\": \"0.0.0.0/0\"},\n\
         {\"GroupId\": \"sg-1\", \"IsEgress\": \"no\", \"IpProtocol\": \"-1\", \"CidrIpv4\": \"0.0.0.0/0\", \"CidrIpv6\": \"::/0\"},\n\
         {\"GroupId\": \"sg-1\", \"IsEgress\": true, \"IpProtocol\": \"-1\"}]}",
        &[
            "a.json:2:1: `GroupId` is missing: the id of the rule's security group is expected",
            "a.json:2:1: `IsEgress` is missing: `true` or `false` is expected",
            "a.json:3:1: the rule names more than one peer: only one of `CidrIpv4`, `CidrIpv6`, `PrefixListId` or \
             `ReferencedGroupInfo` can be meant",
            "a.json:3:33: `IsEgress` must be `true` or `false`, found the string `no`",
            "a.json:4:1: the rule names no peer: one of `CidrIpv4`, `CidrIpv6`, `PrefixListId` or `ReferencedGroupInfo` \
             is expected",
        ],
    );
}

#[test]
fn prefix_lists_and_vpcs() {
    check(
        "{\"PrefixLists\": [\n{\"PrefixListId\": \"pl-1\", \"AddressFamily\": \"v4\", \"Entries\": [{\"Cidr\": \"x/8\"}, {}]},\n{}],\n\
         \"Vpcs\": [{\"VpcId\": \"vpc-1\", \"CidrBlock\": \"10.0.0.0/33\"}]}",
        &[
            "a.json:2:43: `AddressFamily` is `v4`: `IPv4` or `IPv6` is expected",
            "a.json:2:70: `x/8` is no CIDR block: an IPv4 or IPv6 address, a slash and a prefix length are expected",
            "a.json:2:78: `Cidr` is missing: a CIDR block is expected",
            "a.json:3:1: `PrefixListId` is missing: the id of the prefix list is expected",
            "a.json:4:42: `10.0.0.0/33` is no CIDR block: the prefix length is a whole number from 0 to 32",
        ],
    );
}

#[test]
fn cut_off() {
    check(
        "{\n \"SecurityGroups\": [\n  {\n   \"Description\": \"web",
        &["a.json:4:19: the text ends in the middle of a string, so it seems cut off"],
    );
    check(
        "{\"SecurityGroups\": [{\"GroupId\": \"sg-1\"},",
        &["a.json:1:41: the text ends in the middle: a value is expected, so it seems cut off"],
    );
    check("{\"SecurityGroups\"", &["a.json:1:18: the text ends in the middle: `:` is expected, so it seems cut off"]);
}

#[test]
fn large_and_cut_off() {
    let groups = "{\"GroupId\": \"sg-1\", \"IpPermissions\": []},\n".repeat(40_000);
    let large = format!("{{\"SecurityGroups\": [\n{groups}");
    check(&large, &["a.json:40002:1: the text ends in the middle: a value is expected, so it seems cut off"]);
    check(
        &format!("{large}{{\"GroupId\": \"sg"),
        &["a.json:40002:13: the text ends in the middle of a string, so it seems cut off"],
    );
    check(
        &format!("{large}{{}}]"),
        &[
            "a.json:40002:1: `GroupId` is missing: the id of the security group is expected",
            "a.json:40002:4: the text ends in the middle: `,` or `}` is expected, so it seems cut off",
        ],
    );
}

#[test]
fn large_and_wrong_in_the_middle() {
    let groups = "{\"GroupId\": \"sg-1\", \"IpPermissions\": []},\n".repeat(40_000);
    check(
        &format!("{{\"SecurityGroups\": [\n{groups}{{\"GroupId\": 5}},\n{groups}{{\"GroupId\": 6}}]}}"),
        &[
            "a.json:40002:13: `GroupId` must be a string, found `5`",
            "a.json:80003:13: `GroupId` must be a string, found `6`",
        ],
    );
    check(
        &format!(
            "{{\"SecurityGroups\": [\n{groups}{{\"GroupId\": \"sg-2\", \"IpPermissions\": []}}], \"SecurityGroups\": []}}"
        ),
        &["a.json:40002:44: the key `SecurityGroups` stands twice in one object: only one of them can be meant"],
    );
}

#[test]
fn no_json() {
    check("", &[&format!("a.json: holds nothing: {EXPECTED}")]);
    check(" \r\n\t ", &[&format!("a.json: holds nothing: {EXPECTED}")]);
    check("[]", &[&format!("a.json: holds nothing: {EXPECTED}")]);
    check("hello", &["a.json:1:1: `h` stands here: a JSON object is expected"]);
    check("[5]", &["a.json:1:2: `5` stands here: a JSON object is expected"]);
    check("{\"SecurityGroups\": []} x", &["a.json:1:24: `x` stands here: a JSON object is expected"]);
    check("{\"SecurityGroups\": [],}", &["a.json:1:23: `}` is not JSON here: a key in double quotes is expected"]);
    check("{\"SecurityGroups\": [] \"Vpcs\": []}", &["a.json:1:23: `\"` is not JSON here: `,` or `}` is expected"]);
    check("{'SecurityGroups': []}", &["a.json:1:2: `'` is not JSON here: a key in double quotes is expected"]);
}

#[test]
fn something_else() {
    check("{}", &[&format!("a.json:1:1: this object holds nothing that is read: {EXPECTED}")]);
    check(
        "{\"Reservations\": [], \"NextToken\": null}",
        &[&format!("a.json:1:1: this object holds `Reservations`, `NextToken` and nothing that is read: {EXPECTED}")],
    );
    let large = format!("{{\"Reservations\": [{}0]}}", "0,".repeat(1 << 20));
    check(&large, &[&format!("a.json:1:1: this object holds nothing that is read: {EXPECTED}")]);
}

#[test]
fn encodings() {
    check_bytes(
        b"{\"SecurityGroups\": [\n{\"GroupId\": \"sg-1\", \"GroupName\": \"caf\xe9\"}]}",
        &["a.json:2:38: the byte 0xe9 is not UTF-8: save the file as UTF-8"],
    );
    let utf16: Vec<u8> = [0xfeff].into_iter().chain("{}".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    check_bytes(&utf16, &["a.json:1:1: this is UTF-16: save it as UTF-8"]);
    // Columns are those of an editor: characters, not bytes.
    check(
        "{\"SecurityGroups\": [{\"GroupName\": \"日本\", \"GroupId\": 5}]}",
        &["a.json:1:52: `GroupId` must be a string, found `5`"],
    );
    check(
        "{\"SecurityGroups\": [{\"GroupName\": \"a\tb\"}]}",
        &["a.json:1:37: a string holds a raw control character or line break: write it as an escape"],
    );
    check(
        r#"{"SecurityGroups": [{"GroupName": "\x"}]}"#,
        &["a.json:1:36: a string holds an escape that JSON does not know"],
    );
    check(
        r#"{"SecurityGroups": [{"GroupName": "\ud800"}]}"#,
        &["a.json:1:35: a string holds half of a surrogate pair"],
    );
}

#[test]
fn escape_sequences_do_not_reach_a_terminal() {
    check_permissions(
        r#"{"IpProtocol": "\u001b[31m\u202etcp"}"#,
        &[
            r"a.json:2:16: `\u{1b}[31m\u{202e}tcp` is no protocol: a name such as `tcp`, a number from 0 to 255 or `-1` is expected",
        ],
    );
    let errors = read([Source::reader("\u{1b}[2J", &b"x"[..])], &ReadOptions::default()).unwrap_err().to_string();
    assert_eq!(errors, r"\u{1b}[2J:1:1: `x` stands here: a JSON object is expected");
}

#[test]
fn schema_versions() {
    check(
        r#"{"schema_version": "2", "SecurityGroups": []}"#,
        &[
            "a.json:1:20: this was written by a newer portcullis: its `schema_version` is `2`, and this one reads up to `1`; \
           update portcullis to read it",
        ],
    );
    check(
        r#"{"schema_version": "one", "SecurityGroups": []}"#,
        &["a.json:1:20: `schema_version` is `one`: `1` is expected"],
    );
    check(
        r#"{"schema_version": 1, "SecurityGroups": []}"#,
        &["a.json:1:20: `schema_version` must be a string, found `1`"],
    );
}

#[test]
fn many_errors_are_counted() {
    let errors = read_texts(&[&format!("{{\"SecurityGroups\": [{}{{}}]}}", "{}, ".repeat(99_999))]).unwrap_err();
    assert_eq!(errors.lines().count(), 21);
    assert_eq!(errors.lines().last(), Some("and 99980 more"));
    // Of one group too.
    let errors = read_texts(&[&with_permissions(&format!("{}0", "0,".repeat(999)))]).unwrap_err();
    assert_eq!(errors.lines().last(), Some("and 980 more"));
}

#[test]
fn every_file_is_told() {
    let errors = read_texts(&["[", "{\"SecurityGroups\": []}", "{\"SecurityGroups\": [5]}"]).unwrap_err();
    let expected = "a.json:1:2: the text ends in the middle: a JSON object is expected, so it seems cut off\n\
                    c.json:1:21: a security group must be an object, found `5`";
    assert_eq!(errors, expected);
}

/// 3 GB of one byte, after a beginning.
fn endless(start: &'static [u8], byte: u8) -> impl Read {
    start.chain(io::repeat(byte).take(3 << 30))
}

#[test]
fn endless_input_is_given_up() {
    check_reader(
        endless(b"", 0),
        &["a.json:1:1: a byte of zero stands here: a JSON object is expected, so this seems to be no text"],
    );
    check_reader(endless(b"", b'['), &["a.json:1:2: `[` stands here: a JSON object is expected"]);
    check_reader(endless(b"{\"SecurityGroups\": ", b'['), &["a.json:1:147: values nest more than 128 deep here"]);
    let too_large = "this value does not end within 64 MB: no security group is that large";
    check_reader(endless(b"{\"SecurityGroups\": [{\"GroupName\": \"", b'a'), &[&format!("a.json:1:21: {too_large}")]);
    check_reader(endless(b"{\"", b'a'), &[&format!("a.json:1:2: {too_large}")]);
    let nested = "{\"a\":".repeat(200);
    check(&format!("{{\"SecurityGroups\": [{nested}"), &["a.json:1:651: values nest more than 128 deep here"]);
}

#[test]
fn gzip() {
    let compress = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    check_bytes(
        &compress(&vec![0; 50 << 20]),
        &["a.json:1:1: a byte of zero stands here: a JSON object is expected, so this seems to be no text"],
    );
    let mut whole = compress(br#"{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": []}]}"#);
    assert_eq!(read([Source::reader("a", whole.as_slice())], &ReadOptions::default()).unwrap().groups.len(), 1);
    check_bytes(&whole[..whole.len() - 12], &["a.json:1:1: the compressed data ends early, so the file seems cut off"]);
    whole[20] ^= 0xff;
    let errors = read([Source::reader("a", whole.as_slice())], &ReadOptions::default()).unwrap_err().to_string();
    assert!(errors.starts_with("a:1:1: "), "{errors}");
}

#[test]
fn files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let failure = |path: std::path::PathBuf| {
        let message = read([Source::path(path)], &ReadOptions::default()).unwrap_err().to_string();
        message.replace(folder.path().to_str().unwrap(), "FOLDER")
    };
    assert_eq!(failure(path("none.json")), "FOLDER/none.json: cannot be read: no such file or directory");
    std::fs::write(path("notes.txt"), "no inventory").unwrap();
    assert_eq!(failure(path("")), "FOLDER/: the folder holds no file `*.json`, `*.jsonl`, `*.ndjson` or `*.gz`");
    std::fs::create_dir(path("eu")).unwrap();
    std::fs::write(path("eu/groups.ndjson"), "{\"SecurityGroups\": []}\n{\"SecurityGroups\": []}\n").unwrap();
    std::fs::write(path(".hidden.json"), "no inventory").unwrap();
    assert_eq!(read([Source::path(folder.path())], &ReadOptions::default()).unwrap().groups.len(), 0);
    std::fs::write(path("policy.json"), "{\"version\": 1}").unwrap();
    assert_eq!(
        failure(path("")),
        format!("FOLDER/policy.json:1:1: this object holds `version` and nothing that is read: {EXPECTED}")
    );
}

mod mutations {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: &str = include_str!("../../../../../examples/aws-cli/test_sg_config_ingres_diff_1.json");

    proptest! {
        /// Whatever a text has become, it is read or refused; and with every byte as it was it is read.
        #[test]
        fn changed_bytes(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), cut in option_cut()) {
            let mut bytes = WHOLE.as_bytes().to_vec();
            for (place, byte) in &changes {
                *place.get_mut(&mut bytes) = *byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let read = read([Source::reader("a.json", bytes.as_slice())], &ReadOptions::default());
            prop_assert!(read.is_ok() || !changes.is_empty() || cut.is_some());
            if let Err(errors) = read {
                prop_assert!(errors.errors.iter().all(|error| !error.message.is_empty() && error.source_name == "a.json"));
            }
        }
    }

    fn option_cut() -> impl Strategy<Value = Option<prop::sample::Index>> {
        prop::option::of(any::<prop::sample::Index>())
    }
}
