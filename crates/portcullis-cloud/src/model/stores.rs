//! S3, the parameter store, SNS, CloudWatch and DynamoDB in memory.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use async_trait::async_trait;

use super::{World, failure};
use crate::api::{
    Below, Conditional, Datum, Item, Metric, Metrics, Notice, Object, Objects, Page, Parameters, Part, Put, Table,
    Topics,
};
use crate::error::{Kind, Result};

/// What a notice may be at most, all of it (Amazon SNS, "Message data and metadata").
const NOTICE_BYTES: usize = 256 * 1024;
/// What one call of PutMetricData takes.
const METRICS_A_CALL: usize = 1000;

/// Services that are asked with the environment's own credentials.
#[derive(Clone, Debug)]
pub(super) struct Global(pub(super) World);

impl World {
    /// A call of the environment's own account begins.
    pub(super) async fn pass(&self, call: &'static str) -> Result<()> {
        self.count(&self.home_account, call);
        if self.meter.pass(&self.home_account, "", call).await {
            return Ok(());
        }
        Err(failure(Kind::Throttled, call, "ThrottlingException", "Rate exceeded"))
    }

    /// Adds a bucket without objects.
    pub fn add_bucket(&self, name: &str) {
        self.state().objects.entry(name.to_owned()).or_default();
    }

    /// The objects of a bucket by key, as they are.
    pub fn bucket(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let objects = state.objects.get(name).into_iter().flatten();
        objects.map(|(key, object)| (key.clone(), object.bytes.clone())).collect()
    }

    /// The key of AWS KMS that an object was put with.
    pub fn kms_key(&self, bucket: &str, key: &str) -> Option<String> {
        self.state().kms_keys.get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    /// Puts an object, past all conditions; makes the bucket if need be.
    pub fn put_object(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let object = Object { bytes: bytes.to_vec(), etag: etag(bytes) };
        self.state().objects.entry(bucket.to_owned()).or_default().insert(key.to_owned(), object);
    }

    /// Sets a parameter.
    pub fn put_parameter(&self, name: &str, text: &str) {
        let mut state = self.state();
        let parameter = state.parameters.entry(name.to_owned()).or_default();
        let version = parameter.etag.parse::<u64>().unwrap_or_default() + 1;
        *parameter = Object { bytes: text.as_bytes().to_vec(), etag: version.to_string() };
    }

    /// Adds a topic by its ARN.
    pub fn add_topic(&self, arn: &str) {
        self.state().topics.entry(arn.to_owned()).or_default();
    }

    /// What was published to a topic, in order.
    pub fn notices(&self, topic: &str) -> Vec<Notice> {
        self.state().topics.get(topic).cloned().unwrap_or_default()
    }

    /// What was put under a namespace, in order.
    pub fn metrics_of(&self, namespace: &str) -> Vec<Metric> {
        self.state().metrics.get(namespace).cloned().unwrap_or_default()
    }

    /// Adds a table without items.
    pub fn add_table(&self, name: &str) {
        self.state().tables.entry(name.to_owned()).or_default();
    }

    /// The items of a table by key.
    pub fn items(&self, table: &str) -> BTreeMap<String, Item> {
        self.state().tables.get(table).cloned().unwrap_or_default()
    }
}

/// A tag of the content: the same bytes have the same.
fn etag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("\"{:016x}{:08x}\"", hasher.finish(), bytes.len())
}

fn no_bucket(call: &'static str, bucket: &str) -> crate::error::Error {
    failure(Kind::NotFound, call, "NoSuchBucket", format!("the bucket {bucket} does not exist"))
}

#[async_trait]
impl Objects for Global {
    async fn get(&self, bucket: &str, key: &str, known: Option<&str>) -> Result<Option<Object>> {
        const CALL: &str = "s3:GetObject";
        self.0.pass(CALL).await?;
        let state = self.0.state();
        let objects = state.objects.get(bucket).ok_or_else(|| no_bucket(CALL, bucket))?;
        let missing = || failure(Kind::NotFound, CALL, "NoSuchKey", format!("there is no object {key} in {bucket}"));
        let object = objects.get(key).ok_or_else(missing)?;
        Ok(Some(object).filter(|object| Some(object.etag.as_str()) != known).cloned())
    }

