//! Every leaf of a plan changed, one at a time: with the digest as it was, and with a digest that fits the change.

use serde_json::{Value, json};

use super::super::proof::ProofRecord;
use super::*;
use crate::record::testing::leaves;

/// Other values that a leaf could have, near enough to be plausible.
fn others(path: &str, value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(yes) => vec![json!(!yes), Value::Null],
        Value::Null => vec![json!("x"), json!(true)],
        Value::Number(number) => vec![json!(number.as_u64().unwrap_or_default() + 1)],
        Value::String(text) if path.contains("cidr") || text.contains("/0") || text.contains("/8") => {
            vec![json!("0.0.0.0/0"), json!("10.0.0.0/9")].into_iter().filter(|other| other != value).collect()
        }
        Value::String(text) => vec![json!(format!("{text}x")), json!(text.replace('2', "3"))]
            .into_iter()
            .filter(|other| other != value)
            .collect(),
        Value::Array(_) | Value::Object(_) => Vec::new(),
    }
}

fn with(whole: &Value, path: &str, leaf: Value) -> Value {
    let mut changed = whole.clone();
    *changed.pointer_mut(path).unwrap() = leaf;
    changed
}

/// The document with a digest that fits; `None` where it is no plan at all.
fn redigested(value: &Value) -> Option<Vec<u8>> {
    let mut document: Document = serde_json::from_value(value.clone()).ok()?;
    document.digest = document.own_digest();
    serde_json::to_vec(&document).ok()
}

fn whole(strategy: &Strategy) -> Value {
    serde_json::from_slice(&bytes(&plan_of(&world::example(), world::few_policies(), strategy))).unwrap()
}

#[test]
fn a_plan_that_was_changed_in_any_leaf_is_refused() {
    for strategy in [Strategy::Narrow, Strategy::Tag] {
        let whole = whole(&strategy);
        let mut paths = Vec::new();
        leaves(&whole, "", &mut paths);
        // Each is read whole: every seventh, which over the plan's groups comes to every key.
        for path in paths.iter().step_by(7) {
            for other in others(path, whole.pointer(path).unwrap()) {
                let changed = serde_json::to_vec(&with(&whole, path, other.clone())).unwrap();
                assert!(read(&changed).is_err(), "{}: {path} = {other}", strategy.as_str());
            }
        }
    }
}

#[test]
fn a_plan_without_one_of_its_parts_is_refused() {
    let whole = whole(&Strategy::Narrow);
    let mut paths = Vec::new();
    leaves(&whole, "", &mut paths);
    for path in paths.iter().step_by(7) {
        let (parent, key) = path.rsplit_once('/').unwrap();
        let mut changed = whole.clone();
        match changed.pointer_mut(parent).unwrap() {
            Value::Object(map) => _ = map.remove(key),
            Value::Array(list) => _ = list.remove(key.parse().unwrap()),
            _ => panic!("{path}"),
        }
        if changed.pointer(parent) == whole.pointer(parent)
            || key == "rule_id"
            || parent.ends_with("rule_ids")
            || whole.pointer(path) == Some(&Value::Null)
        {
            // Nothing and null are the same.
            continue;
        }
        assert!(read(&serde_json::to_vec(&changed).unwrap()).is_err(), "{path}");
    }
}

/// What decides what happens to a group and what is said of it. The rest of a plan says what its proof means (controls,
/// lists) or is words; whoever changes that and the digest has made a plan of his own, which still opens nothing.
fn is_weighty(path: &str) -> bool {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["strategy"] => true,
        // A new rule's own words.
        ["groups", _, "changes", _, "after", "description" | "rule_ids" | "tags" | "referenced_group", ..] => false,
        // What the fingerprint leaves out, since not every source tells it.
        ["groups", _, "before", "rules", _, "rule_ids" | "tags" | "referenced_group", ..] => false,
        ["groups", _, "changes" | "proof" | "fingerprint" | "findings" | "finding_controls", ..] => true,
        ["groups", _, "before", "rules", ..] | ["groups", _, "group_id" | "account_id"] => true,
        _ => false,
    }
}

