//! Version 1 of the JSON report: what scripts may rely on. Fields are added, never renamed, removed or given another
//! meaning, as long as `schema_version` is `1`.

use jiff::Timestamp;
use portcullis_core::finding::Status;
use portcullis_core::net::Family;
use portcullis_core::policy::{ExemptedRules, ExemptionTarget, Severity};
use serde::Serialize;

use crate::report::{Entry, Report};

/// What stands in `schema_version`.
pub const SCHEMA_VERSION: &str = "1";

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Document<'a, F> {
    /// [`SCHEMA_VERSION`].
    pub schema_version: &'static str,
    /// The program.
    pub tool: Tool<'a>,
    /// When the inventory was judged.
    pub scanned_at: Timestamp,
    /// Counts.
    pub summary: Summary,
    /// The findings of the chosen statuses, the worst first.
    pub findings: F,
    /// Accounts and Regions, and how far each was read.
    pub coverage: Vec<Coverage<'a>>,
    /// Every item of the frameworks that were asked for; empty where none was.
    pub frameworks: Vec<FrameworkItem<'a>>,
    /// Exemptions that did nothing.
    pub exemptions: Exemptions<'a>,
}

/// The program that wrote the document.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Tool<'a> {
    /// `portcullis`.
    pub name: &'static str,
    /// Its version.
    pub version: &'a str,
}

/// Counts over the whole evaluation, whichever statuses are listed. Findings within broader ones are counted too; the
/// score leaves them out.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Groups judged.
    pub groups: usize,
    /// Findings that fail, by severity; each severity is there.
    pub findings: SeverityCounts,
    /// Findings that cannot be told.
    pub unknown: usize,
    /// Findings that are exempt.
    pub exempt: usize,
    /// 0 to 100.
    pub score: u8,
}

/// A number for each severity.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SeverityCounts {
    /// `critical`
    pub critical: usize,
    /// `high`
    pub high: usize,
    /// `medium`
    pub medium: usize,
    /// `low`
    pub low: usize,
    /// `info`
    pub info: usize,
}

/// One control on one group.
#[derive(Clone, Debug, Serialize)]
pub struct Finding<'a> {
    /// Stable on any machine and in any order.
    pub id: &'a str,
    /// The control.
    pub control_id: &'a str,
    /// The id of the policy's rule as written; null for controls that ship.
    pub rule_id: Option<&'a str>,
    /// The control's headline.
    pub title: &'a str,
    /// `critical` to `info`.
    pub severity: &'static str,
    /// `fail`, `unknown`, `exempt` or `pass`.
    pub status: &'static str,
    /// The account; empty where the input does not tell it.
    pub account_id: &'a str,
    /// The Region; `unknown` where neither input nor user tells it.
    pub region: &'a str,
    /// The VPC; empty for EC2-Classic.
    pub vpc_id: &'a str,
    /// The group.
    pub group_id: &'a str,
    /// Its name.
    pub group_name: &'a str,
    /// `ingress` or `egress`; null where the finding is not about one direction.
    pub direction: Option<&'static str>,
    /// `ipv4`, `ipv6`.
    pub families: Vec<&'static str>,
    /// What it rests on.
    pub evidence: Vec<Evidence<'a>>,
    /// Why, in a sentence.
    pub reason: &'a str,
    /// The id of the broader finding that holds all this evidence.
    pub implied_by: Option<&'a str>,
    /// Framework items, such as `CIS 5.0 5.3`.
    pub frameworks: Vec<&'a str>,
    /// The exemption that covers it.
    pub exemption: Option<Exemption<'a>>,
    /// What to do, in a sentence.
    pub remediation: &'a str,
    /// What flow logs tell of who used it from the internet; only where they were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
}

/// What flow logs tell of the use of an opening.
#[derive(Clone, Debug, Serialize)]
pub struct Used {
    /// Records, answers left out.
    pub flows: u64,
    /// The greatest `end` of them; null where there is none.
    pub last_used: Option<Timestamp>,
}

