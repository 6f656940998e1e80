//! Protocols and ports as people write them, and the services that they mean.

use portcullis_core::net::{ALL_SERVICES, Interval, IntervalSet, Protocol, ServiceSet};

use crate::diagnostics::quoted;

/// A protocol of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolName {
    /// `-1`, `all`, `*`.
    All,
    /// One, or several in a row, by number.
    Numbers(u8, u8),
}

/// Part of a list of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    /// All of them: `*`, `all`, `-1`.
    All,
    /// `from-to`; of ICMP the types.
    Range(u16, u16),
    /// An ICMP type and one of its codes, `3/4`.
    Code(u8, u8),
}

impl ProtocolName {
    /// Reads a name, a number, `-1`, `all` or `*`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if is_all(text) {
            return Ok(Self::All);
        }
        let one = Protocol::parse(text).map(|protocol| Self::Numbers(protocol.0, protocol.0));
        one.ok_or_else(|| {
            let expected = "a name such as tcp, udp or icmp, a number from 0 to 255, or `-1` for all is expected";
            format!("{} is no protocol: {expected}", quoted(text))
        })
    }

    /// As [`Self::parse`], or several numbers in a row such as `2-5`.
    fn parse_run(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('-').and_then(|(low, high)| Some((number::<u8>(low)?, number::<u8>(high)?)));
        match numbers {
            Some((low, high)) if low > high => Err(format!("{} runs backwards: write `{high}-{low}`", quoted(text))),
            Some((low, high)) => Ok(Self::Numbers(low, high)),
            None => Self::parse(text),
        }
    }

    /// Every service of it.
    fn whole(self) -> Interval<u32> {
        match self {
            Self::All => ALL_SERVICES,
            Self::Numbers(low, high) => {
                Interval { low: Protocol(low).services().low, high: Protocol(high).services().high }
            }
        }
    }

    /// As its author would write it.
    fn text(self) -> String {
        match self {
            Self::All => "-1".to_owned(),
            Self::Numbers(low, high) if low == high => Protocol(low).to_string(),
            Self::Numbers(low, high) => format!("{low}-{high}"),
        }
    }
}

fn is_all(text: &str) -> bool {
    matches!(text, "*" | "-1") || text.eq_ignore_ascii_case("all")
}

/// A whole number without sign.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let text = text.trim();
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// Reads `22`, `80-443`, `80,443`, `3/4`, `all`, `*` or `-1`.
pub(super) fn parse_ports(text: &str) -> Result<Vec<Port>, String> {
    text.split(',').map(|part| parse_port(part.trim())).collect()
}

