//! What a rule lets through apart from who: protocol and port as one axis.
//!
//! A *service* is a number of 24 bits: the protocol (8 bits), then 16 bits that mean the port for TCP and UDP, type and
//! code for ICMP and ICMPv6, and nothing for the others. A protocol without ports always spans its 65,536 numbers whole,
//! so a set of services is an [`IntervalSet`] like any other, and `-1` is the one interval of the whole axis.

use std::fmt;

use compact_str::{CompactString, ToCompactString, format_compact};

use super::cidr::Family;
use super::interval::{Interval, IntervalSet};

/// An IP protocol number.
///
/// ```
/// use portcullis_core::net::Protocol;
///
/// assert_eq!(Protocol::parse("6"), Some(Protocol::TCP));
/// assert_eq!(Protocol::parse("ICMPv6").map(|protocol| protocol.to_string()).as_deref(), Some("icmpv6"));
/// assert_eq!(Protocol::parse("-1"), None); // all protocols are no protocol
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP over IPv4.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// ICMP over IPv6.
    pub const ICMPV6: Self = Self(58);

    /// Names that people write, after the keywords of IANA's "Protocol Numbers" registry. [`Self::fmt`] prints four of them.
    const NAMES: &'static [(&'static str, u8)] = &[
        ("icmp", 1),
        ("igmp", 2),
        ("ipip", 4),
        ("tcp", 6),
        ("udp", 17),
        ("ipv6", 41),
        ("gre", 47),
        ("esp", 50),
        ("ah", 51),
        ("icmpv6", 58),
        ("ospf", 89),
        ("pim", 103),
        ("vrrp", 112),
        ("l2tp", 115),
        ("sctp", 132),
        ("udplite", 136),
    ];

    /// Reads a number or a name, in either case. `None` for anything else, `-1` and `all` included.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().map(Self);
        }
        let known = |(name, _): &&(&str, u8)| text.eq_ignore_ascii_case(name);
        let alias = text.eq_ignore_ascii_case("ipv6-icmp").then_some(Self::ICMPV6);
        Self::NAMES.iter().find(known).map(|(_, number)| Self(*number)).or(alias)
    }

    /// Whether its rules carry a port range.
    pub fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP)
    }

    /// Whether its rules carry a type and a code.
    pub fn has_types(self) -> bool {
        matches!(self, Self::ICMP | Self::ICMPV6)
    }

    /// Everything of this protocol.
    pub fn services(self) -> Interval<u32> {
        let low = u32::from(self.0) << 16;
        Interval { low, high: low | 0xffff }
    }

    /// The ports `from..=to` of this protocol.
    pub fn ports(self, from: u16, to: u16) -> Interval<u32> {
        let low = u32::from(self.0) << 16;
        Interval::new(low | u32::from(from), low | u32::from(to))
    }

    /// The name where AWS's own tools use one (`tcp`, `udp`, `icmp`, `icmpv6`), else the number.
    pub fn text(self) -> CompactString {
        match self {
            Self::TCP => CompactString::const_new("tcp"),
            Self::UDP => CompactString::const_new("udp"),
            Self::ICMP => CompactString::const_new("icmp"),
            Self::ICMPV6 => CompactString::const_new("icmpv6"),
            Self(number) => number.to_compact_string(),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// The last service of the axis.
pub const LAST_SERVICE: u32 = 0x00ff_ffff;

/// A set of services.
pub type ServiceSet = IntervalSet<u32>;

/// Every service: what `-1` means.
pub const ALL_SERVICES: Interval<u32> = Interval { low: 0, high: LAST_SERVICE };

/// What one rule can say of protocol and ports: `-1`, a port range, an ICMP type and code, or a whole protocol.
///
/// ```
/// use portcullis_core::net::{ALL_SERVICES, Protocol, RuleServices};
///
/// assert_eq!(RuleServices::All.interval(), ALL_SERVICES);
/// assert_eq!(RuleServices::Ports(Protocol::TCP, 80, 443).to_string(), "tcp 80-443");
/// assert_eq!(RuleServices::Icmp(Protocol::ICMP, Some((3, Some(4)))).ports_text(), "3/4");
/// assert_eq!(RuleServices::whole(Protocol::UDP), RuleServices::Ports(Protocol::UDP, 0, 65535));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleServices {
    /// All protocols and ports (`-1`).
    All,
    /// Ports `from..=to` of TCP or UDP.
    Ports(Protocol, u16, u16),
    /// ICMP or ICMPv6: every type, every code of a type, or one code.
    Icmp(Protocol, Option<(u8, Option<u8>)>),
    /// A protocol without ports.
    Protocol(Protocol),
}

impl RuleServices {
    /// Everything of one protocol, in the form that fits it.
    pub fn whole(protocol: Protocol) -> Self {
        if protocol.has_ports() {
            Self::Ports(protocol, 0, u16::MAX)
        } else if protocol.has_types() {
            Self::Icmp(protocol, None)
        } else {
            Self::Protocol(protocol)
        }
    }

    /// Its place on the axis: always one interval.
    pub fn interval(self) -> Interval<u32> {
        match self {
            Self::All => ALL_SERVICES,
            Self::Ports(protocol, from, to) => protocol.ports(from, to),
            Self::Icmp(protocol, None) | Self::Protocol(protocol) => protocol.services(),
            Self::Icmp(protocol, Some((kind, code))) => {
                let kind = u16::from(kind) << 8;
                protocol.ports(kind | u16::from(code.unwrap_or(0)), kind | u16::from(code.unwrap_or(u8::MAX)))
            }
        }
    }

    /// The protocol as AWS writes it: `-1`, a name, or a number.
    pub fn protocol_text(self) -> String {
        self.texts().0.into()
    }

    /// The ports as people write them: `22`, `80-443`, `0-65535`; for ICMP `3/4`, `3/*`, `all`; `all` for the others.
    pub fn ports_text(self) -> String {
        self.texts().1.into()
    }

    /// Protocol and ports as [`Self::protocol_text`] and [`Self::ports_text`] write them.
    pub fn texts(self) -> (CompactString, CompactString) {
        let all = CompactString::const_new("all");
        match self {
            Self::All => (CompactString::const_new("-1"), all),
            Self::Ports(protocol, from, to) if from == to => (protocol.text(), from.to_compact_string()),
            Self::Ports(protocol, from, to) => (protocol.text(), format_compact!("{from}-{to}")),
            Self::Icmp(protocol, Some((kind, Some(code)))) => (protocol.text(), format_compact!("{kind}/{code}")),
            Self::Icmp(protocol, Some((kind, None))) => (protocol.text(), format_compact!("{kind}/*")),
            Self::Icmp(protocol, None) | Self::Protocol(protocol) => (protocol.text(), all),
        }
    }
}

impl fmt::Display for RuleServices {
    /// As a sentence uses it: `tcp 22`, `udp 53-54`, `icmp 3/4`, `protocol 47`, `all traffic`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all traffic"),
            Self::Ports(protocol, 0, u16::MAX) => write!(f, "{protocol} all ports"),
            Self::Icmp(protocol, None) => write!(f, "{protocol} all types"),
            Self::Protocol(protocol) => write!(f, "protocol {protocol}"),
            Self::Ports(..) | Self::Icmp(..) => {
                let (protocol, ports) = self.texts();
                f.write_str(&protocol)?;
                f.write_str(" ")?;
                f.write_str(&ports)
            }
        }
    }
}

