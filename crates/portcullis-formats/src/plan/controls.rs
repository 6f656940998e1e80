//! The controls that a plan's proofs rest on, exactly.

use std::collections::BTreeSet;
use std::sync::Arc;

use compact_str::CompactString;
use portcullis_core::controls::Hygiene;
use portcullis_core::net::{AnyCidr, Family, PeerSet, Symbol};
use portcullis_core::policy::{
    AllowedPeers, AllowedRule, Control, ControlKind, ControlText, Match, PeerTest, Scope, Settings, TrafficRule,
};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{Decoded, ServiceRecord, decode_direction, decode_services, decode_text, service_records, shown};

/// A control, as far as its verdicts go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a control")]
pub(super) struct ControlRecord {
    /// Its stable id.
    id: String,
    /// The id of the policy's rule as its author wrote it; null for controls that ship.
    rule_id: Option<String>,
    /// `critical`, `high`, `medium`, `low` or `info`.
    severity: String,
    /// Its headline.
    title: String,
    /// What it judges.
    judges: KindRecord,
    /// The groups that it bears on.
    scope: ScopeRecord,
    /// Its measures.
    settings: SettingsRecord,
    /// Traffic that it does not report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allowed: Vec<AllowedRecord>,
}

/// What a control judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields, expecting = "a kind of control")]
enum KindRecord {
    /// Traffic, by the algebra.
    Traffic {
        /// `ingress` or `egress`.
        direction: String,
        /// The services that it speaks of.
        services: Vec<ServiceRecord>,
        /// How many of them must be open: `any`, `all`, or `everything` that a protocol has.
        #[serde(rename = "match")]
        matching: MatchRecord,
        /// Who may not; it is violated where one of these is.
        peers: Vec<TestRecord>,
    },
    /// A habit, by code of its own.
    Hygiene {
        /// Its limit, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
        /// The tags that it asks for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        required_tags: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum MatchRecord {
    Any,
    Everything,
    All,
}

/// What a control says of peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "test", rename_all = "lowercase", deny_unknown_fields, expecting = "a test of peers")]
enum TestRecord {
    /// More public addresses of a family than the internet threshold.
    Internet {
        /// `ipv4`, `ipv6`.
        families: Vec<String>,
    },
    /// More public addresses than the wide threshold, and not above the internet threshold.
    Wide {},
    /// Any of these peers.
    Overlap {
        /// Who.
        peers: PeersRecord,
    },
    /// Any peer at all.
    Any {},
    /// Any address outside these.
    Outside {
        /// Who.
        peers: PeersRecord,
    },
}

/// A set of peers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a set of peers")]
struct PeersRecord {
    /// Blocks of both families.
    cidrs: Vec<String>,
    /// Security groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<GroupName>,
    /// Prefix lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prefix_lists: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a group")]
struct GroupName {
    /// Empty where it is not told.
    account_id: String,
    group_id: String,
}

/// The groups that a rule bears on; an empty list of accounts or environments means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a scope")]
struct ScopeRecord {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    except_accounts: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    environments: Vec<String>,
}

/// The measures of a control. Numbers of addresses are texts, since JSON's numbers do not reach that far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "settings")]
struct SettingsRecord {
    /// Above so many public IPv4 addresses a port is open to the internet.
    internet_ipv4: String,
    /// Above so many public IPv6 addresses a port is open to the internet.
    internet_ipv6: String,
    /// Above so many public IPv4 addresses a source is wide.
    wide_ipv4: String,
    /// Above so many public IPv6 addresses a source is wide.
    wide_ipv6: String,
    /// TCP ports that are meant to be public.
    authorized_tcp_ports: Vec<u16>,
    /// UDP ports that are meant to be public.
    authorized_udp_ports: Vec<u16>,
}

/// Traffic that is not reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an allowed rule")]
struct AllowedRecord {
    rule_id: String,
    direction: String,
    services: Vec<ServiceRecord>,
    peers: AllowedPeersRecord,
    scope: ScopeRecord,
}

/// Who an allowed rule allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "who", rename_all = "lowercase", deny_unknown_fields, expecting = "a set of allowed peers")]
enum AllowedPeersRecord {
    /// Everybody.
    Anyone {},
    /// These.
    Only {
        /// Who.
        peers: PeersRecord,
    },
    /// Referenced groups whose name fits a regular expression.
    Named {
        /// The regular expression.
        pattern: String,
    },
}

fn texts<'a, T: ToString + 'a>(values: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    values.into_iter().map(ToString::to_string).collect()
}

fn compact(texts: &[String]) -> BTreeSet<CompactString> {
    texts.iter().map(|text| text.as_str().into()).collect()
}

impl ControlRecord {
    pub(super) fn of(control: &Control) -> Self {
        Self {
            id: control.id.to_string(),
            rule_id: control.rule_id.as_ref().map(ToString::to_string),
            severity: control.severity.to_string(),
            title: control.text.title.clone(),
            judges: KindRecord::of(&control.kind),
            scope: ScopeRecord::of(&control.scope),
            settings: SettingsRecord::of(&control.settings),
            allowed: control.allowed.iter().map(AllowedRecord::of).collect(),
        }
    }

