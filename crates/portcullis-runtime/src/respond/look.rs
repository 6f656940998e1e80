//! What is looked at: which calls at once, and which groups for them.

use portcullis_core::model::GroupKey;
use portcullis_core::net::{AddressSet, AnyCidr, Protocol};
use portcullis_formats::events::{Action, Admitted, ApiCall};
use portcullis_formats::policy::document::real_time::CriticalPattern;
use portcullis_formats::policy::{PeerName, Port, ProtocolName};

use super::{Settings, Wanted};

/// What is to be looked at in an account and Region, and why.
#[derive(Debug, Default)]
pub(super) struct Look<'e> {
    /// The calls, each with its place among the events.
    pub(super) calls: Vec<(usize, &'e ApiCall)>,
    /// Groups whose grace is over.
    pub(super) due: Vec<GroupKey>,
}

impl<'e> Look<'e> {
    pub(super) fn add(&mut self, event: usize, call: &'e ApiCall) {
        self.calls.push((event, call));
    }

    pub(super) fn add_due(&mut self, key: &GroupKey) {
        self.due.push(key.clone());
    }

    /// The groups that all of it is about, each once.
    pub(super) fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::default();
        let due = self.due.iter().map(|key| key.group_id.to_string());
        let ids = self.calls.iter().flat_map(|(_, call)| call.group_ids.iter().cloned());
        ids.chain(due).for_each(|id| push(&mut wanted.group_ids, id));
        for (_, call) in &self.calls {
            call.group_names.iter().for_each(|name| push(&mut wanted.group_names, name.clone()));
            call.rule_ids.iter().for_each(|id| push(&mut wanted.rule_ids, id.clone()));
            call.prefix_lists.iter().for_each(|id| push(&mut wanted.prefix_lists, id.clone()));
        }
        wanted
    }
}

fn push(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Why a call is not looked at now; `None` where it is. What takes rules away is always looked at: it may have mended what
/// waits to be put right.
pub(super) fn why_not(settings: &Settings, call: &ApiCall) -> Option<String> {
    if settings.order.is_some() {
        return None;
    }
    let real_time = settings.real_time.scanning.as_ref()?;
    if !real_time.enabled {
        return Some("`real_time_scanning` is off in the policy".to_owned());
    }
    let rules = &real_time.detection_rules;
    let left = |why: &str| Some(format!("{why}: it is left to the next scan"));
    match call.action {
        Action::Create => {
            let own = &rules.new_security_group_created;
            (!own.enabled || !own.immediate_scan)
                .then(|| left("`new_security_group_created` is off in the policy"))
                .flatten()
        }
        Action::Revoke(_) => None,
        Action::Authorize(_) | Action::Modify | Action::PrefixList => {
            let own = &rules.risky_rule_added;
            if !own.enabled || !own.immediate_scan {
                return left("`risky_rule_added` is off in the policy");
            }
            let admitted = call.admitted.as_ref().filter(|_| !own.critical_patterns.is_empty())?;
            let any = admitted.iter().any(|rule| own.critical_patterns.iter().any(|pattern| fits(pattern, rule)));
            if any { None } else { left("what it admits fits none of the policy's `critical_patterns`") }
        }
    }
}

/// Whether a rule may be one of those that a pattern speaks of: their peers, protocols and ports overlap. What the event
/// does not tell fits, since nothing must slip through here.
fn fits(pattern: &CriticalPattern, rule: &Admitted) -> bool {
    let peer = match &pattern.pattern.value {
        PeerName::Any | PeerName::Internet | PeerName::Wide => true,
        PeerName::Peer(peer) => {
            let wanted = peer.to_string();
            match (wanted.parse::<AnyCidr>(), rule.peer.parse::<AnyCidr>()) {
                (Ok(wanted), Ok(own)) => {
                    let set = |block: AnyCidr| [block].into_iter().collect::<AddressSet>();
                    set(wanted).intersects(&set(own))
                }
                // A prefix list may hold anything, and so may what cannot be understood.
                (Ok(_), Err(_)) => !rule.peer.starts_with("sg-"),
                (Err(_), _) => rule.peer.is_empty() || rule.peer == wanted,
            }
        }
    };
    peer && protocol_fits(pattern.protocol, &rule.protocol) && ports_fit(pattern, rule)
}

fn protocol_fits(wanted: Option<ProtocolName>, own: &str) -> bool {
    match wanted {
        None | Some(ProtocolName::All) => true,
        Some(ProtocolName::Numbers(low, high)) => {
            own.is_empty() || own == "-1" || Protocol::parse(own).is_none_or(|own| (low..=high).contains(&own.0))
        }
    }
}

fn ports_fit(pattern: &CriticalPattern, rule: &Admitted) -> bool {
    let Some(ports) = &pattern.port_range else { return true };
    let (from, to) = match (rule.from_port, rule.to_port) {
        (Some(from), Some(to)) if from >= 0 && rule.protocol != "-1" => (from, to),
        _ => return true,
    };
    ports.0.iter().any(|port| match port {
        Port::All | Port::Code(..) => true,
        Port::Range(low, high) => from <= i64::from(*high) && to >= i64::from(*low),
    })
}
