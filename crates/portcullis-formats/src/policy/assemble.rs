//! From policies, packs and the controls that ship to what a run judges by.

mod agreement;
mod hygiene;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use compact_str::CompactString;
use jiff::Timestamp;
use portcullis_core::policy::{Account, AllowedRule, Control, Framework, PolicySet, Settings};

use self::agreement::Agreement;
pub(super) use self::agreement::dummy_services;
use super::{Policy, Spanned, notes};
use crate::catalogue::{self, Shipped, references};
use crate::diagnostics::{Diagnostic, Diagnostics, did_you_mean, quoted};

/// What a run is to judge by.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Policies of the user's own: the name that messages call each by, and its bytes.
    pub policies: Vec<(String, Vec<u8>)>,
    /// Packs by name. With neither packs nor policies it is [`catalogue::DEFAULT_PACK`].
    pub packs: Vec<String>,
    /// The environment of all groups, where the user gives one.
    pub environment: Option<String>,
}

/// What a run judges by.
#[derive(Clone, Debug)]
pub struct Assembled {
    /// For `evaluate` and `plan`.
    pub set: PolicySet,
    /// The user's policies, for what is not about verdicts: actions, accounts, real-time settings.
    pub policies: Vec<Policy>,
}

impl Assembled {
    /// What is worth knowing about the policies although nothing is wrong: what can never bear, what has expired, and what
    /// only other commands act upon.
    pub fn notes(&self, now: Timestamp) -> Diagnostics {
        notes::of(self, now)
    }
}

/// Assembles what a run judges by.
///
/// # Errors
///
/// Everything that is wrong with the policies and the request, all at once.
pub fn assemble(request: &Request) -> Result<Assembled, Diagnostics> {
    let mut errors = Diagnostics::default();
    let mut policies = Vec::with_capacity(request.policies.len());
    for (name, bytes) in &request.policies {
        match Policy::parse(name, bytes) {
            Ok(policy) => policies.push(policy),
            Err(own) => errors.extend(own),
        }
    }
    let packs = packs(request, &mut errors);
    let mut assembly = Assembly { policies: &policies, packs: &packs, errors };
    let set = assembly.set(request);
    assembly.errors.into_result()?;
    Ok(Assembled { set, policies })
}

fn packs(request: &Request, errors: &mut Diagnostics) -> Vec<&'static Policy> {
    let default = (request.packs.is_empty() && request.policies.is_empty()).then_some(catalogue::DEFAULT_PACK);
    let mut names: Vec<&str> = Vec::new();
    for name in request.packs.iter().map(String::as_str).chain(default) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut packs = Vec::new();
    for name in names {
        match catalogue::pack(name) {
            Some(pack) => packs.push(pack),
            None => {
                let known = || format!("the packs are {}", catalogue::packs().collect::<Vec<_>>().join(", "));
                let help = did_you_mean(name, catalogue::packs()).unwrap_or_else(known);
                errors.push_request_error(format!("{} is no pack", quoted(name)), Some(help));
            }
        }
    }
    packs
}

struct Assembly<'a> {
    policies: &'a [Policy],
    packs: &'a [&'static Policy],
    errors: Diagnostics,
}

