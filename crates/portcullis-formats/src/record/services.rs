//! Sets of services as rows of protocol and ports, and the services of one rule.

use portcullis_core::net::service::describe_services;
use portcullis_core::net::{ALL_SERVICES, Interval, Protocol, RuleServices, ServiceSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decoded, shown};

/// A run of services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with `protocol` and `ports`")]
pub(crate) struct ServiceRecord {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, a range of numbers, or `-1` for all protocols.
    pub(crate) protocol: String,
    /// `22`, `80-443` or `all`; for ICMP types (`3`, `0-2`), a type and code (`3/4`), or a run of them (`3/0-5/4`).
    pub(crate) ports: String,
}

/// The rows of a set.
pub(crate) fn service_records(services: &ServiceSet) -> Vec<ServiceRecord> {
    describe_services(services).into_iter().map(|(protocol, ports)| ServiceRecord { protocol, ports }).collect()
}

/// The set of rows.
pub(crate) fn decode_services(rows: &[ServiceRecord]) -> Decoded<ServiceSet> {
    let interval = |row: &ServiceRecord| {
        let found = interval(&row.protocol, &row.ports);
        found.ok_or_else(|| format!("`{} {}` is no protocol with ports", shown(&row.protocol), shown(&row.ports)))
    };
    rows.iter().map(interval).collect()
}

fn interval(protocol: &str, ports: &str) -> Option<Interval<u32>> {
    if protocol == "-1" {
        return (ports == "all").then_some(ALL_SERVICES);
    }
    if let Some((first, last)) = protocol.split_once('-') {
        let of = |text: &str| Some(Protocol(number(text)?).services());
        let (first, last) = (of(first)?, of(last)?);
        return (ports == "all" && first.low < last.low).then_some(Interval { low: first.low, high: last.high });
    }
    let protocol = Protocol::parse(protocol)?;
    if ports == "all" {
        return Some(protocol.services());
    }
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (low, high) = if protocol.has_types() {
        let place = |text: &str, code: u8| {
            let (kind, code) = match text.split_once('/') {
                Some((kind, code)) => (kind, number(code)?),
                None => (text, code),
            };
            Some(u16::from(number::<u8>(kind)?) << 8 | u16::from(code))
        };
        (place(first, 0)?, place(last, u8::MAX)?)
    } else {
        (number(first)?, number(last)?)
    };
    (low <= high).then(|| protocol.ports(low, high))
}

/// A number as it is written here: digits alone, no leading zeros.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain =
        text == "0" || text.starts_with(|c: char| matches!(c, '1'..='9')) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The services of one rule from the texts that [`RuleServices`] gives.
pub(crate) fn decode_rule_services(protocol: &str, ports: &str) -> Decoded<RuleServices> {
    let services = rule_services(protocol, ports);
    services.ok_or_else(|| format!("`{} {}` is no protocol with ports of a rule", shown(protocol), shown(ports)))
}

fn rule_services(protocol: &str, ports: &str) -> Option<RuleServices> {
    if protocol == "-1" {
        return (ports == "all").then_some(RuleServices::All);
    }
    let known = Protocol::parse(protocol).filter(|known| known.to_string() == protocol)?;
    if known.has_ports() {
        let (from, to) = match ports.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(ports)?, number(ports)?),
        };
        return (from <= to).then_some(RuleServices::Ports(known, from, to));
    }
    match (ports, ports.split_once('/')) {
        ("all", _) if known.has_types() => Some(RuleServices::Icmp(known, None)),
        ("all", _) => Some(RuleServices::Protocol(known)),
        (_, Some((kind, "*"))) if known.has_types() => Some(RuleServices::Icmp(known, Some((number(kind)?, None)))),
        (_, Some((kind, code))) if known.has_types() => {
            Some(RuleServices::Icmp(known, Some((number(kind)?, Some(number(code)?)))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::record::testing::rule_services as any_rule_services;

    proptest! {
        #[test]
        fn sets_come_back(ends in vec((0..=0x00ff_ffff_u32, 0..=0x0002_ffff_u32, prop::bool::ANY), 0..12)) {
            let interval = |(low, length, whole): (u32, u32, bool)| {
                let high = low.saturating_add(length).min(0x00ff_ffff);
                if whole { Interval { low: low & !0xffff, high: high | 0xffff } } else { Interval { low, high } }
            };
            let set: ServiceSet = ends.into_iter().map(interval).collect();
            prop_assert_eq!(decode_services(&service_records(&set)).unwrap(), set);
        }

        #[test]
        fn services_of_rules_come_back(services in any_rule_services()) {
            let read = decode_rule_services(&services.protocol_text(), &services.ports_text()).unwrap();
            prop_assert_eq!(read, services);
        }
    }

    #[test]
    fn what_is_no_service_is_refused() {
        for (protocol, ports) in [
            ("-1", "22"),
            ("tcp", "65536"),
            ("tcp", "+22"),
            ("tcp", "022"),
            ("tcp", "23-22"),
            ("tcp", "3/4"),
            ("icmp", "256"),
            ("icmp", "3/4/5"),
            ("256", "all"),
            ("5-2", "all"),
            ("2-5", "1"),
            ("", ""),
            ("tcp", ""),
        ] {
            let row = ServiceRecord { protocol: protocol.to_owned(), ports: ports.to_owned() };
            assert!(decode_services(&[row]).is_err(), "{protocol} {ports}");
            assert!(decode_rule_services(protocol, ports).is_err(), "{protocol} {ports}");
        }
        assert!(decode_rule_services("6", "22").is_err(), "a rule is written in one way only");
    }
}
