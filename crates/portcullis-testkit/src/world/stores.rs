//! What Portcullis writes to and reads from besides EC2: S3, SNS, SSM, DynamoDB, CloudWatch, KMS.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::World;
use crate::http::{Message, encode};
use crate::xml::Element;

/// How the names of topics and queues end that keep the order.
const FIFO: &str = ".fifo";

/// A queue that gets what is published to a topic.
#[derive(Debug, Clone)]
pub struct Inbox {
    url: String,
}

impl World {
    /// A bucket whose name ends in the account's id, for the names are everybody's; its name.
    #[must_use]
    pub fn bucket(&self, name: &str) -> String {
        let bucket = format!("{name}-{}", self.account());
        let place = format!(
            "<CreateBucketConfiguration><LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
            self.region()
        );
        // S3's oldest Region is the one that cannot be named.
        let body = if self.region() == "us-east-1" { "" } else { place.as_str() };
        self.s3("PUT", &format!("/{bucket}"), &[], body.as_bytes());
        bucket
    }

    /// Puts an object.
    pub fn put_object(&self, bucket: &str, key: &str, body: &[u8]) {
        self.s3("PUT", &path(bucket, key), &[], body);
    }

    /// An object's bytes; `None` where it is not there.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let answer = self.send("s3", "GET", &path(bucket, key), &[], &[]);
        (answer.status() == 200).then_some(answer.body)
    }

    /// A header of an object, e.g. `x-amz-server-side-encryption-aws-kms-key-id`.
    #[must_use]
    pub fn object_header(&self, bucket: &str, key: &str, header: &str) -> Option<String> {
        self.send("s3", "HEAD", &path(bucket, key), &[], &[]).header(header).map(str::to_owned)
    }

    /// The keys below a prefix, sorted; at most 1,000.
    #[must_use]
    pub fn objects(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let answer = self.s3("GET", &format!("/{bucket}?list-type=2&prefix={}", encode(prefix)), &[], &[]);
        let root = Element::parse(&answer.text());
        root.children.iter().filter(|c| c.name == "Contents").map(|c| c.at("Key").to_owned()).collect()
    }

    /// Deletes an object.
    pub fn delete_object(&self, bucket: &str, key: &str) {
        self.s3("DELETE", &path(bucket, key), &[], &[]);
    }

    fn s3(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
        let answer = self.send("s3", method, path, headers, body);
        assert!(answer.status() < 300, "s3 {method} {path}: {}", answer.text());
        answer
    }

    /// A topic, one that keeps the order if its name ends in `.fifo`; its ARN.
    #[must_use]
    pub fn topic(&self, name: &str) -> String {
        let ordered = [("Attributes.entry.1.key", "FifoTopic"), ("Attributes.entry.1.value", "true")];
        let ordered = if name.ends_with(FIFO) { &ordered[..] } else { &[] };
        self.query("sns", "CreateTopic", &[&[("Name", name)], ordered].concat())
            .find("TopicArn")
            .map_or_else(String::new, |e| e.text.clone())
    }

    /// A queue that gets the topic's messages as they were published, without SNS's envelope.
    #[must_use]
    pub fn inbox(&self, topic: &str) -> Inbox {
        let name = topic.rsplit(':').next().unwrap_or_default();
        let (name, attributes) = match name.strip_suffix(FIFO) {
            Some(name) => (format!("{name}-inbox{FIFO}"), json!({ "FifoQueue": "true" })),
            None => (format!("{name}-inbox"), json!({})),
        };
        let asked = json!({ "QueueName": name, "Attributes": attributes });
        let queue = self.json("sqs", "AmazonSQS.CreateQueue", &asked);
        let url = queue.get("QueueUrl").and_then(Value::as_str).unwrap_or_default().to_owned();
        let arn = format!("arn:aws:sqs:{}:{}:{name}", self.region(), self.account());
        let raw = [("Attributes.entry.1.key", "RawMessageDelivery"), ("Attributes.entry.1.value", "true")];
        let to = [("TopicArn", topic), ("Protocol", "sqs"), ("Endpoint", &arn)];
        self.query("sns", "Subscribe", &[to.as_slice(), &raw].concat());
        Inbox { url }
    }

    /// The messages that are there, in no promised order, and takes them away.
    #[must_use]
    pub fn receive(&self, inbox: &Inbox) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            let ask = json!({ "QueueUrl": inbox.url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0 });
            let answer = self.json("sqs", "AmazonSQS.ReceiveMessage", &ask);
            let messages = answer.get("Messages").and_then(Value::as_array).cloned().unwrap_or_default();
            if messages.is_empty() {
                return found;
            }
            for message in messages {
                let field = |name| message.get(name).and_then(Value::as_str).unwrap_or_default();
                found.push(field("Body").to_owned());
                let done = json!({ "QueueUrl": inbox.url, "ReceiptHandle": field("ReceiptHandle") });
                self.json("sqs", "AmazonSQS.DeleteMessage", &done);
            }
        }
    }

    /// A parameter in the parameter store, written or overwritten.
    pub fn parameter(&self, name: &str, value: &str) {
        let body = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
        self.json("ssm", "AmazonSSM.PutParameter", &body);
    }

    /// A table whose hash key is the string `pk`.
    pub fn table(&self, name: &str) {
        let body = json!({
            "TableName": name,
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "BillingMode": "PAY_PER_REQUEST",
        });
        self.json("dynamodb", "DynamoDB_20120810.CreateTable", &body);
    }

    /// The table's items in DynamoDB's own notation (`{"pk": {"S": "…"}}`), in no promised order.
    #[must_use]
    pub fn items(&self, table: &str) -> Vec<Value> {
        let answer = self.json("dynamodb", "DynamoDB_20120810.Scan", &json!({ "TableName": table }));
        answer.get("Items").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// The metrics of a namespace: `Name{Dimension=Value,…}`, dimensions sorted, and the sum of what was put in the hour
    /// before and after now.
    #[must_use]
    pub fn metrics(&self, namespace: &str) -> BTreeMap<String, f64> {
        let call = |action: &str, body: &Value| {
            self.json("monitoring", &format!("GraniteServiceVersion20100801.{action}"), body)
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let listed = call("ListMetrics", &json!({ "Namespace": namespace }));
        let metrics = listed.get("Metrics").and_then(Value::as_array).cloned().unwrap_or_default();
        let named = metrics.into_iter().map(|metric| {
            let text = |value: &Value, field| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (name, dimensions) =
                (text(&metric, "MetricName"), metric.get("Dimensions").cloned().unwrap_or_default());
            let asked = call(
                "GetMetricStatistics",
                &json!({
                    "Namespace": namespace, "MetricName": name, "Dimensions": dimensions, "Statistics": ["Sum"],
                    "StartTime": now - 3600, "EndTime": now + 3600, "Period": 7200,
                }),
            );
            let points = asked.get("Datapoints").and_then(Value::as_array).cloned().unwrap_or_default();
            let sum = points.iter().filter_map(|p| p.get("Sum")).filter_map(Value::as_f64).sum();
            let pairs = dimensions.as_array().into_iter().flatten();
            let mut pairs: Vec<_> = pairs.map(|d| format!("{}={}", text(d, "Name"), text(d, "Value"))).collect();
            pairs.sort_unstable();
            (format!("{name}{{{}}}", pairs.join(",")), sum)
        });
        named.collect()
    }

    /// A symmetric key; its ARN.
    #[must_use]
    pub fn key(&self) -> String {
        let answer = self.json("kms", "TrentService.CreateKey", &json!({}));
        answer.pointer("/KeyMetadata/Arn").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

fn path(bucket: &str, key: &str) -> String {
    let key: Vec<_> = key.split('/').map(encode).collect();
    format!("/{bucket}/{}", key.join("/"))
}
