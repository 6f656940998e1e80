//! What policies say of an account: how far things may go in it, when, and who hears of it.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::SignedDuration;
use portcullis_core::policy::{EnforcementLevel, Severity};
use portcullis_core::remediation::Strategy;
use portcullis_formats::policy::document::Frequency;
use portcullis_formats::policy::document::accounts::AccountConfig;
use portcullis_formats::policy::document::actions::{Alert, AlertLevels, ComplianceActions};
use portcullis_formats::policy::document::real_time::{Immediate, NotificationEscalation};
use portcullis_formats::policy::{At, Policy};

use crate::notices::Level;

/// When violations are told, by severity; `None` is never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts {
    levels: BTreeMap<Severity, Level>,
}

impl Alerts {
    /// The level of a severity.
    pub fn of(&self, severity: Severity) -> Option<Level> {
        self.levels.get(&severity).copied()
    }

    /// As `alert_levels` says.
    pub fn by_severity(levels: &AlertLevels) -> Self {
        let all = [
            (Severity::Critical, levels.critical),
            (Severity::High, levels.high),
            (Severity::Medium, levels.medium),
            (Severity::Low, levels.low),
            (Severity::Info, levels.info),
        ];
        let level = |alert| match alert {
            Alert::Immediate => Some(Level::Immediate),
            Alert::WithinOneHour => Some(Level::WithinOneHour),
            Alert::DailyDigest => Some(Level::DailyDigest),
            Alert::WeeklyDigest => Some(Level::WeeklyDigest),
            Alert::Never => None,
        };
        Self { levels: all.into_iter().filter_map(|(severity, alert)| Some((severity, level(alert)?))).collect() }
    }

    /// As `notification_escalation` says, for changes that are met as they happen. A severity in several lists is told at
    /// the most urgent of them, one in none of them is not told.
    pub fn in_real_time(escalation: &NotificationEscalation) -> Self {
        let lists = [
            (&escalation.weekly_digest_severities, Level::WeeklyDigest),
            (&escalation.daily_digest_severities, Level::DailyDigest),
            (&escalation.hourly_digest_severities, Level::WithinOneHour),
            (&escalation.immediate_alert_severities, Level::Immediate),
        ];
        let listed = lists.into_iter().flat_map(|(list, level)| list.iter().map(move |severity| (*severity, level)));
        Self { levels: listed.collect() }
    }

    /// The more urgent of both, severity by severity.
    fn or_more_urgent(mut self, other: &Self) -> Self {
        for (severity, level) in &other.levels {
            let own = self.levels.entry(*severity).or_insert(*level);
            *own = (*own).min(*level);
        }
        self
    }
}

/// Who hears of an account's violations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// Nobody.
    Nobody,
    /// By severity.
    BySeverity(Alerts),
    /// All of it together, at one level.
    Together(Level),
}

/// What holds in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountTerms {
    /// The account's name, where the policy tells it.
    pub name: String,
    /// How far things go.
    pub level: EnforcementLevel,
    /// Whether groups that violate are tagged.
    pub tags: bool,
    /// Whether groups that violate get a rule that warns and admits nobody.
    pub warning_rule: bool,
    /// Whether rules may be taken away at all.
    pub removes: bool,
    /// Whether anything is taken away without a person asking for it.
    pub automatic: bool,
    /// Whether somebody must agree first.
    pub approval: bool,
    /// How long a violation may stand before it is put right.
    pub grace: SignedDuration,
    /// The least severity that is put right.
    pub least: Severity,
    /// After how long `warn` becomes `enforce` for a violation.
    pub enforce_after: Option<SignedDuration>,
    /// After how long, each time, more people are told; ascending.
    pub escalations: Vec<SignedDuration>,
    /// Who hears of it, and when.
    pub hearing: Hearing,
    /// Whether anything is said at once; else within the hour.
    pub at_once: bool,
    /// Whether there is a report each week.
    pub weekly_report: bool,
}

/// What policies say of all accounts.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    accounts: BTreeMap<CompactString, AccountTerms>,
    elsewhere: AccountTerms,
    approvers: BTreeMap<String, Vec<String>>,
    /// How violations are put right.
    pub strategy: Strategy,
    /// Channels to the security team, which notices carry as an attribute.
    pub channels: Vec<String>,
}

/// What several policies say together of what is done: the most careful of them holds.
#[derive(Clone, Debug)]
struct Common {
    tags: bool,
    automatic: bool,
    approval: bool,
    grace: SignedDuration,
    escalation: SignedDuration,
    at_once: bool,
    alerts: Alerts,
}