/// One stretch of traffic, or the rules that a hygiene finding is about.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence<'a> {
    /// `tcp`, `udp`, `icmp`, a number, a range of numbers, `-1` for all; empty where the finding is not about traffic.
    pub protocol: &'a str,
    /// `22`, `80-443`, `all`.
    pub ports: &'a str,
    /// Who is admitted.
    pub peers: Vec<&'a str>,
    /// AWS's ids of the rules that admit it, as far as the input tells them.
    pub rule_ids: Vec<&'a str>,
    /// The same rules in words, whether or not their ids are known.
    pub rules: Vec<String>,
    /// How much of the family's internet is admitted, 0 to 1; null where that is not the question.
    pub internet_share: Option<f64>,
}

/// An exemption as a finding shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Exemption<'a> {
    /// Why.
    pub reason: &'a str,
    /// Who agreed.
    pub approved_by: &'a str,
    /// When it ends; null is never.
    pub expires: Option<Timestamp>,
}

/// An account and Region.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage<'a> {
    /// The account.
    pub account_id: &'a str,
    /// The Region.
    pub region: &'a str,
    /// `complete`, `partial`, `unread` or `disabled`.
    pub status: &'static str,
    /// Groups that were read.
    pub groups: usize,
    /// What went wrong.
    pub error: Option<&'a str>,
    /// Controls that could not be judged for want of data.
    pub not_judged: Vec<NotJudged<'a>>,
}

/// A control that could not be judged.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NotJudged<'a> {
    /// Its id.
    pub control_id: &'a str,
    /// What is missing.
    pub reason: &'a str,
}

/// An item of a framework, judged over all groups.
#[derive(Clone, Debug, Serialize)]
pub struct FrameworkItem<'a> {
    /// The pack that it came with.
    pub pack: &'a str,
    /// The framework's short name.
    pub framework: &'a str,
    /// The framework's version.
    pub version: &'a str,
    /// The item's number.
    pub id: &'a str,
    /// What it asks.
    pub title: &'a str,
    /// `fail`, `unknown`, `exempt` or `pass`; null where nothing judged it.
    pub status: Option<&'static str>,
    /// How many groups have that status.
    pub groups: usize,
    /// The controls that decide it.
    pub controls: Vec<&'a str>,
    /// The only families that it speaks of; empty means all.
    pub families: Vec<&'static str>,
}

/// Exemptions that did nothing.
#[derive(Clone, Debug, Serialize)]
pub struct Exemptions<'a> {
    /// They would have covered a finding, had they not expired.
    pub expired: Vec<IdleExemption<'a>>,
    /// They match no finding.
    pub unused: Vec<IdleExemption<'a>>,
}

/// An exemption that did nothing.
#[derive(Clone, Debug, Serialize)]
pub struct IdleExemption<'a> {
    /// The group that it is for, if it is for one.
    pub group_id: Option<&'a str>,
    /// The account that it is for, if it is for one.
    pub account_id: Option<&'a str>,
    /// Rule or control ids, or `all` alone.
    pub rules: Vec<&'a str>,
    /// Why.
    pub reason: &'a str,
    /// Who agreed.
    pub approved_by: &'a str,
    /// When it ends; null is never.
    pub expires: Option<Timestamp>,
    /// File and line.
    pub place: &'a str,
}

/// The document with the findings still to be written.
pub(crate) fn document<'a, F: Serialize>(report: &Report<'a>, findings: F) -> Document<'a, F> {
    Document {
        schema_version: SCHEMA_VERSION,
        tool: Tool { name: "portcullis", version: report.tool_version },
        scanned_at: report.scanned_at,
        summary: summary(report),
        findings,
        coverage: coverage(report),
        frameworks: frameworks(report),
        exemptions: Exemptions {
            expired: idle(report, &report.evaluation.expired_exemptions),
            unused: idle(report, &report.evaluation.unused_exemptions),
        },
    }
}

fn summary(report: &Report<'_>) -> Summary {
    let (evaluation, policies) = (report.evaluation, report.policies);
    let failed = |severity: Severity| evaluation.failed(policies, severity);
    Summary {
        groups: evaluation.groups,
        findings: SeverityCounts {
            critical: failed(Severity::Critical),
            high: failed(Severity::High),
            medium: failed(Severity::Medium),
            low: failed(Severity::Low),
            info: failed(Severity::Info),
        },
        unknown: evaluation.with_status(Status::Unknown),
        exempt: evaluation.with_status(Status::Exempt),
        score: report.score(),
    }
}

