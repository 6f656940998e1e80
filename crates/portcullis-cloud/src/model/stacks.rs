//! CloudFormation in memory: stacks of security groups, with the manners that a commit has to do with. A change set takes a
//! look to be made and an execution takes another; what an update does not mention is left alone, whoever made it.

use async_trait::async_trait;
use serde_json::Value;

use super::ec2::Client;
use super::{Place, failure};
use crate::api::{
    ChangeSet, ChangeSetKind, Made, NewChangeSet, Page, ResourceChange, Stack, StackEvent, Stacks, Template,
};
use crate::error::{Error, Kind, Result};
use crate::shapes::Tag;

mod groups;

const GROUP: &str = "AWS::EC2::SecurityGroup";
const STACK: &str = "AWS::CloudFormation::Stack";

/// A stack of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptStack {
    /// What clients see.
    pub stack: Stack,
    /// What it was last made of, as it was given; empty before the first time.
    pub template: String,
    /// Its groups: the name in the template, and the id.
    pub groups: Vec<(String, String)>,
    /// What happened, the oldest first.
    pub events: Vec<StackEvent>,
    /// Change sets by id.
    change_sets: Vec<(ChangeSet, NewChangeSet)>,
    /// The change set that is being executed, or the deletion that is under way.
    at_work: Option<Work>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Work {
    Execute(Box<NewChangeSet>),
    Delete,
}

fn missing(call: &'static str, name: &str) -> Error {
    failure(Kind::NotFound, call, "ValidationError", format!("Stack with id {name} does not exist"))
}

fn invalid(call: &'static str, message: String) -> Error {
    failure(Kind::Invalid, call, "ValidationError", message)
}

/// The security groups of a template in JSON; other notations and other resources are not known here.
fn resources(template: &str) -> std::result::Result<Vec<(String, Value)>, String> {
    let document: Value = serde_json::from_str(template).map_err(|error| format!("Template format error: {error}"))?;
    let resources = document.get("Resources").and_then(Value::as_object);
    let resources = resources.ok_or("Template format error: at least one Resources member must be defined.")?;
    Ok(resources.iter().map(|(name, resource)| (name.clone(), resource.clone())).collect())
}

impl KeptStack {
    fn tell(&mut self, logical: Option<&str>, status: &str, reason: &str) {
        let stack = self.stack.name.clone();
        let physical = self.groups.iter().find(|(name, _)| Some(name.as_str()) == logical);
        self.events.push(StackEvent {
            id: format!("{stack}-{}", self.events.len()),
            logical_id: logical.map_or(stack, str::to_owned),
            physical_id: physical.map_or_else(String::new, |(_, id)| id.clone()),
            kind: if logical.is_some() { GROUP } else { STACK }.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
        });
    }

    fn turn(&mut self, status: &str, reason: &str) {
        status.clone_into(&mut self.stack.status);
        self.stack.reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        self.tell(None, status, reason);
    }

