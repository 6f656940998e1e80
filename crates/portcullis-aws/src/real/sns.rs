//! Amazon SNS.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sns::types::MessageAttributeValue;
use sha2::{Digest as _, Sha256};

use super::send::send;
use crate::api::{Notice, Topics};
use crate::calls::Call;
use crate::error::{Error, Kind, Result};

/// The protocols whose subscribers are machines.
const MACHINES: [&str; 4] = ["http", "https", "lambda", "sqs"];

/// How the name of a topic ends that keeps the order. Its messages need a group, and a mark that tells a repetition.
/// Source: SNS Developer Guide, "FIFO topics".
const FIFO: &str = ".fifo";

/// The topics of one Region.
#[derive(Debug)]
pub(super) struct Door {
    client: aws_sdk_sns::Client,
}

impl Door {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { client: aws_sdk_sns::Client::new(config) }
    }
}

#[async_trait]
impl Topics for Door {
    async fn publish(&self, topic: &str, notice: &Notice) -> Result<String> {
        let invalid = |text: String| Error::new(Kind::Invalid, Call::Publish.action(), text);
        let mut request = self
            .client
            .publish()
            .topic_arn(topic)
            .subject(&notice.subject)
            .message_structure("json")
            .message(message(notice));
        if topic.ends_with(FIFO) {
            request = request.message_group_id("portcullis").message_deduplication_id(fingerprint(notice));
        }
        for (name, value) in &notice.attributes {
            let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let attribute = attribute.map_err(|error| invalid(format!("attribute `{name}`: {error}")))?;
            request = request.message_attributes(name, attribute);
        }
        let answer = send!(Publish, request)?;
        Ok(answer.message_id.unwrap_or_default())
    }
}

/// One message for each protocol: text for people, JSON for machines.
fn message(notice: &Notice) -> String {
    let machines = MACHINES.iter().map(|protocol| (*protocol, notice.json.as_str()));
    let all = machines.chain([("default", notice.text.as_str())]);
    let all = all.map(|(protocol, text)| (protocol.to_owned(), serde_json::Value::from(text)));
    serde_json::Value::Object(all.collect()).to_string()
}

/// The same for the same notice: one that is sent again within five minutes arrives once.
fn fingerprint(notice: &Notice) -> String {
    let mut hash = Sha256::new();
    for part in [&notice.subject, &notice.text, &notice.json] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    format!("{:x}", hash.finalize())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn people_read_text_and_machines_json() {
        let json = r#"{"group_id":"sg-1"}"#.to_owned();
        let notice = Notice { text: "a \"group\"\nis open".to_owned(), json, ..Notice::default() };
        let message: serde_json::Value = serde_json::from_str(&message(&notice)).unwrap();
        assert_eq!(message.get("default").unwrap(), "a \"group\"\nis open");
        for protocol in ["http", "https", "lambda", "sqs"] {
            assert_eq!(message.get(protocol).unwrap(), r#"{"group_id":"sg-1"}"#, "{protocol}");
        }
    }
}
