//! What is done about what was found.
//!
//! In this order: what the user ordered by hand; an emergency, from its severity on; what is put right at once, from its
//! severity on and after its minutes of grace; else what the account's level asks, as a scan would do it.

use portcullis_core::evaluate::environment_of;
use portcullis_core::finding::{Finding, Status};
use portcullis_core::policy::{EnforcementLevel, Severity};
use portcullis_core::remediation::Strategy;

use super::turn::{Step, Turn};
use super::{Run, Settings};
use crate::enforce::AccountTerms;
use crate::enforce::decide::{Action, Facts, decide};
use crate::state::sights::{FirstSights, Seen};

impl Run<'_> {
    /// Decides about every finding, and brings first sights up to date.
    pub(super) fn decide(&self, turns: &mut [Turn<'_>], mut sights: FirstSights) -> FirstSights {
        for turn in turns {
            if self.settings.order.is_none() {
                self.see(turn, &mut sights);
            }
            let decisions: Vec<(Step, String)> =
                turn.findings.iter().map(|(finding, ..)| self.decided(turn, finding, &sights)).collect();
            for ((_, step, why), (decided, reason)) in turn.findings.iter_mut().zip(decisions) {
                (*step, *why) = (decided, reason);
            }
            turn.emergency = turn.most() == Step::Lockdown && self.settings.order.is_none();
        }
        sights
    }

    fn see(&self, turn: &Turn<'_>, sights: &mut FirstSights) {
        let (key, name, policies) = (&turn.group.key, &turn.group.name, &self.settings.policies);
        for finding in turn.failing() {
            let Some(control) = policies.control(finding) else { continue };
            let seen = Seen {
                control_id: control.id.clone(),
                rule_id: control.rule_id.clone(),
                severity: control.severity,
                reason: finding.reason.clone(),
            };
            sights.see(key, name, &finding.id, &seen, self.now);
        }
        let judged = |id: &str| policies.controls.iter().any(|control| control.id == id);
        let stands = |id: &str| turn.findings.iter().any(|(finding, ..)| finding.id == id);
        let unknown = |id: &str| {
            let open = turn.findings.iter().filter(|(finding, ..)| finding.status == Status::Unknown);
            open.filter_map(|(finding, ..)| policies.control(finding)).any(|control| control.id == id)
        };
        sights
            .settle(key, self.now, |id, sight| !stands(id) && judged(&sight.control_id) && !unknown(&sight.control_id));
    }

    fn decided(&self, turn: &Turn<'_>, finding: &Finding, sights: &FirstSights) -> (Step, String) {
        let settings = self.settings;
        match finding.status {
            Status::Fail => {}
            Status::Exempt => return (Step::Report, "it is exempt".to_owned()),
            Status::Unknown => return (Step::Report, "it is not known whether it fails".to_owned()),
            Status::Pass => return (Step::Report, "it holds".to_owned()),
        }
        if let Some(strategy) = &settings.order {
            return match strategy {
                Strategy::Lockdown => (Step::Lockdown, "`--strategy lockdown` is ordered".to_owned()),
                Strategy::Tag => (Step::Mark, "`--strategy tag` is ordered".to_owned()),
                strategy => (Step::Remedy, format!("`--strategy {}` is ordered", strategy.as_str())),
            };
        }
        let account = settings.terms.account(&turn.group.key.account_id);
        let severity = settings.policies.severity(finding);
        let (terms, held) = match self.in_real_time(turn, account, severity) {
            RealTime::Emergency(why) => return (Step::Lockdown, why),
            RealTime::Terms(terms) => (*terms, None),
            RealTime::Held(why) => (account.clone(), Some(why)),
        };
        let environment = environment_of(turn.group, &settings.policies);
        let facts = Facts {
            status: finding.status,
            severity,
            is_shown: finding.is_shown(),
            sight: sights.get(&turn.group.key, &finding.id),
            approvers: settings.terms.approvers(environment.as_deref()),
            strategy: &settings.terms.strategy,
        };
        let decision = decide(&terms, &facts, self.now);
        match (decision.action, held) {
            (Action::Wait | Action::AskApproval | Action::Remediate, Some(why)) => (Step::Mark, why),
            (Action::None | Action::Report, _) => (Step::Report, decision.why),
            (Action::Warn, _) => (Step::Mark, decision.why),
            (Action::AskApproval, _) => (Step::Ask, decision.why),
            (Action::Wait, _) => match decision.due.filter(|_| self.remembers) {
                Some(due) => (Step::Wait(due), decision.why),
                None => (Step::Mark, "what waits cannot be remembered".to_owned()),
            },
            (Action::Remediate, _) => (Step::Remedy, decision.why),
        }
    }

    /// What holds for a finding that is met as it happens.
    fn in_real_time(&self, turn: &Turn<'_>, account: &AccountTerms, severity: Severity) -> RealTime {
        let settings: &Settings = self.settings;
        let Some(scanning) = settings.real_time.scanning.as_ref().filter(|scanning| scanning.enabled) else {
            return RealTime::Terms(Box::new(account.clone()));
        };
        let rules = &scanning.detection_rules;
        let (rule, automatic) = if turn.is_new() {
            ("new_security_group_created", rules.new_security_group_created.auto_remediate_critical)
        } else {
            ("risky_rule_added", rules.risky_rule_added.auto_remediate_critical)
        };
        if severity == Severity::Critical && automatic == Some(false) {
            return RealTime::Held(format!("`{rule}.auto_remediate_critical` is false"));
        }
        let remedies = &scanning.remediation_settings;
        let emergency = &remedies.emergency_remediation;
        let may = account.level == EnforcementLevel::Enforce && account.removes;
        if emergency.enabled && severity >= emergency.severity_threshold && may {
            let least = emergency.severity_threshold;
            return RealTime::Emergency(format!("an emergency: {least} and worse is locked down"));
        }
        if !remedies.immediate_remediation.enabled {
            return RealTime::Terms(Box::new(account.clone()));
        }
        let own = account.in_real_time(&remedies.immediate_remediation, &scanning.notification_escalation);
        RealTime::Terms(Box::new(own))
    }
}

enum RealTime {
    /// Its group is locked down.
    Emergency(String),
    /// These terms hold.
    Terms(Box<AccountTerms>),
    /// It is not put right by itself, and why.
    Held(String),
}
