//! The one place from which requests leave.

use aws_sdk_ec2::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::ConfigBag;

use crate::calls::Call;

/// Sends a request as a [`Call`], and answers with the SDK's own error.
macro_rules! ask {
    ($call:ident, $request:expr) => {
        $request.customize().interceptor(crate::real::send::Announced(crate::calls::Call::$call)).send().await
    };
}

/// Sends a request as a [`Call`], and answers with our error.
macro_rules! send {
    ($call:ident, $request:expr) => {
        crate::real::send::ask!($call, $request)
            .map_err(|error| crate::real::errors::failure(crate::calls::Call::$call, &error))
    };
}

/// Sends a request as a [`Call`] to a service of one Region, which may not be enabled.
macro_rules! send_in_region {
    ($sessions:expr, $call:ident, $request:expr) => {
        match crate::real::send::send!($call, $request) {
            Ok(answer) => Ok(answer),
            Err(error) => Err($sessions.about_region(error).await),
        }
    };
}

pub(super) use {ask, send, send_in_region};

/// Refuses a request that is not the call which it was announced as, before anything is sent.
#[derive(Debug)]
pub(super) struct Announced(pub(super) Call);

impl Intercept for Announced {
    fn name(&self) -> &'static str {
        "Announced"
    }

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (service, operation) = self.0.operation();
        match config.load::<Metadata>() {
            Some(sent) if sent.service() == service && sent.name() == operation => Ok(()),
            Some(sent) => {
                Err(format!("`{} {}` was announced as `{}`", sent.service(), sent.name(), self.0.action()).into())
            }
            None => Err(format!("a request announced as `{}` has no name", self.0.action()).into()),
        }
    }
}
