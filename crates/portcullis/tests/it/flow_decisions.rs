//! `flows risk`, `usage` and `suggest`, `plan --flows`, `scan --flows`: what flow logs say of rules.

use serde_json::{Value, json};

use crate::harness::{Place, Run, findings, group};

/// A web server and a database. Clients from the internet use 443 and, once, 22; the web server uses the database.
fn place() -> Place {
    let place = Place::new();
    let egress = json!([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
    let mut web =
        group("sg-0a", &[("tcp", 443, 443, "0.0.0.0/0"), ("tcp", 22, 22, "0.0.0.0/0"), ("tcp", 80, 80, "0.0.0.0/0")]);
    let mut db = group("sg-0b", &[("tcp", 5432, 5432, "10.0.0.0/16")]);
    let idle = group("sg-0c", &[("tcp", 3306, 3306, "10.0.0.0/16")]);
    web["IpPermissionsEgress"] = egress.clone();
    db["IpPermissionsEgress"] = egress;
    let interface = |id: &str, address: &str, group: &str| {
        json!({"NetworkInterfaceId": id, "VpcId": "vpc-0a1b2c3d4e5f60718", "PrivateIpAddress": address, "OwnerId": "111122223333",
            "Groups": [{"GroupId": group}], "PrivateIpAddresses": [{"PrivateIpAddress": address}]})
    };
    let interfaces = [interface("eni-a", "10.0.0.5", "sg-0a"), interface("eni-b", "10.0.1.9", "sg-0b")];
    place.write("inventory/groups.json", json!({"SecurityGroups": [web, db, idle]}).to_string());
    place.write("inventory/interfaces.json", json!({"NetworkInterfaces": interfaces}).to_string());
    let line = |eni: &str, from: &str, to: &str, ports: &str, bytes: u32, start: u32| {
        format!("2 111122223333 {eni} {from} {to} {ports} 6 10 {bytes} {start} {} ACCEPT OK\n", start + 60)
    };
    let lines = [
        line("eni-a", "8.8.8.8", "10.0.0.5", "50000 443", 1000, 1_772_323_200),
        line("eni-a", "10.0.0.5", "8.8.8.8", "443 50000", 9000, 1_772_323_200),
        line("eni-a", "8.8.8.8", "10.0.0.5", "50001 443", 1000, 1_772_330_000),
        line("eni-a", "10.0.0.5", "8.8.8.8", "443 50001", 9000, 1_772_330_000),
        line("eni-a", "8.8.4.4", "10.0.0.5", "50002 22", 500, 1_772_340_000),
        line("eni-a", "10.0.0.5", "8.8.4.4", "22 50002", 500, 1_772_340_000),
        line("eni-a", "10.0.0.5", "10.0.1.9", "40000 5432", 700, 1_772_350_000),
        line("eni-a", "10.0.1.9", "10.0.0.5", "5432 40000", 700, 1_772_350_000),
        line("eni-b", "10.0.0.5", "10.0.1.9", "40000 5432", 700, 1_772_350_000),
        line("eni-b", "10.0.1.9", "10.0.0.5", "5432 40000", 700, 1_772_350_000),
        line("eni-b", "192.168.7.7", "10.0.1.9", "40000 5433", 70, 1_772_350_000),
        "2 111122223333 eni-a 8.8.4.4 10.0.0.5 50003 3389 6 1 40 1772340000 1772340060 REJECT OK\n".to_owned(),
    ];
    place.write("logs/flows.log", lines.concat());
    place
}

fn json_of(run: &Run, code: i32) -> Value {
    assert_eq!(run.code, code, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// A plan that closes port 22 to the internet.
fn planned(place: &Place) {
    let run = place.run(&["plan", "inventory", "--control", "internet-ssh", "--out", "plan.json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn risk_names_who_would_be_cut_and_by_which_rule_they_come_in() {
    let place = place();
    planned(&place);
    let with =
        place.run(&["flows", "risk", "logs", "--plan", "plan.json", "--inventory", "inventory", "--format", "json"]);
    let expected = json!({"schema_version": "1", "at_risk": [{
        "srcaddr": "8.8.4.4", "dstaddr": "10.0.0.5", "dstport": 22, "protocol": 6, "flows": 1, "packets": 10, "bytes": 500,
        "last_seen": "2026-03-01T04:41:00Z", "group_id": "sg-0a", "rule_id": "ingress tcp 22 from 0.0.0.0/0"
    }]});
    assert_eq!(json_of(&with, 1), expected);
    // Without an inventory the groups of the plan are taken to be on each interface.
    let without = place.run(&["flows", "risk", "logs", "--plan", "plan.json", "--format", "json"]);
    assert_eq!(json_of(&without, 1), expected);
    assert!(without.stderr.contains("`sg-0a` is taken to be on each interface"), "{}", without.stderr);
    let table = place.run(&["flows", "risk", "logs", "--plan", "plan.json", "--inventory", "inventory"]);
    assert!(table.stdout.contains("8.8.4.4") && table.stdout.contains("22/tcp"), "{}", table.stdout);
    let csv =
        place.run(&["flows", "risk", "logs", "--plan", "plan.json", "--inventory", "inventory", "--format", "csv"]);
    assert!(
        csv.stdout
            .starts_with("srcaddr,dstaddr,dstport,protocol,flows,packets,bytes,last_seen,group_id,rule_id\n8.8.4.4,")
    );
}

#[test]
fn risk_is_the_same_where_the_inventory_does_not_tell_account_or_region() {
    let place = place();
    planned(&place);
    let of = |inventory: &str| {
        let run =
            place.run(&["flows", "risk", "logs", "--plan", "plan.json", "--inventory", inventory, "--format", "json"]);
        json_of(&run, 1)
    };
    let mut groups: Value =
        serde_json::from_slice(&std::fs::read(place.path().join("inventory/groups.json")).unwrap()).unwrap();
    for group in groups["SecurityGroups"].as_array_mut().unwrap() {
        for key in ["SecurityGroupArn", "OwnerId"] {
            assert!(group.as_object_mut().unwrap().remove(key).is_some(), "the plan knows no more than this inventory");
        }
    }
    place.write("vague/groups.json", groups.to_string());
    place.write("vague/interfaces.json", std::fs::read(place.path().join("inventory/interfaces.json")).unwrap());
    assert_eq!(of("vague"), of("inventory"));
}

#[test]
fn nothing_at_risk_is_exit_0_and_a_bad_line_exit_3() {
    let place = place();
    planned(&place);
    place.write(
        "quiet.log",
        "2 111122223333 eni-a 8.8.8.8 10.0.0.5 50000 443 6 10 1000 1772323200 1772323260 ACCEPT OK\n",
    );
    let quiet = place.run(&[
        "flows",
        "risk",
        "quiet.log",
        "--plan",
        "plan.json",
        "--inventory",
        "inventory",
        "--format",
        "json",
    ]);
    assert_eq!(json_of(&quiet, 0)["at_risk"], json!([]));
    place.write(
        "quiet.log",
        "2 111122223333 eni-a 8.8.8.8 10.0.0.5 50000 443 6 10 1000 1772323200 1772323260 ACCEPT OK\nx y z\n",
    );
    let bad = place.run(&["flows", "risk", "quiet.log", "--plan", "plan.json", "--inventory", "inventory"]);
    assert_eq!(bad.code, 3, "{}", bad.stderr);
    let none = place.run(&["flows", "risk", "quiet.log"]);
    assert_eq!(none.code, 2, "{}", none.stderr);
}

#[test]
fn risk_of_a_repository_is_that_of_its_files() {
    let place = place();
    place.write(
        "repo/.portcullis.toml",
        "vpc_id = \"vpc-0a1b2c3d4e5f60718\"\ngroup_name = \"0a\"\nregion = \"us-east-1\"\n",
    );
    place.write("repo/rules.pysec", "0.0.0.0/0:443^tcp\n");
    let run = place.run(&["flows", "risk", "logs", "--repo", "repo", "--inventory", "inventory", "--format", "json"]);
    let result = json_of(&run, 1);
    let rows = result["at_risk"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{result}");
    assert_eq!((&rows[0]["srcaddr"], &rows[0]["dstport"]), (&json!("8.8.4.4"), &json!(22)));
}

#[test]
fn usage_counts_each_rule_and_what_nobody_uses() {
    let place = place();
    let run = place.run(&["flows", "usage", "logs", "--inventory", "inventory", "--format", "json"]);
    let result = json_of(&run, 0);
    assert_eq!((&result["from"], &result["to"]), (&json!("2026-03-01T00:00:00Z"), &json!("2026-03-01T07:27:40Z")));
    assert_eq!(result["unused_groups"], json!(["sg-0c"]));
    assert_eq!(result["unattributed"], json!({"flows": 1, "packets": 10, "bytes": 70}));
    let rules = result["rules"].as_array().unwrap();
    let web = rules.iter().find(|rule| rule["group_id"] == "sg-0a" && rule["ports"] == "443").unwrap();
    assert_eq!(
        web,
        &json!({
            "account_id": "111122223333", "region": "us-east-1", "group_id": "sg-0a", "rule_id": null, "direction": "ingress",
            "protocol": "tcp", "ports": "443", "peer": "0.0.0.0/0", "flows": 2, "shared_flows": 0, "packets": 20, "bytes": 2000,
            "last_used": "2026-03-01T01:54:20Z"
        })
    );
    let idle = rules.iter().find(|rule| rule["ports"] == "80").unwrap();
    assert_eq!((&idle["flows"], &idle["last_used"]), (&json!(0), &Value::Null));
    let out = rules.iter().find(|rule| rule["group_id"] == "sg-0a" && rule["direction"] == "egress").unwrap();
    assert_eq!((&out["flows"], &out["protocol"], &out["ports"]), (&json!(1), &json!("-1"), &json!("all")));
    let table = place.run(&["flows", "usage", "logs", "--inventory", "inventory"]);
    assert!(table.stdout.contains("groups never used: sg-0c"), "{}", table.stdout);
    let one = place.run(&["flows", "usage", "logs", "--inventory", "inventory", "--group", "0b", "--format", "ndjson"]);
    assert!(one.stdout.lines().all(|line| line.contains("sg-0b")) && one.stdout.lines().count() == 2, "{}", one.stdout);
    let none = place.run(&["flows", "usage", "logs"]);
    assert_eq!((none.code, none.stderr.contains("--inventory")), (2, true), "{}", none.stderr);
}

#[test]
fn suggest_gives_the_least_rules_and_apply_takes_them() {
    let place = place();
    let run =
        place.run(&["flows", "suggest", "logs", "--inventory", "inventory", "--format", "json", "--out", "least.json"]);
    let result = json_of(&run, 0);
    let rule = |direction: &str, ports: &str, peer: &str, flows: u64, last: &str| json!({"direction": direction, "protocol": "tcp", "ports": ports, "peer": peer, "flows": flows, "last_used": last});
    assert_eq!(
        result,
        json!({"schema_version": "1", "groups": [
            {"group_id": "sg-0a", "rules": [
                rule("ingress", "22", "8.8.4.4/32", 1, "2026-03-01T04:41:00Z"),
                rule("ingress", "443", "8.8.8.8/32", 2, "2026-03-01T01:54:20Z"),
                rule("egress", "5432", "sg-0b", 1, "2026-03-01T07:27:40Z"),
            ]},
            {"group_id": "sg-0b", "rules": [rule("ingress", "5432", "sg-0a", 1, "2026-03-01T07:27:40Z")]},
        ]})
    );
    assert!(run.stderr.contains("the logs cover 7 hours"), "{}", run.stderr);
    let applied =
        place.run(&["apply", "least.json", "--yes", "--inventory", "inventory/groups.json", "--write", "after.json"]);
    assert_eq!(applied.code, 0, "{}{}", applied.stdout, applied.stderr);
    let text = std::fs::read_to_string(place.path().join("after.json")).unwrap();
    assert!(text.contains("8.8.8.8/32") && !text.contains("10.0.0.0/16\",\"Description\":\"agreed with the network team\"}],\"Ipv6Ranges\":[],\"UserIdGroupPairs\":[],\"PrefixListIds\":[],\"FromPort\":5432"));
    // Nothing of what was seen is at risk afterwards.
    let risk =
        place.run(&["flows", "risk", "logs", "--plan", "least.json", "--inventory", "inventory", "--format", "json"]);
    assert_eq!(json_of(&risk, 0)["at_risk"], json!([]));
    let rules =
        place.run(&["flows", "suggest", "logs", "--inventory", "inventory", "--group", "sg-0b", "--format", "rules"]);
    assert!(rules.stdout.contains("sg-0a:5432^tcp"), "{}", rules.stdout);
    assert!(rules.stdout.contains("egress none"), "{}", rules.stdout);
    let wide =
        place.run(&["flows", "suggest", "logs", "--inventory", "inventory", "--generalise", "24", "--format", "json"]);
    assert!(wide.stdout.contains("8.8.8.0/24"), "{}", wide.stdout);
    assert_eq!(place.run(&["flows", "suggest", "logs", "--inventory", "inventory", "--generalise", "200"]).code, 2);
}

#[test]
fn a_plan_tells_what_each_change_would_cut_and_apply_takes_it() {
    let place = place();
    let args = ["plan", "inventory", "--control", "internet-ssh", "--flows", "logs"];
    let text = place.run(&args);
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert!(text.stdout.contains("cuts 8.8.4.4 to 10.0.0.5 22/tcp: 1 record"), "{}", text.stdout);
    let mut all = args.to_vec();
    all.extend(["--format", "json", "--out", "plan.json"]);
    let result = json_of(&place.run(&all), 0);
    let cut = &result["groups"][0]["at_risk"][0];
    assert_eq!((&cut["srcaddr"], &cut["dstport"], &cut["flows"]), (&json!("8.8.4.4"), &json!(22), &json!(1)));
    let change = &result["groups"][0]["changes"][cut["change"].as_u64().unwrap() as usize];
    assert_eq!(change["before"]["peers"], json!(["0.0.0.0/0"]));
    let applied =
        place.run(&["apply", "plan.json", "--yes", "--inventory", "inventory/groups.json", "--write", "after.json"]);
    assert_eq!(applied.code, 0, "{}{}", applied.stdout, applied.stderr);
}

#[test]
fn a_scan_tells_whether_anybody_used_an_opening_and_puts_those_first() {
    let place = place();
    let result = place.scan(&["inventory", "--flows", "logs", "--pack", "all"], &[1]);
    assert_eq!(findings(&result, "internet-ssh")[0]["used"], json!({"flows": 1, "last_used": "2026-03-01T04:41:00Z"}));
    assert_eq!(findings(&result, "internet-http")[0]["used"], json!({"flows": 0, "last_used": null}));
    let used: Vec<bool> =
        result["findings"].as_array().unwrap().iter().map(|one| one["used"]["flows"].as_u64() > Some(0)).collect();
    assert!(used.is_sorted_by_key(|used| !used) && used.contains(&true) && used.contains(&false), "{used:?}");
    let table = place.run(&["scan", "inventory", "--flows", "logs"]);
    assert!(table.stdout.contains("used from the internet: 1 record"), "{}", table.stdout);
    assert!(place.scan(&["inventory"], &[1])["findings"][0].get("used").is_none());
}

#[test]
fn logs_that_lack_a_field_are_refused_with_its_name() {
    let place = place();
    place.write("short.log", "srcaddr dstaddr action start end\n8.8.8.8 10.0.0.5 ACCEPT 1 2\n");
    let run = place.run(&["flows", "usage", "short.log", "--inventory", "inventory"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("`srcport`, `dstport`, `protocol`"), "{}", run.stderr);
}
