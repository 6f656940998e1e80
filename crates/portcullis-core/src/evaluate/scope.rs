//! Which groups a control bears on: accounts and environments.

use std::borrow::Cow;

use crate::model::SecurityGroup;
use crate::policy::{PolicySet, Scope};

/// The environment of a group in lower case, if it is known: the user's word, the account's, or the group's own tag,
/// which its owner can change and so comes last.
pub fn environment_of<'a>(group: &'a SecurityGroup, policies: &'a PolicySet) -> Option<Cow<'a, str>> {
    let account = policies.accounts.get(&group.key.account_id);
    let known = policies.environment.as_deref().or_else(|| account?.environment.as_deref());
    let tag = || group.tag("Environment").filter(|value| !value.trim().is_empty());
    known.or_else(tag).map(|name| Cow::Owned(name.trim().to_lowercase()))
}

/// Why a rule bears on a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bearing {
    /// It bears on every environment.
    Always,
    /// It names the group's environment.
    Environment(String),
    /// It names environments, and the group's is not known.
    UnknownEnvironment,
}

impl Bearing {
    /// The end of a reason.
    pub(crate) fn note(&self) -> String {
        match self {
            Self::Always => String::new(),
            Self::Environment(name) => format!("; the rule is for `{name}`, the group's environment"),
            Self::UnknownEnvironment => {
                "; the rule is for certain environments, and which one the group is of is not known".to_owned()
            }
        }
    }
}

/// Whether a scope bears on a group. An unknown environment is brought to bear: not knowing is no excuse.
pub(crate) fn bears_on(scope: &Scope, group: &SecurityGroup, environment: Option<&str>) -> Option<Bearing> {
    let account = &group.key.account_id;
    if !scope.accounts.is_empty() && !scope.accounts.contains(account) || scope.except_accounts.contains(account) {
        return None;
    }
    if scope.environments.is_empty() {
        return Some(Bearing::Always);
    }
    match environment {
        None => Some(Bearing::UnknownEnvironment),
        Some(name) => scope.environments.contains(name).then(|| Bearing::Environment(name.to_owned())),
    }
}

/// Whether an allowance bears on a group: only where it is sure to.
pub(crate) fn allows(scope: &Scope, group: &SecurityGroup, environment: Option<&str>) -> bool {
    matches!(bears_on(scope, group, environment), Some(Bearing::Always | Bearing::Environment(_)))
}
