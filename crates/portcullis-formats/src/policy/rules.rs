//! Traffic rules: from the keys of the file to what violates and what is allowed.

use std::collections::{BTreeSet, HashMap};

use compact_str::CompactString;
use portcullis_core::model::{Direction, Peer};
use portcullis_core::net::{AddressSet, Family, PeerSet, ServiceSet, Symbol};
use portcullis_core::policy::{
    AllowedPeers, AllowedRule, ControlText, Match, PeerTest, Scope, Severity, TrafficRule, private_space,
};
use regex::Regex;

use super::document::Document;
use super::document::rules::{Matching, SourceType, TrafficEntry};
use super::services::{is_everything, services, union};
use super::{OneOrMany, PeerName, Policy, PolicyRule, Ports, Spanned, kebab_case};
use crate::diagnostics::{Diagnostic, Span, quoted};

/// All traffic rules of a file.
#[derive(Default)]
pub(super) struct Lowered {
    pub(super) rules: Vec<PolicyRule>,
    pub(super) allowed: Vec<(Span, AllowedRule)>,
    pub(super) environments: BTreeSet<String>,
}

/// What the section that a rule stands in makes of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    /// Who is not named may not: anybody, where nobody is named.
    Prohibited,
    /// Only who is named may: private space, where nobody is named.
    Restricted,
    /// One or the other, as its keys say.
    Restriction,
    /// Not reported by the others.
    Allowed,
}

/// Reads all rules of a file.
pub(super) fn lower(document: &Document, errors: &mut Vec<Diagnostic>) -> Lowered {
    let mut lowering = Lowering { lowered: Lowered::default(), ids: HashMap::new(), errors };
    let policies = &document.compliance_policies;
    let everywhere = Scope::default();
    for (section, rules) in [
        (Section::Prohibited, &policies.prohibited_rules),
        (Section::Restricted, &policies.restricted_rules),
        (Section::Allowed, &policies.allowed_rules),
    ] {
        lowering.rules(section, Some(Direction::Ingress), &rules.inbound, &everywhere);
        lowering.rules(section, Some(Direction::Egress), &rules.outbound, &everywhere);
    }
    for (name, environment) in &policies.environment_specific.entries {
        let name = name.to_lowercase();
        let scope = Scope { environments: [name.clone()].into(), ..Scope::default() };
        lowering.lowered.environments.insert(name);
        lowering.rules(Section::Restriction, None, &environment.additional_restrictions, &scope);
        lowering.rules(Section::Allowed, None, &environment.additional_allowances, &scope);
    }
    for (key, _) in &document.account_specific_overrides.entries {
        // Other keys are examples; one that begins like this was meant to work.
        if key.starts_with("account_") && !Policy::overrides(document).any(|(own, ..)| own == key) {
            let message = format!("{} names no account: `account_` and twelve digits are expected", quoted(key));
            lowering.errors.push(Diagnostic::error(key.span, message));
        }
    }
    for (_, account, entry) in Policy::overrides(document) {
        let scope = Scope { accounts: [account.0].into(), ..Scope::default() };
        lowering.rules(Section::Prohibited, None, &entry.additional_prohibited_rules, &scope);
        lowering.rules(Section::Restricted, None, &entry.additional_restricted_rules, &scope);
        lowering.rules(Section::Allowed, None, &entry.additional_allowed_rules, &scope);
    }
    lowering.lowered
}

struct Lowering<'a> {
    lowered: Lowered,
    /// Ids in kebab-case, with the place and the writing of the first.
    ids: HashMap<CompactString, (Span, CompactString)>,
    errors: &'a mut Vec<Diagnostic>,
}

