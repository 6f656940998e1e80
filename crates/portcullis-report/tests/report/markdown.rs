//! Markdown.

use portcullis_report::markdown;

use crate::support::{clean, scene};

#[test]
fn a_comment() {
    insta::assert_snapshot!(scene().text(markdown::render));
}

#[test]
fn nothing_found() {
    insta::assert_snapshot!(clean().text(markdown::render));
}

#[test]
fn a_name_cannot_break_out_of_its_cell() {
    let mut scene = scene();
    scene.inventory.groups[0].name = "x` | <img src=x onerror=alert(1)> @admin\\|".into();
    let text = scene.text(markdown::render);
    assert!(!text.contains("<img") && !text.contains("@admin"), "{text}");
    let row = text.lines().find(|line| line.contains("sg-0001")).unwrap();
    assert_eq!(row.matches('|').count(), 5, "{row}");
}
