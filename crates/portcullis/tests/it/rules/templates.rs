//! `build`: the template, and what cfn-lint says of it.

use std::process::Command;

use super::{SEED, ok, repository};

/// Rules of every form.
const EVERY_FORM: &str = "52.35.22.100/32:80-443^tcp # office: floor 3\n[2001:db8::/32]:443^udp\nsg-0123456789abcdef0:5432\n\
    111122223333/sg-0123456789abcdef1:5432\npl-0123456789abcdef0:443\n10.0.0.0/8:8/0,3/*^icmp\n[::/0]:*^icmpv6\n\
    10.0.0.0/8:*^esp\n10.0.0.0/8:*^all\negress pl-0123456789abcdef0:443\negress sg-0123456789abcdef0:5432\n";

#[test]
fn the_template_is_the_seeds_with_numbers_for_ports() {
    let place = repository(SEED);
    let yaml = ok(&place, &["rules", "build", "-C", "my-repo", "--format", "yaml"]).stdout;
    insta::assert_snapshot!(yaml);
    let json = ok(&place, &["rules", "build", "-C", "my-repo", "--format", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["Resources"]["MySecurityGroup"]["Properties"]["SecurityGroupIngress"][0]["ToPort"], 443);
    assert_eq!(json["Outputs"]["SecurityGroupId"]["Value"]["Ref"], "MySecurityGroup");
    ok(&place, &["rules", "build", "-C", "my-repo", "--out", "template.yml", "--format", "yml"]);
    assert_eq!(std::fs::read_to_string(place.path().join("template.yml")).unwrap(), yaml);
}

#[test]
fn building_over_the_quota_warns_and_splits_when_asked() {
    let rules: String = (1..=61).map(|port| format!("10.0.0.0/8:{port}\n")).collect();
    let place = repository(&rules);
    let run = ok(&place, &["rules", "build", "-C", "my-repo"]);
    assert!(run.stderr.contains("61 rules") && run.stderr.contains("--split"), "{}", run.stderr);
    let run = ok(&place, &["rules", "build", "-C", "my-repo", "--split", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["Resources"].as_object().unwrap().len(), 2);
}

#[test]
fn a_repository_that_is_not_configured_says_what_is_missing() {
    let place = crate::harness::Place::new();
    ok(&place, &["rules", "init"]);
    let run = place.run(&["rules", "build"]);
    assert!(run.code == 2 && run.stderr.contains("`--vpc-id` and `--group-name`"), "{}", run.stderr);
}

/// cfn-lint comes with the AWS-like server's Python, which is there where the tests against AWS run.
#[test]
fn cfn_lint_has_nothing_to_say() {
    let there = std::env::var_os("PORTCULLIS_TEST_AWS").is_some();
    assert!(there, "start the tests with `cargo xtask test`, or `cargo xtask moto -- cargo nextest run …`");
    let many: String = (1..=130).map(|port| format!("10.0.0.0/8:{port} # port {port}\n")).collect();
    for (name, rules, split) in [
        ("seed", SEED, false),
        ("forms", EVERY_FORM, false),
        ("none", "egress none\n", false),
        ("many", &many, true),
        ("empty", "", false),
    ] {
        let place = repository(rules);
        for format in ["yaml", "json"] {
            let file = format!("{name}.{format}");
            let split = if split { &["--split"][..] } else { &[] };
            ok(&place, &[&["rules", "build", "-C", "my-repo", "--format", format, "--out", &file][..], split].concat());
            let lint = "import sys; from cfnlint.runner import main; sys.exit(main())";
            let mut python = Command::new("python");
            let said = python
                .args(["-c", lint, "--regions", "us-west-2", "--"])
                .arg(place.path().join(&file))
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
            assert!(said.status.success(), "{file}: {text}");
        }
    }
}