    async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>, how: &Put<'_>) -> Result<String> {
        const CALL: &str = "s3:PutObject";
        self.0.pass(CALL).await?;
        let mut state = self.0.state();
        let objects = state.objects.get_mut(bucket).ok_or_else(|| no_bucket(CALL, bucket))?;
        let there = objects.get(key);
        let fits = match how.only_if {
            Some(etag) => there.is_some_and(|object| object.etag == etag),
            None => !(how.only_new && there.is_some()),
        };
        if !fits {
            let message = "At least one of the pre-conditions you specified did not hold";
            return Err(failure(Kind::Condition, CALL, "PreconditionFailed", message));
        }
        let object = Object { etag: etag(&bytes), bytes };
        let etag = object.etag.clone();
        objects.insert(key.to_owned(), object);
        let place = (bucket.to_owned(), key.to_owned());
        match how.kms_key {
            Some(kms_key) => state.kms_keys.insert(place, kms_key.to_owned()),
            None => state.kms_keys.remove(&place),
        };
        Ok(etag)
    }

    async fn list(&self, bucket: &str, prefix: &str, next: Option<String>) -> Result<Page<String>> {
        const CALL: &str = "s3:ListBucket";
        self.0.pass(CALL).await?;
        let keys: Vec<String> = {
            let state = self.0.state();
            let objects = state.objects.get(bucket).ok_or_else(|| no_bucket(CALL, bucket))?;
            objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
        };
        self.0.page_of(CALL, keys, next.as_deref())
    }

    async fn part(&self, bucket: &str, key: &str, start: u64, length: u64, only_if: Option<&str>) -> Result<Part> {
        const CALL: &str = "s3:GetObject";
        let Some(object) = Objects::get(self, bucket, key, None).await? else { return Ok(Part::default()) };
        if only_if.is_some_and(|etag| etag != object.etag) {
            let message = "At least one of the pre-conditions you specified did not hold";
            return Err(failure(Kind::Condition, CALL, "PreconditionFailed", message));
        }
        let size = object.bytes.len() as u64;
        let place = |number: u64| usize::try_from(number.min(size)).unwrap_or_default();
        let bytes = object.bytes.get(place(start)..place(start.saturating_add(length))).unwrap_or_default();
        if bytes.is_empty() {
            return Err(failure(Kind::Invalid, CALL, "InvalidRange", "The requested range is not satisfiable"));
        }
        Ok(Part { bytes: bytes.to_vec(), size, etag: object.etag })
    }

    async fn below(&self, bucket: &str, prefix: &str, folders: bool, next: Option<String>) -> Result<Page<Below>> {
        const CALL: &str = "s3:ListBucket";
        self.0.pass(CALL).await?;
        let mut found: Vec<Below> = {
            let state = self.0.state();
            let objects = state.objects.get(bucket).ok_or_else(|| no_bucket(CALL, bucket))?;
            let below = objects.iter().filter_map(|(key, object)| Some((key, key.strip_prefix(prefix)?, object)));
            below
                .map(|(key, rest, object)| match rest.split_once('/').filter(|_| folders) {
                    Some((folder, _)) => Below::Folder(format!("{prefix}{folder}/")),
                    None => Below::Object { key: key.clone(), size: object.bytes.len() as u64 },
                })
                .collect()
        };
        found.dedup();
        self.0.page_of(CALL, found, next.as_deref())
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<()> {
        const CALL: &str = "s3:DeleteObject";
        self.0.pass(CALL).await?;
        let mut state = self.0.state();
        let objects = state.objects.get_mut(bucket).ok_or_else(|| no_bucket(CALL, bucket))?;
        // S3 says yes whether there was such an object or not.
        objects.remove(key);
        Ok(())
    }
}

