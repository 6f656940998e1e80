//! Wrong input and wrong usage: what is said, and that nothing is done.

use crate::harness::{Place, group, inventory};

/// Scans a text and gives what stderr says; the exit code must be 2 and stdout empty.
fn refused(text: impl AsRef<[u8]>) -> String {
    let place = Place::new();
    place.write("inventory.json", text);
    let run = place.run(&["scan", "inventory.json"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert!(run.stderr.contains("inventory.json"), "the file is not named: {}", run.stderr);
    run.stderr
}

fn with(port: &str, cidr: &str) -> String {
    inventory(&[group("sg-0a", &[("tcp", 22, 22, "0.0.0.0/0")])])
        .replace("\"ToPort\":22", &format!("\"ToPort\":{port}"))
        .replace("0.0.0.0/0", cidr)
}

#[test]
fn bad_inventories_are_refused_with_the_place() {
    let good = inventory(&[group("sg-0a", &[("tcp", 22, 22, "0.0.0.0/0")])]);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("truncated", good.as_bytes()[..good.len() / 2].to_vec(), "end"),
        ("empty", Vec::new(), ""),
        ("not json", b"hello".to_vec(), ""),
        ("wrong type", b"{\"SecurityGroups\": 7}".to_vec(), "SecurityGroups"),
        ("zeros", vec![0; 1 << 20], ""),
        ("bad utf-8", b"{\"SecurityGroups\": [{\"GroupId\": \"\xff\"}]}".to_vec(), ""),
        ("deeply nested", format!("{{\"SecurityGroups\": {}", "[".repeat(1 << 20)).into_bytes(), ""),
        ("port 70000", with("70000", "0.0.0.0/0").into_bytes(), "70000"),
        ("inverted ports", with("21", "0.0.0.0/0").into_bytes(), "21"),
        ("a float for a port", with("22.5", "0.0.0.0/0").into_bytes(), "22.5"),
        ("infinity for a port", with("1e999", "0.0.0.0/0").into_bytes(), ""),
        ("NaN for a port", with("NaN", "0.0.0.0/0").into_bytes(), ""),
        ("a /33", with("22", "10.0.0.0/33").into_bytes(), "10.0.0.0/33"),
        ("no prefix", with("22", "10.0.0.1").into_bytes(), "10.0.0.1"),
        ("no recognised key", b"{\"Reservations\": []}".to_vec(), "SecurityGroups"),
    ];
    for (name, text, says) in cases {
        let stderr = refused(text);
        assert!(stderr.contains(says), "{name}: `{says}` is not said: {stderr}");
        assert!(!stderr.contains("portcullis_"), "{name}: names of the program: {stderr}");
        assert!(stderr.len() < 4000, "{name}: {} bytes of message", stderr.len());
    }
}

#[test]
fn a_mark_at_the_start_and_windows_line_ends_do_no_harm() {
    let place = Place::new();
    let pretty = inventory(&[group("sg-0a", &[("tcp", 22, 22, "0.0.0.0/0")])]).replace("},", "},\r\n");
    place.write("inventory.json", format!("\u{feff}{pretty}\r\n"));
    place.scan(&["inventory.json"], &[1]);
}

#[test]
fn names_cannot_act_on_a_terminal_or_a_spreadsheet() {
    let place = Place::new();
    let mut hostile = group("sg-0a", &[("tcp", 22, 22, "0.0.0.0/0")]);
    hostile["GroupName"] = "=HYPERLINK(\"http://x\")\u{1b}]0;owned\u{7}\u{202e}".into();
    place.write("inventory.json", inventory(&[hostile]));
    for format in ["table", "csv", "markdown", "sarif", "json", "ndjson"] {
        let run = place.run(&["scan", "inventory.json", "--format", format, "--color", "never"]);
        assert_eq!(run.code, 1);
        assert!(run.stdout.chars().all(|c| c == '\n' || c == '\r' || !c.is_control()), "{format}: {:?}", run.stdout);
        assert!(!run.stdout.contains('\u{202e}'), "{format}");
    }
    let csv = place.run(&["scan", "inventory.json", "--format", "csv"]).stdout;
    assert!(!csv.contains(",=HYPERLINK") && !csv.contains(",\"=HYPERLINK"), "{csv}");
}

#[test]
fn wrong_usage_is_code_two_and_says_what_to_do() {
    let place = Place::new();
    place.write("inventory.json", inventory(&[group("sg-0a", &[])]));
    for (args, says) in [
        (vec!["scan", "inventory.json", "--pack", "cis-gcp"], "cis-gcp"),
        (vec!["scan", "inventory.json", "--control", "internet-shh"], "internet-ssh"),
        (vec!["scan", "inventory.json", "--format", "xml"], "xml"),
        (vec!["scan", "inventory.json", "--fail-on", "grave"], "grave"),
        (vec!["scan", "missing.json"], "missing.json"),
        (vec!["scan", "inventory.json", "--policy", "missing.yaml"], "missing.yaml"),
        (vec!["scan", "inventory.json", "--output", "sarif"], "FORMAT=FILE"),
        (vec!["scan"], "describe-security-groups"),
        (vec!["plan", "inventory.json", "--strategy", "replace"], "--replace-with"),
        (vec!["plan", "inventory.json", "--replace-with", "10.0.0.0/33"], "10.0.0.0/33"),
        (vec!["explain", "sg-nothing", "inventory.json"], "sg-nothing"),
    ] {
        let run = place.run(&args);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{args:?}: `{says}` is not said: {}", run.stderr);
    }
}

#[test]
fn what_the_operating_system_refuses_is_told_in_its_words_without_numbers_or_other_files() {
    let place = Place::new();
    place.write("inventory.json", inventory(&[group("sg-0a", &[])]));
    for (args, said) in [
        (vec!["scan", "none.json"], "none.json: cannot be read"),
        (vec!["scan", "inventory.json", "--policy", "none.json"], "the policy `none.json` cannot be read"),
        (vec!["scan", "inventory.json", "--baseline", "none.json"], "the baseline `none.json` cannot be read"),
        (vec!["scan", "inventory.json", "--output", "json=none/x.json"], "`none/x.json` could not be written"),
        (vec!["plan", "inventory.json", "--out", "none/x.json"], "`none/x.json` could not be written"),
        (vec!["apply", "none.json"], "the plan `none.json` cannot be read"),
        (vec!["rollback", "none"], "the backup `none` cannot be read"),
        (vec!["policy", "check", "none.json"], "the policy `none.json` cannot be read"),
        (vec!["handle-event", "none.json"], "`none.json` cannot be read"),
    ] {
        let run = place.run(&args);
        let expected = format!("error: {said}: no such file or directory");
        assert_eq!((run.code, run.stderr.lines().last()), (2, Some(expected.as_str())), "{args:?}");
    }
}

#[test]
fn help_documents_the_exit_codes() {
    let run = Place::new().run(&["scan", "--help"]);
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains("Exit codes:") && run.stdout.contains("nothing done"), "{}", run.stdout);
}

