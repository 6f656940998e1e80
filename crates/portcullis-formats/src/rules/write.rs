//! From rules to the text of a file.

use portcullis_core::model::{Peer, Rule};
use portcullis_core::net::{Protocol, RuleServices};

use super::{Egress, RuleSet};

/// A peer as files have it: IPv6 in brackets.
pub(super) fn peer(peer: &Peer) -> String {
    match peer {
        Peer::V6(block) => format!("[{block}]"),
        other => other.to_string(),
    }
}

/// Ports as files have them.
pub(super) fn ports(services: RuleServices) -> String {
    match services {
        RuleServices::All | RuleServices::Protocol(_) | RuleServices::Icmp(_, None) => "*".to_owned(),
        RuleServices::Ports(_, 0, u16::MAX) => "*".to_owned(),
        RuleServices::Ports(..) | RuleServices::Icmp(..) => services.ports_text(),
    }
}

/// The protocol as files have it, where its number is all that is known.
fn protocol(services: RuleServices) -> String {
    match services {
        RuleServices::All => "all".to_owned(),
        RuleServices::Ports(protocol, ..) | RuleServices::Icmp(protocol, _) => protocol.to_string(),
        RuleServices::Protocol(Protocol(number)) => number.to_string(),
    }
}

/// A rule as a line, without its description.
///
/// ```
/// use portcullis_core::model::{Direction, Rule};
/// use portcullis_core::net::{Protocol, RuleServices};
/// use portcullis_formats::rules::line_of;
///
/// let rule = Rule::new(Direction::Egress, RuleServices::Ports(Protocol::TCP, 80, 443), "2001:db8::/32".parse()?);
/// assert_eq!(line_of(&rule), "egress [2001:db8::/32]:80-443^tcp");
/// # Ok::<(), portcullis_core::model::rule::PeerError>(())
/// ```
pub fn line_of(rule: &Rule) -> String {
    let direction = match rule.direction {
        portcullis_core::model::Direction::Ingress => "",
        portcullis_core::model::Direction::Egress => "egress ",
    };
    format!("{direction}{}:{}^{}", peer(&rule.peer), ports(rule.services), protocol(rule.services))
}

/// The text of a file that says these rules and what the set says of egress, one rule a line, sorted so that the same
/// rules make the same file. Reading it gives the same rules.
pub fn write(set: &RuleSet) -> String {
    let mut rules: Vec<&Rule> = set.rules.iter().collect();
    rules.sort_by(|a, b| a.identity().cmp(&b.identity()));
    let mut lines: Vec<(String, &str)> = rules.iter().map(|rule| (line_of(rule), rule.description.trim())).collect();
    if set.egress == Egress::Nothing {
        lines.push(("egress none".to_owned(), ""));
    }
    super::format::lay_out(
        lines.iter().map(|(body, comment)| (body.as_str(), Some(*comment).filter(|text| !text.is_empty()))),
    )
}