#[test]
fn a_change_with_a_digest_that_fits_cannot_hide_what_it_does() {
    // One that cuts, and the one that may open something.
    for strategy in [Strategy::Narrow, strategies()[2].clone()] {
        let whole = whole(&strategy);
        let mut paths = Vec::new();
        leaves(&whole, "", &mut paths);
        // Proving a plan again takes its time: every seventh, which over the plan's groups comes to every key.
        for path in paths.iter().filter(|path| is_weighty(path)).step_by(7) {
            for other in others(path, whole.pointer(path).unwrap()) {
                let Some(changed) = redigested(&with(&whole, path, other.clone())) else { continue };
                // A new rule may be written otherwise where another one admits the difference: the proof is the same.
                let covered =
                    path.contains("/after/") && read(&changed).is_ok_and(|read| proofs(&read) == proofs_of(&whole));
                assert!(covered || read(&changed).is_err(), "{}: {path} = {other}", strategy.as_str());
            }
        }
    }
}

fn proofs(plan: &Plan) -> Vec<Value> {
    plan.groups.iter().map(|planned| serde_json::to_value(ProofRecord::of(&planned.proof)).unwrap()).collect()
}

fn proofs_of(whole: &Value) -> Vec<Value> {
    whole["groups"].as_array().unwrap().iter().map(|group| group["proof"].clone()).collect()
}

fn tampered(strategy: &Strategy, change: impl FnOnce(&mut Value)) -> String {
    let mut value = whole(strategy);
    change(&mut value);
    refused(&redigested(&value).unwrap())
}

#[test]
fn refusals_say_what_does_not_hold() {
    let check = |error: String, expected: &str| {
        assert_eq!(
            error,
            format!(
                "it does not hold, somebody or something changed it: {expected}; make the plan anew with `portcullis plan`"
            )
        );
    };
    let mut value = whole(&Strategy::Narrow);
    value["groups"][0]["fingerprint"] = json!("0");
    check(refused(value.to_string().as_bytes()), "its content is not what its digest says");

    let narrow = Strategy::Narrow;
    check(
        tampered(&narrow, |plan| plan["groups"][0]["fingerprint"] = json!("0")),
        "group `sg-0`: the fingerprint is not that of the rules that were planned on",
    );
    check(
        tampered(&narrow, |plan| {
            plan["groups"][1]["proof"]["also_closes"] =
                json!([{"direction": "ingress", "protocol": "tcp", "ports": "22", "peers": ["10.0.0.0/8"]}])
        }),
        "group `sg-1`: what the changes close beside the findings is not what the proof says",
    );
    check(
        tampered(&narrow, |plan| plan["groups"][0]["proof"]["closes"] = json!([])),
        "group `sg-0`: what the changes close is not what the proof says",
    );
    check(
        tampered(&narrow, |plan| {
            let open = json!({"action": "authorize", "before": null, "after": {
                "direction": "ingress", "protocol": "tcp", "ports": "8443", "peers": ["52.1.2.3/32"], "rule_ids": [], "description": ""
            }});
            plan["groups"][0]["changes"].as_array_mut().unwrap().push(open);
        }),
        "group `sg-0`: the changes admit ingress traffic that was not admitted before",
    );
    check(
        tampered(&narrow, |plan| plan["groups"][0]["changes"] = json!([])),
        "group `sg-0`: there is nothing to change, or no finding to change it for",
    );
    check(
        tampered(&narrow, |plan| {
            let first = plan["groups"][0].clone();
            plan["groups"].as_array_mut().unwrap().push(first);
        }),
        "group `sg-0`: it is planned twice",
    );
    check(
        tampered(&narrow, |plan| plan["controls"] = json!([])),
        &format!(
            "group `sg-0`: control `{}` of its finding is not in the plan",
            whole(&narrow)["groups"][0]["finding_controls"][0].as_str().unwrap()
        ),
    );
    check(tampered(&narrow, |plan| plan["strategy"] = json!("burn")), "`burn` is no strategy");
    check(
        tampered(&narrow, |plan| plan["replace_with"] = json!(["0.0.0.0/0"])),
        "strategy `narrow` has no `replace_with`",
    );
    check(
        tampered(&strategies()[2], |plan| plan["replace_with"] = json!(["10.0.0.0/8"])),
        "group `sg-0`: the changes admit ingress traffic that was not admitted before",
    );
}
