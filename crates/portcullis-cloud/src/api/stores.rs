//! Stores, parameters, notices and metrics.

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Page;
use crate::error::Result;

/// A thing with the tag that tells whether it changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Its ETag.
    pub etag: String,
}

/// A piece of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What was asked for, or less at the object's end.
    pub bytes: Vec<u8>,
    /// How many bytes the whole object has.
    pub size: u64,
    /// The object's ETag.
    pub etag: String,
}

/// What lies right below a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Below {
    /// Everything up to the next slash, that slash included.
    Folder(String),
    /// An object.
    Object {
        /// Its key.
        key: String,
        /// How many bytes it has.
        size: u64,
    },
}

/// How an object is put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put<'a> {
    /// Only where nothing has the key yet (`If-None-Match: *`); else `Kind::Condition`.
    pub only_new: bool,
    /// Only where the object still has this ETag (`If-Match`); else `Kind::Condition`.
    pub only_if: Option<&'a str>,
    /// Encrypt with this key of AWS KMS (id, ARN or alias).
    pub kms_key: Option<&'a str>,
    /// Its media type.
    pub content_type: &'a str,
}

/// Amazon S3. Buckets may be of any Region.
#[async_trait]
pub trait Objects: Send + Sync + Debug {
    /// `s3:GetObject`; `Ok(None)` where the object still has the ETag `known`. A missing object is `Kind::NotFound`.
    async fn get(&self, bucket: &str, key: &str, known: Option<&str>) -> Result<Option<Object>>;

    /// `s3:PutObject`; the new ETag.
    async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>, how: &Put<'_>) -> Result<String>;

    /// `s3:ListBucket`: keys below a prefix, in order.
    async fn list(&self, bucket: &str, prefix: &str, next: Option<String>) -> Result<Page<String>>;

    /// `s3:GetObject` of so many bytes from `start` on, of which there must be one; only where the object has the ETag
    /// `only_if`, else `Kind::Condition`, so that pieces are of one object.
    async fn part(&self, bucket: &str, key: &str, start: u64, length: u64, only_if: Option<&str>) -> Result<Part>;

    /// `s3:ListBucket`: what lies below a prefix; right below it alone, with folders for the rest, if `folders`.
    async fn below(&self, bucket: &str, prefix: &str, folders: bool, next: Option<String>) -> Result<Page<Below>>;

    /// `s3:DeleteObject`
    async fn delete(&self, bucket: &str, key: &str) -> Result<()>;
}

/// The SSM parameter store.
#[async_trait]
pub trait Parameters: Send + Sync + Debug {
    /// `ssm:GetParameter`, decrypted; the version stands for the ETag.
    async fn get(&self, name: &str) -> Result<Object>;
}

/// A notice as it is published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// At most 100 printable ASCII characters.
    pub subject: String,
    /// What people read.
    pub text: String,
    /// What machines read, as JSON; subscribers of the protocols sqs, lambda and http(s) get it.
    pub json: String,
    /// Message attributes for filter policies.
    pub attributes: BTreeMap<String, String>,
}

/// Amazon SNS.
#[async_trait]
pub trait Topics: Send + Sync + Debug {
    /// `sns:Publish`; the message's id. All of a notice is at most 256 KB.
    async fn publish(&self, topic: &str, notice: &Notice) -> Result<String>;
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// CloudWatch's unit: `Count`, `Seconds`, `Percent`, …
    pub unit: &'static str,
    /// Its dimensions, at most 30.
    pub dimensions: Vec<(String, String)>,
    /// When.
    pub at: Timestamp,
}

/// Amazon CloudWatch.
#[async_trait]
pub trait Metrics: Send + Sync + Debug {
    /// `cloudwatch:PutMetricData`, up to 1,000 values.
    async fn put(&self, namespace: &str, metrics: &[Metric]) -> Result<()>;
}

/// A value in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datum {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
}

/// An item of a table: its attributes. The key is the text attribute `pk`; `expires` is the TTL attribute, in Unix seconds.
pub type Item = BTreeMap<String, Datum>;

/// What must hold for a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Conditional {
    /// Nothing.
    #[default]
    Always,
    /// No item has the key.
    New,
    /// The item has this version in its attribute `version`.
    Version(i64),
}

/// A DynamoDB table with the string hash key `pk`.
#[async_trait]
pub trait Table: Send + Sync + Debug {
    /// `dynamodb:GetItem`, consistent.
    async fn get(&self, key: &str) -> Result<Option<Item>>;

    /// `dynamodb:PutItem`; `Kind::Condition` where the condition does not hold.
    async fn put(&self, item: &Item, only: &Conditional) -> Result<()>;

    /// `dynamodb:DeleteItem`
    async fn delete(&self, key: &str) -> Result<()>;

    /// `dynamodb:Scan` of items whose key begins with `prefix`.
    async fn scan(&self, prefix: &str, next: Option<String>) -> Result<Page<Item>>;
}
