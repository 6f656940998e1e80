//! What rules mean, where the seed's file does not show it; and that keys, readers and schema are one.

use std::collections::BTreeSet;

use portcullis_core::controls::Hygiene;
use portcullis_core::net::service::describe_services;
use portcullis_core::policy::{Match, PeerTest};
use serde_json::{Value, json};

use super::*;

/// One line for the services, the match and the peers of a prohibited inbound rule.
fn meaning(rule: &str) -> String {
    let policy = match Policy::parse("p.yaml", with_rule(&format!("rule_id: X\n{rule}")).as_bytes()) {
        Ok(policy) => policy,
        Err(errors) => return errors.to_string(),
    };
    let rule = &policy.rules[0].rule;
    let services = describe_services(&rule.services);
    let services: Vec<_> = services.iter().map(|(protocol, ports)| format!("{protocol} {ports}")).collect();
    let matching = match rule.matching {
        Match::Any => "any",
        Match::Everything => "everything",
        Match::All => "all",
    };
    let peers = rule.peers.iter().map(|test| match test {
        PeerTest::Internet(families) => format!("internet {families:?}"),
        PeerTest::Wide => "wide".to_owned(),
        PeerTest::Any => "anybody".to_owned(),
        PeerTest::Overlap(peers) => format!("{:?} {:?}", blocks(peers), peers.symbols),
        PeerTest::Outside(peers) => format!("outside {:?}", blocks(peers)),
    });
    format!("{} | {matching} | {}", services.join(", "), peers.collect::<Vec<_>>().join(" or "))
}

fn blocks(peers: &portcullis_core::net::PeerSet) -> Vec<String> {
    peers.addresses.cidrs().iter().map(ToString::to_string).collect()
}