fn words(families: &[Family]) -> Vec<&'static str> {
    families.iter().map(|family| family.as_str()).collect()
}

fn coverage<'a>(report: &Report<'a>) -> Vec<Coverage<'a>> {
    let not_judged = report.evaluation.not_judged.iter();
    let not_judged: Vec<NotJudged<'a>> =
        not_judged.map(|control| NotJudged { control_id: &control.control_id, reason: &control.reason }).collect();
    let entries = report.evaluation.coverage.iter();
    entries
        .map(|entry| Coverage {
            account_id: &entry.account_id,
            region: &entry.region,
            status: entry.status.as_str(),
            groups: entry.groups,
            error: entry.error.as_deref(),
            not_judged: not_judged.clone(),
        })
        .collect()
}

fn frameworks<'a>(report: &Report<'a>) -> Vec<FrameworkItem<'a>> {
    let items = report.evaluation.items.iter();
    items
        .filter_map(|judged| {
            let framework = report.policies.frameworks.get(judged.framework)?;
            let item = framework.items.get(judged.item)?;
            Some(FrameworkItem {
                pack: &framework.pack,
                framework: &framework.label,
                version: &framework.version,
                id: &item.id,
                title: &item.title,
                status: judged.status.map(Status::as_str),
                groups: judged.groups,
                controls: item.controls.iter().map(|id| id.as_str()).collect(),
                families: words(&item.families),
            })
        })
        .collect()
}

fn idle<'a>(report: &Report<'a>, indices: &[usize]) -> Vec<IdleExemption<'a>> {
    let exemptions = indices.iter().filter_map(|index| report.policies.exemptions.get(*index));
    exemptions
        .map(|exemption| {
            let (group_id, account_id) = match &exemption.target {
                ExemptionTarget::Group(id) => (Some(id.as_str()), None),
                ExemptionTarget::Account(id) => (None, Some(id.as_str())),
            };
            IdleExemption {
                group_id,
                account_id,
                rules: match &exemption.rules {
                    ExemptedRules::All => vec!["all"],
                    ExemptedRules::Only(ids) => ids.iter().map(|id| id.as_str()).collect(),
                },
                reason: &exemption.reason,
                approved_by: &exemption.approved_by,
                expires: exemption.expires,
                place: &exemption.place,
            }
        })
        .collect()
}

impl<'a> Finding<'a> {
    pub(crate) fn of(entry: &Entry<'a>) -> Self {
        let Entry { finding, control, group, exemption } = *entry;
        let evidence = |evidence: &'a portcullis_core::finding::Evidence| {
            let rules = || evidence.rules.iter().filter_map(|index| group.rules.get(*index));
            Evidence {
                protocol: &evidence.protocol,
                ports: &evidence.ports,
                peers: evidence.peers.iter().map(AsRef::as_ref).collect(),
                rule_ids: rules().map(|rule| rule.id.as_str()).filter(|id| !id.is_empty()).collect(),
                rules: rules().map(ToString::to_string).collect(),
                internet_share: evidence.internet_share,
            }
        };
        Self {
            id: &finding.id,
            control_id: &control.id,
            rule_id: control.rule_id.as_deref(),
            title: entry.title(),
            severity: control.severity.as_str(),
            status: finding.status.as_str(),
            account_id: &group.key.account_id,
            region: &group.key.region,
            vpc_id: &group.vpc_id,
            group_id: &group.key.group_id,
            group_name: &group.name,
            direction: finding.direction.map(portcullis_core::model::Direction::as_str),
            families: words(&finding.families),
            evidence: finding.evidence.iter().map(evidence).collect(),
            reason: &finding.reason,
            implied_by: finding.implied_by.as_deref(),
            frameworks: finding.frameworks(control),
            exemption: exemption.map(|exemption| Exemption {
                reason: &exemption.reason,
                approved_by: &exemption.approved_by,
                expires: exemption.expires,
            }),
            remediation: &finding.remediation,
            used: finding.used.map(|used| Used {
                flows: used.flows,
                last_used: Timestamp::from_second(used.last).ok().filter(|_| used.flows > 0),
            }),
        }
    }
}
