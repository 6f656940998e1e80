//! What the allowances of a control's own file leave of a group's traffic.

use std::borrow::Cow;
use std::collections::HashMap;

use super::piece::{Assume, Piece, without_allowed};
use super::scope::{allows, bears_on, environment_of};
use super::view::GroupView;
use crate::model::{Direction, GroupReference, Inventory, SecurityGroup};
use crate::policy::{AllowedPeers, AllowedRule, Control, PolicySet};

/// Names of groups by account and id.
#[derive(Debug, Default)]
pub(crate) struct Names<'a>(HashMap<(&'a str, &'a str), &'a str>);

impl<'a> Names<'a> {
    /// Of all groups, if any control asks for them.
    pub(crate) fn wanted(inventory: &'a Inventory, policies: &PolicySet) -> Self {
        let by_name = |allowed: &AllowedRule| matches!(allowed.peers, AllowedPeers::GroupsNamed(_));
        let wanted = policies.controls.iter().any(|control| control.allowed.iter().any(by_name));
        Self(if wanted { inventory.names() } else { HashMap::new() })
    }

    /// The name of a group that a rule of `group` refers to, if it is known.
    pub(super) fn of(&self, group: &SecurityGroup, reference: &'a GroupReference) -> Option<&'a str> {
        let account = if reference.account.is_empty() { &group.key.account_id } else { &reference.account };
        let known = self.0.get(&(account.as_str(), reference.id.as_str())).copied();
        known.or_else(|| Some(reference.name.as_str()).filter(|name| !name.is_empty()))
    }
}

/// The pieces of a direction less what the control's own file allows.
pub(crate) fn allowed_out<'a>(
    control: &Control,
    direction: Direction,
    view: &GroupView<'a>,
    inventory: &Inventory,
    names: &Names<'a>,
    environment: Option<&str>,
    assume: Assume,
) -> Vec<Piece<'a>> {
    let allowed: Vec<&AllowedRule> =
        control.allowed.iter().filter(|allowed| allows(&allowed.scope, view.group, environment)).collect();
    let name_of = |reference: &'a GroupReference| names.of(view.group, reference);
    without_allowed(view.pieces_of(direction), &allowed, direction, inventory, name_of, assume)
}

/// The controls that bear on a group, with their indices and the group's environment.
pub(crate) fn bearing_controls<'a>(
    policies: &'a PolicySet,
    group: &'a SecurityGroup,
) -> impl Iterator<Item = (usize, &'a Control, Option<Cow<'a, str>>)> {
    let environment = environment_of(group, policies);
    policies.controls.iter().enumerate().filter_map(move |(index, control)| {
        bears_on(&control.scope, group, environment.as_deref())?;
        Some((index, control, environment.clone()))
    })
}
