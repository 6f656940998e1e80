//! Backups, journal and lock, while S3 misbehaves.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::bench::{Bench, run};
use crate::faults::Fate;
use crate::stores::{Area, Backups, Folder, Holder, Journal, Lock, LockError};

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

const KEY: &str = "111122223333/eu-west-1/sg-1/20270115T080000Z-r1.json";

/// What writing a backup says.
fn backed_up(bench: &Bench, fates: &[Fate], bytes: &str) -> Result<(), String> {
    bench.fate(fates);
    let backups = Backups::new(bench.folder());
    run(backups.write_new(KEY, bytes.as_bytes())).map_err(|error| error.to_string())
}

#[test]
fn a_backup_is_written_once_encrypted_and_read_back() {
    let bench = Bench::new();
    assert_eq!(backed_up(&bench, &[], "one"), Ok(()));
    assert_eq!(bench.world.kms_key("bucket", &format!("a/prefix/{KEY}")).as_deref(), Some("alias/key"));
    let exists = format!("`s3://bucket/a/prefix/{KEY}` exists already, and nothing is overwritten");
    assert_eq!(backed_up(&bench, &[], "two"), Err(exists.clone()));
    assert_eq!(backed_up(&bench, &[], "one"), Err(exists));
    let backups = Backups::new(bench.folder());
    assert_eq!(run(backups.read(KEY)).unwrap(), b"one");
    assert_eq!(backups.place(KEY), format!("s3://bucket/a/prefix/{KEY}"));
}

#[test]
fn an_answer_that_is_lost_is_told_from_what_is_there() {
    for fates in [[Fate::AnswerLost, Fate::Fine], [Fate::Lost, Fate::Fine], [Fate::Throttled, Fate::AnswerLost]] {
        let bench = Bench::new();
        assert_eq!(backed_up(&bench, &fates, "one"), Ok(()), "{fates:?}");
        assert_eq!(bench.kept(), [(KEY.to_owned(), "one".to_owned())]);
    }
    // What is there is another's, whether or not our own was lost.
    let bench = Bench::new();
    bench.write(&format!("a/prefix/{KEY}"), b"other");
    assert!(backed_up(&bench, &[Fate::Lost], "one").unwrap_err().contains("exists already"));
    assert_eq!(bench.kept(), [(KEY.to_owned(), "other".to_owned())]);
}

#[test]
fn what_is_refused_is_told_at_once_and_what_does_not_pass_in_time() {
    let bench = Bench::new();
    let denied = format!(
        "`s3://bucket/a/prefix/{KEY}` could not be written: s3:PutObject failed with UnauthorizedOperation: made to fail; allow \
         the call in the role's policy: `deploy/iam/` holds ones that suffice"
    );
    assert_eq!(backed_up(&bench, &[Fate::Denied], "one"), Err(denied));
    assert_eq!((bench.faults.done(), bench.world.calls().len()), (1, 0));
    let lost = backed_up(&bench, &[Fate::Lost; 1000], "one").unwrap_err();
    assert!(lost.contains("made to fail"), "{lost}");
}

#[test]
fn backups_are_listed_page_by_page_without_what_lies_beside() {
    let bench = Bench::new();
    let keys = ["1/r/sg-1/1-a.json", "1/r/sg-1/2-b.json", "1/r/sg-2/1-a.json", "2/r/sg-3/1-a.json"];
    for key in keys.into_iter().chain(["lock.json", "journal/p/r/000000.jsonl"]) {
        bench.write(&format!("a/prefix/{key}"), b"");
    }
    bench.write("a/prefixes/1/r/sg-9/a.json", b"");
    let backups = Backups::new(bench.folder());
    assert_eq!(run(backups.keys("")).unwrap(), keys);
    assert_eq!(run(backups.keys("1/r/sg-1/")).unwrap(), keys[..2]);
    let within =
        Folder::new(Arc::clone(&bench.objects), "s3://bucket/a/prefix/1/r/sg-1".parse().unwrap(), None, Duration::ZERO);
    assert_eq!(run(Backups::new(within).keys("")).unwrap(), ["1-a.json", "2-b.json"]);
}

