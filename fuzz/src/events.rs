//! Events: read or refused, and what is read fit to be used in names of hosts, files and keys.

use portcullis_formats::events::{Event, read};

/// Keys and values that the format looks for.
pub(crate) const WORDS: &[&str] = &[
    "\"Records\":[",
    "\"body\":\"{}\",\"messageId\":\"m\",",
    "\"Type\":\"Notification\",\"Message\":\"",
    "\"Sns\":{",
    "\"detail-type\":\"AWS API Call via CloudTrail\",",
    "\"detail-type\":\"Scheduled Event\",",
    "\"detail\":{",
    "\"eventName\":\"ModifySecurityGroupRules\",",
    "\"eventName\":\"CreateSecurityGroup\",",
    "\"groupId\":\"sg-1\",",
    "\"groupId\":[\"sg-1\",\"sg-../2\"],",
    "\"account\":\"111122223333\",",
    "\"region\":\"eu-west-1\",",
    "\"errorCode\":\"\",",
    "\"userIdentity\":{\"arn\":\"arn:aws:sts::1:assumed-role/\"},",
    "null",
    "-1",
    "1e999",
    "[[[[[[[[",
    "\\ud800",
    "\\u001b",
];

/// Reads the bytes as a body of events. Whatever they say, an account is twelve digits, a Region a name of a host, and a
/// group's id letters and digits; and a body that is read twice says the same.
pub fn events(data: &[u8]) {
    let body = match read(data) {
        Err(error) => {
            assert!(!error.to_string().is_empty(), "refused without a word");
            return;
        }
        Ok(body) => body,
    };
    assert!(!body.deliveries.is_empty(), "read, and nothing there");
    assert_eq!(read(data), Ok(body.clone()), "not the same twice");
    for delivery in &body.deliveries {
        match &delivery.event {
            Err(error) => assert!(!error.to_string().is_empty(), "refused without a word"),
            Ok(Event::Call(call)) => {
                let digits = call.account_id.len() == 12 && call.account_id.bytes().all(|byte| byte.is_ascii_digit());
                assert!(digits, "`{}` is no account", call.account_id);
                assert!(is_plain(&call.region), "`{}` is no Region", call.region);
                for id in call.group_ids.iter().chain(&call.rule_ids).chain(&call.prefix_lists) {
                    assert!(is_plain(id), "`{id}` is no id");
                }
                assert!(!call.id.is_empty(), "an event that would not be known again");
            }
            Ok(Event::Scan(scan)) => assert!(scan.regions.iter().all(|region| is_plain(region)), "{scan:?}"),
            Ok(Event::Skipped(skipped)) => assert!(!skipped.why.is_empty(), "skipped without a word"),
        }
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
