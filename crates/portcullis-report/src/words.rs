//! Numbers, shares, peers and rules as a person says them.

use portcullis_core::finding::Evidence;
use portcullis_core::model::{Direction, Inventory, Peer, Rule, SecurityGroup};
use portcullis_core::net::service::describe_services;
use portcullis_core::net::{Address, AddressSet, Family, IntervalSet, PeerSet, ServiceSet, Symbol, special};

use crate::report::{Entry, Tally};

/// `1 group`, `1,200 groups`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number as u128))
}

/// `16,777,216`.
pub(crate) fn thousands(number: u128) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count of addresses: exact while a person can read it, else as a power of two.
pub(crate) fn addresses(number: u128) -> String {
    const READABLE: u128 = 1_000_000_000_000;
    if number < READABLE {
        return thousands(number);
    }
    if number.is_power_of_two() {
        return format!("2^{}", number.ilog2());
    }
    #[expect(clippy::cast_precision_loss, reason = "rounded to a tenth of a power")]
    let power = (number as f64).log2();
    let power = format!("{power:.1}");
    format!("about 2^{}", power.strip_suffix(".0").unwrap_or(&power))
}

/// The first characters of a text, with `…` where more were there.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(most).collect();
    if characters.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn and(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The first few of many names, and how many more there are.
pub(crate) fn some_of(names: &[&str]) -> String {
    const MOST: usize = 6;
    match names.get(..MOST).filter(|_| names.len() > MOST + 1) {
        Some(first) => format!("{} and {} more", first.join(", "), names.len() - MOST),
        None => names.join(", "),
    }
}

/// `IPv4` or `IPv6`.
pub(crate) const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "IPv4",
        Family::Ipv6 => "IPv6",
    }
}

/// How much of the internet a share is, without the family: `all of the`, `half of the`, `56% of the`; `None` below one in
/// a hundred, which is better said as one in so many.
fn portion(share: f64) -> Option<String> {
    const SIMPLE: [(f64, &str); 5] = [
        (0.75, "three quarters"),
        (2.0 / 3.0, "two thirds"),
        (0.5, "half"),
        (1.0 / 3.0, "a third"),
        (0.25, "a quarter"),
    ];
    if share >= 0.999_999 {
        return Some("all of the".to_owned());
    }
    if share >= 0.97 {
        return Some("nearly all of the".to_owned());
    }
    if let Some((_, name)) = SIMPLE.iter().find(|(simple, _)| (simple - share).abs() < 0.015) {
        return Some(format!("{name} of the"));
    }
    (share >= 0.01).then(|| format!("{:.0}% of the", share * 100.0))
}

