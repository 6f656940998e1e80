//! What inputs are, and what is wrong with them.

use std::fs;

use super::{HEADER, digest, gzip, record, rows, text};
use crate::harness::{Place, binary};

const ROW: &str = "1 10.0.0.1 10.0.0.2 ACCEPT";

fn good() -> String {
    record("10.0.0.1", "10.0.0.2", "ACCEPT", 1_700_000_000)
}

/// Digests one file and gives the exit code, the rows, how many lines are malformed, and what was said.
fn check(content: impl AsRef<[u8]>, args: &[&str]) -> (i32, Vec<String>, u64, String) {
    let place = Place::new();
    place.write("in.log", content);
    let (run, document) = digest(&place, &[&["in.log"], args].concat());
    let answered = !document.is_null();
    let rows = if answered { rows(&document) } else { Vec::new() };
    (run.code, rows, document["malformed"].as_u64().unwrap_or_default(), run.stderr)
}

#[test]
fn columns_come_from_the_header_the_option_or_version_2() {
    let swapped = "action dstaddr a-new-one srcaddr\nACCEPT 10.0.0.2 whatever 10.0.0.1\n";
    for (content, args) in [
        (good(), vec![]),
        (text(&[HEADER, &good()]), vec![]),
        (text(&[HEADER, &good()]), vec!["--fields", "srcaddr dstaddr"]),
        (swapped.to_owned(), vec![]),
        ("10.0.0.2 10.0.0.1 ACCEPT\n".to_owned(), vec!["--fields", "dstaddr srcaddr action"]),
        ("10.0.0.2 10.0.0.1 ACCEPT\n".to_owned(), vec!["--fields", "${dstaddr} ${srcaddr} ${action}"]),
    ] {
        let (code, rows, _, said) = check(&content, &args);
        assert_eq!((code, rows.as_slice()), (0, &[ROW.to_owned()][..]), "{content}: {said}");
    }
    let (code, _, _, said) = check(good(), &["--fields", "SRC"]);
    assert_eq!(code, 2);
    assert!(said.contains("`SRC` is no name of a field"), "{said}");
}

#[test]
fn a_header_in_the_middle_sets_the_columns_from_there_on() {
    let other = "srcaddr dstaddr action\n10.0.0.1 10.0.0.2 ACCEPT\n";
    let content = format!("{}{other}{}", text(&[HEADER, &good()]), text(&[HEADER, &good()]));
    let (code, rows, malformed, said) = check(content, &[]);
    assert_eq!((code, rows, malformed), (0, vec!["3 10.0.0.1 10.0.0.2 ACCEPT".to_owned()], 0), "{said}");
}

#[test]
fn line_ends_and_blank_lines_are_nothing() {
    let content = format!("\r\n{HEADER}\r\n\r\n{}\r\n \n{}", good(), good());
    let (code, rows, malformed, said) = check(content, &[]);
    assert_eq!((code, rows, malformed), (0, vec!["2 10.0.0.1 10.0.0.2 ACCEPT".to_owned()], 0), "{said}");
}

