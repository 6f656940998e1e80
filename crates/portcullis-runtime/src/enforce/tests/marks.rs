//! Tags and warnings.

use portcullis_core::model::{Direction, Peer, Rule};
use portcullis_core::net::{Protocol, RuleServices};
use portcullis_core::remediation::Strategy;

use super::world::{World, at, group, policy, rules};
use crate::enforce::Terms;

const WARNS: &str = r#", "enforcement_level": "warn", "actions": {"add_warning_rule": true}"#;
const ENFORCES: &str = r#", "enforcement_level": "enforce", "actions": {"add_warning_rule": true}"#;
const AUTOMATIC: &str = r#""remediation_settings": {"automatic_remediation": true, "require_manual_approval": false}"#;
const WARNING: &str = "ingress tcp 65535 from 127.0.0.1/32";

#[test]
fn tags_and_warnings_come_and_go_with_the_violation() {
    let world = World::new(policy("", WARNS), &[group("sg-1", &[22])]);
    world.run(at(0));
    let marked = world.group("sg-1");
    assert!(rules(&marked).contains(&WARNING.to_owned()), "{:?}", rules(&marked));
    let warning = marked.rules.iter().find(|rule| rule.to_string() == WARNING).unwrap();
    assert_eq!(
        &*warning.description,
        "WARNING - Security Group failed compliance check. Contact Security Team. Violation: SSH is for the bastion"
    );
    let keys: Vec<&str> = marked.tags.iter().map(|tag| tag.key.as_str()).collect();
    assert_eq!(keys, ["COMPLIANCE_STATUS", "COMPLIANCE_VIOLATION_COUNT", "COMPLIANCE_VIOLATION_REASON"]);

    // The owner closes the port.
    let mut closed = marked;
    closed.rules.retain(|rule| rule.to_string() == WARNING);
    world.put(closed);
    world.run(at(1));
    let clean = world.group("sg-1");
    assert!(clean.rules.is_empty() && clean.tags.is_empty(), "{clean:?}");
}

#[test]
fn what_is_not_allowed_is_not_marked() {
    for (actions, account) in [
        (r#""violation_handling": {"tag_non_compliant": false}"#, r#", "enforcement_level": "warn""#),
        ("", r#", "enforcement_level": "warn", "actions": {"tag_non_compliant": false}"#),
        ("", r#", "enforcement_level": "monitor", "actions": {"tag_non_compliant": true, "add_warning_rule": true}"#),
        ("", r#", "enforcement_level": "disabled", "actions": {"tag_non_compliant": true, "add_warning_rule": true}"#),
    ] {
        let world = World::new(policy(actions, account), &[group("sg-1", &[22])]);
        world.run(at(0));
        assert_eq!(world.carried(), [], "{actions} {account}");
    }
}

#[test]
fn a_rule_of_the_owners_own_is_never_taken_for_a_warning() {
    let mut own = group("sg-1", &[22]);
    let services = RuleServices::Ports(Protocol::TCP, 65535, 65535);
    own.rules.push(Rule {
        description: "mine".into(),
        ..Rule::new(Direction::Ingress, services, "127.0.0.1/32".parse::<Peer>().unwrap())
    });
    let world = World::new(policy("", WARNS), &[own]);
    world.run(at(0));
    let mut closed = world.group("sg-1");
    assert_eq!(&*closed.rules[1].description, "mine");
    closed.rules.remove(0);
    world.put(closed);
    world.run(at(1));
    assert_eq!(rules(&world.group("sg-1")), [WARNING]);
}

#[test]
fn the_warning_goes_once_the_group_is_put_right() {
    let world = World::new(policy(AUTOMATIC, ENFORCES), &[group("sg-1", &[22])]);
    world.run(at(0));
    assert!(rules(&world.group("sg-1")).contains(&WARNING.to_owned()));
    let report = world.run(at(24));
    assert!(report.is_complete(), "{:?}", report.failures);
    assert!(!rules(&world.group("sg-1")).contains(&WARNING.to_owned()));
    assert_eq!(world.group("sg-1").tag("COMPLIANCE_REMEDIATED"), Some("true"));
}

#[test]
fn a_lockdown_leaves_one_rule_that_says_what_aws_lets_it_say() {
    let reason = r#"\"SSH\" is for the bastion — é"#;
    let text = format!(
        r#"{{"version": "1", "compliance_policies": {{"prohibited_rules": {{"inbound": [{{"rule_id": "NO_SSH",
            "description": "No SSH", "protocol": "tcp", "port_range": "22", "source": "0.0.0.0/0",
            "severity": "critical", "reason": "{reason}"}}]}}, "compliance_actions": {{{AUTOMATIC}}}}},
            "accounts_config": [{{"account_id": "111122223333"{ENFORCES}}}]}}"#
    );
    let request = portcullis_formats::policy::assemble::Request {
        policies: vec![("policy.json".to_owned(), text.into_bytes())],
        ..Default::default()
    };
    let policy = portcullis_formats::policy::assemble::assemble(&request).unwrap();
    let mut world = World::new(policy, &[group("sg-1", &[22, 443])]);
    world.terms = Terms::new(&world.policy.policies, Some(Strategy::Lockdown));
    world.run(at(0));
    let report = world.run(at(24));
    assert!(report.is_complete(), "{:?}", report.failures);
    let locked = world.group("sg-1");
    assert_eq!(rules(&locked), [WARNING]);
    let said = &*locked.rules[0].description;
    assert_eq!(
        said,
        "ALL RULES REMOVED - Security Group failed compliance check. Contact Security Team. Violation: -SSH- is for the \
         bastion - -"
    );
    // Amazon EC2 API Reference, `IpRange`.
    let fits = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    assert!(said.len() <= 255 && said.chars().all(fits));
    assert_eq!(locked.tag("COMPLIANCE_VIOLATION_REASON"), Some("-SSH- is for the bastion - é"));
}

#[test]
fn a_group_that_violates_anew_is_no_longer_tagged_as_put_right() {
    let world = World::new(policy(AUTOMATIC, ENFORCES), &[group("sg-1", &[22])]);
    world.run(at(0));
    world.run(at(24));
    let mut again = world.group("sg-1");
    assert_eq!(again.tag("COMPLIANCE_REMEDIATED"), Some("true"));
    again.rules = group("sg-1", &[80]).rules;
    world.put(again);
    world.run(at(25));
    assert_eq!(world.group("sg-1").tag("COMPLIANCE_REMEDIATED"), None);
    assert_eq!(world.group("sg-1").tag("COMPLIANCE_VIOLATION_REASON"), Some("No HTTP from anywhere"));
    let mut closed = world.group("sg-1");
    closed.rules.clear();
    world.put(closed);
    world.run(at(26));
    assert!(world.group("sg-1").tags.is_empty());
}
