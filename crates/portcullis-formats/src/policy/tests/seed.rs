//! The compliance framework's own policy, read unchanged: each key lands where it belongs.

use jiff::Timestamp;
use portcullis_core::controls::Hygiene;
use portcullis_core::model::Direction;
use portcullis_core::net::RuleServices;
use portcullis_core::policy::{
    AllowedPeers, EnforcementLevel, ExemptedRules, ExemptionTarget, Match, PeerTest, Severity,
};

use super::*;
use crate::policy::assemble::{Assembled, Request, assemble};
use crate::policy::document::actions::Alert;
use crate::policy::document::{Frequency, Metric};
use crate::policy::{PeerName, ProtocolName, kebab_case};

const TEXT: &str = include_str!("../../../../../examples/seed/security_policies.json");

fn seed() -> Policy {
    Policy::parse("security_policies.json", TEXT.as_bytes()).unwrap()
}

fn assembled() -> Assembled {
    let policies = vec![("security_policies.json".to_owned(), TEXT.as_bytes().to_vec())];
    assemble(&Request { policies, ..Request::default() }).unwrap()
}

#[test]
fn its_words_about_itself() {
    let document = seed().document;
    assert_eq!(document.version.0, "1.0.0");
    assert_eq!(document.last_updated.unwrap().0.to_string(), "2025-07-11T00:00:00Z");
    assert!(document.description.unwrap().starts_with("Security Group Compliance Policies"));
    let (keys, _): (Vec<_>, Vec<_>) = document.metadata.0.into_iter().unzip();
    assert_eq!(keys, ["author", "framework", "environment"]);
}

#[test]
fn its_rules() {
    let policy = seed();
    let ids: Vec<_> = policy.rules.iter().map(|rule| rule.rule_id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "PROHIBIT_ALL_TRAFFIC_HTTP",
            "PROHIBIT_ALL_TRAFFIC_SSH",
            "PROHIBIT_ALL_TRAFFIC_RDP",
            "PROHIBIT_ALL_TRAFFIC_ANY_PORT",
            "PROHIBIT_IPV6_ALL_TRAFFIC",
            "PROHIBIT_OUTBOUND_ALL_TRAFFIC",
            "RESTRICT_DATABASE_PORTS",
            "RESTRICT_MANAGEMENT_PORTS",
            "PROD_NO_EPHEMERAL_PORTS",
            "STAGING_LIMIT_DEBUG_PORTS",
        ]
    );
    let rule = |id: &str| policy.rules.iter().find(|rule| rule.rule_id == id).unwrap();
    let ssh = rule("PROHIBIT_ALL_TRAFFIC_SSH");
    assert_eq!(ssh.control_id, "prohibit-all-traffic-ssh");
    assert_eq!(ssh.severity, Severity::Critical);
    assert_eq!(ssh.text.title, "Prohibit SSH access from anywhere");
    assert_eq!(ssh.text.reason, "SSH access should be restricted to specific IP ranges");
    assert_eq!(ssh.rule.matching, Match::Any);
    assert_eq!(rule("PROHIBIT_ALL_TRAFFIC_ANY_PORT").rule.matching, Match::Everything);
    let outbound = rule("PROHIBIT_OUTBOUND_ALL_TRAFFIC");
    assert_eq!((outbound.rule.direction, outbound.rule.matching), (Direction::Egress, Match::Everything));
    let database = rule("RESTRICT_DATABASE_PORTS");
    assert!(matches!(database.rule.peers.as_slice(), [PeerTest::Outside(_)]));
    assert_eq!(database.scope.environments.iter().collect::<Vec<_>>(), ["production", "staging"]);
    assert_eq!(rule("PROD_NO_EPHEMERAL_PORTS").rule.peers, [PeerTest::Any]);
    let private = portcullis_core::policy::private_space();
    assert_eq!(rule("STAGING_LIMIT_DEBUG_PORTS").rule.peers, [PeerTest::Outside(private)]);
    assert_eq!(policy.environments.iter().collect::<Vec<_>>(), ["development", "production", "staging"]);
}

#[test]
fn its_allowed_rules() {
    let policy = seed();
    let allowed: Vec<_> = policy.allowed.iter().map(|(_, rule)| rule).collect();
    let ids: Vec<_> = allowed.iter().map(|rule| rule.rule_id.as_str()).collect();
    assert_eq!(
        ids,
        ["ALLOW_HTTPS_FROM_ALB", "ALLOW_HTTP_FROM_ALB", "ALLOW_INTERNAL_VPC_COMMUNICATION", "DEV_ALLOW_DEBUG_PORTS"]
    );
    let AllowedPeers::GroupsNamed(pattern) = &allowed[0].peers else { unreachable!() };
    assert!(pattern.is_match("shop-alb-public") && !pattern.is_match("shop-web"));
    assert!(matches!(&allowed[2].peers, AllowedPeers::Only(_)));
    assert!(matches!(&allowed[3].peers, AllowedPeers::Anyone));
    assert_eq!(allowed[3].scope.environments.iter().collect::<Vec<_>>(), ["development"]);
}

