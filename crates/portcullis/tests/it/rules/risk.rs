//! `stage --flows` without AWS: which observed connections each change would cut.

use serde_json::{Value, json};

use super::{inventory, ok, permission, repository, seed_permissions};
use crate::harness::{Place, Run};

/// The file of the seed without its last line, and with another.
const CHANGED: &str = "52.35.22.100/32:80-443^tcp\n52.35.22.101/32:443^udp\n52.33.24.1/32:80^tcp\n";

/// What was committed is what the seed's file says; since then somebody let 9.9.9.9 in.
const STATE: &str = "schema_version = \"1\"\n[stack]\nid = \"arn:aws:cloudformation:us-west-2:111122223333:stack/S/1\"\n\
     group_ids = [\"sg-0a1b2c3d\"]\n[committed]\n\
     rules = [\"52.35.16.0/21:80^tcp\", \"52.35.22.100/32:80-443^tcp\", \"52.35.22.101/32:443^udp\"]\n[committed.files]\n";

fn accepted(interface: &str, from: &str, to: &str, port: u16, start: u64) -> String {
    format!("2 111122223333 {interface} {from} {to} 40000 {port} 6 10 840 {start} {} ACCEPT OK\n", start + 60)
}

/// The repository of the seed with a change and drift; its group is on one interface, none is on another.
fn place() -> Place {
    let place = repository(CHANGED);
    place.write("my-repo/.portcullis.state.toml", STATE);
    let mut live = seed_permissions();
    live.push(permission("tcp", 8443, 8443, &["9.9.9.9/32"]));
    place.write("inventory/groups.json", inventory(&live));
    let interface = |id: &str, address: &str, groups: Value| {
        json!({ "NetworkInterfaceId": id, "VpcId": "vpc-12345678", "OwnerId": "111122223333", "Groups": groups,
            "PrivateIpAddress": address, "PrivateIpAddresses": [{ "PrivateIpAddress": address }] })
    };
    let interfaces = [
        interface("eni-a", "172.31.42.101", json!([{ "GroupId": "sg-0a1b2c3d" }])),
        interface("eni-b", "172.31.42.102", json!([{ "GroupId": "sg-0ffffffff" }])),
    ];
    place.write("inventory/interfaces.json", json!({ "NetworkInterfaces": interfaces }).to_string());
    let lines = [
        accepted("eni-a", "52.35.17.1", "172.31.42.101", 80, 1_772_323_200),
        accepted("eni-a", "52.35.17.1", "172.31.42.101", 80, 1_772_326_800),
        accepted("eni-a", "9.9.9.9", "172.31.42.101", 8443, 1_772_323_200),
        // These stay: another rule lets the one in, and the other is where the group is not.
        accepted("eni-a", "52.35.22.100", "172.31.42.101", 80, 1_772_323_200),
        accepted("eni-b", "52.35.17.1", "172.31.42.102", 80, 1_772_323_200),
    ];
    place.write("flows.log", lines.concat());
    place
}

fn stage(place: &Place, more: &[&str]) -> Run {
    let usual = ["rules", "-C", "my-repo", "stage", "--inventory", "inventory", "--flows", "flows.log"];
    place.run(&[&usual[..], more].concat())
}

fn staged(place: &Place, repository: &str) -> bool {
    let state = place.path().join(repository).join(".portcullis.state.toml");
    std::fs::read_to_string(state).unwrap_or_default().contains("[staged]")
}

