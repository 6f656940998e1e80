//! The SSM parameter store.

use async_trait::async_trait;
use aws_config::SdkConfig;

use super::send::send;
use crate::api::{Object, Parameters};
use crate::calls::Call;
use crate::error::{Error, Kind, Result};

/// The parameters of one Region.
#[derive(Debug)]
pub(super) struct Door {
    client: aws_sdk_ssm::Client,
}

impl Door {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { client: aws_sdk_ssm::Client::new(config) }
    }
}

#[async_trait]
impl Parameters for Door {
    async fn get(&self, name: &str) -> Result<Object> {
        let answer = send!(GetParameter, self.client.get_parameter().name(name).with_decryption(true))?;
        let lacks = || Error::new(Kind::Answer, Call::GetParameter.action(), "the answer holds no value");
        let parameter = answer.parameter.ok_or_else(lacks)?;
        let bytes = parameter.value.ok_or_else(lacks)?.into_bytes();
        Ok(Object { bytes, etag: parameter.version.to_string() })
    }
}
