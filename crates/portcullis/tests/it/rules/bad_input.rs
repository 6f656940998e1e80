//! Input that nobody wrote on purpose: an error with its place, exit 2, and nothing done.

use super::{ok, repository};
use crate::harness::Place;

fn build(place: &Place) -> (i32, String) {
    let run = place.run(&["rules", "build", "-C", "my-repo"]);
    (run.code, run.stderr)
}

#[test]
fn each_bad_line_is_named_with_file_line_and_column() {
    for (line, expected) in [
        ("1.2.3.4", "1.2.3.4/32"),
        ("1.2.3.4/33:80^tcp", "from 0 to 32"),
        (":80", "no peer"),
        ("10.0.0.0/8:70000", "`70000` is no port"),
        ("10.0.0.0/8:443-80", "`80-443`"),
        ("10.0.0.0/8:80^tpc", "`tpc` is no protocol"),
        ("10.0.0.0/8:80^all", "no ports"),
        ("2001:db8::/32:443", "`[2001:db8::/32]:443`"),
    ] {
        let place = repository(&format!("10.0.0.0/8:22\n{line}\n"));
        let (code, said) = build(&place);
        assert_eq!(code, 2, "{line}");
        assert!(said.contains(expected) && said.contains("my-repo/rules.pysec:2:"), "{line}: {said}");
    }
}

#[test]
fn a_region_that_is_none_is_refused_before_anything_is_asked() {
    let place = repository("10.0.0.0/8:22\n");
    for verb in ["status", "stage", "commit", "destroy"] {
        let run = place.run(&["rules", verb, "-C", "my-repo", "--region", "mars", "--yes"]);
        assert_eq!(run.code, 2, "{verb}: {}", run.stderr);
        assert!(run.stderr.contains("`--region mars` is no Region"), "{verb}: {}", run.stderr);
    }
}

#[test]
fn host_bits_other_line_ends_and_a_byte_order_mark_are_no_error() {
    let place = repository("\u{feff}52.35.23.0/21:80^tcp\r\n\r\n# remark\r\n");
    let (code, said) = build(&place);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("`52.35.16.0/21`"), "{said}");
}

#[test]
fn bytes_that_are_no_text_and_files_that_are_no_files() {
    let place = repository("");
    place.write("my-repo/rules.pysec", b"10.0.0.0/8:\xff\n");
    let (code, said) = build(&place);
    assert!(code == 2 && said.contains("rules.pysec:1:12"), "{said}");

    let place = repository("10.0.0.0/8:22\n");
    std::fs::create_dir(place.path().join("my-repo/more.pysec")).unwrap();
    let (code, said) = build(&place);
    assert!(code == 2 && said.contains("`my-repo/more.pysec` is a folder"), "{said}");

    let place = repository("10.0.0.0/8:22\n");
    std::fs::remove_file(place.path().join("my-repo/rules.pysec")).unwrap();
    let (code, said) = build(&place);
    assert!(code == 2 && said.contains("no rules file"), "{said}");
}

#[test]
#[cfg(unix)]
fn a_link_to_nowhere_and_a_pipe_are_named_as_such() {
    let place = repository("10.0.0.0/8:22\n");
    std::os::unix::fs::symlink("nowhere", place.path().join("my-repo/more.rules")).unwrap();
    let (code, said) = build(&place);
    assert_eq!((code, said.as_str()), (2, "error: `my-repo/more.rules` cannot be read: no such file or directory\n"));

    let place = repository("10.0.0.0/8:22\n");
    let _socket = std::os::unix::net::UnixListener::bind(place.path().join("my-repo/more.rules")).unwrap();
    let (code, said) = build(&place);
    assert!(code == 2 && said.contains("`my-repo/more.rules` is no file"), "{said}");
}

#[test]
fn a_line_of_100_megabytes_is_refused_by_its_size() {
    let place = repository("");
    let file = std::fs::File::create(place.path().join("my-repo/rules.pysec")).unwrap();
    file.set_len(100 << 20).unwrap();
    let (code, said) = build(&place);
    assert!(code == 2 && said.contains("too large") && said.contains("my-repo/rules.pysec"), "{said}");
}

#[test]
fn settings_and_state_that_are_wrong_are_named() {
    let place = repository("10.0.0.0/8:22\n");
    place.write("my-repo/.portcullis.toml", "vcp_id = \"vpc-1\"\n");
    let (code, said) = build(&place);
    assert!(code == 2 && said.contains("vcp_id") && said.contains(".portcullis.toml:1:1"), "{said}");

    place.write("my-repo/.portcullis.toml", "schema_version = \"9\"\n");
    let (code, said) = build(&place);
    assert!(code == 2 && said.contains("update the program"), "{said}");

    let place = repository("10.0.0.0/8:22\n");
    place.write("my-repo/.portcullis.state.toml", "<<<<<<< HEAD\n");
    let run = place.run(&["rules", "status", "-C", "my-repo"]);
    assert!(run.code == 2 && run.stderr.contains("to be merged"), "{}", run.stderr);
}

#[test]
fn a_folder_that_is_no_repository_says_how_to_make_it_one() {
    let place = Place::new();
    let run = place.run(&["rules", "status"]);
    assert!(run.code == 2 && run.stderr.contains("portcullis rules init"), "{}", run.stderr);
    let run = place.run(&["rules", "status", "--recursive"]);
    assert!(run.code == 2 && run.stderr.contains("no repository"), "{}", run.stderr);
    assert_eq!(place.run(&["rules", "status", "-C", "nowhere"]).code, 2);
}

#[test]
fn duplicates_across_files_are_named_and_folded() {
    let place = repository("10.0.0.0/8:22\n");
    place.write("my-repo/more.rules", "10.0.0.0/8:22^6\n");
    let run = ok(&place, &["rules", "build", "-C", "my-repo", "--format", "json"]);
    assert!(run.stderr.contains("more.rules:1:1") || run.stderr.contains("rules.pysec:1:1"), "{}", run.stderr);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let ingress = &json["Resources"]["MySecurityGroup"]["Properties"]["SecurityGroupIngress"];
    assert_eq!(ingress.as_array().map(Vec::len), Some(1));
}
