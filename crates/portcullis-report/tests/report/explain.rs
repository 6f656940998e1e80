//! Explanations.

use portcullis_report::{ControlDoc, Terminal, explain};

use crate::docs::packs;
use crate::support::scene;

fn group(index: usize) -> String {
    scene().text(|report, out| explain::render_group(report, index, Terminal::PLAIN, out))
}

#[test]
fn a_group_whose_rules_make_up_the_internet_together() {
    insta::assert_snapshot!(group(0));
}

#[test]
fn a_group_with_findings_within_findings() {
    insta::assert_snapshot!(group(1));
}

#[test]
fn a_group_with_an_unknown_list() {
    insta::assert_snapshot!(group(2));
}

#[test]
fn a_control() {
    let scene = scene();
    let doc = ControlDoc::new(&scene.policies.controls[1], &packs(&scene));
    let text = scene.text(|_, out| explain::render_control(&doc, Terminal::PLAIN, out));
    insta::assert_snapshot!(text);
}
