//! Amazon CloudWatch metrics.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use aws_smithy_types::DateTime;

use super::send::send;
use crate::api::{Metric, Metrics};
use crate::error::Result;

/// The metrics of one Region.
#[derive(Debug)]
pub(super) struct Door {
    client: aws_sdk_cloudwatch::Client,
}

impl Door {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { client: aws_sdk_cloudwatch::Client::new(config) }
    }
}

#[async_trait]
impl Metrics for Door {
    async fn put(&self, namespace: &str, metrics: &[Metric]) -> Result<()> {
        let data = metrics.iter().map(datum).collect();
        let request = self.client.put_metric_data().namespace(namespace).set_metric_data(Some(data));
        send!(PutMetricData, request).map(drop)
    }
}

fn datum(metric: &Metric) -> MetricDatum {
    let dimension = |(name, value): &(String, String)| Dimension::builder().name(name).value(value).build();
    MetricDatum::builder()
        .metric_name(&metric.name)
        .value(metric.value)
        .unit(StandardUnit::from(metric.unit))
        .set_dimensions(Some(metric.dimensions.iter().map(dimension).collect()))
        .timestamp(DateTime::from_millis(metric.at.as_millisecond()))
        .build()
}
