//! JSON and NDJSON.

use portcullis_core::finding::Status;
use portcullis_report::{Report, json, ndjson};
use serde_json::{Value, json};

use crate::support::{clean, scene};

fn document() -> Value {
    serde_json::from_str(&scene().text(json::render)).unwrap()
}

#[test]
fn the_document() {
    insta::assert_snapshot!(scene().text(json::render));
}

#[test]
fn the_summary_counts_every_listed_failure() {
    let document = document();
    let summary = &document["summary"];
    assert_eq!(summary["findings"], json!({"critical": 1, "high": 3, "medium": 1, "low": 1, "info": 0}));
    assert_eq!((&summary["groups"], &summary["unknown"], &summary["exempt"]), (&json!(4), &json!(1), &json!(1)));
    // 100 - 25 - 10 - 5 - 1: what lies within the critical finding costs nothing more.
    assert_eq!(summary["score"], 59);
    let failing = document["findings"].as_array().unwrap().iter().filter(|finding| finding["status"] == "fail").count();
    assert_eq!(failing, 6);
}

#[test]
fn every_field_of_the_contract_is_there() {
    let document = document();
    for key in ["schema_version", "tool", "scanned_at", "summary", "findings", "coverage", "frameworks", "exemptions"] {
        assert!(document.get(key).is_some(), "{key}");
    }
    assert_eq!(document["schema_version"], "1");
    assert_eq!(document["scanned_at"], "2026-01-02T03:04:05Z");
    let fields = [
        "id",
        "control_id",
        "rule_id",
        "title",
        "severity",
        "status",
        "account_id",
        "region",
        "vpc_id",
        "group_id",
        "group_name",
        "direction",
        "families",
        "evidence",
        "reason",
        "implied_by",
        "frameworks",
        "exemption",
        "remediation",
    ];
    for finding in document["findings"].as_array().unwrap() {
        for field in fields {
            assert!(finding.get(field).is_some(), "{field} in {finding}");
        }
        for evidence in finding["evidence"].as_array().unwrap() {
            for field in ["protocol", "ports", "peers", "rule_ids", "internet_share"] {
                assert!(evidence.get(field).is_some(), "{field} in {evidence}");
            }
        }
    }
    for entry in document["coverage"].as_array().unwrap() {
        for field in ["account_id", "region", "status", "groups", "error", "not_judged"] {
            assert!(entry.get(field).is_some(), "{field} in {entry}");
        }
    }
}

#[test]
fn unknown_rule_ids_are_an_empty_list() {
    let document = document();
    let find = |id: &str| document["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id).unwrap();
    assert_eq!(find("00000000000000b1")["evidence"][0]["rule_ids"], json!(["sgr-0a1b2c3d4e5f60001"]));
    assert_eq!(find("00000000000000a1")["evidence"][0]["rule_ids"], json!([]));
    assert_eq!(find("00000000000000a2")["implied_by"], "00000000000000a1");
    // The families of items are judged apart.
    assert_eq!(find("00000000000000b1")["frameworks"], json!(["CIS 5.0 5.3"]));
}

#[test]
fn an_empty_report_has_the_same_form() {
    let document: Value = serde_json::from_str(&clean().text(json::render)).unwrap();
    assert_eq!(document["findings"], json!([]));
    assert_eq!(document["frameworks"], json!([]));
    assert_eq!(document["summary"]["score"], 100);
}

#[test]
fn ndjson_is_the_same_findings_one_a_line() {
    let lines = scene().text(ndjson::render);
    let findings: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::Array(findings), document()["findings"]);
    assert!(lines.ends_with('\n'));
}

#[test]
fn statuses_choose_what_is_listed() {
    let scene = scene();
    let report = Report { statuses: &[Status::Pass, Status::Unknown], ..scene.report() };
    let mut out = Vec::new();
    json::render(&report, &mut out).unwrap();
    let document: Value = serde_json::from_slice(&out).unwrap();
    let statuses: Vec<&Value> =
        document["findings"].as_array().unwrap().iter().map(|finding| &finding["status"]).collect();
    assert_eq!(statuses, ["unknown", "pass"]);
}