#[test]
fn each_change_tells_whom_it_cuts_and_drift_too() {
    let place = place();
    let run = stage(&place, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!(run.stdout);
    assert!(staged(&place, "my-repo"));

    let json: Value = serde_json::from_str(&stage(&place, &["--format", "json"]).stdout).unwrap();
    let repository = &json["repositories"][0];
    let rows = repository["at_risk"].as_array().unwrap();
    assert_eq!(
        rows[0],
        json!({ "srcaddr": "52.35.17.1", "dstaddr": "172.31.42.101", "dstport": 80, "protocol": 6, "flows": 2, "packets": 20,
            "bytes": 1680, "last_seen": "2026-03-01T01:01:00Z", "group_id": "sg-0a1b2c3d",
            "rule_id": "ingress tcp 80 from 52.35.16.0/21", "change": 1, "drift": null })
    );
    assert_eq!((&rows[1]["srcaddr"], &rows[1]["drift"], rows.len()), (&json!("9.9.9.9"), &json!(0), 2));
    assert_eq!(repository["changes"][1]["peer"], "52.35.16.0/21");
    assert_eq!(repository["drift"][0]["peer"], "9.9.9.9/32");
}

#[test]
fn it_stands_in_the_comment_and_beside_the_files() {
    let place = place();
    let run = stage(&place, &["--format", "markdown", "--output", "sarif=rules.sarif"]);
    assert!(
        run.stdout.contains("CHANGE RISK: a commit would cut 2 observed connections (3 records):"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("| 2 | 52.35.17.1 | 172.31.42.101 | 80/tcp |"), "{}", run.stdout);
    let sarif: Value =
        serde_json::from_str(&std::fs::read_to_string(place.path().join("rules.sarif")).unwrap()).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!((&results[0]["ruleId"], &results[0]["level"]), (&json!("change-risk"), &json!("warning")));
    let text = results[0]["message"]["text"].as_str().unwrap();
    assert!(text.contains("52.35.16.0/21") && text.contains("2 records"), "{text}");
    let file = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(file, "my-repo/rules.pysec");
    // Without flow logs nothing is said of them.
    let without = place.run(&["rules", "-C", "my-repo", "stage", "--inventory", "inventory", "--format", "json"]);
    assert!(!without.stdout.contains("at_risk"), "{}", without.stdout);
}

#[test]
fn a_selection_of_records_counts_and_needs_flow_logs() {
    let place = place();
    let run = stage(&place, &["--since", "2026-03-01T00:30:00Z", "--eni", "eni-a"]);
    assert!(run.stdout.contains("1 observed connection (1 record)"), "{}", run.stdout);
    let run = stage(&place, &["--until", "2026-03-01T00:00:01Z", "--eni", "eni-b"]);
    assert!(run.stdout.contains("CHANGE RISK: a commit would cut none of the observed connections."), "{}", run.stdout);
    let run = place.run(&["rules", "-C", "my-repo", "stage", "--inventory", "inventory", "--since", "2d"]);
    assert!(run.code == 2 && run.stderr.contains("--flows"), "{}", run.stderr);
}

#[test]
fn flow_logs_that_are_wrong_in_part_are_exit_3_and_none_at_all_exit_2() {
    let place = place();
    let whole = std::fs::read_to_string(place.path().join("flows.log")).unwrap();
    place.write("flows.log", format!("{whole}nonsense\n"));
    let run = stage(&place, &[]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("line 6") && run.stdout.contains("CHANGE RISK"), "{}{}", run.stderr, run.stdout);
    // It wins over a refusal.
    place.write("my-repo/rules.pysec", format!("{CHANGED}0.0.0.0/0:22\n"));
    let run = stage(&place, &[]);
    assert!(run.code == 3 && run.stderr.contains("--allow-findings"), "{}", run.stderr);
    assert!(!staged(&place, "my-repo"));

    place.write("my-repo/rules.pysec", CHANGED);
    for wrong in ["nowhere.log", "empty.log"] {
        place.write("empty.log", "");
        let args = ["rules", "-C", "my-repo", "stage", "--inventory", "inventory", "--flows", wrong];
        let run = place.run(&args);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{wrong}: {}", run.stderr);
        assert!(!staged(&place, "my-repo"), "{wrong}");
    }
}

#[test]
fn logs_come_from_stdin_too_and_without_interfaces_that_is_said() {
    let place = place();
    let lines = std::fs::read(place.path().join("flows.log")).unwrap();
    let mut command = crate::harness::binary();
    command.current_dir(place.path()).write_stdin(lines);
    let args = ["rules", "-C", "my-repo", "stage", "--inventory", "inventory/groups.json", "--flows", "-"];
    let run: Run = command.args(args).output().unwrap().into();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("`sg-0a1b2c3d` is taken to be on each interface"), "{}", run.stderr);
    // The group is taken to be on the other interface too.
    assert!(run.stdout.contains("172.31.42.102"), "{}", run.stdout);
}

#[test]
fn of_several_repositories_each_has_its_own() {
    let place = place();
    ok(&place, &["rules", "init", "-C", "other"]);
    let own = ["--vpc-id", "vpc-12345678", "--group-name", "Other", "--region", "us-west-2"];
    ok(&place, &[&["rules", "configure", "-C", "other"], own.as_slice()].concat());
    place.write("other/rules.pysec", "10.0.0.0/8:22\n");
    let mut other: Value = serde_json::from_str(&inventory(&[permission("tcp", 80, 80, &["52.35.17.1/32"])])).unwrap();
    let group = &mut other["SecurityGroups"][0];
    group["GroupId"] = "sg-0ffffffff".into();
    group["GroupName"] = "Other".into();
    group["SecurityGroupArn"] = "arn:aws:ec2:us-west-2:111122223333:security-group/sg-0ffffffff".into();
    place.write("inventory/other.json", other.to_string());
    for inventory in [&["inventory"][..], &["inventory/groups.json", "--inventory", "inventory/other.json"]] {
        let args =
            [&["rules", "--recursive", "stage", "--format", "json", "--flows", "flows.log", "--inventory"], inventory];
        let run = place.run(&args.concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let json: Value = serde_json::from_str(&run.stdout).unwrap();
        let of = |place: usize| -> Vec<&str> {
            let rows = json["repositories"][place]["at_risk"].as_array().unwrap();
            rows.iter().map(|row| row["group_id"].as_str().unwrap()).collect()
        };
        assert!(!of(0).is_empty() && of(0).iter().all(|id| *id == "sg-0a1b2c3d"), "{json}");
        assert!(!of(1).is_empty() && of(1).iter().all(|id| *id == "sg-0ffffffff"), "{json}");
    }
}