#[test]
fn a_policy_that_does_not_parse_stops_the_run_and_every_error_is_told() {
    let place = Place::new();
    place.write("inventory.json", inventory(&[group("sg-0a", &[("tcp", 22, 22, "0.0.0.0/0")])]));
    place.write(
        "policy.json",
        r#"{"version": "1.0.0", "compliance_policies": {"prohibited_rules": {"inbound": [
            {"rule_id": "A", "description": "a", "protocol": "tcp", "port_range": "70000", "source": "0.0.0.0/0", "severity": "high"},
            {"rule_id": "B", "description": "b", "protocol": "tcp", "port_range": "22", "source": "10.0.0.0/33", "severity": "grave"}
        ]}}, "exemption": {}}"#,
    );
    let run = place.run(&["scan", "inventory.json", "--policy", "policy.json"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    for says in ["70000", "10.0.0.0/33", "grave", "exemption", "policy.json:2"] {
        assert!(run.stderr.contains(says), "`{says}` is not said: {}", run.stderr);
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    use std::io::Read as _;
    use std::process::{Command, Stdio};
    let place = Place::new();
    let rules: Vec<(&str, i64, i64, &str)> = vec![("-1", -1, -1, "0.0.0.0/0")];
    let groups: Vec<_> = (0..400).map(|n| group(&format!("sg-{n:017x}"), &rules)).collect();
    place.write("inventory.json", inventory(&groups));
    for format in ["table", "json", "ndjson", "csv", "sarif", "markdown"] {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"))
            .current_dir(place.path())
            .args(["scan", "inventory.json", "--quiet", "--pack", "all", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}");
        assert!(output.stderr.is_empty(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
