//! The accounts, and what is done in each. Read and checked here; acted upon by `enforce` and `watch`.

use portcullis_core::policy::EnforcementLevel;

use super::{DaysCount, Frequency, HoursCount};
use crate::policy::read::{Spanned, structure};
use crate::policy::value::{AccountId, Hours, Label};

structure! {
    /// One account, and what is done in it.
    AccountConfig {
        /// Its id.
        account_id: Spanned<AccountId>,
        /// Its name; where it is the name of an environment, that of the account's groups.
        account_name: Option<Label>,
        /// The environment of its groups.
        environment: Option<Label>,
        /// What is done: `enforce`, `warn`, `monitor`, or `disabled`, which is not even read.
        enforcement_level: Spanned<EnforcementLevel>,
        /// The Regions to read.
        regions: Vec<Label>,
        /// The role to assume there.
        cross_account_role_name: Option<Label>,
        /// What may be done; where not given, what the level says.
        actions: AccountActions,
        /// Who hears of violations.
        notification_settings: Option<AccountNotifications>,
        /// How `warn` becomes `enforce`.
        warning_settings: Option<WarningSettings>,
        /// How `monitor` reports.
        monitoring_settings: Option<MonitoringSettings>,
    }
}

structure! {
    /// What may be done in an account; where not given, what its level says.
    AccountActions {
        /// Tagging groups that violate.
        tag_non_compliant: Option<bool>,
        /// Adding a rule that warns.
        add_warning_rule: Option<bool>,
        /// Taking rules away that violate.
        remove_violating_rules: Option<bool>,
        /// Telling somebody.
        send_notifications: Option<bool>,
        /// Backing up rules before they change.
        backup_before_changes: Option<bool>,
    }
}

structure! {
    /// Who hears of an account's violations.
    AccountNotifications {
        /// Whether they are told at once.
        immediate_alerts: bool = true,
        /// Whether there is a report each week.
        weekly_reports: bool = false,
        /// After how long they are told to more people.
        escalation_after_hours: Option<HoursCount>,
    }
}

structure! {
    /// How `warn` becomes `enforce`.
    WarningSettings {
        /// How long a violation may stand.
        grace_period_days: Option<DaysCount>,
        /// When it is told again.
        escalation_schedule: Vec<Hours>,
        /// After how long it is put right all the same.
        auto_enforce_after_days: Option<DaysCount>,
    }
}

structure! {
    /// How `monitor` reports.
    MonitoringSettings {
        /// How often.
        report_frequency: Option<Frequency>,
        /// Whether only figures are published.
        metrics_only: bool = false,
    }
}
