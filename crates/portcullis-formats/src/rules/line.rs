//! One line of a rules file: `[egress] PEER[,PEER…]:PORTS[^PROTOCOL] [# description]`.

use std::net::{Ipv4Addr, Ipv6Addr};

use portcullis_core::model::{Direction, Peer};
use portcullis_core::net::{AnyCidr, RuleServices};

use super::services::Named;
use super::{peer, services, span_of};
use crate::diagnostics::{Diagnostic, Source, quoted};

/// How many rules one line may stand for. Peers times ranges, so that a short line could ask for any number.
const MAX_RULES_OF_A_LINE: usize = 10_000;

/// What a line says.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) body: Body<'a>,
    /// What stands behind the `#`, trimmed.
    pub(super) comment: Option<&'a str>,
}

#[derive(Debug)]
pub(super) enum Body<'a> {
    /// A comment alone, or nothing.
    Nothing,
    EgressNone(&'a str),
    Entry(Entry<'a>),
}

#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) direction: Direction,
    pub(super) peers: Vec<Peer>,
    pub(super) services: Vec<RuleServices>,
    pub(super) protocol: Named<'a>,
    /// All of it.
    pub(super) text: &'a str,
}

/// Reads lines of one source and collects what is wrong.
pub(super) struct Parser<'s> {
    pub(super) source: &'s Source,
    pub(super) messages: &'s mut Vec<Diagnostic>,
}

impl<'s> Parser<'s> {
    pub(super) fn new(source: &'s Source, messages: &'s mut Vec<Diagnostic>) -> Self {
        Self { source, messages }
    }

    /// Notes an error about a part of the text.
    pub(super) fn error<T>(&mut self, part: &str, message: impl Into<String>, help: Option<String>) -> Option<T> {
        let error = Diagnostic::error(span_of(self.source, part), message);
        self.messages.push(Diagnostic { help, ..error });
        None
    }

    /// Notes a warning about a part of the text.
    pub(super) fn warning(&mut self, part: &str, message: impl Into<String>, help: impl Into<String>) {
        self.messages.push(Diagnostic::warning(span_of(self.source, part), message).help(help));
    }