#[test]
fn its_global_rules() {
    let hygiene: Vec<_> = seed().hygiene.into_iter().map(|(control, _)| control).collect();
    let tags = ["Environment", "Owner", "Purpose", "Project"].map(str::to_owned).to_vec();
    assert_eq!(
        hygiene,
        [
            Hygiene::MissingRequiredTag(tags),
            Hygiene::TooManyRules(50),
            Hygiene::MissingGroupDescription(10),
            Hygiene::MissingRuleDescription(10),
        ]
    );
}

#[test]
fn its_actions() {
    let policy = seed();
    let policies = &policy.document.compliance_policies;
    let actions = &policies.compliance_actions;
    assert!(actions.violation_handling.tag_non_compliant && actions.violation_handling.backup_rules_before_remediation);
    assert_eq!(actions.notification_settings.alert_levels.high, Alert::WithinOneHour);
    assert_eq!(actions.remediation_settings.grace_period_hours.0, 24);
    assert_eq!(actions.remediation_settings.escalation_after_hours.0, 72);
    assert!(!actions.remediation_settings.automatic_remediation);
    let set = assembled().set;
    assert_eq!(set.tag_prefix, "COMPLIANCE_");
    assert!(set.dummy_rule.enabled && set.dummy_rule.description.ends_with("Violation: {violation_reason}"));
    assert_eq!(set.dummy_rule.services, RuleServices::Ports(portcullis_core::net::Protocol::TCP, 65535, 65535));
    assert_eq!(set.dummy_rule.cidrs.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1/32"]);
    let production = &policies.environment_specific.entries[0];
    assert_eq!(production.0.value, "production");
    assert_eq!(
        production.1.required_approvals.iter().map(|by| by.0.as_str()).collect::<Vec<_>>(),
        ["security_team", "ops_team"]
    );
}

#[test]
fn its_real_time_settings() {
    let real_time = seed().document.compliance_policies.value.real_time_scanning.unwrap();
    let rules = &real_time.detection_rules;
    assert!(real_time.enabled && rules.new_security_group_created.immediate_scan);
    assert_eq!(rules.new_security_group_created.scan_within_seconds.0, 30);
    assert_eq!(rules.risky_rule_added.scan_within_seconds.0, 15);
    assert_eq!(rules.risky_rule_added.auto_remediate_critical, Some(true));
    let pattern = &rules.risky_rule_added.critical_patterns[1];
    assert_eq!(pattern.pattern.value, PeerName::Peer("::/0".parse().unwrap()));
    assert_eq!(pattern.protocol, Some(ProtocolName::All));
    assert_eq!(rules.mass_operations_detected.threshold_per_hour.0, 50);
    assert_eq!(rules.mass_operations_detected.escalate_after_operations.0, 20);
    let remediation = &real_time.remediation_settings;
    assert!(
        !remediation.emergency_remediation.enabled && remediation.emergency_remediation.lockdown_mode.tag_as_emergency
    );
    assert_eq!(remediation.immediate_remediation.severity_threshold, Severity::High);
    assert_eq!(remediation.immediate_remediation.grace_period_minutes.0, 5);
    let escalation = &real_time.notification_escalation;
    assert_eq!(escalation.daily_digest_severities, [Severity::Medium, Severity::Low]);
    assert_eq!(escalation.security_team_channels[0].0, "sns_topic_critical");
}

#[test]
fn its_exemptions() {
    let policy = seed();
    let exemptions: Vec<_> = policy.exemptions.iter().map(|(_, exemption)| exemption).collect();
    assert_eq!(exemptions[0].target, ExemptionTarget::Group("sg-12345678".into()));
    assert_eq!(exemptions[0].rules, ExemptedRules::Only(["PROHIBIT_ALL_TRAFFIC_SSH".into()].into()));
    assert_eq!(exemptions[0].reason, "Legacy system requiring special access");
    assert_eq!(exemptions[0].approved_by, "security_team");
    assert_eq!(exemptions[0].expires, Some("2026-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(exemptions[0].place, "security_policies.json:309");
    assert_eq!(exemptions[1].target, ExemptionTarget::Account("123456789012".into()));
    assert_eq!(exemptions[1].expires, None);
    let entry = &policy.document.exemptions.security_group_exemptions.entries[0].1;
    assert_eq!(entry.review_frequency, Some(Frequency::Quarterly));
}

#[test]
fn its_reports_and_accounts() {
    let assembled = assembled();
    let reporting = &assembled.policies[0].document.reporting;
    assert_eq!(reporting.metrics_to_track.len(), 6);
    assert_eq!(reporting.metrics_to_track[0], Metric::TotalGroups);
    let deductions = assembled.set.deductions;
    let all =
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low].map(|severity| deductions.of(severity));
    assert_eq!(all.map(|points| points as u32), [25, 10, 5, 1]);
    let levels: Vec<_> = assembled.set.accounts.values().map(|account| account.level.unwrap()).collect();
    let expected =
        [EnforcementLevel::Enforce, EnforcementLevel::Warn, EnforcementLevel::Monitor, EnforcementLevel::Disabled];
    assert_eq!(levels, expected);
    let environments: Vec<_> = assembled.set.accounts.values().map(|account| account.environment.as_deref()).collect();
    // `sandbox` is the name of an account and of no environment.
    assert_eq!(environments, [Some("production"), Some("staging"), Some("development"), None]);
    let accounts = &assembled.policies[0].document.accounts_config;
    assert_eq!(accounts[0].regions.len(), 2);
    assert_eq!(accounts[0].cross_account_role_name.as_ref().unwrap().0, "SecurityGroupComplianceRole");
    assert_eq!(accounts[0].actions.remove_violating_rules, Some(true));
    assert_eq!(accounts[0].notification_settings.as_ref().unwrap().escalation_after_hours.unwrap().0, 2);
    let warning = accounts[1].warning_settings.as_ref().unwrap();
    assert_eq!(warning.escalation_schedule.iter().map(|hours| hours.0).collect::<Vec<_>>(), [24, 72, 168]);
    assert_eq!(warning.auto_enforce_after_days.unwrap().0, 14);
    let monitoring = accounts[2].monitoring_settings.as_ref().unwrap();
    assert!(monitoring.metrics_only && monitoring.report_frequency == Some(Frequency::Weekly));
}

#[test]
fn its_example_override_changes_nothing_and_is_said_so() {
    let assembled = assembled();
    assert!(!assembled.set.controls.iter().any(|control| control.id == "account-specific-prohibition"));
    let now: Timestamp = "2025-12-01T00:00:00Z".parse().unwrap();
    let notes: Vec<String> =
        assembled.notes(now).iter().map(|(place, note)| format!("{}: {}", place.unwrap(), note.message)).collect();
    insta::assert_snapshot!(notes.join("\n"), @"
    security_policies.json:151:7: `required_approvals` are checked here and acted upon by `enforce`
    security_policies.json:164:7: `required_approvals` are checked here and acted upon by `enforce`
    security_policies.json:204:32: `notification_settings` are checked here and acted upon by `enforce` and `watch`
    security_policies.json:213:31: `remediation_settings` are checked here and acted upon by `enforce` and `watch`
    security_policies.json:220:27: `real_time_scanning` is checked here and acted upon by `watch` and `handle-event`
    security_policies.json:291:5: the override `example_account_123456789012` changes nothing: its name is no `account_` and twelve digits
    security_policies.json:346:5: what `accounts_config` says of actions and notices is checked here and acted upon by `enforce` and `watch`
    ");
    let later: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    assert!(assembled.notes(later).to_string().contains("this exemption expired on 2026-01-01"));
}

#[test]
fn it_reads_the_same_as_yaml() {
    // JSON is YAML but for its tabs, of which the file has none.
    let json = assembled().set;
    let policies = vec![("p.yaml".to_owned(), TEXT.as_bytes().to_vec())];
    let yaml = assemble(&Request { policies, ..Request::default() }).unwrap().set;
    assert_eq!(format!("{:?}", json.controls), format!("{:?}", yaml.controls));
    assert_eq!(json.accounts, yaml.accounts);
}

#[test]
fn ids_become_kebab_case() {
    for (rule_id, control_id) in [
        ("PROHIBIT_ALL_TRAFFIC_SSH", "prohibit-all-traffic-ssh"),
        ("no-ssh", "no-ssh"),
        ("noSsh", "no-ssh"),
        ("__X__y", "x-y"),
        ("EC2.19", "ec2-19"),
    ] {
        assert_eq!(kebab_case(rule_id), control_id);
    }
}
