//! What is worth knowing about policies in which nothing is wrong.

use jiff::Timestamp;
use portcullis_core::net::special::loopback;
use portcullis_core::net::{AddressSet, Family, Protocol, ServiceSet};
use portcullis_core::policy::{
    AllowedPeers, AllowedRule, EnforcementLevel, ExemptedRules, ExemptionTarget, Match, PeerTest, Scope, Settings,
};

use super::assemble::Assembled;
use super::{Policy, PolicyRule};
use crate::catalogue;
use crate::diagnostics::{Diagnostic, Diagnostics, Span, did_you_mean, quoted};

/// The notes of all policies of a run.
pub(super) fn of(assembled: &Assembled, now: Timestamp) -> Diagnostics {
    let mut all = Diagnostics::default();
    for policy in &assembled.policies {
        let mut notes = Vec::new();
        overrides(policy, &mut notes);
        rules(policy, assembled, &mut notes);
        exemptions(policy, assembled, now, &mut notes);
        for_other_commands(policy, &mut notes);
        all.extend(Diagnostics::of(&policy.source, notes));
    }
    all
}

fn overrides(policy: &Policy, notes: &mut Vec<Diagnostic>) {
    for (key, _) in &policy.document.account_specific_overrides.entries {
        if !key.starts_with("account_") {
            let message =
                format!("the override {} changes nothing: its name is no `account_` and twelve digits", quoted(key));
            notes.push(Diagnostic::note(key.span, message));
        }
    }
    let Some(global) = &policy.document.compliance_policies.global_rules else { return };
    if global.enforce_tagging == Some(true) && global.required_tags.as_ref().is_none_or(Vec::is_empty) {
        let message = "`enforce_tagging` has nothing to enforce: no `required_tags` are named";
        notes.push(Diagnostic::warning(global.at.span, message));
    }
    if global.require_descriptions == Some(false) && global.min_description_length.is_some() {
        let message = "`min_description_length` says nothing while `require_descriptions` is false";
        notes.push(Diagnostic::warning(global.at.span, message));
    }
}

fn rules(policy: &Policy, assembled: &Assembled, notes: &mut Vec<Diagnostic>) {
    let disabled = |id: &str| {
        assembled.set.accounts.get(id).is_some_and(|account| account.level == Some(EnforcementLevel::Disabled))
    };
    for rule in &policy.rules {
        let id = quoted(&rule.rule_id);
        if let Some(why) = never(rule, &assembled.set.settings) {
            notes.push(Diagnostic::warning(rule.span, format!("{id} can never be violated: {why}")));
        } else if let Some((_, by)) = policy.allowed.iter().find(|(_, allowed)| allows_all(allowed, rule)) {
            let message =
                format!("{id} can never be violated: {} allows everything that it is about", quoted(&by.rule_id));
            notes.push(Diagnostic::warning(rule.span, message));
        }
        if !rule.scope.accounts.is_empty() && rule.scope.accounts.iter().all(|account| disabled(account)) {
            notes.push(Diagnostic::warning(rule.span, format!("{id} bears on nothing: its account is disabled")));
        }
        if let Some(chosen) = &assembled.set.environment
            && !rule.scope.environments.is_empty()
            && !rule.scope.environments.contains(chosen)
        {
            let message = format!("{id} bears on nothing: the environment given is {}", quoted(chosen));
            notes.push(Diagnostic::note(rule.span, message));
        }
    }
    for (span, allowed) in &policy.allowed {
        let meets = |rule: &&PolicyRule| {
            rule.rule.direction == allowed.direction && rule.rule.services.intersects(&allowed.services)
        };
        if !policy.rules.iter().any(|rule| meets(&rule)) {
            let message = format!("{} allows what no rule of this policy is about", quoted(&allowed.rule_id));
            notes.push(Diagnostic::note(*span, message));
        }
    }
}

/// Why a rule can never be violated.
fn never(rule: &PolicyRule, settings: &Settings) -> Option<&'static str> {
    let mut services = rule.rule.services.clone();
    if rule.except_authorized_ports {
        services = services.difference(&settings.authorized());
    }
    let void: ServiceSet = [Protocol::TCP.ports(0, 0), Protocol::UDP.ports(0, 0)].into_iter().collect();
    if services.is_subset(&void) {
        return Some(if services.is_empty() { "no port is left for it" } else { "port 0 carries no traffic" });
    }
    let can = |test: &PeerTest| match test {
        PeerTest::Internet(families) => families.iter().any(|family| settings.internet(*family) < largest(*family)),
        PeerTest::Wide | PeerTest::Any => true,
        PeerTest::Overlap(peers) => !peers.symbols.is_empty() || !peers.addresses.is_subset(loopback()),
        PeerTest::Outside(peers) => !AddressSet::all().difference(loopback()).is_subset(&peers.addresses),
    };
    if rule.rule.peers.iter().any(can) {
        return None;
    }
    Some(match rule.rule.peers.first() {
        Some(PeerTest::Outside(_)) => "every address is allowed",
        Some(PeerTest::Internet(_)) => "the internet threshold is as large as the internet",
        _ => "loopback addresses carry no traffic between hosts",
    })
}

