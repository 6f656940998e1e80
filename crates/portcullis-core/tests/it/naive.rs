//! A naive judge: contract sentences written down one after the other, on lists of numbers. Shares no code with the core.
//!
//! Services are cut into cells at every border that a rule or control has, so that one point stands for its cell and
//! nothing is left to luck. Addresses are lists of spans, first and last included.

mod judge;
mod spans;
mod text;

use std::cell::OnceCell;
use std::collections::BTreeMap;

pub(crate) use judge::*;
pub(crate) use spans::*;
pub(crate) use text::*;

/// First and last address.
pub(crate) type Span = (u128, u128);
/// Spans of IPv4 and of IPv6.
pub(crate) type Both = [Vec<Span>; 2];
/// A protocol and a port (of ICMP: type and code as one number).
pub(crate) type At = (u16, u32);

/// What a rule, or what is left of it, admits at a point.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Admitted {
    pub(crate) rule: usize,
    pub(crate) spans: Both,
    /// A group, or a list whose entries are not known.
    pub(crate) name: Option<String>,
    pub(crate) list: Option<String>,
    pub(crate) unread: bool,
    /// What an unread list can be at most.
    pub(crate) most: Both,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Peer {
    Spans(Both),
    List(String),
    Group(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) ingress: bool,
    pub(crate) protocols: (u16, u16),
    pub(crate) ports: (u32, u32),
    pub(crate) peer: Peer,
}

#[derive(Clone, Debug)]
pub(crate) struct List {
    /// The entries, or of an unread list all that it may hold.
    pub(crate) spans: Both,
    pub(crate) read: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) vpc: Both,
    pub(crate) lists: BTreeMap<String, List>,
    pub(crate) names: BTreeMap<String, String>,
    pub(crate) rules: Vec<Rule>,
    public: OnceCell<Both>,
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Internet([bool; 2]),
    Wide,
    Overlap(Vec<Peer>),
    Any,
    Outside(Vec<Peer>),
}

#[derive(Clone, Debug)]
pub(crate) enum Allowed {
    Anyone,
    Only(Vec<Peer>),
    /// The beginning of a group's name.
    Named(String),
}

/// Protocols and ports, first and last included.
pub(crate) type Block = ((u16, u16), (u32, u32));

#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) id: String,
    pub(crate) ingress: bool,
    pub(crate) services: Vec<Block>,
    pub(crate) matching: String,
    pub(crate) tests: Vec<Test>,
    /// Allowances of the same direction.
    pub(crate) allowed: Vec<(Vec<Block>, Allowed)>,
}
