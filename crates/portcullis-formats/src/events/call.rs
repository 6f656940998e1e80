//! Records of CloudTrail about security groups and prefix lists.
//!
//! Source of the shapes: CloudTrail User Guide, "CloudTrail record contents", and records of these calls. Their parameters
//! stand under `requestParameters`, for newer calls in one more object named after the request, with capital letters.

use portcullis_core::model::Direction;
use serde_json::Value;

use super::field::{Field, account, id, region, short};
use super::principal::Principal;
use super::{ApiCall, Event, EventError, Skipped};

/// The calls that are acted upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// `AuthorizeSecurityGroupIngress`, `AuthorizeSecurityGroupEgress`
    Authorize(Direction),
    /// `RevokeSecurityGroupIngress`, `RevokeSecurityGroupEgress`
    Revoke(Direction),
    /// `ModifySecurityGroupRules`
    Modify,
    /// `CreateSecurityGroup`
    Create,
    /// `ModifyManagedPrefixList`, `RestoreManagedPrefixListVersion`
    PrefixList,
}

impl Action {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "AuthorizeSecurityGroupIngress" => Self::Authorize(Direction::Ingress),
            "AuthorizeSecurityGroupEgress" => Self::Authorize(Direction::Egress),
            "RevokeSecurityGroupIngress" => Self::Revoke(Direction::Ingress),
            "RevokeSecurityGroupEgress" => Self::Revoke(Direction::Egress),
            "ModifySecurityGroupRules" => Self::Modify,
            "CreateSecurityGroup" => Self::Create,
            "ModifyManagedPrefixList" | "RestoreManagedPrefixListVersion" => Self::PrefixList,
            _ => return None,
        })
    }

    /// The call's name, as CloudTrail writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorize(Direction::Ingress) => "AuthorizeSecurityGroupIngress",
            Self::Authorize(Direction::Egress) => "AuthorizeSecurityGroupEgress",
            Self::Revoke(Direction::Ingress) => "RevokeSecurityGroupIngress",
            Self::Revoke(Direction::Egress) => "RevokeSecurityGroupEgress",
            Self::Modify => "ModifySecurityGroupRules",
            Self::Create => "CreateSecurityGroup",
            Self::PrefixList => "ModifyManagedPrefixList",
        }
    }
}

/// A rule that a call makes, in the words of the event; its parts may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// `tcp`, `-1`, `47`, …
    pub protocol: String,
    /// First port, or ICMP type.
    pub from_port: Option<i64>,
    /// Last port, or ICMP code.
    pub to_port: Option<i64>,
    /// A block of either family, `pl-…` or `sg-…`.
    pub peer: String,
}