/// How many public addresses a family has.
fn largest(family: Family) -> u128 {
    let public = portcullis_core::net::special::public();
    match family {
        Family::Ipv4 => public.v4.measure(),
        Family::Ipv6 => public.v6.measure(),
    }
}

/// Whether an allowed rule takes everything that another rule could report.
fn allows_all(allowed: &AllowedRule, rule: &PolicyRule) -> bool {
    let peers = match &allowed.peers {
        AllowedPeers::Anyone => true,
        // Groups are nothing that a test for addresses reports.
        AllowedPeers::Only(peers) => {
            let of_addresses = |test: &PeerTest| match test {
                PeerTest::Internet(families) => families.iter().all(|family| match family {
                    Family::Ipv4 => peers.addresses.v4 == AddressSet::all().v4,
                    Family::Ipv6 => peers.addresses.v6 == AddressSet::all().v6,
                }),
                PeerTest::Overlap(overlap) => overlap.is_subset(peers),
                PeerTest::Wide | PeerTest::Outside(_) => AddressSet::all().is_subset(&peers.addresses),
                PeerTest::Any => false,
            };
            rule.rule.peers.iter().all(of_addresses)
        }
        AllowedPeers::GroupsNamed(_) => false,
    };
    // An everything-rule is violated only by all of its ports together, some of which another rule may report.
    peers
        && rule.rule.matching != Match::All
        && allowed.direction == rule.rule.direction
        && rule.rule.services.is_subset(&allowed.services)
        && covers(&allowed.scope, &rule.scope)
}

/// Whether every group of `inner` is one of `outer`.
fn covers(outer: &Scope, inner: &Scope) -> bool {
    let accounts =
        outer.accounts.is_empty() || (!inner.accounts.is_empty() && inner.accounts.is_subset(&outer.accounts));
    // A rule of an environment bears on groups whose environment is not known, an allowance does not.
    accounts && outer.except_accounts.is_subset(&inner.except_accounts) && outer.environments.is_empty()
}

fn exemptions(policy: &Policy, assembled: &Assembled, now: Timestamp, notes: &mut Vec<Diagnostic>) {
    for (span, exemption) in &policy.exemptions {
        if let Some(expired) = exemption.expires.filter(|expires| *expires <= now) {
            let message = format!("this exemption expired on {} and exempts nothing", expired.strftime("%Y-%m-%d"));
            notes.push(Diagnostic::warning(*span, message).help("renew it with a new `expiry_date`, or take it away"));
        }
        if let ExemptionTarget::Account(id) = &exemption.target
            && assembled.set.accounts.get(id).is_some_and(|account| account.level == Some(EnforcementLevel::Disabled))
        {
            notes.push(Diagnostic::note(
                *span,
                "this account is disabled and not read, so that there is nothing to exempt",
            ));
        }
        let ExemptedRules::Only(names) = &exemption.rules else { continue };
        let own = || assembled.policies.iter().flat_map(|policy| &policy.rules);
        let known = |name: &str| {
            catalogue::control(name).is_some() || own().any(|rule| rule.rule_id == name || rule.control_id == name)
        };
        for name in names.iter().filter(|name| !known(name)) {
            let ids =
                own().map(|rule| rule.rule_id.as_str()).chain(catalogue::controls().iter().map(|shipped| shipped.id));
            let message = format!("this exemption names {}, which is neither a rule nor a control", quoted(name));
            let warning = Diagnostic::warning(*span, message);
            notes.push(match did_you_mean(name, ids) {
                Some(help) => warning.help(help),
                None => warning,
            });
        }
    }
}

/// Sections that `scan` and `plan` read and do not act upon.
fn for_other_commands(policy: &Policy, notes: &mut Vec<Diagnostic>) {
    let policies = &policy.document.compliance_policies;
    let mut note = |span: Span, what: &str, who: &str| {
        if span != Span::default() {
            notes.push(Diagnostic::note(span, format!("{what} checked here and acted upon by {who}")));
        }
    };
    let actions = &policies.compliance_actions;
    note(actions.notification_settings.at.span, "`notification_settings` are", "`enforce` and `watch`");
    note(actions.remediation_settings.at.span, "`remediation_settings` are", "`enforce` and `watch`");
    if let Some(real_time) = &policies.real_time_scanning {
        note(real_time.at.span, "`real_time_scanning` is", "`watch` and `handle-event`");
    }
    for (name, environment) in &policies.environment_specific.entries {
        if !environment.required_approvals.is_empty() {
            note(name.span, "`required_approvals` are", "`enforce`");
        }
    }
    if let Some(account) = policy.document.accounts_config.first() {
        note(account.at.span, "what `accounts_config` says of actions and notices is", "`enforce` and `watch`");
    }
}
