//! `policy` and `explain`.

use crate::harness::{Place, findings, group, inventory, root};

#[test]
fn the_seed_policy_is_read_unchanged_and_its_inert_example_is_named() {
    let policy = root().join("examples/seed/security_policies.json");
    let run = Place::new().run(&["policy", "check", policy.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("example_account_123456789012"), "{said}");
}

#[test]
fn the_seed_policy_leaves_public_https_alone_and_catches_everything() {
    let policy = root().join("examples/seed/security_policies.json");
    let place = Place::new();
    place.write(
        "inventory.json",
        inventory(&[group("sg-0a", &[("tcp", 443, 443, "0.0.0.0/0")]), group("sg-0b", &[("-1", -1, -1, "0.0.0.0/0")])]),
    );
    let result = place.scan(&["inventory.json", "--policy", policy.to_str().unwrap()], &[1]);
    let groups = |rule: &str| -> Vec<String> {
        findings(&result, rule).iter().map(|finding| finding["group_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(groups("PROHIBIT_ALL_TRAFFIC_ANY_PORT"), ["sg-0b"]);
    assert_eq!(groups("PROHIBIT_ALL_TRAFFIC_HTTP"), ["sg-0b"]);
    assert_eq!(groups("PROHIBIT_IPV6_ALL_TRAFFIC"), Vec::<String>::new());
}

#[test]
fn the_example_policy_passes_its_own_cases_and_a_wrong_case_fails() {
    let policies = root().join("examples/policies");
    let place = Place::new();
    let run = place.run(&["policy", "test", policies.join("acme.yaml").to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    place.write("wrong.txt", "sg-web ingress tcp 22 from 0.0.0.0/0\n");
    let run = place.run(&["policy", "test", policies.join("acme.yaml").to_str().unwrap(), "wrong.txt"]);
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("NO_WORLD_SSH") && said.contains("wrong.txt:1"), "{said}");
}

#[test]
fn every_control_and_pack_can_be_shown() {
    let place = Place::new();
    let list = place.run(&["policy", "list"]);
    assert_eq!(list.code, 0, "{}", list.stderr);
    for word in ["recommended", "cis-aws-5.0", "internet-ssh", "missing-required-tag"] {
        assert!(list.stdout.contains(word), "{word}: {}", list.stdout);
    }
    let show = place.run(&["policy", "show", "internet-ssh"]);
    assert_eq!(show.code, 0, "{}", show.stderr);
    assert!(show.stdout.contains("CIS 5.0 5.3") && show.stdout.contains("high"), "{}", show.stdout);
    assert_eq!(place.run(&["policy", "show", "internet-shh"]).code, 2);
}

#[test]
fn explain_tells_a_group_and_a_control_in_words() {
    let place = Place::new();
    place.write(
        "inventory.json",
        inventory(&[group("sg-0a", &[("tcp", 22, 22, "0.0.0.0/1"), ("tcp", 22, 22, "128.0.0.0/1")])]),
    );
    let run = place.run(&["explain", "sg-0a", "inventory.json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stdout.contains("tcp 22 from all IPv4 addresses") && run.stdout.contains("internet-ssh"),
        "{}",
        run.stdout
    );
    let run = place.run(&["explain", "internet-ssh"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("22"), "{}", run.stdout);
}

/// A policy of one prohibited rule with these keys beside its id and severity.
fn one_rule(keys: &str) -> String {
    format!(
        r#"{{"version": "1.0.0", "compliance_policies": {{"prohibited_rules": {{"inbound": [
            {{"rule_id": "ONE", "description": "one rule", "severity": "high", {keys}}}]}}}}}}"#
    )
}

#[test]
fn all_protocols_with_a_port_mean_that_port_of_tcp_and_udp() {
    let place = Place::new();
    place.write("policy.json", one_rule(r#""protocol": "-1", "port_range": "22", "source": "internet""#));
    for (protocol, port, fails) in [("tcp", 22, 1), ("udp", 22, 1), ("tcp", 23, 0), ("-1", -1, 1)] {
        place.write("inventory.json", inventory(&[group("sg-0a", &[(protocol, port, port, "0.0.0.0/0")])]));
        let result = place.scan(&["inventory.json", "--policy", "policy.json"], &[fails]);
        assert_eq!(findings(&result, "ONE").len() as i32, fails, "{protocol} {port}");
    }
}

#[test]
fn loopback_is_no_peer() {
    let place = Place::new();
    place.write("policy.json", one_rule(r#""protocol": "tcp", "port_range": "65535""#));
    for (peer, fails) in [("127.0.0.1/32", 0), ("127.0.0.0/7", 1), ("10.0.0.0/8", 1), ("::1/128", 0)] {
        place.write("inventory.json", inventory(&[group("sg-0a", &[("tcp", 65535, 65535, peer)])]));
        let result = place.scan(&["inventory.json", "--policy", "policy.json"], &[fails]);
        assert_eq!(findings(&result, "ONE").len() as i32, fails, "{peer}");
    }
}
