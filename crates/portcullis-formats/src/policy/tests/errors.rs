//! What a file can say wrongly, each with its message.

use super::*;

#[test]
fn a_letter_that_is_missing_is_no_silence() {
    let text = include_str!("../../../../../examples/facts/policy-typo.yaml");
    insta::assert_snapshot!(errors_of("policy-typo.yaml", text), @"
    error: unknown key `prohibted_rules`
     --> policy-typo.yaml:4:3
      |
    4 |   prohibted_rules:
      |   ^^^^^^^^^^^^^^^
      |
      = help: did you mean `prohibited_rules`
    ");
}

#[test]
fn a_policy_cannot_include_itself() {
    insta::assert_snapshot!(errors_of("p.yaml", "version: 1\ncompliance_policies: {}\ninclude: p.yaml\n"), @"
    error: unknown key `include`
     --> p.yaml:3:1
      |
    3 | include: p.yaml
      | ^^^^^^^
      |
      = help: known here: description, version, $schema, last_updated, metadata, compliance_policies, controls, settings, framework, account_specific_overrides, exemptions, reporting, accounts_config
    ");
}

#[test]
fn what_must_be_there_is_missed() {
    insta::assert_snapshot!(errors_of("p.json", "{}"), @"
    error: `version` is missing here
     --> p.json:1:1
      |
    1 | {}
      | ^^

    error: `compliance_policies` is missing here
     --> p.json:1:1
      |
    1 | {}
      | ^^
    ");
    insta::assert_snapshot!(errors_of("p.json", "[]"), @"
    error: a list stands where an object is expected
     --> p.json:1:1
      |
    1 | []
      | ^^
    ");
    insta::assert_snapshot!(errors_of("p.yaml", &with_rule("severity: high\nport_range: 22")), @"
    error: `rule_id` is missing here
     --> p.yaml:6:9
      |
    6 |         severity: high
      |         ^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(errors_of("p.yaml", &with_rule("rule_id: X\nport_range: 22")), @"
    error: this rule names no `protocol`
     --> p.yaml:6:18
      |
    6 |         rule_id: X
      |                  ^
      |
      = help: tcp, udp, icmp, a number, or `-1` for all
    ");
}

#[test]
fn all_errors_come_at_once() {
    let text =
        with_rule("rule_id: X\nprotocol: tpc\nport_range: 70000\nsource: 0.0.0.0/33\nseverity: hihg\nreson: none");
    insta::assert_snapshot!(errors_of("p.yaml", &text), @"
    error: `tpc` is no protocol: a name such as tcp, udp or icmp, a number from 0 to 255, or `-1` for all is expected
     --> p.yaml:7:19
      |
    7 |         protocol: tpc
      |                   ^^^

    error: `70000` is no port: a number from 0 to 65535, a range such as `80-443`, or `all` is expected
     --> p.yaml:8:21
      |
    8 |         port_range: 70000
      |                     ^^^^^

    error: `0.0.0.0/33` is no CIDR block: the prefix length is a whole number from 0 to 32
     --> p.yaml:9:17
      |
    9 |         source: 0.0.0.0/33
      |                 ^^^^^^^^^^

    error: `hihg` is no severity: critical, high, medium, low or info is expected
      --> p.yaml:10:19
       |
    10 |         severity: hihg
       |                   ^^^^
       |
       = help: did you mean `high`

    error: unknown key `reson`
      --> p.yaml:11:9
       |
    11 |         reson: none
       |         ^^^^^
       |
       = help: did you mean `reason`
    ");
}

#[test]
fn ports_that_cannot_be() {
    for (ports, expected) in [
        ("443-80", "`443-80` runs backwards: write `80-443`"),
        ("NaN", "`NaN` is no port: a number from 0 to 65535, a range such as `80-443`, or `all` is expected"),
        (".nan", "`.nan` is no port: a number from 0 to 65535, a range such as `80-443`, or `all` is expected"),
        ("1e999", "`1e999` is no port: a number from 0 to 65535, a range such as `80-443`, or `all` is expected"),
        ("22.0", "`22.0` is no port: a number from 0 to 65535, a range such as `80-443`, or `all` is expected"),
        ("-22", "`-22` is no port: a number from 0 to 65535, a range such as `80-443`, or `all` is expected"),
        ("true", "`true` stands where a port or a range of ports is expected"),
        ("{}", "an object stands where a port or a range of ports is expected"),
        ("[]", "this list is empty"),
        ("", "nothing stands where a port or a range of ports is expected"),
        ("3/4", "protocol `tcp` has no types and codes: they belong to `icmp` and `icmpv6`"),
    ] {
        let errors = errors_of("p.yaml", &with_rule(&format!("rule_id: X\nprotocol: tcp\nport_range: {ports}")));
        assert_eq!(errors.lines().next().unwrap(), format!("error: {expected}"), "{errors}");
    }
}

#[test]
fn peers_that_cannot_be() {
    for (source, expected) in [
        ("10.0.0.0", "`10.0.0.0` has no prefix length: write `10.0.0.0/32` for the one address"),
        ("2001:db8::1", "`2001:db8::1` has no prefix length: write `2001:db8::1/128` for the one address"),
        ("10.0.0.0/33", "`10.0.0.0/33` is no CIDR block: the prefix length is a whole number from 0 to 32"),
        ("10.0.0/8", "`10.0.0/8` is no CIDR block: an IPv4 or IPv6 address, a slash and a prefix length are expected"),
        ("0", "the number `0` stands where a text such as `10.0.0.0/8`, `internet`, `pl-…` or `sg-…` is expected"),
        ("12345/sg-0a1b", "`12345` is no account id: twelve digits are expected"),
        ("pl-", "`pl-` is no prefix list's id"),
        (
            "everybody",
            "`everybody` is no CIDR block: an IPv4 or IPv6 address, a slash and a prefix length are expected",
        ),
    ] {
        let errors = errors_of("p.yaml", &with_rule(&format!("rule_id: X\nprotocol: tcp\nsource: {source}")));
        assert_eq!(errors.lines().next().unwrap(), format!("error: {expected}"), "{errors}");
    }
}

#[test]
fn keys_that_do_not_fit_each_other() {
    for (rule, expected) in [
        ("protocol: 47\nport_range: 22", "protocol `47` has no ports: leave them out, or write `all`"),
        ("protocol: tcp\nservices: [tcp:22]", "`services` names the protocol already: leave this out"),
        ("services: [tcp:22]\nport_range: 22", "`services` names the ports already: leave this out"),
        ("protocol: tcp\ndestination: 0.0.0.0/0", "an inbound rule has no `destination`"),
        ("protocol: tcp\ndirection: outbound", "this rule stands under `inbound` and says another direction"),
        ("protocol: tcp\nallowed_port_ranges: ['22']", "`allowed_port_ranges` does not belong into this section"),
        ("protocol: tcp\nsource_pattern: x", "`source_pattern` belongs to allowed rules"),
        (
            "protocol: tcp\nsource: 0.0.0.0/0\nallowed_sources: [10.0.0.0/8]",
            "a rule says who may not (`source`, `destination`) or who alone may (`allowed_sources`), not both",
        ),
        ("protocol: tcp\nallowed_sources: wide", "`wide` says who may not, not who may"),
    ] {
        let errors = errors_of("p.yaml", &with_rule(&format!("rule_id: X\n{rule}")));
        assert_eq!(errors.lines().next().unwrap(), format!("error: {expected}"), "{errors}");
    }
}

#[test]
fn a_rule_id_that_stands_twice_points_at_both() {
    let text = "version: 1\ncompliance_policies:\n  prohibited_rules:\n    inbound:\n    - {rule_id: NO_SSH, protocol: tcp}\n  \
                  allowed_rules:\n    inbound:\n    - {rule_id: NO_SSH, protocol: tcp}\n    - {rule_id: no-ssh, protocol: tcp}\n";
    insta::assert_snapshot!(errors_of("p.yaml", text), @"
    error: the rule id `NO_SSH` stands twice
     --> p.yaml:8:17
      |
    5 |     - {rule_id: NO_SSH, protocol: tcp}
      |                 ------ first here
    ...
    8 |     - {rule_id: NO_SSH, protocol: tcp}
      |                 ^^^^^^

    error: the rule ids `NO_SSH` and `no-ssh` are both control `no-ssh`
     --> p.yaml:9:17
      |
    5 |     - {rule_id: NO_SSH, protocol: tcp}
      |                 ------ first here
    ...
    9 |     - {rule_id: no-ssh, protocol: tcp}
      |                 ^^^^^^
    ");
}

#[test]
fn exemptions_need_a_reason_and_a_date_that_is_one() {
    let text = r#"{
  "version": "1", "compliance_policies": {},
  "exemptions": {
    "security_group_exemptions": {
      "sg-1": { "exempted_rules": ["X"] },
      "sg-2": { "exempted_rules": [], "reason": " ", "expiry_date": "2026-02-30" },
      "web": { "exempted_rules": "all", "reason": "r", "expiry_date": "tomorrow" }
    },
    "account_exemptions": { "12": { "exempted_rules": "X", "reason": "r" } }
  }
}"#;
    insta::assert_snapshot!(errors_of("p.json", text), @r#"
    error: `reason` is missing here
     --> p.json:5:15
      |
    5 |       "sg-1": { "exempted_rules": ["X"] },
      |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: this list names no rule
     --> p.json:6:35
      |
    6 |       "sg-2": { "exempted_rules": [], "reason": " ", "expiry_date": "2026-02-30" },
      |                                   ^^
      |
      = help: name rules, or write `"all"`

    error: this text is empty
     --> p.json:6:49
      |
    6 |       "sg-2": { "exempted_rules": [], "reason": " ", "expiry_date": "2026-02-30" },
      |                                                 ^^^

    error: `2026-02-30` is no date: one such as `2026-12-31` or `2026-12-31T00:00:00Z` is expected, or `permanent`
     --> p.json:6:69
      |
    6 |       "sg-2": { "exempted_rules": [], "reason": " ", "expiry_date": "2026-02-30" },
      |                                                                     ^^^^^^^^^^^^

    error: `web` is no security group's id: `sg-…` is expected
     --> p.json:7:7
      |
    7 |       "web": { "exempted_rules": "all", "reason": "r", "expiry_date": "tomorrow" }
      |       ^^^^^

    error: `tomorrow` is no date: one such as `2026-12-31` or `2026-12-31T00:00:00Z` is expected, or `permanent`
     --> p.json:7:71
      |
    7 |       "web": { "exempted_rules": "all", "reason": "r", "expiry_date": "tomorrow" }
      |                                                                       ^^^^^^^^^^

    error: the text `X` stands where a list of rule ids or `"all"` is expected
     --> p.json:9:55
      |
    9 |     "account_exemptions": { "12": { "exempted_rules": "X", "reason": "r" } }
      |                                                       ^^^
    "#);
}

#[test]
fn other_values_that_cannot_be() {
    let text = r#"{
  "version": "1",
  "compliance_policies": {
    "global_rules": { "max_rules_per_sg": 1e999, "min_description_length": "10", "required_tags": "Owner", "enforce_tagging": "yes" },
    "allowed_rules": { "inbound": [
      { "rule_id": "A", "protocol": "tcp", "source_type": "security_group", "source_pattern": "(" }
    ] },
    "compliance_actions": { "remediation_settings": { "strategy": "replace" }, "violation_handling": {
      "tag_prefix": "aws:x", "dummy_rule_config": { "from_port": 2, "to_port": 1 }
    } }
  },
  "account_specific_overrides": { "account_12": {} },
  "settings": { "internet_threshold": { "ipv4": "/33" }, "authorized_tcp_ports": [70000] },
  "accounts_config": [
    { "account_id": "123", "enforcement_level": "enforced" },
    { "account_id": "123456789012", "enforcement_level": "warn" },
    { "account_id": 123456789012, "enforcement_level": "warn" }
  ],
  "reporting": { "compliance_score_calculation": { "deductions": { "critical_violation": 1e999, "low_violation": -1 } } }
}"#;
    insta::assert_snapshot!(errors_of("p.json", text), @r#"
    error: `1e999` is not a whole number from 1 to 100000
     --> p.json:4:43
      |
    4 |     "global_rules": { "max_rules_per_sg": 1e999, "min_description_length": "10", "required_tags": "Owner", "enfor...
      |                                           ^^^^^

    error: the text `10` stands where a whole number from 1 to 255 is expected
     --> p.json:4:76
      |
    4 |     "global_rules": { "max_rules_per_sg": 1e999, "min_description_length": "10", "required_tags": "Owner", "enfor...
      |                                                                            ^^^^

    error: the text `Owner` stands where a list is expected
     --> p.json:4:99
      |
    4 |     "global_rules": { "max_rules_per_sg": 1e999, "min_description_length": "10", "required_tags": "Owner", "enfor...
      |                                                                                                   ^^^^^^^

    error: the text `yes` stands where true or false is expected
     --> p.json:4:127
      |
    4 | ... "10", "required_tags": "Owner", "enforce_tagging": "yes" },
      |                                                        ^^^^^

    error: `(` is no regular expression: unclosed group
     --> p.json:6:95
      |
    6 |       { "rule_id": "A", "protocol": "tcp", "source_type": "security_group", "source_pattern": "(" }
      |                                                                                               ^^^

    error: strategy `replace` needs `replace_with`
     --> p.json:8:67
      |
    8 |     "compliance_actions": { "remediation_settings": { "strategy": "replace" }, "violation_handling": {
      |                                                                   ^^^^^^^^^
      |
      = help: name the sources to put in place

    error: `aws:x` cannot begin the key of a tag
     --> p.json:9:21
      |
    9 |       "tag_prefix": "aws:x", "dummy_rule_config": { "from_port": 2, "to_port": 1 }
      |                     ^^^^^^^
      |
      = help: at most 64 letters, digits and `_.:/=+-@`, not `aws:…`

    error: the ports run backwards: `from_port` is 2 and `to_port` is 1
     --> p.json:9:51
      |
    9 |       "tag_prefix": "aws:x", "dummy_rule_config": { "from_port": 2, "to_port": 1 }
      |                                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `account_12` names no account: `account_` and twelve digits are expected
      --> p.json:12:35
       |
    12 |   "account_specific_overrides": { "account_12": {} },
       |                                   ^^^^^^^^^^^^

    error: `/33` is no prefix length: one from `/0` to `/32` is expected
      --> p.json:13:49
       |
    13 |   "settings": { "internet_threshold": { "ipv4": "/33" }, "authorized_tcp_ports": [70000] },
       |                                                 ^^^^^

    error: `70000` is not a whole number from 0 to 65535
      --> p.json:13:83
       |
    13 |   "settings": { "internet_threshold": { "ipv4": "/33" }, "authorized_tcp_ports": [70000] },
       |                                                                                   ^^^^^

    error: `123` is no account id: twelve digits are expected
      --> p.json:15:21
       |
    15 |     { "account_id": "123", "enforcement_level": "enforced" },
       |                     ^^^^^

    error: `enforced` is no enforcement level: enforce, warn, monitor or disabled is expected
      --> p.json:15:49
       |
    15 |     { "account_id": "123", "enforcement_level": "enforced" },
       |                                                 ^^^^^^^^^^
       |
       = help: did you mean `enforce`

    error: account `123456789012` stands twice
      --> p.json:17:21
       |
    16 |     { "account_id": "123456789012", "enforcement_level": "warn" },
       |                     -------------- first here
    17 |     { "account_id": 123456789012, "enforcement_level": "warn" }
       |                     ^^^^^^^^^^^^

    error: `1e999` is no number of points: 0 or more is expected
      --> p.json:19:90
       |
    19 |   "reporting": { "compliance_score_calculation": { "deductions": { "critical_violation": 1e999, "low_violation":...
       |                                                                                          ^^^^^

    error: `-1` is no number of points: 0 or more is expected
      --> p.json:19:114
       |
    19 | ...ns": { "critical_violation": 1e999, "low_violation": -1 } } }
       |                                                         ^^
    "#);
}