impl Lowering<'_> {
    fn rules(&mut self, section: Section, direction: Option<Direction>, entries: &[TrafficEntry], scope: &Scope) {
        for entry in entries {
            self.check_id(entry);
            let scope = self.scope(entry, scope);
            let direction = self.direction(entry, direction);
            self.check_keys(section, direction, entry);
            let services = self.services(entry);
            if section == Section::Allowed {
                self.allowed(entry, direction, services, scope);
            } else {
                self.rule(section, entry, direction, services, scope);
            }
        }
    }

    fn error(&mut self, span: Span, message: impl Into<String>) -> Option<&mut Diagnostic> {
        self.errors.push(Diagnostic::error(span, message));
        self.errors.last_mut()
    }

    fn check_id(&mut self, entry: &TrafficEntry) {
        let id = &entry.rule_id;
        let control_id = kebab_case(&id.0);
        let Some((first, writing)) = self.ids.get(&control_id) else {
            self.ids.insert(control_id, (id.span, id.0.clone()));
            return;
        };
        let message = if *writing == id.0 {
            format!("the rule id {} stands twice", quoted(&id.0))
        } else {
            format!("the rule ids {} and {} are both control `{control_id}`", quoted(writing), quoted(&id.0))
        };
        self.errors.push(Diagnostic::error(id.span, message).related(*first, "first here"));
    }

    fn scope(&mut self, entry: &TrafficEntry, around: &Scope) -> Scope {
        let mut scope = around.clone();
        let Some(OneOrMany(names)) = &entry.environments else { return scope };
        let names: BTreeSet<String> = names.iter().map(|name| name.0.to_lowercase().into()).collect();
        if !around.environments.is_empty() && !around.environments.is_subset(&names) {
            self.error(entry.rule_id.span, "this rule stands under one environment and names others in `environments`");
        }
        self.lowered.environments.extend(names.iter().cloned());
        if around.environments.is_empty() {
            scope.environments = names;
        }
        scope
    }

    fn direction(&mut self, entry: &TrafficEntry, section: Option<Direction>) -> Direction {
        let own = entry.direction.as_ref();
        if let (Some(section), Some(own)) = (section, own)
            && section != own.value
        {
            let name = if section == Direction::Ingress { "inbound" } else { "outbound" };
            self.error(own.span, format!("this rule stands under `{name}` and says another direction"));
        }
        section.or(own.map(|own| own.value)).unwrap_or(Direction::Ingress)
    }

    /// Keys that do not belong into the section or the direction.
    fn check_keys(&mut self, section: Section, direction: Direction, entry: &TrafficEntry) {
        let restricts = matches!(section, Section::Restricted | Section::Restriction);
        let prohibits = matches!(section, Section::Prohibited | Section::Restriction);
        let allows = section == Section::Allowed;
        for (ranges, key, fits) in [
            (&entry.prohibited_port_ranges, "prohibited_port_ranges", prohibits),
            (&entry.restricted_port_ranges, "restricted_port_ranges", restricts),
            (&entry.allowed_port_ranges, "allowed_port_ranges", allows),
        ] {
            if let (Some(ranges), false) = (ranges, fits)
                && let Some(error) = self.error(ranges.span, format!("`{key}` does not belong into this section"))
            {
                error.help = Some("here the key is `port_ranges`".to_owned());
            }
        }
        if let (Some(_), Some(ranges)) = (&entry.prohibited_port_ranges, &entry.restricted_port_ranges) {
            self.error(ranges.span, "`prohibited_port_ranges` and `restricted_port_ranges` make two rules: write two");
        }
        let inbound = direction == Direction::Ingress;
        for (peers, key, fits, instead) in [
            (&entry.source, "source", inbound, "destination"),
            (&entry.destination, "destination", !inbound, "source"),
            (&entry.allowed_destinations, "allowed_destinations", !inbound, "allowed_sources"),
        ] {
            if let (Some(peers), false) = (peers, fits) {
                let which = if inbound { "an inbound" } else { "an outbound" };
                if let Some(error) = self.error(peers.span, format!("{which} rule has no `{key}`")) {
                    let outbound =
                        if inbound { ", or `\"direction\": \"outbound\"` where no section says it" } else { "" };
                    error.help = Some(format!("write `{instead}`{outbound}"));
                }
            }
        }
        if !allows {
            let kind = entry.source_type.as_ref().map(|value| (value.span, "source_type"));
            let pattern = entry.source_pattern.as_ref().map(|value| (value.span, "source_pattern"));
            for (span, key) in kind.into_iter().chain(pattern) {
                self.error(span, format!("`{key}` belongs to allowed rules"));
            }
        } else if entry.matching.is_some() || entry.except_authorized_ports {
            self.error(entry.rule_id.span, "`match` and `except_authorized_ports` do not belong to allowed rules");
        }
    }

    /// The services that a rule names, if it names any that can be.
    fn services(&mut self, entry: &TrafficEntry) -> Option<ServiceSet> {
        let keys = [
            &entry.port_range,
            &entry.port_ranges,
            &entry.prohibited_port_ranges,
            &entry.restricted_port_ranges,
            &entry.allowed_port_ranges,
        ];
        let given: Vec<&Spanned<OneOrMany<Ports>>> = keys.into_iter().flatten().collect();
        let ports: Vec<_> = given.iter().flat_map(|ports| &ports.0).flat_map(|ports| ports.0.iter().copied()).collect();
        match (&entry.services, &entry.protocol) {
            (Some(named), None) => {
                if let Some(ports) = given.first() {
                    self.error(ports.span, "`services` names the ports already: leave this out");
                }
                Some(union(named.0.iter().map(|services| services.0.clone())))
            }
            (Some(_), Some(protocol)) => {
                self.error(protocol.span, "`services` names the protocol already: leave this out");
                None
            }
            (None, Some(protocols)) => {
                // What could not be read is an error already; without it the rule would speak of all ports.
                let sets = protocols.0.iter().map(|protocol| services(*protocol, &ports));
                match sets.collect::<Result<Vec<_>, _>>() {
                    Ok(sets) => Some(union(sets)),
                    Err(message) => {
                        self.error(given.first().map_or(protocols.span, |ports| ports.span), message);
                        None
                    }
                }
            }
            (None, None) => {
                if !entry.at.broken
                    && let Some(error) = self.error(entry.rule_id.span, "this rule names no `protocol`")
                {
                    error.help = Some("tcp, udp, icmp, a number, or `-1` for all".to_owned());
                }
                None
            }
        }
    }

    fn rule(
        &mut self,
        section: Section,
        entry: &TrafficEntry,
        direction: Direction,
        services: Option<ServiceSet>,
        scope: Scope,
    ) {
        let peers = self.peer_tests(section, entry);
        let (Some(services), Some(peers)) = (services, peers) else { return };
        let restricts = matches!(peers.as_slice(), [PeerTest::Outside(_)]);
        let matching = match entry.matching {
            Some(Matching::Any) => Match::Any,
            Some(Matching::All) => Match::All,
            None if !restricts && !entry.except_authorized_ports && is_everything(&services) => Match::Everything,
            None => Match::Any,
        };
        let description = entry.description.clone().unwrap_or_default();
        let words = |own: &Option<super::Words>, otherwise: &str| match own {
            Some(words) => words.0.trim().to_owned(),
            None => otherwise.trim().to_owned(),
        };
        let headline = if description.trim().is_empty() { entry.rule_id.0.as_str() } else { &description };
        let text = ControlText {
            title: words(&entry.title, headline),
            reason: words(&entry.reason, &description),
            remediation: words(&entry.remediation, ""),
            description: description.trim().to_owned(),
        };
        self.lowered.rules.push(PolicyRule {
            rule_id: entry.rule_id.0.clone(),
            control_id: kebab_case(&entry.rule_id.0),
            span: entry.rule_id.span,
            severity: entry.severity.unwrap_or(Severity::Medium),
            text,
            scope,
            rule: TrafficRule { direction, services, matching, peers },
            except_authorized_ports: entry.except_authorized_ports,
        });
    }

    /// What a prohibited or restricted rule says of peers.
    fn peer_tests(&mut self, section: Section, entry: &TrafficEntry) -> Option<Vec<PeerTest>> {
        let named = entry.source.as_ref().or(entry.destination.as_ref());
        let allowed = [&entry.allowed_sources, &entry.allowed_destinations];
        let allowed: Vec<_> = allowed.into_iter().flatten().collect();
        if let (Some(named), [allowed, ..]) = (named, allowed.as_slice()) {
            let what =
                "a rule says who may not (`source`, `destination`) or who alone may (`allowed_sources`), not both";
            self.errors.push(Diagnostic::error(allowed.span, what).related(named.span, "who may not"));
            return None;
        }
        if let Some(named) = named {
            return Some(tests(&named.0));
        }
        if !allowed.is_empty() {
            let sets: Option<Vec<_>> = allowed.iter().map(|peers| self.peer_set(peers)).collect();
            let set = sets?.iter().fold(PeerSet::default(), |all, set| all.union(set));
            return Some(vec![PeerTest::Outside(set)]);
        }
        if entry.at.broken {
            return None;
        }
        let prohibits = section == Section::Prohibited || entry.prohibited_port_ranges.is_some();
        Some(vec![if prohibits { PeerTest::Any } else { PeerTest::Outside(private_space()) }])
    }

    /// Peers as a set, for keys that say who may.
    fn peer_set(&mut self, peers: &Spanned<OneOrMany<PeerName>>) -> Option<PeerSet> {
        let mut set = PeerSet::default();
        for peer in &peers.0 {
            set = set.union(&match peer {
                PeerName::Any | PeerName::Internet => AddressSet::all().into(),
                PeerName::Peer(peer) => one(peer),
                PeerName::Wide => {
                    self.error(peers.span, "`wide` says who may not, not who may");
                    return None;
                }
            });
        }
        Some(set)
    }

    fn allowed(&mut self, entry: &TrafficEntry, direction: Direction, services: Option<ServiceSet>, scope: Scope) {
        let keys = [&entry.source, &entry.destination, &entry.allowed_sources, &entry.allowed_destinations];
        let named: Vec<_> = keys.into_iter().flatten().collect();
        let kind = entry.source_type.as_ref();
        let pattern = entry.source_pattern.as_ref();
        let of_groups = pattern.is_some() || kind.is_some_and(|kind| kind.value == SourceType::SecurityGroup);
        let peers = match (of_groups, named.first()) {
            (true, Some(named)) => {
                self.error(
                    named.span,
                    "an allowed rule names its groups by `source_pattern` or its peers here, not both",
                );
                None
            }
            (true, None) => {
                if let Some(kind) = kind.filter(|kind| kind.value != SourceType::SecurityGroup) {
                    self.error(kind.span, "`source_pattern` is about the names of security groups");
                }
                let any = || Regex::new(r"(?s)\A.*\z").ok();
                pattern.map(|pattern| pattern.0.clone()).or_else(any).map(AllowedPeers::GroupsNamed)
            }
            (false, Some(_)) => {
                let sets: Option<Vec<_>> = named.iter().map(|peers| self.peer_set(peers)).collect();
                let anyone = named.iter().any(|peers| peers.0.contains(&PeerName::Any));
                let union = |sets: Vec<PeerSet>| sets.iter().fold(PeerSet::default(), |all, set| all.union(set));
                sets.map(|sets| if anyone { AllowedPeers::Anyone } else { AllowedPeers::Only(union(sets)) })
            }
            (false, None) => {
                if let Some(kind) = kind {
                    self.error(kind.span, "this `source_type` needs `source` or `allowed_sources`");
                }
                (!entry.at.broken).then_some(AllowedPeers::Anyone)
            }
        };
        if let (Some(services), Some(peers)) = (services, peers) {
            let rule = AllowedRule { rule_id: entry.rule_id.0.clone(), direction, services, peers, scope };
            self.lowered.allowed.push((entry.rule_id.span, rule));
        }
    }
}