/// A record, with what the envelope around it tells.
pub(super) fn read(
    record: &Value,
    path: &'static str,
    envelope_account: &str,
    envelope_region: &str,
    envelope_id: &str,
) -> Result<Event, EventError> {
    let record = Field::new(path, record);
    let name = record.text("eventName")?;
    let skipped = |why: String| {
        let what = if name.is_empty() { "an API call".to_owned() } else { short(name) };
        Ok(Event::Skipped(Skipped { what, why }))
    };
    let source = record.text("eventSource")?;
    if !source.is_empty() && source != "ec2.amazonaws.com" {
        return skipped(format!("calls of `{}` change no security group", short(source)));
    }
    let error = record.text("errorCode")?;
    if !error.is_empty() {
        return skipped(format!("the call failed with {}: it changed nothing", short(error)));
    }
    let (request, response) = (parameters(&record, "requestParameters"), parameters(&record, "responseElements"));
    let action = match Action::named(name) {
        Some(action) => action,
        // Records without a name are told by what they hold, as the oldest examples of such events are written.
        None if name.is_empty() && response.0.get("securityGroupRuleSet").is_some() => {
            Action::Authorize(Direction::Ingress)
        }
        None if name.is_empty() => return Err(record.wrong("eventName", "is missing: it names no API call")),
        None => return skipped("the call opens nothing in a security group".to_owned()),
    };
    // The envelope is AWS's own; the record within can be put there by anybody who may put events.
    let told = [envelope_account, record.text("recipientAccountId")?, owner(&response.0)?];
    let identity = record.at("userIdentity", "userIdentity");
    let told = told.into_iter().chain([identity.text("accountId")?]).find(|text| !text.is_empty());
    let account_id =
        account(told.ok_or_else(|| EventError("the event names no account: `account` is missing".to_owned()))?)?;
    let told = [envelope_region, record.text("awsRegion")?].into_iter().find(|text| !text.is_empty());
    let region = region(told.ok_or_else(|| EventError("the event names no Region: `region` is missing".to_owned()))?)?;
    let own_id = [record.text("eventID")?, envelope_id].into_iter().find(|text| !text.is_empty());
    let mut call = ApiCall {
        id: own_id.unwrap_or_default().to_owned(),
        action,
        account_id,
        region,
        time: record.time("eventTime")?,
        principal: Principal::of(&identity)?,
        user_agent: record.text("userAgent")?.to_owned(),
        group_ids: Vec::new(),
        group_names: Vec::new(),
        rule_ids: Vec::new(),
        prefix_lists: Vec::new(),
        admitted: None,
    };
    if action == Action::PrefixList {
        let lists = [request.text_of("prefixListId", "PrefixListId")?, lists_of(&response.0)?];
        for list in lists.concat() {
            push(&mut call.prefix_lists, id("pl-", list)?);
        }
        if call.prefix_lists.is_empty() {
            return Err(record.wrong("requestParameters", "names no prefix list"));
        }
        return Ok(Event::Call(Box::new(call)));
    }
    groups_of(&mut call, &request, &response)?;
    if call.group_ids.is_empty() && call.group_names.is_empty() && call.rule_ids.is_empty() {
        return Err(record.wrong("requestParameters", "names no security group and no rule"));
    }
    call.admitted = match action {
        Action::Authorize(_) => admitted(&request.0, &response.0)?,
        Action::Modify => modified(&request.0)?,
        Action::Create => Some(Vec::new()),
        Action::Revoke(_) | Action::PrefixList => None,
    };
    Ok(Event::Call(Box::new(call)))
}

/// Parameters or response elements, out of the object that newer calls put around them.
struct Parameters<'v>(Field<'v>);

fn parameters<'v>(record: &Field<'v>, key: &'static str) -> Parameters<'v> {
    let outer = record.at(key, key);
    let inner = record.get(key).and_then(Value::as_object).filter(|object| object.len() == 1);
    let wrapped = inner.into_iter().flatten().next();
    match wrapped.filter(|(name, value)| value.is_object() && (name.ends_with("Request") || name.ends_with("Response")))
    {
        Some((_, value)) => Parameters(Field::new(key, value)),
        None => Parameters(outer),
    }
}

impl<'v> Parameters<'v> {
    /// Texts under a key in either spelling.
    fn text_of(&self, small: &str, capital: &str) -> Result<Vec<&'v str>, EventError> {
        Ok([self.0.texts(small)?, self.0.texts(capital)?].concat())
    }
}

fn push(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn groups_of(call: &mut ApiCall, request: &Parameters<'_>, response: &Parameters<'_>) -> Result<(), EventError> {
    for group in [request.text_of("groupId", "GroupId")?, response.text_of("groupId", "GroupId")?].concat() {
        push(&mut call.group_ids, id("sg-", group)?);
    }
    for key in ["securityGroupRuleSet", "revokedSecurityGroupRuleSet"] {
        for item in response.0.items("responseElements.securityGroupRuleSet", key)? {
            for group in item.texts("groupId")? {
                push(&mut call.group_ids, id("sg-", group)?);
            }
            for rule in item.texts("securityGroupRuleId")? {
                push(&mut call.rule_ids, id("sgr-", rule)?);
            }
        }
    }
    if !matches!(call.action, Action::Create) {
        for name in request.text_of("groupName", "GroupName")? {
            push(&mut call.group_names, name.to_owned());
        }
    }
    let rules = request.text_of("securityGroupRuleIds", "SecurityGroupRuleId").or_else(|_| {
        // As a list of CloudTrail's own: `{"items": [{"securityGroupRuleId": "sgr-…"}]}`.
        let items = request.0.items("requestParameters.securityGroupRuleIds", "securityGroupRuleIds")?;
        let mut ids = Vec::new();
        for item in items {
            ids.extend(item.texts("securityGroupRuleId")?);
        }
        Ok::<_, EventError>(ids)
    })?;
    for rule in rules {
        push(&mut call.rule_ids, id("sgr-", rule)?);
    }
    for item in updates(&request.0)? {
        for rule in [item.texts("SecurityGroupRuleId")?, item.texts("securityGroupRuleId")?].concat() {
            push(&mut call.rule_ids, id("sgr-", rule)?);
        }
    }
    if !call.group_ids.is_empty() {
        call.rule_ids.clear();
        // The id says which group the name means.
        call.group_names.clear();
    }
    Ok(())
}

/// The owner of the group that an answer tells of.
fn owner<'v>(response: &Field<'v>) -> Result<&'v str, EventError> {
    let items = response.items("responseElements.securityGroupRuleSet", "securityGroupRuleSet")?;
    items.first().map_or(Ok(""), |item| item.text("groupOwnerId"))
}

