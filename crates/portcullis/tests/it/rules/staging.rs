//! What a commit would change, judged.

use serde_json::{Value, json};

use super::{SEED, inventory, permission, repository, seed_permissions};
use crate::harness::{Place, Run};

fn stage(place: &Place, more: &[&str]) -> Run {
    place.run(
        &[&["rules", "--use-profile", "-C", "my-repo", "stage", "--inventory", "inventory.json"][..], more].concat(),
    )
}

fn staged(place: &Place) -> bool {
    let state = std::fs::read_to_string(place.path().join("my-repo/.portcullis.state.toml")).unwrap_or_default();
    state.contains("[staged]")
}

#[test]
fn the_table_is_the_seeds() {
    let place = repository(&format!("{SEED}52.33.24.1/32:80^tcp\n"));
    let mut live = seed_permissions();
    live.push(permission("tcp", 80, 80, &["9.35.23.0/32"]));
    place.write("inventory.json", inventory(&live));
    let run = stage(&place, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!(run.stdout, @r"
    #  Suggested Change                                      Security Group   Action
    -  ----------------------------------------------------  ---------------  --------------
    1  CIDR-IP: 52.33.24.1/32 FROM: 80 TO: 80 PROTOCOL: tcp  MySecurityGroup  ++ addition ++
    2  CIDR-IP: 9.35.23.0/32 FROM: 80 TO: 80 PROTOCOL: tcp   MySecurityGroup  -- removal --
    ");
    assert!(staged(&place));
    assert_eq!(stage(&place, &["--exit-code"]).code, 1);
}

#[test]
fn reordering_splitting_and_merging_is_no_change() {
    let place =
        repository("52.35.16.0/22:80\n52.35.20.0/22:80\n52.35.22.101/32:443^17\n52.35.22.100/32:80-99,100-443\n");
    place.write("inventory.json", inventory(&seed_permissions()));
    let run = stage(&place, &["--exit-code"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "No changes to stage.\n"), "{}", run.stderr);
}

#[test]
fn what_somebody_else_did_stands_apart() {
    let place = repository(&format!("{SEED}52.33.24.1/32:80^tcp\n"));
    place.write(
        "my-repo/.portcullis.state.toml",
        "schema_version = \"1\"\n[stack]\nid = \"arn:aws:cloudformation:us-west-2:111122223333:stack/S/1\"\n\
         group_ids = [\"sg-0a1b2c3d\"]\n[committed]\n\
         rules = [\"52.35.16.0/21:80^tcp\", \"52.35.22.100/32:80-443^tcp\", \"52.35.22.101/32:443^udp\"]\n[committed.files]\n",
    );
    let mut live = seed_permissions();
    live.pop();
    live.push(permission("tcp", 8443, 8443, &["9.9.9.9/32"]));
    place.write("inventory.json", inventory(&live));
    let run = stage(&place, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!(run.stdout);
    let status = place.run(&["rules", "-C", "my-repo", "status", "--live", "--inventory", "inventory.json"]);
    assert_eq!(status.code, 1, "{}", status.stdout);
    let markdown = place.run(&[
        "rules",
        "-C",
        "my-repo",
        "status",
        "--live",
        "--inventory",
        "inventory.json",
        "--format",
        "markdown",
    ]);
    insta::assert_snapshot!(markdown.stdout);
}

#[test]
fn what_opens_what_policies_prohibit_is_refused() {
    let place = repository(&format!("{SEED}0.0.0.0/0:22 # ssh\n"));
    place.write("inventory.json", inventory(&seed_permissions()));
    let run = stage(&place, &[]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("--allow-findings"), "{}", run.stderr);
    assert!(!staged(&place));
    insta::assert_snapshot!(run.stdout);
    let run = stage(&place, &["--format", "json"]);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    let repository = &json["repositories"][0];
    assert_eq!(
        (&repository["staged"], &repository["findings"][0]["control_id"]),
        (&json!(false), &json!("internet-ssh"))
    );

    assert_eq!(stage(&place, &["--allow-findings"]).code, 0);
    assert!(staged(&place));
    // What was staged before is not what is refused now.
    assert_eq!(stage(&place, &[]).code, 1);
    assert!(!staged(&place));
}

#[test]
fn what_it_would_open_stands_beside_its_line_for_code_scanning() {
    let place = repository("10.0.0.0/8:22\n");
    place.write("my-repo/web servers.rules", "# ours\n0.0.0.0/1:22\n128.0.0.0/1:22\n");
    place.write("inventory.json", inventory(&[]));
    let run = stage(&place, &["--output", "sarif=rules.sarif", "--output", "json=stage.json"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let text = std::fs::read_to_string(place.path().join("rules.sarif")).unwrap();
    let sarif: Value = serde_json::from_str(&text).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "internet-ssh");
    let place_of = |number: usize| &result["locations"][number]["physicalLocation"];
    assert_eq!(place_of(0)["artifactLocation"]["uri"], "my-repo/web%20servers.rules");
    assert_eq!((&place_of(0)["region"]["startLine"], &place_of(1)["region"]["startLine"]), (&json!(2), &json!(3)));
}

#[test]
fn what_is_open_already_is_no_reason_to_refuse_another_change() {
    let place = repository(&format!("{SEED}0.0.0.0/0:22\n10.0.0.0/8:25\n"));
    let mut live = seed_permissions();
    live.push(permission("tcp", 22, 22, &["0.0.0.0/0"]));
    place.write("inventory.json", inventory(&live));
    assert_eq!(stage(&place, &[]).code, 0);
    // Less of it is open than is asked for.
    live.pop();
    live.push(permission("tcp", 22, 22, &["0.0.0.0/1"]));
    place.write("inventory.json", inventory(&live));
    assert_eq!(stage(&place, &[]).code, 1);
}

#[test]
fn own_policies_judge_in_the_place_of_the_recommended_pack() {
    let place = repository("0.0.0.0/0:22\n");
    place.write("inventory.json", inventory(&[]));
    place.write(
        "policy.json",
        json!({ "version": "1", "compliance_policies": { "prohibited_rules": { "inbound": [{
            "rule_id": "NO_WEB", "description": "no web", "severity": "low", "protocol": "tcp", "port_range": "80", "source": "internet"
        }] } } })
        .to_string(),
    );
    assert_eq!(stage(&place, &["--policy", "policy.json"]).code, 0);
    place.write("my-repo/rules.pysec", "0.0.0.0/0:80\n");
    let run = stage(&place, &["--policy", "policy.json"]);
    assert!(run.code == 1 && run.stdout.contains("NO_WEB"), "{}", run.stdout);
}

#[test]
fn a_group_that_does_not_exist_yet_is_all_additions() {
    let place = repository("10.0.0.0/8:22\negress none\n");
    place.write("inventory.json", r#"{"SecurityGroups": []}"#);
    let run = stage(&place, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!(run.stdout, @r"
    #  Suggested Change                                   Security Group   Action
    -  -------------------------------------------------  ---------------  --------------
    1  CIDR-IP: 10.0.0.0/8 FROM: 22 TO: 22 PROTOCOL: tcp  MySecurityGroup  ++ addition ++
    ");
}

#[test]
fn over_the_quota_is_refused_unless_split() {
    let rules: String = (1..=61).map(|port| format!("10.0.0.0/8:{port}\n")).collect();
    let place = repository(&rules);
    place.write("inventory.json", inventory(&[]));
    let run = stage(&place, &[]);
    assert!(run.code == 1 && run.stderr.contains("--split") && run.stderr.contains("61"), "{}", run.stderr);
    assert!(!staged(&place));
    let run = stage(&place, &["--split"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let state = std::fs::read_to_string(place.path().join("my-repo/.portcullis.state.toml")).unwrap();
    assert!(state.contains("groups = 2"), "{state}");
}

#[test]
fn nothing_is_staged_while_any_file_is_wrong() {
    let place = repository("10.0.0.0/8:22\n");
    place.write("my-repo/b.rules", "10.0.0.0/33:22\n1.2.3.4:80\n");
    place.write("my-repo/c.pysec", "10.0.0.0/8:70000\n");
    place.write("inventory.json", inventory(&[]));
    let run = stage(&place, &[]);
    assert_eq!(run.code, 2);
    for place in ["my-repo/b.rules:1:1", "my-repo/b.rules:2:1", "my-repo/c.pysec:1:12"] {
        assert!(run.stderr.contains(place), "{place}: {}", run.stderr);
    }
    assert!(!staged(&place));
}
