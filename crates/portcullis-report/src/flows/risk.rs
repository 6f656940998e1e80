//! CHANGE RISK: who connects today and could not after a change, most often first.

use std::io;

use portcullis_core::usage::{AtRisk, Connection, Rulebook};
use serde::Serialize;

use super::{SCHEMA_VERSION, columns, csv, port, short_time, time};
use crate::json::write_pretty;
use crate::sanitise::compact_json;

/// What is at risk, and the rules that admit it today.
#[derive(Debug)]
pub struct Report<'a> {
    /// Today's rules.
    pub rulebook: &'a Rulebook<'a>,
    /// What is at risk, most flows first.
    pub rows: Vec<(Connection, AtRisk)>,
}

#[derive(Serialize)]
struct Document {
    schema_version: &'static str,
    at_risk: Vec<Row>,
}

/// A connection at risk, as programs read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    srcaddr: String,
    dstaddr: String,
    dstport: u16,
    protocol: u8,
    flows: u64,
    packets: u64,
    bytes: u64,
    last_seen: Option<String>,
    group_id: String,
    /// The rule's id; where the inventory tells none, the rule itself.
    rule_id: String,
}

/// What a table has of each row, most important first.
const HEADS: [&str; 6] = ["Hits", "From", "To", "Port", "Last seen", "Admitted today by"];

const COLUMNS: [&str; 10] =
    ["srcaddr", "dstaddr", "dstport", "protocol", "flows", "packets", "bytes", "last_seen", "group_id", "rule_id"];

impl Report<'_> {
    /// The rows as programs read them.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        self.rows.iter().map(|(connection, seen)| {
            let group = self.rulebook.group(connection.rule.group);
            let rule = self.rulebook.rule(connection.rule);
            let named = |id: &str, text: &dyn ToString| if id.is_empty() { text.to_string() } else { id.to_owned() };
            Row {
                srcaddr: connection.source.to_string(),
                dstaddr: connection.destination.to_string(),
                dstport: connection.port,
                protocol: connection.protocol,
                flows: seen.sum.flows,
                packets: seen.sum.packets,
                bytes: seen.sum.bytes,
                last_seen: time(seen.last),
                group_id: group.map(|group| group.key.group_id.to_string()).unwrap_or_default(),
                rule_id: rule.map(|rule| named(&rule.id, rule)).unwrap_or_default(),
            }
        })
    }

    /// One document.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn json(&self, out: &mut impl io::Write) -> io::Result<()> {
        write_pretty(&Document { schema_version: SCHEMA_VERSION, at_risk: self.rows().collect() }, out)
    }

    /// One row a line.
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
        let row = |row: Row| {
            let Row { srcaddr, dstaddr, dstport, protocol, flows, packets, bytes, last_seen, group_id, rule_id } = row;
            let numbers = [flows, packets, bytes].map(|number| number.to_string());
            let start = [srcaddr, dstaddr, dstport.to_string(), protocol.to_string()];
            start.into_iter().chain(numbers).chain([last_seen.unwrap_or_default(), group_id, rule_id]).collect()
        };
        csv(&COLUMNS, self.rows().map(row), out)
    }

    /// For people.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn table(&self, out: &mut impl io::Write) -> io::Result<()> {
        let lines: Vec<Vec<String>> = self.rows.iter().map(|row| self.cells(row).into()).collect();
        columns(&HEADS, 1, &lines, out)
    }

    /// A row as people read it: how often, from where, to where, on which port, when last, and what admits it today.
    pub fn cells(&self, (connection, seen): &(Connection, AtRisk)) -> [String; 6] {
        let group = self.rulebook.group(connection.rule.group).map(|group| group.key.group_id.as_str());
        let rule = self.rulebook.rule(connection.rule);
        let id = rule.filter(|rule| !rule.id.is_empty()).map(|rule| format!(" {}", rule.id)).unwrap_or_default();
        let others = if connection.others == 0 { String::new() } else { format!(" (and {} more)", connection.others) };
        let text = rule.map(ToString::to_string).unwrap_or_default();
        [
            seen.sum.flows.to_string(),
            connection.source.to_string(),
            connection.destination.to_string(),
            port(connection.protocol, connection.port),
            short_time(seen.last),
            format!("{}{id}: {text}{others}", group.unwrap_or_default()),
        ]
    }
}