fn parse_port(text: &str) -> Result<Port, String> {
    if is_all(text) {
        return Ok(Port::All);
    }
    let wrong = || {
        format!("{} is no port: a number from 0 to 65535, a range such as `80-443`, or `all` is expected", quoted(text))
    };
    if let Some((kind, code)) = text.split_once('/') {
        let part = number(kind).zip(number(code)).map(|(kind, code)| Port::Code(kind, code));
        return part.ok_or_else(|| {
            format!("{} is no ICMP type and code: two numbers from 0 to 255 are expected", quoted(text))
        });
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (number::<u16>(low), number::<u16>(high)) {
        (Some(low), Some(high)) if low > high => Err(format!("{} runs backwards: write `{high}-{low}`", quoted(text))),
        (Some(low), Some(high)) => Ok(Port::Range(low, high)),
        _ => Err(wrong()),
    }
}

/// The services that ports of a protocol are; no ports at all are all of them.
pub(super) fn services(protocol: ProtocolName, ports: &[Port]) -> Result<ServiceSet, String> {
    if ports.is_empty() {
        return Ok(protocol.whole().into());
    }
    let mut intervals = Vec::new();
    for port in ports {
        match (protocol, *port) {
            (_, Port::All | Port::Range(0 | 1, u16::MAX)) => intervals.push(protocol.whole()),
            // Ports of every protocol are those of the two that have ports.
            (ProtocolName::All, Port::Range(low, high)) => {
                intervals.extend([Protocol::TCP.ports(low, high), Protocol::UDP.ports(low, high)]);
            }
            (ProtocolName::Numbers(one, other), port) if one == other => intervals.push(part(Protocol(one), port)?),
            (_, Port::Code(..)) => return Err("a type and code belong to `icmp` or `icmpv6`".to_owned()),
            (ProtocolName::Numbers(..), Port::Range(..)) => {
                return Err(format!("the protocols {} are named together and take no ports", protocol.text()));
            }
        }
    }
    Ok(intervals.into_iter().collect())
}

/// Part of one protocol.
fn part(protocol: Protocol, port: Port) -> Result<Interval<u32>, String> {
    match port {
        Port::All => Ok(protocol.services()),
        Port::Range(low, high) if protocol.has_ports() => Ok(protocol.ports(low, high)),
        Port::Range(low, high) if protocol.has_types() => match (u8::try_from(low), u8::try_from(high)) {
            (Ok(low), Ok(high)) => Ok(protocol.ports(u16::from(low) << 8, u16::from(high) << 8 | 0xff)),
            _ => Err(format!("{} is no ICMP type: types are numbers from 0 to 255", quoted(&high.to_string()))),
        },
        Port::Code(kind, code) if protocol.has_types() => {
            let at = u16::from(kind) << 8 | u16::from(code);
            Ok(protocol.ports(at, at))
        }
        Port::Code(..) => {
            Err(format!("protocol `{protocol}` has no types and codes: they belong to `icmp` and `icmpv6`"))
        }
        Port::Range(..) => Err(format!("protocol `{protocol}` has no ports: leave them out, or write `all`")),
    }
}

/// Reads `PROTOCOL[:PORTS]`, such as `tcp:139,445`, `icmp:!3/4`, `47` or `2-5`. A `!` means everything of the protocol but these.
pub(super) fn parse_service(text: &str) -> Result<ServiceSet, String> {
    let (protocol, ports) = match text.split_once(':') {
        Some((protocol, ports)) => (protocol.trim(), Some(ports.trim())),
        None => (text.trim(), None),
    };
    let protocol = ProtocolName::parse_run(protocol)?;
    let Some(ports) = ports else { return services(protocol, &[]) };
    match ports.strip_prefix('!') {
        Some(but) => {
            let whole: ServiceSet = protocol.whole().into();
            Ok(whole.difference(&services(protocol, &parse_ports(but)?)?))
        }
        None => services(protocol, &parse_ports(ports)?),
    }
}

/// Whether a rule for these services speaks of *everything open*: as far as it names TCP and UDP, all their ports.
pub(super) fn is_everything(services: &ServiceSet) -> bool {
    let named = [Protocol::TCP, Protocol::UDP].into_iter().filter(|protocol| {
        let whole: ServiceSet = protocol.services().into();
        services.intersects(&whole)
    });
    let mut wholes = named.map(|protocol| services.contains_interval(protocol.ports(1, u16::MAX))).peekable();
    wholes.peek().is_some() && wholes.all(|whole| whole)
}

/// The union of sets.
pub(super) fn union(sets: impl IntoIterator<Item = ServiceSet>) -> ServiceSet {
    sets.into_iter().flat_map(|set| set.intervals().to_vec()).collect::<IntervalSet<u32>>()
}

#[cfg(test)]
mod tests {
    use portcullis_core::net::service::describe_services;

    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match parse_service(text) {
            Ok(services) => {
                let lines = describe_services(&services);
                lines.iter().map(|(protocol, ports)| format!("{protocol} {ports}")).collect::<Vec<_>>().join(", ")
            }
            Err(error) => error,
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn services_are_read_as_their_authors_mean_them() {
        check("tcp:139,445", "tcp 139, tcp 445");
        check("UDP:137-138", "udp 137-138");
        check("6:22", "tcp 22");
        check("tcp", "tcp 0-65535");
        check("tcp:1-65535", "tcp 0-65535");
        check("icmp:!3/4", "icmp 0/0-3/3, icmp 3/5-255/255");
        check("icmpv6:!1-4", "icmpv6 0, icmpv6 5-255");
        check("icmp:8", "icmp 8");
        check("47", "47 all");
        check("2-5", "2-5 all");
        check("all", "-1 all");
        check("-1:0-65535", "-1 all");
        check("all:53", "tcp 53, udp 53");
        check("tcp:!0-1023", "tcp 1024-65535");
    }

    #[test]
    fn services_that_cannot_be_say_why() {
        check(
            "tcp:70000",
            "`70000` is no port: a number from 0 to 65535, a range such as `80-443`, or `all` is expected",
        );
        check("tcp:443-80", "`443-80` runs backwards: write `80-443`");
        check("5-2", "`5-2` runs backwards: write `2-5`");
        check(
            "tpc:22",
            "`tpc` is no protocol: a name such as tcp, udp or icmp, a number from 0 to 255, or `-1` for all is expected",
        );
        check(
            "256",
            "`256` is no protocol: a name such as tcp, udp or icmp, a number from 0 to 255, or `-1` for all is expected",
        );
        check("47:22", "protocol `47` has no ports: leave them out, or write `all`");
        check("2-5:22", "the protocols 2-5 are named together and take no ports");
        check("tcp:3/4", "protocol `tcp` has no types and codes: they belong to `icmp` and `icmpv6`");
        check("icmp:300", "`300` is no ICMP type: types are numbers from 0 to 255");
        check("icmp:3/400", "`3/400` is no ICMP type and code: two numbers from 0 to 255 are expected");
        check("tcp:+22", "`+22` is no port: a number from 0 to 65535, a range such as `80-443`, or `all` is expected");
        check("tcp:", "`` is no port: a number from 0 to 65535, a range such as `80-443`, or `all` is expected");
    }

    #[test]
    fn everything_is_all_ports_of_what_is_named() {
        let everything = |text| parse_service(text).is_ok_and(|services| is_everything(&services));
        assert!(["all", "tcp", "udp:1-65535", "-1:0-65535"].into_iter().all(everything));
        assert!(!["tcp:22", "tcp:2-65535", "icmp", "47", "all:53"].into_iter().any(everything));
    }
}
