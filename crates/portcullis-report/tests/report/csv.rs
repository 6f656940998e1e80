//! CSV.

use portcullis_report::csv;

use crate::support::{clean, scene};

#[test]
fn one_finding_a_row() {
    insta::assert_snapshot!(scene().text(csv::render));
}

#[test]
fn an_empty_report_has_its_header() {
    assert_eq!(clean().text(csv::render), csv::COLUMNS.join(",") + "\n");
}

#[test]
fn a_formula_in_a_name_or_description_is_text() {
    let mut scene = scene();
    scene.inventory.groups[0].name = "=HYPERLINK(\"http://evil.example\",\"click\")".into();
    scene.evaluation.findings[1].reason = "@SUM(A1:A9)".to_owned();
    let text = scene.text(csv::render);
    assert!(text.contains("\"'=HYPERLINK(\"\"http://evil.example\"\",\"\"click\"\")\""), "{text}");
    assert!(text.contains(",'@SUM(A1:A9),"), "{text}");
}