    fn decode(&self) -> Decoded<Control> {
        let allowed: Vec<AllowedRule> = self.allowed.iter().map(AllowedRecord::decode).collect::<Decoded<_>>()?;
        Ok(Control {
            id: self.id.as_str().into(),
            rule_id: self.rule_id.as_deref().map(Into::into),
            severity: self.severity.parse()?,
            text: ControlText { title: self.title.clone(), ..ControlText::default() },
            frameworks: Vec::new(),
            kind: self.judges.decode(&self.id)?,
            scope: self.scope.decode(),
            settings: Arc::new(self.settings.decode()?),
            allowed: Arc::new(allowed),
        })
    }
}

/// The controls of a plan. Settings and allowances that are equal are shared, as they are where policies are read.
pub(super) fn decode_controls(records: &[ControlRecord]) -> Decoded<Vec<Control>> {
    let mut controls: Vec<Control> = Vec::with_capacity(records.len());
    for record in records {
        let named = |why| format!("control `{}`: {why}", shown(&record.id));
        let mut control = record.decode().map_err(named)?;
        if ControlRecord::of(&control) != *record {
            return Err(named("it is not as this program writes it".to_owned()));
        }
        if let Some(other) = controls.iter().find(|other| other.settings == control.settings) {
            control.settings = Arc::clone(&other.settings);
        }
        controls.push(control);
    }
    Ok(controls)
}

impl KindRecord {
    fn of(kind: &ControlKind) -> Self {
        match kind {
            ControlKind::Traffic(rule) => Self::Traffic {
                direction: rule.direction.to_string(),
                services: service_records(&rule.services),
                matching: match rule.matching {
                    Match::Any => MatchRecord::Any,
                    Match::Everything => MatchRecord::Everything,
                    Match::All => MatchRecord::All,
                },
                peers: rule.peers.iter().map(TestRecord::of).collect(),
            },
            ControlKind::Hygiene(kind) => {
                let (limit, required_tags) = match kind {
                    Hygiene::TooManyRules(limit)
                    | Hygiene::MissingGroupDescription(limit)
                    | Hygiene::MissingRuleDescription(limit) => (Some(*limit), Vec::new()),
                    Hygiene::MissingRequiredTag(keys) => (None, keys.clone()),
                    Hygiene::DefaultGroupNotClosed
                    | Hygiene::DefaultGroupInUse
                    | Hygiene::UnusedGroup
                    | Hygiene::StaleReference
                    | Hygiene::RedundantRule
                    | Hygiene::DuplicateGroup
                    | Hygiene::LaunchWizardGroup => (None, Vec::new()),
                };
                Self::Hygiene { limit, required_tags }
            }
        }
    }

    /// A hygiene control is known by its id.
    fn decode(&self, id: &str) -> Decoded<ControlKind> {
        match self {
            Self::Traffic { direction, services, matching, peers } => Ok(ControlKind::Traffic(TrafficRule {
                direction: decode_direction(direction)?,
                services: decode_services(services)?,
                matching: match matching {
                    MatchRecord::Any => Match::Any,
                    MatchRecord::Everything => Match::Everything,
                    MatchRecord::All => Match::All,
                },
                peers: peers.iter().map(TestRecord::decode).collect::<Decoded<_>>()?,
            })),
            Self::Hygiene { limit, required_tags } => {
                let known = Hygiene::all().into_iter().find(|kind| kind.metadata().id == id);
                let known = known.ok_or_else(|| format!("there is no hygiene control `{}`", shown(id)))?;
                let of = |limit: &Option<usize>| limit.ok_or_else(|| "`limit` is missing".to_owned());
                Ok(ControlKind::Hygiene(match known {
                    Hygiene::TooManyRules(_) => Hygiene::TooManyRules(of(limit)?),
                    Hygiene::MissingGroupDescription(_) => Hygiene::MissingGroupDescription(of(limit)?),
                    Hygiene::MissingRuleDescription(_) => Hygiene::MissingRuleDescription(of(limit)?),
                    Hygiene::MissingRequiredTag(_) => Hygiene::MissingRequiredTag(required_tags.clone()),
                    plain => plain,
                }))
            }
        }
    }
}

impl TestRecord {
    fn of(test: &PeerTest) -> Self {
        match test {
            PeerTest::Internet(families) => Self::Internet { families: texts(families) },
            PeerTest::Wide => Self::Wide {},
            PeerTest::Overlap(peers) => Self::Overlap { peers: PeersRecord::of(peers) },
            PeerTest::Any => Self::Any {},
            PeerTest::Outside(peers) => Self::Outside { peers: PeersRecord::of(peers) },
        }
    }