    /// What a change set would do, or why it fails.
    fn changes(&self, new: &NewChangeSet) -> std::result::Result<Vec<ResourceChange>, String> {
        let Template::Body(body) = &new.template else {
            return Err("S3 error: the world in memory has no addresses".into());
        };
        let wanted = resources(body)?;
        let present = if self.template.is_empty() { Vec::new() } else { resources(&self.template)? };
        let id = |name: &str| self.groups.iter().find(|(own, _)| own == name).map(|(_, id)| id.clone());
        let mut changes = Vec::new();
        for (name, resource) in &wanted {
            let old = present.iter().find(|(own, _)| own == name).map(|(_, resource)| resource);
            let imported = new.imports.iter().any(|import| import.logical_id == *name);
            if imported && resource.get("DeletionPolicy").is_none() {
                return Err(format!("Resources [{name}] is missing from the template or lacks a DeletionPolicy"));
            }
            let action = match old {
                Some(old) if old == resource => continue,
                Some(_) => "Modify",
                None if imported => "Import",
                None => "Add",
            };
            let replacement = old.map_or("", |old| {
                let same = |key| old.pointer(key) == resource.pointer(key);
                let fixed = ["/Properties/GroupName", "/Properties/GroupDescription", "/Properties/VpcId"];
                if fixed.into_iter().all(same) { "False" } else { "True" }
            });
            changes.push(ResourceChange {
                action: action.to_owned(),
                logical_id: name.clone(),
                physical_id: id(name).unwrap_or_default(),
                kind: GROUP.to_owned(),
                replacement: replacement.to_owned(),
                properties: Vec::new(),
            });
        }
        for (name, _) in present.iter().filter(|(name, _)| !wanted.iter().any(|(own, _)| own == name)) {
            let (logical_id, physical_id) = (name.clone(), id(name).unwrap_or_default());
            let (action, kind) = ("Remove".to_owned(), GROUP.to_owned());
            changes.push(ResourceChange { action, logical_id, physical_id, kind, ..ResourceChange::default() });
        }
        let same_outputs = || {
            let outputs =
                |text: &str| serde_json::from_str::<Value>(text).ok().and_then(|all| all.get("Outputs").cloned());
            outputs(body) == outputs(&self.template)
        };
        if changes.is_empty() && same_outputs() {
            return Err(
                "The submitted information didn't contain changes. Submit different information to create a change \
                        set."
                    .to_owned(),
            );
        }
        Ok(changes)
    }
}

impl Place {
    fn find(&mut self, call: &'static str, name: &str) -> Result<&mut KeptStack> {
        // By its name only the one that is there can be found; by its id also one that is gone.
        let fits = |kept: &&mut KeptStack| kept.stack.id == name || kept.stack.name == name && !kept.stack.is_gone();
        self.stacks.iter_mut().find(fits).ok_or_else(|| missing(call, name))
    }

    /// The stack of a change set and the change set.
    fn find_change_set(&mut self, call: &'static str, id: &str) -> Result<(&mut KeptStack, usize)> {
        let of = |kept: &KeptStack| kept.change_sets.iter().position(|(own, _)| own.id == id);
        let found = self.stacks.iter_mut().find_map(|kept| of(kept).map(|at| (kept, at)));
        found.ok_or_else(|| {
            failure(Kind::NotFound, call, "ChangeSetNotFound", format!("ChangeSet [{id}] does not exist"))
        })
    }

    fn create_change_set(&mut self, new: &NewChangeSet, number: u64) -> Result<Made> {
        const CALL: &str = "cloudformation:CreateChangeSet";
        let (account, region) = (self.account.clone(), self.region.clone());
        let arn = |what: &str, name: &str| format!("arn:aws:cloudformation:{region}:{account}:{what}/{name}/{number}");
        if let Ok(kept) = self.find(CALL, &new.stack) {
            let Stack { id, status, .. } = kept.stack.clone();
            let planned = kept.stack.is_planned();
            if new.kind == ChangeSetKind::Create && !planned {
                return Err(invalid(CALL, format!("Stack [{}] already exists and cannot be created again", new.stack)));
            }
            if kept.stack.is_busy() || kept.stack.is_stillborn() || planned && new.kind == ChangeSetKind::Update {
                return Err(invalid(CALL, format!("Stack:{id} is in {status} state and can not be updated.")));
            }
        } else if new.kind == ChangeSetKind::Update {
            return Err(missing(CALL, &new.stack));
        } else {
            let stack = Stack {
                id: arn("stack", &new.stack),
                name: new.stack.clone(),
                tags: new.tags.clone(),
                ..Stack::default()
            };
            self.stacks.push(KeptStack { stack, ..KeptStack::default() });
            self.find(CALL, &new.stack)?.turn("REVIEW_IN_PROGRESS", "User Initiated");
        }
        let kept = self.find(CALL, &new.stack)?;
        let made = Made { id: arn("changeSet", &new.name), stack_id: kept.stack.id.clone() };
        let set = ChangeSet {
            id: made.id.clone(),
            stack_id: made.stack_id.clone(),
            status: "CREATE_PENDING".to_owned(),
            execution: "UNAVAILABLE".to_owned(),
            ..ChangeSet::default()
        };
        kept.change_sets.push((set, new.clone()));
        Ok(made)
    }