fn hours(hours: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(hours))
}

fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

impl Common {
    fn of(actions: &ComplianceActions) -> Self {
        let (notices, remedy) = (&actions.notification_settings, &actions.remediation_settings);
        Self {
            tags: actions.violation_handling.tag_non_compliant,
            automatic: remedy.automatic_remediation,
            approval: remedy.require_manual_approval,
            grace: hours(remedy.grace_period_hours.0),
            escalation: hours(remedy.escalation_after_hours.0),
            at_once: notices.send_immediate_alerts,
            alerts: Alerts::by_severity(&notices.alert_levels),
        }
    }

    fn and(self, other: &Self) -> Self {
        Self {
            tags: self.tags && other.tags,
            automatic: self.automatic && other.automatic,
            approval: self.approval || other.approval,
            grace: self.grace.max(other.grace),
            escalation: self.escalation.min(other.escalation),
            at_once: self.at_once || other.at_once,
            alerts: self.alerts.or_more_urgent(&other.alerts),
        }
    }

    /// What holds in an account of which `accounts_config` says nothing.
    fn unnamed(&self) -> AccountTerms {
        AccountTerms {
            name: String::new(),
            level: EnforcementLevel::Monitor,
            tags: self.tags,
            warning_rule: false,
            removes: true,
            automatic: self.automatic,
            approval: self.approval,
            grace: self.grace,
            least: Severity::Info,
            enforce_after: None,
            escalations: vec![self.escalation],
            hearing: Hearing::Nobody,
            at_once: self.at_once,
            weekly_report: false,
        }
    }

    fn account(&self, config: &AccountConfig) -> AccountTerms {
        let level = config.enforcement_level.value;
        let (actions, notices) = (&config.actions, config.notification_settings.as_ref());
        let warning = config.warning_settings.as_ref().filter(|_| level == EnforcementLevel::Warn);
        let own_grace = warning.and_then(|own| own.grace_period_days).map(|count| days(count.0));
        let enforce_after = warning.and_then(|own| own.auto_enforce_after_days).map(|count| days(count.0));
        let schedule = warning.map(|own| own.escalation_schedule.as_slice()).unwrap_or_default();
        let own_escalation = notices.and_then(|own| own.escalation_after_hours).map(|count| hours(count.0));
        let mut escalations: Vec<SignedDuration> = schedule.iter().map(|step| hours(step.0)).collect();
        if escalations.is_empty() || own_escalation.is_some() {
            escalations.push(own_escalation.unwrap_or(self.escalation));
        }
        escalations.sort_unstable();
        escalations.dedup();
        AccountTerms {
            name: config.account_name.as_ref().map(|name| name.0.to_string()).unwrap_or_default(),
            level,
            tags: self.tags && actions.tag_non_compliant != Some(false),
            warning_rule: actions.add_warning_rule == Some(true),
            removes: actions.remove_violating_rules != Some(false),
            grace: own_grace.unwrap_or(self.grace),
            enforce_after,
            escalations,
            hearing: self.hearing(config),
            at_once: self.at_once && notices.is_none_or(|own| own.immediate_alerts),
            weekly_report: notices.is_some_and(|own| own.weekly_reports) && actions.send_notifications != Some(false),
            ..self.unnamed()
        }
    }

    /// Who hears of an account. `monitor` only reports: its notices are the reports that `monitoring_settings` asks for.
    fn hearing(&self, config: &AccountConfig) -> Hearing {
        if config.actions.send_notifications == Some(false) {
            return Hearing::Nobody;
        }
        match config.enforcement_level.value {
            EnforcementLevel::Disabled => Hearing::Nobody,
            EnforcementLevel::Warn | EnforcementLevel::Enforce => Hearing::BySeverity(self.alerts.clone()),
            EnforcementLevel::Monitor => {
                let settings = config.monitoring_settings.as_ref().filter(|settings| !settings.metrics_only);
                let frequency = settings.and_then(|settings| settings.report_frequency);
                frequency.map_or(Hearing::Nobody, |frequency| Hearing::Together(digest_of(frequency)))
            }
        }
    }
}

