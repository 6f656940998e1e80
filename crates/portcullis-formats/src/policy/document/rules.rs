//! Traffic rules: prohibited, restricted, allowed.

use portcullis_core::model::Direction;
use portcullis_core::policy::Severity;

use crate::policy::read::{OneOrMany, Spanned, structure, words};
use crate::policy::services::ProtocolName;
use crate::policy::value::{Label, Pattern, PeerName, Ports, RuleId, Services, Words};

/// Allowed rules, as account overrides list them.
pub type Allowances = Vec<TrafficEntry>;

structure! {
    /// Rules by direction.
    Sections {
        /// For traffic into the group.
        inbound: Vec<TrafficEntry>,
        /// For traffic out of the group.
        outbound: Vec<TrafficEntry>,
    }
}

structure! {
    /// A traffic rule. Its section says whether it prohibits, restricts or allows.
    TrafficEntry {
        /// Its id, which findings and exemptions name.
        rule_id: Spanned<RuleId>,
        /// A headline; the description where not given.
        title: Option<Words>,
        /// How bad a violation is; medium where not given.
        severity: Option<Severity>,
        /// Why the rule is there.
        reason: Option<Words>,
        /// What to do about a violation; found from the evidence where not given.
        remediation: Option<Words>,
        /// The protocol: a name, a number, or `-1`, `all` or `*`.
        protocol: Option<Spanned<OneOrMany<ProtocolName>>>,
        /// A port, a range, or `*`; of ICMP types, or a type and code. All where no ports are given.
        port_range: Option<Spanned<OneOrMany<Ports>>>,
        /// Several of them.
        port_ranges: Option<Spanned<OneOrMany<Ports>>>,
        /// Ports that nobody may use: makes an additional restriction a prohibited rule.
        prohibited_port_ranges: Option<Spanned<OneOrMany<Ports>>>,
        /// Ports that only some sources may use: makes an additional restriction a restricted rule.
        restricted_port_ranges: Option<Spanned<OneOrMany<Ports>>>,
        /// Ports that an allowed rule allows.
        allowed_port_ranges: Option<Spanned<OneOrMany<Ports>>>,
        /// Protocols and ports together, instead of the keys above: `tcp:139,445`, `icmp:!3/4`, `47`, `2-5`.
        services: Option<Spanned<OneOrMany<Services>>>,
        /// How much of the ports must be open: any of them, or all.
        matching as "match": Option<Matching>,
        /// Which way; for rules outside the sections `inbound` and `outbound`, inbound where not given.
        direction: Option<Spanned<Direction>>,
        /// Take the settings' authorised ports out of the rule's.
        except_authorized_ports: bool = false,
        /// Who, inbound: a block, `internet`, `wide`, `pl-…`, `sg-…`, or a list. Anybody where not given.
        source: Option<Spanned<OneOrMany<PeerName>>>,
        /// Who, outbound.
        destination: Option<Spanned<OneOrMany<PeerName>>>,
        /// Who alone is allowed; private space for restricted rules where not given.
        allowed_sources: Option<Spanned<OneOrMany<PeerName>>>,
        /// Who alone is allowed, outbound.
        allowed_destinations: Option<Spanned<OneOrMany<PeerName>>>,
        /// What kind of source an allowed rule allows.
        source_type: Option<Spanned<SourceType>>,
        /// A regular expression that the name of a referenced group fits whole.
        source_pattern: Option<Spanned<Pattern>>,
        /// The environments whose groups the rule bears on; all where not given.
        environments: Option<OneOrMany<Label>>,
    }
}

words! {
    /// How much of a rule's ports must be open.
    Matching, "match" {
        /// Any of them.
        Any = "any",
        /// All of them.
        All = "all",
    }
}

words! {
    /// What kind of source an allowed rule allows.
    SourceType, "source type" {
        /// A referenced security group.
        SecurityGroup = "security_group",
        /// Blocks of addresses.
        Cidr = "cidr",
        /// A prefix list.
        PrefixList = "prefix_list",
    }
}
