//! The generated page of controls.

use portcullis_report::{ControlDoc, PackDoc, controls};

use crate::support::{Scene, scene};

pub(crate) fn packs(scene: &Scene) -> Vec<PackDoc> {
    let pack = |name: &str, description: &str, controls: &[&str], framework| PackDoc {
        name: name.to_owned(),
        description: description.to_owned(),
        controls: controls.iter().map(|id| (*id).to_owned()).collect(),
        framework,
    };
    vec![
        pack(
            "recommended",
            "What to act on this week",
            &["internet-all-traffic", "internet-ssh", "redundant-rule"],
            None,
        ),
        pack(
            "cis-aws-5.0",
            "CIS 5.0.0 | as far as it concerns groups",
            &["internet-ssh"],
            Some(scene.policies.frameworks[0].clone()),
        ),
    ]
}

#[test]
fn the_page() {
    let scene = scene();
    let packs = packs(&scene);
    let docs: Vec<ControlDoc> =
        scene.policies.controls.iter().map(|control| ControlDoc::new(control, &packs)).collect();
    insta::assert_snapshot!(scene.text(|_, out| controls::render(&docs, &packs, out)));
}

#[test]
fn every_control_has_its_anchor_once() {
    let scene = scene();
    let packs = packs(&scene);
    let docs: Vec<ControlDoc> =
        scene.policies.controls.iter().map(|control| ControlDoc::new(control, &packs)).collect();
    let page = scene.text(|_, out| controls::render(&docs, &packs, out));
    for control in &docs {
        assert_eq!(page.lines().filter(|line| *line == format!("## {}", control.id)).count(), 1, "{}", control.id);
    }
}
