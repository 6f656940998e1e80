//! Policies, and the copies of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::memory::{Fate, Memory, World, run};
use crate::stores::Policies;

/// What reading says.
fn read(memory: &Arc<Memory>, copies: Option<&Path>, place: &str) -> Result<String, String> {
    let world = Arc::new(World::with(memory));
    let policies = Policies::new(world, copies.map(Path::to_owned), Duration::from_secs(5));
    let bytes = run(policies.read(&place.parse().unwrap())).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[test]
fn a_copy_serves_while_the_object_is_the_same() {
    let (memory, folder) = (Memory::fated(&[]), tempfile::tempdir().unwrap());
    let copies = folder.path().join("policies");
    let one = |expected: Result<&str, ()>| {
        assert_eq!(read(&memory, Some(&copies), "s3://bucket/p.yaml").map_err(drop).as_deref(), expected.as_deref());
    };
    memory.write("p.yaml", b"one\ntwo");
    one(Ok("one\ntwo"));
    one(Ok("one\ntwo"));
    memory.write("p.yaml", b"new");
    one(Ok("new"));
    // What is kept is only believed where it is whole.
    let file = fs::read_dir(&copies).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    for torn in [&whole[..whole.len() - 1], &whole[..10], b"", b"\n\n"] {
        fs::write(&file, torn).unwrap();
        one(Ok("new"));
    }
    memory.fate(&[Fate::Denied]);
    one(Err(()));
    memory.objects.lock().unwrap().clear();
    one(Err(()));
}

#[test]
fn a_copy_saves_the_transfer() {
    let (memory, folder) = (Memory::fated(&[]), tempfile::tempdir().unwrap());
    memory.write("p.yaml", b"one");
    let place = "s3://bucket/p.yaml";
    read(&memory, Some(folder.path()), place).unwrap();
    // Told apart from a second transfer by a copy that says something else.
    let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let digest = "79f076abdd19a752db7267bfff2f9022161d120dea919fdaca2ffdfc24ca8c96";
    let head = format!(r#"{{"schema_version":"1","location":"{place}","etag":"v1","sha256":"{digest}"}}"#);
    fs::write(&file, format!("{head}\nkept")).unwrap();
    assert_eq!(read(&memory, Some(folder.path()), place).unwrap(), "kept");
    fs::write(&file, format!("{head}\nKEPT")).unwrap();
    assert_eq!(read(&memory, Some(folder.path()), place).unwrap(), "one");
}

#[test]
fn parameters_are_read_in_the_region_of_their_arn() {
    let memory = Memory::fated(&[]);
    let arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/p";
    memory.write(arn, b"of the arn");
    memory.write("/p", b"of the name");
    assert_eq!(read(&memory, None, &format!("ssm:{arn}")).unwrap(), "of the arn");
    assert_eq!(read(&memory, None, "ssm:/p").unwrap(), "of the name");
    let calls = memory.calls.lock().unwrap().clone();
    assert_eq!(calls, ["in eu-west-1", &format!("s3:GetObject {arn}"), "in the home Region", "s3:GetObject /p"]);
}

#[test]
fn what_cannot_be_read_stops_the_run() {
    let memory = Memory::fated(&[]);
    assert_eq!(
        read(&memory, None, "s3://bucket/p.yaml"),
        Err("the policy `s3://bucket/p.yaml` could not be read: s3:GetObject failed: no such key".to_owned())
    );
    for place in ["s3://bucket", "dynamodb://table"] {
        let why = format!("`{place}` is no place for a policy: name a file, `s3://bucket/key` or `ssm:name`");
        assert_eq!(read(&memory, None, place), Err(why));
    }
    memory.write("p.yaml", b"one");
    memory.fate(&[Fate::Throttled, Fate::Lost]);
    assert_eq!(read(&memory, None, "s3://bucket/p.yaml").unwrap(), "one");
}
