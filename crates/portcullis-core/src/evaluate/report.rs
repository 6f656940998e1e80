//! From violations to findings: evidence, words, and the id that stays the same on any machine.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;

use compact_str::{CompactString, ToCompactString};
use sha2::{Digest, Sha256};

use super::judge::{Scene, Violation};
use super::piece::{Assume, peer_texts};
use super::stretches::{Stretch, stretches};
use crate::finding::Evidence;
use crate::model::{Direction, Rule, SecurityGroup};
use crate::net::service::{describe_services, void_services};
use crate::net::{Family, IntervalSet, PeerSet, ServiceSet, Traffic};
use crate::policy::{Control, PeerTest, TrafficRule};

/// The part of a finding that its violations make up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub(crate) families: Vec<Family>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) traffic: Traffic,
    pub(crate) reason: String,
}

/// Puts violations into evidence and words.
pub(crate) fn body(rule: &TrafficRule, violations: &[Violation<'_>], scene: &Scene<'_>) -> Body {
    let (mut evidence, mut boxes) = (Vec::new(), Vec::new());
    let mut families = BTreeSet::new();
    let mut worst: Worst = BTreeMap::new();
    for violation in violations {
        let total = violation.family.map(|family| match family {
            Family::Ipv4 => scene.public.v4.measure(),
            Family::Ipv6 => scene.public.v6.measure(),
        });
        for (services, stretch) in stretches(violation, scene) {
            match violation.family {
                Some(family) => {
                    families.insert(family);
                    let wide = matches!(violation.test, PeerTest::Wide);
                    let most = worst.entry((wide, family)).or_default();
                    *most = stretch.public.max(*most);
                }
                None => families.extend(families_of(&stretch.peers, &services)),
            }
            let share = violation.family.zip(total).map(|(_, total)| ratio(stretch.public, total));
            let share = share.filter(|_| scene.assume == Assume::Best);
            evidence.extend(rows(&stretch, &services, share));
            boxes.extend(services.intervals().iter().map(|services| (*services, stretch.peers.clone())));
        }
    }
    let reason = match scene.assume {
        Assume::Worst => unknown_reason(rule, &evidence),
        Assume::Best => reason(rule, violations, &evidence, &worst, scene),
    };
    Body { families: families.into_iter().collect(), evidence, traffic: Traffic::from_boxes(boxes), reason }
}

/// For tests for wide sources (`true`) and for the internet, by family: the most public addresses that a service admits.
type Worst = BTreeMap<(bool, Family), u128>;

/// The families of some peers that the services carry traffic of.
fn families_of(peers: &PeerSet, services: &ServiceSet) -> impl Iterator<Item = Family> {
    let named = |family: &Family| match family {
        Family::Ipv4 => !peers.addresses.v4.is_empty(),
        Family::Ipv6 => !peers.addresses.v6.is_empty(),
    };
    Family::ALL.into_iter().filter(named).filter(|family| !services.is_subset(&void_services(*family)))
}

fn ratio(part: u128, whole: u128) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share for people, of at most 2^125 addresses")]
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    share
}

/// One row for each protocol of a stretch, portless protocols together.
fn rows(stretch: &Stretch, services: &ServiceSet, internet_share: Option<f64>) -> Vec<Evidence> {
    let mut merged: Vec<(String, String)> = Vec::new();
    for (protocol, ports) in describe_services(services) {
        let numbered = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        match merged.last_mut() {
            Some((last, list)) if *last == protocol => _ = write!(list, ",{ports}"),
            Some((last, list)) if numbered(last) && numbered(&protocol) && *list == ports => {
                _ = write!(last, ",{protocol}")
            }
            _ => merged.push((protocol, ports)),
        }
    }
    let peers = peer_texts(&stretch.peers);
    let row = |(protocol, ports): (String, String)| {
        let (peers, rules) = (peers.clone(), stretch.rules.clone());
        Evidence { protocol: protocol.into(), ports: ports.into(), peers, rules, internet_share }
    };
    merged.into_iter().map(row).collect()
}

