//! The promises of the seam, on every store; and what a file must survive.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on should stop")]

use std::fs;

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};
use portcullis_core::model::GroupKey;
use portcullis_core::policy::Severity;
use proptest::prelude::*;

use super::sights::{FirstSights, Seen};
use super::{FileState, KeyValue, MemoryState, StateError, Write};

fn put(key: &str, value: &str, on: Option<i64>) -> Write {
    Write::Put { key: key.to_owned(), value: value.to_owned(), on }
}

/// Does the same with both stores and sees to it that they answer alike.
fn on_both(check: impl Fn(&dyn KeyValue)) {
    check(&MemoryState::default());
    let folder = tempfile::tempdir().unwrap();
    check(&FileState::open(&folder.path().join("a/b/state")).unwrap());
}

#[test]
fn a_write_rests_on_the_version_that_was_read() {
    on_both(|state| {
        let conflict = || Err(StateError::Conflict { key: "a".to_owned() });
        assert_eq!(state.get("a").unwrap(), None);
        assert_eq!(state.write(&[put("a", "one", Some(1))]), [conflict()]);
        assert_eq!(state.write(&[put("a", "one", None)]), [Ok(())]);
        assert_eq!(state.write(&[put("a", "two", None)]), [conflict()]);
        assert_eq!(state.write(&[put("a", "two", Some(1)), put("a", "three", Some(1))]), [Ok(()), conflict()]);
        let entry = state.get("a").unwrap().unwrap();
        assert_eq!((entry.value.as_str(), entry.version), ("two", 2));
        let delete = || Write::Delete { key: "a".to_owned() };
        assert_eq!(state.write(&[delete(), delete()]), [Ok(()), Ok(())]);
        assert_eq!(state.get("a").unwrap(), None);
    });
}

#[test]
fn a_scan_finds_what_begins_so_and_nothing_else() {
    on_both(|state| {
        let writes = ["a", "a/1", "a/2", "a0", "b/1"].map(|key| put(key, key, None));
        assert!(state.write(&writes).iter().all(Result::is_ok));
        assert_eq!(state.scan("a/").unwrap().into_keys().collect::<Vec<_>>(), ["a/1", "a/2"]);
        assert_eq!(state.scan("").unwrap().len(), 5);
        assert!(state.scan("c").unwrap().is_empty());
    });
}

#[test]
fn a_file_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    assert_eq!(FileState::open(&path).unwrap().write(&[put("a", "one", None)]), [Ok(())]);
    assert_eq!(FileState::open(&path).unwrap().get("a").unwrap().unwrap().value, "one");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn a_file_that_another_run_has_is_said_to_be_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let first = FileState::open(&path).unwrap();
    let error = FileState::open(&path).unwrap_err();
    assert!(matches!(error, StateError::Busy(_)));
    assert!(error.to_string().contains("is in use by another run: wait for it to end"), "{error}");
    drop(first);
    FileState::open(&path).unwrap();
}

#[test]
fn what_is_no_state_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let cases: [&[u8]; 4] = [b"{\"schema_version\": \"1\"}", &[0; 9000], b"redb", &[0xff; 100]];
    for bytes in cases {
        fs::write(&path, bytes).unwrap();
        let error = FileState::open(&path).unwrap_err();
        assert!(matches!(error, StateError::Damaged(_)), "{error:?}");
        assert!(error.to_string().contains("put a good copy in its place, or move it away"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "a foreign file is not written to");
    }
    let error = FileState::open(folder.path()).unwrap_err();
    assert!(matches!(error, StateError::Failed(_)), "{error:?}");
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    {
        let database = redb::Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let about: redb::TableDefinition<'_, &str, &str> = redb::TableDefinition::new("about");
        transaction.open_table(about).unwrap().insert("schema_version", "2").unwrap();
        transaction.commit().unwrap();
    }
    let error = FileState::open(&path).unwrap_err();
    assert!(error.to_string().contains("has schema version 2, and this program knows 1"), "{error}");
}

