//! What events come in: bare, in EventBridge's envelope, in SQS messages, in notifications of SNS, in batches of Lambda.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::field::{Field, account, region, short};
use super::{Asked, Event, EventError, ScanRequest, Skipped, call};

/// The longest body: more than SQS, SNS and Lambda deliver. Source: their quotas; Lambda's of 6 MB is the greatest.
pub const MOST_BYTES: usize = 16 << 20;
/// So many wrappings within one another are read; AWS makes three.
const DEEPEST: usize = 6;
/// The most events of one body. Source: AWS Lambda Developer Guide: a batch of SQS has at most 10,000 records.
const MOST_EVENTS: usize = 10_000;

/// What a body holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// Whether it is a batch of SQS messages, whose failures are told message by message.
    pub is_batch: bool,
    /// Its events, in their order.
    pub deliveries: Vec<Delivery>,
}

/// One event, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The SQS message that it came in.
    pub message_id: Option<String>,
    /// The event.
    pub event: Result<Event, EventError>,
}

/// Reads a body.
///
/// # Errors
/// Where it is no event and holds none. A batch is one, whatever its messages hold.
pub fn read(bytes: &[u8]) -> Result<Body, EventError> {
    if bytes.len() > MOST_BYTES {
        return Err(EventError(format!(
            "this is no event: it has {} bytes, and none has more than {MOST_BYTES}",
            bytes.len()
        )));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
    let mut body = Body::default();
    unwrap(&value, None, 0, &mut body)?;
    match body.deliveries.as_slice() {
        [] => Err(EventError("this is no event: `Records` is empty".to_owned())),
        [Delivery { message_id: None, event: Err(error) }] => Err(error.clone()),
        _ => Ok(body),
    }
}

fn not_json(error: &serde_json::Error) -> EventError {
    EventError(format!("this is no event: it is no JSON: {error}"))
}

/// Takes a value apart. Fails where it is none of the things that hold events.
fn unwrap(value: &Value, message: Option<&str>, depth: usize, body: &mut Body) -> Result<(), EventError> {
    if depth > DEEPEST {
        return Err(EventError("this is no event: it is wrapped too often".to_owned()));
    }
    if body.deliveries.len() >= MOST_EVENTS {
        return Err(EventError(format!("there are more than {MOST_EVENTS} events in one body")));
    }
    let Value::Object(object) = value else {
        return Err(EventError("this is no event: a JSON object is expected".to_owned()));
    };
    let field = Field::new("", value);
    if let Some(records) = object.get("Records") {
        let Value::Array(records) = records else {
            return Err(EventError("this is no event: `Records` is no list".to_owned()));
        };
        for record in records {
            body.is_batch |= message.is_none() && is_sqs(record);
            unwrap_one(record, message, depth, body);
        }
        return Ok(());
    }
    // A message of SQS: as Lambda is given it, and as the queue itself answers it.
    if let Some(inner) = object.get("body").or_else(|| object.get("Body")).filter(|_| is_sqs(value)) {
        let own = [field.text("messageId")?, field.text("MessageId")?].into_iter().find(|id| !id.is_empty());
        return unwrap_text(inner, own.or(message), depth, body);
    }
    // A notification of SNS: in a queue, and as Lambda is given it.
    if let Some(inner) = object.get("Message").filter(|_| object.contains_key("TopicArn") || is_notification(value)) {
        return unwrap_text(inner, message, depth, body);
    }
    if let Some(inner) = object.get("Sns") {
        return unwrap(inner, message, depth + 1, body);
    }
    let event = one(value)?;
    body.deliveries.push(Delivery { message_id: message.map(str::to_owned), event: Ok(identified(event, value)) });
    Ok(())
}

/// One record of several: what is wrong with it is its own.
fn unwrap_one(value: &Value, message: Option<&str>, depth: usize, body: &mut Body) {
    let own = ["messageId", "MessageId"].iter().find_map(|key| value.get(key)).and_then(Value::as_str);
    let message = own.filter(|_| is_sqs(value)).or(message);
    let before = body.deliveries.len();
    if let Err(error) = unwrap(value, message, depth + 1, body) {
        body.deliveries.truncate(before);
        body.deliveries.push(Delivery { message_id: message.map(str::to_owned), event: Err(error) });
    }
}

/// A body within another is a text of JSON; an object is taken too.
fn unwrap_text(inner: &Value, message: Option<&str>, depth: usize, body: &mut Body) -> Result<(), EventError> {
    match inner {
        Value::String(text) => {
            let value: Value = serde_json::from_str(text).map_err(|error| not_json(&error))?;
            unwrap(&value, message, depth + 1, body)
        }
        other => unwrap(other, message, depth + 1, body),
    }
}

fn is_sqs(value: &Value) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let queue = text("eventSource") == "aws:sqs" || text("eventSourceARN").contains(":sqs:");
    let keys = ["receiptHandle", "ReceiptHandle", "messageId", "MessageId"];
    let message = keys.iter().any(|key| value.get(key).is_some());
    let body = value.get("body").or_else(|| value.get("Body"));
    queue || (message && body.is_some())
}

