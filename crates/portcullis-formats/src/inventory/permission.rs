//! What `IpProtocol`, `FromPort` and `ToPort` mean, and the entries of `IpPermissions`: one protocol and port range
//! with any number of peers, each of which is a rule.

use std::borrow::Cow;

use compact_str::CompactString;
use portcullis_core::model::{Direction, GroupReference, Peer, Rule};
use portcullis_core::net::{AnyCidr, Family, Ipv4Cidr, Protocol, RuleServices};

use super::element::Reader;
use super::json::{Cursor, Field, Parsed};

/// Protocol and ports as they stand in permissions and rules.
#[derive(Debug, Default)]
pub(super) struct ServiceFields<'a> {
    protocol: Field<Cow<'a, str>>,
    from: Field<i64>,
    to: Field<i64>,
}

impl<'a> ServiceFields<'a> {
    /// Takes the value if the key is one of its own.
    pub(super) fn take(&mut self, cursor: &mut Cursor<'a>, key: &str) -> Parsed<bool> {
        match key {
            "IpProtocol" => cursor.fill(&mut self.protocol, key, Cursor::text),
            "FromPort" => cursor.fill(&mut self.from, key, Cursor::integer),
            "ToPort" => cursor.fill(&mut self.to, key, Cursor::integer),
            _ => Ok(false),
        }
    }

    /// What they mean together; `None` where they mean nothing, which is noted. `at` is where their object begins.
    pub(super) fn services(&self, cursor: &mut Cursor<'a>, at: usize) -> Option<RuleServices> {
        // A value of the wrong type is noted already.
        let noted = |field: &Field<i64>, cursor: &Cursor<'a>| {
            field.seen && field.value.is_none() && cursor.faults.iter().any(|fault| fault.at == field.at)
        };
        let Some(protocol) = &self.protocol.value else {
            let known = self.protocol.seen && cursor.faults.iter().any(|fault| fault.at == self.protocol.at);
            if !known {
                cursor.fault(at, "`IpProtocol` is missing: a protocol's name, its number or `-1` is expected");
            }
            return None;
        };
        if protocol == "-1" || protocol.eq_ignore_ascii_case("all") {
            return Some(RuleServices::All);
        }
        let Some(protocol) = Protocol::parse(protocol) else {
            let message = format!(
                "`{protocol}` is no protocol: a name such as `tcp`, a number from 0 to 255 or `-1` is expected"
            );
            cursor.fault(self.protocol.at, message);
            return None;
        };
        if noted(&self.from, cursor) || noted(&self.to, cursor) {
            return None;
        }
        if protocol.has_ports() {
            self.ports(cursor, protocol)
        } else if protocol.has_types() {
            self.types(cursor, protocol)
        } else {
            Some(RuleServices::Protocol(protocol))
        }
    }

    fn ports(&self, cursor: &mut Cursor<'a>, protocol: Protocol) -> Option<RuleServices> {
        let (from, to) = match (self.from.value.filter(|port| *port != -1), self.to.value.filter(|port| *port != -1)) {
            (None, None) => return Some(RuleServices::whole(protocol)),
            (Some(from), Some(to)) => (from, to),
            (Some(_), None) => {
                cursor.fault(
                    self.from.at,
                    "`FromPort` is a port and `ToPort` is none: both are, or neither for all ports",
                );
                return None;
            }
            (None, Some(_)) => {
                cursor
                    .fault(self.to.at, "`ToPort` is a port and `FromPort` is none: both are, or neither for all ports");
                return None;
            }
        };
        let mut port = |name: &str, at: usize, value: i64| {
            let port = u16::try_from(value).ok();
            if port.is_none() {
                let message = format!("`{name}` is `{value}`: a port is a whole number from 0 to 65535, or -1 for all");
                cursor.fault(at, message);
            }
            port
        };
        let (low, high) = (port("FromPort", self.from.at, from), port("ToPort", self.to.at, to));
        let (low, high) = (low?, high?);
        if low > high {
            cursor
                .fault(self.from.at, format!("`FromPort` {low} is above `ToPort` {high}: the lower port comes first"));
            return None;
        }
        Some(RuleServices::Ports(protocol, low, high))
    }

    /// ICMP: `FromPort` is the type and `ToPort` the code, -1 is all.
    fn types(&self, cursor: &mut Cursor<'a>, protocol: Protocol) -> Option<RuleServices> {
        let mut byte = |name: &str, what: &str, field: &Field<i64>| match field.value {
            None | Some(-1) => Some(None),
            Some(value) => {
                let byte = u8::try_from(value).ok();
                if byte.is_none() {
                    let message =
                        format!("`{name}` is `{value}`: an ICMP {what} is a whole number from 0 to 255, or -1 for all");
                    cursor.fault(field.at, message);
                }
                byte.map(Some)
            }
        };
        let (kind, code) = (byte("FromPort", "type", &self.from), byte("ToPort", "code", &self.to));
        match (kind?, code?) {
            (None, None) => Some(RuleServices::Icmp(protocol, None)),
            (Some(kind), code) => Some(RuleServices::Icmp(protocol, Some((kind, code)))),
            (None, Some(code)) => {
                let message = format!("`ToPort` names the ICMP code {code}, and `FromPort` no type that it belongs to");
                cursor.fault(self.to.at, message);
                None
            }
        }
    }
}

