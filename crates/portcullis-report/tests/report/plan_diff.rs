//! Plans.

use portcullis_core::model::{Direction, GroupKey};
use portcullis_core::net::special;
use portcullis_core::remediation::{Change, Environments, GroupPlan, Plan, PlannedFinding, Proof, Strategy, Unfixable};
use portcullis_report::{Terminal, plan_diff};

use crate::support::{Scene, admitted, rule, scene};

fn plan(scene: &Scene) -> Plan {
    let web = scene.inventory.groups[0].clone();
    let narrowed = portcullis_core::model::Rule {
        description: web.rules[1].description.clone(),
        ..rule("ingress tcp 22 from 10.0.0.0/8")
    };
    let private = special::private().clone().into();
    let closed = admitted("ingress tcp 22 from 0.0.0.0/0")
        .difference(&portcullis_core::net::Traffic::product(&portcullis_core::net::IntervalSet::all(), &private));
    let first = GroupPlan {
        changes: vec![
            Change::Authorize(rule("ingress tcp 22 from 172.16.0.0/12")),
            Change::Modify { before: web.rules[1].clone(), after: narrowed },
            Change::Revoke(web.rules[2].clone()),
        ],
        fingerprint: "f1".to_owned(),
        findings: vec![PlannedFinding { id: "00000000000000b1".into(), control_id: "internet-ssh".into() }],
        proof: Proof {
            findings_gone: Some(true),
            opens: Vec::new(),
            closes: vec![(Direction::Ingress, closed)],
            also_closes: vec![(Direction::Ingress, admitted("ingress 47 all from 0.0.0.0/0"))],
        },
        needs_gap: true,
        group: web,
    };
    let legacy = scene.inventory.groups[1].clone();
    let mut described = legacy.rules[2].clone();
    described.description = "office".into();
    let second = GroupPlan {
        changes: vec![
            Change::Describe { before: legacy.rules[2].clone(), after: described },
            Change::Tag { key: "Compliance".into(), before: None, after: Some("failed".into()) },
            Change::Tag { key: "Owner".into(), before: Some("a".into()), after: Some("b".into()) },
        ],
        fingerprint: "f2".to_owned(),
        findings: vec![PlannedFinding { id: "00000000000000a1".into(), control_id: "internet-all-traffic".into() }],
        proof: Proof::default(),
        needs_gap: false,
        group: legacy,
    };
    let key = GroupKey { account_id: "111122223333".into(), region: "us-east-1".into(), group_id: "sg-0003".into() };
    let unfixable = Unfixable {
        id: "00000000000000e1".into(),
        control_id: "internet-ssh".into(),
        group: key,
        reason: "the entries of prefix list `pl-0abc` are not known: add them to the inventory".to_owned(),
    };
    let around = scene.inventory.clone();
    Plan {
        strategy: Strategy::Narrow,
        dummy_rules: Vec::new(),
        controls: Vec::new(),
        around,
        environments: Environments::default(),
        groups: vec![first, second],
        unfixable: vec![unfixable],
    }
}

fn text(plan: &Plan, terminal: Terminal) -> String {
    scene().text(|_, out| plan_diff::render(plan, terminal, out))
}

#[test]
fn a_plan() {
    insta::assert_snapshot!(text(&plan(&scene()), Terminal::PLAIN));
}

#[test]
fn a_plan_in_colour_on_a_narrow_terminal() {
    insta::assert_snapshot!(text(&plan(&scene()), Terminal { width: 40, color: true }).replace('\u{1b}', "␛"));
}

#[test]
fn nothing_to_change() {
    let plan = Plan { groups: Vec::new(), unfixable: Vec::new(), ..plan(&scene()) };
    assert_eq!(text(&plan, Terminal::PLAIN), "nothing to change\n");
}