    /// Reads a line; `None` where it is wrong.
    pub(super) fn line<'a>(&mut self, text: &'a str) -> Option<Line<'a>> {
        let (body, comment) = match text.split_once('#') {
            Some((body, comment)) => (body, Some(comment.trim())),
            None => (text, None),
        };
        let body = match body.trim() {
            "" => Body::Nothing,
            body => self.body(body)?,
        };
        Some(Line { body, comment })
    }

    fn body<'a>(&mut self, body: &'a str) -> Option<Body<'a>> {
        let (word, rest) = split_word(body);
        if word.eq_ignore_ascii_case("ingress") {
            let help = "take `ingress` away".to_owned();
            return self.error(word, "a line without `egress` is ingress already", Some(help));
        }
        if !word.eq_ignore_ascii_case("egress") {
            return self.entry(Direction::Ingress, body, body).map(Body::Entry);
        }
        match rest {
            "" => {
                let help = "write `egress 0.0.0.0/0:443^tcp`, or `egress none` for nothing at all".to_owned();
                self.error(word, "`egress` names no traffic", Some(help))
            }
            none if none.eq_ignore_ascii_case("none") => Some(Body::EgressNone(body)),
            rest => self.entry(Direction::Egress, body, rest).map(Body::Entry),
        }
    }

    fn entry<'a>(&mut self, direction: Direction, text: &'a str, body: &'a str) -> Option<Entry<'a>> {
        let (traffic, protocol) = match body.split_once('^') {
            Some((traffic, protocol)) => (traffic.trim_end(), Some(protocol.trim())),
            None => (body, None),
        };
        let Some((peers, ports)) = self.peers_and_ports(traffic) else {
            // What can be said of the rest is said all the same.
            services::protocol(self, protocol);
            return None;
        };
        let peers = self.peers(peers, traffic);
        let services = services::services(self, ports, protocol);
        let (peers, (services, protocol)) = (peers?, services?);
        if peers.len().saturating_mul(services.len()) > MAX_RULES_OF_A_LINE {
            let message = format!(
                "this line stands for {} rules, at most {MAX_RULES_OF_A_LINE} are read of one",
                peers.len().saturating_mul(services.len())
            );
            return self.error(text, message, None);
        }
        Some(Entry { direction, peers, services, protocol, text })
    }

    /// The part before the colon, and the part behind it.
    fn peers_and_ports<'a>(&mut self, traffic: &'a str) -> Option<(&'a str, &'a str)> {
        let (mut in_brackets, mut first, mut last) = (false, None, None);
        for (at, byte) in traffic.bytes().enumerate() {
            match byte {
                b'[' => in_brackets = true,
                b']' => in_brackets = false,
                b':' if !in_brackets && first.is_none() => first = Some(at),
                b':' if !in_brackets => last = Some(at),
                _ => {}
            }
        }
        match (first, last) {
            (Some(at), None) => {
                let (peers, rest) = traffic.split_at_checked(at)?;
                Some((peers.trim_end(), rest.get(1..).unwrap_or_default().trim_start()))
            }
            (None, _) if in_brackets => {
                let help = "IPv6 stands in a pair of brackets, ports behind it: `[2001:db8::/32]:443`".to_owned();
                self.error(traffic, "the bracket is not closed", Some(help))
            }
            (None, _) => {
                self.peers(traffic, "");
                let rest: &str = traffic.get(traffic.len()..).unwrap_or_default();
                let peer = match traffic.parse::<Ipv4Addr>() {
                    Ok(_) => format!("{traffic}/32"),
                    Err(_) => traffic.to_owned(),
                };
                let (port, all) = (format!("{peer}:80^tcp"), format!("{peer}:*^all"));
                let help = format!("write {} for a port, or {} for everything", quoted(&port), quoted(&all));
                self.error(rest, "no ports are named here", Some(help))
            }
            (Some(_), Some(last)) => self.bare_ipv6(traffic, last),
        }
    }

    /// Several colons outside brackets: nearly always an IPv6 block that lacks them.
    fn bare_ipv6<T>(&mut self, traffic: &str, last: usize) -> Option<T> {
        let block = |text: &str| {
            let text = text.trim();
            let as_block = text.parse::<AnyCidr>().is_ok_and(|block| matches!(block, AnyCidr::V6(_)));
            match as_block {
                true => Some(text.to_owned()),
                false => text.parse::<Ipv6Addr>().ok().map(|address| format!("{address}/128")),
            }
        };
        let (before, behind) = (traffic.get(..last).unwrap_or_default(), traffic.get(last + 1..).unwrap_or_default());
        // `2001:db8::/32:443` first: read as a whole, `2001:db8::1:443` could be an address too.
        let form = match (block(before), block(traffic)) {
            (Some(block), _) => format!("[{block}]:{}", behind.trim()),
            (None, Some(block)) => format!("[{block}]:443"),
            (None, None) => {
                let help =
                    "a line is `[egress] PEER[,PEER…]:PORTS[^PROTOCOL] [# description]`, IPv6 in brackets".to_owned();
                return self.error(traffic, format!("{} has more than one colon", quoted(traffic)), Some(help));
            }
        };
        self.error(traffic, "an IPv6 block stands in brackets", Some(format!("write {}", quoted(&form))))
    }

    fn peers(&mut self, peers: &str, behind: &str) -> Option<Vec<Peer>> {
        if peers.is_empty() {
            let help = format!("write {}, or another block", quoted(&format!("10.0.0.0/8{behind}")));
            return self.error(behind.get(..1).unwrap_or(behind), "no peer is named before the colon", Some(help));
        }
        // Every wrong one is told, not only the first.
        let (mut read, mut whole) = (Vec::with_capacity(1), true);
        for part in peers.split(',') {
            match peer::peer(self, part.trim()) {
                Some(peer) => read.push(peer),
                None => whole = false,
            }
        }
        whole.then_some(read)
    }
}

/// The first word, and what stands behind it.
fn split_word(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}
