//! The script: which calls, and what happens to them.

use std::time::Duration;

use super::Call;
use super::call::Dialect;
use crate::http::Message;

/// Which calls a fault befalls: those that match everything that is given.
#[derive(Debug, Clone, Default)]
pub struct When {
    action: Option<String>,
    service: Option<String>,
    account: Option<String>,
    region: Option<String>,
    text: Option<String>,
    after: usize,
    times: Option<usize>,
}

impl When {
    /// Every call.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// The calls of an action, as [`Call::action`] names it; one `*` at the end stands for the rest.
    #[must_use]
    pub fn action(name: &str) -> Self {
        Self { action: Some(name.to_owned()), ..Self::default() }
    }

    /// The calls of a service, as [`Call::service`] names it.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self { service: Some(name.to_owned()), ..Self::default() }
    }

    /// Only in this account. For `AssumeRole` that is the caller's; see [`containing`](Self::containing).
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Only in this Region.
    #[must_use]
    pub fn in_region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// Only with this text in the path or the body, as it is sent (escaped in the Query protocol): an account's id picks
    /// the `AssumeRole` into it, a group's id the calls that name it.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// Lets the first so many matching calls through.
    #[must_use]
    pub fn after(mut self, calls: usize) -> Self {
        self.after = calls;
        self
    }

    /// Only so many calls; without it, all.
    #[must_use]
    pub fn times(mut self, calls: usize) -> Self {
        self.times = Some(calls);
        self
    }

    pub(super) fn matches(&self, call: &Call) -> bool {
        let is = |wanted: &Option<String>, have: &str| wanted.as_ref().is_none_or(|w| w == have);
        let named = self.action.as_ref().is_none_or(|w| match w.strip_suffix('*') {
            Some(prefix) => call.action.starts_with(prefix),
            None => *w == call.action,
        });
        let told = self.text.as_ref().is_none_or(|t| call.path.contains(t) || call.body.contains(t));
        named
            && told
            && is(&self.service, &call.service)
            && is(&self.account, &call.account)
            && is(&self.region, &call.region)
    }

    /// Whether the nth matching call, from 1, is one that it befalls.
    pub(super) fn is_due(&self, nth: usize) -> bool {
        nth > self.after && self.times.is_none_or(|times| nth <= self.after.saturating_add(times))
    }
}

/// What happens to a call. Refusals come in the service's own words: EC2's `RequestLimitExceeded` is S3's `SlowDown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Too many calls: to be tried again, more slowly.
    Throttled,
    /// The service's own failure, 500: to be tried again.
    Failed,
    /// The connection ends without an answer; the server never saw the call.
    Reset,
    /// The connection ends without an answer, but the server did what was asked.
    Lost,
    /// The answer comes this much later.
    Slow(Duration),
    /// No answer as long as the proxy stands.
    Never,
    /// The credentials have expired.
    Expired,
    /// The request was signed by a clock that is hours off, as the answer's `Date` shows.
    Skewed,
    /// The bucket is in this Region, which is not the one that was asked: S3's redirect. A request that is signed for the
    /// right Region goes through.
    Elsewhere(String),
    /// The caller may not do this.
    Denied,
    /// An error of this code, as a client's mistake (400).
    Refused(String),
    /// A list never ends: its first page comes again and again, with the same token each time.
    SamePage,
    /// The answer breaks off in the middle of its body.
    Truncated,
}

impl Fault {
    /// The answer of a service that refuses in this way. Codes: "Common errors" in each service's API reference.
    pub(super) fn refusal(&self, call: &Call) -> Message {
        let dialect = call.dialect;
        let (status, code) = match (self, dialect) {
            (Self::Throttled, Dialect::Ec2) => (503, "RequestLimitExceeded"),
            (Self::Throttled, Dialect::RestXml) => (503, "SlowDown"),
            (Self::Throttled, Dialect::Query) => (400, "Throttling"),
            (Self::Throttled, Dialect::RestJson) => (429, "TooManyRequestsException"),
            (Self::Throttled, _) => (400, "ThrottlingException"),
            (Self::Expired, Dialect::Ec2) => (400, "RequestExpired"),
            (Self::Expired, Dialect::RestXml) => (400, "ExpiredToken"),
            (Self::Expired, Dialect::Query) => (403, "ExpiredToken"),
            (Self::Expired, Dialect::RestJson) => (403, "ExpiredTokenException"),
            (Self::Expired, _) => (400, "ExpiredTokenException"),
            (Self::Skewed, Dialect::RestXml) => (403, "RequestTimeTooSkewed"),
            (Self::Skewed, Dialect::Ec2) => (400, "RequestExpired"),
            (Self::Skewed, _) => (403, "SignatureDoesNotMatch"),
            (Self::Elsewhere(_), _) => (301, "PermanentRedirect"),
            (Self::Denied, Dialect::Ec2) => (403, "UnauthorizedOperation"),
            (Self::Denied, Dialect::RestXml | Dialect::Query) => (403, "AccessDenied"),
            (Self::Denied, Dialect::RestJson) => (403, "AccessDeniedException"),
            (Self::Denied, _) => (400, "AccessDeniedException"),
            (Self::Refused(code), _) => (400, code.as_str()),
            (_, Dialect::Json | Dialect::Cbor) => (500, "InternalServerError"),
            _ => (500, "InternalError"),
        };
        let message = match self {
            Self::Skewed => "Signature expired: 20200101T000000Z is now earlier than 20200101T120000Z",
            _ => "injected by the test",
        };
        let answer = write(dialect, status, code, message);
        match self {
            Self::Skewed => answer.with("Date", "Wed, 01 Jan 2020 12:15:00 GMT"),
            Self::Elsewhere(region) => answer.with("x-amz-bucket-region", region),
            _ => answer,
        }
    }
}

fn write(dialect: Dialect, status: u16, code: &str, message: &str) -> Message {
    let error = format!("<Code>{code}</Code><Message>{message}</Message>");
    let (kind, body) = match dialect {
        Dialect::Ec2 => (
            "text/xml",
            format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>r</RequestID></Response>"),
        ),
        Dialect::Query => {
            let error = format!("<Error><Type>Sender</Type>{error}</Error>");
            ("text/xml", format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"))
        }
        Dialect::RestXml => ("application/xml", format!("<Error>{error}<RequestId>r</RequestId></Error>")),
        Dialect::Json => ("application/x-amz-json-1.1", format!(r#"{{"__type":"{code}","message":"{message}"}}"#)),
        Dialect::RestJson => ("application/json", format!(r#"{{"message":"{message}"}}"#)),
        Dialect::Cbor => ("application/cbor", String::new()),
    };
    let bytes =
        if dialect == Dialect::Cbor { cbor(&[("__type", code), ("message", message)]) } else { body.into_bytes() };
    let answer = Message::new(format!("HTTP/1.1 {status} Refused"), bytes).with("Content-Type", kind);
    match dialect {
        Dialect::Json | Dialect::RestJson => answer.with("x-amzn-ErrorType", code),
        Dialect::Cbor => answer.with("smithy-protocol", "rpc-v2-cbor"),
        _ => answer,
    }
}

/// A map of fewer than 24 short texts in CBOR (RFC 8949).
fn cbor(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = vec![0xa0 | u8::try_from(pairs.len()).unwrap_or(0)];
    for text in pairs.iter().flat_map(|(k, v)| [k, v]) {
        out.extend([0x78, u8::try_from(text.len()).unwrap_or(0)]);
        out.extend(text.bytes().take(255));
    }
    out
}
