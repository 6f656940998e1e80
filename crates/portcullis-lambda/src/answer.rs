//! What is answered to one call.

use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use portcullis_formats::events::{Body, Delivery, Event, read};
use portcullis_runtime::SystemClock;
use portcullis_runtime::service::{ScanOutcome, Service, Unit};
use serde::Serialize;
use serde_json::{Value, json};

use crate::fit::{fitted, log};

/// Answers an event, a batch of SQS messages, or a task of a state machine.
///
/// Of a batch, the messages that failed are named, and the queue delivers them again. Of a single event a failure fails
/// the call, which AWS makes again.
pub(crate) fn answer(service: &Service, payload: &Value, interrupt: &AtomicBool) -> Result<Value> {
    if let Some(task) = payload.get("task").and_then(Value::as_str) {
        return answer_task(service, task, payload);
    }
    let body = match read(payload.to_string().as_bytes()) {
        Ok(body) => body,
        // A batch of which nothing is left.
        Err(_) if payload.get("Records").and_then(Value::as_array).is_some_and(Vec::is_empty) => {
            return Ok(json!({ "batchItemFailures": [] }));
        }
        Err(error) => bail!("{error}"),
    };
    let response = service.respond(&body.deliveries, &SystemClock, interrupt);
    let mut document = serde_json::to_value(&response)?;
    let (scans, mut failed) = scans(service, &body)?;
    let incomplete = scans.iter().find(|scan| !scan.failures.is_empty()).map(|scan| scan.failures.join("; "));
    if let (Some(document), false) = (document.as_object_mut(), scans.is_empty()) {
        document.insert("scans".to_owned(), serde_json::to_value(scans.iter().map(Summary::of).collect::<Vec<_>>())?);
    }
    let document = fitted(document);
    log(&document);
    failed.extend(response.failed_messages());
    if body.is_batch {
        let failures: Vec<Value> = failed.iter().map(|id| json!({ "itemIdentifier": id })).collect();
        return Ok(json!({ "batchItemFailures": failures }));
    }
    if !response.is_complete() {
        bail!("{}", response.failures.join("; "));
    }
    if let Some(why) = incomplete {
        bail!("the scan is not complete: {why}");
    }
    Ok(document)
}

/// The scans that events ask for, and the messages whose scan failed.
fn scans(service: &Service, body: &Body) -> Result<(Vec<ScanOutcome>, Vec<String>)> {
    let (mut scans, mut failed) = (Vec::new(), Vec::new());
    for Delivery { message_id, event } in &body.deliveries {
        let Ok(Event::Scan(asked)) = event else { continue };
        let outcome = service.scan(asked, &SystemClock)?;
        if !outcome.failures.is_empty() {
            failed.extend(message_id.clone());
        }
        scans.push(outcome);
    }
    Ok((scans, failed))
}

/// What is answered of a scan. The whole is where the reports are: an answer has no room for it.
#[derive(Serialize)]
struct Summary<'a> {
    run: &'a str,
    groups: usize,
    failing: usize,
    stands: bool,
    /// What the levels asked, counted.
    enforcement: Option<Value>,
    /// How many groups an order by hand is about.
    ordered: usize,
    reports: &'a [String],
    failures: &'a [String],
}

impl<'a> Summary<'a> {
    fn of(outcome: &'a ScanOutcome) -> Self {
        let enforcement = outcome.enforcement.as_ref();
        Self {
            run: &outcome.run,
            groups: outcome.groups,
            failing: outcome.failing,
            stands: outcome.stands,
            enforcement: enforcement.and_then(|report| serde_json::to_value(report.summary).ok()),
            ordered: outcome.ordered.len(),
            reports: &outcome.reports,
            failures: &outcome.failures,
        }
    }
}

/// A task of a state machine that scans many accounts: `units` lists what is to be scanned, `scan` scans one of them, and
/// `report` puts all of it together.
fn answer_task(service: &Service, task: &str, payload: &Value) -> Result<Value> {
    let text = |name: &str| payload.get(name).and_then(Value::as_str).unwrap_or_default();
    let answer = match task {
        "units" => serde_json::to_value(service.list_units(text("run"))?)?,
        "scan" => {
            let unit: Unit = serde_json::from_value(payload.clone()).context("this is no unit of a scan")?;
            let outcome = service.scan_unit(&unit, &SystemClock)?;
            serde_json::to_value(Summary::of(&outcome))?
        }
        "report" => {
            // A state machine knows when it began; without that, how long it took is not told.
            let began: Option<Timestamp> = text("began").parse().ok();
            serde_json::to_value(service.merge(text("run"), began, &SystemClock)?)?
        }
        other => bail!("`{other}` is no task: units, scan or report is expected"),
    };
    let answer = fitted(answer);
    log(&answer);
    Ok(answer)
}