#[async_trait]
impl Parameters for Global {
    async fn get(&self, name: &str) -> Result<Object> {
        const CALL: &str = "ssm:GetParameter";
        self.0.pass(CALL).await?;
        let missing = || failure(Kind::NotFound, CALL, "ParameterNotFound", format!("there is no parameter {name}"));
        self.0.state().parameters.get(name).cloned().ok_or_else(missing)
    }
}

#[async_trait]
impl Topics for Global {
    async fn publish(&self, topic: &str, notice: &Notice) -> Result<String> {
        const CALL: &str = "sns:Publish";
        self.0.pass(CALL).await?;
        let attributes = notice.attributes.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        if notice.text.len() + notice.json.len() + attributes > NOTICE_BYTES {
            return Err(failure(Kind::Invalid, CALL, "InvalidParameter", "Invalid parameter: Message too long"));
        }
        let printable = |c: char| c.is_ascii_graphic() || c == ' ';
        if notice.subject.len() > 100 || !notice.subject.chars().all(printable) {
            return Err(failure(Kind::Invalid, CALL, "InvalidParameter", "Invalid parameter: Subject"));
        }
        let number = self.0.next_number();
        let mut state = self.0.state();
        let missing = || failure(Kind::NotFound, CALL, "NotFound", "Topic does not exist");
        state.topics.get_mut(topic).ok_or_else(missing)?.push(notice.clone());
        Ok(format!("message-{number}"))
    }
}

#[async_trait]
impl Metrics for Global {
    async fn put(&self, namespace: &str, metrics: &[Metric]) -> Result<()> {
        const CALL: &str = "cloudwatch:PutMetricData";
        self.0.pass(CALL).await?;
        if metrics.len() > METRICS_A_CALL || metrics.iter().any(|metric| metric.dimensions.len() > 30) {
            let message = "The collection MetricData must not have a size greater than 1000";
            return Err(failure(Kind::Invalid, CALL, "InvalidParameterValue", message));
        }
        self.0.state().metrics.entry(namespace.to_owned()).or_default().extend_from_slice(metrics);
        Ok(())
    }
}

/// A table as a client sees it.
#[derive(Clone, Debug)]
pub(super) struct TableClient {
    pub(super) world: World,
    pub(super) name: String,
}

impl TableClient {
    async fn with<T>(
        &self,
        call: &'static str,
        act: impl FnOnce(&mut BTreeMap<String, Item>) -> Result<T> + Send,
    ) -> Result<T> {
        self.world.pass(call).await?;
        let missing = || failure(Kind::NotFound, call, "ResourceNotFoundException", "Requested resource not found");
        act(self.world.state().tables.get_mut(&self.name).ok_or_else(missing)?)
    }
}

#[async_trait]
impl Table for TableClient {
    async fn get(&self, key: &str) -> Result<Option<Item>> {
        self.with("dynamodb:GetItem", |items| Ok(items.get(key).cloned())).await
    }

    async fn put(&self, item: &Item, only: &Conditional) -> Result<()> {
        const CALL: &str = "dynamodb:PutItem";
        self.with(CALL, |items| {
            let Some(Datum::Text(key)) = item.get("pk") else {
                let message = "One of the required keys was not given a value";
                return Err(failure(Kind::Invalid, CALL, "ValidationException", message));
            };
            let there = items.get(key);
            let holds = match only {
                Conditional::Always => true,
                Conditional::New => there.is_none(),
                Conditional::Version(version) => {
                    there.is_some_and(|item| item.get("version") == Some(&Datum::Number(*version)))
                }
            };
            if !holds {
                let message = "The conditional request failed";
                return Err(failure(Kind::Condition, CALL, "ConditionalCheckFailedException", message));
            }
            items.insert(key.clone(), item.clone());
            Ok(())
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.with("dynamodb:DeleteItem", |items| {
            items.remove(key);
            Ok(())
        })
        .await
    }

    async fn scan(&self, prefix: &str, next: Option<String>) -> Result<Page<Item>> {
        const CALL: &str = "dynamodb:Scan";
        let items: Vec<Item> = self
            .with(CALL, |items| {
                Ok(items.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, item)| item.clone()).collect())
            })
            .await?;
        self.world.page_of(CALL, items, next.as_deref())
    }
}
