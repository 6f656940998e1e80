//! Which rules are used, how much, and when last.

use std::io;

use portcullis_core::model::{Rule, SecurityGroup};
use portcullis_core::usage::{RuleUse, Rulebook, Sum, Tally};
use serde::Serialize;

use super::{SCHEMA_VERSION, columns, csv, short_time, span, time};
use crate::json::{Each, write_pretty};
use crate::sanitise::compact_json;

/// What was counted, and of which rules.
#[derive(Debug)]
pub struct Report<'a> {
    /// The rules.
    pub rulebook: &'a Rulebook<'a>,
    /// The groups that are told of, by their places.
    pub groups: Vec<u32>,
    /// What was counted.
    pub tally: &'a Tally,
    /// The least `start` and the greatest `end` of what was read, in seconds since 1970; `None` where nothing was.
    pub covered: Option<(i64, i64)>,
}

#[derive(Serialize)]
struct Document<'a, R: Serialize> {
    schema_version: &'static str,
    from: Option<String>,
    to: Option<String>,
    rules: R,
    unused_groups: Vec<&'a str>,
    unattributed: Numbers,
}

#[derive(Serialize)]
struct Numbers {
    flows: u64,
    packets: u64,
    bytes: u64,
}

impl From<Sum> for Numbers {
    fn from(sum: Sum) -> Self {
        Self { flows: sum.flows, packets: sum.packets, bytes: sum.bytes }
    }
}

/// A rule and its use, as programs read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row<'a> {
    account_id: &'a str,
    region: &'a str,
    group_id: &'a str,
    rule_id: Option<&'a str>,
    direction: &'static str,
    protocol: String,
    ports: String,
    peer: String,
    flows: u64,
    shared_flows: u64,
    packets: u64,
    bytes: u64,
    last_used: Option<String>,
}

const COLUMNS: [&str; 13] = [
    "account_id",
    "region",
    "group_id",
    "rule_id",
    "direction",
    "protocol",
    "ports",
    "peer",
    "flows",
    "shared_flows",
    "packets",
    "bytes",
    "last_used",
];

impl<'a> Report<'a> {
    fn each(&self) -> impl Iterator<Item = (&'a SecurityGroup, &'a Rule, RuleUse)> + '_ {
        let groups = self.groups.iter().filter_map(|place| Some((*place, self.rulebook.group(*place)?)));
        groups.flat_map(|(place, group)| {
            let used = self.tally.of_group(place).iter().copied();
            group.rules.iter().zip(used).map(move |(rule, used)| (group, rule, used))
        })
    }

    /// The rows as programs read them.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a>> + '_ {
        self.each().map(|(group, rule, used)| {
            let (protocol, ports) = rule.services.texts();
            Row {
                account_id: &group.key.account_id,
                region: &group.key.region,
                group_id: &group.key.group_id,
                rule_id: Some(rule.id.as_str()).filter(|id| !id.is_empty()),
                direction: rule.direction.as_str(),
                protocol: protocol.into(),
                ports: ports.into(),
                peer: rule.peer.to_string(),
                flows: used.sum.flows,
                shared_flows: used.shared,
                packets: used.sum.packets,
                bytes: used.sum.bytes,
                last_used: used.last.and_then(time),
            }
        })
    }

    /// The groups none of whose rules was used.
    fn unused(&self) -> impl Iterator<Item = &'a SecurityGroup> + '_ {
        let unused = self.groups.iter().filter(|place| self.tally.is_unused(**place));
        unused.filter_map(|place| self.rulebook.group(*place))
    }

    /// One document.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn json(&self, out: &mut impl io::Write) -> io::Result<()> {
        let document = Document {
            schema_version: SCHEMA_VERSION,
            from: self.covered.and_then(|(from, _)| time(from)),
            to: self.covered.and_then(|(_, to)| time(to)),
            rules: Each(|| self.rows()),
            unused_groups: self.unused().map(|group| group.key.group_id.as_str()).collect(),
            unattributed: self.tally.unattributed.into(),
        };
        write_pretty(&document, out)
    }

    /// One rule a line.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn ndjson(&self, out: &mut impl io::Write) -> io::Result<()> {
        self.rows().try_for_each(|row| {
            row.serialize(&mut serde_json::Serializer::with_formatter(&mut *out, compact_json()))?;
            out.write_all(b"\n")
        })
    }

    /// For spreadsheets.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn csv(&self, out: &mut impl io::Write) -> io::Result<()> {
        let row = |row: Row<'_>| {
            let words = [row.account_id, row.region, row.group_id, row.rule_id.unwrap_or_default(), row.direction];
            let numbers = [row.flows, row.shared_flows, row.packets, row.bytes].map(|number| number.to_string());
            let rule = [row.protocol, row.ports, row.peer];
            let last = [row.last_used.unwrap_or_default()];
            words.map(str::to_owned).into_iter().chain(rule).chain(numbers).chain(last).collect()
        };
        csv(&COLUMNS, self.rows().map(row), out)
    }

    /// For people: the rules of each group, the most used first, and what was never used.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn table(&self, out: &mut impl io::Write) -> io::Result<()> {
        let mut lines = Vec::new();
        let mut rows: Vec<_> = self.each().collect();
        rows.sort_by(|(group, _, used), (other, _, less)| {
            group.key.cmp(&other.key).then_with(|| less.sum.flows.cmp(&used.sum.flows))
        });
        for (group, rule, used) in &rows {
            lines.push(vec![
                used.sum.flows.to_string(),
                used.shared.to_string(),
                used.sum.bytes.to_string(),
                used.last.map_or_else(|| "never".to_owned(), short_time),
                group.key.group_id.to_string(),
                rule.id.to_string(),
                rule.to_string(),
            ]);
        }
        columns(&["Hits", "Shared", "Bytes", "Last used", "Group", "Id", "Rule"], 3, &lines, out)?;
        writeln!(out)?;
        let never = rows.iter().filter(|(_, _, used)| used.sum.flows == 0).count();
        let groups: Vec<&str> = self.unused().map(|group| group.key.group_id.as_str()).collect();
        if let Some((from, to)) = self.covered {
            writeln!(out, "{} to {} ({}):", short_time(from), short_time(to), span(from, to))?;
        }
        writeln!(out, "{never} of {} rules were never used", rows.len())?;
        if !groups.is_empty() {
            writeln!(out, "groups never used: {}", groups.join(", "))?;
        }
        let Sum { flows, bytes, .. } = self.tally.unattributed;
        if flows > 0 {
            writeln!(
                out,
                "{flows} accepted records ({bytes} bytes) that no rule admits: the inventory is older than the logs, or \
                 the rules have changed"
            )?;
        }
        Ok(())
    }
}
