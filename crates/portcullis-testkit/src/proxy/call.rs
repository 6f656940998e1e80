//! What a request asks for, told from its shape.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Fault;
use crate::http::{Message, decode};

/// One call as it went through the proxy.
#[derive(Debug, Clone)]
pub struct Call {
    /// As in the signature's scope: `ec2`, `s3`, `sts`, `monitoring`, …
    pub service: String,
    /// The operation, e.g. `DescribeSecurityGroups`. For S3: `GetObject`, `PutObject`, `HeadObject`, `DeleteObject`,
    /// `ListObjects`, `CreateBucket`; for other REST services the method and path.
    pub action: String,
    /// In which the caller acts; empty where the server does not know the access key.
    pub account: String,
    /// As in the signature's scope.
    pub region: String,
    /// e.g. `POST`
    pub method: String,
    /// With the query.
    pub path: String,
    /// As text.
    pub body: String,
    /// Since the proxy began.
    pub at: Duration,
    /// Until the answer was there; zero where it never was.
    pub took: Duration,
    /// Of the answer; 0 where there was none.
    pub status: u16,
    /// What the script did to it.
    pub fault: Option<Fault>,
    pub(super) dialect: Dialect,
}

/// How a service writes its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Ec2,
    Query,
    Json,
    Cbor,
    RestXml,
    RestJson,
}

impl Call {
    pub(super) fn of(request: &Message, at: Duration) -> Self {
        let (method, path, body) = (request.word(0).to_owned(), request.word(1).to_owned(), request.text());
        let scope = scope(request);
        let [_, _, region, service] = scope.map(str::to_owned);
        let form = request.header("content-type").is_some_and(|t| t.contains("x-www-form-urlencoded"));
        let (action, dialect) = if let Some(target) = request.header("x-amz-target") {
            (target.rsplit('.').next().unwrap_or_default().to_owned(), Dialect::Json)
        } else if let Some((_, operation)) = path.split_once("/operation/") {
            (operation.to_owned(), Dialect::Cbor)
        } else if form {
            let action = pairs(&body).remove("Action").unwrap_or_default();
            (action, if service == "ec2" { Dialect::Ec2 } else { Dialect::Query })
        } else if service == "s3" {
            (object_action(&method, &path).to_owned(), Dialect::RestXml)
        } else {
            let plain = path.split('?').next().unwrap_or_default();
            (format!("{method} {plain}"), Dialect::RestJson)
        };
        let took = Duration::ZERO;
        let account = String::new();
        Self { service, action, account, region, method, path, body, at, took, status: 0, fault: None, dialect }
    }

    /// A call of EC2 that nobody made, for tests of what reads the log.
    #[must_use]
    pub fn example(action: &str) -> Self {
        let form = Message::new("POST / HTTP/1.1".to_owned(), format!("Action={action}"));
        Self::of(&form.with("Content-Type", "application/x-www-form-urlencoded"), Duration::ZERO)
    }

    /// A parameter of the Query protocol, e.g. `GroupId`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        pairs(&self.body).remove(name)
    }

    /// Whether the call does more than read. Assuming a role is reading.
    #[must_use]
    pub fn changes_something(&self) -> bool {
        let reads =
            ["Describe", "Get", "List", "Head", "AssumeRole", "Search", "Scan", "Query", "BatchGet", "GET ", "HEAD "];
        !reads.iter().any(|prefix| self.action.starts_with(prefix))
    }
}

fn pairs(body: &str) -> BTreeMap<String, String> {
    body.split('&').filter_map(|p| p.split_once('=')).map(|(k, v)| (decode(k), decode(v))).collect()
}

/// Access key, day, Region and service of the signature; empty where the request is not signed.
pub(super) fn scope(request: &Message) -> [&str; 4] {
    let signature = request.header("authorization").unwrap_or_default();
    let scope = signature.split_once("Credential=").map_or("", |(_, s)| s.split(',').next().unwrap_or_default());
    let mut parts = scope.split('/');
    [(); 4].map(|()| parts.next().unwrap_or_default())
}

/// Path style: `/bucket/key`, as the SDKs use with an address of digits.
fn object_action(method: &str, path: &str) -> &'static str {
    let (plain, query) = path.split_once('?').unwrap_or((path, ""));
    let in_bucket = plain.trim_matches('/').contains('/');
    match (method, in_bucket) {
        ("GET", true) => "GetObject",
        ("PUT", true) => "PutObject",
        ("HEAD", true) => "HeadObject",
        ("DELETE", true) => "DeleteObject",
        ("POST", true) => "PostObject",
        ("GET", false) if query.contains("list-type") || query.contains("prefix") => "ListObjects",
        ("GET", false) => "GetBucket",
        ("HEAD", false) => "HeadBucket",
        ("PUT", false) => "CreateBucket",
        _ => "ChangeBucket",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(start: &str, headers: &[(&str, &str)], body: &str) -> Call {
        let scope = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/SERVICE/aws4_request, SignedHeaders=host";
        let service = headers.iter().find(|(n, _)| *n == "service").map_or("ec2", |(_, v)| *v);
        let request = Message::new(start.to_owned(), body).with("Authorization", &scope.replace("SERVICE", service));
        Call::of(&headers.iter().fold(request, |r, (n, v)| r.with(n, v)), Duration::ZERO)
    }

    fn told(call: &Call) -> (&str, &str, &str, Dialect) {
        (&call.service, &call.action, &call.region, call.dialect)
    }

    #[test]
    fn each_protocol_names_its_action() {
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let ec2 = call("POST / HTTP/1.1", &[form], "Action=DescribeVpcs&VpcId.1=vpc-1");
        assert_eq!(told(&ec2), ("ec2", "DescribeVpcs", "eu-west-1", Dialect::Ec2));
        assert_eq!(ec2.parameter("VpcId.1").as_deref(), Some("vpc-1"));
        let json = call("POST / HTTP/1.1", &[("service", "ssm"), ("X-Amz-Target", "AmazonSSM.GetParameter")], "{}");
        assert_eq!(told(&json), ("ssm", "GetParameter", "eu-west-1", Dialect::Json));
        let cbor = call("POST /service/GraniteServiceVersion20100801/operation/PutMetricData HTTP/1.1", &[], "");
        assert_eq!(cbor.action, "PutMetricData");
        let s3 = [("service", "s3")];
        assert_eq!(call("PUT /b/a/b.json?x-id=PutObject HTTP/1.1", &s3, "").action, "PutObject");
        assert_eq!(call("GET /b?list-type=2 HTTP/1.1", &s3, "").action, "ListObjects");
        assert!(!ec2.changes_something());
        assert!(cbor.changes_something());
    }
}
