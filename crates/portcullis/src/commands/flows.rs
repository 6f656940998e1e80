//! `portcullis flows`: what all of its commands share, from what was typed to a digest.

mod ddl;
mod digest;
mod names;
mod repository;
pub(crate) mod risk;
pub(crate) mod seen;
mod sources;
mod suggest;
mod usage;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use portcullis_core::model::Inventory;
use portcullis_flows::{Columns, Digest, Field, Input, Progress, Query, Selection};
use portcullis_formats::inventory::{ReadOptions, Source, read};
use portcullis_report::sanitise::neutral;

use crate::cli::flows::{Action, FlowDirection, FlowsCommand, InputArgs, Moment};
use crate::exit::{Failure, Outcome, Result};
use crate::live::Live;
use crate::output::Console;
use crate::progress::FlowProgress;

/// Does what was typed.
pub(crate) fn run(command: &FlowsCommand, console: &Console) -> Result<Outcome> {
    match command {
        FlowsCommand::Digest(args) => digest::run(args, console),
        FlowsCommand::Ddl(args) => ddl::run(args),
        FlowsCommand::Risk(args) => risk::run(args, console),
        FlowsCommand::Usage(args) => usage::run(args, console),
        FlowsCommand::Suggest(args) => suggest::run(args, console),
    }
}

/// Flow logs that are about to be read, and what is known around them.
pub(crate) struct Logs {
    inputs: Vec<Input>,
    columns: Columns,
    selection: Selection,
    memory: usize,
    /// What fetches inputs that are on AWS.
    live: Option<Live>,
    /// The inventory, where one was named.
    pub(crate) inventory: Option<Inventory>,
}

impl Logs {
    /// Looks up what was named; nothing is read of the logs yet.
    pub(crate) fn open(args: &InputArgs) -> Result<Self> {
        let reading = &args.reading;
        let columns = reading.fields.as_deref().map(Columns::parse).transpose();
        let columns = columns.map_err(|error| Failure::input(format!("--fields: {error}")))?.unwrap_or_default();
        let now = Timestamp::now();
        let ago = reading.look_back.map(|days| Moment::Ago(SignedDuration::from_hours(i64::from(days) * 24)));
        let since = reading.since.or(ago).map(|since| since.seconds(now));
        let until = reading.until.map(|until| until.seconds(now));
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(Failure::input("no time lies between --since and --until: --until is not after --since"));
        }
        let inventory = if args.inventory.is_empty() { None } else { Some(inventory(&args.inventory)?) };
        let selection = Selection {
            since,
            until,
            interfaces: interfaces(args, inventory.as_ref())?,
            accepted: reading.action.map(|action| action == Action::Accept),
            inbound: reading.direction.map(|direction| direction == FlowDirection::Ingress),
        };
        let (inputs, live) = sources::open(args, &selection)?;
        Ok(Self { inputs, columns, selection, memory: reading.memory, inventory, live })
    }

    /// Reads the logs and groups their records. What was wrong with them is told; the outcome says whether anything was.
    pub(crate) fn digest(
        self,
        by: Vec<Field>,
        top: Option<NonZeroUsize>,
        console: &Console,
    ) -> Result<(Digest, Option<Inventory>, Outcome)> {
        let (digest, inventory, outcome) = self.read(by, top, console)?;
        for field in digest.missing.iter().filter(|field| field.is_known()) {
            console.remark(&format!("warning: no input has the field `{field}`: it is absent from every row"));
        }
        Ok((digest, inventory, outcome))
    }

    /// As [`Self::digest`], for fields that may be missing.
    pub(crate) fn read(
        self,
        by: Vec<Field>,
        top: Option<NonZeroUsize>,
        console: &Console,
    ) -> Result<(Digest, Option<Inventory>, Outcome)> {
        let query =
            Query { by, selection: self.selection, columns: self.columns, top, memory: self.memory, ..Query::by(&[]) };
        let size = self.inputs.iter().map(|input| input.size).sum::<Option<u64>>();
        let progress = Arc::new(Progress::default());
        let shown = FlowProgress::begin(Arc::clone(&progress), size, console);
        let digest = portcullis_flows::digest(self.inputs, &query, &progress);
        shown.end();
        drop(self.live);
        let digest = digest.map_err(|error| Failure::Incomplete(error.to_string()))?;
        let outcome = tell(&digest, console)?;
        Ok((digest, self.inventory, outcome))
    }
}

/// Reads the inventory that goes with the logs.
fn inventory(paths: &[String]) -> Result<Inventory> {
    let source = |input: &String| match input.as_str() {
        "-" => Source::reader("stdin", std::io::stdin()),
        path => Source::path(path),
    };
    read(paths.iter().map(source), &ReadOptions { region: None }).map_err(Failure::input)
}

/// The interfaces that `--eni` and `--group` name; `None` where all are wanted.
fn interfaces(args: &InputArgs, inventory: Option<&Inventory>) -> Result<Option<HashSet<compact_str::CompactString>>> {
    if args.reading.eni.is_empty() && args.group.is_empty() {
        return Ok(None);
    }
    let mut wanted: HashSet<_> = args.reading.eni.iter().map(Into::into).collect();
    let Some(inventory) = inventory.filter(|_| !args.group.is_empty()) else { return Ok(Some(wanted)) };
    let Some(interfaces) = &inventory.interfaces else {
        return Err(Failure::input(
            "--group: the inventory has no network interfaces, so nobody knows which have the group: add what \
             `aws ec2 describe-network-interfaces` prints, or take a `portcullis snapshot`",
        ));
    };
    for name in &args.group {
        let groups = inventory.groups.iter().filter(|group| group.key.group_id == *name || group.name == *name);
        let ids: HashSet<&str> = groups.map(|group| group.key.group_id.as_str()).collect();
        let named = |id: &compact_str::CompactString| ids.contains(id.as_str()) || id == name;
        let having: Vec<_> = interfaces.iter().filter(|interface| interface.group_ids.iter().any(named)).collect();
        if ids.is_empty() && having.is_empty() {
            return Err(Failure::input(format!("--group: the inventory has no group `{}`", neutral(name))));
        }
        wanted.extend(having.into_iter().map(|interface| interface.id.clone()));
    }
    Ok(Some(wanted))
}

/// Tells what was wrong with the inputs.
fn tell(digest: &Digest, console: &Console) -> Result<Outcome> {
    let unreadable =
        digest.unreadable.iter().map(|input| format!("`{}` {}", neutral(&input.input), neutral(&input.reason)));
    if digest.counts.is_nothing() {
        let mut reasons: Vec<String> = unreadable.collect();
        reasons.extend(digest.malformed.iter().map(malformed));
        if reasons.is_empty() {
            reasons.push("the inputs are empty".to_owned());
        }
        return Err(Failure::input(format!("no flow log record was found: {}", reasons.join("; "))));
    }
    unreadable.for_each(|line| console.warn(&format!("warning: {line}")));
    let count = digest.counts.malformed;
    if count > 0 {
        let (lines, first) = if count == 1 { ("line is", "") } else { ("lines are", ", the first of them") };
        console.warn(&format!("warning: {count} {lines} malformed and not counted as records{first}:"));
        digest.malformed.iter().for_each(|line| console.warn(&format!("  {}", malformed(line))));
    }
    let fine = count == 0 && digest.unreadable.is_empty();
    Ok(if fine { Outcome::Done } else { Outcome::Incomplete })
}

fn malformed(line: &portcullis_flows::problems::Malformed) -> String {
    format!("`{}` line {}: {}", neutral(&line.input), line.line, neutral(&line.reason))
}
