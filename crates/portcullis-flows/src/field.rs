//! Fields of a flow-log record: their names, and what values they take.

use std::fmt;

use compact_str::CompactString;

/// The words of a field that knows few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Whether traffic was let through.
    Actions,
    /// Seen from the interface.
    Directions,
    /// What a record says of itself.
    Statuses,
}

impl Words {
    /// All of them; the first is what `true` stands for in a [`crate::Selection`].
    pub const fn list(self) -> &'static [&'static str] {
        match self {
            Self::Actions => &["ACCEPT", "REJECT"],
            Self::Directions => &["ingress", "egress"],
            Self::Statuses => &["OK", "NODATA", "SKIPDATA"],
        }
    }

    /// Which of them a text is. Written out, since comparing with texts of known length takes a few instructions.
    #[inline]
    pub(crate) fn find(self, text: &[u8]) -> Option<usize> {
        match (self, text) {
            (Self::Actions, b"ACCEPT") | (Self::Directions, b"ingress") | (Self::Statuses, b"OK") => Some(0),
            (Self::Actions, b"REJECT") | (Self::Directions, b"egress") | (Self::Statuses, b"NODATA") => Some(1),
            (Self::Statuses, b"SKIPDATA") => Some(2),
            _ => None,
        }
    }
}

/// What values a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An address of either family.
    Address,
    /// A whole number up to `most`.
    Number {
        /// The greatest that is possible.
        most: u64,
    },
    /// One of a few words.
    Word(Words),
    /// Any text without blanks.
    Text,
}

const PORT: Kind = Kind::Number { most: u16::MAX as u64 };
const SMALL: Kind = Kind::Number { most: i32::MAX as u64 };
const LARGE: Kind = Kind::Number { most: i64::MAX as u64 };

/// The fields of versions 2 to 10 as the Amazon VPC User Guide lists them ("Flow log records"). Version 2's come first, in
/// the order of the default format.
const KNOWN: &[(&str, Kind)] = &[
    ("version", SMALL),
    ("account-id", Kind::Text),
    ("interface-id", Kind::Text),
    ("srcaddr", Kind::Address),
    ("dstaddr", Kind::Address),
    ("srcport", PORT),
    ("dstport", PORT),
    ("protocol", Kind::Number { most: u8::MAX as u64 }),
    ("packets", LARGE),
    ("bytes", LARGE),
    ("start", LARGE),
    ("end", LARGE),
    ("action", Kind::Word(Words::Actions)),
    ("log-status", Kind::Word(Words::Statuses)),
    ("vpc-id", Kind::Text),
    ("subnet-id", Kind::Text),
    ("instance-id", Kind::Text),
    ("tcp-flags", SMALL),
    ("type", Kind::Text),
    ("pkt-srcaddr", Kind::Address),
    ("pkt-dstaddr", Kind::Address),
    ("region", Kind::Text),
    ("az-id", Kind::Text),
    ("sublocation-type", Kind::Text),
    ("sublocation-id", Kind::Text),
    ("pkt-src-aws-service", Kind::Text),
    ("pkt-dst-aws-service", Kind::Text),
    ("flow-direction", Kind::Word(Words::Directions)),
    ("traffic-path", SMALL),
    ("ecs-cluster-arn", Kind::Text),
    ("ecs-cluster-name", Kind::Text),
    ("ecs-container-instance-arn", Kind::Text),
    ("ecs-container-instance-id", Kind::Text),
    ("ecs-container-id", Kind::Text),
    ("ecs-second-container-id", Kind::Text),
    ("ecs-service-name", Kind::Text),
    ("ecs-task-definition-arn", Kind::Text),
    ("ecs-task-arn", Kind::Text),
    ("ecs-task-id", Kind::Text),
    ("reject-reason", Kind::Text),
    ("resource-id", Kind::Text),
    ("encryption-status", Kind::Text),
];

/// How many fields version 2's default format has.
const VERSION_2: usize = 14;

/// One field, by its name as AWS writes it in text logs (`flow-direction`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    name: CompactString,
    kind: Kind,
}

impl Field {
    /// The field of a name; `_` counts as `-`, as in Parquet. A name that is not known is a field of text.
    pub fn named(name: &str) -> Self {
        let name = CompactString::from(name.replace('_', "-"));
        let kind = KNOWN.iter().find(|(known, _)| *known == name).map_or(Kind::Text, |(_, kind)| *kind);
        Self { name, kind }
    }

    /// Version 2's fields in the order of the default format.
    pub fn version_2() -> impl Iterator<Item = Self> {
        KNOWN.iter().take(VERSION_2).map(|(name, kind)| Self { name: CompactString::from(*name), kind: *kind })
    }

    /// The names of all fields that are known, version 2's first.
    pub fn known() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, _)| *name)
    }

    /// As AWS writes it in text logs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As it stands in JSON and in Parquet.
    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }

    /// What values it takes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether AWS documents a field of this name.
    pub fn is_known(&self) -> bool {
        is_known(self.name.as_bytes())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// Whether AWS documents a field of this name, as text logs write it.
pub(crate) fn is_known(name: &[u8]) -> bool {
    KNOWN.iter().any(|(known, _)| known.as_bytes() == name)
}
