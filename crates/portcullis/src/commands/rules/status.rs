//! `portcullis rules status`

use std::io::{self, Write};

use portcullis_core::model::SecurityGroup;
use portcullis_rules::{Error, FileStatus, Repository, SecurityTemplate, StagePlan, difference, find_groups};
use serde_json::{Value, json};

use super::live::{live_side, looked_up};
use super::rows::{self, Look, Table, cell};
use super::told::warnings;
use super::{each, open};
use crate::cli::{PlaceArgs, RulesFormat, StatusArgs};
use crate::exit::{Outcome, Result};
use crate::output::{Console, to_stdout};

/// One repository, its files, and how its group stands to them.
struct Row {
    repository: Repository,
    files: Vec<FileStatus>,
    live: Option<Live>,
}

/// What was found of the live side.
struct Live {
    group_ids: Vec<String>,
    plan: StagePlan,
    /// Whether anything was committed, by which a group must be there.
    is_committed: bool,
    /// Whether it is known what was committed, so that drift can be told from what waits for a commit.
    told_apart: bool,
}

impl Live {
    fn has_drifted(&self) -> bool {
        if self.told_apart {
            return !self.plan.drift.is_empty();
        }
        // Without a commit there need not be a group; one that is there and differs was made by somebody else.
        (self.is_committed || !self.group_ids.is_empty()) && !self.plan.is_same_traffic()
    }
}

pub(crate) fn run(place: &PlaceArgs, args: &StatusArgs, console: &Console) -> Result<Outcome> {
    let repositories = open(place, console)?;
    let (rows, unread) = if args.live || !args.inventory.is_empty() {
        with_live(place, args, repositories, console)?
    } else {
        (
            each(repositories, console, |repository| Ok(Row { files: repository.status(), repository, live: None }))?,
            false,
        )
    };
    match args.format {
        RulesFormat::Table => to_stdout(|out| table(&rows, console, out))?,
        RulesFormat::Markdown => to_stdout(|out| markdown(&rows, out))?,
        RulesFormat::Json => to_stdout(|out| writeln!(out, "{:#}", json(&rows)))?,
    }
    let drifted = rows.iter().any(|row| row.live.as_ref().is_some_and(Live::has_drifted));
    let differs = rows.iter().any(|row| row.files.iter().any(FileStatus::differs));
    Ok(match (unread, drifted || (args.exit_code && differs)) {
        (true, _) => Outcome::Incomplete,
        (false, true) => Outcome::Findings,
        (false, false) => Outcome::Done,
    })
}

/// Each repository beside its live group, and whether any group could not be read.
fn with_live(
    place: &PlaceArgs,
    args: &StatusArgs,
    repositories: Vec<Repository>,
    console: &Console,
) -> Result<(Vec<Row>, bool)> {
    let rules = each(repositories.iter().collect(), console, Repository::load)?;
    rules.iter().for_each(|rules| warnings(rules.warnings(), console));
    let mut side = live_side(place, &args.inventory, console)?;
    let looked_up = looked_up(repositories.into_iter().zip(rules), &mut *side, console)?;
    let unread = looked_up.iter().any(|(_, _, inventory)| inventory.is_none());
    let rows = each(looked_up, console, |(repository, rules, inventory)| {
        let live = inventory.map(|inventory| live(&repository, &rules, &find_groups(&repository, &inventory)));
        Ok(Row { files: repository.status(), live: live.transpose()?, repository })
    })?;
    Ok((rows, unread))
}

fn live(
    repository: &Repository,
    rules: &SecurityTemplate,
    groups: &[&SecurityGroup],
) -> std::result::Result<Live, Error> {
    let state_file = repository.path_of(portcullis_rules::STATE_FILE);
    let committed = repository.state.committed.as_ref().map(|committed| committed.rules(&state_file));
    let committed = committed.transpose()?.flatten();
    Ok(Live {
        group_ids: groups.iter().map(|group| group.key.group_id.to_string()).collect(),
        plan: difference(rules.rules(), groups, committed.as_ref()),
        is_committed: repository.state.committed.is_some(),
        told_apart: committed.is_some(),
    })
}

