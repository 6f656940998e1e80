//! What must be one for a whole run, although several policies may speak of it: they must not disagree.

use std::collections::BTreeSet;

use portcullis_core::net::special::block_size;
use portcullis_core::net::{AnyCidr, Protocol, RuleServices};
use portcullis_core::policy::{Deductions, DummyRule, Settings};

use super::super::document::SettingsEntry;
use super::super::document::actions::DummyRuleEntry;
use super::super::{Points, Policy, PrefixLength, ProtocolName};
use crate::diagnostics::{Diagnostic, Diagnostics, Span};

/// What tags begin with where no policy says it.
const TAG_PREFIX: &str = "COMPLIANCE_";

/// What policies agree on.
pub(super) struct Agreement {
    pub(super) settings: Settings,
    pub(super) deductions: Deductions,
    pub(super) tag_prefix: String,
    pub(super) dummy_rule: DummyRule,
}

/// One value that several policies may give.
struct Agreed<T> {
    what: &'static str,
    given: Option<(T, String)>,
}

impl<T: PartialEq> Agreed<T> {
    fn new(what: &'static str) -> Self {
        Self { what, given: None }
    }

    fn give(&mut self, value: Option<T>, policy: &Policy, span: Span, errors: &mut Diagnostics) {
        let Some(value) = value else { return };
        match &self.given {
            Some((first, place)) if *first != value => {
                let message = format!("two policies give different values of `{}`", self.what);
                let error = Diagnostic::error(span, message).help(format!("the other stands at {place}"));
                errors.extend(Diagnostics::of(&policy.source, vec![error]));
            }
            Some(_) => {}
            None => self.given = Some((value, policy.source.place(span))),
        }
    }

    fn or(self, default: T) -> T {
        self.given.map_or(default, |(value, _)| value)
    }
}

impl Agreement {
    /// Asks all policies and packs.
    pub(super) fn of(policies: &[Policy], packs: &[&Policy], errors: &mut Diagnostics) -> Self {
        let all: Vec<&Policy> = packs.iter().copied().chain(policies).collect();
        let default = DummyRule::default();
        let mut tag_prefix = Agreed::new("tag_prefix");
        let mut dummy_enabled = Agreed::new("create_dummy_rule");
        let mut dummy_rule = Agreed::new("dummy_rule_config");
        for policy in &all {
            let handling = &policy.document.compliance_policies.compliance_actions.violation_handling;
            let prefix = handling.tag_prefix.as_ref();
            let at = handling.at.span;
            tag_prefix.give(
                prefix.map(|prefix| prefix.0.clone()),
                policy,
                prefix.map_or(at, |prefix| prefix.span),
                errors,
            );
            dummy_enabled.give(handling.create_dummy_rule, policy, at, errors);
            let entry = handling.dummy_rule_config.as_ref();
            dummy_rule.give(
                entry.map(|entry| dummy(entry, &default)),
                policy,
                entry.map_or(at, |entry| entry.span),
                errors,
            );
        }
        Self {
            settings: settings(&all, errors),
            deductions: deductions(&all, errors),
            tag_prefix: tag_prefix.or(TAG_PREFIX.to_owned()),
            dummy_rule: DummyRule { enabled: dummy_enabled.or(true), ..dummy_rule.or(default) },
        }
    }
}

