//! `plan`, `apply`, `rollback` on files.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Place, findings, group, inventory, root};

const SSH_WORLD: (&str, i64, i64, &str) = ("tcp", 22, 22, "0.0.0.0/0");
const APPLY: [&str; 8] = ["apply", "plan.json", "--inventory", "in.json", "--write", "out.json", "--backup", "backups"];

fn place(groups: &[Value]) -> Place {
    let place = Place::new();
    place.write("in.json", inventory(groups));
    place
}

fn apply(place: &Place, more: &[&str]) -> crate::harness::Run {
    let mut args = APPLY.to_vec();
    args.push("--yes");
    args.extend_from_slice(more);
    place.run(&args)
}

fn read(place: &Place, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(place.path().join(name)).unwrap()).unwrap()
}

/// The backup files of a run.
fn backups(place: &Place) -> Vec<PathBuf> {
    fn walk(folder: PathBuf, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(path, found);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(place.path().join("backups"), &mut found);
    found.sort();
    found
}

/// The inventory in canonical form: what a rollback must restore to the byte.
fn canonical(place: &Place, name: &str) -> Vec<u8> {
    // A plan of nothing writes the inventory as it is.
    let run = place.run(&["plan", name, "--control", "internet-etcd", "--out", "nothing.json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = place.run(&["apply", "nothing.json", "--inventory", name, "--write", "canonical.json", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    std::fs::read(place.path().join("canonical.json")).unwrap()
}

#[test]
fn narrow_closes_the_internet_and_keeps_the_office_and_private_space() {
    let rules = [SSH_WORLD, ("tcp", 22, 22, "52.94.76.10/32"), ("tcp", 443, 443, "0.0.0.0/0")];
    let place = place(&[group("sg-0a", &rules)]);
    assert_eq!(place.run(&["plan", "in.json", "--out", "plan.json"]).code, 0);
    let plan = read(&place, "plan.json");
    assert_eq!(plan["schema_version"], "1");
    let planned = &plan["groups"][0];
    assert_eq!((&planned["group_id"], &planned["account_id"]), (&"sg-0a".into(), &"111122223333".into()));
    assert_eq!(planned["proof"]["findings_gone"], true);
    assert_eq!(planned["proof"]["opens"], json!([]));
    assert_eq!(planned["proof"]["also_closes"], json!([]));

    let run = apply(&place, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let result = place.scan(&["out.json"], &[0]);
    assert_eq!(findings(&result, "internet-ssh").len(), 0);
    let text = std::fs::read_to_string(place.path().join("out.json")).unwrap();
    for kept in ["52.94.76.10/32", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "\"ToPort\": 443"]
    {
        assert!(text.contains(kept) || text.contains(&kept.replace(": ", ":")), "{kept} is gone: {text}");
    }
    assert_eq!(backups(&place).len(), 1);
}

#[test]
fn narrow_cuts_for_the_findings_of_the_plan_alone() {
    // 300 blocks of a /16 each are more than a /8; 256 of them are not, and wide. Which is another finding.
    let blocks: Vec<String> = (0..300).map(|n| format!("{}.{}.0.0/16", 20 + n / 100, n % 100)).collect();
    let rules: Vec<(&str, i64, i64, &str)> = blocks.iter().map(|block| ("tcp", 22, 22, block.as_str())).collect();
    let place = place(&[group("sg-0a", &rules)]);
    assert_eq!(place.run(&["plan", "in.json", "--out", "plan.json"]).code, 0);
    let changes = read(&place, "plan.json")["groups"][0]["changes"].as_array().unwrap().clone();
    assert_eq!(changes.len(), 300 - 256);
    assert!(changes.iter().all(|change| change["action"] == "revoke"));
}

#[test]
fn every_strategy_can_be_applied_and_taken_back_to_the_byte() {
    let groups = [
        group("sg-0a", &[SSH_WORLD, ("tcp", 80, 443, "0.0.0.0/0"), ("tcp", 3389, 3389, "::/0")]),
        group(
            "sg-0b",
            &[("-1", -1, -1, "0.0.0.0/0"), ("udp", 11211, 11211, "0.0.0.0/1"), ("udp", 11211, 11211, "128.0.0.0/1")],
        ),
        group("sg-0c", &[("tcp", 443, 443, "0.0.0.0/0")]),
    ];
    for strategy in
        [vec!["narrow"], vec!["revoke"], vec!["replace", "--replace-with", "10.0.0.0/8"], vec!["lockdown"], vec!["tag"]]
    {
        let place = place(&groups);
        let original = canonical(&place, "in.json");
        let mut args = vec!["plan", "in.json", "--out", "plan.json", "--strategy"];
        args.extend_from_slice(&strategy);
        let run = place.run(&args);
        assert_eq!(run.code, 0, "{strategy:?}: {}", run.stderr);
        let run = apply(&place, &[]);
        assert_eq!(run.code, 0, "{strategy:?}: {}", run.stderr);
        if strategy != ["tag"] {
            let planned: Vec<Value> = read(&place, "plan.json")["groups"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|g| g["findings"].as_array().unwrap().clone())
                .collect();
            assert!(!planned.is_empty());
            let left = place.scan(&["out.json"], &[0, 1]);
            let still: Vec<&Value> =
                left["findings"].as_array().unwrap().iter().filter(|f| planned.contains(&f["id"])).collect();
            assert!(still.is_empty(), "{strategy:?}: {still:?}");
        }
        assert_ne!(canonical(&place, "out.json"), original, "{strategy:?} changed nothing");
        let run = place.run(&[
            "rollback",
            "backups",
            "--inventory",
            "out.json",
            "--write",
            "back.json",
            "--backup",
            "backups-2",
            "--yes",
        ]);
        assert_eq!(run.code, 0, "{strategy:?}: {}", run.stderr);
        assert_eq!(
            String::from_utf8(canonical(&place, "back.json")).unwrap(),
            String::from_utf8(original).unwrap(),
            "{strategy:?}"
        );
        assert!(place.path().join("backups-2").is_dir(), "a rollback is itself backed up");
    }
}

#[test]
fn applying_again_does_nothing() {
    let place = place(&[group("sg-0a", &[SSH_WORLD])]);
    place.run(&["plan", "in.json", "--out", "plan.json"]);
    assert_eq!(apply(&place, &[]).code, 0);
    let (first, kept) = (std::fs::read(place.path().join("out.json")).unwrap(), backups(&place));
    let again = apply(&place, &[]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(std::fs::read(place.path().join("out.json")).unwrap(), first);
    assert_eq!(backups(&place), kept, "a backup of a group that did not change");
}

#[test]
fn a_group_that_changed_since_is_refused_and_the_others_go_on() {
    let place = place(&[group("sg-0a", &[SSH_WORLD]), group("sg-0b", &[SSH_WORLD])]);
    place.run(&["plan", "in.json", "--out", "plan.json"]);
    place.write(
        "in.json",
        inventory(&[group("sg-0a", &[SSH_WORLD, ("tcp", 23, 23, "10.0.0.0/8")]), group("sg-0b", &[SSH_WORLD])]),
    );
    let run = apply(&place, &[]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("sg-0a") && run.stderr.contains("changed"), "{}", run.stderr);
    let result = place.scan(&["out.json"], &[1]);
    let open: Vec<&Value> = findings(&result, "internet-ssh").iter().map(|f| &f["group_id"]).collect();
    assert_eq!(open, ["sg-0a"]);
}

#[test]
fn a_plan_that_was_changed_by_hand_is_refused() {
    let place = place(&[group("sg-0a", &[SSH_WORLD])]);
    place.run(&["plan", "in.json", "--out", "plan.json"]);
    let text = std::fs::read_to_string(place.path().join("plan.json")).unwrap();
    for (from, to) in [
        ("10.0.0.0/8", "11.0.0.0/8"),
        ("\"findings_gone\": true", "\"findings_gone\": false"),
        ("172.16.0.0/12", "0.0.0.0/0"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from} does not stand in the plan");
        place.write("plan.json", changed);
        let run = apply(&place, &[]);
        assert_eq!(run.code, 2, "{from}: {}", run.stderr);
        assert!(!place.path().join("out.json").exists());
    }
}

#[test]
fn nothing_happens_without_a_yes_or_over_the_limit() {
    let place = place(&[group("sg-0a", &[SSH_WORLD]), group("sg-0b", &[SSH_WORLD])]);
    place.run(&["plan", "in.json", "--out", "plan.json"]);
    let run = place.run(&APPLY);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("--yes"), "{}", run.stderr);
    let run = apply(&place, &["--max-groups", "1"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    let run = apply(&place, &["--dry-run"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!place.path().join("out.json").exists() && backups(&place).is_empty());
}

#[test]
fn killed_at_any_point_a_second_run_finishes_and_backups_are_whole() {
    let groups: Vec<Value> =
        (0..60).map(|n| group(&format!("sg-{n:017x}"), &[SSH_WORLD, ("tcp", 3389, 3389, "0.0.0.0/0")])).collect();
    let reference = place(&groups);
    assert_eq!(reference.run(&["plan", "in.json", "--out", "plan.json"]).code, 0);
    assert_eq!(apply(&reference, &[]).code, 0);
    let expected = std::fs::read(reference.path().join("out.json")).unwrap();
    let plan = std::fs::read(reference.path().join("plan.json")).unwrap();
    let mut killed = 0;
    // From before it starts to after it ends; how far each gets is the machine's affair, the end state is not.
    for step in 0..6_u32 {
        let place = place(&groups);
        place.write("plan.json", &plan);
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"))
            .current_dir(place.path())
            .args(APPLY)
            .arg("--yes")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Kill once so many backups stand: progress of its own, not time.
        let wanted = (step * 10) as usize;
        loop {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            if backups(&place).len() >= wanted {
                child.kill().unwrap();
                child.wait().unwrap();
                killed += 1;
                break;
            }
        }
        let run = apply(&place, &[]);
        assert_eq!(run.code, 0, "step {step}: {}", run.stderr);
        assert_eq!(std::fs::read(place.path().join("out.json")).unwrap(), expected, "step {step}");
        for backup in backups(&place) {
            let whole: Value = serde_json::from_slice(&std::fs::read(&backup).unwrap()).unwrap();
            assert_eq!(whole["schema_version"], "1");
        }
        assert!(backups(&place).len() >= groups.len());
    }
    assert!(killed > 0, "no run was killed in time");
}

#[test]
fn the_example_company_can_be_planned_applied_and_taken_back() {
    let place = Place::new();
    let acme = root().join("examples/acme");
    let acme = acme.to_str().unwrap();
    let run = place.run(&["plan", acme, "--out", "plan.json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run =
        place.run(&["apply", "plan.json", "--inventory", acme, "--write", "out.json", "--backup", "backups", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let planned: Vec<Value> = read(&place, "plan.json")["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|g| g["findings"].as_array().unwrap().clone())
        .collect();
    let left = place.scan(&["out.json"], &[0, 1]);
    for finding in left["findings"].as_array().unwrap() {
        assert!(!planned.contains(&finding["id"]), "{finding}");
        assert!(
            !finding["control_id"].as_str().unwrap().starts_with("internet-") || finding["status"] != "fail",
            "{finding}"
        );
    }
}

#[test]
fn a_policy_may_choose_the_strategy_and_the_command_line_has_the_last_word() {
    let place = place(&[group("sg-0a", &[SSH_WORLD])]);
    place.write(
        "policy.json",
        r#"{"version": "1.0.0", "controls": ["internet-ssh"], "compliance_policies": {"compliance_actions": {
            "remediation_settings": {"strategy": "replace", "replace_with": ["10.1.0.0/16"]}}}}"#,
    );
    let planned = |more: &[&str]| {
        let mut args = vec!["plan", "in.json", "--policy", "policy.json", "--out", "plan.json"];
        args.extend_from_slice(more);
        let run = place.run(&args);
        assert_eq!(run.code, 0, "{}", run.stderr);
        read(&place, "plan.json")["strategy"].clone()
    };
    assert_eq!(planned(&[]), "replace");
    assert_eq!(planned(&["--strategy", "revoke"]), "revoke");
}

#[test]
fn rolling_back_again_does_nothing_although_its_own_backups_lie_beside() {
    let place = place(&[group("sg-0a", &[SSH_WORLD])]);
    let original = canonical(&place, "in.json");
    place.run(&["plan", "in.json", "--out", "plan.json"]);
    assert_eq!(apply(&place, &[]).code, 0);
    for _ in 0..3 {
        let back =
            ["rollback", "backups", "--inventory", "out.json", "--write", "out.json", "--backup", "backups", "--yes"];
        let run = place.run(&back);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!(canonical(&place, "out.json"), original);
    }
}

#[test]
fn a_file_that_is_no_inventory_is_not_written_over() {
    let place = place(&[group("sg-0a", &[SSH_WORLD])]);
    place.run(&["plan", "in.json", "--out", "plan.json"]);
    place.write("out.json", "notes of somebody's own");
    let run = apply(&place, &[]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("out.json") && backups(&place).is_empty(), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(place.path().join("out.json")).unwrap(), "notes of somebody's own");
}

#[test]
fn a_dry_run_lists_each_change() {
    let place = place(&[group("sg-0a", &[SSH_WORLD])]);
    place.run(&["plan", "in.json", "--strategy", "revoke", "--out", "plan.json"]);
    let run = apply(&place, &["--dry-run"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout, "would change sg-0a\n  revoke ingress tcp 22 from 0.0.0.0/0\ngroups: 1 would change\n");
}

#[test]
fn the_later_of_two_runs_is_told_who_is_at_work() {
    let place = place(&[group("sg-0a", &[SSH_WORLD])]);
    place.run(&["plan", "in.json", "--out", "plan.json"]);
    let lock = place.path().join(".out.json.portcullis-lock");
    std::fs::write(&lock, "`ada`, process 7\nr1\n2026-01-15T12:00:00Z\n\n").unwrap();
    let held = std::fs::File::open(&lock).unwrap();
    held.lock().unwrap();
    let run = apply(&place, &[]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    let expected = "another run (`ada`, process 7, run r1, since 2026-01-15T12:00:00Z) is at work on `out.json`: wait for \
                    it to end, or stop it";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert!(!place.path().join("out.json").exists() && backups(&place).is_empty());
    // What a killed run leaves is no lock.
    drop(held);
    assert_eq!(apply(&place, &[]).code, 0);
}

#[cfg(unix)]
#[test]
fn an_interrupt_finishes_what_was_begun_and_says_where_it_stopped() {
    let groups: Vec<Value> = (0..300).map(|n| group(&format!("sg-{n:017x}"), &[SSH_WORLD])).collect();
    let reference = place(&groups);
    assert_eq!(reference.run(&["plan", "in.json", "--out", "plan.json"]).code, 0);
    assert_eq!(apply(&reference, &[]).code, 0);
    let expected = std::fs::read(reference.path().join("out.json")).unwrap();
    let plan = std::fs::read(reference.path().join("plan.json")).unwrap();
    let mut stopped = 0;
    // How far a run gets before it hears is the machine's affair; one that ends before is tried again.
    for _ in 0..10 {
        let place = place(&groups);
        place.write("plan.json", &plan);
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("portcullis"))
            .current_dir(place.path())
            .args(APPLY)
            .arg("--yes")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while backups(&place).is_empty() && child.try_wait().unwrap().is_none() {}
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        let out = std::fs::read_to_string(place.path().join("out.json")).unwrap();
        let begun = backups(&place).len();
        assert_eq!(out.matches("0.0.0.0/0").count(), groups.len() - begun, "what was begun is finished: {stderr}");
        if begun < groups.len() {
            assert_eq!(ended.status.code(), Some(3), "{stderr}");
            assert!(stderr.contains("stopped before `sg-0") && stderr.contains("run this again to go on"), "{stderr}");
            assert_eq!(apply(&place, &[]).code, 0);
            assert_eq!(std::fs::read(place.path().join("out.json")).unwrap(), expected);
            stopped += 1;
            break;
        }
        assert_eq!(ended.status.code(), Some(0), "{stderr}");
    }
    assert_eq!(stopped, 1, "no run was interrupted in time");
}

#[test]
fn a_lockdown_may_leave_a_rule_for_other_sources_than_loopback() {
    let place = place(&[group("sg-0a", &[SSH_WORLD])]);
    place.write(
        "policy.json",
        r#"{"version": "1.0.0", "controls": ["internet-ssh"], "compliance_policies": {"compliance_actions": {
            "violation_handling": {"dummy_rule_config": {"cidr_blocks": "10.9.8.7/32"}}}}}"#,
    );
    let plan = ["plan", "in.json", "--policy", "policy.json", "--strategy", "lockdown", "--out", "plan.json"];
    let run = place.run(&plan);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = apply(&place, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(std::fs::read_to_string(place.path().join("out.json")).unwrap().contains("10.9.8.7/32"));
}
