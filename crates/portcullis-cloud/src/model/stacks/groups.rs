//! What a template makes of groups and their rules.

use serde_json::Value;

use super::{KeptStack, own_tags};
use crate::api::{Flow, NewChangeSet, Permission, ResourceChange};
use crate::model::Place;
use crate::shapes::{GroupRule, SecurityGroup, Tag};

const CALLS: [(&str, &str, Flow); 2] = [
    ("ec2:AuthorizeSecurityGroupIngress", "SecurityGroupIngress", Flow::Ingress),
    ("ec2:AuthorizeSecurityGroupEgress", "SecurityGroupEgress", Flow::Egress),
];

fn text(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A rule of a template.
fn permission(rule: &Value) -> Permission {
    let number = |key| text(rule, key).and_then(|text| text.parse().ok());
    let peer = |kind: &str| text(rule, &format!("Source{kind}")).or_else(|| text(rule, &format!("Destination{kind}")));
    Permission {
        protocol: text(rule, "IpProtocol").unwrap_or_default(),
        from_port: number("FromPort"),
        to_port: number("ToPort"),
        cidr_ipv4: text(rule, "CidrIp"),
        cidr_ipv6: text(rule, "CidrIpv6"),
        prefix_list_id: peer("PrefixListId"),
        group_id: peer("SecurityGroupId"),
        group_account: text(rule, "SourceSecurityGroupOwnerId"),
        description: text(rule, "Description"),
        tags: Vec::new(),
    }
}

fn rules(properties: Option<&Value>, key: &str) -> Vec<Permission> {
    let list = properties.and_then(|properties| properties.get(key)).and_then(Value::as_array);
    list.into_iter().flatten().map(permission).collect()
}

/// What outbound rules are, where a template has none.
fn everything() -> Permission {
    Permission { protocol: "-1".to_owned(), cidr_ipv4: Some("0.0.0.0/0".to_owned()), ..Permission::default() }
}

impl KeptStack {
    /// The values of the outputs that are a group's `Ref` or `GroupId`.
    pub(super) fn outputs(&self) -> Vec<(String, String)> {
        let document: Value = serde_json::from_str(&self.template).unwrap_or_default();
        let outputs = document.get("Outputs").and_then(Value::as_object).cloned().unwrap_or_default();
        let value = |output: &Value| {
            let value = output.get("Value")?;
            let of = value.pointer("/Fn::GetAtt/0").or_else(|| value.get("Ref"))?.as_str()?;
            self.groups.iter().find(|(name, _)| name == of).map(|(_, id)| id.clone())
        };
        outputs.iter().filter_map(|(key, output)| Some((key.clone(), value(output)?))).collect()
    }
}

impl Place {
    /// Makes one change of a change set. Where it fails, the caller puts back what was.
    pub(super) fn make(
        &mut self,
        kept: &mut KeptStack,
        new: &NewChangeSet,
        body: &str,
        change: &ResourceChange,
    ) -> Result<(), String> {
        let of = |template: &str| {
            let document: Value = serde_json::from_str(template).unwrap_or_default();
            let resources = document.get("Resources").and_then(|all| all.get(&change.logical_id)).cloned();
            resources.and_then(|resource| resource.get("Properties").cloned())
        };
        let (old, wanted) = (of(&kept.template), of(body));
        let own = kept.groups.iter().find(|(name, _)| *name == change.logical_id).map(|(_, id)| id.clone());
        match change.action.as_str() {
            "Import" => {
                let import = new.imports.iter().find(|import| import.logical_id == change.logical_id);
                let id = import.map(|import| import.identifier.1.clone()).unwrap_or_default();
                if !self.groups.contains_key(&id) {
                    return Err(format!("the security group '{id}' does not exist"));
                }
                kept.groups.push((change.logical_id.clone(), id));
                Ok(())
            }
            "Remove" => own.map_or(Ok(()), |id| self.delete_group(&id)),
            "Modify" if change.replacement != "True" => {
                let id = own.ok_or("the group is unknown")?;
                self.converge(&id, old.as_ref(), wanted.as_ref())
            }
            _ => {
                let id = self.create_group(kept, &change.logical_id, wanted.as_ref())?;
                let replaced = kept.groups.iter().position(|(name, _)| *name == change.logical_id);
                if let Some(at) = replaced {
                    let (_, old) = kept.groups.remove(at);
                    self.delete_group(&old)?;
                }
                kept.groups.push((change.logical_id.clone(), id));
                Ok(())
            }
        }
    }

    fn create_group(&mut self, kept: &KeptStack, logical: &str, wanted: Option<&Value>) -> Result<String, String> {
        let property = |key| wanted.and_then(|wanted| text(wanted, key));
        let vpc = property("VpcId").or_else(|| self.vpcs.first().map(|vpc| vpc.vpc_id.clone()));
        if !self.vpcs.iter().any(|own| Some(&own.vpc_id) == vpc.as_ref()) {
            return Err(format!("The vpc ID '{}' does not exist", vpc.unwrap_or_default()));
        }
        let name = property("GroupName").unwrap_or_else(|| format!("{}-{logical}", kept.stack.name));
        if self.groups.values().any(|group| group.group_name == name && group.vpc_id == vpc) {
            return Err(format!("The security group '{name}' already exists"));
        }
        let tags = wanted.and_then(|wanted| wanted.get("Tags")).and_then(Value::as_array).into_iter().flatten();
        let tags = tags.filter_map(|tag| Some(Tag { key: text(tag, "Key")?, value: text(tag, "Value")? }));
        let id = format!("sg-{:017x}", self.groups.len() + self.stacks.len() * 0x100 + kept.events.len() * 0x1_0000);
        let group = SecurityGroup {
            group_id: id.clone(),
            group_name: name,
            description: property("GroupDescription").unwrap_or_default(),
            owner_id: self.account.clone(),
            vpc_id: vpc,
            tags: own_tags(&kept.stack, logical).into_iter().chain(tags).collect(),
            ..SecurityGroup::default()
        };
        self.groups.insert(id.clone(), group);
        self.put_rule(&id, true, &everything());
        self.converge(&id, None, wanted)?;
        Ok(id)
    }

    /// Does to a group's rules what lies between two templates, and nothing else.
    fn converge(&mut self, id: &str, old: Option<&Value>, wanted: Option<&Value>) -> Result<(), String> {
        for (call, key, flow) in CALLS {
            let (mut before, mut after) = (rules(old, key), rules(wanted, key));
            if flow == Flow::Egress {
                for list in [&mut before, &mut after] {
                    if list.is_empty() {
                        list.push(everything());
                    }
                }
            }
            let is_egress = flow == Flow::Egress;
            let shape = |permission: &Permission| GroupRule { is_egress, ..self.shape(permission) };
            let bare = |rule: &GroupRule| GroupRule {
                security_group_rule_id: String::new(),
                group_id: String::new(),
                group_owner_id: String::new(),
                description: None,
                tags: Vec::new(),
                ..rule.clone()
            };
            let (old, new): (Vec<_>, Vec<_>) = (before.iter().map(shape).collect(), after.iter().map(shape).collect());
            let gone = |rule: &GroupRule| {
                rule.group_id == id
                    && rule.is_egress == is_egress
                    && old.contains(&bare(rule))
                    && !new.contains(&bare(rule))
            };
            self.rules.retain(|_, rule| !gone(rule));
            for rule in self.rules.values_mut().filter(|rule| rule.group_id == id && rule.is_egress == is_egress) {
                let found = new.iter().position(|own| *own == bare(rule)).and_then(|at| after.get(at));
                if let Some(found) = found {
                    rule.description.clone_from(&found.description);
                }
            }
            let missing = after.iter().zip(&new).filter(|(_, shape)| !old.contains(shape));
            let missing: Vec<Permission> = missing.map(|(permission, _)| permission.clone()).collect();
            self.authorize(call, id, flow, &missing).map_err(|error| error.message)?;
        }
        Ok(())
    }

    /// Deletes a group as EC2 does: not one that is worn, or named by another.
    pub(super) fn delete_group(&mut self, id: &str) -> Result<(), String> {
        let worn = self.interfaces.iter().any(|interface| interface.groups.iter().any(|group| group.group_id == id));
        let names = |rule: &GroupRule| rule.referenced_group_info.as_ref().is_some_and(|group| group.group_id == id);
        if worn || self.rules.values().any(|rule| rule.group_id != id && names(rule)) {
            return Err(format!("resource {id} has a dependent object"));
        }
        self.groups.remove(id);
        self.rules.retain(|_, rule| rule.group_id != id);
        Ok(())
    }
}
