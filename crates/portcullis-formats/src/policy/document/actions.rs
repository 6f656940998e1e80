//! What is done about violations. Read and checked here; acted upon by `plan`, `enforce` and `watch`.

use super::{HoursCount, Whole};
use crate::policy::read::{OneOrMany, Spanned, structure, words};
use crate::policy::services::ProtocolName;
use crate::policy::value::{Block, PortNumber, Words};

structure! {
    /// What is done about violations.
    ComplianceActions {
        /// How a violating group is handled.
        violation_handling: ViolationHandling,
        /// Who hears of it, and when.
        notification_settings: NotificationSettings,
        /// Whether and when it is put right.
        remediation_settings: RemediationSettings,
    }
}

structure! {
    /// How a violating group is handled.
    ViolationHandling {
        /// Whether it is tagged.
        tag_non_compliant: bool = true,
        /// What those tags begin with; `COMPLIANCE_` where not given.
        tag_prefix: Option<Spanned<Words>>,
        /// Whether its rules are backed up before they change.
        backup_rules_before_remediation: bool = true,
        /// Whether a lockdown leaves a rule that explains it; true where not given.
        create_dummy_rule: Option<bool>,
        /// That rule.
        dummy_rule_config: Option<Spanned<DummyRuleEntry>>,
    }
}

structure! {
    /// The rule that explains a lockdown. `{violation_reason}` in its description is filled in.
    DummyRuleEntry {
        /// Its protocol; TCP where not given.
        protocol: Option<ProtocolName>,
        /// Its first port; 65535 where not given.
        from_port: Option<PortNumber>,
        /// Its last port; the first where not given.
        to_port: Option<PortNumber>,
        /// Its sources; 127.0.0.1/32 where not given.
        cidr_blocks: Option<OneOrMany<Block>>,
    }
}

structure! {
    /// Who hears of violations, and when.
    NotificationSettings {
        /// Whether anything is said at once.
        send_immediate_alerts: bool = true,
        /// When, by severity.
        alert_levels: AlertLevels,
    }
}

structure! {
    /// When violations are told, by severity.
    AlertLevels {
        /// Critical ones.
        critical: Alert = Alert::Immediate,
        /// High ones.
        high: Alert = Alert::WithinOneHour,
        /// Medium ones.
        medium: Alert = Alert::DailyDigest,
        /// Low ones.
        low: Alert = Alert::WeeklyDigest,
        /// Those that are only worth knowing.
        info: Alert = Alert::Never,
    }
}

words! {
    /// When a violation is told.
    Alert, "alert level" {
        /// At once.
        Immediate = "immediate",
        /// With others of the hour.
        WithinOneHour = "within_1_hour",
        /// With others of the day.
        DailyDigest = "daily_digest",
        /// With others of the week.
        WeeklyDigest = "weekly_digest",
        /// Not at all.
        Never = "never",
    }
}

structure! {
    /// Whether and when violations are put right.
    RemediationSettings {
        /// Whether anything is changed without a person asking for it.
        automatic_remediation: bool = false,
        /// Whether somebody must agree first.
        require_manual_approval: bool = true,
        /// How long a violation may stand.
        grace_period_hours: HoursCount = Whole(24),
        /// After how long it is told to more people.
        escalation_after_hours: HoursCount = Whole(72),
        /// How violations are put right; where not given, the command decides.
        strategy: Option<Spanned<StrategyName>>,
        /// What offending sources become under the strategy `replace`.
        replace_with: Option<Spanned<OneOrMany<Block>>>,
    }
}

words! {
    /// How violations are put right.
    StrategyName, "strategy" {
        /// Cut the offending addresses and nothing else.
        Narrow = "narrow",
        /// Take offending rules away whole.
        Revoke = "revoke",
        /// Put other sources in their place.
        Replace = "replace",
        /// Take all rules away.
        Lockdown = "lockdown",
        /// Tag, and change no rule.
        Tag = "tag",
    }
}
