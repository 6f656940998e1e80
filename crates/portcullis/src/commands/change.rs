//! What `apply` and `rollback` share: asking, the offline ports, and telling what became of each group.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use portcullis_report::sanitise::neutral;
use portcullis_runtime::files::Places;
use portcullis_runtime::live::LiveMetrics;
use portcullis_runtime::metrics::{of_changes, publish};
use portcullis_runtime::{
    Clock as _, NoObserver, Outcome as GroupResult, Ports, Report, RunError, RunOptions, SystemClock, new_run_id,
};

use crate::announce::Announcer;
use crate::cli::ChangeArgs;
use crate::exit::{Failure, Outcome, Result};
use crate::interrupt::flag_of_signals;
use crate::output::{Console, to_stdout};
use crate::workshop::Workshop;

/// Asks on a terminal; elsewhere `--yes` must have been given.
pub(crate) fn confirm(args: &ChangeArgs, what: &str) -> Result<()> {
    confirmed(args.yes || args.dry_run, what)
}

/// As [`confirm`], for what is agreed to already or not.
pub(crate) fn confirmed(agreed: bool, what: &str) -> Result<()> {
    if agreed {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::input(format!("{what} would be made: `--yes` is needed where nobody can be asked")));
    }
    let mut answer = String::new();
    let mut stderr = io::stderr().lock();
    let asked = write!(stderr, "{what}. Go on? [y/N] ").and_then(|()| stderr.flush());
    let read = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    read.map_err(|error| Failure::io("the answer could not be read", &error))?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::input("nothing was done")),
    }
}

/// How a run is to go.
pub(crate) fn options(args: &ChangeArgs, allow_gap: bool) -> RunOptions {
    RunOptions {
        run_id: new_run_id(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        max_groups: args.max_groups,
        allow_gap,
        dry_run: args.dry_run,
        concurrency: args.aws.concurrency.map_or(1, usize::from),
    }
}

/// The places of a run on files; `None` for one on AWS.
pub(crate) fn places(args: &ChangeArgs) -> Result<Option<Places>> {
    let (Some(inventory), Some(output)) = (&args.inventory, &args.write) else { return Ok(None) };
    if args.backup.starts_with("s3://") {
        return Err(Failure::input("`--backup` of an inventory is a folder; `s3://` goes with changes on AWS"));
    }
    let (inventory, output, backups) = (inventory.clone(), output.clone(), PathBuf::from(&args.backup));
    Ok(Some(Places { inventory, output, backups }))
}

/// Carries a run out on files or on AWS, and tells what became of each group.
pub(crate) fn carry_out(
    args: &ChangeArgs,
    allow_gap: bool,
    console: &Console,
    on_files: impl FnOnce(&Places, &RunOptions, &AtomicBool) -> std::result::Result<Report, RunError>,
    on_ports: impl FnOnce(&Ports<'_>, &RunOptions) -> std::result::Result<Report, RunError>,
) -> Result<Outcome> {
    let interrupt = flag_of_signals().map_err(|error| Failure::Internal(error.into()))?;
    let options = options(args, allow_gap);
    let report = match places(args)? {
        Some(places) => on_files(&places, &options, &interrupt),
        None => {
            let workshop = Workshop::open(args)?;
            let metrics = workshop.metrics(args.metrics && !args.dry_run)?;
            let report = match workshop.notifier(args.notify.as_deref())? {
                Some(notifier) => {
                    let announcer = Announcer { notifier: &notifier, backups: &args.backup };
                    workshop.run(&options, &interrupt, &announcer, on_ports)
                }
                None => workshop.run(&options, &interrupt, &NoObserver, on_ports),
            };
            report.map(|report| measured(report, metrics.as_ref()))
        }
    };
    let report = report.map_err(|error| {
        if error.is_input() { Failure::input(error) } else { Failure::Incomplete(error.to_string()) }
    })?;
    tell(&report, args, console)
}

/// Publishes what a run counted. The changes are made by then: that it could not be told stands in the report.
fn measured(mut report: Report, sink: Option<&LiveMetrics>) -> Report {
    if let Some(sink) = sink {
        let fails = |outcome: &GroupResult| matches!(outcome, GroupResult::Refused(_) | GroupResult::Failed { .. });
        let failed = report.groups.iter().filter(|group| fails(&group.outcome)).count();
        if let Err(error) = publish(sink, &of_changes(report.changed(), failed, SystemClock.now())) {
            report.unsent.push(format!("the metrics could not be published: {error}"));
        }
    }
    report
}

fn tell(report: &Report, args: &ChangeArgs, console: &Console) -> Result<Outcome> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for group in &report.groups {
        let id = neutral(&group.group.group_id);
        let word = match &group.outcome {
            GroupResult::Changed { .. } => "changed",
            GroupResult::WouldChange { .. } => "would change",
            GroupResult::AlreadyDone => "already done",
            GroupResult::Refused(why) => {
                console.warn(&format!("refused: `{id}`: {}", neutral(why)));
                "refused"
            }
            GroupResult::Failed { step, error } => {
                console.warn(&format!("failed: `{id}` at step `{step}`: {}", neutral(error)));
                "failed"
            }
            GroupResult::NotReached => "not reached",
        };
        *counts.entry(word).or_default() += 1;
    }
    report.remarks.iter().chain(&report.unsent).for_each(|remark| console.warn(&neutral(remark)));
    let not_reached = || report.groups.iter().find(|group| group.outcome == GroupResult::NotReached);
    if let (Some(why), Some(next)) = (&report.stopped, not_reached()) {
        let next = neutral(&next.group.group_id);
        console.warn(&format!("stopped before `{next}`: {}; run this again to go on", neutral(why)));
    }
    if !report.passed_over.is_empty() {
        console.remark(
            "note: of several backups of one group the last one before a plan was carried out counts; name the file of \
             an older one to go back further",
        );
    }
    let counted: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let summary = if counted.is_empty() { "nothing to change".to_owned() } else { counted.join(", ") };
    to_stdout(|out| {
        for group in report.groups.iter().filter(|_| args.dry_run) {
            if let GroupResult::WouldChange { calls, .. } = &group.outcome {
                writeln!(out, "would change {}", neutral(&group.group.group_id))?;
                calls.iter().try_for_each(|call| writeln!(out, "  {}", neutral(call)))?;
            }
        }
        writeln!(out, "groups: {summary}")
    })?;
    if report.changed() > 0 {
        console.remark(&format!("backups are in `{0}`: `portcullis rollback {0}` takes it back", args.backup));
    }
    Ok(if report.is_complete() { Outcome::Done } else { Outcome::Incomplete })
}
