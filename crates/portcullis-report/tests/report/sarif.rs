//! SARIF: what the standard requires, and what code scanning reads.

use portcullis_report::sarif;
use serde_json::{Value, json};

use crate::support::{Scene, clean, scene};

fn log(scene: &Scene) -> Value {
    serde_json::from_str(&scene.text(sarif::render)).unwrap()
}

fn result<'a>(log: &'a Value, id: &str) -> &'a Value {
    let results = log["runs"][0]["results"].as_array().unwrap();
    results.iter().find(|result| result["partialFingerprints"]["portcullisFinding/v1"] == id).unwrap()
}

#[test]
fn the_log() {
    insta::assert_snapshot!(scene().text(sarif::render));
}

#[test]
fn what_the_standard_requires_is_there() {
    let log = log(&scene());
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().starts_with("https://"));
    let run = &log["runs"][0];
    assert!(run["tool"]["driver"]["name"].is_string());
    assert!(run["invocations"][0]["executionSuccessful"].is_boolean());
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        assert!(!rule["id"].as_str().unwrap().is_empty());
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(!rule[text]["text"].as_str().unwrap().is_empty(), "{text} of {rule}");
        }
        assert!(
            ["error", "warning", "note", "none"].contains(&rule["defaultConfiguration"]["level"].as_str().unwrap())
        );
        let number: f64 = rule["properties"]["security-severity"].as_str().unwrap().parse().unwrap();
        assert!(number > 0.0 && number <= 10.0);
    }
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        assert!(["fail", "open", "pass"].contains(&result["kind"].as_str().unwrap()));
        // Only a failure has a level, and suppressions are there for all results or for none.
        assert_eq!(result["kind"] == "fail", result["level"] != "none", "{result}");
        assert!(result["suppressions"].is_array());
        for location in result["locations"].as_array().unwrap() {
            let uri = location["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
            assert_eq!(uri, "examples/scene/groups.json");
            assert!(location["physicalLocation"]["region"]["startLine"].as_u64().unwrap() > 0);
        }
    }
}

#[test]
fn results_point_at_the_lines_of_the_rules() {
    let log = log(&scene());
    let lines = |id: &str| -> Vec<u64> {
        let locations = result(&log, id)["locations"].as_array().unwrap();
        locations.iter().map(|l| l["physicalLocation"]["region"]["startLine"].as_u64().unwrap()).collect()
    };
    assert_eq!(lines("00000000000000b1"), [11, 12]);
    assert_eq!(lines("00000000000000a1"), [10, 11]);
}

#[test]
fn a_finding_about_the_group_points_at_the_group() {
    let mut scene = scene();
    scene.evaluation.findings[1].evidence.clear();
    let log = log(&scene);
    assert_eq!(result(&log, "00000000000000b1")["locations"][0]["physicalLocation"]["region"]["startLine"], 7);
}

#[test]
fn what_was_not_read_from_a_file_has_a_name_but_no_line() {
    let mut scene = scene();
    scene.inventory.sources.clear();
    let log = log(&scene);
    let location = &result(&log, "00000000000000b1")["locations"][0];
    assert!(location.get("physicalLocation").is_none());
    assert_eq!(location["logicalLocations"][0]["fullyQualifiedName"], "111122223333/us-east-1/sg-0001");
}

#[test]
fn implied_findings_are_named_in_the_message_only() {
    let log = log(&scene());
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 6);
    let message = result(&log, "00000000000000a1")["message"]["text"].as_str().unwrap();
    assert!(message.ends_with("Also: internet-ssh, internet-rdp."), "{message}");
}

#[test]
fn exempt_is_suppressed_and_unknown_is_open() {
    let log = log(&scene());
    let exempt = result(&log, "00000000000000f1");
    assert_eq!(exempt["suppressions"][0]["justification"], "migration until the new VPN is up");
    assert_eq!(result(&log, "00000000000000e1")["kind"], "open");
}

#[test]
fn what_was_not_read_is_told() {
    let log = log(&scene());
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["toolExecutionNotifications"].as_array().unwrap().len(), 2);
    let clean = self::log(&clean());
    assert_eq!(clean["runs"][0]["invocations"][0]["executionSuccessful"], true);
    assert_eq!(clean["runs"][0]["results"], json!([]));
}

#[test]
fn rules_stand_once_even_when_two_files_name_them_alike() {
    let mut scene = scene();
    let twin = scene.policies.controls[5].clone();
    scene.policies.controls.push(twin);
    let log = log(&scene);
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 6);
}
