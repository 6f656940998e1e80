//! What other tools get wrong, each as an inventory with the verdict that is true: `examples/facts`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Run, binary, root};

/// The controls that are about traffic.
fn is_traffic(control: &str) -> bool {
    control.starts_with("internet-") || control == "wide-public-source"
}

fn check(name: &str, case: &Value) -> Vec<String> {
    let texts =
        |key: &str| -> Vec<&str> { case[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect() };
    let mut args = vec!["scan", name, "--format", "json"];
    args.extend(texts("args"));
    let run: Run = binary().current_dir(root().join("examples/facts")).args(&args).output().unwrap().into();
    let mut wrong = Vec::new();
    if Some(i64::from(run.code)) != case["exit"].as_i64() {
        wrong.push(format!("exit {}, expected {}: {}", run.code, case["exit"], run.stderr));
    }
    for text in texts("stderr_contains") {
        if !run.stderr.contains(text) {
            wrong.push(format!("stderr does not say `{text}`: {}", run.stderr));
        }
    }
    let Ok(result) = serde_json::from_str::<Value>(&run.stdout) else { return wrong };
    let status = |wanted: &'static str| {
        let findings = result["findings"].as_array().unwrap().iter();
        let of = findings.filter(move |f| f["status"] == wanted && is_traffic(f["control_id"].as_str().unwrap()));
        of.map(|f| (f["control_id"].as_str().unwrap(), f["families"].clone()))
    };
    let failed: BTreeSet<&str> = status("fail").map(|(id, _)| id).collect();
    if let Some(expected) = case["fail"].as_object() {
        let wanted: BTreeSet<&str> = expected.keys().map(String::as_str).collect();
        if failed != wanted {
            wrong.push(format!("fails {failed:?}, expected {wanted:?}"));
        }
        for (id, families) in status("fail") {
            if expected.get(id).is_some_and(|wanted| *wanted != families) {
                wrong.push(format!("{id} fails for {families}, expected {}", expected[id]));
            }
        }
    }
    for id in texts("not") {
        if failed.contains(id) || status("unknown").any(|(unknown, _)| unknown == id) {
            wrong.push(format!("{id} should hold"));
        }
    }
    if let Some(expected) = case["unknown"].as_object() {
        let unknown: BTreeSet<&str> = status("unknown").map(|(id, _)| id).collect();
        wrong.extend(
            expected.keys().filter(|id| !unknown.contains(id.as_str())).map(|id| format!("{id} should be unknown")),
        );
    }
    wrong
}

#[test]
fn every_fact_gets_its_true_verdict() {
    let text = std::fs::read_to_string(root().join("examples/facts/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let cases = expected.as_object().unwrap();
    assert!(cases.len() >= 30, "only {} facts", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|(name, case)| check(name, case).into_iter().map(move |line| format!("{name}: {line}")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