fn group() -> GroupKey {
    GroupKey { account_id: "111122223333".into(), region: "eu-west-1".into(), group_id: "sg-1".into() }
}

fn seen() -> Seen {
    Seen {
        control_id: "no-ssh".into(),
        rule_id: Some("NO_SSH".into()),
        severity: Severity::High,
        reason: "SSH is open".to_owned(),
    }
}

fn now() -> Timestamp {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

#[test]
fn first_sights_are_kept_and_read_back() {
    on_both(|state| {
        let id = CompactString::from("0123456789abcdef");
        let mut sights = FirstSights::load(state).unwrap();
        sights.see(&group(), "web", &id, &seen(), now());
        assert!(sights.save(state, None).is_empty());
        let kept = FirstSights::load(state).unwrap();
        assert_eq!(kept.group(&group()), sights.group(&group()));
        assert_eq!(kept.get(&group(), &id).unwrap().first_seen, now());
    });
}

#[test]
fn groups_whose_account_or_region_is_not_known_are_kept_too() {
    let state = MemoryState::default();
    let key = GroupKey { group_id: "sg-1".into(), ..GroupKey::default() };
    let mut sights = FirstSights::default();
    sights.see(&key, "web", &"1".into(), &seen(), now());
    assert!(sights.save(&state, None).is_empty());
    assert!(FirstSights::load(&state).unwrap().group(&key).is_some());
}

#[test]
fn a_run_that_sees_the_same_within_the_hour_writes_nothing() {
    let state = MemoryState::default();
    let id = CompactString::from("1");
    let mut sights = FirstSights::load(&state).unwrap();
    for (minutes, version) in [(0, 1), (59, 1), (60, 2), (61, 2)] {
        let moment = now() + SignedDuration::from_mins(minutes);
        assert_eq!(sights.see(&group(), "web", &id, &seen(), moment), now());
        sights.save(&state, None);
        assert_eq!(state.scan("sights/").unwrap().values().next().unwrap().version, version, "{minutes}");
    }
}

#[test]
fn a_record_that_cannot_be_understood_stops_the_run() {
    for (key, value, why) in [
        ("sights/1/2/sg-1", "{", "cannot be understood"),
        ("sights/1/2/sg-1", r#"{"schema_version": "2", "sightings": []}"#, "use the newer program"),
        ("sights/1/2/sg-1", r#"{"schema_version": "2", "findings": {}}"#, "use the newer program"),
        ("sights/1", r#"{"schema_version": "1", "findings": {}}"#, "it names no group"),
    ] {
        let state = MemoryState::default();
        state.write(&[put(key, value, None)]);
        let error = FirstSights::load(&state).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains(key), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever a disk does to the file: it is read right, or refused.
    #[test]
    fn a_damaged_file_is_refused_or_read_right(place in any::<prop::sample::Index>(), bits in 1_u8.., cut in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let text = "what is known".repeat(50);
        {
            let state = FileState::open(&path).unwrap();
            let writes: Vec<Write> = (0..40).map(|number| put(&format!("sights/{number}"), &text, None)).collect();
            prop_assert!(state.write(&writes).iter().all(Result::is_ok));
        }
        let mut bytes = fs::read(&path).unwrap();
        let place = place.index(bytes.len());
        if cut { bytes.truncate(place) } else { bytes[place] ^= bits }
        fs::write(&path, &bytes).unwrap();
        match FileState::open(&path).and_then(|state| state.scan("")) {
            Ok(found) => {
                // A file that was cut to nothing is a new one.
                prop_assert!(found.len() == 40 || bytes.is_empty(), "{} are left", found.len());
                prop_assert!(found.values().all(|entry| entry.value == text));
            }
            Err(error) => prop_assert!(matches!(error, StateError::Damaged(_) | StateError::Failed(_)), "{error}"),
        }
    }
}
