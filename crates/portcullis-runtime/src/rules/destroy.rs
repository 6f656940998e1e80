//! Taking a stack and its groups away.

use std::fmt;

use portcullis_cloud::api::{Stack, Stacks};
use portcullis_cloud::error::Kind;
use portcullis_rules::Repository;

use super::{Failure, Result, Site, Talk, follow::Followed};

/// Something that uses a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// A network interface wears it.
    Interface {
        /// `eni-…`
        id: String,
        /// What AWS says the interface is for.
        what: String,
        /// The group.
        group: String,
    },
    /// A rule of another group names it.
    Rule {
        /// The other group.
        of: String,
        /// The group.
        group: String,
    },
    /// A launch template names it.
    Template {
        /// The template's name.
        name: String,
        /// The group.
        group: String,
    },
}

impl Use {
    /// Whether AWS deletes no group that is used so.
    pub fn holds(&self) -> bool {
        !matches!(self, Self::Template { .. })
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface { id, what, group } if what.is_empty() => write!(f, "interface {id} wears {group}"),
            Self::Interface { id, what, group } => write!(f, "interface {id} ({what}) wears {group}"),
            Self::Rule { of, group } => write!(f, "rules of group {of} name {group}"),
            Self::Template { name, group } => write!(f, "launch template `{name}` names {group}"),
        }
    }
}

/// What uses these groups.
pub(super) fn uses(site: &Site, groups: &[String]) -> Result<Vec<Use>> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let ec2 = site.ec2()?;
    let mut uses = Vec::new();
    for interface in site.all("ec2:DescribeNetworkInterfaces", |next| ec2.interfaces(groups, next))? {
        for group in interface.groups.iter().filter(|group| groups.contains(&group.group_id)) {
            let (id, what) = (interface.network_interface_id.clone(), interface.description.clone());
            uses.push(Use::Interface { id, what, group: group.group_id.clone() });
        }
    }
    for rule in site.all("ec2:DescribeSecurityGroupRules", |next| ec2.rules(&[], next))? {
        let named = rule.referenced_group_info.map(|group| group.group_id).unwrap_or_default();
        let found = Use::Rule { of: rule.group_id.clone(), group: named.clone() };
        if groups.contains(&named) && !groups.contains(&rule.group_id) && !uses.contains(&found) {
            uses.push(found);
        }
    }
    // They keep no group from being deleted, so that one who may not read them is not kept from it either.
    let versions =
        site.all("ec2:DescribeLaunchTemplateVersions", |next| ec2.launch_templates(next)).unwrap_or_default();
    for version in versions {
        let data = &version.launch_template_data;
        let named = data.security_group_ids.iter().chain(data.network_interfaces.iter().flat_map(|one| &one.groups));
        for group in named.filter(|group| groups.contains(group)) {
            let found = Use::Template { name: version.launch_template_name.clone(), group: group.clone() };
            if !uses.contains(&found) {
                uses.push(found);
            }
        }
    }
    Ok(uses)
}

/// Deletes a stack, and waits until it is gone.
pub(super) fn delete(site: &Site, stacks: &dyn Stacks, stack: &Stack, talk: &dyn Talk) -> Result<()> {
    talk.info(&format!("Deleting Stack {}", stack.id));
    let mut followed = Followed::begin(site, stacks, &stack.id)?;
    site.look(|| stacks.delete_stack(&stack.id))?;
    match followed.until_its_end(talk) {
        Ok(end) if end.is_gone() => Ok(()),
        Ok(end) => Err(Failure::World(format!("{}; it was not deleted", followed.why(&end)))),
        // A stack that never held anything leaves nothing behind to look at.
        Err(Failure::World(_)) if is_missing(site, stacks, &stack.id) => Ok(()),
        Err(failure) => Err(failure),
    }
}

fn is_missing(site: &Site, stacks: &dyn Stacks, id: &str) -> bool {
    matches!(site.look(|| stacks.stack(id)), Err(error) if error.kind == Kind::NotFound)
}

/// Takes a repository's stack away with its groups, and forgets it; the rules files stay. Whether there was a stack.
///
/// # Errors
/// Where a group is in use, the answer is no, or AWS does not delete the stack. The repository keeps its state then.
pub fn destroy(repository: &mut Repository, site: &Site, talk: &dyn Talk) -> Result<bool> {
    let name = repository.stack_name();
    super::commit::account(repository, site)?;
    let stacks = site.stacks()?;
    let stack = match site.look(|| stacks.stack(&name)) {
        Err(error) if error.kind == Kind::NotFound => None,
        stack => Some(stack?).filter(|stack| !stack.is_gone()),
    };
    let Some(stack) = stack else {
        talk.warn(&format!("there is no stack `{name}`: only the repository's state is removed"));
        repository.destroyed()?;
        return Ok(false);
    };
    if stack.is_busy() {
        let status = &stack.status;
        return Err(Failure::World(format!("stack `{name}` is {status}: run this again when that is done")));
    }
    let known = repository.state.stack.as_ref().map(|state| state.group_ids.clone()).filter(|ids| !ids.is_empty());
    let of_outputs = || {
        let outputs = stack.outputs.iter().filter(|(key, _)| key.starts_with("SecurityGroupId"));
        outputs.map(|(_, id)| id.clone()).collect()
    };
    let groups: Vec<String> = known.unwrap_or_else(of_outputs);
    let uses = uses(site, &groups)?;
    for found in &uses {
        talk.warn(&found.to_string());
    }
    if let Some(found) = uses.iter().find(|found| found.holds()) {
        let more = uses.iter().filter(|other| other.holds()).count() - 1;
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        return Err(Failure::World(format!("nothing was deleted, since the group is in use: {found}{more}")));
    }
    talk.agree(&format!("the deletion of stack `{name}` with its group {}", groups.join(", ")))?;
    delete(site, &*stacks, &stack, talk)?;
    repository.destroyed()?;
    Ok(true)
}