#[test]
fn rules_mean_what_their_keys_say() {
    insta::assert_snapshot!(meaning("protocol: tcp\nport_range: 22\nsource: 0.0.0.0/0"), @"tcp 22 | any | internet {Ipv4}");
    insta::assert_snapshot!(meaning("protocol: TCP\nport_ranges: [22, 80-443, '8080,8443']\nsource: internet"), @"tcp 22, tcp 80-443, tcp 8080, tcp 8443 | any | internet {Ipv4, Ipv6}");
    insta::assert_snapshot!(meaning("protocol: -1\nport_range: 0-65535\nsource: 0::/0"), @"-1 all | everything | internet {Ipv6}");
    insta::assert_snapshot!(meaning("protocol: all\nport_range: '*'\nsource: [0.0.0.0/0, 10.0.0.0/8, wide]"), @r#"-1 all | everything | internet {Ipv4} or ["10.0.0.0/8"] {} or wide"#);
    insta::assert_snapshot!(meaning("protocol: '-1'\nport_range: 22\nsource: internet"), @"tcp 22, udp 22 | any | internet {Ipv4, Ipv6}");
    insta::assert_snapshot!(meaning("protocol: 6\nport_range: 1-65535\nsource: internet"), @"tcp 0-65535 | everything | internet {Ipv4, Ipv6}");
    insta::assert_snapshot!(meaning("protocol: tcp\nport_range: all\nmatch: any\nsource: internet"), @"tcp 0-65535 | any | internet {Ipv4, Ipv6}");
    insta::assert_snapshot!(meaning("protocol: tcp\nport_range: 1-100\nmatch: all\nsource: internet"), @"tcp 1-100 | all | internet {Ipv4, Ipv6}");
    insta::assert_snapshot!(meaning("protocol: tcp\nexcept_authorized_ports: true\nsource: internet"), @"tcp 0-65535 | any | internet {Ipv4, Ipv6}");
    insta::assert_snapshot!(meaning("protocol: [tcp, udp]\nport_range: 53"), @"tcp 53, udp 53 | any | anybody");
    insta::assert_snapshot!(meaning("protocol: icmp\nport_range: 3/4"), @"icmp 3/4 | any | anybody");
    insta::assert_snapshot!(meaning("protocol: icmp\nport_range: 8"), @"icmp 8 | any | anybody");
    insta::assert_snapshot!(meaning("protocol: gre"), @"47 all | any | anybody");
    insta::assert_snapshot!(meaning("protocol: tcp\nport_range: 22\nallowed_sources: [10.0.0.0/8]"), @r#"tcp 22 | any | outside ["10.0.0.0/8"]"#);
    insta::assert_snapshot!(meaning("protocol: tcp\nport_range: 22\nsource: [pl-1, 111122223333/sg-2, '*']"), @"tcp 22 | any | anybody");
    insta::assert_snapshot!(meaning("protocol: tcp\nport_range: 22\nsource: [pl-1, 111122223333/sg-2]"), @r#"tcp 22 | any | [] {Group { account: "111122223333", id: "sg-2" }, PrefixList("pl-1")}"#);
}

/// The hygiene controls of a policy with these global rules and overrides, each with the accounts it is for.
fn hygiene(global: &str, overrides: &str) -> String {
    let text = format!(
        "version: 1\ncompliance_policies: {{global_rules: {global}}}\naccount_specific_overrides: {overrides}\n"
    );
    let policy = Policy::parse("p.yaml", text.as_bytes()).unwrap();
    let shown = policy.hygiene.iter().map(|(control, scope)| {
        let accounts: Vec<_> = scope.accounts.iter().map(|account| account.as_str()).collect();
        let except: Vec<_> = scope.except_accounts.iter().map(|account| format!("not {account}")).collect();
        format!("{control:?} {}", [accounts.join(" "), except.join(" ")].concat()).trim_end().to_owned()
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn global_rules_set_hygiene_controls() {
    assert_eq!(hygiene("{}", "{}"), "");
    assert_eq!(hygiene("{required_tags: [A]}", "{}"), r#"MissingRequiredTag(["A"])"#);
    assert_eq!(hygiene("{required_tags: [A], enforce_tagging: false}", "{}"), "");
    assert_eq!(hygiene("{require_descriptions: true}", "{}"), "MissingGroupDescription(1)\nMissingRuleDescription(1)");
    assert_eq!(hygiene("{require_descriptions: false, min_description_length: 9}", "{}"), "");
    assert_eq!(hygiene("{min_description_length: 9}", "{}"), "MissingGroupDescription(9)\nMissingRuleDescription(9)");
    assert_eq!(
        hygiene("{max_rules_per_sg: 5}", "{account_111122223333: {inherit_global_rules: false}}"),
        "TooManyRules(5) not 111122223333"
    );
    insta::assert_snapshot!(hygiene("{max_rules_per_sg: 5, required_tags: [A]}", "{account_111122223333: {global_rules: {max_rules_per_sg: 9}}}"), @r#"
    MissingRequiredTag(["A"]) not 111122223333
    TooManyRules(5) not 111122223333
    MissingRequiredTag(["A"]) 111122223333
    TooManyRules(9) 111122223333
    "#);
    assert_eq!(hygiene("{}", "{example_account_1: {global_rules: {max_rules_per_sg: 9}}}"), "");
}

#[test]
fn rules_of_environments_and_accounts_are_for_these_alone() {
    let text = "
version: 1
compliance_policies:
  environment_specific:
    Production:
      additional_restrictions:
        - {rule_id: A, protocol: tcp, prohibited_port_ranges: ['23']}
        - {rule_id: B, protocol: tcp, restricted_port_ranges: ['23'], direction: outbound}
        - {rule_id: C, protocol: tcp, port_range: 23}
        - {rule_id: D, protocol: tcp, port_range: 23, source: internet}
account_specific_overrides:
  account_111122223333:
    additional_prohibited_rules: [{rule_id: E, protocol: tcp, port_range: 23}]
    additional_restricted_rules: [{rule_id: F, protocol: tcp, port_range: 23, environments: Test}]
    additional_allowed_rules: [{rule_id: G, protocol: tcp, port_range: 23}]
";
    let policy = Policy::parse("p.yaml", text.as_bytes()).unwrap();
    let shown = policy.rules.iter().map(|rule| {
        let kind = match &rule.rule.peers[0] {
            PeerTest::Outside(_) => "restricts",
            _ => "prohibits",
        };
        let scope = &rule.scope;
        format!("{} {kind} {} {:?} {:?}", rule.rule_id, rule.rule.direction, scope.environments, scope.accounts)
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @r#"
    A prohibits ingress {"production"} {}
    B restricts egress {"production"} {}
    C restricts ingress {"production"} {}
    D prohibits ingress {"production"} {}
    E prohibits ingress {} {"111122223333"}
    F restricts ingress {"test"} {"111122223333"}
    "#);
    assert_eq!(policy.allowed[0].1.scope.accounts.len(), 1);
    assert_eq!(policy.environments, ["production", "test"].map(str::to_owned).into());
}

#[test]
fn numbers_without_quotes_are_names_where_names_may_look_like_numbers() {
    let text = "version: 1.10\ncompliance_policies: {}\naccounts_config: [{account_id: 012345678901, enforcement_level: warn}]\n";
    let policy = Policy::parse("p.yaml", text.as_bytes()).unwrap();
    assert_eq!(policy.document.version.0, "1.10");
    assert_eq!(policy.document.accounts_config[0].account_id.0, "012345678901");
}

#[test]
fn dates_are_read_with_and_without_time() {
    let expires = |date: &str| {
        let text = format!(
            "version: 1\ncompliance_policies: {{}}\nexemptions: {{account_exemptions: {{'111122223333': \
             {{reason: r, exempted_rules: all, expiry_date: {date}}}}}}}\n"
        );
        let policy = Policy::parse("p.yaml", text.as_bytes()).unwrap();
        policy.exemptions[0].1.expires.map_or("never".to_owned(), |moment| moment.to_string())
    };
    assert_eq!(expires("permanent"), "never");
    assert_eq!(expires("2026-01-01"), "2026-01-01T00:00:00Z");
    assert_eq!(expires("2026-01-01T12:00:00"), "2026-01-01T12:00:00Z");
    assert_eq!(expires("2026-01-01T12:00:00+02:00"), "2026-01-01T10:00:00Z");
}

/// Every object of the schema with one instance of it in a document, by the pointer to put it at.
#[test]
fn the_schema_and_the_reader_know_the_same_keys() {
    let schema = crate::policy::schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let mut definitions: Vec<(&str, &Value)> = vec![("Document", &schema)];
    definitions.extend(schema["$defs"].as_object().unwrap().iter().map(|(name, schema)| (name.as_str(), schema)));
    let known = known_keys();
    let mut checked = BTreeSet::new();
    for (name, definition) in definitions {
        assert_eq!(definition["additionalProperties"], false, "{name}");
        let properties: BTreeSet<String> = definition["properties"].as_object().unwrap().keys().cloned().collect();
        for key in &properties {
            assert!(definition["properties"][key]["description"].is_string(), "{name}.{key} is not described");
        }
        // Each object is found by its keys: two structures with the same keys are the same to a reader.
        assert!(known.contains(&properties), "no reader knows exactly the keys of {name}: {properties:?}");
        checked.insert(properties);
    }
    assert_eq!(checked, known, "the schema lacks what a reader knows");
}

/// The keys that each structure's reader names when it meets one that it does not know.
fn known_keys() -> BTreeSet<BTreeSet<String>> {
    let rule = json!({"x": 1});
    let real_time = json!({"x": 1,
        "detection_rules": {"x": 1, "new_security_group_created": {"x": 1}, "mass_operations_detected": {"x": 1},
            "risky_rule_added": {"x": 1, "critical_patterns": [{"x": 1}]}},
        "remediation_settings": {"x": 1, "immediate_remediation": {"x": 1},
            "emergency_remediation": {"x": 1, "lockdown_mode": {"x": 1}}},
        "notification_escalation": {"x": 1}});
    let document = json!({"x": 1,
        "compliance_policies": {"x": 1,
            "global_rules": {"x": 1},
            "prohibited_rules": {"x": 1, "inbound": [rule]},
            "environment_specific": {"test": {"x": 1}},
            "compliance_actions": {"x": 1, "remediation_settings": {"x": 1},
                "violation_handling": {"x": 1, "dummy_rule_config": {"x": 1}},
                "notification_settings": {"x": 1, "alert_levels": {"x": 1}}},
            "real_time_scanning": real_time},
        "account_specific_overrides": {"account_111122223333": {"x": 1}},
        "exemptions": {"x": 1, "account_exemptions": {"111122223333": {"x": 1}}},
        "reporting": {"x": 1, "compliance_score_calculation": {"x": 1, "deductions": {"x": 1}}},
        "settings": {"x": 1, "wide_threshold": {"x": 1}},
        "framework": {"x": 1, "items": [{"x": 1}]},
        "accounts_config": [{"x": 1, "actions": {"x": 1}, "notification_settings": {"x": 1}, "warning_settings": {"x": 1},
            "monitoring_settings": {"x": 1}}]});
    let errors = Policy::parse("p.json", document.to_string().as_bytes()).unwrap_err();
    let help = errors.iter().filter_map(|(_, error)| error.help.as_deref()?.strip_prefix("known here: "));
    help.map(|keys| keys.split(", ").map(str::to_owned).collect()).collect()
}

#[test]
fn every_object_of_the_seed_refuses_a_key_that_it_does_not_know() {
    let seed: Value =
        serde_json::from_str(include_str!("../../../../../examples/seed/security_policies.json")).unwrap();
    let mut pointers = Vec::new();
    objects(&seed, String::new(), &mut pointers);
    for pointer in pointers {
        let mut changed = seed.clone();
        changed.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().insert("zzz".to_owned(), json!(1));
        let refused = Policy::parse("p.json", changed.to_string().as_bytes()).is_err();
        // What people write about their policy is theirs.
        assert_eq!(refused, pointer != "/metadata", "{pointer}");
    }
}

fn objects(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            entries.iter().for_each(|(key, value)| objects(value, format!("{pointer}/{key}"), found));
            found.push(pointer);
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| objects(value, format!("{pointer}/{at}"), found));
        }
        _ => {}
    }
}

#[test]
fn hygiene_in_the_reader_is_hygiene_in_the_core() {
    // `global_rules` sets exactly the controls that take numbers.
    let ids: BTreeSet<&str> = Hygiene::all().iter().map(|control| control.metadata().id).collect();
    for id in ["missing-required-tag", "too-many-rules", "missing-group-description", "missing-rule-description"] {
        assert!(ids.contains(id));
    }
}

proptest::proptest! {
    /// A file that was cut, or in which bytes were changed, is read or refused, never a panic.
    #[test]
    fn damaged_files_are_refused_and_nothing_worse(
        edits in proptest::collection::vec((0usize..14_000, proptest::sample::select(PIECES.to_vec()), 0usize..40), 1..6),
        yaml: bool,
    ) {
        let mut text = if yaml {
            include_str!("../../../../../policies/packs/cis-aws-5.0.yaml").to_owned()
        } else {
            include_str!("../../../../../examples/seed/security_policies.json").to_owned()
        };
        for (at, piece, cut) in edits {
            let at = (0..=at % (text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let end = (at + cut).min(text.len());
            let end = (at..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(at);
            text.replace_range(at..end, piece);
        }
        for name in ["p.json", "p.yaml"] {
            if let Err(errors) = Policy::parse(name, text.as_bytes()) {
                proptest::prop_assert!(!errors.to_string().is_empty());
            }
        }
    }
}

/// What has a meaning in JSON or YAML.
const PIECES: &[&str] = &[
    "", "{", "}", "[", "]", ",", ":", ": ", "\"", "'", "\\", "\n", "\n  ", "\t", "- ", "? ", "&a ", "*a", "!x ", "|\n",
    ">\n", "#", "%", "---\n", "...", "é", "\u{feff}", "\r", "\u{85}", "null", "1e999", "0x", "<<: ", "@", "`", "\\u12",
    "\\ud800", "~",
];
