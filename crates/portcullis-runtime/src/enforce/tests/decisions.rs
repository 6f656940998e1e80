//! Decisions, key by key of the policy.

use jiff::{SignedDuration, Timestamp};
use portcullis_core::finding::Status;
use portcullis_core::policy::{EnforcementLevel, Severity};
use portcullis_core::remediation::Strategy;
use portcullis_formats::policy::Policy;
use proptest::prelude::*;
use proptest::sample::select;

use super::world::{ACCOUNT, at, policy};
use crate::enforce::decide::{Facts, decide, in_words};
use crate::enforce::terms::{Alerts, Hearing};
use crate::enforce::{AccountTerms, Action, Terms};
use crate::notices::{Cause, Level};
use crate::state::sights::Sight;

const SEED: &str = include_str!("../../../../../examples/seed/security_policies.json");
const AUTOMATIC: &str = r#""remediation_settings": {"automatic_remediation": true, "require_manual_approval": false}"#;

fn terms(actions: &str, account: &str) -> AccountTerms {
    Terms::new(&policy(actions, account).policies, None).account(ACCOUNT).clone()
}

fn sight(first_seen: Timestamp) -> Sight {
    Sight {
        control_id: "no-ssh".into(),
        rule_id: Some("NO_SSH".into()),
        severity: Severity::Critical,
        reason: "open".to_owned(),
        first_seen,
        last_seen: first_seen,
        last_notified: Some(first_seen),
        escalated: 0,
        waits_for: None,
        approval: None,
        resolved: None,
    }
}

/// What is decided of a critical failing finding that has stood for so many hours.
fn after(terms: &AccountTerms, hours: i64) -> (Action, String) {
    let sight = sight(at(0));
    let facts = Facts {
        status: Status::Fail,
        severity: Severity::Critical,
        is_shown: true,
        sight: Some(&sight),
        approvers: &[],
        strategy: &Strategy::Narrow,
    };
    let decision = decide(terms, &facts, at(hours));
    (decision.action, decision.why)
}