/// What names under `source` or `destination` test for. The whole of a family means *open to the internet*.
fn tests(names: &[PeerName]) -> Vec<PeerTest> {
    let mut internet = BTreeSet::new();
    let mut overlap = PeerSet::default();
    let mut tests = Vec::new();
    for name in names {
        match name {
            PeerName::Any => return vec![PeerTest::Any],
            PeerName::Internet => internet.extend(Family::ALL),
            PeerName::Wide if !tests.contains(&PeerTest::Wide) => tests.push(PeerTest::Wide),
            PeerName::Wide => {}
            PeerName::Peer(Peer::V4(block)) if block.prefix() == 0 => drop(internet.insert(Family::Ipv4)),
            PeerName::Peer(Peer::V6(block)) if block.prefix() == 0 => drop(internet.insert(Family::Ipv6)),
            PeerName::Peer(peer) => overlap = overlap.union(&one(peer)),
        }
    }
    if !overlap.is_empty() {
        tests.insert(0, PeerTest::Overlap(overlap));
    }
    if !internet.is_empty() {
        tests.insert(0, PeerTest::Internet(internet));
    }
    tests
}

/// One peer as a set.
fn one(peer: &Peer) -> PeerSet {
    match peer {
        Peer::PrefixList(id) => Symbol::PrefixList(id.clone()).into(),
        Peer::Group(group) => Symbol::Group { account: group.account.clone(), id: group.id.clone() }.into(),
        Peer::V4(_) | Peer::V6(_) => peer.cidr().into_iter().collect::<AddressSet>().into(),
    }
}
