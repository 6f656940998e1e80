//! The policy file as it is written: every key, typed, its values valid each by itself.
//!
//! These structures are the one declaration of the format: readers, known keys and JSON Schema come from them. What needs
//! more than one key to judge is for [`super::Policy`].

pub mod accounts;
pub mod actions;
pub mod real_time;
pub mod rules;

use self::accounts::AccountConfig;
use self::actions::ComplianceActions;
use self::real_time::RealTimeScanning;
use self::rules::{Allowances, Sections, TrafficEntry};
use super::read::{Entries, OneOrMany, Spanned, structure, words};
use super::value::{
    Count, Expiry, Label, Moment, Points, PortNumber, PrefixLength, Remarks, RuleId, RuleNames, Whole, Words,
};

structure! {
    /// A policy of Portcullis: rules, exemptions, overrides and settings.
    Document {
        /// The version of the policy, in its author's own numbering.
        version: Label,
        /// Where editors find the schema of this file.
        schema_address as "$schema": Option<String>,
        /// When the policy was last changed.
        last_updated: Option<Moment>,
        /// About the policy, for people.
        metadata: Remarks,
        /// The rules, and what is done about violations.
        compliance_policies: Spanned<CompliancePolicies>,
        /// Controls that ship with the program and that this policy turns on, by id.
        controls: Vec<Spanned<RuleId>>,
        /// The measures of what is open, and the ports that are meant to be.
        settings: Option<SettingsEntry>,
        /// The framework whose items this policy reports.
        framework: Option<FrameworkEntry>,
        /// Rules of single accounts, under keys `account_<id>`. Entries under other keys change nothing.
        account_specific_overrides: Entries<AccountOverride>,
        /// What is excepted, with its reason.
        exemptions: Exemptions,
        /// What reports count.
        reporting: Reporting,
        /// The accounts, and what is done in each.
        accounts_config: Vec<AccountConfig>,
    }
}

structure! {
    /// The rules, and what is done about violations.
    CompliancePolicies {
        /// Rules about groups as a whole, in all accounts.
        global_rules: Option<GlobalRules>,
        /// Traffic that is forbidden.
        prohibited_rules: Sections,
        /// Traffic that is allowed from some sources only.
        restricted_rules: Sections,
        /// Traffic that the prohibited and restricted rules of this file do not report.
        allowed_rules: Sections,
        /// Rules for the groups of one environment.
        environment_specific: Entries<Environment>,
        /// What is done about violations.
        compliance_actions: ComplianceActions,
        /// How changes are met as they happen.
        real_time_scanning: Option<RealTimeScanning>,
    }
}

structure! {
    /// Rules about groups as a whole.
    GlobalRules {
        /// Whether required tags are enforced; true where tags are named.
        enforce_tagging: Option<bool>,
        /// The keys of tags that every group must have.
        required_tags: Option<Vec<Spanned<Words>>>,
        /// How many rules a group may have, both directions together, one a peer.
        max_rules_per_sg: Option<Whole<1, 100_000>>,
        /// Whether groups and rules must be described; true where a length is given.
        require_descriptions: Option<bool>,
        /// How many characters a description must have.
        min_description_length: Option<Whole<1, 255>>,
    }
}

structure! {
    /// Rules for the groups of one environment.
    Environment {
        /// Further prohibited or restricted rules.
        additional_restrictions: Vec<TrafficEntry>,
        /// Further allowed rules.
        additional_allowances: Vec<TrafficEntry>,
        /// Who must agree to a change.
        required_approvals: Vec<Words>,
    }
}

structure! {
    /// Rules of one account.
    AccountOverride {
        /// Whether the file's global rules hold here too.
        inherit_global_rules: bool = true,
        /// Global rules of this account; each key replaces the file's own.
        global_rules: Option<GlobalRules>,
        /// Further prohibited rules.
        additional_prohibited_rules: Vec<TrafficEntry>,
        /// Further restricted rules.
        additional_restricted_rules: Vec<TrafficEntry>,
        /// Further allowed rules.
        additional_allowed_rules: Allowances,
    }
}

structure! {
    /// What is excepted, with its reason.
    Exemptions {
        /// By the id of the group.
        security_group_exemptions: Entries<ExemptionEntry>,
        /// By the id of the account.
        account_exemptions: Entries<ExemptionEntry>,
    }
}

