//! One rule as CloudFormation has it, and back.

use portcullis_core::model::{Direction, GroupReference, Peer, Rule};
use portcullis_core::net::{AnyCidr, Protocol, RuleServices};
use serde_json::{Map, Value};

/// A rule as a member of `SecurityGroupIngress` or `SecurityGroupEgress`.
pub(super) fn property(rule: &Rule) -> Value {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| {
        fields.insert(key.to_owned(), value);
    };
    let ingress = rule.direction == Direction::Ingress;
    match &rule.peer {
        Peer::V4(block) => put("CidrIp", block.to_string().into()),
        Peer::V6(block) => put("CidrIpv6", block.to_string().into()),
        Peer::PrefixList(id) => {
            put(if ingress { "SourcePrefixListId" } else { "DestinationPrefixListId" }, id.as_str().into());
        }
        Peer::Group(group) => {
            put(if ingress { "SourceSecurityGroupId" } else { "DestinationSecurityGroupId" }, group.id.as_str().into());
            // Of egress CloudFormation asks for no owner.
            if ingress && !group.account.is_empty() {
                put("SourceSecurityGroupOwnerId", group.account.as_str().into());
            }
        }
    }
    if !rule.description.is_empty() {
        put("Description", rule.description.as_ref().into());
    }
    put("IpProtocol", rule.services.protocol_text().into());
    let ends: Option<(i64, i64)> = match rule.services {
        RuleServices::All | RuleServices::Protocol(_) => None,
        RuleServices::Ports(_, from, to) => Some((from.into(), to.into())),
        RuleServices::Icmp(_, None) => Some((-1, -1)),
        RuleServices::Icmp(_, Some((kind, code))) => Some((kind.into(), code.map_or(-1, Into::into))),
    };
    if let Some((from, to)) = ends {
        put("FromPort", from.into());
        put("ToPort", to.into());
    }
    Value::Object(fields)
}

/// The rule of such a member; `None` where it names something that stands for itself only in the template, or nothing at all.
pub(super) fn rule(direction: Direction, property: &Value) -> Option<Rule> {
    let text = |key: &str| property.get(key).and_then(Value::as_str);
    let block = |key: &str| text(key).and_then(|text| text.parse::<AnyCidr>().ok()).map(Peer::from);
    let side = |ingress, egress| if direction == Direction::Ingress { text(ingress) } else { text(egress) };
    let list = || side("SourcePrefixListId", "DestinationPrefixListId").map(|id| Peer::PrefixList(id.into()));
    let group = || {
        let id = side("SourceSecurityGroupId", "DestinationSecurityGroupId")?;
        let account = text("SourceSecurityGroupOwnerId").unwrap_or_default();
        Some(Peer::Group(Box::new(GroupReference {
            account: account.into(),
            id: id.into(),
            ..GroupReference::default()
        })))
    };
    let peer = block("CidrIp").or_else(|| block("CidrIpv6")).or_else(list).or_else(group)?;
    let services = services(property)?;
    Some(Rule { description: text("Description").unwrap_or_default().into(), ..Rule::new(direction, services, peer) })
}

fn services(property: &Value) -> Option<RuleServices> {
    // Numbers may be written as strings: pysec-aws did so.
    let number = |key: &str| match property.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let protocol = match property.get("IpProtocol")? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    if protocol == "-1" {
        return Some(RuleServices::All);
    }
    let protocol = Protocol::parse(&protocol)?;
    let (from, to) = (number("FromPort").unwrap_or(-1), number("ToPort").unwrap_or(-1));
    if protocol.has_ports() {
        return match (u16::try_from(from), u16::try_from(to)) {
            (Ok(from), Ok(to)) if from <= to => Some(RuleServices::Ports(protocol, from, to)),
            _ if from == -1 => Some(RuleServices::whole(protocol)),
            _ => None,
        };
    }
    if protocol.has_types() && from != -1 {
        let code = if to == -1 { None } else { Some(u8::try_from(to).ok()?) };
        return Some(RuleServices::Icmp(protocol, Some((u8::try_from(from).ok()?, code))));
    }
    Some(RuleServices::whole(protocol))
}