fn settings(all: &[&Policy], errors: &mut Diagnostics) -> Settings {
    let mut internet_ipv4 = Agreed::new("internet_threshold.ipv4");
    let mut internet_ipv6 = Agreed::new("internet_threshold.ipv6");
    let mut wide_ipv4 = Agreed::new("wide_threshold.ipv4");
    let mut wide_ipv6 = Agreed::new("wide_threshold.ipv6");
    let mut tcp = Agreed::new("authorized_tcp_ports");
    let mut udp = Agreed::new("authorized_udp_ports");
    let size4 = |length: PrefixLength<32>| block_size::<u32>(length.0);
    let size6 = |length: PrefixLength<128>| block_size::<u128>(length.0);
    let ports = |ports: &Vec<super::super::PortNumber>| -> BTreeSet<u16> {
        ports.iter().filter_map(|port| u16::try_from(port.0).ok()).collect()
    };
    let mut last: Option<(&Policy, &SettingsEntry)> = None;
    for policy in all {
        let Some(entry) = &policy.document.settings else { continue };
        let at = entry.at.span;
        let internet = entry.internet_threshold.as_ref();
        let wide = entry.wide_threshold.as_ref();
        internet_ipv4.give(internet.and_then(|own| own.ipv4).and_then(size4), policy, at, errors);
        internet_ipv6.give(internet.and_then(|own| own.ipv6).and_then(size6), policy, at, errors);
        wide_ipv4.give(wide.and_then(|own| own.ipv4).and_then(size4), policy, at, errors);
        wide_ipv6.give(wide.and_then(|own| own.ipv6).and_then(size6), policy, at, errors);
        tcp.give(entry.authorized_tcp_ports.as_ref().map(ports), policy, at, errors);
        udp.give(entry.authorized_udp_ports.as_ref().map(ports), policy, at, errors);
        last = Some((policy, entry));
    }
    let default = Settings::default();
    let settings = Settings {
        internet_ipv4: internet_ipv4.or(default.internet_ipv4),
        internet_ipv6: internet_ipv6.or(default.internet_ipv6),
        wide_ipv4: wide_ipv4.or(default.wide_ipv4),
        wide_ipv6: wide_ipv6.or(default.wide_ipv6),
        authorized_tcp_ports: tcp.or(default.authorized_tcp_ports),
        authorized_udp_ports: udp.or(default.authorized_udp_ports),
    };
    if let Some((policy, entry)) = last
        && (settings.wide_ipv4 > settings.internet_ipv4 || settings.wide_ipv6 > settings.internet_ipv6)
    {
        let error = Diagnostic::error(entry.at.span, "the wide threshold is above the internet threshold");
        let error = error.help("a wide source is less than the internet: give `wide_threshold` the longer prefix");
        errors.extend(Diagnostics::of(&policy.source, vec![error]));
    }
    settings
}

fn deductions(all: &[&Policy], errors: &mut Diagnostics) -> Deductions {
    let mut critical = Agreed::new("critical_violation");
    let mut high = Agreed::new("high_violation");
    let mut medium = Agreed::new("medium_violation");
    let mut low = Agreed::new("low_violation");
    for policy in all {
        let score = &policy.document.reporting.compliance_score_calculation;
        let own = &score.deductions;
        // The score is told of 100, whatever the policy counts in.
        let scale = 100.0 / score.total_possible_points.map_or(100.0, |points| f64::from(points.0));
        let scaled = |points: Option<Points>| points.map(|points| points.0 * scale);
        for (agreed, points) in [
            (&mut critical, own.critical_violation),
            (&mut high, own.high_violation),
            (&mut medium, own.medium_violation),
            (&mut low, own.low_violation),
        ] {
            agreed.give(scaled(points), policy, own.at.span, errors);
        }
    }
    let default = Deductions::default();
    Deductions {
        critical: critical.or(default.critical),
        high: high.or(default.high),
        medium: medium.or(default.medium),
        low: low.or(default.low),
    }
}

fn dummy(entry: &DummyRuleEntry, default: &DummyRule) -> DummyRule {
    let cidrs: Option<Vec<AnyCidr>> =
        entry.cidr_blocks.as_ref().map(|blocks| blocks.0.iter().map(|block| block.0).collect());
    DummyRule {
        enabled: true,
        description: entry.description.clone().unwrap_or_else(|| default.description.clone()),
        services: dummy_services(entry).unwrap_or(default.services),
        cidrs: cidrs.unwrap_or_else(|| default.cidrs.clone()),
    }
}

/// Protocol and ports of the rule that explains a lockdown, or why they cannot be.
pub(in super::super) fn dummy_services(entry: &DummyRuleEntry) -> Result<RuleServices, String> {
    let protocol = match entry.protocol {
        None => Protocol::TCP,
        Some(ProtocolName::Numbers(one, other)) if one == other && Protocol(one).has_ports() => Protocol(one),
        Some(_) => return Err("the rule that explains a lockdown is a TCP or UDP rule".to_owned()),
    };
    let port = |port: u32| u16::try_from(port).unwrap_or(u16::MAX);
    let from = entry.from_port.map_or(u16::MAX, |from| port(from.0));
    let to = entry.to_port.map_or(from, |to| port(to.0));
    if from > to {
        return Err(format!("the ports run backwards: `from_port` is {from} and `to_port` is {to}"));
    }
    Ok(RuleServices::Ports(protocol, from, to))
}
