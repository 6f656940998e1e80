//! What elements there are, and what is read of them.

use std::ops::Range;

use compact_str::CompactString;
use portcullis_core::model::{
    Coverage, CoverageStatus, GroupUser, NetworkInterface, PrefixList, Rule, SecurityGroup, StaleReference, UserKind,
    Vpc,
};

use super::config_item::{Item, item, query_result};
use super::error::ReadErrors;
use super::group::group;
use super::group_rule::group_rule;
use super::json::{Cursor, Fault, Field, Parsed};
use super::split::{Batch, advance};
use super::surroundings::{interface, prefix_list, vpc};
use super::users::{stale, user};

/// The version of the snapshot form that is written, and the newest that is read.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// What messages say of documents that hold something else.
pub(super) const EXPECTED: &str = "`SecurityGroups`, `SecurityGroupRules`, `Vpcs`, `ManagedPrefixLists`, \
     `PrefixLists`, `NetworkInterfaces`, AWS Config's `configurationItems`, or a snapshot of portcullis is";

/// What an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An object with any of the keys.
    Document,
    /// Of `SecurityGroups`.
    Group,
    /// Of `SecurityGroupRules`.
    GroupRule,
    /// Of `Vpcs`.
    Vpc,
    /// Of `ManagedPrefixLists` or `PrefixLists`.
    PrefixList,
    /// Of `NetworkInterfaces`.
    Interface,
    /// That there is a list of interfaces, however long.
    Interfaces,
    /// Of `LaunchTemplateVersions`, `LoadBalancers`, `Functions`, `DBInstances` or `SecurityGroupReferenceSet`.
    User(UserKind),
    /// Of `StaleSecurityGroupSet`.
    Stale,
    /// Of `configurationItems`.
    Item,
    /// The one of `configurationItem`.
    SingleItem,
    /// Of the `Results` of a query.
    QueryResult,
    /// Of `coverage`.
    Coverage,
    /// The value of `schema_version`.
    SchemaVersion,
    /// Anything else.
    Ignored,
}

impl Kind {
    /// What stands under a key at the top of a document.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        Some(match key {
            "SecurityGroups" => Self::Group,
            "SecurityGroupRules" => Self::GroupRule,
            "Vpcs" => Self::Vpc,
            "ManagedPrefixLists" | "PrefixLists" => Self::PrefixList,
            "NetworkInterfaces" => Self::Interface,
            "LaunchTemplateVersions" => Self::User(UserKind::LaunchTemplate),
            "LoadBalancers" => Self::User(UserKind::LoadBalancer),
            "Functions" => Self::User(UserKind::Function),
            "DBInstances" => Self::User(UserKind::Database),
            "SecurityGroupReferenceSet" => Self::User(UserKind::PeeredVpc),
            "StaleSecurityGroupSet" => Self::Stale,
            "configurationItems" | "baseConfigurationItems" | "BaseConfigurationItems" => Self::Item,
            "configurationItem" => Self::SingleItem,
            "Results" => Self::QueryResult,
            "coverage" => Self::Coverage,
            "schema_version" => Self::SchemaVersion,
            _ => return None,
        })
    }

    /// Whether the key's value is a list of such elements.
    pub(super) fn is_list(self) -> bool {
        self.is_data() && self != Self::SingleItem || self == Self::Coverage
    }

    /// Whether it makes a document an inventory.
    pub(super) fn is_data(self) -> bool {
        !matches!(self, Self::Document | Self::Coverage | Self::SchemaVersion | Self::Ignored)
    }
}

/// A rule of `SecurityGroupRules`, whose group is told elsewhere, or is made from such rules.
#[derive(Debug)]
pub(super) struct LooseRule {
    pub(super) account_id: CompactString,
    pub(super) region: CompactString,
    pub(super) group_id: CompactString,
    pub(super) source: u32,
    pub(super) rule: Rule,
}

/// Everything that one reader read.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) groups: Vec<SecurityGroup>,
    pub(super) rules: Vec<LooseRule>,
    pub(super) items: Vec<Item>,
    pub(super) vpcs: Vec<Vpc>,
    pub(super) prefix_lists: Vec<PrefixList>,
    pub(super) interfaces: Vec<NetworkInterface>,
    pub(super) has_interfaces: bool,
    pub(super) users: Vec<GroupUser>,
    pub(super) stale: Vec<StaleReference>,
    pub(super) coverage: Vec<Coverage>,
    pub(super) errors: ReadErrors,
}