structure! {
    /// One exception.
    ExemptionEntry {
        /// Why.
        reason: Words,
        /// Which rules, by rule id or control id, or `"all"`.
        exempted_rules: RuleNames,
        /// When it ends: `permanent`, a time, or a date, whose first moment (UTC) is meant. Permanent where not given.
        expiry_date: Option<Expiry>,
        /// Who agreed.
        approved_by: Option<Words>,
        /// How often it is looked at again.
        review_frequency: Option<Frequency>,
    }
}

structure! {
    /// What reports count.
    Reporting {
        /// The figures that are published.
        metrics_to_track: Vec<Metric>,
        /// How the score is made.
        compliance_score_calculation: ScoreCalculation,
    }
}

structure! {
    /// How the score is made.
    ScoreCalculation {
        /// The score of an account without findings. Reports scale it to 100.
        total_possible_points: Option<Whole<1, 1_000_000>>,
        /// What findings cost.
        deductions: DeductionsEntry,
    }
}

structure! {
    /// What findings cost, each.
    DeductionsEntry {
        /// A critical one; 25 of 100 where not given.
        critical_violation: Option<Points>,
        /// A high one; 10 of 100 where not given.
        high_violation: Option<Points>,
        /// A medium one; 5 of 100 where not given.
        medium_violation: Option<Points>,
        /// A low one; 1 of 100 where not given.
        low_violation: Option<Points>,
    }
}

structure! {
    /// The measures of what is open, and the ports that are meant to be. They hold for the controls that ship too.
    SettingsEntry {
        /// Above so many public addresses a port is open to the internet.
        internet_threshold: Option<Threshold>,
        /// Above so many public addresses a source is wide.
        wide_threshold: Option<Threshold>,
        /// TCP ports that are meant to be public; 80 and 443 where not given.
        authorized_tcp_ports: Option<Vec<PortNumber>>,
        /// UDP ports that are meant to be public; none where not given.
        authorized_udp_ports: Option<Vec<PortNumber>>,
    }
}

structure! {
    /// A number of addresses, as the length of a prefix that holds so many.
    Threshold {
        /// Of IPv4.
        ipv4: Option<PrefixLength<32>>,
        /// Of IPv6.
        ipv6: Option<PrefixLength<128>>,
    }
}

structure! {
    /// A framework, as far as it concerns security groups.
    FrameworkEntry {
        /// Its full name.
        name: Words,
        /// Its short name, which references begin with.
        label: Words,
        /// Its version.
        version: Label,
        /// The document that the items were checked against: title, publisher, date.
        document: Words,
        /// Every item that concerns security groups.
        items: Vec<ItemEntry>,
    }
}

structure! {
    /// An item of a framework.
    ItemEntry {
        /// Its number in the document.
        id: Label,
        /// What it asks.
        title: Words,
        /// The controls that decide it.
        controls: Vec<Spanned<RuleId>>,
        /// The only family that it speaks of.
        families: Option<OneOrMany<FamilyName>>,
    }
}

words! {
    /// An address family.
    FamilyName, "family" {
        /// 32-bit addresses.
        Ipv4 = "ipv4",
        /// 128-bit addresses.
        Ipv6 = "ipv6",
    }
}

words! {
    /// How often something is done.
    Frequency, "frequency" {
        /// Each day.
        Daily = "daily",
        /// Each week.
        Weekly = "weekly",
        /// Each month.
        Monthly = "monthly",
        /// Each quarter.
        Quarterly = "quarterly",
        /// Twice a year.
        Semiannually = "semiannually",
        /// Each year.
        Annually = "annually",
    }
}

words! {
    /// A figure that reports publish.
    Metric, "metric" {
        /// How many groups were judged.
        TotalGroups = "total_security_groups_scanned",
        /// Violations of each severity.
        BySeverity = "violations_by_severity",
        /// Violations of each kind of rule.
        ByRuleType = "violations_by_rule_type",
        /// What was remediated.
        Remediations = "remediation_actions_taken",
        /// What was reported and then exempted.
        FalsePositives = "false_positives",
        /// How many exemptions hold.
        Exemptions = "exemptions_granted",
    }
}

/// A number of hours, up to a year.
pub type HoursCount = Whole<0, 8760>;
/// A number of days, up to ten years.
pub type DaysCount = Whole<0, 3650>;
/// A number of something that happens in a stretch of time.
pub type Rate = Count;