/// `220`, `57,000`, `537 million`: what one is taken out of, to three digits.
fn one_in(share: f64) -> String {
    const SCALES: [(f64, &str); 3] = [(1e12, " trillion"), (1e9, " billion"), (1e6, " million")];
    let many = 1.0 / share;
    for (scale, name) in SCALES {
        // What would round up to a thousand of the smaller one is one of this.
        if many >= scale * 0.9995 {
            let scaled = many / scale;
            let tenths = format!("{scaled:.1}");
            let short = tenths.strip_suffix(".0").filter(|_| scaled < 10.0);
            return match short {
                Some(whole) => format!("{whole}{name}"),
                None if scaled < 10.0 => format!("{tenths}{name}"),
                None => format!("{scaled:.0}{name}"),
            };
        }
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 10^6")]
    let whole = many.round() as u128;
    let step = if whole >= 100_000 {
        1000
    } else if whole >= 10_000 {
        100
    } else if whole >= 1000 {
        10
    } else {
        1
    };
    thousands((whole + step / 2) / step * step)
}

/// The internet of one family as far as a share of it goes.
pub(crate) fn share_words(share: f64, family: Option<Family>) -> String {
    let name = family.map_or("", family_name);
    let space = if name.is_empty() { "" } else { " " };
    match portion(share) {
        Some(portion) => format!("{portion} {name}{space}internet"),
        None if share > 0.0 && share < 1e-15 => format!("less than 1 in 1,000 trillion public {name}{space}addresses"),
        None if share > 0.0 => format!("1 in {} public {name}{space}addresses", one_in(share)),
        None => format!("none of the {name}{space}internet"),
    }
}

/// The family that an evidence's peers are of, where they are of one.
pub(crate) fn family_of(evidence: &Evidence, families: &[Family]) -> Option<Family> {
    // An id (`pl-…`, `sg-…`) has no family of its own and holds no colon.
    let block = evidence.peers.iter().find(|peer| peer.contains('/') && !peer.contains("sg-"));
    match (block, families) {
        (Some(block), _) if block.contains(':') => Some(Family::Ipv6),
        (Some(_), _) => Some(Family::Ipv4),
        (None, [family]) => Some(*family),
        (None, _) => None,
    }
}

/// How much of the internet a finding is about, over its evidence: `all of the IPv4 and IPv6 internet`.
///
/// `None` where the internet is not the question.
pub(crate) fn internet_words(entry: &Entry<'_>) -> Option<String> {
    let mut shares: Vec<(Option<Family>, f64, bool)> = Vec::new();
    for evidence in &entry.finding.evidence {
        let Some(share) = evidence.internet_share else { continue };
        let family = family_of(evidence, &entry.finding.families);
        match shares.iter_mut().find(|(known, ..)| *known == family) {
            Some((_, most, mixed)) => {
                *mixed |= (*most - share).abs() > f64::EPSILON;
                *most = most.max(share);
            }
            None => shares.push((family, share, false)),
        }
    }
    shares.sort_by_key(|(family, ..)| *family);
    let phrase = |(family, share, mixed): &(Option<Family>, f64, bool)| {
        let most = if *mixed { "up to " } else { "" };
        format!("{most}{}", share_words(*share, *family))
    };
    match shares.as_slice() {
        [] => None,
        [(Some(Family::Ipv4), four, false), (Some(Family::Ipv6), six, false)]
            if portion(*four).is_some() && portion(*four) == portion(*six) =>
        {
            portion(*four).map(|portion| format!("{portion} IPv4 and IPv6 internet"))
        }
        shares => Some(and(&shares.iter().map(phrase).collect::<Vec<_>>())),
    }
}

/// A rule as a sentence uses it, with the name of the prefix list or group that it names.
pub(crate) fn rule_text(rule: &Rule, inventory: &Inventory) -> String {
    let name = match &rule.peer {
        Peer::PrefixList(id) => inventory.prefix_lists.get(id).map_or("", |list| list.name.as_str()),
        Peer::Group(group) if !group.id.is_empty() => group.name.as_str(),
        Peer::Group(_) | Peer::V4(_) | Peer::V6(_) => "",
    };
    if name.is_empty() { rule.to_string() } else { format!("{rule} ({name})") }
}

/// A rule with its id and the beginning of its description, as far as it has them.
pub(crate) fn rule_line(rule: &Rule, inventory: &Inventory) -> String {
    const MOST_DESCRIPTION: usize = 48;
    let description = shortened(&rule.description, MOST_DESCRIPTION);
    let mut line = rule_text(rule, inventory);
    if !rule.id.is_empty() {
        line = format!("{line}  {}", rule.id);
    }
    if !description.is_empty() {
        line = format!("{line}  \"{description}\"");
    }
    line
}

/// Who and where a group is, in a line.
pub(crate) fn heading(group: &SecurityGroup) -> String {
    let key = &group.key;
    let parts = [&key.group_id, &group.name, &key.account_id, &key.region, &group.vpc_id];
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| part.as_str()).collect::<Vec<_>>().join("  ")
}

/// One run of services: `tcp 22`, `tcp all ports`, `protocol 47`, `all traffic`.
pub(crate) fn service_text(protocol: &str, ports: &str) -> String {
    let numbered = protocol.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    match (protocol, ports) {
        ("-1" | "all", "all" | "") => "all traffic".to_owned(),
        (_, "all" | "" | "0-65535") if !numbered => match protocol {
            "icmp" | "icmpv6" => format!("{protocol} all types"),
            _ => format!("{protocol} all ports"),
        },
        (_, "all" | "") if protocol.contains('-') => format!("protocols {protocol}"),
        (_, "all" | "") => format!("protocol {protocol}"),
        _ => format!("{protocol} {ports}"),
    }
}

/// Services in runs, at most `most` of them.
pub(crate) fn services_words(services: &ServiceSet, most: usize) -> String {
    let mut runs: Vec<(String, Vec<String>)> = Vec::new();
    for (protocol, ports) in describe_services(services) {
        let joins = !matches!(ports.as_str(), "all" | "0-65535");
        match runs.last_mut() {
            Some((last, list)) if *last == protocol && joins => list.push(ports),
            _ => runs.push((protocol, vec![ports])),
        }
    }
    let mut left = most;
    let mut parts = Vec::new();
    let mut dropped = 0;
    for (protocol, ports) in runs {
        let taken = ports.len().min(left);
        left -= taken;
        dropped += ports.len() - taken;
        if taken > 0 {
            let ports: Vec<&str> = ports.iter().take(taken).map(String::as_str).collect();
            parts.push(service_text(&protocol, &ports.join(",")));
        }
    }
    if dropped > 0 {
        parts.push(count(dropped, "more range"));
    }
    parts.join(", ")
}