const fn digest_of(frequency: Frequency) -> Level {
    match frequency {
        Frequency::Daily => Level::DailyDigest,
        Frequency::Weekly => Level::WeeklyDigest,
        Frequency::Monthly => Level::MonthlyDigest,
        Frequency::Quarterly => Level::QuarterlyDigest,
        Frequency::Semiannually => Level::HalfYearlyDigest,
        Frequency::Annually => Level::YearlyDigest,
    }
}

impl Terms {
    /// From the policies of a run. Where several speak of what is done about violations, the most careful of them holds.
    /// `strategy` is what the user or a policy chose; without it violations are narrowed.
    pub fn new(policies: &[Policy], strategy: Option<Strategy>) -> Self {
        let said = |at: &At| at.span != At::default().span;
        let actions = |policy: &'_ Policy| policy.document.compliance_policies.compliance_actions.clone();
        let speaking: Vec<ComplianceActions> =
            policies.iter().map(actions).filter(|actions| said(&actions.at)).collect();
        let common = speaking.iter().map(Common::of).reduce(|all, own| all.and(&own));
        let default = || Common {
            tags: true,
            automatic: false,
            approval: true,
            grace: hours(24),
            escalation: hours(72),
            at_once: true,
            alerts: Alerts {
                levels: BTreeMap::from([
                    (Severity::Critical, Level::Immediate),
                    (Severity::High, Level::WithinOneHour),
                    (Severity::Medium, Level::DailyDigest),
                    (Severity::Low, Level::WeeklyDigest),
                ]),
            },
        };
        let common = common.unwrap_or_else(default);
        let mut accounts = BTreeMap::new();
        let mut approvers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut channels: Vec<String> = Vec::new();
        for policy in policies {
            for config in &policy.document.accounts_config {
                accounts.entry(config.account_id.0.clone()).or_insert_with(|| common.account(config));
            }
            for (name, environment) in &policy.document.compliance_policies.environment_specific.entries {
                let named = approvers.entry(name.to_lowercase()).or_default();
                for approver in &environment.required_approvals {
                    let approver = approver.0.to_string();
                    if !named.contains(&approver) {
                        named.push(approver);
                    }
                }
            }
            let real_time = policy.document.compliance_policies.real_time_scanning.as_ref();
            for channel in real_time.iter().flat_map(|own| &own.notification_escalation.security_team_channels) {
                let channel = channel.0.to_string();
                if !channels.contains(&channel) {
                    channels.push(channel);
                }
            }
        }
        approvers.retain(|_, named| !named.is_empty());
        let strategy = strategy.unwrap_or(Strategy::Narrow);
        Self { accounts, elsewhere: common.unnamed(), approvers, strategy, channels }
    }

    /// What holds in an account; in one that no policy names, `monitor`.
    pub fn account(&self, id: &str) -> &AccountTerms {
        self.accounts.get(id).unwrap_or(&self.elsewhere)
    }

    /// The accounts that policies name, with what holds there.
    pub fn accounts(&self) -> impl Iterator<Item = (&CompactString, &AccountTerms)> {
        self.accounts.iter()
    }

    /// Who must agree before a group of this environment is changed; empty where nobody is named.
    pub fn approvers(&self, environment: Option<&str>) -> &[String] {
        environment.and_then(|name| self.approvers.get(name)).map(Vec::as_slice).unwrap_or_default()
    }
}

impl AccountTerms {
    /// The same account where a change is met as it happens: minutes of grace, and only from a severity on.
    #[must_use]
    pub fn in_real_time(&self, immediate: &Immediate, escalation: &NotificationEscalation) -> Self {
        let alerts = Alerts::in_real_time(escalation);
        Self {
            removes: self.removes && immediate.enabled,
            automatic: immediate.enabled,
            approval: false,
            grace: SignedDuration::from_mins(i64::from(immediate.grace_period_minutes.0)),
            least: immediate.severity_threshold,
            hearing: if self.hearing == Hearing::Nobody { Hearing::Nobody } else { Hearing::BySeverity(alerts) },
            ..self.clone()
        }
    }

    /// The level at which something is told at once; within the hour, where nothing is to be said at once.
    pub fn urgent(&self) -> Level {
        if self.at_once { Level::Immediate } else { Level::WithinOneHour }
    }

    /// The level at which a violation of this severity is told; `None` where it is not.
    pub fn tells(&self, severity: Severity) -> Option<Level> {
        match &self.hearing {
            Hearing::Nobody => None,
            Hearing::Together(level) => Some(*level),
            Hearing::BySeverity(alerts) => alerts.of(severity).map(|level| level.max(self.urgent())),
        }
    }
}