impl Gathered {
    /// Takes over what another reader read. The larger list of groups stays where it is.
    pub(super) fn merge(&mut self, mut other: Self) {
        if other.groups.len() > self.groups.len() {
            std::mem::swap(&mut self.groups, &mut other.groups);
        }
        self.groups.append(&mut other.groups);
        self.rules.append(&mut other.rules);
        self.items.append(&mut other.items);
        self.vpcs.append(&mut other.vpcs);
        self.prefix_lists.append(&mut other.prefix_lists);
        self.interfaces.append(&mut other.interfaces);
        self.has_interfaces |= other.has_interfaces;
        self.users.append(&mut other.users);
        self.stale.append(&mut other.stale);
        self.coverage.append(&mut other.coverage);
        self.errors.merge(other.errors);
    }
}

/// Lines of a batch, asked for mostly in ascending order.
#[derive(Debug)]
struct Lines<'b> {
    text: &'b [u8],
    first: u64,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, at: usize) -> u32 {
        if at < self.at {
            (self.at, self.line) = (0, self.first);
        }
        let passed = self.text.get(self.at..at).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.at = at;
        u32::try_from(self.line).unwrap_or(u32::MAX)
    }
}

/// Understands the elements of one batch.
#[derive(Debug)]
pub(super) struct Reader<'b> {
    batch: &'b Batch,
    lines: Lines<'b>,
    /// Where the element's text begins in the batch.
    base: usize,
    /// Set while reading a text within a string: the string's place stands for all of it.
    pinned: Option<usize>,
    /// The Region of what does not tell its own.
    pub(super) region: &'b str,
    pub(super) out: &'b mut Gathered,
    /// The rules of the group at hand, by direction; kept here for the memory that they hold.
    pub(super) ingress: Vec<Rule>,
    pub(super) egress: Vec<Rule>,
}

impl<'b> Reader<'b> {
    pub(super) fn new(batch: &'b Batch, region: &'b str, out: &'b mut Gathered) -> Self {
        let first = batch.start.line;
        let lines = Lines { text: &batch.text, first, at: 0, line: first };
        Self { batch, lines, base: 0, pinned: None, region, out, ingress: Vec::new(), egress: Vec::new() }
    }

    /// Reads every element into `out`.
    pub(super) fn read(&mut self) {
        let batch = self.batch;
        for (kind, range) in &batch.elements {
            self.element(*kind, range.clone());
        }
    }

    fn element(&mut self, kind: Kind, range: Range<usize>) {
        self.base = range.start;
        let bytes = self.batch.text.get(range).unwrap_or_default();
        match str::from_utf8(bytes) {
            Ok(text) => {
                let mut cursor = Cursor::new(text);
                let read = self.value(&mut cursor, kind).and_then(|()| cursor.end());
                self.note(cursor, read);
            }
            Err(error) => {
                let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
                self.error(error.valid_up_to(), &format!("the byte 0x{byte:02x} is not UTF-8: save the file as UTF-8"));
            }
        }
    }

    /// Notes what a cursor found wrong.
    pub(super) fn note(&mut self, cursor: Cursor<'_>, read: Parsed<()>) {
        for fault in cursor.faults.iter().chain(read.as_ref().err()) {
            self.error(fault.at, &fault.message);
        }
        self.out.errors.more += cursor.more_faults;
    }

    fn error(&mut self, at: usize, message: &str) {
        let (batch, at) = (self.batch, self.base + self.pinned.unwrap_or(at));
        let place = || advance(batch.start, batch.text.get(..at).unwrap_or_default());
        self.out.errors.add(place, message);
    }