/// A block of one family; `None` where the text is none, which is noted.
pub(super) fn block(cursor: &mut Cursor<'_>, field: &Field<Cow<'_, str>>, family: Option<Family>) -> Option<AnyCidr> {
    let text = field.value.as_ref()?;
    if text == "0.0.0.0/0" && family != Some(Family::Ipv6) {
        // The block that stands in most files most often.
        return Ipv4Cidr::new(0, 0).map(AnyCidr::V4);
    }
    // A text of any length may stand here, and the message repeats it.
    let text = text.char_indices().nth(64).map_or(text.as_ref(), |(end, _)| text.get(..end).unwrap_or_default());
    match (text.parse::<AnyCidr>(), family) {
        (Ok(AnyCidr::V4(_)), Some(Family::Ipv6)) => {
            cursor.fault(field.at, format!("`{text}` is an IPv4 block, an IPv6 block is expected"))
        }
        (Ok(AnyCidr::V6(_)), Some(Family::Ipv4)) => {
            cursor.fault(field.at, format!("`{text}` is an IPv6 block, an IPv4 block is expected"))
        }
        (Ok(block), _) => return Some(block),
        (Err(error), _) => cursor.fault(field.at, error.to_string()),
    }
    None
}

/// Notes that `name` is missing from the object that begins at `at`, unless it stands there with a fault of its own.
pub(super) fn missing<T>(cursor: &mut Cursor<'_>, field: &Field<T>, at: usize, name: &str, expected: &str) {
    let noted = field.seen && cursor.faults.iter().any(|fault| fault.at == field.at);
    if field.value.is_none() && !noted {
        cursor.fault(at, format!("`{name}` is missing: {expected} is expected"));
    }
}

/// An id that must be there; `None` where it is not, which is noted.
pub(super) fn id(
    cursor: &mut Cursor<'_>,
    field: &Field<Cow<'_, str>>,
    at: usize,
    name: &str,
    expected: &str,
) -> Option<CompactString> {
    missing(cursor, field, at, name, expected);
    let id = field.value.as_deref()?;
    if id.is_empty() {
        cursor.fault(field.at, format!("`{name}` is empty: {expected} is expected"));
        return None;
    }
    Some(id.into())
}

/// One entry of `IpPermissions` or `IpPermissionsEgress`, each peer of which becomes a rule of the group at hand.
pub(super) fn permission(cursor: &mut Cursor<'_>, reader: &mut Reader<'_>, direction: Direction) -> Parsed<()> {
    let (at, before) = (cursor.here(), reader.rules(direction).len());
    let mut services = ServiceFields::default();
    let (mut v4, mut config_v4, mut v6, mut lists, mut groups) =
        <(Field<()>, Field<()>, Field<()>, Field<()>, Field<()>)>::default();
    let whole = cursor.object("an entry of the permissions", |cursor, key| {
        if services.take(cursor, key)? {
            return Ok(true);
        }
        let mut peers = |cursor: &mut Cursor<'_>, field, read: fn(&mut Cursor<'_>) -> Parsed<Option<PeerRead>>| {
            cursor.fill(field, key, |cursor, key| {
                cursor.list(key, |cursor| {
                    if let Some(peer) = read(cursor)? {
                        let line = reader.line(peer.at);
                        let rule = Rule::new(direction, RuleServices::All, peer.peer);
                        reader.rules(direction).push(Rule { description: peer.description, line, ..rule });
                    }
                    Ok(())
                })
            })
        };
        match key {
            "IpRanges" => peers(cursor, &mut v4, |cursor| range(cursor, "CidrIp", Family::Ipv4)),
            "Ipv4Ranges" => peers(cursor, &mut config_v4, |cursor| range(cursor, "CidrIp", Family::Ipv4)),
            "Ipv6Ranges" => peers(cursor, &mut v6, |cursor| range(cursor, "CidrIpv6", Family::Ipv6)),
            "PrefixListIds" => peers(cursor, &mut lists, prefix_list),
            "UserIdGroupPairs" => peers(cursor, &mut groups, group_pair),
            _ => Ok(false),
        }
    })?;
    let services = if whole { services.services(cursor, at) } else { None };
    let rules = reader.rules(direction);
    match services {
        // Protocol and ports may stand after the peers.
        Some(services) => rules.iter_mut().skip(before).for_each(|rule| rule.services = services),
        None => rules.truncate(before),
    }
    Ok(())
}

