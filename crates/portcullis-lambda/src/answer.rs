//! What is answered to one call.

use std::io::Write as _;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, bail};
use portcullis_formats::events::{Asked, Body, Delivery, Event, ScanRequest, read};
use portcullis_runtime::SystemClock;
use portcullis_runtime::service::Service;
use serde_json::{Value, json};

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
    if let (Some(document), false) = (document.as_object_mut(), scans.is_empty()) {
        document.insert("scans".to_owned(), Value::Array(scans));
    }
    log(&document);
    failed.extend(response.failed_messages());
    if body.is_batch {
        let failures: Vec<Value> = failed.iter().map(|id| json!({ "itemIdentifier": id })).collect();
        return Ok(json!({ "batchItemFailures": failures }));
    }
    let scan_failed = document.pointer("/scans").and_then(Value::as_array).is_some_and(|scans| {
        scans.iter().any(|scan| scan["failures"].as_array().is_some_and(|failures| !failures.is_empty()))
    });
    if !response.is_complete() {
        bail!("{}", response.failures.join("; "));
    }
    if scan_failed {
        bail!("the scan is not complete: {}", document.get("scans").unwrap_or(&Value::Null));
    }
    Ok(document)
}

/// The scans that events ask for, and the messages whose scan failed.
fn scans(service: &Service, body: &Body) -> Result<(Vec<Value>, Vec<String>)> {
    let (mut scans, mut failed) = (Vec::new(), Vec::new());
    for Delivery { message_id, event } in &body.deliveries {
        let Ok(Event::Scan(asked)) = event else { continue };
        let outcome = service.scan(asked, &SystemClock)?;
        if !outcome.failures.is_empty() {
            failed.extend(message_id.clone());
        }
        scans.push(serde_json::to_value(&outcome)?);
    }
    Ok((scans, failed))
}

/// A task of a state machine that scans many accounts: `units` lists what is to be scanned, `scan` scans one of them.
fn answer_task(service: &Service, task: &str, payload: &Value) -> Result<Value> {
    match task {
        "units" => {
            let units = service.units().context("it cannot be told what is to be scanned")?;
            let unit =
                |(account, region): &(String, String)| json!({ "task": "scan", "account": account, "region": region });
            Ok(json!({ "units": units.iter().map(unit).collect::<Vec<_>>() }))
        }
        "scan" => {
            let text = |name: &str| payload.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let some = |text: String| Some(text).filter(|text| !text.is_empty()).into_iter().collect::<Vec<_>>();
            let asked = ScanRequest {
                id: String::new(),
                asked: Asked::Manually,
                accounts: some(text("account")),
                regions: some(text("region")),
                time: None,
            };
            let outcome = service.scan(&asked, &SystemClock)?;
            log(&serde_json::to_value(&outcome)?);
            Ok(json!({
                "account": text("account"),
                "region": text("region"),
                "groups": outcome.groups,
                "failing": outcome.failing,
                "stands": outcome.stands,
                "failures": outcome.failures,
            }))
        }
        other => bail!("`{other}` is no task: units or scan is expected"),
    }
}

/// One line of JSON, for the function's log.
fn log(document: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{document}");
}
