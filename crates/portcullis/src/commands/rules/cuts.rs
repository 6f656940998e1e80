//! CHANGE RISK: the observed connections that a commit would cut, each with the change that does it.

use std::collections::HashMap;

use portcullis_core::model::{GroupKey, Inventory};
use portcullis_core::usage::Flow;
use portcullis_report::flows::risk::{Report, Row};
use portcullis_rules::{CutBy, Repository, RuleSet, StagePlan, find_groups};
use serde_json::{Value, json};

use super::rows::{Cell, Look, Table, cell, words};
use crate::cli::flows::InputArgs;
use crate::cli::{PlaceArgs, StageArgs};
use crate::commands::flows::risk::Change;
use crate::commands::flows::seen::{self, Observed};
use crate::exit::Result;
use crate::output::Console;

/// How many connections people are shown of each repository, those with most records; programs get all.
const SHOWN: usize = 50;

/// A connection that a commit would cut.
pub(super) struct Cut {
    /// The change that does it.
    by: Option<CutBy>,
    /// How many records there are of it.
    records: u64,
    /// Hits, from, to, port, when it was last seen, and the rule that admits it today.
    cells: [String; 6],
    row: Row,
}

/// One repository's part of what would be committed.
pub(super) struct Part<'a> {
    pub(super) repository: &'a Repository,
    /// The rules of each of its groups, as the files have them.
    pub(super) parts: &'a [RuleSet],
    pub(super) plan: &'a StagePlan,
}

/// Reads the flow logs that were named: in the Regions of the repositories, and with their profile where they share one.
pub(super) fn observed(
    place: &PlaceArgs,
    args: &StageArgs,
    repositories: &[Repository],
    console: &Console,
) -> Result<Option<Observed>> {
    if args.flows.is_empty() {
        return Ok(None);
    }
    let mut profiles: Vec<_> = repositories.iter().map(|repository| super::live::profile(place, repository)).collect();
    profiles.dedup();
    let profile = if profiles.len() == 1 { profiles.pop().flatten() } else { place.profile.clone() };
    let own = |repository: &Repository| place.region.as_deref().or(repository.region()).map(str::to_owned);
    let mut region: Vec<String> = repositories.iter().map(own).collect::<Option<Vec<String>>>().unwrap_or_default();
    region.sort();
    region.dedup();
    let input = InputArgs { reading: args.reading.clone(), profile, region, ..InputArgs::of(&args.flows) };
    seen::read(&input, console).map(Some)
}

/// The connections that commits of these would cut, of each of them in its order, most records first. `world` holds the
/// groups as they are, with what is around them.
pub(super) fn cuts(all: &[Part<'_>], world: &Inventory, flows: &[Flow], console: &Console) -> Result<Vec<Vec<Cut>>> {
    let mut found: Vec<Vec<Cut>> = all.iter().map(|_| Vec::new()).collect();
    let mut owners: HashMap<GroupKey, usize> = HashMap::new();
    for (place, part) in all.iter().enumerate() {
        owners.extend(find_groups(part.repository, world).into_iter().map(|group| (group.key.clone(), place)));
    }
    let mut add = |batch: &[Part<'_>], world: Inventory, console: &Console| {
        let repositories: Vec<_> = batch.iter().map(|part| (part.repository, part.parts)).collect();
        let change = Change::of_repositories(world, &repositories);
        change.at_risk(flows, console, |rulebook, risk| {
            let report = Report { rulebook, rows: risk.rows() };
            for (row, at_risk) in report.rows().zip(&report.rows) {
                let (connection, seen) = at_risk;
                let (group, rule) = (rulebook.group(connection.rule.group), rulebook.rule(connection.rule));
                let by = |part: &Part<'_>| {
                    let rule = rule?;
                    part.plan.cut_by(rule, connection.services(), connection.peer(rule.direction))
                };
                // A rule of another group may let in the same; then whose change takes it away is whose it is.
                let owner = group.and_then(|group| owners.get(&group.key)).copied();
                let Some(place) = owner.or_else(|| all.iter().position(|part| by(part).is_some())) else { continue };
                let by = all.get(place).and_then(by);
                if let Some(found) = found.get_mut(place) {
                    found.push(Cut { by, records: seen.sum.flows, cells: report.cells(at_risk), row });
                }
            }
            Ok(())
        })
    };
    if world.interfaces.is_some() {
        // All at once: an interface may have groups of several repositories, and one may let in what another does not.
        add(all, world.clone(), console)?;
        return Ok(found);
    }
    // Each group is taken to be on each interface, which only one of them at a time can be.
    for (place, part) in all.iter().enumerate() {
        let groups = find_groups(part.repository, world).into_iter().cloned().collect();
        let alone = Inventory { groups, prefix_lists: world.prefix_lists.clone(), ..Inventory::default() };
        let console = if place == 0 { *console } else { console.without_remarks() };
        add(std::slice::from_ref(part), alone, &console)?;
    }
    Ok(found)
}

