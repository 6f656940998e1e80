//! CloudFormation templates of security groups, as values: made from rules, written as JSON or YAML, read back.
//!
//! Sources: AWS CloudFormation User Guide, `AWS::EC2::SecurityGroup` and "Template anatomy".

mod read;
mod rule;
mod yaml;

use std::collections::BTreeMap;
use std::io;

use portcullis_core::model::{Direction, Inventory, Rule};
use portcullis_core::net::Family;
use portcullis_core::remediation::{RULE_QUOTA, quota_use};
use serde_json::{Map, Value, json};

pub use self::read::ReadError;
use crate::rules::{Egress, RuleSet, nothing_out};

/// The most bytes that CloudFormation takes of a template in a request; a larger one goes through S3.
/// Source: AWS CloudFormation User Guide, "CloudFormation quotas".
pub const MAX_BODY_BYTES: usize = 51_200;

/// The most bytes of a template in S3.
pub const MAX_S3_BYTES: usize = 1_048_576;

/// What a group is beside its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupSettings {
    /// The name. Its letters and digits are the logical id in the template.
    pub group_name: String,
    /// The description, which AWS lets nobody change; empty for the usual one.
    pub description: String,
    /// The VPC, `vpc-…`.
    pub vpc_id: String,
    /// Tags, by key.
    pub tags: BTreeMap<String, String>,
    /// Whether CloudFormation makes up the group's name, as it did for pysec-aws.
    pub generated_name: bool,
}

/// A template that holds one group, or several that share the rules.
///
/// ```
/// use portcullis_formats::cloudformation::{GroupSettings, Template};
/// use portcullis_formats::rules;
///
/// let read = rules::parse([("rules.pysec", "52.35.22.100/32:80-443^tcp # office".as_bytes())])?;
/// let settings = GroupSettings { group_name: "MySecurityGroup".into(), vpc_id: "vpc-82c92af3".into(), ..Default::default() };
/// let template = Template::of(&settings, &read.set);
///
/// let ingress = &template.value()["Resources"]["MySecurityGroup"]["Properties"]["SecurityGroupIngress"][0];
/// assert_eq!(ingress["CidrIp"], "52.35.22.100/32");
/// assert_eq!(ingress["ToPort"], 443);
/// assert_eq!(template.value()["Outputs"]["SecurityGroupId"]["Value"]["Ref"], "MySecurityGroup");
/// assert!(template.to_yaml().contains("CidrIp: 52.35.22.100/32"));
/// # Ok::<(), portcullis_formats::diagnostics::Diagnostics>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    value: Value,
    logical_ids: Vec<String>,
}

impl Template {
    /// One group that holds all rules.
    pub fn of(settings: &GroupSettings, set: &RuleSet) -> Self {
        Self::of_parts(settings, std::slice::from_ref(set))
    }

    /// One group for each part. The first has the name, the others the name with a number behind it.
    pub fn of_parts(settings: &GroupSettings, parts: &[RuleSet]) -> Self {
        let (mut resources, mut outputs, mut logical_ids) = (Map::new(), Map::new(), Vec::new());
        for (number, part) in (1..).zip(parts) {
            let suffix = if number == 1 { String::new() } else { number.to_string() };
            let logical = format!("{}{suffix}", logical_id(&settings.group_name));
            let name =
                if number == 1 { settings.group_name.clone() } else { format!("{}-{number}", settings.group_name) };
            resources.insert(logical.clone(), resource(settings, &name, part));
            let value = json!({ "Ref": logical });
            outputs.insert(
                format!("SecurityGroupId{suffix}"),
                json!({ "Description": "Security Group Id", "Value": value }),
            );
            logical_ids.push(logical);
        }
        let value = json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, "Outputs": outputs });
        Self { value, logical_ids }
    }

    /// The template.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The logical ids of its groups, in order.
    pub fn logical_ids(&self) -> &[String] {
        &self.logical_ids
    }

    /// As JSON for people, with a line break at the end.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", self.value)
    }

    /// As JSON without spaces: the least bytes.
    pub fn to_compact_json(&self) -> String {
        self.value.to_string()
    }

    /// As YAML, in the long forms that any YAML parser reads.
    pub fn to_yaml(&self) -> String {
        yaml::write(&self.value)
    }

    /// Writes it as YAML or JSON.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write(&self, format: Format, mut out: impl io::Write) -> io::Result<()> {
        let text = match format {
            Format::Yaml => self.to_yaml(),
            Format::Json => self.to_json(),
        };
        out.write_all(text.as_bytes())
    }
}