    /// A change set; the first look sees it being made.
    fn look_at_change_set(&mut self, id: &str) -> Result<ChangeSet> {
        let (kept, at) = self.find_change_set("cloudformation:DescribeChangeSet", id)?;
        let Some((set, new)) = kept.change_sets.get(at).cloned() else { return Ok(ChangeSet::default()) };
        let found = kept.changes(&new);
        let Some((set_now, _)) = kept.change_sets.get_mut(at) else { return Ok(set) };
        match set.status.as_str() {
            "CREATE_PENDING" => "CREATE_IN_PROGRESS".clone_into(&mut set_now.status),
            "CREATE_IN_PROGRESS" => match found {
                Ok(changes) => {
                    set_now.changes.items = changes;
                    "CREATE_COMPLETE".clone_into(&mut set_now.status);
                    "AVAILABLE".clone_into(&mut set_now.execution);
                }
                Err(why) => {
                    set_now.reason = why;
                    "FAILED".clone_into(&mut set_now.status);
                }
            },
            _ => {}
        }
        Ok(set_now.clone())
    }

    fn execute(&mut self, id: &str) -> Result<()> {
        const CALL: &str = "cloudformation:ExecuteChangeSet";
        let (kept, at) = self.find_change_set(CALL, id)?;
        let Some((set, new)) = kept.change_sets.get(at).cloned() else { return Ok(()) };
        if !set.is_ready() {
            let message = format!("ChangeSet [{id}] cannot be executed in its current status of [{}]", set.status);
            return Err(failure(Kind::Invalid, CALL, "InvalidChangeSetStatus", message));
        }
        // The others were made for the stack as it was ("Execute a change set", AWS CloudFormation User Guide).
        kept.change_sets.clear();
        kept.turn(&format!("{}_IN_PROGRESS", new.kind.as_str()), "User Initiated");
        kept.at_work = Some(Work::Execute(Box::new(new)));
        Ok(())
    }

    /// Goes on with what is at work on a stack: the first look after it began sees it under way, the next its end.
    fn go_on(&mut self, id: &str) {
        let Some(at) = self.stacks.iter().position(|kept| kept.stack.id == id) else { return };
        let Some(mut kept) = self.stacks.get(at).cloned() else { return };
        let Some(work) = kept.at_work.take() else { return };
        match work {
            Work::Delete => self.finish_deletion(&mut kept),
            Work::Execute(new) => self.finish(&mut kept, &new),
        }
        if let Some(own) = self.stacks.get_mut(at) {
            *own = kept;
        }
    }

    fn finish(&mut self, kept: &mut KeptStack, new: &NewChangeSet) {
        let Template::Body(body) = &new.template else { return };
        let (verb, before) = (new.kind.as_str(), (self.clone(), kept.groups.clone()));
        let changes = kept.changes(new).unwrap_or_default();
        for change in &changes {
            kept.tell(Some(&change.logical_id), &format!("{verb}_IN_PROGRESS"), "");
        }
        let mut failed = None;
        for change in &changes {
            if let Err(why) = self.make(kept, new, body, change) {
                failed = Some((change.logical_id.clone(), why));
                break;
            }
        }
        if let Some((logical, why)) = failed {
            (self.groups, self.rules) = (before.0.groups, before.0.rules);
            kept.groups = before.1;
            let why = format!("Resource handler returned message: \"{why}\" (HandlerErrorCode: InvalidRequest)");
            kept.tell(Some(&logical), &format!("{verb}_FAILED"), &why);
            let prefix = if new.kind == ChangeSetKind::Create { String::new() } else { format!("{verb}_") };
            let word = verb.to_lowercase();
            let summary = format!("The following resource(s) failed to {word}: [{logical}]. ");
            kept.turn(&format!("{prefix}ROLLBACK_IN_PROGRESS"), &summary);
            kept.turn(&format!("{prefix}ROLLBACK_COMPLETE"), "");
            return;
        }
        for change in &changes {
            kept.tell(Some(&change.logical_id), &format!("{verb}_COMPLETE"), "");
        }
        kept.template = body.clone();
        kept.stack.outputs = kept.outputs();
        kept.turn(&format!("{verb}_COMPLETE"), "");
    }

