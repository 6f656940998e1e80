//! `global_rules`: the hygiene controls that they set, for the file and for single accounts.

use portcullis_core::controls::Hygiene;
use portcullis_core::policy::Scope;

use super::document::{Document, GlobalRules};
use super::{Policy, read::At};

/// The hygiene controls of a file, each with where it holds.
///
/// An account with global rules of its own, or one that does not inherit the file's, is taken out of the file's.
pub(super) fn lower(document: &Document) -> Vec<(Hygiene, Scope)> {
    let global = document.compliance_policies.global_rules.as_ref();
    let mut rest = Scope::default();
    let mut own = Vec::new();
    for (_, account, entry) in Policy::overrides(document) {
        let inherited = global.filter(|_| entry.inherit_global_rules);
        if entry.inherit_global_rules && entry.global_rules.is_none() {
            continue;
        }
        rest.except_accounts.insert(account.0.clone());
        if let Some(rules) = &entry.global_rules {
            let scope = Scope { accounts: [account.0].into(), ..Scope::default() };
            own.extend(controls(&merged(rules, inherited)).into_iter().map(|control| (control, scope.clone())));
        }
    }
    let file = global.map(controls).unwrap_or_default();
    file.into_iter().map(|control| (control, rest.clone())).chain(own).collect()
}

/// An account's rules, with the file's where it says nothing itself.
fn merged(own: &GlobalRules, inherited: Option<&GlobalRules>) -> GlobalRules {
    let Some(inherited) = inherited else { return own.clone() };
    GlobalRules {
        at: At::default(),
        description: own.description.clone(),
        enforce_tagging: own.enforce_tagging.or(inherited.enforce_tagging),
        required_tags: own.required_tags.clone().or_else(|| inherited.required_tags.clone()),
        max_rules_per_sg: own.max_rules_per_sg.or(inherited.max_rules_per_sg),
        require_descriptions: own.require_descriptions.or(inherited.require_descriptions),
        min_description_length: own.min_description_length.or(inherited.min_description_length),
    }
}

fn controls(rules: &GlobalRules) -> Vec<Hygiene> {
    let mut controls = Vec::new();
    let tags: Vec<String> = rules.required_tags.iter().flatten().map(|tag| tag.0.clone()).collect();
    if rules.enforce_tagging.unwrap_or(true) && !tags.is_empty() {
        controls.push(Hygiene::MissingRequiredTag(tags));
    }
    if let Some(most) = rules.max_rules_per_sg {
        controls.push(Hygiene::TooManyRules(most.0 as usize));
    }
    if rules.require_descriptions.unwrap_or(rules.min_description_length.is_some()) {
        let least = rules.min_description_length.map_or(1, |least| least.0 as usize);
        controls.extend([Hygiene::MissingGroupDescription(least), Hygiene::MissingRuleDescription(least)]);
    }
    controls
}