    /// Runs `read` on a text that stands within a string at `at`.
    pub(super) fn within_string(
        &mut self,
        at: usize,
        text: &str,
        read: impl FnOnce(&mut Self, &mut Cursor<'_>) -> Parsed<()>,
    ) {
        let outer = self.pinned.replace(self.pinned.unwrap_or(at));
        let mut cursor = Cursor::new(text);
        let read = read(self, &mut cursor).and_then(|()| cursor.end());
        self.note(cursor, read);
        self.pinned = outer;
    }

    /// The line of a byte of the element.
    pub(super) fn line(&mut self, at: usize) -> u32 {
        self.lines.of(self.base + self.pinned.unwrap_or(at))
    }

    /// The source of the batch.
    pub(super) fn source(&self) -> u32 {
        self.batch.start.source
    }

    fn value(&mut self, cursor: &mut Cursor<'_>, kind: Kind) -> Parsed<()> {
        match kind {
            Kind::Document => self.document(cursor),
            Kind::Group => group(cursor, self, None).map(|group| self.out.groups.extend(group)),
            Kind::GroupRule => group_rule(cursor, self),
            Kind::Vpc => vpc(cursor, self),
            Kind::PrefixList => prefix_list(cursor, self),
            Kind::Interface => {
                self.out.has_interfaces = true;
                interface(cursor, self)
            }
            Kind::Interfaces => {
                self.out.has_interfaces = true;
                Ok(())
            }
            Kind::User(kind) => user(cursor, self, kind),
            Kind::Stale => stale(cursor, self),
            Kind::Item | Kind::SingleItem => item(cursor, self, false),
            Kind::QueryResult => query_result(cursor, self),
            Kind::Coverage => self.coverage(cursor),
            Kind::SchemaVersion => schema_version(cursor),
            Kind::Ignored => cursor.skip(),
        }
    }

    /// A document that is one element: an object with any of the keys, or a lone group, rule or configuration item.
    fn document(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let start = cursor.here();
        let (mut seen, mut lone, mut other): (Vec<(Kind, String)>, _, Vec<String>) = (Vec::new(), None, Vec::new());
        cursor.object("a document", |cursor, key| {
            let Some(kind) = Kind::of_key(key) else {
                match key {
                    "IpPermissions" | "IpPermissionsEgress" => lone = lone.or(Some(Kind::Group)),
                    "SecurityGroupRuleId" => lone = Some(Kind::GroupRule),
                    "resourceType" | "configuration" => lone = Some(Kind::Item),
                    _ if other.len() < 3 => other.push(format!("`{key}`")),
                    _ => {}
                }
                return Ok(false);
            };
            let mut again = seen.iter().any(|(_, other)| other == key);
            if cursor.again(&mut again, key) {
                return Ok(false);
            }
            seen.push((kind, key.to_owned()));
            if !kind.is_list() {
                return self.value(cursor, kind).map(|()| true);
            }
            if kind == Kind::Interface {
                self.out.has_interfaces = true;
            }
            cursor.list(key, |cursor| self.value(cursor, kind)).map(|_| true)
        })?;
        if seen.iter().any(|(kind, _)| kind.is_data()) {
            return Ok(());
        }
        if let Some(kind) = lone {
            let end = cursor.at();
            cursor.rewind(start);
            self.value(cursor, kind)?;
            cursor.rewind(end);
            return Ok(());
        }
        let found = if other.is_empty() { "nothing".to_owned() } else { format!("{} and nothing", other.join(", ")) };
        cursor.fault(start, format!("this object holds {found} that is read: {EXPECTED} expected"));
        Ok(())
    }

    /// What a snapshot says of an account and Region.
    fn coverage(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let (mut account, mut region, mut status) = (Field::default(), Field::default(), Field::default());
        let (mut groups, mut error) = (Field::default(), Field::default());
        cursor.object("an entry of `coverage`", |cursor, key| match key {
            "account_id" => cursor.fill(&mut account, key, Cursor::text),
            "region" => cursor.fill(&mut region, key, Cursor::text),
            "status" => cursor.fill(&mut status, key, Cursor::text),
            "groups" => cursor.fill(&mut groups, key, Cursor::integer),
            "error" => cursor.fill(&mut error, key, Cursor::text),
            _ => Ok(false),
        })?;
        let word = status.value.unwrap_or_default();
        let Some(status_read) = CoverageStatus::ALL.into_iter().find(|status| status.as_str() == word) else {
            let message = format!("`status` is `{word}`: `complete`, `partial`, `unread` or `disabled` is expected");
            cursor.fault(status.at, message);
            return Ok(());
        };
        self.out.coverage.push(Coverage {
            account_id: account.value.unwrap_or_default().into(),
            region: region.value.unwrap_or_default().into(),
            status: status_read,
            groups: groups.value.and_then(|count| usize::try_from(count).ok()).unwrap_or_default(),
            error: error.value.map(Into::into),
        });
        Ok(())
    }
}

fn schema_version(cursor: &mut Cursor<'_>) -> Parsed<()> {
    let at = cursor.here();
    let Some(version) = cursor.text("schema_version")? else { return Ok(()) };
    match version.parse::<u32>() {
        Ok(number) if (1..=SCHEMA_VERSION).contains(&number) => Ok(()),
        Ok(number) if number > SCHEMA_VERSION => Err(Fault {
            at,
            message: format!(
                "this was written by a newer portcullis: its `schema_version` is `{version}`, and this one reads up to \
                 `{SCHEMA_VERSION}`; update portcullis to read it"
            ),
        }),
        _ => {
            cursor.fault(at, format!("`schema_version` is `{version}`: `{SCHEMA_VERSION}` is expected"));
            Ok(())
        }
    }
}

/// The Region and account of an ARN, `arn:PARTITION:SERVICE:REGION:ACCOUNT:…`, empty where it does not tell them.
pub(super) fn region_and_account(arn: &str) -> (&str, &str) {
    let mut parts = arn.split(':').skip(3);
    let mut next = || parts.next().unwrap_or_default();
    (next(), next())
}
