#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use portcullis_core::controls::Hygiene;
use portcullis_core::policy::ControlKind;

use super::*;

/// Assembles policies in YAML with packs.
fn assembled(policies: &[&str], packs: &[&str]) -> Result<Assembled, Diagnostics> {
    let named = policies.iter().zip(["a.yaml", "b.yaml"]);
    assemble(&Request {
        policies: named.map(|(text, name)| (name.to_owned(), text.as_bytes().to_vec())).collect(),
        packs: packs.iter().map(|pack| (*pack).to_owned()).collect(),
        environment: None,
    })
}

fn ids(policies: &[&str], packs: &[&str]) -> Vec<String> {
    assembled(policies, packs).unwrap().set.controls.iter().map(|control| control.id.to_string()).collect()
}

fn errors(policies: &[&str], packs: &[&str]) -> String {
    assembled(policies, packs).unwrap_err().to_string()
}

fn notes(policy: &str) -> String {
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    let notes = assembled(&[policy], &[]).unwrap().notes(now);
    let lines = notes.iter().map(|(place, note)| format!("{} {:?}: {}", place.unwrap(), note.level, note.message));
    lines.collect::<Vec<_>>().join("\n")
}

const OWN: &str = "
version: 1
compliance_policies: {prohibited_rules: {inbound: [{rule_id: NO_SSH, protocol: tcp, port_range: 22, source: internet}]}}
";

#[test]
fn without_a_pack_a_policy_stands_alone_and_without_either_the_default_does() {
    assert_eq!(ids(&[OWN], &[]), ["no-ssh"]);
    assert_eq!(ids(&[], &[]), ids(&[], &["recommended"]));
    let both = ids(&[OWN], &["recommended"]);
    assert_eq!(both.len(), ids(&[], &[]).len() + 1);
    assert_eq!(both.last().map(String::as_str), Some("no-ssh"));
}

#[test]
fn a_control_that_two_packs_and_a_policy_name_stands_once() {
    let policy = "{version: 1, compliance_policies: {}, controls: [internet-ssh, internet-ssh, duplicate-group]}";
    let all = ids(&[policy], &["cis-aws-5.0", "recommended", "recommended"]);
    assert_eq!(all.iter().filter(|id| *id == "internet-ssh").count(), 1);
    assert!(all.contains(&"duplicate-group".to_owned()));
    assert_eq!(ids(&[policy], &[]), ["internet-ssh", "duplicate-group"]);
}

