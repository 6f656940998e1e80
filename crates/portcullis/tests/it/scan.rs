//! `scan`: verdicts, formats, selection, exit codes.

use serde_json::Value;

use crate::harness::{Place, findings, group, inventory, root};

const SSH_WORLD: (&str, i64, i64, &str) = ("tcp", 22, 22, "0.0.0.0/0");

fn place(groups: &[Value]) -> Place {
    let place = Place::new();
    place.write("inventory.json", inventory(groups));
    place
}

#[test]
fn the_json_has_the_shape_that_it_promises() {
    let place = place(&[group("sg-0a", &[SSH_WORLD])]);
    let result = place.scan(&["inventory.json"], &[1]);
    assert_eq!(result["schema_version"], "1");
    assert_eq!(result["summary"]["groups"], 1);
    assert_eq!(result["summary"]["findings"]["high"], 1);
    assert_eq!(result["summary"]["score"], 90);
    let ssh = findings(&result, "internet-ssh")[0];
    for (key, expected) in [
        ("severity", "high"),
        ("status", "fail"),
        ("account_id", "111122223333"),
        ("region", "us-east-1"),
        ("group_id", "sg-0a"),
        ("direction", "ingress"),
        ("vpc_id", "vpc-0a1b2c3d4e5f60718"),
        ("group_name", "0a"),
    ] {
        assert_eq!(ssh[key], expected, "{key}");
    }
    assert_eq!(ssh["families"], serde_json::json!(["ipv4"]));
    assert_eq!(ssh["rule_id"], Value::Null);
    let evidence = &ssh["evidence"][0];
    assert_eq!((&evidence["protocol"], &evidence["ports"]), (&"tcp".into(), &"22".into()));
    assert_eq!(evidence["peers"], serde_json::json!(["0.0.0.0/0"]));
    assert_eq!(evidence["internet_share"], 1.0);
    assert_eq!(result["coverage"][0]["status"], "complete");
}

#[test]
fn ids_do_not_depend_on_order_or_on_other_controls() {
    let (a, b) = (group("sg-0a", &[SSH_WORLD, ("tcp", 3389, 3389, "::/0")]), group("sg-0b", &[SSH_WORLD]));
    let one = place(&[a.clone(), b.clone()]).scan(&["inventory.json", "--pack", "all"], &[1]);
    let other = place(&[b, a]).scan(&["inventory.json"], &[1]);
    let ids = |result: &Value, control: &str| -> Vec<String> {
        findings(result, control).iter().map(|finding| finding["id"].to_string()).collect()
    };
    for control in ["internet-ssh", "internet-rdp"] {
        assert_eq!(ids(&one, control), ids(&other, control));
    }
}

#[test]
fn a_broader_finding_implies_the_narrower_ones() {
    let result = place(&[group("sg-0a", &[("-1", -1, -1, "0.0.0.0/0")])]).scan(&["inventory.json"], &[1]);
    let all = &findings(&result, "internet-all-traffic")[0]["id"];
    assert_eq!(&findings(&result, "internet-ssh")[0]["implied_by"], all);
    assert_eq!(findings(&result, "internet-all-traffic")[0]["implied_by"], Value::Null);
    // Everything else lies within the one critical finding.
    assert_eq!(result["summary"]["score"], 75);
}

