//! AWS CloudFormation.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_cloudformation::types as sdk;

use super::send::send_in_region;
use super::session::Sessions;
use crate::api::{
    ChangeSet, ChangeSetKind, Import, Made, NewChangeSet, Page, ResourceChange, Stack, StackEvent, Stacks, Template,
};
use crate::calls::Call;
use crate::error::{Error, Kind, Result};
use crate::shapes::Tag;

/// The stacks of one account and Region.
#[derive(Debug)]
pub(super) struct Door {
    client: aws_sdk_cloudformation::Client,
    sessions: Arc<Sessions>,
}

impl Door {
    pub(super) fn new(config: &SdkConfig, sessions: Arc<Sessions>) -> Self {
        Self { client: aws_sdk_cloudformation::Client::new(config), sessions }
    }
}

/// Sends a request of CloudFormation.
macro_rules! send {
    ($door:ident, $call:ident, $request:expr) => {
        send_in_region!($door.sessions, $call, $request).map_err(in_words)
    };
}

#[async_trait]
impl Stacks for Door {
    async fn stack(&self, stack: &str) -> Result<Stack> {
        let answer = send!(self, DescribeStacks, self.client.describe_stacks().stack_name(stack))?;
        let missing =
            || Error::new(Kind::NotFound, Call::DescribeStacks.action(), format!("there is no stack `{stack}`"));
        answer.stacks.unwrap_or_default().into_iter().next().map(convert).ok_or_else(missing)
    }

    async fn create_change_set(&self, new: &NewChangeSet) -> Result<Made> {
        let (body, url) = match &new.template {
            Template::Body(body) => (Some(body.clone()), None),
            Template::Url(url) => (None, Some(url.clone())),
        };
        let tag = |tag: &Tag| sdk::Tag::builder().key(&tag.key).value(&tag.value).build();
        let imports = (!new.imports.is_empty()).then(|| new.imports.iter().map(import).collect());
        let request = self
            .client
            .create_change_set()
            .stack_name(&new.stack)
            .change_set_name(&new.name)
            .change_set_type(match new.kind {
                ChangeSetKind::Create => sdk::ChangeSetType::Create,
                ChangeSetKind::Update => sdk::ChangeSetType::Update,
                ChangeSetKind::Import => sdk::ChangeSetType::Import,
            })
            .description(&new.description)
            .set_template_body(body)
            .set_template_url(url)
            .set_tags(Some(new.tags.iter().map(tag).collect()))
            .set_resources_to_import(imports);
        let answer = send!(self, CreateChangeSet, request)?;
        let lacks = || Error::new(Kind::Answer, Call::CreateChangeSet.action(), "the answer names no change set");
        Ok(Made { id: answer.id.ok_or_else(lacks)?, stack_id: answer.stack_id.unwrap_or_default() })
    }

    async fn change_set(&self, id: &str, next: Option<String>) -> Result<ChangeSet> {
        let request = self.client.describe_change_set().change_set_name(id).set_next_token(next);
        let answer = send!(self, DescribeChangeSet, request)?;
        let changes = answer.changes.unwrap_or_default().into_iter().filter_map(|change| change.resource_change);
        Ok(ChangeSet {
            id: answer.change_set_id.unwrap_or_else(|| id.to_owned()),
            stack_id: answer.stack_id.unwrap_or_default(),
            status: answer.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: answer.status_reason.unwrap_or_default(),
            execution: answer.execution_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            changes: Page { items: changes.map(change).collect(), next: next_page(answer.next_token) },
        })
    }

    async fn execute_change_set(&self, id: &str) -> Result<()> {
        send!(self, ExecuteChangeSet, self.client.execute_change_set().change_set_name(id)).map(drop)
    }

    async fn delete_change_set(&self, id: &str) -> Result<()> {
        send!(self, DeleteChangeSet, self.client.delete_change_set().change_set_name(id)).map(drop)
    }