/// The least list of rules' services whose union is `services`, ascending.
///
/// The whole axis is `-1`; otherwise each interval is cut at the borders of protocols, and within ICMP at those of types.
/// A protocol without ports must be in the set whole or not at all, since no rule says a part of it.
///
/// ```
/// use portcullis_core::net::service::rule_services;
/// use portcullis_core::net::{ALL_SERVICES, Protocol, ServiceSet};
///
/// let all = ServiceSet::from(ALL_SERVICES);
/// assert_eq!(rule_services(&all).len(), 1);
/// // TCP in two pieces, and the 255 other protocols by themselves.
/// assert_eq!(rule_services(&all.difference(&Protocol::TCP.ports(22, 22).into())).len(), 257);
/// ```
pub fn rule_services(services: &ServiceSet) -> Vec<RuleServices> {
    if services.contains_interval(ALL_SERVICES) {
        return vec![RuleServices::All];
    }
    let mut rules = Vec::new();
    for interval in services.intervals() {
        let mut low = interval.low;
        while low <= interval.high.min(LAST_SERVICE) {
            let protocol = Protocol((low >> 16 & 0xff) as u8);
            let high = interval.high.min(protocol.services().high);
            if high - low == 0xffff {
                rules.push(RuleServices::whole(protocol));
            } else if protocol.has_types() {
                icmp_rules(protocol, low, high, &mut rules);
            } else {
                rules.push(RuleServices::Ports(protocol, (low & 0xffff) as u16, (high & 0xffff) as u16));
            }
            low = high + 1;
        }
    }
    rules
}

