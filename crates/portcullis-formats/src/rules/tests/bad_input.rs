//! Input that nobody wrote on purpose.

use crate::diagnostics::Source;
use crate::rules::parse;
use crate::rules::tests::{read, said};

#[test]
fn a_line_of_100_megabytes_is_refused_by_its_size() {
    let bytes = vec![b'1'; 100 << 20];
    let error = parse([("rules.pysec", bytes.as_slice())]).unwrap_err().to_string();
    assert!(error.contains("rules.pysec:1:1") && error.contains("too large"), "{error}");
}

#[test]
fn the_longest_line_that_is_read_is_told_shortly() {
    let text = "1".repeat(Source::MAX_BYTES);
    let error = said(&text);
    assert!(error.len() < 2_000, "{} bytes", error.len());
}

#[test]
fn a_line_that_stands_for_any_number_of_rules_is_refused() {
    let peers: Vec<String> = (0..200).map(|n| format!("10.0.{n}.0/24")).collect();
    let ports: Vec<String> = (0..200).map(|n| (2 * n).to_string()).collect();
    let error = said(&format!("{}:{}", peers.join(","), ports.join(",")));
    assert!(error.contains("stands for 40000 rules"), "{error}");
}

#[test]
fn bytes_that_are_no_text_are_pointed_at() {
    for (bytes, expected) in [
        (b"10.0.0.0/8:80\n10.0.0.0/8:\xff\n".as_slice(), "rules.pysec:2:12"),
        (b"\xff\xfe1\x000\x00".as_slice(), "UTF-16"),
        (b"\0\0\0".as_slice(), "rules.pysec:1:1"),
        (b"10.0.0.0/8:80\0".as_slice(), "is no port"),
    ] {
        let error = parse([("rules.pysec", bytes)]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_escape_sequence_reaches_no_terminal() {
    let told = said("\u{1b}[31mred:80\n10.0.0.0/8:80 # \u{1b}[31m\n");
    assert!(!told.contains('\u{1b}'), "{told:?}");
    assert_eq!(&*read("10.0.0.0/8:80 # \u{1b}[31m").set.rules[0].description, "-[31m");
}