/// What is said of them before the table.
pub(super) fn heading(cuts: &[Cut]) -> String {
    let records: u64 = cuts.iter().map(|cut| cut.records).sum();
    if cuts.is_empty() {
        return "CHANGE RISK: a commit would cut none of the observed connections.".to_owned();
    }
    let shown = if cuts.len() > SHOWN { format!(", of which {SHOWN} are shown") } else { String::new() };
    format!("CHANGE RISK: a commit would cut {}{shown}:", counted(cuts.len(), records))
}

fn counted(connections: usize, records: u64) -> String {
    let connections = if connections == 1 {
        "1 observed connection".to_owned()
    } else {
        format!("{connections} observed connections")
    };
    let records = if records == 1 { "1 record".to_owned() } else { format!("{records} records") };
    format!("{connections} ({records})")
}

/// The connections as a table, with the number of the row of the change above.
pub(super) fn table(cuts: &[Cut]) -> Table {
    let row = |cut: &Cut| -> Vec<Cell> {
        let by = match cut.by {
            Some(CutBy::Change(place)) => format!("change {}", place + 1),
            Some(CutBy::Drift(place)) => format!("drift {}", place + 1),
            None => "-".to_owned(),
        };
        let [hits, from, to, port, last, admitted] = cut.cells.clone();
        let cells = [hits, from, to, port, last].into_iter().map(cell);
        cells.chain([(by, Look::Bad), cell(admitted)]).collect()
    };
    let heads = vec!["Hits", "From", "To", "Port", "Last Seen", "Cut By", "Admitted Today By"];
    Table { heads, rows: cuts.iter().take(SHOWN).map(row).collect() }
}

/// All of them for programs: as `flows risk` has them, with the place of the change among `changes` or `drift`.
pub(super) fn json(cuts: &[Cut]) -> Value {
    let row = |cut: &Cut| {
        let mut row = json!(cut.row);
        if let Some(fields) = row.as_object_mut() {
            let place = |by| if let Some(CutBy::Change(place)) = by { Some(place) } else { None };
            let drift = |by| if let Some(CutBy::Drift(place)) = by { Some(place) } else { None };
            fields.insert("change".to_owned(), json!(place(cut.by)));
            fields.insert("drift".to_owned(), json!(drift(cut.by)));
        }
        row
    };
    cuts.iter().map(row).collect()
}

/// For each change that cuts anything, in words: the rule that goes, and what goes with it.
pub(super) fn sentences(plan: &StagePlan, cuts: &[Cut]) -> Vec<(String, String)> {
    let mut by: Vec<Option<CutBy>> = cuts.iter().map(|cut| cut.by).collect();
    by.sort_unstable();
    by.dedup();
    let sentence = |by: Option<CutBy>| {
        let own: Vec<&Cut> = cuts.iter().filter(|cut| cut.by == by).collect();
        let change = match by? {
            CutBy::Change(place) => plan.changes.get(place)?,
            CutBy::Drift(place) => plan.drift.get(place)?,
        };
        let (rule, records) = (words(&change.rule), own.iter().map(|cut| cut.records).sum::<u64>());
        let [_, from, to, port, ..] = &own.first()?.cells;
        let text = format!(
            "A commit would take {rule} away, and cut {}, most often {from} to {to} {port}.",
            counted(own.len(), records)
        );
        Some((rule, text))
    };
    by.into_iter().filter_map(sentence).collect()
}