fn is_notification(value: &Value) -> bool {
    value.get("Type").and_then(Value::as_str) == Some("Notification")
}

/// One event without its wrappings.
fn one(value: &Value) -> Result<Event, EventError> {
    let event = Field::new("", value);
    let (source, kind) = (event.text("source")?, event.text("detail-type")?);
    if event.get("detail").is_none() && event.get("eventName").is_some() {
        // A record as CloudTrail's own files hold it.
        return call::read(value, "", "", "", "");
    }
    if kind.is_empty() && source.is_empty() && event.get("detail").is_none() {
        return Err(EventError(
            "this is no event: neither `detail-type`, nor `eventName`, nor `Records` is there".to_owned(),
        ));
    }
    let (id, time) = (event.text("id")?, event.time("time")?);
    let detail = detail(&event)?;
    let scan = |asked: Asked| -> Result<Event, EventError> {
        let detail = Field::new("detail", &detail);
        let accounts = detail.texts("accounts").or_else(|_| detail.texts("target_accounts"))?;
        Ok(Event::Scan(ScanRequest {
            id: id.to_owned(),
            asked,
            accounts: accounts.into_iter().map(account).collect::<Result<_, _>>()?,
            regions: detail.texts("regions")?.into_iter().map(region).collect::<Result<_, _>>()?,
            time,
        }))
    };
    let skipped = |why: &str| {
        let what = if kind.is_empty() { short(source) } else { short(kind) };
        Ok(Event::Skipped(Skipped { what, why: why.to_owned() }))
    };
    match (source, kind) {
        (_, "Scheduled Event") if matches!(source, "aws.events" | "aws.scheduler" | "") => scan(Asked::Schedule),
        ("custom.security.compliance", "Manual Compliance Scan") => scan(Asked::Manually),
        // Nobody but AWS may put events whose source begins with `aws.`.
        ("aws.ec2" | "", "AWS API Call via CloudTrail" | "") => {
            call::read(&detail, "detail", event.text("account")?, event.text("region")?, id)
        }
        (_, "AWS API Call via CloudTrail") if source.starts_with("aws.") => {
            skipped("calls of this service change no security group")
        }
        (_, "AWS API Call via CloudTrail") => skipped("only events of the source `aws.ec2` are AWS's own"),
        _ => skipped("events of this kind are not acted upon"),
    }
}

/// The `detail`, which some who put events give as a text.
fn detail(event: &Field<'_>) -> Result<Value, EventError> {
    match event.get("detail") {
        Some(Value::String(text)) => {
            serde_json::from_str(text).map_err(|_| event.wrong("detail", "is neither an object nor a text of JSON"))
        }
        Some(detail @ Value::Object(_)) => Ok(detail.clone()),
        None => Ok(Value::Object(serde_json::Map::new())),
        Some(_) => Err(event.wrong("detail", "is no object")),
    }
}

/// An event without an id is known again by its content.
fn identified(mut event: Event, value: &Value) -> Event {
    let digest = || {
        let hash = Sha256::digest(value.to_string().as_bytes());
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    match &mut event {
        Event::Call(call) if call.id.is_empty() => call.id = digest(),
        Event::Scan(scan) if scan.id.is_empty() => scan.id = digest(),
        _ => {}
    }
    event
}
