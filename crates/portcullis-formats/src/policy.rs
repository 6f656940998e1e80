//! Policy files: bytes to policies that are valid by construction.
//!
//! The way in is one: bytes → [`Source`] → a tree of values with places (JSON or YAML) → [`Document`], the file as it is
//! written with every key typed → [`Policy`], what is judged by. Each step notes everything that is wrong and goes on, so
//! that one run tells all of it; a policy with an error is no policy. [`assemble`](assemble::assemble) makes the
//! [`PolicySet`](portcullis_core::policy::PolicySet) of a run from policies, packs and the controls that ship.

pub mod accounts;
pub mod assemble;
pub mod document;
pub mod fixture;
mod global;
mod json;
mod node;
mod notes;
mod read;
mod rules;
mod schema;
mod services;
mod value;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;
use portcullis_core::controls::Hygiene;
use portcullis_core::net::Family;
use portcullis_core::policy::{
    AllowedRule, ControlText, ExemptedRules, Exemption, ExemptionTarget, Framework, FrameworkItem, Scope, Severity,
    TrafficRule,
};

pub use self::document::Document;
use self::document::{ExemptionEntry, FamilyName, FrameworkEntry};
use self::read::Read;
pub use self::read::{At, Entries, OneOrMany, Spanned};
pub use self::schema::schema;
pub use self::services::{Port, ProtocolName};
pub use self::value::*;
use crate::diagnostics::{Diagnostic, Diagnostics, Source, Span, quoted};

/// A prohibited or restricted rule, ready but for the settings of the run.
#[derive(Clone, Debug)]
pub struct PolicyRule {
    /// Its id as its author wrote it.
    pub rule_id: CompactString,
    /// That id in kebab-case.
    pub control_id: CompactString,
    /// Where it stands.
    pub span: Span,
    /// How bad a violation is.
    pub severity: Severity,
    /// Words.
    pub text: ControlText,
    /// The groups that it bears on.
    pub scope: Scope,
    /// What violates it.
    pub rule: TrafficRule,
    /// Whether the settings' authorised ports are still to be taken out of it.
    pub except_authorized_ports: bool,
}

/// A valid policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its text, and the name that the user knows it by.
    pub source: Arc<Source>,
    /// The file as it is written, every key typed.
    pub document: Document,
    /// Its prohibited and restricted rules, in the order of the file.
    pub rules: Vec<PolicyRule>,
    /// Its allowed rules, each with its place.
    pub allowed: Vec<(Span, AllowedRule)>,
    /// The hygiene controls that its global rules set, and where each holds.
    pub hygiene: Vec<(Hygiene, Scope)>,
    /// Its exceptions, in the order of the file.
    pub exemptions: Vec<(Span, Exemption)>,
    /// Every environment that it speaks of, in lower case.
    pub environments: BTreeSet<String>,
    /// The framework that it reports.
    pub framework: Option<Framework>,
}

impl Policy {
    /// Reads a policy from bytes, JSON or YAML. `name` is what messages call it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with its place.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, Diagnostics> {
        Self::from_source(Source::new(name, bytes)?)
    }

    /// Reads a policy from a text.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`].
    pub fn from_source(source: Source) -> Result<Self, Diagnostics> {
        let source = Arc::new(source);
        let mut errors = Vec::new();
        let root = if is_json(&source) {
            json::parse(source.text(), &mut errors)
        } else {
            yaml::parse(source.text(), &mut errors)
        };
        let policy = match root {
            Ok(root) => Document::read(&root, &mut errors)
                .and_then(|document| Self::from_document(Arc::clone(&source), document, &mut errors)),
            Err(error) => {
                errors.push(error);
                None
            }
        };
        match policy {
            Some(policy) if errors.is_empty() => Ok(policy),
            _ => Err(Diagnostics::of(&source, errors)),
        }
    }

    fn from_document(source: Arc<Source>, document: Document, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        let lowered = rules::lower(&document, errors);
        let hygiene = global::lower(&document);
        let exemptions = exemptions(&source, &document, errors);
        check_accounts(&document, errors);
        check_actions(&document, errors);
        let framework = document.framework.as_ref().map(|entry| framework(&source.name, entry, errors));
        Some(Self {
            rules: lowered.rules,
            allowed: lowered.allowed,
            environments: lowered.environments,
            source,
            document,
            hygiene,
            exemptions,
            framework,
        })
    }

    /// The accounts of its override keys, with the overrides; entries under keys that name no account are left out.
    pub(crate) fn overrides(
        document: &Document,
    ) -> impl Iterator<Item = (&Spanned<String>, AccountId, &document::AccountOverride)> {
        document.account_specific_overrides.entries.iter().filter_map(|(key, entry)| {
            let account = AccountId::parse(key.strip_prefix("account_")?).ok()?;
            Some((key, account, entry))
        })
    }
}

/// Whether a text is to be read as JSON: by its name, else by its first character.
fn is_json(source: &Source) -> bool {
    let name = source.name.to_ascii_lowercase();
    if name.ends_with(".json") {
        return true;
    }
    !(name.ends_with(".yaml") || name.ends_with(".yml")) && source.text().trim_start().starts_with(['{', '['])
}