/// The rules for part of one ICMP protocol: whole types where they fit, single codes elsewhere.
fn icmp_rules(protocol: Protocol, mut low: u32, high: u32, rules: &mut Vec<RuleServices>) {
    while low <= high {
        let (kind, code) = ((low >> 8 & 0xff) as u8, (low & 0xff) as u8);
        if code == 0 && high - low >= 0xff {
            rules.push(RuleServices::Icmp(protocol, Some((kind, None))));
            low += 0x100;
        } else {
            rules.push(RuleServices::Icmp(protocol, Some((kind, Some(code)))));
            low += 1;
        }
    }
}

/// Runs of services as a person reads them: one line for each protocol's run, ICMP types in ranges.
///
/// Gives `(protocol, ports)`, such as `("tcp", "20-21")`, `("icmp", "0-2")`, `("-1", "all")`, `("2-5", "all")`.
///
/// ```
/// use portcullis_core::net::service::describe_services;
/// use portcullis_core::net::{Protocol, ServiceSet};
///
/// let services: ServiceSet = [Protocol::TCP.ports(20, 21), Protocol(50).services(), Protocol(51).services()]
///     .into_iter()
///     .collect();
/// let line = |protocol: &str, ports: &str| (protocol.to_owned(), ports.to_owned());
/// assert_eq!(describe_services(&services), [line("tcp", "20-21"), line("50-51", "all")]);
/// ```
pub fn describe_services(services: &ServiceSet) -> Vec<(String, String)> {
    if services.contains_interval(ALL_SERVICES) {
        return vec![("-1".to_owned(), "all".to_owned())];
    }
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut portless: Option<(u8, u8)> = None;
    for interval in services.intervals() {
        let mut low = interval.low;
        while low <= interval.high.min(LAST_SERVICE) {
            let protocol = Protocol((low >> 16 & 0xff) as u8);
            let high = interval.high.min(protocol.services().high);
            let whole = high - low == 0xffff;
            if whole && !protocol.has_ports() && !protocol.has_types() {
                portless = match portless {
                    Some((first, last)) if last + 1 == protocol.0 => Some((first, protocol.0)),
                    open => {
                        flush(open, &mut lines);
                        Some((protocol.0, protocol.0))
                    }
                };
            } else {
                flush(portless.take(), &mut lines);
                lines.push((protocol.to_string(), part_text(protocol, whole, low & 0xffff, high & 0xffff)));
            }
            low = high + 1;
        }
    }
    flush(portless, &mut lines);
    lines
}

fn flush(run: Option<(u8, u8)>, lines: &mut Vec<(String, String)>) {
    if let Some((first, last)) = run {
        let protocols = if first == last { first.to_string() } else { format!("{first}-{last}") };
        lines.push((protocols, "all".to_owned()));
    }
}

fn part_text(protocol: Protocol, whole: bool, low: u32, high: u32) -> String {
    if protocol.has_types() {
        let (first, last) = (low >> 8, high >> 8);
        return match (whole, low & 0xff, high & 0xff) {
            (true, ..) => "all".to_owned(),
            (_, 0, 0xff) if first == last => first.to_string(),
            (_, 0, 0xff) => format!("{first}-{last}"),
            (_, code, _) if low == high => format!("{first}/{code}"),
            (_, from, to) => format!("{first}/{from}-{last}/{to}"),
        };
    }
    if low == high { low.to_string() } else { format!("{low}-{high}") }
}

/// Services that carry no traffic of a family and so decide nothing: port 0 of TCP and UDP, ICMPv6 over IPv4, ICMP over IPv6.
pub fn void_services(family: Family) -> ServiceSet {
    let foreign = match family {
        Family::Ipv4 => Protocol::ICMPV6,
        Family::Ipv6 => Protocol::ICMP,
    };
    [Protocol::TCP.ports(0, 0), Protocol::UDP.ports(0, 0), foreign.services()].into_iter().collect()
}