#[test]
fn every_format_goes_to_its_own_file_at_once() {
    let place = place(&[group("sg-0a", &[SSH_WORLD])]);
    let outputs = ["json", "ndjson", "csv", "sarif", "markdown", "table"];
    let mut args = vec!["scan".to_owned(), "inventory.json".to_owned()];
    for format in outputs {
        args.extend(["--output".to_owned(), format!("{format}=out.{format}")]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    assert_eq!(place.run(&args).code, 1);
    for format in outputs {
        let text = std::fs::read_to_string(place.path().join(format!("out.{format}"))).unwrap();
        assert!(text.contains("sg-0a") && text.contains("internet-ssh"), "{format}: {text}");
        assert!(!text.contains('\u{1b}'), "{format} has escape sequences");
    }
    let sarif: Value = serde_json::from_str(&std::fs::read_to_string(place.path().join("out.sarif")).unwrap()).unwrap();
    let location = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "inventory.json");
}

#[test]
fn sarif_points_at_the_line_of_the_rule() {
    let place = Place::new();
    let pretty =
        serde_json::to_string_pretty(&serde_json::json!({ "SecurityGroups": [group("sg-0a", &[SSH_WORLD])] })).unwrap();
    let line = 1 + pretty.lines().position(|line| line.contains("0.0.0.0/0")).unwrap();
    place.write("inventory.json", &pretty);
    let run = place.run(&["scan", "inventory.json", "--format", "sarif"]);
    let sarif: Value = serde_json::from_str(&run.stdout).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let ssh = results.iter().find(|result| result["ruleId"] == "internet-ssh").unwrap();
    let start = ssh["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap();
    let near = start.abs_diff(line as u64);
    assert!(near <= 2, "line {start}, the rule stands on {line}:\n{pretty}");
}

#[test]
fn a_baseline_leaves_only_what_is_new() {
    let place = place(&[group("sg-0a", &[SSH_WORLD])]);
    let before = place.run(&["scan", "inventory.json", "--format", "json"]);
    place.write("before.json", &before.stdout);
    assert_eq!(place.run(&["scan", "inventory.json", "--baseline", "before.json"]).code, 0);
    place.write("inventory.json", inventory(&[group("sg-0a", &[SSH_WORLD]), group("sg-0b", &[SSH_WORLD])]));
    let result = place.scan(&["inventory.json", "--baseline", "before.json"], &[1]);
    let groups: Vec<&Value> = result["findings"].as_array().unwrap().iter().map(|f| &f["group_id"]).collect();
    assert_eq!(groups, ["sg-0b"]);
}

#[test]
fn selection_narrows_and_a_selection_of_nothing_is_an_error() {
    let place = place(&[group("sg-0a", &[SSH_WORLD]), group("sg-0b", &[SSH_WORLD])]);
    assert_eq!(place.scan(&["inventory.json", "--group", "sg-0b"], &[1])["summary"]["groups"], 1);
    assert_eq!(place.scan(&["inventory.json", "--control", "internet-rdp"], &[0])["findings"], serde_json::json!([]));
    assert_eq!(place.scan(&["inventory.json", "--severity", "critical"], &[0])["findings"], serde_json::json!([]));
    let run = place.run(&["scan", "inventory.json", "--group", "sg-0c"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("no group"), "{}", run.stderr);
}

#[test]
fn exit_codes_say_how_it_ended() {
    let open = place(&[group("sg-0a", &[SSH_WORLD])]);
    assert_eq!(open.run(&["scan", "inventory.json"]).code, 1);
    assert_eq!(open.run(&["scan", "inventory.json", "--fail-on", "critical"]).code, 0);
    let calm = place(&[group("sg-0a", &[("tcp", 443, 443, "0.0.0.0/0")])]);
    assert_eq!(calm.run(&["scan", "inventory.json"]).code, 0);
}

#[test]
fn an_unknown_verdict_is_code_three_only_when_strict() {
    let mut listed = group("sg-0a", &[]);
    listed["IpPermissions"] = serde_json::json!([{
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [], "Ipv6Ranges": [], "UserIdGroupPairs": [],
        "PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0", "Description": "agreed with partners"}]
    }]);
    let place = place(&[listed]);
    let result = place.scan(&["inventory.json"], &[0]);
    assert_eq!(findings(&result, "internet-ssh")[0]["status"], "unknown");
    assert_eq!(place.run(&["scan", "inventory.json", "--strict"]).code, 3);
}

#[test]
fn two_files_that_contradict_each_other_make_the_group_unknown_and_name_both() {
    let place = Place::new();
    place.write("a.json", inventory(&[group("sg-0a", &[SSH_WORLD]), group("sg-0b", &[SSH_WORLD])]));
    place.write("b.json", inventory(&[group("sg-0a", &[])]));
    let run = place.run(&["scan", "a.json", "b.json", "--format", "json"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("a.json") && run.stderr.contains("b.json"), "{}", run.stderr);
    let result: Value = serde_json::from_str(&run.stdout).unwrap();
    let status: Vec<(&Value, &Value)> =
        findings(&result, "internet-ssh").iter().map(|finding| (&finding["group_id"], &finding["status"])).collect();
    assert!(status.contains(&(&"sg-0a".into(), &"unknown".into())), "{status:?}");
    assert!(status.contains(&(&"sg-0b".into(), &"fail".into())), "{status:?}");
}

#[test]
fn recordings_of_the_aws_cli_are_read_each_and_as_a_folder() {
    let folder = root().join("examples/aws-cli");
    let place = Place::new();
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            place.scan(&[path.to_str().unwrap()], &[0, 1]);
            files += 1;
        }
    }
    assert!(files > 40, "{files} recordings");
    // Two of the recorded groups stand there in two states, so that the folder as a whole is not all known.
    let result = place.scan(&[folder.to_str().unwrap()], &[3]);
    assert!(result["summary"]["groups"].as_u64().unwrap() > 40);
}

#[test]
fn the_example_company_is_judged_with_every_trap_found() {
    let place = Place::new();
    let acme = root().join("examples/acme");
    let result = place.scan(&[acme.to_str().unwrap()], &[1]);
    let fails = |control: &str| findings(&result, control).iter().filter(|f| f["status"] == "fail").count();
    for control in [
        "internet-ssh",
        "internet-rdp",
        "internet-memcached",
        "internet-all-traffic",
        "internet-other-protocol",
        "wide-public-source",
        "redundant-rule",
        "launch-wizard-group",
        "default-group-not-closed",
        "unused-group",
        "stale-reference",
    ] {
        assert!(fails(control) > 0, "{control} finds nothing");
    }
    assert!(findings(&result, "internet-ssh").iter().any(|f| f["status"] == "unknown"), "the list without entries");
}
