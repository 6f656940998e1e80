//! Names, tags and descriptions that somebody else wrote, at any width: nothing overflows, and nothing acts on the reader.

use portcullis_core::model::{Rule, Tag};
use portcullis_core::remediation::{Change, GroupPlan, Plan, Proof, Strategy};
use portcullis_report::sanitise::is_active;
use portcullis_report::{ControlDoc, Format, Terminal, explain, plan_diff, table};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use crate::docs::packs;
use crate::support::{Scene, scene};

/// The scene with every text that a stranger can write replaced.
fn written_by_a_stranger(text: &str) -> Scene {
    let mut scene = scene();
    for group in &mut scene.inventory.groups {
        group.name = text.into();
        group.description = text.into();
        group.tags.push(Tag { key: text.into(), value: text.into() });
        group.unreadable = Some(text.into());
        for rule in &mut group.rules {
            rule.description = text.into();
        }
    }
    for list in scene.inventory.prefix_lists.values_mut() {
        list.name = text.into();
    }
    for finding in &mut scene.evaluation.findings {
        finding.reason = format!("the group `{text}` is at fault");
        finding.remediation = text.to_owned();
    }
    for control in &mut scene.policies.controls {
        control.text.title = text.to_owned();
        control.text.description = text.to_owned();
    }
    for exemption in &mut scene.policies.exemptions {
        exemption.reason = text.to_owned();
        exemption.approved_by = text.to_owned();
    }
    for entry in &mut scene.evaluation.coverage {
        entry.error = Some(text.to_owned());
    }
    scene
}

/// Everything that is written to terminals.
fn on_terminal(scene: &Scene, terminal: Terminal) -> Vec<String> {
    let group = scene.inventory.groups[0].clone();
    let change = Change::Modify { before: group.rules[0].clone(), after: Rule::clone(&group.rules[1]) };
    let tag = Change::Tag { key: group.name.clone(), before: None, after: Some(group.name.clone()) };
    let changes = vec![Change::Revoke(group.rules[2].clone()), change, tag];
    let plan = GroupPlan {
        group,
        fingerprint: String::new(),
        findings: Vec::new(),
        changes,
        proof: Proof::default(),
        needs_gap: true,
    };
    let around = scene.inventory.clone();
    let plan = Plan {
        strategy: Strategy::Narrow,
        dummy_rules: Vec::new(),
        controls: Vec::new(),
        around,
        environments: Default::default(),
        groups: vec![plan],
        unfixable: Vec::new(),
    };
    let control = ControlDoc::new(&scene.policies.controls[0], &packs(scene));
    vec![
        scene.text(|report, out| table::render(report, terminal, out)),
        scene.text(|report, out| explain::render_group(report, 0, terminal, out)),
        scene.text(|_, out| explain::render_control(&control, terminal, out)),
        scene.text(|_, out| plan_diff::render(&plan, terminal, out)),
    ]
}

/// Takes our own colours out; any other escape sequence stays.
fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        let (before, from) = rest.split_at(start);
        plain.push_str(before);
        let end = from[2..].find(|c: char| !c.is_ascii_digit() && c != ';').map(|end| end + 2);
        match end {
            Some(end) if from.as_bytes()[end] == b'm' => rest = &from[end + 1..],
            _ => {
                plain.push('\u{1b}');
                rest = &from[1..];
            }
        }
    }
    plain + rest
}

fn hostile_text() -> impl proptest::strategy::Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,60}",
        "[a-z \u{1b}\\[0-9;mJ\u{7}\u{9b}\u{202e}\u{2066}\u{200b}\n\r\t=|`<>@漢字é😀]{0,120}",
        "[a-z]{0,200}",
        "(漢字|👨‍👩‍👧|e\u{301}|🇩🇪|ａ){0,40}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_line_is_wider_than_the_terminal(text in hostile_text(), width in 20usize..220) {
        let scene = written_by_a_stranger(&text);
        for output in on_terminal(&scene, Terminal { width, color: false }) {
            for line in output.lines() {
                prop_assert!(line.width() <= width, "{} > {width}: {line:?}", line.width());
            }
        }
    }

    #[test]
    fn nothing_active_reaches_a_terminal_but_our_own_colours(text in hostile_text(), width in 20usize..220) {
        let scene = written_by_a_stranger(&text);
        for output in on_terminal(&scene, Terminal { width, color: false }) {
            prop_assert!(!output.replace('\n', "").contains(is_active), "{output:?}");
        }
        for output in on_terminal(&scene, Terminal { width, color: true }) {
            prop_assert!(!without_colours(&output).replace('\n', "").contains(is_active), "{output:?}");
        }
    }

    #[test]
    fn nothing_active_reaches_a_page_or_a_cell(text in hostile_text()) {
        let scene = written_by_a_stranger(&text);
        for format in Format::ALL {
            let output = scene.text(|report, out| format.render(report, Terminal::PLAIN, out));
            prop_assert!(!output.replace('\n', "").contains(is_active), "{format}: {output:?}");
        }
    }

    #[test]
    fn every_row_of_a_markdown_table_has_its_cells(text in hostile_text()) {
        let scene = written_by_a_stranger(&text);
        let output = scene.text(|report, out| Format::Markdown.render(report, Terminal::PLAIN, out));
        for line in output.lines().filter(|line| line.starts_with('|')) {
            prop_assert_eq!(line.matches('|').count(), 5, "{}", line);
        }
    }
}
