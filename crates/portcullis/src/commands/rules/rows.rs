//! Tables as pysec-aws drew them, and the rows of changes.

use std::io::{self, Write};

use portcullis_core::model::{Direction, Peer, Rule};
use portcullis_core::net::RuleServices;
use portcullis_report::Terminal;
use portcullis_report::sanitise::{markdown_text, neutral};
use portcullis_rules::{Action, Change};
use serde_json::{Value, json};

/// How a cell looks on a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Look {
    #[default]
    Plain,
    Good,
    Bad,
    Changed,
}

impl Look {
    fn codes(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Plain => None,
            Self::Good => Some(("\u{1b}[32m", "\u{1b}[0m")),
            Self::Bad => Some(("\u{1b}[31m", "\u{1b}[0m")),
            Self::Changed => Some(("\u{1b}[33m", "\u{1b}[0m")),
        }
    }
}

/// A cell and its look.
pub(super) type Cell = (String, Look);

pub(super) fn cell(text: impl Into<String>) -> Cell {
    (text.into(), Look::Plain)
}

/// A table: columns by their heads, rows of as many cells. Numbers, which stand in `#` and `Hits`, are aligned to the
/// right.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) heads: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// For a terminal or a pipe: two spaces between columns, a line of dashes under the heads. Lines are as long as they
    /// are, since programs cut them at columns.
    pub(super) fn render(&self, terminal: Terminal, out: &mut impl Write) -> io::Result<()> {
        let width = |text: &str| neutral(text).chars().count();
        let columns = self.heads.iter().enumerate();
        let widths: Vec<usize> = columns
            .map(|(column, head)| {
                let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|(text, _)| width(text));
                cells.max().unwrap_or(0).max(head.chars().count())
            })
            .collect();
        let heads: Vec<Cell> = self.heads.iter().map(|head| cell(*head)).collect();
        self.line(&heads, &widths, terminal, out)?;
        let dashes: Vec<Cell> = widths.iter().map(|width| cell("-".repeat(*width))).collect();
        self.line(&dashes, &widths, terminal, out)?;
        self.rows.iter().try_for_each(|row| self.line(row, &widths, terminal, out))
    }

    fn is_number(&self, column: usize) -> bool {
        self.heads.get(column).is_some_and(|head| ["#", "Hits"].contains(head))
    }

    fn line(&self, row: &[Cell], widths: &[usize], terminal: Terminal, out: &mut impl Write) -> io::Result<()> {
        let mut line = String::new();
        for (column, (text, look)) in row.iter().enumerate() {
            let text = neutral(text);
            let room = widths.get(column).map_or(0, |width| width.saturating_sub(text.chars().count()));
            let (before, behind) = if self.is_number(column) { (room, 0) } else { (0, room) };
            line.extend(std::iter::repeat_n(' ', before + if column > 0 { 2 } else { 0 }));
            match look.codes().filter(|_| terminal.color) {
                Some((begin, end)) => line.extend([begin, &text, end]),
                None => line.push_str(&text),
            }
            line.extend(std::iter::repeat_n(' ', behind));
        }
        writeln!(out, "{}", line.trim_end())
    }

    /// For a comment in a pull request.
    pub(super) fn markdown(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "| {} |", self.heads.join(" | "))?;
        writeln!(out, "|{}", " --- |".repeat(self.heads.len()))?;
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|(text, _)| markdown_text(text)).collect();
            writeln!(out, "| {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

/// A rule in pysec-aws's words: `CIDR-IP: 52.33.24.1/32 FROM: 80 TO: 80 PROTOCOL: tcp`.
pub(super) fn words(rule: &Rule) -> String {
    let direction = if rule.direction == Direction::Egress { "EGRESS " } else { "" };
    let kind = match &rule.peer {
        Peer::V4(_) => "CIDR-IP",
        Peer::V6(_) => "CIDR-IPV6",
        Peer::PrefixList(_) => "PREFIX-LIST",
        Peer::Group(_) => "GROUP",
    };
    let ports = match rule.services {
        RuleServices::Ports(_, from, to) => format!("FROM: {from} TO: {to}"),
        RuleServices::Icmp(_, Some((kind, code))) => {
            format!("TYPE: {kind} CODE: {}", code.map_or("all".to_owned(), |code| code.to_string()))
        }
        RuleServices::Icmp(_, None) => "TYPE: all".to_owned(),
        RuleServices::All | RuleServices::Protocol(_) => "PORTS: all".to_owned(),
    };
    let protocol = match rule.services {
        RuleServices::All => "all".to_owned(),
        other => other.protocol_text(),
    };
    format!("{direction}{kind}: {} {ports} PROTOCOL: {protocol}", rule.peer)
}

/// What a commit would do, with `#`.
pub(super) fn changes(group: &str, changes: &[Change]) -> Table {
    let row = |(number, change): (usize, &Change)| {
        let part = if change.in_part { " (in part)" } else { "" };
        let said = || format!("{}{part}", words(&change.rule));
        let (text, action) = match change.action {
            Action::Addition => (said(), ("++ addition ++".to_owned(), Look::Good)),
            Action::Removal => (said(), ("-- removal --".to_owned(), Look::Bad)),
            Action::Description => {
                let text = format!("{} # {} -> {}", words(&change.rule), change.before, change.rule.description);
                (text, ("~~ description ~~".to_owned(), Look::Changed))
            }
        };
        vec![cell(number.to_string()), cell(text), cell(group), action]
    };
    let rows = (1..).zip(changes).map(row).collect();
    Table { heads: vec!["#", "Suggested Change", "Security Group", "Action"], rows }
}

/// What somebody else did, with `#`.
pub(super) fn drift(group: &str, drift: &[Change]) -> Table {
    let row = |(number, change): (usize, &Change)| {
        let action = match change.action {
            Action::Removal => ("-- removed in AWS --".to_owned(), Look::Bad),
            Action::Addition | Action::Description => ("++ added in AWS ++".to_owned(), Look::Changed),
        };
        let part = if change.in_part { " (in part)" } else { "" };
        vec![cell(number.to_string()), cell(format!("{}{part}", words(&change.rule))), cell(group), action]
    };
    let rows = (1..).zip(drift).map(row).collect();
    Table { heads: vec!["#", "Drift", "Security Group", "Action"], rows }
}

/// Changes in JSON.
pub(super) fn json(changes: &[Change]) -> Value {
    let row = |change: &Change| {
        let rule = &change.rule;
        let mut row = json!({
            "action": change.action.as_str(),
            "direction": rule.direction.as_str(),
            "protocol": rule.services.protocol_text(),
            "ports": rule.services.ports_text(),
            "peer": rule.peer.to_string(),
            "description": &*rule.description,
            "text": words(rule),
            "in_part": change.in_part,
        });
        if change.action == Action::Description
            && let Some(fields) = row.as_object_mut()
        {
            fields.insert("description_before".to_owned(), change.before.as_str().into());
        }
        row
    };
    changes.iter().map(row).collect()
}