impl Assembly<'_> {
    fn set(&mut self, request: &Request) -> PolicySet {
        let agreement = Agreement::of(self.policies, self.packs, &mut self.errors);
        let settings = Arc::new(agreement.settings.clone());
        let (packs, policies) = (self.packs, self.policies);
        let all = || packs.iter().copied().chain(policies);
        let environments: BTreeSet<String> = all().flat_map(|policy| policy.environments.iter().cloned()).collect();
        let mut controls = self.shipped(&settings);
        controls.extend(self.own_rules(&settings));
        let frameworks: Vec<Framework> = all().filter_map(|policy| policy.framework.clone()).collect();
        self.check_framework_items(&controls);
        add_references(&mut controls, self.policies);
        PolicySet {
            controls,
            frameworks,
            exemptions: self
                .policies
                .iter()
                .flat_map(|policy| policy.exemptions.iter().map(|(_, own)| own.clone()))
                .collect(),
            accounts: self.accounts(&environments),
            environment: request.environment.as_ref().map(|environment| environment.to_lowercase()),
            environments,
            deductions: agreement.deductions,
            settings: agreement.settings,
            tag_prefix: agreement.tag_prefix,
            dummy_rule: agreement.dummy_rule,
        }
    }

    /// The controls that packs and policies name, each once, and those that global rules set.
    fn shipped(&mut self, settings: &Arc<Settings>) -> Vec<Control> {
        let mut named: BTreeSet<&str> = BTreeSet::new();
        for policy in self.packs.iter().copied().chain(self.policies) {
            let mut errors = Vec::new();
            for control in &policy.document.controls {
                match catalogue::control(&control.0) {
                    Some(shipped) => drop(named.insert(shipped.id)),
                    None => errors.push(unknown_control(control, policy)),
                }
            }
            self.errors.extend(Diagnostics::of(&policy.source, errors));
        }
        let set_by_policies = hygiene::controls(self.policies, &named, settings);
        let mut controls = Vec::new();
        for shipped in catalogue::controls() {
            match set_by_policies.get(shipped.id) {
                Some(own) => controls.extend(
                    own.iter().map(|control| Control { frameworks: shipped.frameworks.clone(), ..control.clone() }),
                ),
                None if named.contains(shipped.id) => controls.push(shipped.control(settings)),
                None => {}
            }
        }
        controls
    }

    /// The prohibited and restricted rules of the policies.
    fn own_rules(&mut self, settings: &Arc<Settings>) -> Vec<Control> {
        let mut controls = Vec::new();
        let mut places: HashMap<CompactString, String> = HashMap::new();
        for policy in self.policies {
            let mut errors = Vec::new();
            let allowed: Arc<Vec<AllowedRule>> =
                Arc::new(policy.allowed.iter().map(|(_, rule)| rule.clone()).collect());
            for rule in &policy.rules {
                if catalogue::control(&rule.control_id).is_some() {
                    let message = format!("{} is the id of a control that ships", quoted(&rule.rule_id));
                    let help =
                        format!("choose another id, or name `{}` in `controls` to turn that one on", rule.control_id);
                    errors.push(Diagnostic::error(rule.span, message).help(help));
                } else if let Some(place) = places.get(&rule.control_id) {
                    let message = format!("the rule id {} stands in two policies", quoted(&rule.rule_id));
                    errors.push(Diagnostic::error(rule.span, message).help(format!("first at {place}")));
                } else {
                    places.insert(rule.control_id.clone(), policy.source.place(rule.span));
                    controls.push(rule.control(settings, Arc::clone(&allowed)));
                }
            }
            self.errors.extend(Diagnostics::of(&policy.source, errors));
        }
        controls
    }

    fn check_framework_items(&mut self, controls: &[Control]) {
        for policy in self.packs.iter().copied().chain(self.policies) {
            let items = policy.document.framework.iter().flat_map(|framework| &framework.items);
            let named = items.flat_map(|item| &item.controls);
            let known = |id: &str| catalogue::control(id).is_some() || controls.iter().any(|control| control.id == id);
            let unknown = named.filter(|control| !known(&super::kebab_case(&control.0)));
            let errors = unknown.map(|control| unknown_control(control, policy)).collect();
            self.errors.extend(Diagnostics::of(&policy.source, errors));
        }
    }

    /// The accounts of all policies; two may tell the same of one.
    fn accounts(&mut self, environments: &BTreeSet<String>) -> std::collections::BTreeMap<CompactString, Account> {
        let mut accounts: std::collections::BTreeMap<CompactString, Account> = std::collections::BTreeMap::new();
        for policy in self.policies {
            let mut errors = Vec::new();
            for config in &policy.document.accounts_config {
                let name = config.account_name.as_ref().map(|name| name.0.to_string()).unwrap_or_default();
                let named = Some(name.to_lowercase()).filter(|name| environments.contains(name));
                let account = Account {
                    environment: config.environment.as_ref().map(|own| own.0.to_lowercase().into()).or(named),
                    level: Some(config.enforcement_level.value),
                    name,
                };
                let id = &config.account_id;
                match accounts.get(&id.0) {
                    Some(first) if *first != account => {
                        let message = format!("two policies tell different things of account {}", quoted(&id.0));
                        errors.push(Diagnostic::error(id.span, message).help("leave it to one of them"));
                    }
                    _ => drop(accounts.insert(id.0.clone(), account)),
                }
            }
            self.errors.extend(Diagnostics::of(&policy.source, errors));
        }
        accounts
    }
}

fn unknown_control(control: &Spanned<super::RuleId>, policy: &Policy) -> Diagnostic {
    let own = policy.rules.iter().map(|rule| rule.control_id.as_str());
    let known = catalogue::controls().iter().map(|control: &Shipped| control.id).chain(own);
    let error = Diagnostic::error(control.span, format!("{} is no control", quoted(&control.0)));
    match did_you_mean(&control.0, known) {
        Some(help) => error.help(help),
        None => error.help("`portcullis policy list` names them"),
    }
}

/// The items of the users' own frameworks that controls serve; those of frameworks that ship are known already.
fn add_references(controls: &mut [Control], policies: &[Policy]) {
    for framework in policies.iter().filter_map(|policy| policy.framework.as_ref()) {
        for (id, reference) in references(framework) {
            for control in controls.iter_mut().filter(|control| control.id == id) {
                if !control.frameworks.contains(&reference) {
                    control.frameworks.push(reference.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
