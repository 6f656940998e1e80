//! Policies, and the copies of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::bench::{Bench, run};
use crate::error::Kind;
use crate::faults::{Fate, Fault};
use crate::stores::Policies;

/// What reading says.
fn read(bench: &Bench, copies: Option<&Path>, place: &str) -> Result<String, String> {
    let policies = Policies::new(Arc::new(bench.faults.clone()), copies.map(Path::to_owned), Duration::from_secs(5));
    let bytes = run(policies.read(&place.parse().unwrap())).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[test]
fn a_copy_serves_while_the_object_is_the_same() {
    let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
    let copies = folder.path().join("policies");
    let one = |expected: Result<&str, ()>| {
        assert_eq!(read(&bench, Some(&copies), "s3://bucket/p.yaml").map_err(drop).as_deref(), expected.as_deref());
    };
    bench.write("p.yaml", b"one\ntwo");
    one(Ok("one\ntwo"));
    one(Ok("one\ntwo"));
    bench.write("p.yaml", b"new");
    one(Ok("new"));
    // What is kept is only believed where it is whole.
    let file = fs::read_dir(&copies).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    for torn in [&whole[..whole.len() - 1], &whole[..10], b"", b"\n\n"] {
        fs::write(&file, torn).unwrap();
        one(Ok("new"));
    }
    bench.fate(&[Fate::Denied]);
    one(Err(()));
    run(bench.objects.delete("bucket", "p.yaml")).unwrap();
    one(Err(()));
}

#[test]
fn a_copy_saves_the_transfer() {
    let (bench, folder) = (Bench::new(), tempfile::tempdir().unwrap());
    bench.write("p.yaml", b"one");
    let place = "s3://bucket/p.yaml";
    read(&bench, Some(folder.path()), place).unwrap();
    // Told apart from a second transfer by a copy that says something else.
    let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let digest = "79f076abdd19a752db7267bfff2f9022161d120dea919fdaca2ffdfc24ca8c96";
    let etag = run(bench.objects.get("bucket", "p.yaml", None)).unwrap().unwrap().etag;
    let head = serde_json::json!({ "schema_version": "1", "location": place, "etag": etag, "sha256": digest });
    fs::write(&file, format!("{head}\nkept")).unwrap();
    assert_eq!(read(&bench, Some(folder.path()), place).unwrap(), "kept");
    fs::write(&file, format!("{head}\nKEPT")).unwrap();
    assert_eq!(read(&bench, Some(folder.path()), place).unwrap(), "one");
}

#[test]
fn parameters_are_read_in_the_region_of_their_arn() {
    let bench = Bench::new();
    let arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/p";
    bench.world.put_parameter(arn, "of the arn");
    bench.world.put_parameter("/p", "of the name");
    assert_eq!(read(&bench, None, &format!("ssm:{arn}")).unwrap(), "of the arn");
    assert_eq!(read(&bench, None, "ssm:/p").unwrap(), "of the name");
    // What fails in the Region of the ARN is the one and not the other.
    bench.faults.add(Fault::fail("ssm:GetParameter", Kind::Denied).in_region("eu-west-1"));
    assert!(read(&bench, None, &format!("ssm:{arn}")).unwrap_err().contains("made to fail"));
    assert_eq!(read(&bench, None, "ssm:/p").unwrap(), "of the name");
}

#[test]
fn what_cannot_be_read_stops_the_run() {
    let bench = Bench::new();
    assert_eq!(
        read(&bench, None, "s3://bucket/p.yaml"),
        Err("the policy `s3://bucket/p.yaml` could not be read: s3:GetObject failed with NoSuchKey: there is no object p.yaml in \
             bucket"
            .to_owned())
    );
    for place in ["s3://bucket", "dynamodb://table"] {
        let why = format!("`{place}` is no place for a policy: name a file, `s3://bucket/key` or `ssm:name`");
        assert_eq!(read(&bench, None, place), Err(why));
    }
    bench.write("p.yaml", b"one");
    bench.fate(&[Fate::Throttled, Fate::Lost]);
    assert_eq!(read(&bench, None, "s3://bucket/p.yaml").unwrap(), "one");
}
