//! What a notice may hold, and how it is cut.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on should stop")]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::fit::subject;
use super::{Cause, Clocks, FindingNote, GroupNote, Level, MOST_BYTES, Message, Notice, published_bytes};
use crate::state::{KeyValue as _, MemoryState, Write};

fn now() -> Timestamp {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

fn finding(reason: &str) -> FindingNote {
    FindingNote {
        id: "0123456789abcdef".to_owned(),
        control_id: "internet-ssh".to_owned(),
        rule_id: None,
        severity: "high",
        title: "SSH open to the internet".to_owned(),
        reason: reason.to_owned(),
        evidence: vec![format!("tcp 22 from 0.0.0.0/0 {reason}"); 3],
        remediation: "close it".to_owned(),
        first_seen: "now".to_owned(),
        due: None,
        implies: Vec::new(),
    }
}

fn message(groups: usize, findings: usize, reason: &str) -> Message {
    let group = |number: usize| GroupNote {
        account_id: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        group_id: format!("sg-{number}"),
        group_name: reason.to_owned(),
        findings: vec![finding(reason); findings],
        ..GroupNote::default()
    };
    Message {
        level: Level::DailyDigest,
        cause: Cause::Digest,
        at: now(),
        groups: (0..groups).map(group).collect(),
        errors: Vec::new(),
        channels: Vec::new(),
    }
}

/// What Amazon SNS gets: the text, and the JSON for each protocol of machines, in one JSON object.
fn published(notice: &Notice) -> usize {
    let texts = [("default", &notice.text)];
    let machines = ["http", "https", "lambda", "sqs"].map(|protocol| (protocol, &notice.json));
    let body: std::collections::BTreeMap<_, _> = texts.into_iter().chain(machines).collect();
    let attributes: usize = notice.attributes.iter().map(|(key, value)| key.len() + value.len() + 6).sum();
    serde_json::to_string(&body).unwrap().len() + notice.subject.len() + attributes
}

#[test]
fn a_notice_of_an_organisation_fits_and_says_what_it_leaves_out() {
    let notice = message(5_000, 4, "open \"to\" everybody").notice();
    assert!(published(&notice) <= MOST_BYTES);
    let json: serde_json::Value = serde_json::from_str(&notice.json).unwrap();
    let shown: usize =
        json["groups"].as_array().unwrap().iter().map(|group| group["findings"].as_array().unwrap().len()).sum();
    assert!(shown > 20, "{shown}");
    assert_eq!(json["findings"], 20_000);
    assert_eq!(json["omitted_findings"], 20_000 - shown);
    let omitted = json["omitted_groups"].as_u64().unwrap();
    assert!(notice.text.contains(&format!("and {} more violations, {omitted} more security groups", 20_000 - shown)));
    // One more would not have fitted.
    assert!(published(&notice) > MOST_BYTES - 8_192, "{}", published(&notice));
}

#[test]
fn what_fits_is_whole() {
    let notice = message(3, 2, "open").notice();
    let json: serde_json::Value = serde_json::from_str(&notice.json).unwrap();
    assert_eq!((json["omitted_findings"].as_u64(), json["omitted_groups"].as_u64()), (Some(0), Some(0)));
    assert!(!notice.text.contains("more"), "{}", notice.text);
}

#[test]
fn errors_are_cut_too() {
    let errors: Vec<String> = (0..9_000).map(|number| format!("account {number}: denied")).collect();
    let notice = Message { cause: Cause::Errors, groups: Vec::new(), errors, ..message(0, 0, "") }.notice();
    assert!(published(&notice) <= MOST_BYTES);
    let json: serde_json::Value = serde_json::from_str(&notice.json).unwrap();
    let shown = json["errors"].as_array().unwrap().len();
    assert_eq!(json["omitted_errors"], 9_000 - shown);
    assert!(notice.text.contains(&format!("- and {} more", 9_000 - shown)));
}

#[test]
fn subjects_are_a_hundred_printable_ascii_characters() {
    assert_eq!(subject("  plain "), "plain");
    assert_eq!(subject("é\n\u{1b}x"), "???x");
    let long = subject(&"word ".repeat(40));
    assert!(long.len() <= 100 && long.ends_with("..."), "{long}");
}

#[test]
fn nothing_in_a_notice_acts_on_its_reader() {
    let notice = message(1, 1, "a\u{1b}[31m\r\nFrom: me \u{202e}txt").notice();
    assert!(!notice.text.contains('\u{1b}') && !notice.text.contains('\r') && !notice.text.contains('\u{202e}'));
    assert!(!notice.text.contains("\nFrom:"), "{}", notice.text);
    assert!(!notice.json.contains('\u{202e}'));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_notice_fits_and_its_json_is_whole(groups in 0_usize..40, findings in 0_usize..9, reason in ".{0,300}", times in 1_usize..5) {
        let notice = message(groups, findings, &reason.repeat(times)).notice();
        prop_assert!(published(&notice) <= published_bytes(&notice));
        prop_assert!(published(&notice) <= MOST_BYTES);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&notice.json).is_ok());
        prop_assert!(notice.subject.len() <= 100 && notice.subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
}

#[test]
fn a_digest_has_its_turn_once_in_its_period() {
    let state = MemoryState::default();
    let clocks = Clocks::new(&state);
    let day = Level::DailyDigest.period();
    let at = |minutes: i64| now() + SignedDuration::from_mins(minutes);
    let mut due = Vec::new();
    for minutes in [0, 0, 600, 1_379, 1_380, 1_500, 2_760] {
        due.push(clocks.take("daily_digest", day, "", at(minutes)).unwrap().is_some());
    }
    // A run that is due each day and begins up to an hour early still sends the day's digest.
    assert_eq!(due, [true, false, false, false, true, false, true]);
}

#[test]
fn a_turn_that_is_given_back_comes_again() {
    let state = MemoryState::default();
    let clocks = Clocks::new(&state);
    let day = Level::DailyDigest.period();
    for hours in [0, 48] {
        let at = now() + SignedDuration::from_hours(hours);
        let turn = clocks.take("daily_digest", day, "", at).unwrap().unwrap();
        clocks.give_back(turn).unwrap();
        assert!(clocks.take("daily_digest", day, "", at).unwrap().is_some(), "{hours}");
        assert!(clocks.take("daily_digest", day, "", at).unwrap().is_none(), "{hours}");
    }
}

#[test]
fn a_clock_that_was_wrong_holds_no_digest_up() {
    let state = MemoryState::default();
    let clocks = Clocks::new(&state);
    let day = Level::DailyDigest.period();
    let future = now() + SignedDuration::from_hours(9_000);
    assert!(clocks.take("daily_digest", day, "", future).unwrap().is_some());
    assert!(clocks.take("daily_digest", day, "", now()).unwrap().is_some());
}

#[test]
fn a_record_of_a_newer_program_is_said_to_be_one() {
    let state = MemoryState::default();
    let value = r#"{"schema_version": "2", "last": "2026-11-01T00:00:00Z"}"#.to_owned();
    state.write(&[Write::Put { key: "notices/daily_digest".to_owned(), value, on: None }]);
    let error = Clocks::new(&state).take("daily_digest", Level::DailyDigest.period(), "", now()).unwrap_err();
    assert!(error.to_string().contains("use the newer program"), "{error}");
}