/// What a row of evidence is about: protocol and ports, the same for rows that a sentence does not tell apart.
fn subject(evidence: &Evidence) -> (&str, &str) {
    match (evidence.protocol.as_str(), evidence.ports.as_str()) {
        ("-1", _) => ("-1", "all"),
        // Port 0 carries nothing.
        (protocol @ ("tcp" | "udp"), "1-65535") => (protocol, "0-65535"),
        plain => plain,
    }
}

/// A subject as a sentence uses it.
fn subject_text((protocol, ports): (&str, &str)) -> String {
    match (protocol, ports) {
        ("-1", _) => "all traffic".to_owned(),
        ("tcp" | "udp", "0-65535") => format!("every {protocol} port"),
        (_, "all") if protocol.starts_with(|c: char| c.is_ascii_digit()) => format!("protocol {protocol}"),
        _ => format!("{protocol} {ports}"),
    }
}

/// The distinct subjects of the evidence, in its order; of many only the first.
fn subjects(evidence: &[Evidence]) -> String {
    const MOST: usize = 4;
    let mut seen = HashSet::new();
    let distinct: Vec<_> = evidence.iter().map(subject).filter(|subject| seen.insert(*subject)).collect();
    let shown = if distinct.len() > MOST { MOST - 1 } else { distinct.len() };
    let mut words: Vec<String> = distinct.iter().take(shown).copied().map(subject_text).collect();
    if distinct.len() > shown {
        words.push(format!("{} more", distinct.len() - shown));
    }
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

fn unknown_reason(rule: &TrafficRule, evidence: &[Evidence]) -> String {
    let lists: BTreeSet<&str> = evidence.iter().flat_map(|row| &row.peers).map(CompactString::as_str).collect();
    let lists: Vec<&str> = lists.into_iter().take(4).collect();
    let word = if rule.direction == Direction::Ingress { "admitted from" } else { "let out to" };
    format!(
        "{} is {word} {}, which is not known well enough to tell: it depends on entries or names that the inventory lacks",
        subjects(evidence),
        lists.join(", ")
    )
}

fn reason(
    rule: &TrafficRule,
    violations: &[Violation<'_>],
    evidence: &[Evidence],
    worst: &Worst,
    scene: &Scene<'_>,
) -> String {
    let what = subjects(evidence);
    let inward = rule.direction == Direction::Ingress;
    match (violations.first().map(|violation| violation.test), worst.is_empty()) {
        (_, false) => {
            let measures = worst.iter().map(|((wide, family), public)| measure(*family, *public, *wide, scene));
            let verb = if inward { "admits" } else { "may reach" };
            format!("{what} {verb} {}", measures.collect::<Vec<_>>().join(", and "))
        }
        (Some(PeerTest::Outside(_)), _) => {
            format!("{what} is admitted {} what is not among the allowed peers", rule.direction.preposition())
        }
        (Some(PeerTest::Overlap(_)), _) => {
            format!("{what} is admitted {} peers that the rule prohibits", rule.direction.preposition())
        }
        _ => format!("{what} is admitted, which the rule prohibits whoever the peer is"),
    }
}

/// How much of a family's internet is admitted, and how much would not count.
fn measure(family: Family, public: u128, wide: bool, scene: &Scene<'_>) -> String {
    let (name, whole) = match family {
        Family::Ipv4 => ("IPv4", scene.public.v4.measure()),
        Family::Ipv6 => ("IPv6", scene.public.v6.measure()),
    };
    let threshold = if wide { scene.settings.wide(family) } else { scene.settings.internet(family) };
    format!(
        "{} public {name} addresses, {} of the {name} internet ({} from {})",
        count(public),
        percent(ratio(public, whole)),
        if wide { "wide" } else { "open" },
        count(threshold.saturating_add(1)),
    )
}

/// A share in per cent with as many digits as tell something.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 99.95 {
        "100 %".to_owned()
    } else if percent >= 0.1 {
        format!("{percent:.1} %")
    } else {
        "less than 0.1 %".to_owned()
    }
}