fn files(rows: &[Row]) -> Table {
    let mut table =
        Table { heads: vec!["File Path", "MD5 Hash (Committed)", "MD5 Hash (Current)", "Diff?"], rows: Vec::new() };
    for row in rows {
        for file in &row.files {
            let look = if file.differs() { Look::Bad } else { Look::Good };
            let hash = |hash: &Option<String>, none: &str| (hash.clone().unwrap_or_else(|| none.to_owned()), look);
            let differs = if file.differs() { "True" } else { "False" };
            table.rows.push(vec![
                cell(row.repository.path_of(&file.path)),
                hash(&file.committed, "(new)"),
                hash(&file.current, "(removed)"),
                cell(differs),
            ]);
        }
    }
    table
}

/// What is said of each repository's live group, with the tables that belong to it.
fn sections(rows: &[Row]) -> Vec<(String, Vec<Table>)> {
    let mut sections = Vec::new();
    for row in rows {
        let Some(live) = &row.live else { continue };
        let (place, name) = (row.repository.name(), row.repository.group_name());
        let mut tables = Vec::new();
        let said = if live.group_ids.is_empty() {
            format!("{place}: there is no live group `{name}`")
        } else if live.plan.is_same_traffic() {
            format!("{place}: the live group `{name}` ({}) is what the files say", live.group_ids.join(", "))
        } else {
            if !live.plan.drift.is_empty() {
                tables.push(rows::drift(name, &live.plan.drift));
            }
            if !live.plan.changes.is_empty() {
                tables.push(rows::changes(name, &live.plan.changes));
            }
            let what = if live.has_drifted() { "has drifted from" } else { "waits for a commit of" };
            format!("{place}: the live group `{name}` ({}) {what} the files", live.group_ids.join(", "))
        };
        sections.push((said, tables));
    }
    sections
}

fn table(rows: &[Row], console: &Console, out: &mut impl Write) -> io::Result<()> {
    files(rows).render(console.stdout(), out)?;
    for (said, tables) in sections(rows) {
        writeln!(out, "\n{}", portcullis_report::sanitise::neutral(&said))?;
        for table in tables {
            writeln!(out)?;
            table.render(console.stdout(), out)?;
        }
    }
    Ok(())
}

fn markdown(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "### Rules: status\n")?;
    files(rows).markdown(out)?;
    for (said, tables) in sections(rows) {
        writeln!(out, "\n{}", portcullis_report::sanitise::markdown_text(&said))?;
        for table in tables {
            writeln!(out)?;
            table.markdown(out)?;
        }
    }
    Ok(())
}

fn json(rows: &[Row]) -> Value {
    let file = |file: &FileStatus| {
        json!({
            "path": file.path,
            "committed": file.committed,
            "current": file.current,
            "difference": file.differs(),
            "change": file.word(),
        })
    };
    let live = |live: &Live| {
        json!({
            "group_ids": live.group_ids,
            "drifted": live.has_drifted(),
            "drift": rows::json(&live.plan.drift),
            "changes": rows::json(&live.plan.changes),
        })
    };
    let repository = |row: &Row| {
        json!({
            "path": row.repository.name(),
            "group_name": row.repository.settings.group_name,
            "stack": row.repository.stack_name(),
            "committed": row.repository.state.committed.is_some(),
            "staged": row.repository.state.staged.is_some(),
            "difference": row.files.iter().any(FileStatus::differs),
            "files": row.files.iter().map(file).collect::<Vec<_>>(),
            "live": row.live.as_ref().map(live),
        })
    };
    json!({ "schema_version": "1", "repositories": rows.iter().map(repository).collect::<Vec<_>>() })
}
