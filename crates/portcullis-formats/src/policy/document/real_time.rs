//! How changes are met as they happen. Read and checked here; acted upon by `watch` and `handle-event`.

use portcullis_core::policy::Severity;

use super::{Rate, Whole};
use crate::policy::read::{Spanned, structure};
use crate::policy::services::ProtocolName;
use crate::policy::value::{Label, PeerName, Ports};

structure! {
    /// How changes are met as they happen.
    RealTimeScanning {
        /// Whether any of this is done.
        enabled: bool = true,
        /// What is looked for.
        detection_rules: DetectionRules,
        /// What is done at once.
        remediation_settings: RealTimeRemediation,
        /// Who hears of it.
        notification_escalation: NotificationEscalation,
    }
}

structure! {
    /// What is looked for.
    DetectionRules {
        /// A group that is new.
        new_security_group_created: NewGroup,
        /// A rule that opens much.
        risky_rule_added: RiskyRule,
        /// Many changes by one person.
        mass_operations_detected: MassOperations,
    }
}

structure! {
    /// A group that is new.
    NewGroup {
        /// Whether it is looked for.
        enabled: bool = true,
        /// Whether it is judged at once.
        immediate_scan: bool = true,
        /// Within how many seconds.
        scan_within_seconds: Rate = Whole(30),
        /// Whether violations are told.
        notify_on_violations: bool = true,
        /// Whether critical violations may be put right; where not given, what `remediation_settings` say is enough.
        auto_remediate_critical: Option<bool>,
    }
}

structure! {
    /// A rule that opens much.
    RiskyRule {
        /// Whether it is looked for.
        enabled: bool = true,
        /// Whether its group is judged at once.
        immediate_scan: bool = true,
        /// Within how many seconds.
        scan_within_seconds: Rate = Whole(15),
        /// Whether violations are told.
        notify_on_violations: bool = true,
        /// Whether critical violations may be put right; where not given, what `remediation_settings` say is enough.
        auto_remediate_critical: Option<bool>,
        /// Which rules are looked at at once. They never decide the verdict.
        critical_patterns: Vec<CriticalPattern>,
    }
}

structure! {
    /// Rules that are looked at at once.
    CriticalPattern {
        /// Their peer.
        pattern: Spanned<PeerName>,
        /// Their protocol; any where not given.
        protocol: Option<ProtocolName>,
        /// Their ports; any where not given.
        port_range: Option<Ports>,
    }
}

structure! {
    /// Many changes by one person.
    MassOperations {
        /// Whether they are looked for.
        enabled: bool = true,
        /// How many in a minute are many.
        threshold_per_minute: Rate = Whole(10),
        /// How many in an hour are many.
        threshold_per_hour: Rate = Whole(50),
        /// Whether that person is stopped.
        block_suspicious_users: bool = false,
        /// Whether the security team is told.
        notify_security_team: bool = true,
        /// After how many it is told to more people.
        escalate_after_operations: Rate = Whole(20),
    }
}

structure! {
    /// What is done at once.
    RealTimeRemediation {
        /// Taking all rules away.
        emergency_remediation: Emergency,
        /// Putting right what violates.
        immediate_remediation: Immediate,
    }
}

structure! {
    /// Taking all rules away at once.
    Emergency {
        /// Whether it is done.
        enabled: bool = false,
        /// From which severity on.
        severity_threshold: Severity = Severity::Critical,
        /// Whether the rules are backed up first.
        backup_before_action: bool = true,
        /// How.
        lockdown_mode: Lockdown,
    }
}

structure! {
    /// How a group is locked down.
    Lockdown {
        /// Whether all rules go.
        remove_all_rules: bool = true,
        /// Whether a rule that explains it comes.
        add_dummy_rule: bool = true,
        /// Whether the group is tagged as an emergency.
        tag_as_emergency: bool = true,
    }
}

structure! {
    /// Putting right at once what violates.
    Immediate {
        /// Whether it is done.
        enabled: bool = false,
        /// From which severity on.
        severity_threshold: Severity = Severity::High,
        /// How long a violation may stand.
        grace_period_minutes: Rate = Whole(5),
        /// Whether the rules are backed up first.
        backup_before_action: bool = true,
    }
}

structure! {
    /// Who hears of what, and when.
    NotificationEscalation {
        /// Severities that are told at once.
        immediate_alert_severities: Vec<Severity>,
        /// Severities that are told by the hour.
        hourly_digest_severities: Vec<Severity>,
        /// Severities that are told by the day.
        daily_digest_severities: Vec<Severity>,
        /// Severities that are told by the week.
        weekly_digest_severities: Vec<Severity>,
        /// The names of the channels to the security team.
        security_team_channels: Vec<Label>,
    }
}