/// How a template is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// YAML.
    #[default]
    Yaml,
    /// JSON.
    Json,
}

/// The logical id of a group of this name: its letters and digits, which are all that a logical id takes.
pub fn logical_id(group_name: &str) -> String {
    let id: String = group_name.chars().filter(char::is_ascii_alphanumeric).take(240).collect();
    if id.is_empty() { "SecurityGroup".to_owned() } else { id }
}

/// The description of groups for which none is given.
pub fn usual_description(group_name: &str) -> String {
    portcullis_core::remediation::fit_description(&format!("Security group created by Portcullis - {group_name}"))
}

fn resource(settings: &GroupSettings, name: &str, set: &RuleSet) -> Value {
    let description = match settings.description.as_str() {
        "" => usual_description(&settings.group_name),
        own => own.to_owned(),
    };
    let rules = |direction| -> Vec<Value> { set.of_direction(direction).map(rule::property).collect() };
    let mut properties = Map::new();
    properties.insert("GroupDescription".to_owned(), description.into());
    if !settings.generated_name {
        properties.insert("GroupName".to_owned(), name.into());
    }
    properties.insert("SecurityGroupIngress".to_owned(), rules(Direction::Ingress).into());
    match set.egress {
        // Without the key AWS's default egress comes with a new group, and CloudFormation leaves it alone.
        Egress::Default => {}
        Egress::Nothing => {
            properties.insert("SecurityGroupEgress".to_owned(), vec![rule::property(&nothing_out())].into());
        }
        Egress::Rules => {
            properties.insert("SecurityGroupEgress".to_owned(), rules(Direction::Egress).into());
        }
    }
    if !settings.tags.is_empty() {
        let tags = settings.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
        properties.insert("Tags".to_owned(), tags.collect::<Vec<_>>().into());
    }
    properties.insert("VpcId".to_owned(), settings.vpc_id.clone().into());
    // A group can be taken into a stack by an import only where this is said; deleting is what happens without it.
    json!({ "Type": "AWS::EC2::SecurityGroup", "DeletionPolicy": "Delete", "Properties": properties })
}

/// How many places of the quota the rules take in the fullest direction and family. `inventory` tells how many entries
/// prefix lists may have; one that it does not know counts once.
pub fn quota(set: &RuleSet, inventory: &Inventory) -> usize {
    fullest(&set.as_held(), inventory)
}

fn fullest(rules: &[Rule], inventory: &Inventory) -> usize {
    let directions = Direction::ALL.into_iter().flat_map(|direction| Family::ALL.map(|family| (direction, family)));
    directions.map(|(direction, family)| quota_use(rules.iter(), inventory, direction, family)).max().unwrap_or(0)
}

/// The rules in as few parts as the quota asks for, in their order. One rule that is too large by itself has a part to
/// itself. Each part says of egress what the whole does: a part without egress rules of its own lets nothing out, lest
/// AWS's default egress opens what the files close.
pub fn split(set: &RuleSet, inventory: &Inventory) -> Vec<RuleSet> {
    let fill = |direction: Direction| {
        let mut parts: Vec<Vec<Rule>> = Vec::new();
        for rule in set.of_direction(direction) {
            let room = parts.last().is_some_and(|part| {
                let with: Vec<Rule> = part.iter().chain([rule]).cloned().collect();
                fullest(&with, inventory) <= RULE_QUOTA
            });
            match parts.last_mut().filter(|_| room) {
                Some(part) => part.push(rule.clone()),
                None => parts.push(vec![rule.clone()]),
            }
        }
        parts
    };
    let (ingress, egress) = (fill(Direction::Ingress), fill(Direction::Egress));
    let count = ingress.len().max(egress.len()).max(1);
    let mut parts = Vec::new();
    for number in 0..count {
        let of = |parts: &[Vec<Rule>]| parts.get(number).cloned().unwrap_or_default();
        let leaving = of(&egress);
        let said = if set.egress == Egress::Rules && leaving.is_empty() { Egress::Nothing } else { set.egress };
        let rules = of(&ingress).into_iter().chain(leaving).collect();
        parts.push(RuleSet::saying(rules, said));
    }
    parts
}

#[cfg(test)]
mod tests;