fn blocks_words<A: Address>(set: &IntervalSet<A>, public: &IntervalSet<A>, most: usize) -> Option<String> {
    let name = family_name(A::FAMILY);
    if set.is_empty() {
        return None;
    }
    if *set == IntervalSet::all() {
        return Some(format!("all {name} addresses"));
    }
    if set == public {
        return Some(format!("all public {name} addresses"));
    }
    let list = |set: &IntervalSet<A>| {
        let blocks = set.cidrs();
        let mut texts: Vec<String> = blocks.iter().take(most).map(ToString::to_string).collect();
        if blocks.len() > most {
            texts.push(count(blocks.len() - most, "more block"));
        }
        (blocks.len(), texts.join(", "))
    };
    let (length, blocks) = list(set);
    // Most of the address space is better said by what it lacks.
    if length > 3 {
        let (gaps, without) = list(&set.complement());
        if gaps < length && gaps <= most {
            return Some(format!("all {name} addresses but {without}"));
        }
    }
    Some(blocks)
}

/// A peer that is known by name only.
pub(crate) fn symbol_text(symbol: &Symbol) -> String {
    match symbol {
        Symbol::Group { account, id } if account.is_empty() => id.to_string(),
        Symbol::Group { account, id } => format!("{account}/{id}"),
        Symbol::PrefixList(id) => format!("{id} (entries not known)"),
    }
}

/// Peers in words, at most `most` blocks of each family and as many names.
pub(crate) fn peers_words(peers: &PeerSet, most: usize) -> String {
    let addresses = &peers.addresses;
    let public = special::public();
    let mut parts: Vec<String> = Vec::new();
    if *addresses == AddressSet::all() {
        parts.push("all IPv4 and IPv6 addresses".to_owned());
    } else {
        parts.extend(blocks_words(&addresses.v4, &public.v4, most));
        parts.extend(blocks_words(&addresses.v6, &public.v6, most));
    }
    parts.extend(peers.symbols.iter().take(most).map(symbol_text));
    if peers.symbols.len() > most {
        parts.push(count(peers.symbols.len() - most, "more name"));
    }
    parts.join(", ")
}

/// Who an evidence's traffic comes from or goes to, at most `most` of them.
pub(crate) fn evidence_text(evidence: &Evidence, direction: Option<Direction>, most: usize) -> String {
    let mut peers: Vec<String> = evidence.peers.iter().take(most).map(ToString::to_string).collect();
    if evidence.peers.len() > most {
        peers.push(count(evidence.peers.len() - most, "more block"));
    }
    let services = service_text(&evidence.protocol, &evidence.ports);
    match (evidence.protocol.is_empty(), peers.is_empty()) {
        (true, _) => peers.join(", "),
        (false, true) => services,
        (false, false) => {
            let preposition = direction.unwrap_or(Direction::Ingress).preposition();
            format!("{services} {preposition} {}", peers.join(", "))
        }
    }
}

/// `2 critical, 5 high`.
pub(crate) fn severities(tally: &Tally) -> String {
    let parts: Vec<String> = tally.failed.iter().map(|(severity, number)| format!("{number} {severity}")).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_internet_in_plain_words() {
        let check = |share: f64, expected: &str| assert_eq!(share_words(share, Some(Family::Ipv4)), expected);
        check(1.0, "all of the IPv4 internet");
        check(0.99, "nearly all of the IPv4 internet");
        check(0.5, "half of the IPv4 internet");
        check(0.252, "a quarter of the IPv4 internet");
        check(0.56, "56% of the IPv4 internet");
        check(0.012, "1% of the IPv4 internet");
        check(1.0 / 256.0, "1 in 256 public IPv4 addresses");
        check(1.0 / 57_123.0, "1 in 57,100 public IPv4 addresses");
        check(2f64.powi(-29), "1 in 537 million public IPv4 addresses");
        check(1e-9, "1 in 1 billion public IPv4 addresses");
        check(1e-30, "less than 1 in 1,000 trillion public IPv4 addresses");
        check(0.0, "none of the IPv4 internet");
        assert_eq!(share_words(1.0, None), "all of the internet");
    }

    #[test]
    fn numbers() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(16_777_216), "16,777,216");
        assert_eq!(addresses(1 << 112), "2^112");
        assert_eq!(addresses(3 << 124), "about 2^125.6");
        assert_eq!(count(1, "group"), "1 group");
        assert_eq!(count(1200, "group"), "1,200 groups");
    }

    #[test]
    fn services_and_peers() {
        assert_eq!(service_text("-1", "all"), "all traffic");
        assert_eq!(service_text("tcp", "0-65535"), "tcp all ports");
        assert_eq!(service_text("icmp", "all"), "icmp all types");
        assert_eq!(service_text("47", "all"), "protocol 47");
        assert_eq!(service_text("2-5", "all"), "protocols 2-5");
        assert_eq!(service_text("udp", "53"), "udp 53");
        let all_but_private = special::private().v4.complement();
        let peers: PeerSet = portcullis_core::net::AddressSet { v4: all_but_private, v6: IntervalSet::empty() }.into();
        let expected = "all IPv4 addresses but 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16";
        assert_eq!(peers_words(&peers, 6), expected);
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
    }
}