#[test]
fn each_key_decides_what_its_name_says() {
    let own = |keys: &str| {
        format!(r#""remediation_settings": {{"automatic_remediation": true, "require_manual_approval": false{keys}}}"#)
    };
    let enforce = |keys: &str| format!(r#", "enforcement_level": "enforce"{keys}"#);
    let warn = |keys: &str| format!(r#", "enforcement_level": "warn"{keys}"#);
    let level = |level: &str| format!(r#", "enforcement_level": "{level}""#);
    let cases: &[(String, String, i64, Action, &str)] = &[
        (own(""), level("disabled"), 999, Action::None, "the account is disabled"),
        (own(""), level("monitor"), 999, Action::Report, "the account's level is `monitor`"),
        (own(""), level("warn"), 9999, Action::Warn, "the account's level is `warn`"),
        (own(""), enforce(""), 0, Action::Wait, "its grace period is over in 24 hours"),
        (own(""), enforce(""), 23, Action::Wait, "its grace period is over in 60 minutes"),
        (own(""), enforce(""), 24, Action::Remediate, "it has stood for 24 hours, and its grace period is over"),
        (own(r#", "grace_period_hours": 0"#), enforce(""), 0, Action::Remediate, "it has stood for 0 minutes"),
        (own(r#", "grace_period_hours": 100"#), enforce(""), 99, Action::Wait, "60 minutes"),
        (own(r#", "grace_period_hours": 100"#), enforce(""), 100, Action::Remediate, "5 days"),
        (
            r#""remediation_settings": {"automatic_remediation": true}"#.to_owned(),
            enforce(""),
            99,
            Action::AskApproval,
            "the policy requires somebody to agree first",
        ),
        (
            r#""remediation_settings": {"require_manual_approval": false}"#.to_owned(),
            enforce(""),
            99,
            Action::AskApproval,
            "automatic remediation is off",
        ),
        (
            r#""remediation_settings": {"require_manual_approval": true}"#.to_owned(),
            enforce(""),
            1,
            Action::Wait,
            "23 hours",
        ),
        (
            own(""),
            enforce(r#", "actions": {"remove_violating_rules": false}"#),
            99,
            Action::Warn,
            "`remove_violating_rules` is false for the account",
        ),
        (
            own(""),
            warn(r#", "warning_settings": {"auto_enforce_after_days": 14}"#),
            335,
            Action::Warn,
            "the account's level is `warn`, which becomes `enforce` for it in 60 minutes",
        ),
        (own(""), warn(r#", "warning_settings": {"auto_enforce_after_days": 14}"#), 336, Action::Remediate, "14 days"),
        (
            own(""),
            warn(r#", "warning_settings": {"auto_enforce_after_days": 3, "grace_period_days": 7}"#),
            100,
            Action::Warn,
            "3 days",
        ),
        (
            own(""),
            warn(r#", "warning_settings": {"auto_enforce_after_days": 3, "grace_period_days": 7}"#),
            168,
            Action::Remediate,
            "7 days",
        ),
        (
            own(""),
            warn(
                r#", "warning_settings": {"auto_enforce_after_days": 3},
            "actions": {"remove_violating_rules": false}"#,
            ),
            999,
            Action::Warn,
            "`remove_violating_rules` is false",
        ),
        // Only an account at `warn` is moved on by them.
        (
            own(""),
            enforce(r#", "warning_settings": {"auto_enforce_after_days": 9, "grace_period_days": 9}"#),
            24,
            Action::Remediate,
            "24 hours",
        ),
    ];
    for (actions, account, hours, action, why) in cases {
        let (decided, said) = after(&terms(actions, account), *hours);
        assert_eq!(decided, *action, "{actions} {account} after {hours} h: {said}");
        assert!(said.contains(why), "{actions} {account} after {hours} h: {said}");
    }
}

#[test]
fn unknown_and_exempt_findings_are_reported_and_no_more() {
    let terms = terms(AUTOMATIC, r#", "enforcement_level": "enforce""#);
    let sight = sight(at(0));
    for status in [Status::Unknown, Status::Exempt, Status::Pass] {
        let facts = Facts {
            status,
            severity: Severity::Critical,
            is_shown: true,
            sight: Some(&sight),
            approvers: &[],
            strategy: &Strategy::Narrow,
        };
        let decision = decide(&terms, &facts, at(999));
        assert_eq!((decision.action, decision.tell), (Action::Report, None), "{status}");
    }
}

#[test]
fn the_strategy_tag_never_goes_beyond_a_warning() {
    let terms = terms(AUTOMATIC, r#", "enforcement_level": "enforce""#);
    let sight = sight(at(0));
    let facts = Facts {
        status: Status::Fail,
        severity: Severity::Critical,
        is_shown: true,
        sight: Some(&sight),
        approvers: &[],
        strategy: &Strategy::Tag,
    };
    assert_eq!(decide(&terms, &facts, at(999)).action, Action::Warn);
}

#[test]
fn in_real_time_the_threshold_and_the_minutes_of_grace_count() {
    let seed = Policy::parse("seed.json", SEED.as_bytes()).unwrap();
    let real_time = seed.document.compliance_policies.real_time_scanning.clone().unwrap();
    let mut immediate = real_time.remediation_settings.immediate_remediation.clone();
    let calm = terms("", r#", "enforcement_level": "enforce""#);
    let decided = |terms: &AccountTerms, severity, minutes| {
        let sight = Sight { severity, ..sight(at(0)) };
        let facts = Facts {
            status: Status::Fail,
            severity,
            is_shown: true,
            sight: Some(&sight),
            approvers: &[],
            strategy: &Strategy::Narrow,
        };
        decide(terms, &facts, at(0) + SignedDuration::from_mins(minutes)).action
    };
    let off = calm.in_real_time(&immediate, &real_time.notification_escalation);
    assert_eq!(decided(&off, Severity::Critical, 99), Action::Warn);
    immediate.enabled = true;
    let on = calm.in_real_time(&immediate, &real_time.notification_escalation);
    assert_eq!(decided(&on, Severity::High, 4), Action::Wait);
    assert_eq!(decided(&on, Severity::High, 5), Action::Remediate);
    assert_eq!(decided(&on, Severity::Medium, 99), Action::Warn);
    let alerts = Alerts::in_real_time(&real_time.notification_escalation);
    let levels = Severity::ALL.map(|severity| alerts.of(severity));
    let daily = Some(Level::DailyDigest);
    assert_eq!(levels, [Some(Level::Immediate), Some(Level::WithinOneHour), daily, daily, None]);
}

#[test]
fn the_seeds_accounts_are_read_as_they_are_meant() {
    let seed = Policy::parse("seed.json", SEED.as_bytes()).unwrap();
    let terms = Terms::new(&[seed], None);
    let production = terms.account("123456789012");
    assert_eq!(production.name, "production");
    assert_eq!(production.level, EnforcementLevel::Enforce);
    assert!(production.tags && production.warning_rule && production.removes && production.approval);
    assert!(!production.automatic && production.weekly_report);
    assert_eq!(production.grace, SignedDuration::from_hours(24));
    assert_eq!(production.escalations, [SignedDuration::from_hours(2)]);
    let tells = Severity::ALL.map(|severity| production.tells(severity));
    let levels = [Level::Immediate, Level::WithinOneHour, Level::DailyDigest, Level::WeeklyDigest];
    assert_eq!(tells[..4], levels.map(Some));
    assert_eq!(tells[4], None);

    let staging = terms.account("234567890123");
    assert_eq!((staging.level, staging.removes), (EnforcementLevel::Warn, false));
    assert_eq!(staging.grace, SignedDuration::from_hours(7 * 24));
    assert_eq!(staging.enforce_after, Some(SignedDuration::from_hours(14 * 24)));
    assert_eq!(staging.escalations, [24, 72, 168].map(SignedDuration::from_hours));

    let development = terms.account("345678901234");
    assert_eq!((development.level, &development.hearing), (EnforcementLevel::Monitor, &Hearing::Nobody));
    assert_eq!(terms.account("456789012345").level, EnforcementLevel::Disabled);
    assert_eq!(terms.account("000000000000").level, EnforcementLevel::Monitor);
    assert_eq!(terms.approvers(Some("production")), ["security_team", "ops_team"]);
    assert_eq!(terms.approvers(Some("development")), [""; 0]);
    assert_eq!(terms.channels, ["sns_topic_critical", "slack_security_channel", "email_security_team"]);
}

#[test]
fn of_several_policies_the_most_careful_holds() {
    let parse = |actions: &str| policy(actions, r#", "enforcement_level": "enforce""#).policies.remove(0);
    let bold = parse(
        r#""remediation_settings": {"automatic_remediation": true, "require_manual_approval": false,
           "grace_period_hours": 1, "escalation_after_hours": 99},
           "notification_settings": {"alert_levels": {"low": "immediate"}}"#,
    );
    let careful = parse(r#""remediation_settings": {"grace_period_hours": 48, "escalation_after_hours": 7}"#);
    let silent = parse("");
    for policies in [[&bold, &careful], [&careful, &bold]] {
        let terms = Terms::new(&policies.map(Clone::clone), None);
        let account = terms.account(ACCOUNT);
        assert!(account.approval && !account.automatic);
        assert_eq!(account.grace, SignedDuration::from_hours(48));
        assert_eq!(account.escalations, [SignedDuration::from_hours(7)]);
        assert_eq!(account.tells(Severity::Low), Some(Level::Immediate));
    }
    // One whose remediation settings are not there says nothing of them.
    assert!(Terms::new(&[silent], None).account(ACCOUNT).approval);
}

#[test]
fn escalation_tells_once_for_each_step() {
    let account = r#", "enforcement_level": "warn", "warning_settings": {"escalation_schedule": ["24h", "72h", "7d"]}"#;
    let terms = terms("", account);
    let mut known = sight(at(0));
    let mut told = Vec::new();
    for hour in 0..240 {
        let facts = Facts {
            status: Status::Fail,
            severity: Severity::Low,
            is_shown: true,
            sight: Some(&known),
            approvers: &[],
            strategy: &Strategy::Narrow,
        };
        let decision = decide(&terms, &facts, at(hour));
        if let Some(step) = decision.escalates {
            assert_eq!(decision.tell, Some((Level::Immediate, Cause::Escalated)));
            told.push((hour, step));
            known.escalated = step;
        }
    }
    assert_eq!(told, [(24, 24), (72, 72), (168, 168)]);
}

#[test]
fn lengths_of_time_are_rounded_up() {
    let words = |seconds| in_words(SignedDuration::from_secs(seconds));
    assert_eq!(words(-5), "0 minutes");
    assert_eq!(words(1), "1 minute");
    assert_eq!(words(7_199), "120 minutes".replace("120 minutes", "2 hours"));
    assert_eq!(words(86_400), "24 hours");
    assert_eq!(words(259_200), "3 days");
}

fn any_terms() -> impl Strategy_<Value = AccountTerms> {
    let levels =
        [EnforcementLevel::Disabled, EnforcementLevel::Monitor, EnforcementLevel::Warn, EnforcementLevel::Enforce];
    let hours = 0_i64..100;
    (
        select(levels.to_vec()),
        any::<[bool; 4]>(),
        hours.clone(),
        proptest::option::of(hours),
        select(Severity::ALL.to_vec()),
    )
        .prop_map(|(level, [removes, automatic, approval, at_once], grace, enforce_after, least)| AccountTerms {
            level,
            removes,
            automatic,
            approval,
            at_once,
            least,
            grace: SignedDuration::from_hours(grace),
            enforce_after: enforce_after.map(SignedDuration::from_hours),
            ..terms("", r#", "enforcement_level": "enforce""#)
        })
}

use proptest::strategy::Strategy as Strategy_;

proptest! {
    #[test]
    fn nothing_is_put_right_unless_everything_allows_it(
        terms in any_terms(),
        status in select(Status::ALL.to_vec()),
        severity in select(Severity::ALL.to_vec()),
        first in -200_i64..200,
        now in -200_i64..200,
        is_known in any::<bool>(),
        approver in any::<bool>(),
    ) {
        let sight = sight(at(first));
        let approvers = if approver { vec!["security_team".to_owned()] } else { Vec::new() };
        let facts = Facts {
            status,
            severity,
            is_shown: true,
            sight: is_known.then_some(&sight),
            approvers: &approvers,
            strategy: &Strategy::Narrow,
        };
        let decision = decide(&terms, &facts, at(now));
        let stood = if is_known { SignedDuration::from_hours(now - first).max(SignedDuration::ZERO) } else { SignedDuration::ZERO };
        let level_allows = match terms.level {
            EnforcementLevel::Enforce => true,
            EnforcementLevel::Warn => terms.enforce_after.is_some_and(|after| stood >= after),
            EnforcementLevel::Disabled | EnforcementLevel::Monitor => false,
        };
        let allowed = level_allows
            && status == Status::Fail
            && severity >= terms.least
            && stood >= terms.grace
            && terms.removes
            && terms.automatic
            && !terms.approval
            && !approver;
        prop_assert_eq!(decision.action == Action::Remediate, allowed, "{:?}", decision);
    }
}
