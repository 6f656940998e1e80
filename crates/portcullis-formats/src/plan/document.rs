//! The plan file as it is written.

use jiff::Timestamp;
use portcullis_core::model::{GroupKey, SecurityGroup};
use portcullis_core::net::AnyCidr;
use portcullis_core::remediation::{GroupPlan, Plan, PlannedFinding, Proof, Strategy, Unfixable};
use portcullis_core::usage::Cut;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::About;
use super::around::{AroundRecord, EnvironmentsRecord};
use super::controls::{ControlRecord, decode_controls};
use super::cuts::CutRecord;
use super::proof::ProofRecord;
use crate::record::{
    ChangeRecord, Decoded, RuleRecord, SCHEMA_VERSION, StateRecord, Tool, changes, decode_changes, decode_text, digest,
    shown,
};

/// What would change, with its proof.
///
/// `portcullis plan --out` writes it and `portcullis apply` reads it. It carries all that is needed to prove it again, and
/// reading it does: a plan that was edited is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a plan: an object")]
pub(super) struct Document {
    /// The version of this format: `1`.
    pub(super) schema_version: String,
    /// What made it.
    pub(super) tool: Tool,
    /// When, RFC 3339 in UTC.
    pub(super) created_at: String,
    /// `narrow`, `revoke`, `replace`, `lockdown` or `tag`; `suggest` where flow logs, and no findings, asked for the changes.
    pub(super) strategy: String,
    /// The sources that take the place of offending ones; empty for other strategies.
    pub(super) replace_with: Vec<String>,
    /// The rules that explain a lockdown, without their descriptions; not there for other strategies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) dummy_rules: Vec<RuleRecord>,
    /// The groups that change.
    pub(super) groups: Vec<GroupRecord>,
    /// The findings that stay.
    pub(super) unfixable: Vec<UnfixableRecord>,
    /// The controls that the proofs rest on.
    pub(super) controls: Vec<ControlRecord>,
    /// What decides which environment a group is of, beside its own tag.
    pub(super) environments: EnvironmentsRecord,
    /// What is known around the groups.
    pub(super) around: AroundRecord,
    /// The SHA-256 of all the rest.
    pub(super) digest: String,
}

/// The changes of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the plan of a group")]
pub(super) struct GroupRecord {
    /// `sg-…`.
    pub(super) group_id: String,
    /// The owner's account; empty where it is not told.
    pub(super) account_id: String,
    /// The Region, `unknown` where it is not told.
    pub(super) region: String,
    /// Its name for people.
    group_name: String,
    /// Its VPC; empty for EC2-Classic.
    vpc_id: String,
    /// The SHA-256 of its account, id and rules with their descriptions, as planned on.
    fingerprint: String,
    /// The ids of the findings that go.
    findings: Vec<String>,
    /// The control of each finding, in the same order.
    finding_controls: Vec<String>,
    /// What changes, authorisations before revocations.
    changes: Vec<ChangeRecord>,
    /// What was computed of the changes.
    pub(super) proof: ProofRecord,
    /// Connections that the changes would cut, where flow logs were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_risk: Option<Vec<CutRecord>>,
    /// Whether the quota asks to revoke before authorising, so that `--allow-gap` is needed.
    needs_gap: bool,
    /// The group as planned on.
    before: StateRecord,
}

/// A finding that the plan leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a finding that stays")]
pub(super) struct UnfixableRecord {
    /// The finding's id.
    finding_id: String,
    /// Its control.
    control_id: String,
    /// Its group.
    group_id: String,
    /// The group's account.
    account_id: String,
    /// The group's Region.
    region: String,
    /// Why, and what a person can do.
    reason: String,
}

