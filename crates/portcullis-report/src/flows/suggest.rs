//! The rules that would be enough.

use std::io;

use portcullis_core::usage::{Rulebook, Suggested, Suggestion};
use serde::Serialize;

use super::{SCHEMA_VERSION, columns, short_time, time};
use crate::json::write_pretty;

/// A rule that fewer records than this rest on may be used by something rare.
pub const RARE: u64 = 10;

/// What would be enough, and for which groups.
#[derive(Debug)]
pub struct Report<'a> {
    /// Today's rules.
    pub rulebook: &'a Rulebook<'a>,
    /// What would be enough.
    pub suggestions: &'a [Suggestion],
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: &'static str,
    groups: Vec<Group<'a>>,
}

#[derive(Serialize)]
struct Group<'a> {
    group_id: &'a str,
    rules: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    direction: &'static str,
    protocol: String,
    ports: String,
    peer: String,
    flows: u64,
    last_used: Option<String>,
}

fn row(suggested: &Suggested) -> Row {
    let (protocol, ports) = suggested.rule.services.texts();
    Row {
        direction: suggested.rule.direction.as_str(),
        protocol: protocol.into(),
        ports: ports.into(),
        peer: suggested.rule.peer.to_string(),
        flows: suggested.seen.flows,
        last_used: time(suggested.seen.last),
    }
}

impl Report<'_> {
    /// One document.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn json(&self, out: &mut impl io::Write) -> io::Result<()> {
        let groups = self.suggestions.iter().filter_map(|suggestion| {
            let group = self.rulebook.group(suggestion.group)?;
            Some(Group { group_id: &group.key.group_id, rules: suggestion.rules.iter().map(row).collect() })
        });
        write_pretty(&Document { schema_version: SCHEMA_VERSION, groups: groups.collect() }, out)
    }

    /// For people: of each group what comes, what stays and what goes, with the evidence for it.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn table(&self, out: &mut impl io::Write) -> io::Result<()> {
        let mut lines = Vec::new();
        for suggestion in self.suggestions {
            let Some(group) = self.rulebook.group(suggestion.group) else { continue };
            let id = group.key.group_id.as_str();
            for suggested in &suggestion.rules {
                let stays = group.rules.iter().any(|rule| rule.identity() == suggested.rule.identity());
                let mut doubts = Vec::new();
                if suggested.widened {
                    doubts.push("wider than seen, for the quota".to_owned());
                }
                if suggested.seen.flows < RARE {
                    doubts.push("rarely used".to_owned());
                }
                lines.push(vec![
                    suggested.seen.flows.to_string(),
                    if stays { "=" } else { "+" }.to_owned(),
                    id.to_owned(),
                    suggested.rule.to_string(),
                    short_time(suggested.seen.last),
                    doubts.join("; "),
                ]);
            }
            let goes = |rule: &&portcullis_core::model::Rule| {
                !suggestion.rules.iter().any(|suggested| suggested.rule.identity() == rule.identity())
            };
            for rule in group.rules.iter().filter(goes) {
                let line =
                    [String::new(), "-".to_owned(), id.to_owned(), rule.to_string(), String::new(), String::new()];
                lines.push(line.to_vec());
            }
        }
        columns(&["Hits", "", "Group", "Rule", "Last used", "Doubt"], 1, &lines, out)
    }
}