#[test]
fn names_that_are_not_known_come_with_near_ones() {
    let policy = "{version: 1, compliance_policies: {}, controls: [internet-shh, nonsense]}";
    insta::assert_snapshot!(errors(&[policy], &["cis-aws-5", "pack"]), @"
    error: `cis-aws-5` is no pack
     |
     = help: did you mean `cis-aws-5.0`

    error: `pack` is no pack
     |
     = help: the packs are recommended, cis-aws-5.0, cis-aws-3.0, cis-aws-1.4, aws-fsbp, pci-dss-4.0, nist-800-53-r5, soc2, hipaa, all

    error: `internet-shh` is no control
     --> a.yaml:1:50
      |
    1 | {version: 1, compliance_policies: {}, controls: [internet-shh, nonsense]}
      |                                                  ^^^^^^^^^^^^
      |
      = help: did you mean `internet-ssh`

    error: `nonsense` is no control
     --> a.yaml:1:64
      |
    1 | {version: 1, compliance_policies: {}, controls: [internet-shh, nonsense]}
      |                                                                ^^^^^^^^
      |
      = help: `portcullis policy list` names them
    ");
    let policy = "
version: 1
compliance_policies: {}
framework:
  {name: N, label: L, version: 1, document: D, items: [{id: 1, title: T, controls: [internet-ftpd]}]}
";
    insta::assert_snapshot!(errors(&[policy], &[]), @"
    error: `internet-ftpd` is no control
     --> a.yaml:5:85
      |
    5 |   {name: N, label: L, version: 1, document: D, items: [{id: 1, title: T, controls: [internet-ftpd]}]}
      |                                                                                     ^^^^^^^^^^^^^
      |
      = help: did you mean `internet-ftp`
    ");
}

#[test]
fn a_rule_cannot_take_the_id_of_a_control_or_of_another_policys_rule() {
    let policy = "
version: 1
compliance_policies: {prohibited_rules: {inbound: [{rule_id: INTERNET_SSH, protocol: tcp}, {rule_id: no-ssh, protocol: tcp}]}}
";
    insta::assert_snapshot!(errors(&[OWN, policy], &[]), @"
    error: `INTERNET_SSH` is the id of a control that ships
     --> b.yaml:3:62
      |
    3 | compliance_policies: {prohibited_rules: {inbound: [{rule_id: INTERNET_SSH, protocol: tcp}, {rule_id: no-ssh, prot...
      |                                                              ^^^^^^^^^^^^
      |
      = help: choose another id, or name `internet-ssh` in `controls` to turn that one on

    error: the rule id `no-ssh` stands in two policies
     --> b.yaml:3:102
      |
    3 | compliance_policies: {prohibited_rules: {inbound: [{rule_id: INTERNET_SSH, protocol: tcp}, {rule_id: no-ssh, prot...
      |                                                                                                      ^^^^^^
      |
      = help: first at a.yaml:3
    ");
}

#[test]
fn settings_hold_for_controls_that_ship_and_must_agree() {
    let one = "{version: 1, compliance_policies: {}, controls: [internet-unauthorized-port, internet-ssh], \
               settings: {authorized_tcp_ports: [443], internet_threshold: {ipv4: /16}, wide_threshold: {ipv4: 24}}}";
    let set = assembled(&[one], &[]).unwrap().set;
    assert_eq!((set.settings.internet_ipv4, set.settings.internet_ipv6), (1 << 16, 1 << 112));
    assert_eq!(set.settings.wide_ipv4, 1 << 8);
    let unauthorized = set.controls.iter().find(|control| control.id == "internet-unauthorized-port").unwrap();
    let ControlKind::Traffic(rule) = &unauthorized.kind else { unreachable!() };
    let tcp = portcullis_core::net::Protocol::TCP;
    let open = |port| rule.services.contains_interval(tcp.ports(port, port));
    assert_eq!((open(80), open(443), open(22)), (true, false, true));
    assert_eq!(unauthorized.settings.internet_ipv4, 1 << 16);
    let other = "{version: 1, compliance_policies: {}, settings: {authorized_tcp_ports: [443, 8443], internet_threshold: {ipv6: /16}}}";
    insta::assert_snapshot!(errors(&[one, other], &[]), @"
    error: two policies give different values of `authorized_tcp_ports`
     --> b.yaml:1:49
      |
    1 | ...icies: {}, settings: {authorized_tcp_ports: [443, 8443], internet_threshold: {ipv6: /16}}}
      |                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: the other stands at a.yaml:1
    ");
    let upside_down = "{version: 1, compliance_policies: {}, settings: {wide_threshold: {ipv4: /4}}}";
    insta::assert_snapshot!(errors(&[upside_down], &[]), @"
    error: the wide threshold is above the internet threshold
     --> a.yaml:1:49
      |
    1 | {version: 1, compliance_policies: {}, settings: {wide_threshold: {ipv4: /4}}}
      |                                                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a wide source is less than the internet: give `wide_threshold` the longer prefix
    ");
}

/// The numbers of one hygiene control, with the accounts that each is for.
fn numbers(policies: &[&str], packs: &[&str], id: &str) -> Vec<(Hygiene, Vec<String>, Vec<String>)> {
    let set = assembled(policies, packs).unwrap().set;
    let texts = |accounts: &BTreeSet<CompactString>| accounts.iter().map(ToString::to_string).collect();
    let of = |control: &Control| match &control.kind {
        ControlKind::Hygiene(hygiene) => {
            Some((hygiene.clone(), texts(&control.scope.accounts), texts(&control.scope.except_accounts)))
        }
        ControlKind::Traffic(_) => None,
    };
    set.controls.iter().filter(|control| control.id == id).filter_map(of).collect()
}

#[test]
fn global_rules_replace_the_numbers_of_a_pack_and_several_policies_hold_together() {
    let ten = "{version: 1, compliance_policies: {global_rules: {max_rules_per_sg: 10, required_tags: [A]}}}";
    let five = "{version: 1, compliance_policies: {global_rules: {max_rules_per_sg: 5, required_tags: [B, A]}}, \
                account_specific_overrides: {account_111122223333: {inherit_global_rules: false}, \
                account_444455556666: {global_rules: {max_rules_per_sg: 3}}}}";
    let (no, one) = (Vec::<String>::new, |account: &str| vec![account.to_owned()]);
    assert_eq!(numbers(&[], &["recommended"], "too-many-rules"), [(Hygiene::TooManyRules(50), no(), no())]);
    assert_eq!(numbers(&[ten], &["recommended"], "too-many-rules"), [(Hygiene::TooManyRules(10), no(), no())]);
    assert_eq!(
        numbers(&[five], &["recommended"], "too-many-rules"),
        [
            (Hygiene::TooManyRules(5), no(), ["111122223333", "444455556666"].map(str::to_owned).to_vec()),
            (Hygiene::TooManyRules(50), one("111122223333"), no()),
            (Hygiene::TooManyRules(3), one("444455556666"), no()),
        ]
    );
    assert_eq!(numbers(&[five], &[], "too-many-rules").len(), 2);
    assert_eq!(numbers(&[ten, five], &[], "too-many-rules")[1], (Hygiene::TooManyRules(10), one("111122223333"), no()));
    let tags = |tags: &[&str]| Hygiene::MissingRequiredTag(tags.iter().map(|tag| (*tag).to_owned()).collect());
    assert_eq!(numbers(&[ten, five], &[], "missing-required-tag")[0], (tags(&["A", "B"]), no(), one("111122223333")));
}

#[test]
fn two_policies_cannot_tell_different_things_of_an_account_or_of_tags() {
    let one = "{version: 1, compliance_policies: {compliance_actions: {violation_handling: {tag_prefix: X_}}}, \
               accounts_config: [{account_id: '111122223333', enforcement_level: warn}]}";
    let other = "{version: 1, compliance_policies: {compliance_actions: {violation_handling: {tag_prefix: Y_}}}, \
                 accounts_config: [{account_id: '111122223333', enforcement_level: enforce}]}";
    insta::assert_snapshot!(errors(&[one, other], &[]), @"
    error: two policies give different values of `tag_prefix`
     --> b.yaml:1:90
      |
    1 | {version: 1, compliance_policies: {compliance_actions: {violation_handling: {tag_prefix: Y_}}}, accounts_config: ...
      |                                                                                          ^^
      |
      = help: the other stands at a.yaml:1

    error: two policies tell different things of account `111122223333`
     --> b.yaml:1:128
      |
    1 | ...g_prefix: Y_}}}, accounts_config: [{account_id: '111122223333', enforcement_level: enforce}]}
      |                                                    ^^^^^^^^^^^^^^
      |
      = help: leave it to one of them
    ");
    assert_eq!(assembled(&[one, one], &[]).unwrap().set.tag_prefix, "X_");
}

#[test]
fn points_are_told_of_a_hundred() {
    let policy = "{version: 1, compliance_policies: {}, reporting: {compliance_score_calculation: \
                  {total_possible_points: 200, deductions: {critical_violation: 50, low_violation: 0.5}}}}";
    let deductions = assembled(&[policy], &[]).unwrap().set.deductions;
    let expected = portcullis_core::policy::Deductions { critical: 25.0, high: 10.0, medium: 5.0, low: 0.25 };
    assert_eq!(deductions, expected);
}

#[test]
fn a_users_own_framework_gives_references() {
    let policy = "
version: 1
compliance_policies: {prohibited_rules: {inbound: [{rule_id: NO_SSH, protocol: tcp, port_range: 22}]}}
controls: [internet-ssh]
framework:
  name: House rules
  label: HR
  version: 1
  document: The wiki
  items: [{id: 7, title: T, controls: [NO_SSH, internet-ssh], families: ipv4}]
";
    let set = assembled(&[policy], &[]).unwrap().set;
    let labels = |id: &str| -> Vec<&str> {
        let control = set.controls.iter().find(|control| control.id == id).unwrap();
        control.frameworks.iter().map(|reference| reference.label.as_str()).collect()
    };
    assert_eq!(labels("no-ssh"), ["HR 7"]);
    assert!(labels("internet-ssh").contains(&"HR 7") && labels("internet-ssh").contains(&"CIS 5.0 5.3"));
    assert_eq!(set.frameworks.len(), 1);
    assert_eq!(set.frameworks[0].pack, "a.yaml");
}

#[test]
fn what_can_never_bear_is_noted() {
    let policy = "
version: 1
compliance_policies:
  global_rules: {enforce_tagging: true}
  prohibited_rules:
    inbound:
      - {rule_id: PORT_ZERO, protocol: tcp, port_range: 0}
      - {rule_id: LOOPBACK, protocol: tcp, port_range: 22, source: 127.0.0.0/8}
      - {rule_id: ALLOWED, protocol: tcp, port_range: 23, source: internet}
      - {rule_id: AUTHORIZED, protocol: tcp, port_range: '80,443', except_authorized_ports: true, source: internet}
      - {rule_id: LIVE, protocol: tcp, port_range: 24, source: internet}
  restricted_rules:
    inbound:
      - {rule_id: EVERYBODY, protocol: tcp, port_range: 25, allowed_sources: internet}
  allowed_rules:
    inbound:
      - {rule_id: LET_23, protocol: tcp, port_range: 23}
      - {rule_id: LET_99, protocol: tcp, port_range: 99}
account_specific_overrides:
  account_111122223333: {additional_prohibited_rules: [{rule_id: GONE, protocol: tcp, port_range: 26}]}
  other: {}
exemptions:
  security_group_exemptions:
    sg-1: {reason: r, exempted_rules: [LIFE, internet-ssh], expiry_date: 2026-06-01}
accounts_config: [{account_id: '111122223333', enforcement_level: disabled}]
";
    insta::assert_snapshot!(notes(policy), @"
    a.yaml:4:17 Warning: `enforce_tagging` has nothing to enforce: no `required_tags` are named
    a.yaml:7:19 Warning: `PORT_ZERO` can never be violated: port 0 carries no traffic
    a.yaml:8:19 Warning: `LOOPBACK` can never be violated: loopback addresses carry no traffic between hosts
    a.yaml:9:19 Warning: `ALLOWED` can never be violated: `LET_23` allows everything that it is about
    a.yaml:10:19 Warning: `AUTHORIZED` can never be violated: no port is left for it
    a.yaml:14:19 Warning: `EVERYBODY` can never be violated: every address is allowed
    a.yaml:18:19 Note: `LET_99` allows what no rule of this policy is about
    a.yaml:20:66 Warning: `GONE` bears on nothing: its account is disabled
    a.yaml:21:3 Note: the override `other` changes nothing: its name is no `account_` and twelve digits
    a.yaml:24:5 Warning: this exemption expired on 2026-06-01 and exempts nothing
    a.yaml:24:5 Warning: this exemption names `LIFE`, which is neither a rule nor a control
    a.yaml:25:19 Note: what `accounts_config` says of actions and notices is checked here and acted upon by `enforce` and `watch`
    ");
}

#[test]
fn an_environment_is_known_in_any_case() {
    let policy = "
version: 1
compliance_policies: {environment_specific: {Production: {additional_restrictions: [{rule_id: X, protocol: tcp}]}}}
accounts_config: [{account_id: '111122223333', account_name: PRODUCTION, enforcement_level: warn}]
";
    let request = Request {
        policies: vec![("a.yaml".to_owned(), policy.as_bytes().to_vec())],
        packs: Vec::new(),
        environment: Some("Staging".to_owned()),
    };
    let assembled = assemble(&request).unwrap();
    assert_eq!(assembled.set.environment.as_deref(), Some("staging"));
    assert_eq!(assembled.set.accounts["111122223333"].environment.as_deref(), Some("production"));
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    assert!(assembled.notes(now).to_string().contains("`X` bears on nothing: the environment given is `staging`"));
}