#[test]
fn a_journal_is_read_back_in_order_run_after_run() {
    let bench = Bench::new();
    let later = now() + SignedDuration::from_secs(1);
    run(async {
        let journal = Journal::new(bench.folder());
        // The later run's id sorts first, and a line waits until it is durable.
        journal.record("plan", "z", now(), b"1\n");
        journal.record("plan", "z", now(), b"2\n");
        journal.sync().await.unwrap();
        journal.record("plan", "z", later, b"3\n");
        journal.record("other", "z", later, b"x\n");
        assert_eq!(journal.past("plan").await.unwrap(), b"1\n2\n");
        journal.sync().await.unwrap();
        journal.sync().await.unwrap();
        let second = Journal::new(bench.folder());
        second.record("plan", "a", later, b"4\n");
        second.sync().await.unwrap();
        assert_eq!(second.past("plan").await.unwrap(), b"1\n2\n3\n4\n");
        assert_eq!(second.past("none").await.unwrap(), b"");
    });
    assert_eq!(bench.kept().len(), 4);
}

#[test]
fn a_batch_that_may_have_arrived_is_sent_again_as_it_was() {
    let bench = Bench::new();
    run(async {
        let journal = Journal::new(bench.folder());
        journal.record("plan", "r", now(), b"1\n");
        bench.fate(&[Fate::AnswerLost, Fate::Denied]);
        assert!(journal.sync().await.is_err());
        journal.record("plan", "r", now(), b"2\n");
        bench.fate(&[Fate::Denied]);
        assert!(journal.sync().await.is_err());
        bench.fate(&[Fate::Lost]);
        journal.sync().await.unwrap();
        assert_eq!(journal.past("plan").await.unwrap(), b"1\n2\n");
    });
}

fn holder(run_id: &str) -> Holder {
    Holder { holder: "arn:ada".to_owned(), run_id: run_id.to_owned(), host: "box".to_owned(), ..Holder::default() }
}

#[test]
fn one_has_the_lock_and_the_other_is_told_who() {
    let bench = Bench::new();
    let lock = Lock::new(bench.folder());
    run(async {
        let lease = lock.take(holder("r1"), &Area::All, now()).await.unwrap();
        let error = lock.take(holder("r2"), &Area::All, now()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "another run is at work: arn:ada on box, run r1, since 2027-01-15T08:00:00Z; wait for it to end, or, if it was \
             killed, until its lock `s3://bucket/a/prefix/lock.json` is free at 2027-01-15T08:10:00Z"
        );
        lease.release().await.unwrap();
        assert_eq!(bench.kept(), []);
        lock.take(holder("r2"), &Area::All, now()).await.unwrap();
    });
}

#[test]
fn a_lock_is_kept_by_renewing_it_and_lost_by_not() {
    let bench = Bench::new();
    let lock = Lock::new(bench.folder());
    let after = |minutes| now() + SignedDuration::from_mins(minutes);
    run(async {
        let first = lock.take(holder("r1"), &Area::All, now()).await.unwrap();
        for minutes in 1..=12 {
            first.renew(after(minutes)).await.unwrap();
        }
        assert!(lock.take(holder("r2"), &Area::All, after(13)).await.is_err());
        let second = lock.take(holder("r2"), &Area::All, after(60)).await.unwrap();
        assert!(matches!(first.renew(after(13)).await, Err(LockError::Lost(_))), "seen by looking");
        assert!(matches!(first.renew(after(61)).await, Err(LockError::Lost(_))), "seen by renewing");
        first.release().await.unwrap();
        second.renew(after(61)).await.unwrap();
        second.release().await.unwrap();
        assert_eq!(bench.kept(), []);
    });
}

