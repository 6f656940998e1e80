//! Security group rules: one peer, one protocol, one port range, one direction.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use thin_vec::ThinVec;

use crate::net::{AnyCidr, Ipv4Cidr, Ipv6Cidr, RuleServices};

/// Which way the traffic goes, seen from the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Into the group's interfaces; the peer is the source.
    Ingress,
    /// Out of them; the peer is the destination.
    Egress,
}

impl Direction {
    /// Both, ingress first.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// `ingress` or `egress`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

    /// The word before a peer: `from` or `to`.
    pub const fn preposition(self) -> &'static str {
        match self {
            Self::Ingress => "from",
            Self::Egress => "to",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A security group that a rule names as its peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupReference {
    /// The owner's account; empty where the source does not tell it.
    pub account: CompactString,
    /// The id, `sg-…`; empty for EC2-Classic references by name.
    pub id: CompactString,
    /// The name, where the source tells it.
    pub name: CompactString,
    /// The VPC of the group, where the source tells it (peered VPCs).
    pub vpc_id: CompactString,
    /// The peering connection that leads there, where the source tells it.
    pub peering_id: CompactString,
}

/// Who a rule admits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// An IPv4 block.
    V4(Ipv4Cidr),
    /// An IPv6 block, boxed because it is rare and 16 bytes wide.
    V6(Box<Ipv6Cidr>),
    /// A prefix list by its id, `pl-…`.
    PrefixList(CompactString),
    /// A security group.
    Group(Box<GroupReference>),
}

impl From<AnyCidr> for Peer {
    fn from(block: AnyCidr) -> Self {
        match block {
            AnyCidr::V4(block) => Self::V4(block),
            AnyCidr::V6(block) => Self::V6(Box::new(block)),
        }
    }
}

/// The kind of a peer. AWS changes a rule in place only within one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerKind {
    /// `CidrIpv4`.
    V4,
    /// `CidrIpv6`.
    V6,
    /// `PrefixListId`.
    PrefixList,
    /// `ReferencedGroupId`.
    Group,
}

impl Peer {
    /// Its kind.
    pub fn kind(&self) -> PeerKind {
        match self {
            Self::V4(_) => PeerKind::V4,
            Self::V6(_) => PeerKind::V6,
            Self::PrefixList(_) => PeerKind::PrefixList,
            Self::Group(_) => PeerKind::Group,
        }
    }

    /// Its block, if it is one.
    pub fn cidr(&self) -> Option<AnyCidr> {
        match self {
            Self::V4(block) => Some(AnyCidr::V4(*block)),
            Self::V6(block) => Some(AnyCidr::V6(**block)),
            Self::PrefixList(_) | Self::Group(_) => None,
        }
    }

    /// What makes two peers the same to AWS: the block, the list's id, or the group's id and account.
    pub fn identity(&self) -> PeerIdentity<'_> {
        match self {
            Self::V4(block) => PeerIdentity::Cidr(AnyCidr::V4(*block)),
            Self::V6(block) => PeerIdentity::Cidr(AnyCidr::V6(**block)),
            Self::PrefixList(id) => PeerIdentity::PrefixList(id),
            Self::Group(group) => PeerIdentity::Group(&group.account, &group.id, &group.name),
        }
    }
}

/// See [`Peer::identity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerIdentity<'a> {
    /// A block.
    Cidr(AnyCidr),
    /// A prefix list's id.
    PrefixList(&'a str),
    /// A group's account, id and name.
    Group(&'a str, &'a str, &'a str),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(block) => block.fmt(f),
            Self::V6(block) => block.fmt(f),
            Self::PrefixList(id) => f.write_str(id),
            Self::Group(group) if group.id.is_empty() => write!(f, "{}/{}", group.account, group.name),
            Self::Group(group) if group.account.is_empty() => f.write_str(&group.id),
            Self::Group(group) => {
                f.write_str(&group.account)?;
                f.write_str("/")?;
                f.write_str(&group.id)
            }
        }
    }
}

/// Why a text is no peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Neither a block nor an id.
    #[error(transparent)]
    Cidr(#[from] crate::net::CidrError),
}

impl FromStr for Peer {
    type Err = PeerError;

    /// Reads a CIDR block, `pl-…`, `sg-…` or `ACCOUNT/sg-…`.
    fn from_str(text: &str) -> Result<Self, PeerError> {
        if text.starts_with("pl-") {
            return Ok(Self::PrefixList(text.into()));
        }
        let (account, id) = text.split_once('/').unwrap_or(("", text));
        if text.starts_with("sg-") && !text.contains('/') {
            return Ok(Self::Group(Box::new(GroupReference { id: text.into(), ..GroupReference::default() })));
        }
        if id.starts_with("sg-") && account.bytes().all(|b| b.is_ascii_digit()) {
            let reference = GroupReference { account: account.into(), id: id.into(), ..GroupReference::default() };
            return Ok(Self::Group(Box::new(reference)));
        }
        Ok(text.parse::<AnyCidr>()?.into())
    }
}

/// A tag of a group or a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// The key, case-sensitive.
    pub key: CompactString,
    /// The value, possibly empty.
    pub value: CompactString,
}

/// The tags of a group, a rule or an interface. Most rules have none, and there are many: then it is one word.
pub type Tags = ThinVec<Tag>;

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Which way.
    pub direction: Direction,
    /// Protocol and ports.
    pub services: RuleServices,
    /// Who.
    pub peer: Peer,
    /// The description, empty where there is none.
    pub description: Box<str>,
    /// AWS's id, `sgr-…`, empty where the source does not tell it.
    pub id: CompactString,
    /// The rule's own tags, sorted by key.
    pub tags: Tags,
    /// The line of the input file that it stands on, from 1; 0 where there is none.
    pub line: u32,
}

impl Rule {
    /// A rule without description, id, tags or place.
    pub fn new(direction: Direction, services: RuleServices, peer: Peer) -> Self {
        let (description, id, tags) = (Box::default(), CompactString::default(), Tags::new());
        Self { direction, services, peer, description, id, tags, line: 0 }
    }

    /// What makes two rules the same to AWS; a group cannot hold two rules with one identity.
    pub fn identity(&self) -> (Direction, RuleServices, PeerIdentity<'_>) {
        (self.direction, self.services, self.peer.identity())
    }

    /// Whether it admits what AWS's default egress rule admits: everything, to all IPv4 or all IPv6 addresses.
    pub fn is_default_egress(&self) -> bool {
        self.direction == Direction::Egress
            && self.services == RuleServices::All
            && self.peer.cidr().is_some_and(|block| match block {
                AnyCidr::V4(block) => block.prefix() == 0,
                AnyCidr::V6(block) => block.prefix() == 0,
            })
    }
}

impl fmt::Display for Rule {
    /// As a sentence uses it: `ingress tcp 22 from 0.0.0.0/0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written piece by piece: most findings name rules.
        f.write_str(self.direction.as_str())?;
        f.write_str(" ")?;
        self.services.fmt(f)?;
        f.write_str(" ")?;
        f.write_str(self.direction.preposition())?;
        f.write_str(" ")?;
        self.peer.fmt(f)
    }
}