/// A peer with what stands beside it.
struct PeerRead {
    peer: Peer,
    description: Box<str>,
    at: usize,
}

/// The text as the model keeps it.
pub(super) fn boxed(text: Option<Cow<'_, str>>) -> Box<str> {
    text.map(|text| text.into_owned().into_boxed_str()).unwrap_or_default()
}

fn range(cursor: &mut Cursor<'_>, name: &str, family: Family) -> Parsed<Option<PeerRead>> {
    let (mut cidr, mut description) = (Field::default(), Field::default());
    let at = if cursor.camel_case && cursor.peek() == b'"' {
        // AWS Config repeats the blocks as bare strings in `ipRanges`.
        let at = cursor.at();
        cursor.fill(&mut cidr, name, Cursor::text)?;
        at
    } else {
        let at = cursor.here();
        let whole = cursor.object("an entry of the ranges", |cursor, key| match key {
            "Description" => cursor.fill(&mut description, key, Cursor::text),
            _ if key == name => cursor.fill(&mut cidr, key, Cursor::text),
            _ => Ok(false),
        })?;
        if !whole {
            return Ok(None);
        }
        at
    };
    missing(cursor, &cidr, at, name, "a CIDR block");
    let Some(block) = block(cursor, &cidr, Some(family)) else { return Ok(None) };
    Ok(Some(PeerRead { peer: block.into(), description: boxed(description.value), at: cidr.at }))
}

fn prefix_list(cursor: &mut Cursor<'_>) -> Parsed<Option<PeerRead>> {
    let at = cursor.here();
    let (mut list, mut description) = (Field::default(), Field::default());
    let whole = cursor.object("an entry of `PrefixListIds`", |cursor, key| match key {
        "PrefixListId" => cursor.fill(&mut list, key, Cursor::text),
        "Description" => cursor.fill(&mut description, key, Cursor::text),
        _ => Ok(false),
    })?;
    if !whole {
        return Ok(None);
    }
    let Some(id) = id(cursor, &list, at, "PrefixListId", "the id of a prefix list") else { return Ok(None) };
    Ok(Some(PeerRead { peer: Peer::PrefixList(id), description: boxed(description.value), at: list.at }))
}

/// What AWS tells of a group that a rule refers to, in `UserIdGroupPairs` and `ReferencedGroupInfo`.
pub(super) fn group_reference<'a>(
    cursor: &mut Cursor<'a>,
    description: &mut Field<Cow<'a, str>>,
    what: &str,
) -> Parsed<Option<(GroupReference, usize)>> {
    let at = cursor.here();
    let (mut user, mut id, mut name) = (Field::default(), Field::default(), Field::default());
    let (mut vpc, mut peering) = (Field::default(), Field::default());
    let whole = cursor.object(what, |cursor, key| match key {
        "UserId" => cursor.fill(&mut user, key, Cursor::text),
        "GroupId" => cursor.fill(&mut id, key, Cursor::text),
        "GroupName" => cursor.fill(&mut name, key, Cursor::text),
        "VpcId" => cursor.fill(&mut vpc, key, Cursor::text),
        "VpcPeeringConnectionId" => cursor.fill(&mut peering, key, Cursor::text),
        "Description" => cursor.fill(description, key, Cursor::text),
        _ => Ok(false),
    })?;
    if !whole {
        return Ok(None);
    }
    // EC2-Classic refers to groups by name.
    if name.value.as_deref().unwrap_or_default().is_empty() {
        missing(cursor, &id, at, "GroupId", "the id of a security group");
        if id.value.as_deref().unwrap_or_default().is_empty() {
            return Ok(None);
        }
    }
    let compact = |field: Field<Cow<'a, str>>| CompactString::from(field.value.unwrap_or_default());
    let at = if id.seen { id.at } else { at };
    let reference = GroupReference {
        account: compact(user),
        id: compact(id),
        name: compact(name),
        vpc_id: compact(vpc),
        peering_id: compact(peering),
    };
    Ok(Some((reference, at)))
}

fn group_pair(cursor: &mut Cursor<'_>) -> Parsed<Option<PeerRead>> {
    let mut description = Field::default();
    let read = group_reference(cursor, &mut description, "an entry of `UserIdGroupPairs`")?;
    Ok(read.map(|(reference, at)| PeerRead {
        peer: Peer::Group(Box::new(reference)),
        description: boxed(description.value),
        at,
    }))
}