    fn decode(&self) -> Decoded<PeerTest> {
        let family = |text: &String| {
            let known = Family::ALL.into_iter().find(|family| family.as_str() == text);
            known.ok_or_else(|| format!("`{}` is no family: `ipv4` or `ipv6` is expected", shown(text)))
        };
        Ok(match self {
            Self::Internet { families } => PeerTest::Internet(families.iter().map(family).collect::<Decoded<_>>()?),
            Self::Wide {} => PeerTest::Wide,
            Self::Overlap { peers } => PeerTest::Overlap(peers.decode()?),
            Self::Any {} => PeerTest::Any,
            Self::Outside { peers } => PeerTest::Outside(peers.decode()?),
        })
    }
}

impl PeersRecord {
    fn of(peers: &PeerSet) -> Self {
        let mut record = Self { cidrs: texts(&peers.addresses.cidrs()), ..Self::default() };
        for symbol in &peers.symbols {
            match symbol {
                Symbol::Group { account, id } => {
                    record.groups.push(GroupName { account_id: account.to_string(), group_id: id.to_string() });
                }
                Symbol::PrefixList(id) => record.prefix_lists.push(id.to_string()),
            }
        }
        record
    }

    fn decode(&self) -> Decoded<PeerSet> {
        let block = |text: &String| decode_text::<AnyCidr>(text, "CIDR block");
        let groups = self.groups.iter().map(|group| Symbol::Group {
            account: group.account_id.as_str().into(),
            id: group.group_id.as_str().into(),
        });
        let lists = self.prefix_lists.iter().map(|id| Symbol::PrefixList(id.as_str().into()));
        Ok(PeerSet {
            addresses: self.cidrs.iter().map(block).collect::<Decoded<_>>()?,
            symbols: groups.chain(lists).collect(),
        })
    }
}

impl ScopeRecord {
    fn of(scope: &Scope) -> Self {
        Self {
            accounts: texts(&scope.accounts),
            except_accounts: texts(&scope.except_accounts),
            environments: texts(&scope.environments),
        }
    }

    fn decode(&self) -> Scope {
        Scope {
            accounts: compact(&self.accounts),
            except_accounts: compact(&self.except_accounts),
            environments: self.environments.iter().cloned().collect(),
        }
    }
}

impl SettingsRecord {
    fn of(settings: &Settings) -> Self {
        Self {
            internet_ipv4: settings.internet_ipv4.to_string(),
            internet_ipv6: settings.internet_ipv6.to_string(),
            wide_ipv4: settings.wide_ipv4.to_string(),
            wide_ipv6: settings.wide_ipv6.to_string(),
            authorized_tcp_ports: settings.authorized_tcp_ports.iter().copied().collect(),
            authorized_udp_ports: settings.authorized_udp_ports.iter().copied().collect(),
        }
    }

    fn decode(&self) -> Decoded<Settings> {
        let measure = |text: &str| decode_text::<u128>(text, "number of addresses");
        Ok(Settings {
            internet_ipv4: measure(&self.internet_ipv4)?,
            internet_ipv6: measure(&self.internet_ipv6)?,
            wide_ipv4: measure(&self.wide_ipv4)?,
            wide_ipv6: measure(&self.wide_ipv6)?,
            authorized_tcp_ports: self.authorized_tcp_ports.iter().copied().collect(),
            authorized_udp_ports: self.authorized_udp_ports.iter().copied().collect(),
        })
    }
}

impl AllowedRecord {
    fn of(rule: &AllowedRule) -> Self {
        Self {
            rule_id: rule.rule_id.to_string(),
            direction: rule.direction.to_string(),
            services: service_records(&rule.services),
            peers: match &rule.peers {
                AllowedPeers::Anyone => AllowedPeersRecord::Anyone {},
                AllowedPeers::Only(peers) => AllowedPeersRecord::Only { peers: PeersRecord::of(peers) },
                AllowedPeers::GroupsNamed(pattern) => {
                    AllowedPeersRecord::Named { pattern: pattern.as_str().to_owned() }
                }
            },
            scope: ScopeRecord::of(&rule.scope),
        }
    }

    fn decode(&self) -> Decoded<AllowedRule> {
        Ok(AllowedRule {
            rule_id: self.rule_id.as_str().into(),
            direction: decode_direction(&self.direction)?,
            services: decode_services(&self.services)?,
            peers: match &self.peers {
                AllowedPeersRecord::Anyone {} => AllowedPeers::Anyone,
                AllowedPeersRecord::Only { peers } => AllowedPeers::Only(peers.decode()?),
                AllowedPeersRecord::Named { pattern } => AllowedPeers::GroupsNamed(
                    Regex::new(pattern).map_err(|_| format!("`{}` is no regular expression", shown(pattern)))?,
                ),
            },
            scope: self.scope.decode(),
        })
    }
}