/// A number of addresses: in groups of three digits, or as a power of two where it would be unreadable.
pub(crate) fn count(number: u128) -> String {
    if number >= 1 << 40 {
        let power = number.ilog2();
        return if number.is_power_of_two() { format!("2^{power}") } else { format!("more than 2^{power}") };
    }
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The id of a finding: 16 hexadecimal digits of the SHA-256 of group, control and evidence, without rule ids, which not
/// every source tells, and without the Region, which not every source tells either.
pub(crate) fn finding_id(
    control: &Control,
    group: &SecurityGroup,
    direction: Option<Direction>,
    evidence: &[Evidence],
    detail: &str,
) -> CompactString {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(256);
    let mut field = |part: &str| {
        text.push_str(part);
        text.push('\0');
    };
    field(&group.key.account_id);
    field(&group.key.group_id);
    field(&control.id);
    field(control.rule_id.as_deref().unwrap_or_default());
    field(direction.map_or("", Direction::as_str));
    field(detail);
    for row in evidence {
        field(&row.protocol);
        field(&row.ports);
        row.peers.iter().for_each(|peer| field(peer));
    }
    let digest = Sha256::digest(&text);
    let digits = digest.iter().take(8).flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| DIGITS.get(usize::from(digit))).map(|digit| char::from(*digit)).collect()
}

/// Evidence for rules that a hygiene control names: one row a rule, in canonical order.
pub(crate) fn rule_evidence(group: &SecurityGroup, rules: &[usize]) -> Vec<Evidence> {
    let mut known: Vec<(usize, &Rule)> =
        rules.iter().filter_map(|place| group.rules.get(*place).map(|rule| (*place, rule))).collect();
    known.sort_by_key(|(place, rule)| (rule.identity(), *place));
    let alike = known.chunk_by(|(_, a), (_, b)| a.identity() == b.identity());
    let row = |alike: &[(usize, &Rule)]| {
        let (_, rule) = alike.first()?;
        let (protocol, ports) = rule.services.texts();
        let rules = alike.iter().map(|(place, _)| *place).collect();
        Some(Evidence { protocol, ports, peers: vec![rule.peer.to_compact_string()], rules, internet_share: None })
    };
    alike.filter_map(row).collect()
}

/// The services of a finding's traffic, for the words of its remedy.
pub(crate) fn remedy(control: &Control, rule: &TrafficRule, body: &Body) -> String {
    if !control.text.remediation.is_empty() {
        return control.text.remediation.clone();
    }
    let services = body.traffic.services();
    let authorised = IntervalSet::is_subset(&services, &control.settings.authorized());
    let what = subjects(&body.evidence);
    let side = if rule.direction == Direction::Ingress { "sources" } else { "destinations" };
    if authorised {
        format!("limit {what} to the {side} that need it, or allow it in the policy")
    } else {
        format!("limit {what} to the {side} that need it; `portcullis plan` writes the least change")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &[(&str, &str)], expected: &str) {
        let row = |(protocol, ports): &(&str, &str)| Evidence {
            protocol: (*protocol).into(),
            ports: (*ports).into(),
            ..Evidence::default()
        };
        assert_eq!(subjects(&rows.iter().map(row).collect::<Vec<_>>()), expected, "{rows:?}");
    }

    #[test]
    fn subjects_are_listed_once_and_counted_where_they_are_many() {
        check(&[], "");
        check(&[("-1", "all")], "all traffic");
        check(&[("tcp", "22"), ("tcp", "22"), ("47", "all")], "tcp 22 and protocol 47");
        check(&[("tcp", "1"), ("tcp", "2"), ("tcp", "3"), ("tcp", "4")], "tcp 1, tcp 2, tcp 3 and tcp 4");
        let mut rows = vec![("udp", "1"), ("tcp", "1"), ("tcp", "2"), ("tcp", "3"), ("tcp", "0-65535")];
        check(&rows, "udp 1, tcp 1, tcp 2 and 2 more");
        // Two ways to say one thing, also after those that are spelled out.
        rows.push(("tcp", "1-65535"));
        check(&rows, "udp 1, tcp 1, tcp 2 and 2 more");
        check(&[("tcp", "0-65535"), ("tcp", "1-65535")], "every tcp port");
    }
}
