//! `portcullis handle-event`

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::sync::atomic::AtomicBool;

use portcullis_formats::events::{Delivery, Event, MOST_BYTES, read};
use portcullis_report::sanitise::neutral;
use portcullis_runtime::SystemClock;
use portcullis_runtime::enforce::Deed;
use portcullis_runtime::respond::{Did, Handled, Response};
use portcullis_runtime::service::{ScanOutcome, Service};
use serde_json::json;

use crate::cli::{HandleEventArgs, PlanFormat};
use crate::exit::{Failure, Outcome, Result};
use crate::interrupt::flag_of_signals;
use crate::output::{Console, to_stdout};
use crate::service::open;

pub(crate) fn run(args: &HandleEventArgs, console: &Console) -> Result<Outcome> {
    // An event that is none is said before anything is opened.
    let body = read(&bytes(&args.file)?).map_err(|error| Failure::input(format!("`{}`: {error}", args.file)))?;
    let interrupt = flag_of_signals().map_err(|error| Failure::Internal(error.into()))?;
    let opened = open(&args.events, console)?;
    let (response, scans) = answer(&opened.service, &body.deliveries, &interrupt)?;
    to_stdout(|out| tell(&response, &scans, args.events.format, out))?;
    drop(opened);
    complain(&response, &scans, console);
    if response.is_malformed() {
        let why = response.events.iter().find_map(|event| match &event.handled {
            Handled::Malformed { why } => Some(why.clone()),
            _ => None,
        });
        return Err(Failure::input(format!("`{}`: {}", args.file, why.unwrap_or_default())));
    }
    let malformed = response.events.iter().any(|event| matches!(event.handled, Handled::Malformed { .. }));
    let complete = response.is_complete() && !malformed && scans.iter().all(|scan| scan.failures.is_empty());
    Ok(if !complete {
        Outcome::Incomplete
    } else if response.stands() || scans.iter().any(|scan| scan.stands) {
        Outcome::Findings
    } else {
        Outcome::Done
    })
}

/// Answers events, those that ask for a scan by a scan.
pub(super) fn answer(
    service: &Service,
    deliveries: &[Delivery],
    interrupt: &AtomicBool,
) -> Result<(Response, Vec<ScanOutcome>)> {
    let response = service.respond(deliveries, &SystemClock, interrupt);
    let mut scans = Vec::new();
    for delivery in deliveries {
        if let Ok(Event::Scan(asked)) = &delivery.event {
            scans.push(service.scan(asked, &SystemClock)?);
        }
    }
    Ok((response, scans))
}

fn bytes(file: &str) -> Result<Vec<u8>> {
    let unreadable = |error: io::Error| Failure::io(format!("`{file}` cannot be read"), &error);
    // One more than there may be, so that what is too long is seen to be.
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    match file {
        "-" => io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(unreadable)?,
        file => File::open(file).map_err(unreadable)?.take(most).read_to_end(&mut bytes).map_err(unreadable)?,
    };
    Ok(bytes)
}

pub(super) fn complain(response: &Response, scans: &[ScanOutcome], console: &Console) {
    let failures = response.failures.iter().chain(scans.iter().flat_map(|scan| &scan.failures));
    failures.for_each(|why| console.warn(&format!("failed: {}", neutral(why))));
}

/// Prints what was done.
pub(super) fn tell(
    response: &Response,
    scans: &[ScanOutcome],
    format: PlanFormat,
    out: &mut impl Write,
) -> io::Result<()> {
    match format {
        PlanFormat::Text => tell_in_words(response, scans, out),
        PlanFormat::Json => {
            let mut document = serde_json::to_value(response)?;
            if let (Some(document), false) = (document.as_object_mut(), scans.is_empty()) {
                document.insert("scans".to_owned(), serde_json::to_value(scans)?);
            }
            let messages = response.events.iter().any(|event| event.message_id.is_some());
            if let (Some(document), true) = (document.as_object_mut(), messages) {
                let failed = response.failed_messages().into_iter().map(|id| json!({ "itemIdentifier": id }));
                document.insert("batchItemFailures".to_owned(), failed.collect());
            }
            serde_json::to_writer(&mut *out, &document)?;
            out.write_all(b"\n")
        }
    }
}