    fn finish_deletion(&mut self, kept: &mut KeptStack) {
        for (name, id) in kept.groups.clone() {
            if let Err(why) = self.delete_group(&id) {
                kept.tell(Some(&name), "DELETE_FAILED", &format!("Resource handler returned message: \"{why}\""));
                kept.turn("DELETE_FAILED", &format!("The following resource(s) failed to delete: [{name}]. "));
                return;
            }
        }
        kept.groups.clear();
        kept.turn("DELETE_COMPLETE", "");
    }

    /// A stack that was made somehow, with its group: what somebody else did.
    pub fn add_stack(&mut self, name: &str, status: &str) {
        let id = format!("arn:aws:cloudformation:{}:{}:stack/{name}/by-hand", self.region, self.account);
        let stack = Stack { id, name: name.to_owned(), status: status.to_owned(), ..Stack::default() };
        self.stacks.push(KeptStack { stack, ..KeptStack::default() });
    }
}

#[async_trait]
impl Stacks for Client {
    async fn stack(&self, stack: &str) -> Result<Stack> {
        const CALL: &str = "cloudformation:DescribeStacks";
        self.change(CALL, |place| {
            let seen = place.find(CALL, stack)?.stack.clone();
            place.go_on(&seen.id);
            Ok(seen)
        })
        .await
    }

    async fn create_change_set(&self, new: &NewChangeSet) -> Result<Made> {
        let number = self.world.next_number();
        self.change("cloudformation:CreateChangeSet", |place| place.create_change_set(new, number)).await
    }

    async fn change_set(&self, id: &str, _: Option<String>) -> Result<ChangeSet> {
        self.change("cloudformation:DescribeChangeSet", |place| place.look_at_change_set(id)).await
    }

    async fn execute_change_set(&self, id: &str) -> Result<()> {
        self.change("cloudformation:ExecuteChangeSet", |place| place.execute(id)).await
    }

    async fn delete_change_set(&self, id: &str) -> Result<()> {
        const CALL: &str = "cloudformation:DeleteChangeSet";
        self.change(CALL, |place| {
            if let Ok((kept, at)) = place.find_change_set(CALL, id) {
                kept.change_sets.remove(at);
            }
            Ok(())
        })
        .await
    }

    async fn events(&self, stack: &str, next: Option<String>) -> Result<Page<StackEvent>> {
        const CALL: &str = "cloudformation:DescribeStackEvents";
        let events = self.change(CALL, |place| Ok(place.find(CALL, stack)?.events.clone())).await?;
        self.world.page_of(CALL, events.into_iter().rev(), next.as_deref())
    }

    async fn delete_stack(&self, stack: &str) -> Result<()> {
        const CALL: &str = "cloudformation:DeleteStack";
        self.change(CALL, |place| {
            if let Ok(kept) = place.find(CALL, stack)
                && !kept.stack.is_gone()
            {
                kept.turn("DELETE_IN_PROGRESS", "User Initiated");
                kept.at_work = Some(Work::Delete);
            }
            Ok(())
        })
        .await
    }

    async fn template(&self, stack: &str) -> Result<String> {
        const CALL: &str = "cloudformation:GetTemplate";
        self.change(CALL, |place| Ok(place.find(CALL, stack)?.template.clone())).await
    }
}

/// The tags that CloudFormation gives to what it makes.
fn own_tags(stack: &Stack, logical: &str) -> Vec<Tag> {
    let tag = |key: &str, value: &str| Tag { key: format!("aws:cloudformation:{key}"), value: value.to_owned() };
    let mut tags = vec![tag("logical-id", logical), tag("stack-id", &stack.id), tag("stack-name", &stack.name)];
    tags.extend(stack.tags.iter().cloned());
    tags
}
