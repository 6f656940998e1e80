//! Plans over random worlds come back as they were, and a plan that was changed anywhere is refused.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod tampering;
mod world;

use portcullis_core::model::Inventory;
use portcullis_core::remediation::{Change, GroupPlan, Plan, Strategy};
use proptest::prelude::*;

use super::*;
use world::{any_world, plan_of, policies, strategies};

fn bytes(plan: &Plan) -> Vec<u8> {
    let about = About { created_at: world::now(), tool_version: "0.1.0" };
    let mut out = Vec::new();
    write(plan, &about, &mut out).unwrap();
    out
}

/// A plan without what a file does not hold: lines of inputs, and words about controls.
fn essence(plan: &Plan) -> (Strategy, Inventory, Vec<GroupPlan>, String) {
    let mut groups = plan.groups.clone();
    for planned in &mut groups {
        planned.group.source = 0;
        planned.group.line = 0;
        planned.group.rules.iter_mut().for_each(|rule| rule.line = 0);
        for change in &mut planned.changes {
            let rules = match change {
                Change::Authorize(rule) | Change::Revoke(rule) => vec![rule],
                Change::Modify { before, after } | Change::Describe { before, after } => vec![before, after],
                Change::Tag { .. } => Vec::new(),
            };
            rules.into_iter().for_each(|rule| rule.line = 0);
        }
    }
    let mut around = plan.around.clone();
    around.groups.sort_by(|a, b| a.key.cmp(&b.key));
    (
        plan.strategy.clone(),
        around,
        groups,
        format!("{:?} {:?} {:?}", plan.dummy_rules, plan.environments, plan.unfixable),
    )
}

proptest! {
    // Each case is five plans by all controls.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn plans_come_back_and_hold(inventory in any_world()) {
        for strategy in strategies() {
            let plan = plan_of(&inventory, policies(), &strategy);
            let text = bytes(&plan);
            let read = match read(&text) {
                Ok(read) => read,
                Err(error) => {
                    return Err(TestCaseError::fail(format!("{}: {error}\n{}", strategy.as_str(), String::from_utf8_lossy(&text))));
                }
            };
            prop_assert_eq!(essence(&read.plan), essence(&plan));
            prop_assert_eq!(identity(&read.plan), identity(&plan));
            prop_assert_eq!(bytes(&read.plan), text);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(junk in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&junk);
    }
}

#[test]
fn worlds_have_something_to_plan() {
    // A property over plans shows nothing where there are none.
    for strategy in strategies() {
        let plan = plan_of(&world::example(), policies(), &strategy);
        assert!(plan.groups.len() >= 3, "{}", strategy.as_str());
        assert!(plan.controls.len() >= 5, "{}", strategy.as_str());
    }
}

fn refused(bytes: &[u8]) -> String {
    match read(bytes) {
        Ok(_) => panic!("it was read: {}", String::from_utf8_lossy(bytes)),
        Err(error) => error.to_string(),
    }
}

#[test]
fn other_files_are_no_plans() {
    let check = |text: &str, expected: &str| assert_eq!(refused(text.as_bytes()), expected);
    check("", "it is no plan file: EOF while parsing a value at line 1 column 0");
    check("{}", "it is no plan file: `schema_version` is missing");
    check(
        r#"{"schema_version": "2", "wings": []}"#,
        "it has schema version `2`, and this portcullis reads version `1`: use the portcullis that made it, or make the \
         plan anew",
    );
    check(
        r#"{"schema_version": "1", "wings": []}"#,
        "it is no plan file: unknown field `wings`, expected one of `schema_version`, `tool`, `created_at`, `strategy`, \
         `replace_with`, `dummy_rules`, `groups`, `unfixable`, `controls`, `environments`, `around`, `digest` at line 1 column 31",
    );
    check(r#"{"SecurityGroups": []}"#, "it is no plan file: `schema_version` is missing");
    check("[1]", "it is no plan file: invalid type: integer `1`, expected a string at line 1 column 2");
    check("\u{1b}[31m", "it is no plan file: expected value at line 1 column 1");
}

#[test]
fn a_truncated_plan_is_refused_wherever_it_ends() {
    let whole = bytes(&plan_of(&world::example(), policies(), &Strategy::Narrow));
    assert!(read(&whole).is_ok());
    let step = (whole.len() / 300).max(1);
    for end in (0..whole.len() - 2).step_by(step) {
        assert!(refused(&whole[..end]).starts_with("it is no plan file: "), "{end}");
    }
}

#[test]
fn layout_and_a_byte_order_mark_do_not_matter() {
    let plan = plan_of(&world::example(), policies(), &Strategy::Narrow);
    let value: Value = serde_json::from_slice(&bytes(&plan)).unwrap();
    let compact = serde_json::to_string(&value).unwrap();
    assert!(read(compact.as_bytes()).is_ok());
    assert!(read(format!("\u{feff}{compact}").as_bytes()).is_ok());
}

#[test]
fn a_plan_of_nothing_is_a_plan() {
    let plan = plan_of(&Inventory::default(), policies(), &Strategy::Narrow);
    assert!(read(&bytes(&plan)).unwrap().groups.is_empty());
}

#[test]
fn the_schema_speaks_of_every_key() {
    let schema = schema().to_string();
    for key in ["schema_version", "fingerprint", "also_closes", "needs_gap", "finding_controls", "\"authorize\""] {
        assert!(schema.contains(key), "{key}");
    }
}

#[test]
fn a_lockdown_may_open_what_the_policy_says_and_no_more() {
    let mut policies = policies().clone();
    policies.dummy_rule.cidrs = ["10.9.0.1/32", "fc00::1/128"].iter().map(|text| text.parse().unwrap()).collect();
    let rule = portcullis_core::model::Rule::new(
        portcullis_core::model::Direction::Ingress,
        portcullis_core::net::RuleServices::Ports(portcullis_core::net::Protocol::TCP, 22, 22),
        "0.0.0.0/0".parse().unwrap(),
    );
    let group = portcullis_core::model::SecurityGroup {
        key: portcullis_core::model::GroupKey { group_id: "sg-1".into(), ..Default::default() },
        rules: vec![rule],
        ..Default::default()
    };
    let inventory = Inventory { groups: vec![group], ..Inventory::default() };
    let mut plan = plan_of(&inventory, &policies, &Strategy::Lockdown);
    assert_eq!(plan.groups[0].proof.opens.len(), 1);
    assert_eq!(essence(&read(&bytes(&plan)).unwrap().plan), essence(&plan));
    plan.dummy_rules.pop();
    let error = read(&bytes(&plan)).unwrap_err().to_string();
    assert!(error.contains("admit ingress traffic that was not admitted before"), "{error}");
    plan.strategy = Strategy::Revoke;
    assert!(read(&bytes(&plan)).unwrap_err().to_string().contains("has no `dummy_rules`"));
}