#[test]
fn a_lock_is_taken_although_the_answer_is_lost() {
    let bench = Bench::new();
    bench.fate(&[Fate::AnswerLost]);
    let lock = Lock::new(bench.folder());
    let after = |minutes| now() + SignedDuration::from_mins(minutes);
    run(async {
        let lease = lock.take(holder("r1"), &Area::All, now()).await.unwrap();
        bench.fate(&[Fate::AnswerLost]);
        lease.renew(after(5)).await.unwrap();
        lease.renew(after(6)).await.unwrap();
        // Taking over, too.
        bench.fate(&[Fate::Fine, Fate::Fine, Fate::AnswerLost]);
        lock.take(holder("r2"), &Area::All, after(60)).await.unwrap().renew(after(61)).await.unwrap();
    });
}

#[test]
fn runs_over_different_places_go_on_side_by_side_and_none_over_all_meanwhile() {
    let bench = Bench::new();
    let lock = Lock::new(bench.folder());
    let (here, there) = (Area::place("111122223333", "eu-west-1"), Area::place("111122223333", "us-east-1"));
    run(async {
        let first = lock.take(holder("r1"), &here, now()).await.unwrap();
        let second = lock.take(holder("r2"), &there, now()).await.unwrap();
        for area in [&here, &Area::All] {
            let error = lock.take(holder("r3"), area, now()).await.unwrap_err().to_string();
            assert!(error.contains("run r1,") && error.contains("locks/111122223333/eu-west-1.json"), "{error}");
        }
        assert_eq!(bench.kept().len(), 2, "who was refused left nothing");
        first.release().await.unwrap();
        assert!(lock.take(holder("r3"), &Area::All, now()).await.is_err());
        second.release().await.unwrap();
        let all = lock.take(holder("r3"), &Area::All, now()).await.unwrap();
        let error = lock.take(holder("r4"), &there, now()).await.unwrap_err().to_string();
        assert!(error.contains("run r3,") && error.contains("prefix/lock.json"), "{error}");
        all.release().await.unwrap();
        lock.take(holder("r4"), &there, now()).await.unwrap().release().await.unwrap();
    });
    assert_eq!(bench.kept(), []);
}

#[test]
fn a_lock_of_the_other_kind_that_ran_out_is_lost_to_its_holder() {
    let after = |minutes| now() + SignedDuration::from_mins(minutes);
    let place = Area::place("111122223333", "eu-west-1");
    for (old, new) in [(&place, &Area::All), (&Area::All, &place)] {
        let bench = Bench::new();
        let lock = Lock::new(bench.folder());
        run(async {
            let first = lock.take(holder("r1"), old, now()).await.unwrap();
            let second = lock.take(holder("r2"), new, after(60)).await.unwrap();
            assert!(matches!(first.renew(after(1)).await, Err(LockError::Lost(_))), "{old:?}");
            first.release().await.unwrap();
            second.renew(after(61)).await.unwrap();
            second.release().await.unwrap();
        });
        assert_eq!(bench.kept(), [], "{old:?}");
    }
}

#[test]
fn of_two_kinds_at_once_never_both_have_their_lock() {
    let place = Area::place("111122223333", "eu-west-1");
    // The other comes after so many calls of the first: before it shows itself, before it looks, and afterwards.
    for (first, second) in [(&place, &Area::All), (&Area::All, &place)] {
        for calls in 0..4_u32 {
            let bench = Bench::new();
            let lock = Lock::new(bench.folder());
            let slow = (0..calls).map(|_| Fate::Fine).chain([Fate::Throttled]).collect::<Vec<_>>();
            bench.fate(&slow);
            let (one, other) = run(async {
                let early = lock.take(holder("r1"), first, now());
                let late = async {
                    tokio::task::yield_now().await;
                    lock.take(holder("r2"), second, now()).await
                };
                tokio::join!(early, late)
            });
            assert!(one.is_err() || other.is_err(), "{first:?} and {second:?} after {calls} calls");
        }
    }
}

#[test]
fn what_is_no_lock_of_ours_is_left_alone() {
    let bench = Bench::new();
    bench.write("a/prefix/lock.json", b"{}");
    let error = run(Lock::new(bench.folder()).take(holder("r1"), &Area::All, now())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`s3://bucket/a/prefix/lock.json` is no lock of Portcullis: if no run is at work there, delete it"
    );
}
