//! A live group into files, and into a stack of its own.

use portcullis_cloud::api::{ChangeSetKind, Import, Stack, Stacks};
use portcullis_cloud::error::Kind;
use portcullis_cloud::stores::S3Location;
use portcullis_core::model::SecurityGroup;
use portcullis_rules::{Repository, SettingsChange, StackState, Template, difference};
use serde_json::Value;

use super::change_set::{self, Wanted};
use super::follow::{self, Followed};
use super::site::STACK_TAG;
use super::{Failure, Proposal, Result, Site, Talk, update};

/// The settings of a repository that keeps this group.
pub fn settings_of(group: &SecurityGroup) -> SettingsChange {
    let own = |key: &str| !key.starts_with("aws:");
    let tags = group.tags.iter().filter(|tag| own(&tag.key));
    SettingsChange {
        vpc_id: Some(group.vpc_id.to_string()).filter(|vpc| !vpc.is_empty()),
        group_name: Some(group.name.to_string()),
        region: Some(group.key.region.to_string()),
        description: Some(group.description.to_string()).filter(|text| !text.is_empty()),
        tags: tags.map(|tag| (tag.key.to_string(), tag.value.to_string())).collect(),
        ..SettingsChange::default()
    }
}

/// The text of a rules file that says what a group holds.
pub fn text_of(group: &SecurityGroup) -> String {
    update::text_of(&[group])
}

/// Takes the repository's group into its stack, without touching the group: an IMPORT change set first, which may bring no
/// outputs, and then an update that adds them.
///
/// # Errors
/// Where the files do not say what the group holds, the group is in another stack, the answer is no, or CloudFormation
/// refuses or fails. The group is as it was then.
pub fn into_stack(
    repository: &mut Repository,
    site: &Site,
    group: &SecurityGroup,
    bucket: Option<&S3Location>,
    talk: &dyn Talk,
) -> Result<()> {
    let (rules, id, name) = (repository.load()?, group.key.group_id.to_string(), repository.stack_name());
    if let Some(other) = group.tag(STACK_TAG).filter(|other| *other != name) {
        return Err(Failure::Input(format!(
            "group {id} belongs to stack `{other}`: a group has one stack; `configure --stack {other}` makes it the repository's"
        )));
    }
    if !difference(rules.rules(), &[group], None).is_same_traffic() {
        return Err(Failure::Input(format!(
            "the files of `{}` do not say what group {id} holds: `portcullis rules import {id} --force` writes them anew",
            repository.name()
        )));
    }
    let template = rules.generate_template(&repository.settings.group()?);
    let stacks = site.stacks()?;
    let there = match site.look(|| stacks.stack(&name)) {
        Err(error) if error.kind == Kind::NotFound => None,
        stack => Some(stack?).filter(|stack| !stack.is_gone() && !stack.is_planned()),
    };
    if let Some(stack) = &there {
        return match stack.output("SecurityGroupId") {
            Some(own) if own == id => remember(repository, &rules, stack, id),
            _ => Err(Failure::Input(format!(
                "stack `{name}` is there already ({}): `configure --stack` names another for group {id}",
                stack.status
            ))),
        };
    }
    let logical_id = template.logical_ids().first().cloned().unwrap_or_default();
    let identifier = ("Id".to_owned(), id.clone());
    let import = Import { logical_id, kind: "AWS::EC2::SecurityGroup".to_owned(), identifier };
    let wanted =
        Wanted { kind: ChangeSetKind::Import, template: without_outputs(&template), imports: vec![import], bucket };
    imported(repository, site, &*stacks, wanted, talk)?;
    let wanted =
        Wanted { kind: ChangeSetKind::Update, template: template.to_compact_json(), imports: Vec::new(), bucket };
    let set = change_set::make(site, &*stacks, repository, wanted)?;
    let stack = if set.is_ready() {
        executed(site, &*stacks, &set, talk)?
    } else {
        change_set::discard(site, &*stacks, &set.id);
        site.look(|| stacks.stack(&name))?
    };
    remember(repository, &rules, &stack, id)
}

fn remember(
    repository: &mut Repository,
    rules: &portcullis_rules::SecurityTemplate,
    stack: &Stack,
    id: String,
) -> Result<()> {
    Ok(repository.committed(rules, StackState { id: stack.id.clone(), group_ids: vec![id] })?)
}

/// An import may not add outputs ("Import AWS resources into a CloudFormation stack", AWS CloudFormation User Guide).
fn without_outputs(template: &Template) -> String {
    let mut value: Value = template.value().clone();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("Outputs");
    }
    value.to_string()
}

fn imported(
    repository: &Repository,
    site: &Site,
    stacks: &dyn Stacks,
    wanted: Wanted<'_>,
    talk: &dyn Talk,
) -> Result<()> {
    let set = change_set::make(site, stacks, repository, wanted)?;
    let undo = |failure: Failure| {
        change_set::discard(site, stacks, &set.id);
        follow::undone(site, stacks, &set.stack_id);
        failure
    };
    if !set.is_ready() {
        let why = format!("CloudFormation makes no change set: {} ({})", set.reason, set.status);
        return Err(undo(Failure::World(why)));
    }
    let (stack, group) = (repository.stack_name(), repository.group_name().to_owned());
    let changes = set.changes.items.clone();
    talk.propose(&Proposal { stack: stack.clone(), group, changes, ..Proposal::default() });
    talk.agree(&format!("the import of the group into stack `{stack}`")).map_err(undo)?;
    executed(site, stacks, &set, talk).map(drop)
}

fn executed(
    site: &Site,
    stacks: &dyn Stacks,
    set: &portcullis_cloud::api::ChangeSet,
    talk: &dyn Talk,
) -> Result<Stack> {
    let mut followed = Followed::begin(site, stacks, &set.stack_id)?;
    site.ask(stacks.execute_change_set(&set.id))?;
    let stack = followed.until_its_end(talk)?;
    if stack.is_well() { Ok(stack) } else { Err(Failure::World(followed.why(&stack))) }
}