/// The id of a rule in kebab-case, as controls have them: `PROHIBIT_SSH` is `prohibit-ssh`, `noSsh` is `no-ssh`.
pub fn kebab_case(rule_id: &str) -> CompactString {
    let mut kebab = String::with_capacity(rule_id.len() + 4);
    let mut before_is_lower = false;
    for character in rule_id.chars() {
        if !character.is_ascii_alphanumeric() {
            before_is_lower = false;
            if !kebab.is_empty() && !kebab.ends_with('-') {
                kebab.push('-');
            }
            continue;
        }
        if character.is_ascii_uppercase() && before_is_lower {
            kebab.push('-');
        }
        before_is_lower = !character.is_ascii_uppercase();
        kebab.push(character.to_ascii_lowercase());
    }
    kebab.trim_end_matches('-').into()
}

fn exemptions(source: &Source, document: &Document, errors: &mut Vec<Diagnostic>) -> Vec<(Span, Exemption)> {
    let mut exemptions = Vec::new();
    let mut push = |target, span, entry: &ExemptionEntry| {
        let exemption = Exemption {
            target,
            rules: match &entry.exempted_rules {
                RuleNames::All => ExemptedRules::All,
                RuleNames::Only(names) => ExemptedRules::Only(names.iter().map(|name| name.0.clone()).collect()),
            },
            reason: entry.reason.0.clone(),
            approved_by: entry.approved_by.as_ref().map(|by| by.0.clone()).unwrap_or_default(),
            expires: match entry.expiry_date {
                Some(Expiry::At(moment)) => Some(moment),
                Some(Expiry::Permanent) | None => None,
            },
            place: source.place(span),
        };
        exemptions.push((span, exemption));
    };
    for (key, entry) in &document.exemptions.security_group_exemptions.entries {
        if key.starts_with("sg-") && value::peer(key).is_ok() {
            push(ExemptionTarget::Group(key.as_str().into()), key.span, entry);
        } else {
            errors.push(Diagnostic::error(
                key.span,
                format!("{} is no security group's id: `sg-…` is expected", quoted(key)),
            ));
        }
    }
    for (key, entry) in &document.exemptions.account_exemptions.entries {
        match AccountId::parse(key) {
            Ok(account) => push(ExemptionTarget::Account(account.0), key.span, entry),
            Err(error) => errors.push(Diagnostic::error(key.span, error)),
        }
    }
    exemptions
}

fn check_accounts(document: &Document, errors: &mut Vec<Diagnostic>) {
    let mut places: BTreeMap<&str, Span> = BTreeMap::new();
    for account in &document.accounts_config {
        let id = &account.account_id;
        match places.get(id.0.as_str()) {
            Some(first) => errors.push(
                Diagnostic::error(id.span, format!("account {} stands twice", quoted(&id.0)))
                    .related(*first, "first here"),
            ),
            None => drop(places.insert(&id.0, id.span)),
        }
    }
}

fn check_actions(document: &Document, errors: &mut Vec<Diagnostic>) {
    use self::document::actions::StrategyName;
    let actions = &document.compliance_policies.compliance_actions;
    let settings = &actions.remediation_settings;
    let replaces = settings.strategy.as_ref().filter(|strategy| strategy.value == StrategyName::Replace);
    match (replaces, &settings.replace_with) {
        (Some(strategy), None) if !settings.at.broken => errors.push(
            Diagnostic::error(strategy.span, "strategy `replace` needs `replace_with`")
                .help("name the sources to put in place"),
        ),
        (None, Some(with)) if !settings.at.broken => {
            errors.push(Diagnostic::error(with.span, "`replace_with` belongs to `\"strategy\": \"replace\"`"));
        }
        _ => {}
    }
    if let Some(prefix) = &actions.violation_handling.tag_prefix {
        // "Tag naming limits and requirements" of the Amazon EC2 User Guide; the longest of our own endings has 17 letters.
        let known = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
        if prefix.0.to_ascii_lowercase().starts_with("aws:") || !prefix.0.chars().all(known) || prefix.0.len() > 64 {
            let message = format!("{} cannot begin the key of a tag", quoted(&prefix.0));
            errors.push(
                Diagnostic::error(prefix.span, message).help("at most 64 letters, digits and `_.:/=+-@`, not `aws:…`"),
            );
        }
    }
    if let Some(entry) = &actions.violation_handling.dummy_rule_config
        && !entry.at.broken
        && let Err(message) = assemble::dummy_services(entry)
    {
        errors.push(Diagnostic::error(entry.span, message));
    }
}

fn framework(pack: &str, entry: &FrameworkEntry, errors: &mut Vec<Diagnostic>) -> Framework {
    let family = |name: &FamilyName| match name {
        FamilyName::Ipv4 => Family::Ipv4,
        FamilyName::Ipv6 => Family::Ipv6,
    };
    let mut seen = BTreeSet::new();
    for item in entry.items.iter().filter(|item| !seen.insert(&item.id.0)) {
        errors.push(Diagnostic::error(item.at.span, format!("the item {} stands twice", quoted(&item.id.0))));
    }
    let items = entry.items.iter().map(|item| FrameworkItem {
        id: item.id.0.to_string(),
        title: item.title.0.clone(),
        controls: item.controls.iter().map(|control| kebab_case(&control.0)).collect(),
        families: item.families.iter().flat_map(|families| families.0.iter().map(family)).collect(),
    });
    Framework {
        pack: pack.to_owned(),
        name: entry.name.0.clone(),
        label: entry.label.0.clone(),
        version: entry.version.0.to_string(),
        document: entry.document.0.clone(),
        items: items.collect(),
    }
}

#[cfg(test)]
mod tests;
