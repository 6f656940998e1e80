//! The table.

use portcullis_core::finding::Status;
use portcullis_report::{Report, Terminal, table};

use crate::support::{clean, scene};

fn table(width: usize, color: bool) -> String {
    scene().text(|report, out| table::render(report, Terminal { width, color }, out))
}

#[test]
fn at_eighty_columns() {
    insta::assert_snapshot!(table(80, false));
}

#[test]
fn at_forty_columns() {
    insta::assert_snapshot!(table(40, false));
}

#[test]
fn at_two_hundred_columns() {
    insta::assert_snapshot!(table(200, false));
}

#[test]
fn in_colour() {
    insta::assert_snapshot!(table(100, true).replace('\u{1b}', "␛"));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let mut plain = table(80, true);
    while let Some(start) = plain.find('\u{1b}') {
        let end = start + plain[start..].find('m').unwrap();
        plain.replace_range(start..=end, "");
    }
    assert_eq!(plain, table(80, false));
}

#[test]
fn nothing_found_is_one_calm_line() {
    let text = clean().text(|report, out| table::render(report, Terminal::PLAIN, out));
    assert_eq!(text, "4 groups judged, nothing found, score 100 of 100\n");
    let mut empty = clean();
    empty.evaluation.groups = 0;
    let text = empty.text(|report, out| table::render(report, Terminal::PLAIN, out));
    assert_eq!(text, "no security group was judged\n");
}

#[test]
fn passes_are_listed_when_asked_for() {
    let scene = scene();
    let report = Report { statuses: &[Status::Pass], ..scene.report() };
    let mut out = Vec::new();
    table::render(&report, Terminal::PLAIN, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("sg-0004  private"), "{text}");
    assert!(text.contains("  pass      SSH open to the internet (internet-ssh)"), "{text}");
    assert!(text.contains("1 critical, 1 high, 1 medium, 1 low"), "the summary counts what is not listed:\n{text}");
}

#[test]
fn a_failure_never_hides_behind_a_finding_that_is_not_listed() {
    let mut scene = scene();
    scene.evaluation.findings.remove(0);
    let text = scene.text(|report, out| table::render(report, Terminal::PLAIN, out));
    assert!(text.contains("tcp 22 from") && text.matches("internet-ssh").count() == 3, "{text}");
}

#[test]
fn a_failure_never_hides_behind_an_exempt_finding() {
    let mut scene = scene();
    scene.evaluation.findings[0].status = Status::Exempt;
    let text = scene.text(|report, out| table::render(report, Terminal::PLAIN, out));
    assert!(!text.contains("also:"), "{text}");
    assert!(text.contains("3 high"), "{text}");
}

#[test]
fn findings_that_imply_each_other_do_not_go_round_for_ever() {
    let mut scene = scene();
    scene.evaluation.findings[0].implied_by = Some("00000000000000a2".into());
    let text = scene.text(|report, out| table::render(report, Terminal::PLAIN, out));
    assert!(text.contains("All traffic open") || text.contains("internet-all-traffic"), "{text}");
}
