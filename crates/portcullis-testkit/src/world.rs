//! An AWS account of a test's own on the AWS-like server.

use std::collections::BTreeMap;
use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

use crate::http::{self, Message};
use crate::proxy::Proxy;
use crate::xml::Element;

mod network;
mod organisation;
mod queues;
mod roles;
mod rules;
mod stores;

pub use organisation::Organisation;
pub use rules::Rule;
pub use stores::Inbox;

/// An account with a Region that calls go to. A clone is the same account.
#[derive(Debug, Clone)]
pub struct World {
    /// Where our own calls go: always the server itself.
    endpoint: String,
    /// Where the calls of a child process go: the server, or a proxy in front of it.
    child_endpoint: String,
    account: String,
    region: String,
    keys: Arc<Keys>,
}

#[derive(Debug)]
struct Keys {
    id: String,
    secret: String,
    token: String,
    home: TempDir,
}

/// Settings by which a command would find other credentials or other servers than a world's, even if a test set them.
const ELSEWHERE: [&str; 6] = [
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// Any access key may assume any role on the server; this one belongs to no account that a test uses.
const NOBODY: &str = "AKIATESTTESTTESTTEST";

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A fresh account with a random id, in `eu-west-1`.
    ///
    /// # Panics
    /// With [`NO_SERVER`](crate::NO_SERVER) where `PORTCULLIS_TEST_AWS` is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::in_account(&fresh_account())
    }

    /// An account by its id, e.g. one that an organisation made. The credentials are those of the role
    /// `arn:aws:iam::ACCOUNT:role/any`, which the server lets anybody assume.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn in_account(account: &str) -> Self {
        let endpoint = env::var("PORTCULLIS_TEST_AWS").unwrap_or_else(|_| panic!("{}", crate::NO_SERVER));
        Self::on(&endpoint, account)
    }

    /// An account on a server at a known address, for programs that start their own.
    ///
    /// # Panics
    /// Where the server does not answer.
    #[must_use]
    pub fn on(endpoint: &str, account: &str) -> Self {
        let endpoint = endpoint.to_owned();
        let home = TempDir::new().expect("no temporary folder");
        let nobody = Keys { id: NOBODY.to_owned(), secret: String::new(), token: String::new(), home };
        let (child_endpoint, region) = (endpoint.clone(), "eu-west-1".to_owned());
        let mut world = Self { endpoint, child_endpoint, account: account.to_owned(), region, keys: Arc::new(nobody) };
        let role = format!("arn:aws:iam::{account}:role/any");
        world.keys = Arc::new(world.assume(&role));
        world
    }

    /// The credentials of a role.
    fn assume(&self, role: &str) -> Keys {
        let answer = self.query("sts", "AssumeRole", &[("RoleArn", role), ("RoleSessionName", "test")]);
        let given = |name| answer.find(name).map_or_else(String::new, |e| e.text.clone());
        Keys {
            id: given("AccessKeyId"),
            secret: given("SecretAccessKey"),
            token: given("SessionToken"),
            home: TempDir::new().expect("no temporary folder"),
        }
    }

    /// The same account in another Region.
    #[must_use]
    pub fn at(&self, region: &str) -> Self {
        Self { region: region.to_owned(), ..self.clone() }
    }

    /// The same account, whose child processes go through the proxy. The world's own calls do not.
    #[must_use]
    pub fn behind(&self, proxy: &Proxy) -> Self {
        Self { child_endpoint: proxy.endpoint(), ..self.clone() }
    }

    /// The twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// e.g. `eu-west-1`.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The server's address.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What a child process needs in its environment to act in this account and Region, and nowhere else.
    #[must_use]
    pub fn env(&self) -> BTreeMap<&'static str, String> {
        let home = self.keys.home.path();
        let file = |name: &str| home.join(name).display().to_string();
        BTreeMap::from([
            ("AWS_ACCESS_KEY_ID", self.keys.id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.keys.secret.clone()),
            ("AWS_SESSION_TOKEN", self.keys.token.clone()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_DEFAULT_REGION", self.region.clone()),
            ("AWS_ENDPOINT_URL", self.child_endpoint.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_CONFIG_FILE", file("config")),
            ("AWS_SHARED_CREDENTIALS_FILE", file("credentials")),
            ("HOME", home.display().to_string()),
        ])
    }

    /// Gives a command [`env`](Self::env), and takes away whatever else of AWS stands in ours or was set before.
    pub fn lend_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let others = env::vars_os().map(|(name, _)| name).filter(|n| n.to_string_lossy().starts_with("AWS_"));
        let all = others.chain(ELSEWHERE.map(Into::into));
        all.fold(command, Command::env_remove).envs(self.env())
    }

    /// Calls a service of the Query protocol (EC2, STS, SNS).
    ///
    /// # Panics
    /// Where the server refuses; see [`refused`](Self::refused).
    pub fn query(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> Element {
        let answer = self.form(service, action, parameters);
        assert!(answer.status() < 300, "{service} {action} {parameters:?}: {}", answer.text());
        Element::parse(&answer.text())
    }

    /// The error code with which a service of the Query protocol refuses a call; `None` where it does not.
    #[must_use]
    pub fn refused(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> Option<String> {
        let answer = self.form(service, action, parameters);
        let root = Element::parse(&answer.text());
        (answer.status() >= 300).then(|| root.find("Code").map_or_else(String::new, |c| c.text.clone()))
    }

    fn form(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> Message {
        let version = match service {
            "ec2" => "2016-11-15",
            "cloudformation" => "2010-05-15",
            "sts" => "2011-06-15",
            "sns" => "2010-03-31",
            "iam" => "2010-05-08",
            other => panic!("{other} does not speak the Query protocol here"),
        };
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            body.push_str(&format!("&{}={}", http::encode(name), http::encode(value)));
        }
        let form = ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
        self.send(service, "POST", "/", &[form], body.as_bytes())
    }

    /// Calls a service of the JSON protocol by its target, e.g. `AmazonSSM.PutParameter`.
    ///
    /// # Panics
    /// Where the server refuses.
    pub fn json(&self, service: &str, target: &str, body: &Value) -> Value {
        let version = if service == "dynamodb" || service == "sqs" { "1.0" } else { "1.1" };
        let kind = format!("application/x-amz-json-{version}");
        let headers = [("Content-Type", kind.as_str()), ("X-Amz-Target", target)];
        let answer = self.send(service, "POST", "/", &headers, body.to_string().as_bytes());
        assert!(answer.status() < 300, "{target} {body}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    /// One request, unsigned but naming the access key, by which the server tells the account.
    fn send(&self, service: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
        let scope = format!("{}/20260101/{}/{service}/aws4_request", self.keys.id, self.region);
        let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none");
        let mut request = Message::new(format!("{method} {path} HTTP/1.1"), body).with("Authorization", &signed);
        let address = http::address(&self.endpoint);
        request = headers.iter().fold(request.with("Host", address), |r, (name, value)| r.with(name, value));
        request.send(address).unwrap_or_else(|e| panic!("no answer from the server at {}: {e}", self.endpoint))
    }
}

/// Twelve digits, the first not zero. Random without a crate for it: the standard library's hashers are keyed at random.
fn fresh_account() -> String {
    let random = RandomState::new().build_hasher().finish();
    (100_000_000_000 + random % 900_000_000_000).to_string()
}