#[test]
fn malformed_lines_are_counted_and_the_first_are_named() {
    let good = good();
    let lines = [
        HEADER,
        &good,
        "2 111122223333",
        &good.replace("10.0.0.1 ", "10.0.0.300 "),
        &good.replace("OK", "FINE"),
        &good.replace("ACCEPT", "accept"),
        &good.replace(" 840 ", " 99999999999999999999 "),
        &good.replace(" 840 ", " -840 "),
        // Nobody asked for the ports.
        &good.replace(" 443 ", " 70000 "),
    ];
    let (code, rows, malformed, said) = check(text(&lines), &[]);
    assert_eq!((code, rows, malformed), (3, vec!["2 10.0.0.1 10.0.0.2 ACCEPT".to_owned()], 6));
    for line in [
        "6 lines are malformed",
        "`in.log` line 3: 2 fields where 14 are expected",
        "`in.log` line 4: `10.0.0.300` is no srcaddr",
        "`in.log` line 5: `FINE` is no log-status",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let (code, _, malformed, _) = check(text(&lines[7..]), &["--by", "srcport,dstport"]);
    assert_eq!((code, malformed), (2, 0), "nothing but malformed lines");
    let (code, _, malformed, _) = check(text(&[lines[1], lines[8]]), &["--by", "srcport,dstport"]);
    assert_eq!((code, malformed), (3, 1));
}

#[test]
fn gzip_is_read_whatever_its_name_and_however_many_members() {
    let two = [gzip(text(&[HEADER, &good()])), gzip(text(&[HEADER, &good()]))].concat();
    let (code, rows, _, said) = check(two, &[]);
    assert_eq!((code, rows), (0, vec!["2 10.0.0.1 10.0.0.2 ACCEPT".to_owned()]), "{said}");
}

#[test]
fn a_truncated_file_counts_as_far_as_it_was_read() {
    let lines: Vec<String> =
        (0..5_000).map(|n| record(&format!("10.0.{}.{}", n / 250, n % 250), "10.9.9.9", "ACCEPT", n)).collect();
    let whole = gzip(text(&lines.iter().map(String::as_str).collect::<Vec<_>>()));
    let place = Place::new();
    place.write("cut.log.gz", &whole[..whole.len() / 2]).write("good.log", good());
    let (run, document) = digest(&place, &["."]);
    let records = document["records"].as_u64().unwrap();
    assert_eq!((run.code, &document["malformed"]), (3, &0.into()));
    assert!((1_000..4_000).contains(&records), "{records}");
    assert!(run.stderr.contains("cut.log.gz` is truncated"), "{}", run.stderr);
}

#[test]
fn what_is_no_flow_log_is_named() {
    let place = Place::new();
    place.write("good.log", good()).write("notes.txt", "dear diary,\nnothing happened today\n");
    let (run, document) = digest(&place, &["good.log", "notes.txt"]);
    assert_eq!((run.code, rows(&document)), (3, vec![ROW.to_owned()]));
    assert!(run.stderr.contains("`notes.txt` is no flow log: none of its 2 lines is a record"), "{}", run.stderr);
    let alone = place.run(&["flows", "digest", "notes.txt"]);
    assert_eq!((alone.code, alone.stdout.as_str()), (2, ""));
    assert!(alone.stderr.contains("is no flow log"), "{}", alone.stderr);
}

#[test]
fn damaged_parquet_is_named() {
    let place = Place::new();
    place.write("good.log", good()).write("cut.parquet", b"PAR1 and then nothing that helps");
    let (run, document) = digest(&place, &["good.log", "cut.parquet"]);
    assert_eq!((run.code, rows(&document)), (3, vec![ROW.to_owned()]));
    assert!(run.stderr.contains("`cut.parquet` is damaged or truncated Parquet"), "{}", run.stderr);
}

#[test]
fn a_line_of_ten_megabytes_is_one_malformed_line() {
    let content = format!("{}\n{}\n{}\n", good(), "x".repeat(10_000_000), good());
    let (code, rows, malformed, said) = check(content, &[]);
    assert_eq!((code, rows, malformed), (3, vec!["2 10.0.0.1 10.0.0.2 ACCEPT".to_owned()], 1));
    assert!(said.contains("line 2: a line of more than 64 KB"), "{said}");
}

#[test]
fn nothing_at_all_is_bad_input() {
    let place = Place::new();
    place.write("empty.log", "").write("header.log", format!("{HEADER}\n"));
    for args in [&["empty.log"][..], &["header.log"], &["missing.log"], &["folder"]] {
        fs::create_dir_all(place.path().join("folder")).unwrap();
        let run = place.run(&[&["flows", "digest"], args].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}: {}", run.stderr);
    }
    place.write("good.log", good());
    assert_eq!(digest(&place, &["empty.log", "good.log"]).0.code, 0, "an empty file is nothing");
    assert_eq!(place.run(&["flows", "digest"]).code, 2, "no input");
}

#[test]
fn stdin_and_folders_are_inputs() {
    let place = Place::new();
    place.write("logs/2026/a.log", good()).write("logs/b.gz", gzip(good())).write("logs/.hidden", "no flow log\n");
    let (run, document) = digest(&place, &["logs"]);
    assert_eq!((run.code, rows(&document)), (0, vec!["2 10.0.0.1 10.0.0.2 ACCEPT".to_owned()]), "{}", run.stderr);
    for content in [good().into_bytes(), gzip(good())] {
        let out = binary()
            .current_dir(place.path())
            .args(["flows", "digest", "--format", "json", "-"])
            .write_stdin(content)
            .output()
            .unwrap();
        assert_eq!(rows(&serde_json::from_slice(&out.stdout).unwrap()), [ROW]);
    }
}
