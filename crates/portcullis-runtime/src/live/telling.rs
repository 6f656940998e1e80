//! Notices through Amazon SNS, metrics through Amazon CloudWatch.

use std::sync::Arc;

use portcullis_cloud::api::{self, Cloud};

use super::{Handle, told};
use crate::metrics::{Metric, MetricsSink};
use crate::notices::{Notice, Notifier};
use crate::ports::PortError;

/// A topic of Amazon SNS.
#[derive(Debug)]
pub struct LiveNotifier {
    topics: Arc<dyn api::Topics>,
    topic: String,
    handle: Handle,
}

impl LiveNotifier {
    /// The topic with this ARN, in its own Region.
    ///
    /// # Errors
    /// Where the text is no ARN of a topic, or no client can be made.
    pub fn open(cloud: &dyn Cloud, handle: Handle, topic: &str) -> Result<Self, PortError> {
        let parts: Vec<&str> = topic.splitn(6, ':').collect();
        let region = match parts.as_slice() {
            ["arn", _, "sns", region, account, name]
                if !region.is_empty() && account.len() == 12 && !name.is_empty() && !name.contains(':') =>
            {
                *region
            }
            _ => {
                let form = "arn:aws:sns:REGION:ACCOUNT:NAME";
                return Err(PortError(format!("`{topic}` is no topic: its ARN, `{form}`, is expected")));
            }
        };
        let topics = handle.block_on(cloud.topics(region)).map_err(told)?;
        Ok(Self { topics, topic: topic.to_owned(), handle })
    }
}

impl Notifier for LiveNotifier {
    fn publish(&self, notice: &Notice) -> Result<(), PortError> {
        let Notice { subject, text, json, attributes } = notice.clone();
        let notice = api::Notice { subject, text, json, attributes };
        self.handle.block_on(self.topics.publish(&self.topic, &notice)).map(drop).map_err(told)
    }
}

/// Metrics of the home Region.
#[derive(Debug)]
pub struct LiveMetrics {
    metrics: Arc<dyn api::Metrics>,
    handle: Handle,
}

impl LiveMetrics {
    /// There.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn open(cloud: &dyn Cloud, handle: Handle) -> Result<Self, PortError> {
        let metrics = handle.block_on(cloud.metrics(None)).map_err(told)?;
        Ok(Self { metrics, handle })
    }
}

impl MetricsSink for LiveMetrics {
    fn put(&self, namespace: &str, metrics: &[Metric]) -> Result<(), PortError> {
        let metrics: Vec<api::Metric> = metrics
            .iter()
            .map(|metric| {
                let Metric { name, value, unit, dimensions, at } = metric.clone();
                api::Metric { name, value, unit, dimensions, at }
            })
            .collect();
        self.handle.block_on(self.metrics.put(namespace, &metrics)).map_err(told)
    }
}
