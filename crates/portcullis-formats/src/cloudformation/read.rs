//! The groups of a template that stands somewhere already.

use portcullis_core::model::Direction;
use serde_json::Value;

use super::{Template, rule};
use crate::rules::RuleSet;

/// Why a template tells no rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON.
    #[error("the template is no JSON: {0}")]
    Json(String),
    /// It holds no security group.
    #[error("the template holds no resource of type `AWS::EC2::SecurityGroup`")]
    NoGroup,
    /// A rule says what only CloudFormation can tell, such as a reference to another resource.
    #[error("rule {number} of `{list}` of `{logical_id}` cannot be read: it refers to something outside of itself")]
    Rule {
        /// The group's logical id.
        logical_id: String,
        /// `SecurityGroupIngress` or `SecurityGroupEgress`.
        list: &'static str,
        /// Its place, from 1.
        number: usize,
    },
}

impl Template {
    /// Reads a template in JSON, as CloudFormation gives back what [`Template::to_compact_json`] wrote.
    ///
    /// # Errors
    ///
    /// When it is no JSON, or holds no security group.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        let value: Value = serde_json::from_str(text).map_err(|error| ReadError::Json(error.to_string()))?;
        let resources = value.get("Resources").and_then(Value::as_object).ok_or(ReadError::NoGroup)?;
        let is_group = |resource: &Value| resource.get("Type").is_some_and(|kind| kind == "AWS::EC2::SecurityGroup");
        let groups = resources.iter().filter(|(_, resource)| is_group(resource));
        let logical_ids: Vec<String> = groups.map(|(id, _)| id.clone()).collect();
        if logical_ids.is_empty() {
            return Err(ReadError::NoGroup);
        }
        Ok(Self { value, logical_ids })
    }

    /// What its groups say together, as one set of rules.
    ///
    /// # Errors
    ///
    /// When a rule names something that stands for itself only in the template.
    pub fn rules(&self) -> Result<RuleSet, ReadError> {
        let (mut rules, mut default_egress) = (Vec::new(), false);
        for logical_id in &self.logical_ids {
            let properties = self.value.pointer(&format!("/Resources/{logical_id}/Properties"));
            let lists = [(Direction::Ingress, "SecurityGroupIngress"), (Direction::Egress, "SecurityGroupEgress")];
            for (direction, list) in lists {
                let members = properties.and_then(|properties| properties.get(list)).and_then(Value::as_array);
                for (number, member) in (1..).zip(members.into_iter().flatten()) {
                    let read = rule::rule(direction, member);
                    rules.push(read.ok_or(ReadError::Rule { logical_id: logical_id.clone(), list, number })?);
                }
                default_egress |= direction == Direction::Egress && members.is_none_or(Vec::is_empty);
            }
        }
        if default_egress {
            rules.extend(RuleSet::default().as_held());
        }
        Ok(RuleSet::of(rules))
    }
}