    async fn events(&self, stack: &str, next: Option<String>) -> Result<Page<StackEvent>> {
        let request = self.client.describe_stack_events().stack_name(stack).set_next_token(next);
        let answer = send!(self, DescribeStackEvents, request)?;
        let items = answer.stack_events.unwrap_or_default().into_iter().map(event).collect();
        Ok(Page { items, next: next_page(answer.next_token) })
    }

    async fn delete_stack(&self, stack: &str) -> Result<()> {
        send!(self, DeleteStack, self.client.delete_stack().stack_name(stack)).map(drop)
    }

    async fn template(&self, stack: &str) -> Result<String> {
        let answer = send!(self, GetTemplate, self.client.get_template().stack_name(stack))?;
        answer.template_body.ok_or_else(|| Error::new(Kind::Answer, Call::GetTemplate.action(), "the answer is empty"))
    }
}

/// CloudFormation has one code for nearly everything that it refuses; its sentences tell them apart.
fn in_words(mut error: Error) -> Error {
    if error.kind == Kind::Invalid && error.code == "ValidationError" {
        if error.message.contains("does not exist") {
            error.kind = Kind::NotFound;
        } else if error.message.contains("already exists") {
            error.kind = Kind::Duplicate;
        }
    }
    error
}

fn next_page(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

fn convert(stack: sdk::Stack) -> Stack {
    let output = |output: sdk::Output| Some((output.output_key?, output.output_value.unwrap_or_default()));
    let tag = |tag: sdk::Tag| Tag { key: tag.key.unwrap_or_default(), value: tag.value.unwrap_or_default() };
    Stack {
        id: stack.stack_id.unwrap_or_default(),
        name: stack.stack_name.unwrap_or_default(),
        status: stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        reason: stack.stack_status_reason.filter(|reason| !reason.is_empty()),
        outputs: stack.outputs.unwrap_or_default().into_iter().filter_map(output).collect(),
        tags: stack.tags.unwrap_or_default().into_iter().map(tag).collect(),
    }
}

fn import(import: &Import) -> sdk::ResourceToImport {
    let (key, value) = &import.identifier;
    sdk::ResourceToImport::builder()
        .resource_type(&import.kind)
        .logical_resource_id(&import.logical_id)
        .resource_identifier(key, value)
        .build()
}

fn change(change: sdk::ResourceChange) -> ResourceChange {
    let target = |detail: sdk::ResourceChangeDetail| detail.target.and_then(|target| target.name);
    let mut properties: Vec<String> = change.details.unwrap_or_default().into_iter().filter_map(target).collect();
    properties.sort();
    properties.dedup();
    ResourceChange {
        action: change.action.map(|action| action.as_str().to_owned()).unwrap_or_default(),
        logical_id: change.logical_resource_id.unwrap_or_default(),
        physical_id: change.physical_resource_id.unwrap_or_default(),
        kind: change.resource_type.unwrap_or_default(),
        replacement: change.replacement.map(|replacement| replacement.as_str().to_owned()).unwrap_or_default(),
        properties,
    }
}

fn event(event: sdk::StackEvent) -> StackEvent {
    StackEvent {
        id: event.event_id.unwrap_or_default(),
        logical_id: event.logical_resource_id.unwrap_or_default(),
        physical_id: event.physical_resource_id.unwrap_or_default(),
        kind: event.resource_type.unwrap_or_default(),
        status: event.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        reason: event.resource_status_reason.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_from_what_is_refused() {
        for (message, kind) in [
            ("Stack with id web does not exist", Kind::NotFound),
            ("Stack [web] already exists and cannot be created again with the changeSet [x].", Kind::Duplicate),
            ("Stack:arn is in UPDATE_IN_PROGRESS state and can not be updated.", Kind::Invalid),
        ] {
            let code = "ValidationError".to_owned();
            let error = Error { code, ..Error::new(Kind::Invalid, Call::DescribeStacks.action(), message) };
            assert_eq!(in_words(error).kind, kind, "{message}");
        }
    }
}