fn tell_in_words(response: &Response, scans: &[ScanOutcome], out: &mut impl Write) -> io::Result<()> {
    for event in &response.events {
        let id = if event.id.is_empty() { String::new() } else { format!(" {}", neutral(&event.id)) };
        let message = event.message_id.as_deref().map(|id| format!("message {}: ", neutral(id))).unwrap_or_default();
        let what = format!("{message}{}", neutral(&event.what));
        match &event.handled {
            Handled::Judged => writeln!(out, "{what}{id}")?,
            Handled::Repeated => writeln!(out, "{what}{id}: was answered before")?,
            Handled::Scan => writeln!(out, "{what}{id}")?,
            Handled::Skipped { why } => writeln!(out, "{what}{id}: skipped: {}", neutral(why))?,
            Handled::Malformed { why } => writeln!(out, "{what}: {}", neutral(why))?,
            Handled::Failed { why } => writeln!(out, "{what}{id}: failed: {}", neutral(why))?,
        }
    }
    for group in &response.groups {
        let (id, name) = (neutral(&group.group_id), neutral(&group.group_name));
        writeln!(out, "{id} {name}  {} {}", group.account_id, group.region)?;
        for principal in &group.principals {
            writeln!(out, "  changed by {}", neutral(principal))?;
        }
        for finding in &group.findings {
            let judged = &finding.judged;
            let rule = neutral(judged.rule_id.as_deref().unwrap_or(&judged.control_id));
            writeln!(out, "  {:<8} {:<7} {rule}: {}", judged.severity, judged.status, neutral(&finding.reason))?;
            if !finding.action.is_empty() {
                writeln!(out, "           {}", neutral(&finding.action))?;
            }
        }
        match &group.did {
            Did::Nothing if group.findings.is_empty() => writeln!(out, "  clean")?,
            Did::Nothing => writeln!(out, "  nothing was changed")?,
            Did::Changed { strategy, changes, backup } => {
                writeln!(
                    out,
                    "  {strategy}: {changes} changes made; `portcullis rollback {}` takes it back",
                    neutral(backup)
                )?;
            }
            Did::WouldChange { strategy, changes, words } => {
                writeln!(out, "  {strategy}: {changes} changes would be made with --enforce")?;
                words.iter().try_for_each(|word| writeln!(out, "    {}", neutral(word)))?;
            }
        }
        if let Some(until) = group.waits_until {
            writeln!(out, "  waits until {until:.0}")?;
        }
        if let Some(why) = &group.failure {
            writeln!(out, "  {}", neutral(why))?;
        }
    }
    for principal in &response.principals {
        let (who, minute, hour) = (neutral(&principal.principal), principal.in_a_minute, principal.in_an_hour);
        writeln!(out, "mass operations: {who}: {minute} in a minute, {hour} in an hour")?;
        principal.done.iter().try_for_each(|done| writeln!(out, "  {}", neutral(done)))?;
    }
    for scan in scans {
        writeln!(out, "scan: {} groups judged, {} findings", scan.groups, scan.failing)?;
        for (group, deed) in &scan.ordered {
            let what = match deed {
                Deed::Changed { changes, backup } => {
                    format!("{changes} changes made; `portcullis rollback {}` takes it back", neutral(backup))
                }
                Deed::WouldChange { changes } => format!("{changes} changes would be made with --enforce"),
                Deed::AlreadyDone => "as it should be already".to_owned(),
                Deed::Refused { why } | Deed::Failed { why } => neutral(why).to_string(),
            };
            writeln!(out, "  {}: {what}", neutral(group))?;
        }
        if let Some(report) = &scan.enforcement {
            let sum = &report.summary;
            writeln!(
                out,
                "  {} reported, {} warned, {} in grace, {} waiting for approval, {} due; {} groups put right",
                sum.reported, sum.warned, sum.waiting, sum.awaiting_approval, sum.due, sum.remediated
            )?;
        }
    }
    Ok(())
}