fn lists_of<'v>(response: &Field<'v>) -> Result<Vec<&'v str>, EventError> {
    let list = response.at("responseElements.prefixList", "prefixList");
    list.texts("prefixListId")
}

/// The updates of `ModifySecurityGroupRules`: one object, or a list.
fn updates<'v>(request: &Field<'v>) -> Result<Vec<Field<'v>>, EventError> {
    let capital = request.items("requestParameters.SecurityGroupRule", "SecurityGroupRule")?;
    let small = request.items("requestParameters.securityGroupRules", "securityGroupRules")?;
    Ok([capital, small].concat())
}

/// What an authorisation admits: of the answer, which tells rule for rule, else of the request.
fn admitted(request: &Field<'_>, response: &Field<'_>) -> Result<Option<Vec<Admitted>>, EventError> {
    let mut all = Vec::new();
    for item in response.items("responseElements.securityGroupRuleSet", "securityGroupRuleSet")? {
        let referenced = item.at("referencedGroupInfo", "referencedGroupInfo");
        let peers = [item.text("cidrIpv4")?, item.text("cidrIpv6")?, item.text("prefixListId")?];
        let peer = peers.into_iter().find(|peer| !peer.is_empty());
        let peer = peer.map_or_else(|| referenced.text("groupId"), Ok)?;
        all.push(one(&item, "ipProtocol", "fromPort", "toPort", peer)?);
    }
    if !all.is_empty() {
        return Ok(Some(all));
    }
    for item in request.items("requestParameters.ipPermissions", "ipPermissions")? {
        let kinds = [
            ("ipRanges", "cidrIp"),
            ("ipv6Ranges", "cidrIpv6"),
            ("prefixListIds", "prefixListId"),
            ("groups", "groupId"),
        ];
        for (list, key) in kinds {
            for peer in item.items("requestParameters.ipPermissions.items", list)? {
                all.push(one(&item, "ipProtocol", "fromPort", "toPort", peer.text(key)?)?);
            }
        }
    }
    let flat = request.text("cidrIp")?;
    if !flat.is_empty() {
        all.push(one(request, "ipProtocol", "fromPort", "toPort", flat)?);
    }
    Ok((!all.is_empty()).then_some(all))
}

/// What a modification admits.
fn modified(request: &Field<'_>) -> Result<Option<Vec<Admitted>>, EventError> {
    let mut all = Vec::new();
    for update in updates(request)? {
        let rule = update.at("requestParameters.SecurityGroupRule.SecurityGroupRule", "SecurityGroupRule");
        if !rule.exists() {
            return Ok(None);
        }
        let keys = ["CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId"];
        let peers = keys.iter().map(|key| rule.text(key)).collect::<Result<Vec<_>, _>>()?;
        let Some(peer) = peers.into_iter().find(|peer| !peer.is_empty()) else { return Ok(None) };
        all.push(one(&rule, "IpProtocol", "FromPort", "ToPort", peer)?);
    }
    Ok((!all.is_empty()).then_some(all))
}

fn one(item: &Field<'_>, protocol: &str, from: &str, to: &str, peer: &str) -> Result<Admitted, EventError> {
    Ok(Admitted {
        protocol: item.text(protocol)?.to_owned(),
        from_port: item.number(from)?,
        to_port: item.number(to)?,
        peer: peer.to_owned(),
    })
}
