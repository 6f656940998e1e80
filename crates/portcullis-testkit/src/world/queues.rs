//! Queues that Portcullis watches, and users that it may block.

use serde_json::{Value, json};

use super::World;

impl World {
    /// A queue; its URL. What is received and not deleted is hidden for ten minutes.
    #[must_use]
    pub fn queue(&self, name: &str) -> String {
        let body = json!({ "QueueName": name, "Attributes": { "VisibilityTimeout": "600" } });
        let made = self.json("sqs", "AmazonSQS.CreateQueue", &body);
        made.get("QueueUrl").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Sends a message.
    pub fn send_message(&self, queue: &str, body: &str) {
        self.json("sqs", "AmazonSQS.SendMessage", &json!({ "QueueUrl": queue, "MessageBody": body }));
    }

    /// How many messages there are, hidden ones included.
    #[must_use]
    pub fn waiting(&self, queue: &str) -> u64 {
        let ask = json!({ "QueueUrl": queue, "AttributeNames": ["All"] });
        let answer = self.json("sqs", "AmazonSQS.GetQueueAttributes", &ask);
        let count = |name: &str| {
            let text = answer.pointer(&format!("/Attributes/{name}")).and_then(Value::as_str);
            text.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default()
        };
        count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible")
    }

    /// A user of IAM; its ARN.
    #[must_use]
    pub fn user(&self, name: &str) -> String {
        let answer = self.query("iam", "CreateUser", &[("UserName", name)]);
        answer.find("Arn").map_or_else(String::new, |arn| arn.text.clone())
    }

    /// The names of a user's inline policies.
    #[must_use]
    pub fn user_policies(&self, name: &str) -> Vec<String> {
        let answer = self.query("iam", "ListUserPolicies", &[("UserName", name)]);
        let names = answer.find("PolicyNames");
        names.map(|names| names.children.iter().map(|name| name.text.clone()).collect()).unwrap_or_default()
    }
}