impl Document {
    /// The document without its digest.
    pub(super) fn of(plan: &Plan, about: &About<'_>) -> Self {
        let replace_with = match &plan.strategy {
            Strategy::Replace(with) => with.iter().map(ToString::to_string).collect(),
            Strategy::Narrow | Strategy::Revoke | Strategy::Lockdown | Strategy::Tag | Strategy::Suggest => Vec::new(),
        };
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            tool: Tool::of_version(about.tool_version),
            created_at: about.created_at.to_string(),
            strategy: plan.strategy.as_str().to_owned(),
            replace_with,
            dummy_rules: plan.dummy_rules.iter().map(RuleRecord::of).collect(),
            groups: plan.groups.iter().map(GroupRecord::of).collect(),
            unfixable: plan.unfixable.iter().map(UnfixableRecord::of).collect(),
            controls: plan.controls.iter().map(ControlRecord::of).collect(),
            environments: EnvironmentsRecord::of(&plan.environments),
            around: AroundRecord::of(&plan.around),
            digest: String::new(),
        }
    }

    /// Adds the connections that each change would cut.
    pub(super) fn tell_cuts(&mut self, cuts: &[Cut]) {
        for (place, group) in self.groups.iter_mut().enumerate() {
            let own = cuts.iter().filter(|cut| cut.group == place);
            group.at_risk = Some(own.map(CutRecord::of).collect());
        }
    }

    /// Takes over what another document tells of connections that changes would cut: no plan holds it.
    pub(super) fn with_cuts_of(mut self, other: &Self) -> Self {
        for (group, other) in self.groups.iter_mut().zip(&other.groups) {
            group.at_risk.clone_from(&other.at_risk);
        }
        self
    }

    /// The digest that it should have.
    pub(super) fn own_digest(&mut self) -> String {
        let stored = std::mem::take(&mut self.digest);
        let own = digest(self);
        self.digest = stored;
        own
    }

    /// When it says it was made.
    pub(super) fn created_at(&self) -> Decoded<Timestamp> {
        decode_text(&self.created_at, "time")
    }

    /// The plan with empty proofs: those are not believed but computed.
    pub(super) fn decode(&self) -> Decoded<Plan> {
        let with: Vec<AnyCidr> =
            self.replace_with.iter().map(|text| decode_text(text, "CIDR block")).collect::<Decoded<_>>()?;
        let strategy = match self.strategy.as_str() {
            "narrow" => Strategy::Narrow,
            "revoke" => Strategy::Revoke,
            "replace" => Strategy::Replace(with.clone()),
            "lockdown" => Strategy::Lockdown,
            "tag" => Strategy::Tag,
            "suggest" => Strategy::Suggest,
            other => return Err(format!("`{}` is no strategy", shown(other))),
        };
        if !with.is_empty() && !matches!(strategy, Strategy::Replace(_)) {
            return Err(format!("strategy `{}` has no `replace_with`", strategy.as_str()));
        }
        if !self.dummy_rules.is_empty() && strategy != Strategy::Lockdown {
            return Err(format!("strategy `{}` has no `dummy_rules`", strategy.as_str()));
        }
        let group =
            |record: &GroupRecord| record.decode().map_err(|why| format!("group `{}`: {why}", shown(&record.group_id)));
        Ok(Plan {
            strategy,
            dummy_rules: self.dummy_rules.iter().map(RuleRecord::decode).collect::<Decoded<_>>()?,
            controls: decode_controls(&self.controls)?,
            around: self.around.decode()?,
            environments: self.environments.decode(),
            groups: self.groups.iter().map(group).collect::<Decoded<_>>()?,
            unfixable: self.unfixable.iter().map(UnfixableRecord::decode).collect(),
        })
    }
}

impl GroupRecord {
    fn of(planned: &GroupPlan) -> Self {
        let group = &planned.group;
        Self {
            group_id: group.key.group_id.to_string(),
            account_id: group.key.account_id.to_string(),
            region: group.key.region.to_string(),
            group_name: group.name.to_string(),
            vpc_id: group.vpc_id.to_string(),
            fingerprint: planned.fingerprint.clone(),
            findings: planned.findings.iter().map(|finding| finding.id.to_string()).collect(),
            finding_controls: planned.findings.iter().map(|finding| finding.control_id.to_string()).collect(),
            changes: changes(&planned.changes),
            proof: ProofRecord::of(&planned.proof),
            at_risk: None,
            needs_gap: planned.needs_gap,
            before: StateRecord::of(group),
        }
    }

    fn decode(&self) -> Decoded<GroupPlan> {
        if self.findings.len() != self.finding_controls.len() {
            return Err("there is not one control for each finding".to_owned());
        }
        let finding = |(id, control): (&String, &String)| PlannedFinding { id: id.into(), control_id: control.into() };
        Ok(GroupPlan {
            group: SecurityGroup {
                key: GroupKey {
                    account_id: self.account_id.as_str().into(),
                    region: self.region.as_str().into(),
                    group_id: self.group_id.as_str().into(),
                },
                name: self.group_name.as_str().into(),
                vpc_id: self.vpc_id.as_str().into(),
                ..self.before.decode()?
            },
            fingerprint: self.fingerprint.clone(),
            findings: self.findings.iter().zip(&self.finding_controls).map(finding).collect(),
            changes: decode_changes(&self.changes)?,
            proof: Proof::default(),
            needs_gap: self.needs_gap,
        })
    }
}

impl UnfixableRecord {
    fn of(unfixable: &Unfixable) -> Self {
        Self {
            finding_id: unfixable.id.to_string(),
            control_id: unfixable.control_id.to_string(),
            group_id: unfixable.group.group_id.to_string(),
            account_id: unfixable.group.account_id.to_string(),
            region: unfixable.group.region.to_string(),
            reason: unfixable.reason.clone(),
        }
    }

    fn decode(&self) -> Unfixable {
        Unfixable {
            id: self.finding_id.as_str().into(),
            control_id: self.control_id.as_str().into(),
            group: GroupKey {
                account_id: self.account_id.as_str().into(),
                region: self.region.as_str().into(),
                group_id: self.group_id.as_str().into(),
            },
            reason: self.reason.clone(),
        }
    }
}
